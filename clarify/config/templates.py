"""Request templates of a predictor as AWS writes them: JSON text with placeholders, cut into its parts once.

The notation is that of Python's ``string.Template``, which AWS uses: ``$features`` or ``${features}`` is a placeholder
and ``$$`` is a dollar sign. Beyond it a feature's own placeholder may hold any name and be quoted, ``"${Marital
Status}"``, and then the quotes belong to the placeholder: the value of a number comes out without them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

LONGEST_TEMPLATE = 20_000

FEATURES, FEATURE_NAMES, FEATURES_KVP = "features", "feature_names", "features_kvp"
RECORD, RECORDS = "record", "records"
WORDS = (FEATURES, FEATURE_NAMES, FEATURES_KVP, RECORD, RECORDS)

_DOLLAR = re.compile(
    r'\$(?P<escaped>\$)|"\$\{(?P<quoted>(?:[^"}]|\}(?!"))+)\}"|\$\{(?P<braced>[^}]+)\}|\$(?P<word>[_a-zA-Z][_a-zA-Z0-9]*)'
    r"|(?P<lone>\$)"
)


@dataclass(frozen=True)
class Placeholder:
    """A gap of a template: one of ``WORDS``, or the value of the feature it names."""

    name: str
    is_feature: bool


@dataclass(frozen=True)
class Template:
    """A template as text and gaps in turn: ``literals`` has one more item than ``gaps``."""

    text: str
    literals: tuple[str, ...]
    gaps: tuple[Placeholder, ...]
    lone_dollars: int = 0                    # signs that begin nothing; kept in the literals as they are

    def count(self, word: str) -> int:
        """How often one of ``WORDS`` occurs."""
        return sum(not gap.is_feature and gap.name == word for gap in self.gaps)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features that have placeholders of their own, each once, in order."""
        return tuple(dict.fromkeys(gap.name for gap in self.gaps if gap.is_feature))

    def filled(self, words: Mapping[str, str], feature: str) -> str:
        """The text with every gap filled: a word by its value, or by nothing, a feature by ``feature``."""
        values = [feature if gap.is_feature else words.get(gap.name, "") for gap in self.gaps]
        pairs = zip(self.literals, [*values, ""], strict=True)
        return "".join(literal + value for literal, value in pairs)


def template_text(template: str | Mapping[str, str]) -> str:
    """A template that was given as an object, as the text it stands for.

    A value that holds a placeholder is JSON with gaps; any other is a string of the request:
    ``{"instances": "$records", "name": "m"}`` is ``{"instances": $records, "name": "m"}``.
    """
    if isinstance(template, str):
        return template
    items = (f"{_escaped(key)}: {value if parse_template(value).gaps else _escaped(value)}"
             for key, value in template.items())
    return "{" + ", ".join(items) + "}"


def parse_template(text: str) -> Template:
    """Cut a template into its parts; what the parts may be is checked elsewhere.

    Examples
    --------
    >>> parse_template('{"a": "${Age}", "b": $features}').gaps
    (Placeholder(name='Age', is_feature=True), Placeholder(name='features', is_feature=False))
    """
    literals, gaps, lone, end = [""], [], 0, 0
    for found in _DOLLAR.finditer(text):
        literals[-1] += text[end : found.start()]
        end = found.end()
        if found["escaped"] or found["lone"]:
            lone += found["lone"] is not None
            literals[-1] += "$"
            continue
        name = found["quoted"] or found["braced"] or found["word"]
        is_word = found["quoted"] is None and (found["word"] is not None or name in WORDS)
        gaps.append(Placeholder(name, not is_word))
        literals.append("")
    literals[-1] += text[end:]
    return Template(text, tuple(literals), tuple(gaps), lone)


def _escaped(text: str) -> str:
    """Text as a JSON string whose dollar signs begin no placeholder."""
    return json.dumps(text, ensure_ascii=False).replace("$", "$$")
