"""Contrast of every token, from the style sheets by the WCAG formula: text 4.5, marks and edges 3, both schemes."""

import re

import pytest

from tests.unit.report.style_sheets import SCHEMES, colour, contrast, mixed, sheets, tokens

VERDICTS = {"pass", "violation", "inconclusive"}
TEXT = {("bg", token) for token in ("ink", "muted", "link", *VERDICTS)} | {
    ("sub", "ink"), ("sub", "muted"), ("sub", "link"),        # every second row of a table of values
    ("band", "ink"),                                          # the word above the forest's bands
    ("pass-tint", "pass"), ("inconclusive-tint", "inconclusive"), ("violation", "bg"), ("ink", "bg"),       # chips
}  # fmt: skip
MARKS = {("bg", token) for token in ("axis", "edge", "mark", "d", "a", "low", "lower", "middle", "higher", "high")} | {
    ("band", token) for token in ("edge", "mark", "axis", *VERDICTS)
}  # fmt: skip
DECORATIVE = {"rule"}


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("pairs", "least"), [(TEXT, 4.5), (MARKS, 3.0)], ids=["text", "marks"])
def test_what_is_drawn_stands_out_from_what_is_under_it(scheme, pairs, least):
    found = tokens(scheme)

    low = {f"{over} on {under}": round(contrast(found[over], found[under]), 2) for under, over in pairs
           if contrast(found[over], found[under]) < least}  # fmt: skip

    assert low == {}


def test_every_token_is_tested_or_decoration():
    known = {token for pair in TEXT | MARKS for token in pair}

    assert set(tokens("light")) - known == DECORATIVE
    assert set(tokens("dark")) == set(tokens("light"))


def test_forced_colours_replace_every_token():
    """Replaced where it is declared, a colour cannot come back by a rule that is more particular."""
    (forced,) = re.findall(r"@media \(forced-colors:active\)\{:root\{(.*?)\}", sheets())

    assert dict(re.findall(r"--([\w-]+):(\w+)", forced)).keys() == tokens("light").keys()
    assert set(re.findall(r"--[\w-]+:([^;]+)", forced)) == {"Canvas", "CanvasText", "LinkText", "GrayText"}


def test_no_rule_brings_a_colour_of_its_own():
    """Outside of the tokens there is one: what a page has in its margin on paper, where a token cannot be read."""
    rules = re.sub(r":root\{.*?\}", "", sheets())

    literal = set(re.findall(r"#(?:[0-9a-f]{6}|[0-9a-f]{3})\b", rules))

    assert literal == {"#565e68"}
    assert contrast(colour("#565e68"), colour("#fff")) >= 4.5


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("under", ["bg", "band"])
def test_a_bar_that_lets_what_is_under_it_through_can_still_be_seen(scheme, under):
    """Of bars: the spread of a feature's curves is a surface, and its table has the numbers."""
    found = tokens(scheme)
    opacities = [float(text) for text in re.findall(r"\.bar\.thin[^{]*\{[^}]*stroke-opacity:([.\d]+)", sheets())]

    seen = {
        (token, opacity): contrast(mixed(found[token], found[under], opacity), found[under])
        for opacity in opacities for token in ("mark", *VERDICTS)
    }  # fmt: skip

    assert opacities
    assert {pair: ratio for pair, ratio in seen.items() if ratio < 3} == {}
