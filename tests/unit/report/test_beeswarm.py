"""The dots of drawn rows: one for each row, where its attribution lies, in the shade of its value."""

import re
from dataclasses import replace

import numpy as np
import pytest

from clarify.report.explanations.beeswarm import (
    FRAME,
    NO_VALUE,
    SHADES,
    UNORDERED,
    drawn_sentence,
    evenly,
    quantile,
    swarm_of,
)
from clarify.report.explanations.outputs import explanations_of, unit_of
from clarify.report.html import render_report
from clarify.report.names import name_all
from clarify.report.page_limits import Limits
from clarify.report.view import names_of
from clarify.report.words import plain
from clarify.results import AttributionSample, SampleStratum
from tests.unit.report import attribution_examples as examples
from tests.unit.report.report_examples import example_provenance

NAMES = name_all(["income", "age", "(18, 25]"])
POINTS = unit_of(examples.explained_result(examples.section()))
DOT = 3.0
HALF_A_DECIMAL = 0.05 + 1e-9


def swarm(*features, strata=(), limits=None):
    sample = AttributionSample("label0", strata, features)
    order = [feature.feature for feature in features]
    return swarm_of(sample, order, POINTS, NAMES, limits=limits or Limits(), seed=5)


def dots(path):
    """Every place that a path of zero-length segments touches."""
    number = r"-?(?:\d+\.?\d*|\.\d+)"
    x = y = 0.0
    places = []
    for command, dx, dy in re.findall(rf"([Mm])({number}) ?({number})h0", path):
        x, y = (float(dx), float(dy)) if command == "M" else (x + float(dx), y + float(dy))
        places.append((x, y))
    assert re.sub(rf"([Mm])({number}) ?({number})h0", "", path) == ""
    return places


def all_dots(row):
    return [place for one in row.dots for place in dots(one.path)]


def at(attribution, half):
    """Where an attribution lies: 310 units of 320 between two margins of 5, nought in the middle."""
    return 160 + 155 * attribution / half


@pytest.mark.parametrize("seed", range(20))
def test_every_row_has_one_dot_within_half_a_dot_of_its_attribution(seed):
    feature = examples.spread("income", 0.1, 400, seed=seed)

    (row,) = swarm(feature).rows

    # The axis ends at the round number above the largest attribution, in points.
    half = float(swarm(feature).ticks[-1].text.removeprefix("+")) / 100
    drawn = sorted(x for x, _ in all_dots(row))
    assert len(drawn) == 400
    for place, attribution in zip(drawn, sorted(feature.attributions), strict=True):
        assert abs(place - at(attribution, half)) <= DOT / 2 + HALF_A_DECIMAL


def test_the_shades_are_the_fifths_and_hold_the_rows_that_are_in_them():
    feature = examples.sampled("income", (0.1, -0.1, 0.1, 0.05, -0.05, 0.0, 0.0), (0, 1, 2, 3, 4, 4, -1))

    (row,) = swarm(feature).rows

    counts = {one.shade: len(dots(one.path)) for one in row.dots}
    assert counts == {"low": 1, "lower": 1, "middle": 1, "higher": 1, "high": 2, NO_VALUE: 1}
    assert [one.shade for one in row.dots] == [NO_VALUE, *SHADES]


def test_categories_have_no_shade_of_an_order():
    feature = examples.sampled("income", (0.1, -0.1, 0.0), (0, 1, -1), ("A11", "A12"))

    view = swarm(feature)

    assert {one.shade for one in view.rows[0].dots} == {UNORDERED, NO_VALUE}
    assert view.shades == ()
    assert view.has_unordered
    assert view.has_missing


def test_dots_of_one_bin_do_not_cover_each_other_while_they_fit_and_lie_symmetric():
    feature = examples.sampled("income", (0.1,) * 5 + (-0.1,) * 2, (0, 1, 2, 3, 4, 0, 0))

    places = all_dots(swarm(feature).rows[0])

    # Five dots of 3 around the line at 15: 9, 12, 15, 18, 21; two: 13.5, 16.5.
    assert sorted(y for x, y in places if x > 160) == [9, 12, 15, 18, 21]
    assert sorted(y for x, y in places if x < 160) == [13.5, 16.5]


