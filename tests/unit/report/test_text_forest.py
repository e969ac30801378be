"""The forest drawn with letters: the verdict can be read off the cells, whatever the numbers."""

import math
import random
import re
import unicodedata
from dataclasses import replace

import pytest

from clarify.bias.catalog import BY_NAME, METRICS
from clarify.bias.deciding import binding_limits, read_off
from clarify.report.charts import allowed_scale, scales_of
from clarify.report.forest import placed
from clarify.report.selection import Measured, groups_of
from clarify.report.views.shortlist import shortlist
from clarify.report.views.text_forest import CELLS, in_ascii, row_cells, short_group, text_forest, word_of
from clarify.results import AwsValue, Interval, Judgement, MetricValue, RangeEvidence, Reason, Verdict
from tests.unit.report import report_examples as examples
from tests.unit.report.test_verdicts_in_report import ALIKE, APART, FEW, NOBODY, judged

OF_INTERVAL = "├┤┼─━◂▸○●▲"


def check(name, value, deciding, low, high, *, interval=None):
    """A metric and its judgement, whose verdict is by definition what the deciding interval says of the range."""
    evidence = RangeEvidence(low, high)
    verdict = read_off(deciding, *binding_limits(name, low, high))
    metric = MetricValue(name, value, AwsValue(value), interval, evidence=evidence)
    return metric, Judgement(
        BY_NAME[name].stage, "sex", "f", name, verdict, value, interval, evidence, deciding=deciding
    )


def drawn(metric, judgement):
    return row_cells(placed(metric, allowed_scale(judgement), judgement), judgement.verdict)


def verdict_of(cells):
    """What a reader sees: where the interval between the caps lies, against the brackets.

    An arrow head stands for a cap beyond the drawing; a cap that is not to be seen is under the mark.
    """
    mark = max(cells.find(letter) for letter in "○●▲")
    low, high = (max(cells.find(letter) for letter in caps) for caps in ("├┼", "┤┼"))
    low = low if low >= 0 else 0 if cells[0] == "◂" else mark
    high = high if high >= 0 else len(cells) - 1 if cells[-1] == "▸" else mark
    low, high = low if low >= 0 else high, high if high >= 0 else low
    left, right = cells.find("["), cells.find("]")
    right = right if right >= 0 else len(cells)
    if high < left or low > right:
        return Verdict.VIOLATION
    return Verdict.PASS if left < low and high < right else Verdict.INCONCLUSIVE


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
    edge, sign = draw.choice(choices), draw.choice((-1, 1))
    ends = draw.choice((
        sorted(draw.choice([number(), number(), *choices]) for _ in range(3)),
        sorted(min(max(edge + sign * draw.expovariate(3), least), greatest) for _ in range(3)),
    ))  # fmt: skip
    held = Interval(ends[0], draw.choice((ends[2], ends[2], greatest)))
    return check(name, ends[1], held, low, high, interval=draw.choice((None, Interval(ends[0], ends[1]))))


@pytest.mark.parametrize("seed", range(400))
def test_the_verdict_can_be_read_off_the_cells(seed):
    metric, judgement = random_check(random.Random(seed))

    cells = drawn(metric, judgement)

    assert len(cells) == CELLS
    assert verdict_of(cells) is judgement.verdict, (judgement, cells)


@pytest.mark.parametrize("seed", range(400))
def test_ascii_says_what_the_letters_say(seed):
    cells = drawn(*random_check(random.Random(seed)))

    (plain,) = in_ascii((cells,))

    assert plain.isascii()
    taken = [i for i, letter in enumerate(plain) if letter in "|-=<>o*!"]
    assert taken == [i for i, letter in enumerate(cells) if letter in OF_INTERVAL]


@pytest.mark.parametrize("seed", range(200))
def test_mark_and_brackets_stand_within_two_cells_of_where_the_page_draws_them(seed):
    metric, judgement = random_check(random.Random(seed))
    on_page = placed(metric, allowed_scale(judgement), judgement)

    cells = row_cells(on_page, judgement.verdict)

    seen = [(letter, at) for letter, at in (("○", on_page.value), ("●", on_page.value), ("▲", on_page.value),
                                            ("[", on_page.band[0]), ("]", on_page.band[1])) if letter in cells]
    assert all(abs(cells.index(letter) - math.floor(at * CELLS)) <= 2 for letter, at in seen if 0 <= at < 1)
    assert ("[" in cells, "]" in cells) == tuple(end in on_page.limits for end in on_page.band)


