"""The forest drawn with letters: the verdict can be read off the cells, whatever the numbers."""

import math
import random
import re
import unicodedata
from dataclasses import replace

import pytest

from clarify.bias.catalog import BY_NAME, METRICS
from clarify.report.normalised import axis_of, places_of, shortlist
from clarify.report.selection import Measured, groups_of
from clarify.report.text_forest import CELLS, in_ascii, judged_cells, short_group, text_forest, word_of
from clarify.results import AwsValue, Interval, Judgement, MetricValue, RangeEvidence, Reason, Verdict
from tests.unit.report import report_examples as examples
from tests.unit.report.test_verdicts_in_report import ALIKE, APART, FEW, NOBODY, judged

OF_INTERVAL = "├┤─━◂▸○●▲"


def check(name, value, deciding, low, high, *, interval=None):
    """A judgement whose verdict is, by definition, what the deciding interval says of the range."""
    inside = (low is None or deciding.low >= low) and (high is None or deciding.high <= high)
    apart = (low is not None and deciding.high < low) or (high is not None and deciding.low > high)
    verdict = Verdict.PASS if inside else Verdict.VIOLATION if apart else Verdict.INCONCLUSIVE
    stage = BY_NAME[name].stage
    evidence = RangeEvidence(low, high)
    return Judgement(stage, "sex", "f", name, verdict, value, interval, evidence, deciding=deciding)


def drawn(judgement):
    return judged_cells(axis_of(judgement), judgement.value, judgement.interval, judgement)


def verdict_of(cells):
    """What a reader sees: where the interval's letters lie, against the brackets."""
    taken = [i for i, letter in enumerate(cells) if letter in OF_INTERVAL]
    left, right = cells.find("["), cells.find("]")
    right = right if right >= 0 else len(cells)
    if all(left < i < right for i in taken):
        return Verdict.PASS
    if all(i < left for i in taken) or all(i > right for i in taken):
        return Verdict.VIOLATION
    return Verdict.INCONCLUSIVE


def random_check(draw):
    """Any metric, any range, any interval among the values that the metric can have."""
    name = draw.choice([metric.name for metric in METRICS])
    least, greatest, ratio = BY_NAME[name].low, BY_NAME[name].high, BY_NAME[name].kind == "ratio"

    def number():
        size = draw.choice((0.001, 0.05, 0.3, 1.0, 8.0))
        value = math.exp(draw.uniform(-size, size)) if ratio else draw.uniform(-size, size)
        return min(max(value, least), greatest)

    low, high = sorted((number(), number()))
    low, high = draw.choice(((low, high), (low, high), (None, high), (low, None), (low, low)))
    # Ends on a limit are the case that rounding would get wrong.
    choices = [end for end in (low, high) if end is not None]
    ends = sorted(draw.choice([number(), number(), *choices]) for _ in range(3))
    held = Interval(ends[0], draw.choice((ends[2], ends[2], greatest)))
    return check(name, ends[1], held, low, high, interval=draw.choice((None, Interval(ends[0], ends[1]))))


@pytest.mark.parametrize("seed", range(400))
def test_the_verdict_can_be_read_off_the_cells(seed):
    judgement = random_check(random.Random(seed))

    cells = drawn(judgement)

    assert len(cells) == CELLS
    assert verdict_of(cells) is judgement.verdict, (judgement, cells)


@pytest.mark.parametrize("seed", range(400))
def test_ascii_says_what_the_letters_say(seed):
    judgement = random_check(random.Random(seed))

    (plain,) = in_ascii((drawn(judgement),))

    assert plain.isascii()
    taken = [i for i, letter in enumerate(plain) if letter in "|-=<>o*!"]
    assert taken == [i for i, letter in enumerate(drawn(judgement)) if letter in OF_INTERVAL]


def test_a_range_around_zero_is_drawn_as_eight_five_and_eight_cells():
    # 0.05 of -0.1 .. 0.1 is three quarters of the band: the fourth of five cells; 0 is its third.
    cells = drawn(check("DPPL", 0.05, Interval(0.05, 0.05), -0.1, 0.1))

    assert cells == "░░░░░░░░[··┊●·]░░░░░░░░"