def test_no_dot_leaves_its_row_however_many_share_a_place():
    places = all_dots(swarm(examples.sampled("income", (0.0,) * 400, (2,) * 400)).rows[0])

    assert len(places) == 400
    assert {x for x, _ in places} == {160}
    assert min(y for _, y in places) == pytest.approx(15 - 12.5, abs=HALF_A_DECIMAL)
    assert max(y for _, y in places) == pytest.approx(15 + 12.5, abs=0.2)


def test_the_fullest_bin_is_the_highest():
    feature = examples.sampled("income", (0.1,) * 40 + (0.0,) * 4 + (-0.1,) * 20, (0,) * 64)

    places = all_dots(swarm(feature).rows[0])

    def height(of):
        return max(y for x, y in places if abs(x - of) < 2) - min(y for x, y in places if abs(x - of) < 2)

    assert height(at(0.1, 0.1)) > height(at(-0.1, 0.1)) > height(at(0.0, 0.1)) > 0


def test_the_same_sample_is_drawn_the_same():
    feature = examples.spread("income", 0.1, 400, seed=3)

    assert swarm(feature) == swarm(feature)


def test_the_axis_is_symmetric_signed_and_in_points():
    view = swarm(examples.sampled("income", (-0.19, 0.02), (0, 4)))

    assert [tick.text for tick in view.ticks] == ["−20", "−10", "0", "+10", "+20"]
    assert [float(tick.x) for tick in view.ticks] == [5, 82.5, 160, 237.5, 315]


def test_an_attribution_of_one_decimal_more_than_the_axis_stays_inside():
    places = all_dots(swarm(examples.sampled("income", (float("inf"), -0.1), (0, 0))).rows[0])

    assert all(0 <= x <= FRAME.width for x, _ in places)


def test_features_follow_the_order_of_the_global_attributions():
    sample = examples.sample(("phone", "age", "income"), 20)

    view = swarm_of(sample, ["income", "months", "age", "phone"], POINTS, NAMES, limits=Limits(), seed=5)

    assert [row.feature for row in view.rows] == ["income", "age", "phone"]


def test_nothing_is_drawn_without_rows():
    assert swarm_of(None, ["income"], POINTS, NAMES, limits=Limits(), seed=5) is None
    assert swarm(examples.sampled("income", (), ())) is None


@pytest.mark.parametrize(("n", "most"), [(400, 200), (400, 100), (317, 100), (50, 100)])
def test_fewer_dots_are_chosen_evenly_and_said(n, most):
    feature = examples.spread("income", 0.1, n, seed=1)

    view = swarm(feature, strata=(SampleStratum("", "", 9_000, n),), limits=Limits(beeswarm_rows=most))

    assert len(all_dots(view.rows[0])) == min(n, most)
    assert (f"Of these, {most} are shown, evenly chosen." in plain(view.caption)) == (n > most)


