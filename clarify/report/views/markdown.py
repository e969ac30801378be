"""Markdown that names from outside cannot bend: words escaped, names in code spans, links where they can be opened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import quote

from clarify.report.names import clean, without_secrets
from clarify.report.words import Sentence

LONGEST_DIGEST = 80
_SPECIAL = frozenset("\\`*_[]<>#|~@!")
# A parenthesis or an angle ends a link's address, and a backslash escapes one.
_IN_ADDRESS = "/:?&=#%+,;@!$'*~.-_"


def to_markdown(sentence: Sentence) -> str:
    """Our words escaped, names as code spans, stress as bold."""
    return "".join(_TO_MARKDOWN[part.kind](part.text) for part in sentence)


def escape(text: str) -> str:
    """Text with everything escaped that could start a mark, a link, a mention or a cell."""
    return "".join(f"\\{c}" if c in _SPECIAL else c for c in text)


def code_span(name: str) -> str:
    """A cleaned name where Markdown cannot read it: fenced by more backticks than it holds, without a pipe.

    Examples
    --------
    >>> code_span("a`b|c")
    '``a`b¦c``'
    """
    text = name.replace("|", "¦")
    fence = "`" * (_longest_run(text) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def bold(text: str) -> str:
    """Our own words, stressed."""
    return f"**{escape(text)}**"


_TO_MARKDOWN: dict[str, Callable[[str], str]] = {"text": escape, "name": code_span, "strong": bold}


def digest_span(text: str) -> str:
    """A digest, or what a document says is one."""
    return code_span(clean(text, longest=LONGEST_DIGEST))


def link(words: str, uri: str) -> str:
    """A link where a browser can follow it, that is by HTTP; any other place as a code span to be copied.

    Examples
    --------
    >>> link("report", "https://host/a(b).html"), link("report", "/tmp/report.html")
    ('[report](https://host/a%28b%29.html)', 'report: `/tmp/report.html`')
    """
    shown = without_secrets(uri)
    if uri.startswith(("https://", "http://")):
        # The part after # stays: a single-page site keeps its address there. A query may hold a signature.
        _, hash_mark, place = uri.partition("#")
        return f"[{escape(words)}]({quote(shown + hash_mark + place, safe=_IN_ADDRESS)})"
    return f"{escape(words)}: {code_span(clean(shown, longest=500))}"


def listed(title: str, sentences: Sequence[Sentence]) -> tuple[str, ...]:
    """A heading and its bullets; nothing for no sentence."""
    if not sentences:
        return ()
    return f"## {title}", "\n".join(f"- {to_markdown(sentence)}" for sentence in sentences)


def fenced(lines: Sequence[str]) -> tuple[str, ...]:
    """Lines kept as they are, in a fence longer than any run of backticks in them; nothing for no line."""
    if not lines:
        return ()
    text = "\n".join(lines)
    fence = "`" * max(3, _longest_run(text) + 1)
    return (f"{fence}\n{text}\n{fence}",)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells that are Markdown already; a line end in a cell would end the table, so it becomes a space."""
    lines = (head, ["---"] * len(head), *rows)
    return "\n".join(f"| {' | '.join(' '.join(cell.split()) for cell in line)} |" for line in lines)


def _longest_run(text: str) -> int:
    runs = "".join(c if c == "`" else " " for c in text).split()
    return max(map(len, runs), default=0)
