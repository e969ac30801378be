"""Verdicts and groups for readers who see colours otherwise: apart by light or hue, and by shape in any case."""

import re
from itertools import combinations

import numpy as np
import pytest

from clarify.bias.contingency import ContingencyTable
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
