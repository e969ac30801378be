"""Names from outside made harmless to look at: printable, of bounded length, still distinguishable."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import SplitResult, urlsplit, urlunsplit

LONGEST_NAME = 60
LONGEST_DETAIL = 300
SHOWN_EMPTY = "(empty)"

# Bidirectional controls reorder the text around them; the other format characters hide or join letters.
_UNPRINTABLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_JOINERS = {"\N{ZERO WIDTH JOINER}", "\N{ZERO WIDTH NON-JOINER}"}
# Letters and symbols that are drawn as nothing: two names that differ only in these would look alike.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_MARKS = {"Mn", "Me"}
_MOST_MARKS = 3


@dataclass(frozen=True)
class Names:
    """What each raw name is called in one report; names that would look alike carry a number."""

    shown: Mapping[str, str]

    def __getitem__(self, raw: str) -> str:
        return self.shown.get(raw) or clean(raw)


def name_all(raw_names: Iterable[str], *, longest: int = LONGEST_NAME) -> Names:
    """Clean every name once; of two that come out equal, the later one ends in ``#2``.

    Examples
    --------
    >>> list(name_all(["age", "a\\x00ge", "a\\x01ge"]).shown.values())
    ['age', 'a\ufffdge', 'a\ufffdge #2']
    """
    taken: set[str] = set()
    counts: dict[str, int] = {}          # thousands of names may be clipped to the same one
    shown: dict[str, str] = {}
    for raw in dict.fromkeys(raw_names):
        cleaned = clean(raw, longest=longest)
        name, count = cleaned, counts.get(cleaned, 1)
        while name in taken:
            count += 1
            name = f"{cleaned} #{count}"
        counts[cleaned] = count
        taken.add(name)
        shown[raw] = name
    return Names(MappingProxyType(shown))


def clean(raw: str, *, longest: int = LONGEST_NAME) -> str:
    """One printable line of at most ``longest`` characters; an empty name is said to be empty."""
    # Four times the length is enough to fill the line after marks are dropped, and bounds the work.
    letters = "".join(_bounded_marks(_printable(c) for c in raw[: 4 * longest]))
    line = " ".join(letters.split()) or SHOWN_EMPTY
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def _printable(character: str) -> str:
    if character.isspace():
        return " "
    is_unprintable = unicodedata.category(character) in _UNPRINTABLE and character not in _JOINERS
    if is_unprintable or character in _INVISIBLE:
        return "\N{REPLACEMENT CHARACTER}"
    return character


def _bounded_marks(characters: Iterable[str]) -> Iterable[str]:
    """Keep a few combining marks per letter; hundreds of them would paint over the lines above."""
    marks = 0
    for character in characters:
        marks = marks + 1 if unicodedata.category(character) in _MARKS else 0
        if marks <= _MOST_MARKS:
            yield character


def without_secrets(uri: str) -> str:
    """The URI without user name, password, query and fragment: that is where signatures and tokens sit.

    Examples
    --------
    >>> without_secrets("https://me:pw@bucket.example/a.csv?X-Signature=abc")
    'https://bucket.example/a.csv'
    """
    if "://" not in uri:
        return uri
    scheme, rest = uri.split("://", 1)
    if scheme == "file":
        return uri
    parts = _split(f"{scheme}://{rest}")
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _split(uri: str) -> SplitResult:
    try:
        return urlsplit(uri)
    except ValueError:                      # an unclosed bracket in the host: keep the scheme only
        return SplitResult(uri.split("://", 1)[0], "", "", "", "")