def test_a_range_around_zero_is_drawn_as_eight_five_and_eight_cells():
    # 0.05 of -0.1 .. 0.1 is three quarters of the band: the fourth of five cells; 0 is its third.
    cells = drawn(*check("DPPL", 0.05, Interval(0.05, 0.05), -0.1, 0.1))

    assert cells == "░░░░░░░░[··┊●·]░░░░░░░░"


def test_the_range_of_a_distance_begins_at_no_difference_and_has_one_bracket():
    # 0 is the band's left end, in the cell that a bracket has elsewhere; 0.05 of 0.1 is the middle of the band.
    cells = drawn(*check("TVD", 0.05, Interval(0.05, 0.05), None, 0.1))

    assert cells == "░░░░░░░░┊··●··]░░░░░░░░"


def test_a_range_of_one_value_has_one_cell():
    cells = drawn(*check("DPPL", 0.3, Interval(0.2, 0.35), 0.1, 0.1))

    # The view is 0.78 wide and starts at -0.29: 0 lies in cell 8, 0.2 in 14, 0.3 in 17, 0.35 in 18.
    assert cells == "░░░░░░░░┊░[·]░├──▲┤░░░░"
    assert verdict_of(cells) is Verdict.VIOLATION


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    # 0.05 lies in the fourth cell of the band, 0.15 in the first one right of it
    [(-0.1, 0.05, "░░░░░░░├[━━━○·]░░░░░░░░"), (0.1, 0.15, "░░░░░░░░[··┊·├]○░░░░░░░")],
)
def test_an_interval_that_touches_a_limit_reaches_over_it_for_it_is_undecided(low, high, shown):
    cells = drawn(*check("DPPL", high, Interval(low, high), -0.1, 0.1, interval=Interval(low, high)))

    assert cells == shown
    assert verdict_of(cells) is Verdict.INCONCLUSIVE


def test_a_value_that_its_deciding_interval_does_not_hold_bends_no_verdict():
    # A distance of few rows is mostly chance: the interval may lie above what was measured.
    cells = drawn(*check("TVD", 0.09, Interval(0.11, 0.2), None, 0.1))

    assert verdict_of(cells) is Verdict.VIOLATION
    assert cells.index("▲") < cells.index("]") < cells.index("├")


def test_a_larger_ratio_means_that_the_named_group_has_more_and_is_drawn_left():
    assert drawn(*check("DI", 1.2, Interval(1.2, 1.2), 0.8, 1.25)).index("●") < CELLS // 2
    assert drawn(*check("DI", 0.85, Interval(0.85, 0.85), 0.8, 1.25)).index("●") > CELLS // 2


def test_an_open_side_has_no_bracket():
    cells = drawn(*check("DPPL", 0.0, Interval(-0.02, 0.02), None, 0.1))

    assert "[" not in cells
    assert cells.count("]") == 1


def test_what_leaves_the_view_is_an_arrow():
    cells = drawn(*check("DPPL", 0.9, Interval(0.05, 0.95), -0.1, 0.1))

    assert cells.endswith("▸")
    assert verdict_of(cells) is Verdict.INCONCLUSIVE


def test_a_document_without_deciding_intervals_draws_no_caps():
    held = Interval(-0.05, 0.05)
    metric, judgement = check("DPPL", 0.0, held, -0.1, 0.1, interval=held)

    cells = drawn(metric, replace(judgement, deciding=None))

    assert "━" in cells
    assert not set("├┤─") & set(cells)


def test_without_a_range_the_row_has_the_fixed_domain_of_its_metric():
    metric = MetricValue("DPPL", 0.25, AwsValue(0.25), Interval(0.2, 0.7))

    cells = row_cells(placed(metric, scales_of([metric])["DPPL"]), None)

    # From -1 to 1, for an end lies beyond 0.5: 0 is the middle cell, 0.25 five eighths of the way.
    assert cells == " " * 11 + "┊" + " " + "━" + "■" + "━" * 5 + "   "


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
    assert "not shown" in row


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


def test_what_is_not_shown_has_a_word_of_its_own():
    hidden = MetricValue("DPPL", None, AwsValue(None), undefined_because=Reason.WITHHELD)
    measured = Measured(hidden, groups_of(examples.credit_result())[0].counts)

    assert word_of(measured) == "WITHHELD"
