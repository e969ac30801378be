"""Whoever reads the forest of an open page by its drawings reads the verdicts and numbers of the result."""

import math
import re
from functools import cache

import pytest

from tests.browser.pages import judged_result
from tests.browser.questions import FOREST_ROWS
from tests.subjects.large_result import large_result

RESULTS = {"judged": judged_result, "large": large_result}


def limits_of(row):
    """Where the allowed range ends in the drawing: a side without a line has no limit."""
    edges = [float(x) for x in re.findall(r"M([\d.]+) 1V23", row["edge"])]
    left, right = (float(x) for x in re.match(r"M([\d.]+) 2H([\d.]+)V22", row["band"]).groups())
    return left if left in edges else -math.inf, right if right in edges else math.inf


def read(row):
    """PASS, VIOLATION or INCONCLUSIVE by the thin bar and the band alone."""
    left, right = limits_of(row)
    start, end = (float(x) for x in re.match(r"M([\d.]+) 12H([\d.]+)", row["deciding"]).groups())
    if end < left or start > right:
        return "VIOLATION"
    return "PASS" if left < start and end < right else "INCONCLUSIVE"


def number(text):
    return float(text.replace("\N{MINUS SIGN}", "-").replace(",", ""))


def decimals(text):
    return len(text.partition(".")[2])


@cache
def checked(name):
    """Every check of a result, with the metric that it is about."""
    result = RESULTS[name]()
    sections = {"pre_training": result.pre_training, "post_training": result.post_training}
    metrics = {
        (stage, facet.facet, facet.value_or_threshold, metric.name): metric
        for stage, section in sections.items() for facet in section.facets for metric in facet.metrics
    }  # fmt: skip
    return [(j, metrics[j.stage, j.facet, j.value_or_threshold, j.metric]) for j in result.verdicts.judgements]


@pytest.fixture(params=RESULTS)
def rows(request, open_page):
    """Rows that are shown, each with the judgement and the metric it is about."""
    shown = open_page(request.param).page.evaluate(FOREST_ROWS)
    found = checked(request.param)
    return [(row, *one) for row in shown for one in found
            if one[0].metric == row["acronym"] and re.match(group_of(one[0]), row["group"])]  # fmt: skip


def group_of(judgement):
    """How the head of a group begins: ``facet = value,`` or ``facet in (18, 25],``."""
    return f"{re.escape(judgement.facet)} (= |in )?{re.escape(judgement.value_or_threshold)},"


def test_every_row_is_about_one_check(rows):
    assert len(rows) == len({(row["group"], row["acronym"]) for row, _, _ in rows}) == 12


def test_the_thin_bar_and_the_band_say_what_the_chip_says(rows):
    parted = [(row["group"], row["acronym"], read(row), row["word"]) for row, _, _ in rows if read(row) != row["word"]]

    assert parted == []


def test_the_chip_says_the_verdict_of_the_result(rows):
    assert [row["word"] for row, _, _ in rows] == [judgement.verdict for _, judgement, _ in rows]


def test_the_value_is_that_of_the_result_to_its_decimals(rows):
    off = [(row["value"], metric.value) for row, _, metric in rows
           if abs(number(row["value"]) - metric.value) > 0.5 * 10.0 ** -decimals(row["value"]) + 1e-12]  # fmt: skip

    assert off == []
    assert min(decimals(row["value"]) for row, _, _ in rows) >= 2


def test_the_interval_is_that_of_the_result_to_its_decimals(rows):
    for row, _, metric in rows:
        texts = re.findall(r"[−\d][\d.,]*", row["interval"])
        for text, limit in zip(texts, (metric.interval.low, metric.interval.high), strict=True):
            assert abs(number(text) - limit) <= 0.5 * 10.0 ** -decimals(text) + 1e-12, row


def test_no_value_is_rounded_across_an_edge(rows):
    for row, judgement, metric in rows:
        for edge in (judgement.evidence.low, judgement.evidence.high):
            if edge is not None:
                assert side(number(row["value"]), edge) == side(metric.value, edge), row


def side(value, edge):
    return (value > edge) - (value < edge)
