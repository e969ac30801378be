"""Who is named changes the side of a row, never its verdict: facet d and facet a changed about, page beside page."""

import json
import re
from dataclasses import replace
from functools import cache

import pytest

from clarify.bias.contingency import ContingencyTable
from clarify.bias.evaluate import evaluate
from clarify.config.policy import read_policy
from clarify.report.html import render_report
from clarify.results import BiasSection
from clarify.verdicts import decide
from tests.unit.report.report_examples import credit_result, example_provenance

A, D = (531, 124, 59, 96), (93, 34, 17, 46)
SYMMETRIC = [
    {"metric": "CI", "low": -0.5, "high": 0.5},
    {"metric": "DPPL", "low": -0.05, "high": 0.05},
    {"metric": ["DPL", "RD", "AD", "SD", "DAR", "DRR"], "low": -0.2, "high": 0.2},
    {"metric": "DI", "low": 0.8, "high": 1.25},
    {"metric": "TE", "low": -1, "high": 1},
]
METRICS = ("CI", "DPL", "DPPL", "DI", "RD", "AD", "SD", "DAR", "DRR", "TE")
MIDDLE = 125                      # of a drawing 250 wide


@cache
def page(*, swapped):
    table = ContingencyTable.from_confusion(a=D if swapped else A, d=A if swapped else D)
    parsed = read_policy(json.dumps({"version": "1.0", "name": "p", "ranges": SYMMETRIC}).encode())
    ranges = parsed.policy.ranges_of("age", "(18, 25]")
    pre, post = (
        BiasSection(stage, "credit", "1", (
            evaluate(table, facet="age", value_or_threshold="(18, 25]", stage=stage, ranges=ranges),
        ))
        for stage in ("pre_training", "post_training")
    )  # fmt: skip
    verdicts = decide(parsed.policy, parsed.digest, [pre, post], with_detectable=False)
    result = replace(credit_result(), pre_training=pre, post_training=post, verdicts=verdicts)
    return render_report(result, example_provenance())


def row(acronym, *, swapped):
    (table,) = re.findall(r'<table class="forest judged">(.*?)</table>', page(swapped=swapped), re.DOTALL)
    (found,) = [one for one in re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL) if f'"acr">{acronym}<' in one]
    return found


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", ["edge", "ideal", "bar", "deciding"])
def test_a_row_is_mirrored(metric, kind):
    """Within half a unit: ends are rounded to tenths, and kept off an edge by two of them."""
    named, others = (places(row(metric, swapped=swapped), kind) for swapped in (False, True))

    assert named
    assert sorted(2 * MIDDLE - x for x in others) == pytest.approx(sorted(named), abs=0.5)


def places(found, kind):
    """How far from the left the lines of a shape stand or end."""
    (drawn,) = re.findall(rf'<path class="{kind}[^"]*" d="([^"]*)"', found)
    return [float(x) for x in re.findall(r"[MH]([\d.]+)", drawn)]


@pytest.mark.parametrize("metric", METRICS)
def test_the_verdict_of_a_symmetric_range_stays(metric):
    words = {re.search(r'class="chip (\w+)"', row(metric, swapped=swapped))[1] for swapped in (False, True)}

    assert len(words) == 1


def test_all_three_verdicts_are_among_them():
    assert {re.search(r'class="chip (\w+)"', row(m, swapped=False))[1] for m in METRICS} == {
        "pass", "violation", "inconclusive"
    }  # fmt: skip


@pytest.mark.parametrize("metric", ["DPPL", "DPL", "RD", "AD", "DI"])
def test_the_two_shares_of_a_card_change_places(metric):
    first, second = (shares(card(metric, swapped=swapped)) for swapped in (False, True))

    assert first["d"] != first["a"]
    assert (second["d"], second["a"]) == (first["a"], first["d"])


def card(metric, *, swapped):
    pattern = rf'<article class="card[^"]*" id="g0-{metric}">(.*?)</article>'
    (found,) = re.findall(pattern, page(swapped=swapped), re.DOTALL)
    return found


def shares(found):
    """The number beside the mark of each group."""
    return dict(re.findall(r'<span class="dot (\w)"></span>.*?<b>([^<]*)</b>', found))


def test_a_sentence_tells_each_group_its_own_number():
    """124 + 531 of 810 are 81 of 100; 93 + 34 of 190 are 67."""
    first, second = (re.sub(r"<[^>]*>", "", card("DPPL", swapped=swapped)) for swapped in (False, True))

    assert re.search(r"67 of 100 rows with age in \(18, 25\] .*81 of 100 other rows", first)
    assert re.search(r"81 of 100 rows with age in \(18, 25\] .*67 of 100 other rows", second)
