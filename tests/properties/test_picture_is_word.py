"""Whoever reads a forest row by its thin bar and its band reads the verdict that is printed beside it: in any view."""

import json
import math
import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from jinja2 import Environment, PackageLoader, StrictUndefined

from clarify.bias.catalog import BY_NAME
from clarify.bias.contingency import ContingencyTable
from clarify.bias.deciding import binding_limits, interval_at, read_off
from clarify.bias.evaluate import evaluate
from clarify.bias.intervals import lattice_values
from clarify.bias.lattice import N_POINTS
from clarify.config.policy import LIMITS, read_policy
from clarify.report.first_screen.checks import checks_for
from clarify.report.html import render_report
from clarify.report.selection import groups_of
from clarify.report.view import names_of
from clarify.report.views.notebook import COLOURS, GREY, notebook_html
from clarify.report.views.text_forest import text_forest
from clarify.results import BiasSection, FlipCounts, Verdict
from clarify.verdicts import decide
from tests.unit.report.report_examples import credit_result, example_provenance
from tests.unit.report.test_text_forest import verdict_of

METRICS = {
    "pre_training": ("CI", "DPL", "TVD", "KS", "LP", "KL", "CDDL"),
    "post_training": ("DPPL", "DI", "RD", "SD", "DAR", "DRR", "AD", "TE", "DCA", "GE", "FT", "CDDPL"),
}
NEEDED_GAP = 0.2                              # units of the drawing, 250 wide
BATCHES, RESULTS = 9, 40
EMPTY = replace(credit_result(), pre_training=None, post_training=None, explanations=None)
FOREST = Environment(
    loader=PackageLoader("clarify.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
    lstrip_blocks=True,
).get_template("forest.html").module


def random_table(rng):
    """Anything from a handful of rows, with empty cells, to thousands; at times nobody in facet d."""
    size = rng.choice([1, 4, 30, 400], size=(3, 1, 1, 1))
    counts = rng.poisson(rng.gamma(0.7, size, size=(3, 3, 3, 3)))
    counts[1] *= rng.random() > 0.03
    return ContingencyTable(counts, has_predictions=True, has_strata=True)


def random_rules(rng, stage, biases):
    """One range a metric, about what was measured or about the ideal; one-sided at times, at times without width."""
    names = rng.choice(METRICS[stage], size=rng.integers(2, 6), replace=False)
    rules = [rule for name in names if (rule := random_rule(rng, str(name), biases)) is not None]
    return rules or [{"metric": "AD" if stage == "post_training" else "DPL", "high": 0.1}]


def random_rule(rng, name, biases):
    least, greatest = LIMITS[name]
    seen = [m.value for bias in biases for m in bias.metrics if m.name == name and m.value is not None]
    around = [value for value in seen if math.isfinite(value)] or [BY_NAME[name].ideal]
    centre = rng.choice(around) if rng.random() < 0.6 else BY_NAME[name].ideal
    half = rng.gamma(1.0, rng.choice([0.02, 0.3])) * (rng.random() > 0.03)
    low, high = centre - half * rng.random(), centre + half
    if BY_NAME[name].kind == "distance":
        return {"metric": name, "high": float(min(max(high, 0.001), 0.9 * greatest))}
    side = rng.integers(0, 5)
    limits = {"low": None if side == 0 else float(low), "high": None if side == 1 else float(high)}
    rule = {key: limit for key, limit in limits.items() if limit is not None}
    if rule.get("low", -math.inf) <= least and rule.get("high", math.inf) >= greatest:
        return None
    if rule.get("high", math.inf) < least or rule.get("low", -math.inf) > greatest:
        return None
    return {"metric": name, **rule}


@cache
def random_result(seed):
    rng = np.random.default_rng(seed)
    stage = ("pre_training", "post_training", "post_training")[seed % 3]
    tables = [random_table(rng) for _ in range(rng.integers(1, 4))]
    flips = FlipCounts(*(int(n) for n in rng.integers(0, 6, 2)), 40)
    known = [measured(table, stage, {}, flips, "") for table in tables] if seed % 4 == 0 else []
    rules = random_rules(rng, stage, known)
    body = {"version": "1.0", "name": "random", "ranges": rules, "family": ("holm", "holm", "none")[rng.integers(0, 3)],
            "level": float(rng.choice([0.05, 0.01, 0.2]))}
    policy = read_policy(json.dumps(body).encode()).policy
    biases = tuple(
        measured(table, stage, policy.ranges_of("facet", f"{i}"), flips, f"{i}") for i, table in enumerate(tables)
    )
    section = BiasSection(stage, "label", "1", biases)
    verdicts = decide(policy, "digest", [section], with_detectable=False)
    return replace(EMPTY, **{stage: section}, verdicts=verdicts)


def measured(table, stage, ranges, flips, group):
    methods = tuple(ranges) or METRICS[stage][:5]
    return evaluate(table, facet="facet", value_or_threshold=group, stage=stage, methods=methods, ranges=ranges,
                    flips=flips if stage == "post_training" else None)


def first_screen(result):
    """The table of the first screen: the page's own template, without the sections below it."""
    return str(FOREST.checks(checks_for(groups_of(result), result.verdicts, names_of(result))))


# --- reading a drawing as a person does ------------------------------------------------------------------------------


def rows_of(page):
    """The rows of the forest, as text."""
    (table,) = re.findall(r'<table class="forest judged">(.*?)</table>', page, re.DOTALL)
    return [row for row in re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL) if "<td" in row]


