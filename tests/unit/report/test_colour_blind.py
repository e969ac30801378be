"""Verdicts and groups for readers who see colours otherwise: apart by light or hue, and by shape in any case."""

import re
from itertools import combinations

import numpy as np
import pytest

from clarify.report.html import render_report
from clarify.results import Verdict
from tests.browser.pages import judged_result
from tests.unit.report.report_examples import example_provenance
from tests.unit.report.style_sheets import SCHEMES, linear, sheets, tokens

# Machado, Oliveira and Fernandes 2009, A Physiologically-based Model for Simulation of Color Vision Deficiency,
# severity 1.0; they act on amounts of light.
SIMULATED = {
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
TO_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
WHITE = (0.95047, 1.0, 1.08883)
NOTICED = 20                      # CIE 1976; about 2 can be noticed side by side
CHIPS = {"pass": "pass-tint", "violation": "violation", "inconclusive": "inconclusive-tint"}


def lab(shown, sight):
    """L, a, b of a colour as someone with this sight sees it."""
    light = np.clip(np.array(SIMULATED[sight]) @ np.array(linear(shown)), 0, 1)
    x, y, z = np.array(TO_XYZ) @ light / np.array(WHITE)
    fx, fy, fz = (t ** (1 / 3) if t > (6 / 29) ** 3 else t / (3 * (6 / 29) ** 2) + 4 / 29 for t in (x, y, z))
    return np.array((116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)))


def distance(first, second, sight):
    return float(np.linalg.norm(lab(first, sight) - lab(second, sight)))


@pytest.mark.parametrize("sight", SIMULATED)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_two_chips_differ_in_their_box_or_in_their_letters(scheme, sight):
    """Twice what is asked of groups: a chip is read at a glance."""
    found = tokens(scheme)

    near = {
        pair: (box, letters) for pair in combinations(CHIPS, 2)
        if max(box := distance(*(found[CHIPS[state]] for state in pair), sight),
               letters := distance(*(found[ink(state)] for state in pair), sight)) < 2 * NOTICED
    }  # fmt: skip

    assert near == {}


def ink(state):
    """The token of a chip's letters and border: of a filled one the page's own colour."""
    return "bg" if state == "violation" else state


@pytest.mark.parametrize("sight", SIMULATED)
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("pair", [("d", "a"), ("low", "high"), ("pass", "violation"), ("pass", "inconclusive")])
def test_two_colours_that_are_compared_differ(scheme, sight, pair):
    """Outside and undecided are not among them: in deuteranopia their marks differ by shape alone."""
    first, second = (tokens(scheme)[token] for token in pair)

    assert distance(first, second, sight) > NOTICED


def test_chips_differ_in_border_and_filling_without_any_colour():
    (whole,) = re.findall(r"\.chip\{([^}]*)\}\n\.chip\.undefined", sheets())
    rules = {state: re.findall(rf"\n\.chip\.{state}\{{([^}}]*)\}}", sheets())[0] for state in CHIPS}

    assert "border:1px solid" in whole
    assert {state: "border-style:dashed" in rule for state, rule in rules.items()} == {
        "pass": False, "violation": False, "inconclusive": True
    }
    assert "color:var(--bg);background:var(--violation)" in rules["violation"]      # filled, the other two are not
    assert all(f"color:var(--{state});background:var(--{state}-tint)" in rules[state]
               for state in ("pass", "inconclusive"))  # fmt: skip


def test_verdicts_have_marks_icons_and_words_of_their_own():
    page = render_report(judged_result(), example_provenance())

    marks = {state: shape(page, state) for state in CHIPS}
    icons = {state: re.search(rf'<symbol id="i-{state}"[^>]*>(.*?)</symbol>', page)[1] for state in CHIPS}
    words = {state: re.search(rf'class="chip {state}">.*?</svg>(\w+)<', page)[1] for state in CHIPS}

    assert marks == {"pass": "circle, filled", "violation": "triangle, filled", "inconclusive": "circle, open"}
    assert len(set(icons.values())) == 3
    assert words == {verdict.lower(): verdict.value for verdict in Verdict}


def shape(page, state):
    (drawn, *_) = re.findall(rf'<path class="mark {state} halo" d="([^"]*)"', page)
    opened = f".mark.{state}.halo{{fill:var(--bg)" in sheets()
    return ("circle" if "a4.2" in drawn else "triangle") + (", open" if opened else ", filled")


def test_the_two_groups_have_marks_of_their_own():
    page = render_report(judged_result(), example_provenance())

    assert re.findall(r'<(\w+) class="fill d halo"', page) == ["circle"] * page.count('"fill d halo"')
    assert set(re.findall(r'<(\w+) class="fill a halo"', page)) == {"rect"}
    assert ".dot.d{background:var(--d);border-radius:50%}" in sheets()
    assert ".dot.a{background:var(--a)}" in sheets()