@pytest.mark.parametrize(("n", "most"), [(400, 200), (400, 100), (399, 100)])
def test_a_thinner_sample_keeps_the_share_of_every_stratum(n, most):
    kept = evenly(n, most)

    assert len(set(kept)) == most
    assert abs(sum(place < n // 2 for place in kept) - most / 2) <= 1


def test_the_caption_states_strata_and_how_many_rows_a_dot_stands_for():
    # 9,600 / 200 = 48 rows a dot, 212 / 200 = 1.06.
    assert plain(drawn_sentence(examples.STRATA, 400, 400, NAMES, seed=5)) == (
        "One dot a row; right of 0: raised the score. 400 of 9,812 rows drawn by group (seed 5): 200 of 9,600 in no "
        "listed group (48), 200 of 212 with age in (18, 25] (1.06); in brackets, how many rows a dot stands for."
    )


def test_the_caption_of_all_rows_speaks_of_no_sample():
    strata = (SampleStratum("", "", 100, 100),)

    assert plain(drawn_sentence(strata, 100, 100, NAMES, seed=5)) == (
        "One dot for each of 100 rows; right of 0: raised the score."
    )


def test_many_strata_are_counted_and_an_empty_one_has_no_weight():
    strata = tuple(SampleStratum("age", str(i), 100, 0 if i == 0 else 10) for i in range(9))

    text = plain(drawn_sentence(strata, 80, 80, NAMES, seed=5))

    assert "0 of 100 with age = 0, 10 of 100 with age = 1 (10)" in text
    assert "and 3 more groups; in brackets" in text


@pytest.mark.parametrize("seed", range(20))
def test_quantiles_are_those_of_numpy(seed):
    draw = np.random.default_rng(seed)
    values = draw.normal(size=draw.integers(1, 30)).tolist()

    for level in (0.0, 0.1, 0.5, 0.9, 1.0):
        assert quantile(values, level) == pytest.approx(np.quantile(values, level), abs=1e-12)


def test_by_category_gives_mean_middle_and_number_of_the_drawn_rows():
    # A11: 0, 1, ... 10 points: mean 5, middle 80 % from 1 to 9. A12: one row. Two rows have no value.
    attributions = (*(i / 100 for i in range(11)), -0.1, 0.02, 0.04)
    feature = examples.sampled("income", attributions, (0,) * 11 + (1, -1, -1), ("A11", "A12"))

    ((strips),) = swarm(feature).by_category

    assert [(s.category, s.mean, s.middle, s.n) for s in strips.strips] == [
        ("A11", "+5.0", "+1.0 to +9.0", "11"),
        ("no value", "+3.0", "+2.2 to +3.8", "2"),
        ("A12", "−10.0", "–", "1"),
    ]
    assert float(strips.strips[0].x) == pytest.approx(at(0.05, 0.1), abs=HALF_A_DECIMAL)
    ends = [float(x) for x in re.findall(r"[MH]([\d.]+)", strips.strips[0].bar)]
    assert ends == pytest.approx([at(0.01, 0.1), at(0.09, 0.1)], abs=HALF_A_DECIMAL)
    assert strips.strips[2].bar == ""


def test_numbers_are_not_shown_by_category():
    assert swarm(examples.spread("income", 0.1, 50, seed=1)).by_category == ()


def test_one_word_for_all_rows_is_no_category():
    feature = examples.sampled("income", (0.1, -0.1), (0, 0), ("12 columns",))

    view = swarm(feature)

    assert view.by_category == ()
    assert view.has_unordered


def test_eight_categories_are_drawn_and_the_rest_is_counted():
    words = tuple(f"w{i}" for i in range(11))
    feature = examples.sampled("income", (0.1,) * 22, tuple(i % 11 for i in range(22)), words)

    (strips,) = swarm(feature).by_category

    assert len(strips.strips) == 8
    assert strips.more == "3 smaller categories are not drawn."


def test_the_table_says_what_place_and_colour_say():
    # Lowest fifth: -0.2, -0.1, mean -15 points; highest fifth: 0.3.
    feature = examples.sampled("income", (-0.2, -0.1, 0.0, 0.3, 0.0), (0, 0, 2, 4, -1))

    (listed,) = swarm(feature).listed

    cells = dict(zip(swarm(feature).columns, listed.cells, strict=True))
    assert (cells["Lowest"], cells["Median"], cells["Highest"]) == ("−20.0", "0.0", "+30.0")
    assert (cells["Mean, lowest fifth"], cells["Mean, highest fifth"], cells["No value"]) == ("−15.0", "+30.0", "1")


@pytest.mark.parametrize("size", [0.1, 0.01, 0.0])
def test_a_feature_of_four_hundred_dots_takes_at_most_4_8_kilobytes(size):
    # The hardest case: all shades mixed everywhere.
    draw = np.random.default_rng(2)
    attributions = (*draw.normal(0, size, 399).tolist(), 0.2)
    feature = examples.sampled("income", attributions, tuple(draw.integers(-1, 5, 400).tolist()))
    section = replace(examples.section(), samples=(AttributionSample("label0", (), (feature,)),))

    page = render_report(examples.explained_result(section), example_provenance())

    (row,) = re.findall(r'<tr><th scope="row"><bdi>income</bdi></th><td class="draw"><svg class="at" '
                        r'viewBox="0 0 320 30".*?</tr>', page)  # fmt: skip
    assert len(row.encode()) <= 4_800


def test_a_page_of_a_hundred_features_draws_ten():
    names = tuple(f"f{i}" for i in range(100))
    features = tuple(replace(examples.estimated_features()[0], feature=name) for name in names)
    section = replace(examples.section(features), samples=(examples.sample(names),))
    result = examples.explained_result(section)

    (output,) = explanations_of(result, names_of(result)).outputs

    assert [row.feature for row in output.swarm.rows] == [row.feature for row in output.rows]
    assert len(output.swarm.rows) == 10