def path(row, kind):
    found = re.search(rf'<path class="{kind}[^"]*" d="([^"]*)"/>', row)
    return found.group(1) if found else ""


def drawn_limits(row):
    """Where the allowed range ends: a side without a line has no limit."""
    edges = [float(x) for x in re.findall(r"M([\d.]+) 1V23", path(row, "edge"))]
    band = re.match(r"M([\d.]+) 2H([\d.]+)V22", path(row, "band"))
    left, right = (float(x) for x in band.groups()) if band else (edges[0], edges[-1])
    return left if left in edges else -math.inf, right if right in edges else math.inf


def drawn_bar(row):
    bar = re.match(r"M([\d.]+) 12H([\d.]+)", path(row, "deciding"))
    return tuple(float(x) for x in bar.groups())


def seen(row):
    """PASS, VIOLATION or INCONCLUSIVE by the picture alone."""
    if not path(row, "deciding"):
        return Verdict.INCONCLUSIVE
    (left, right), (start, end) = drawn_limits(row), drawn_bar(row)
    if end < left or start > right:
        return Verdict.VIOLATION
    return Verdict.PASS if left < start and end < right else Verdict.INCONCLUSIVE


def word(row):
    return re.search(r'<span class="chip \w+">.*?(PASS|VIOLATION|INCONCLUSIVE)</span>', row, re.DOTALL).group(1)


def gaps(row):
    return [abs(end - limit) for end in drawn_bar(row) for limit in drawn_limits(row) if math.isfinite(limit)]


def results(batch):
    return [random_result(seed) for seed in range(batch * RESULTS, (batch + 1) * RESULTS)]


@pytest.mark.parametrize("batch", range(BATCHES))
def test_the_thin_bar_and_the_band_say_what_the_word_says(batch):
    read = []
    for result in results(batch):
        rows = rows_of(first_screen(result))
        assert sorted(map(word, rows)) == sorted(judgement.verdict for judgement in result.verdicts.judgements)
        read += rows

    parted = [row for row in read if seen(row) != word(row)]
    hair = [gap for row in read if path(row, "deciding") for gap in gaps(row) if 0 < gap < NEEDED_GAP - 1e-9]

    assert parted == []
    assert hair == []
    assert {word(row) for row in read} == set(Verdict)
    assert len(read) > 2000 / BATCHES


# --- the views that are smaller than the page ------------------------------------------------------------------------


def seen_in_notebook(row):
    """The same reading of the fragment's drawing: bars of an undecided check may be in two pieces."""
    colour = "|".join(COLOURS.values())
    thin = re.search(rf'<path d="([^"]*)" fill="none" stroke="(?:{colour})" stroke-width="1.2"/>', row)
    band = re.search(rf'<path d="M([\d.]+) 2H([\d.]+)[^"]*" fill="{GREY}" opacity', row)
    edges = re.search(rf'<path d="([^"]*)" fill="none" stroke="{GREY}"', row)
    if thin is None:
        return Verdict.INCONCLUSIVE
    limits = [float(x) for x in re.findall(r"M([\d.]+) 1V21", edges.group(1))]
    left, right = (float(x) for x in band.groups()) if band else (limits[0], limits[-1])
    left, right = left if left in limits else -math.inf, right if right in limits else math.inf
    places = [float(x) for x in re.findall(r"M([\d.]+) (?:11|7\.5)|H([\d.]+)", thin.group(1)) for x in x if x]
    if max(places) < left or min(places) > right:
        return Verdict.VIOLATION
    return Verdict.PASS if left < min(places) and max(places) < right else Verdict.INCONCLUSIVE