def test_a_larger_ratio_means_that_the_named_group_has_more_and_is_drawn_left():
    assert drawn(check("DI", 1.2, Interval(1.2, 1.2), 0.8, 1.25)).index("●") < CELLS // 2
    assert drawn(check("DI", 0.85, Interval(0.85, 0.85), 0.8, 1.25)).index("●") > CELLS // 2


def test_an_open_side_has_no_bracket():
    cells = drawn(check("DPPL", 0.0, Interval(-0.02, 0.02), None, 0.1))

    assert "[" not in cells
    assert cells.count("]") == 1


def test_what_leaves_the_view_is_an_arrow():
    cells = drawn(check("DPPL", 0.9, Interval(0.05, 0.95), -0.1, 0.1))

    assert cells.endswith("▸")
    assert verdict_of(cells) is Verdict.INCONCLUSIVE


def test_a_document_without_deciding_intervals_draws_no_caps():
    judgement = replace(check("DPPL", 0.0, Interval(-0.05, 0.05), -0.1, 0.1), deciding=None)

    cells = drawn(replace(judgement, interval=Interval(-0.05, 0.05)))

    assert "━" in cells
    assert not set("├┤") & set(cells)


@pytest.mark.parametrize(
    ("table", "verdict"), [(ALIKE, Verdict.PASS), (APART, Verdict.VIOLATION), (FEW, Verdict.INCONCLUSIVE)]
)
def test_word_and_drawing_agree_for_a_real_verdict(table, verdict):
    (row,) = text_forest(judged(table))

    assert row.endswith(f" {verdict}")
    assert verdict_of(row[28:51]) is verdict


def test_an_undefined_check_says_why_in_place_of_the_drawing():
    (row,) = text_forest(judged(NOBODY))

    assert "empty facet" in row
    assert not set(OF_INTERVAL) & set(row)


def test_a_withheld_number_is_called_so():
    hidden = MetricValue("DPPL", None, AwsValue(None), undefined_because=Reason.WITHHELD)
    result = judged(ALIKE)
    (facet,) = result.post_training.facets
    metrics = tuple(hidden if metric.name == "DPPL" else metric for metric in facet.metrics)
    section = replace(result.post_training, facets=(replace(facet, metrics=metrics),))

    (row,) = [line for line in text_forest(replace(result, post_training=section, verdicts=None)) if "DPPL" in line]

    assert row.endswith(" WITHHELD")
    assert "withheld" in row


def columns(text):
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) + wide - sum(unicodedata.combining(letter) > 0 for letter in text)


def test_every_row_keeps_to_seventy_two_columns_and_words_stand_below_each_other():
    results = (examples.hostile_result(), examples.credit_result(), judged(FEW))

    for result in results:
        rows = text_forest(result)
        assert len(rows) <= 12
        assert max(map(columns, rows)) <= 72
        assert len({columns(row[: re.search(r"[A-Z]+( RANGE)?$", row).start()]) for row in rows}) == 1


@pytest.mark.parametrize(
    ("facet", "value", "shown"),
    [
        ("sex", "f", "sex = f"),
        ("age", "(18, 25]", "age in (18, 25]"),
        ("x" * 40 + " #2", "y", f"{'x' * 12}…x #2 = y"),
        ("sex", "z" * 40 + " #12", f"sex = {'z' * 10}… #12"),
        ("x" * 30, "y" * 30, "xxxx…xxxx = yyyy…yyyy"),
    ],
)
def test_a_long_group_keeps_the_ends_of_its_names(facet, value, shown):
    assert short_group(facet, value, 21) == shown


def test_of_too_many_checks_the_worst_are_shown_in_the_order_of_the_report():
    result = examples.crowded_result(30)
    groups = groups_of(result)

    chosen = shortlist(groups, most=12)

    places = [groups.index(row.group) for row in chosen.rows]
    assert len(places) == 12
    assert places == sorted(places)
    assert chosen.left_out == chosen.total - 12 > 0


def test_without_a_value_there_is_nothing_to_place():
    hidden = MetricValue("DPPL", None, AwsValue(None), undefined_because=Reason.WITHHELD)
    measured = Measured(hidden, groups_of(examples.credit_result())[0].counts)

    assert places_of(measured, None) is None
    assert word_of(measured) == "WITHHELD"