@pytest.mark.parametrize("batch", range(4))
def test_a_notebook_row_says_what_its_word_says(batch):
    pages = [notebook_html(result) for result in results(batch)]
    rows = [row for page in pages for row in re.findall("<tr>.*?</tr>", page, re.DOTALL) if "<svg" in row]

    parted = [row for row in rows if f"<strong>{seen_in_notebook(row)}</strong>" not in row]

    assert parted == []
    assert len(rows) > 100


@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_row_of_letters_says_what_its_word_says(batch):
    rows = [row for result in results(batch) for row in text_forest(result)]
    capped = [row for row in rows if set("├┤┼") & set(row)]

    parted = [row for row in capped if verdict_of(row[28:51]) != row.split()[-1]]

    assert parted == []
    assert len(capped) > 70


def test_the_page_shows_these_rows():
    result = random_result(4)

    assert rows_of(render_report(result, example_provenance())) == rows_of(first_screen(result))


@pytest.mark.parametrize("batch", range(4))
def test_the_interval_that_decides_is_not_bent_to_its_verdict(batch):
    found = []
    for seed in range(1000 + batch * 30, 1030 + batch * 30):
        result = random_result(seed)
        section = result.pre_training or result.post_training
        biases = {bias.value_or_threshold: bias for bias in section.facets}
        found += [(j, interval_at(biases[j.value_or_threshold], j.metric, j.threshold))
                  for j in result.verdicts.judgements if j.threshold is not None]

    for judgement, own in found:
        assert judgement.deciding.low == pytest.approx(own.low, rel=1e-12, abs=1e-300)
        assert judgement.deciding.high == pytest.approx(own.high, rel=1e-12, abs=1e-300)
        assert judgement.deciding.level == 1 - judgement.threshold
    assert len(found) > 100


@pytest.mark.parametrize("beyond", [0, 1, 67, 818, 3000])
@pytest.mark.parametrize("name", ["DPPL", "DI", "SD", "GE"])
def test_the_interval_leaves_a_limit_at_the_very_level_at_which_its_p_does(name, beyond):
    table = ContingencyTable.from_confusion(a=(531, 124, 59, 96), d=(93, 34, 17, 46))
    bias = evaluate(table, facet="f", value_or_threshold="g", stage="post_training", methods=(name,))
    values = lattice_values(name, table.known(), bias.metrics[0].value)
    # `beyond` values lie below the limit, half of the way to the next one: p is twice their mass
    limit = values[0] - 1e-6 if beyond == 0 else (values[beyond - 1] + values[beyond]) / 2
    p = 2 * ((beyond + 0.5) / (N_POINTS + 1))

    assert read_off(interval_at(bias, name, p), limit, None) is Verdict.PASS
    assert read_off(interval_at(bias, name, math.nextafter(p, 0)), limit, None) is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("name", ["DPPL", "DI", "RD", "TE", "GE", "CDDPL", "AD"])
@pytest.mark.parametrize("seed", range(6))
def test_a_range_that_ends_where_the_interval_ends_is_read_as_it_is_decided(name, seed):
    rng = np.random.default_rng(seed)
    table = random_table(rng)
    own = interval_at(measured(table, "post_training", {}, None, ""), name, 0.05)
    ends = [end for end in (own.low, own.high) if math.isfinite(end) and end > 0] if own is not None else []

    for limit in (f(end) for end in ends for f in (float, next_up, next_down)):
        for side in ("low", "high"):
            policy = read_policy(json.dumps({"version": "1.0", "name": "p", "ranges": [{"metric": name, side: limit}]})
                                 .encode()).policy
            bias = measured(table, "post_training", policy.ranges_of("facet", "g"), None, "g")
            (judgement,) = decide(policy, "", [BiasSection("post_training", "y", "1", (bias,))],
                                  with_detectable=False).judgements
            limits = binding_limits(name, judgement.evidence.low, judgement.evidence.high)
            assert judgement.deciding is None or read_off(judgement.deciding, *limits) is judgement.verdict


def next_up(value):
    return math.nextafter(value, math.inf)


def next_down(value):
    return math.nextafter(value, -math.inf)
