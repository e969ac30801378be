"""Crossed facets, counted from real files: every cell against all other known rows."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from clarify.errors import ConfigError
from clarify.results import Reason
from clarify.steps.intersections import measure_intersections
from clarify.steps.measure_bias import measure_pre_training_bias

CONFIG = {
    "label": "hired",
    "label_values_or_threshold": ["yes"],
    "predicted_label": "guess",
    "facet": [
        {"name_or_index": "sex", "value_or_threshold": ["f"]},
        {"name_or_index": "race"},
        {"name_or_index": "age", "value_or_threshold": [40]},
    ],
    "methods": {"pre_training_bias": {"methods": "all"}, "post_training_bias": {"methods": "all"}},
}
BOTH = (("sex", "race"),)


def people(n=400, seed=3, unknown=0.0):
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "sex": draw.choice(["f", "m"], n),
        "race": draw.choice(["black", "white", "other"], n, p=[0.2, 0.7, 0.1]),
        "age": draw.integers(18, 70, n),
        "region": draw.choice(["north", "south"], n),
        "hired": draw.choice(["yes", "no"], n),
        "guess": draw.choice(["yes", "no"], n),
    })
    frame.loc[draw.random(n) < unknown, "sex"] = None
    frame.loc[draw.random(n) < unknown, "race"] = None
    return frame


def metric(bias, name):
    return next(item for item in bias.metrics if item.name == name)


def cell(intersection, *groups):
    return next(item for item in intersection.cells if item.groups == groups)


def test_a_cell_is_compared_with_all_rows_outside_it(prepare, engine):
    frame = people()
    plan, data = prepare(frame, CONFIG, cross=BOTH)

    (crossed,) = measure_intersections(plan, data, None, engine)

    here = (frame.sex == "f") & (frame.race == "black")
    hired, guessed = frame.hired == "yes", frame.guess == "yes"
    found = cell(crossed, "f", "black")
    assert found.rows == here.sum()
    assert metric(found.pre_training, "DPL").value == pytest.approx(hired[~here].mean() - hired[here].mean(), abs=1e-12)
    assert metric(found.post_training, "DPPL").value == pytest.approx(
        guessed[~here].mean() - guessed[here].mean(), abs=1e-12
    )
    recall = guessed[~here & hired].mean() - guessed[here & hired].mean()
    assert metric(found.post_training, "RD").value == pytest.approx(recall, abs=1e-12)
    assert found.post_training.facet == "sex × race"
    assert found.post_training.value_or_threshold == "f × black"


def test_a_facet_has_a_rest_unless_every_value_is_a_group(prepare, engine):
    plan, data = prepare(people(), CONFIG, cross=BOTH)

    (crossed,) = measure_intersections(plan, data, None, engine)

    assert {item.groups for item in crossed.cells} == {
        (sex, race) for sex in ("f", "rest") for race in ("black", "white", "other")
    }


def test_cells_of_three_facets_with_a_threshold_add_up_to_all_rows(prepare, engine):
    frame = people()
    plan, data = prepare(frame, CONFIG, cross=(("age", "sex", "race"),))

    (crossed,) = measure_intersections(plan, data, None, engine)

    assert len(crossed.cells) == 2 * 2 * 3
    assert sum(item.rows for item in crossed.cells) == len(frame)
    young = (frame.age <= 40) & (frame.sex == "f") & (frame.race == "other")
    assert cell(crossed, "rest", "f", "other").rows == young.sum()


def test_rows_with_an_unknown_coordinate_are_in_no_cell_and_in_no_rest(prepare, engine):
    frame = people(unknown=0.1)
    plan, data = prepare(frame, CONFIG, cross=BOTH)

    (crossed,) = measure_intersections(plan, data, None, engine)

    known = frame.sex.notna() & frame.race.notna()
    here = known & (frame.sex == "f") & (frame.race == "white")
    found, hired = cell(crossed, "f", "white"), frame.hired == "yes"
    assert crossed.unknown_rows == (~known).sum() > 0
    assert found.rows == here.sum()
    assert found.pre_training.counts.a.rows == (known & ~here).sum()
    assert metric(found.pre_training, "DPL").value == pytest.approx(
        hired[known & ~here].mean() - hired[here].mean(), abs=1e-12
    )


def test_an_empty_cell_is_listed_with_its_size_and_a_reason(prepare, engine):
    frame = people()
    frame = frame[(frame.sex == "m") | (frame.race != "other")]
    plan, data = prepare(frame, CONFIG, cross=BOTH)

    (crossed,) = measure_intersections(plan, data, None, engine)

    empty = cell(crossed, "f", "other")
    assert empty.rows == 0
    assert metric(empty.pre_training, "DPL").undefined_because is Reason.EMPTY_FACET
    assert metric(empty.pre_training, "DPL").interval is None


def test_groups_of_one_facet_may_overlap(prepare, engine):
    frame = people()
    facets = [{"name_or_index": "race", "value_or_threshold": values} for values in (["black", "other"], ["other"])]
    config = {**CONFIG, "facet": [*facets, CONFIG["facet"][0]]}
    plan, data = prepare(frame, config, cross=(("race", "sex"),))

    (crossed,) = measure_intersections(plan, data, None, engine)

    women = frame.sex == "f"
    sizes = {item.groups: item.rows for item in crossed.cells}
    assert sizes["black,other", "f"] == (women & frame.race.isin(["black", "other"])).sum()
    assert sizes["other", "f"] == (women & (frame.race == "other")).sum()
    assert sizes["rest", "f"] == (women & (frame.race == "white")).sum()


def test_strata_reach_the_conditional_metrics(prepare, engine):
    frame = people()
    plan, data = prepare(frame, {**CONFIG, "group_variable": "region"}, cross=BOTH)
    joined = frame.assign(both=np.where((frame.sex == "f") & (frame.race == "white"), "in", "out"))
    config = {**CONFIG, "group_variable": "region", "facet": [{"name_or_index": "both", "value_or_threshold": ["in"]}]}
    other_plan, other = prepare(joined, config)

    (crossed,) = measure_intersections(plan, data, None, engine)

    alone = measure_pre_training_bias(other_plan, other, engine).facets[0]
    assert cell(crossed, "f", "white").pre_training.metrics == alone.metrics
    assert cell(crossed, "f", "white").pre_training.counts == alone.counts


def test_the_flip_test_is_not_computed(prepare, engine):
    plan, data = prepare(people(), CONFIG, cross=BOTH)

    (crossed,) = measure_intersections(plan, data, None, engine)

    assert metric(crossed.cells[0].post_training, "FT").undefined_because is Reason.NOT_COMPUTED


def test_order_and_files_of_the_rows_change_nothing(prepare, engine):
    frame = people(unknown=0.05)
    facets = [
        {"name_or_index": "sex", "value_or_threshold": ["f"]},
        {"name_or_index": "race", "value_or_threshold": ["black"]},
    ]
    config = {**CONFIG, "facet": facets, "group_variable": "region"}
    shuffled = frame.sample(frac=1, random_state=1)

    one = measure_intersections(*prepare(frame, config, cross=BOTH), None, engine)
    other = measure_intersections(*prepare(shuffled, config, cross=BOTH, n_files=3), None, engine)

    assert repr(one) == repr(other)


def test_rows_and_counted_combinations_give_the_same(prepare, answer, engine):
    frame = people(unknown=0.05)
    plan, data = prepare(frame, CONFIG, cross=BOTH)
    kept, _ = answer(data, {"positive": np.zeros(len(frame), dtype=np.int8)})

    assert data.combinations is not None
    of_rows = measure_intersections(plan, replace(kept, combinations=None), None, engine)
    assert repr(of_rows) == repr(measure_intersections(plan, data, None, engine))


def test_the_models_decisions_are_what_is_crossed(prepare, answer, engine):
    frame = people()
    plan, data = prepare(frame, CONFIG, cross=BOTH)
    positive = np.where(frame.guess == "yes", 0, 1).astype(np.int8)
    positive[:7] = 2
    kept, scored = answer(data, {"positive": positive})

    (crossed,) = measure_intersections(plan, kept, scored, engine)

    here, known = (frame.sex == "f") & (frame.race == "black"), positive != 2
    said = pd.Series(positive == 1)
    expected = said[~here & known].mean() - said[here & known].mean()
    assert metric(cell(crossed, "f", "black").post_training, "DPPL").value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("cross", "said"),
    [
        ((("sex", "rase"),), "received rase .*\n.*'sex', 'race', 'age'\n.*did you mean 'race'"),
        ((("sex", "region"),), "received region"),
        ((("sex", "sex"),), "received sex,sex .*\n.*each facet once"),
        ((("sex",),), "received sex .*\n.*2 to 4 facets"),
        ((("sex", "race"), ("race", "sex")), "received race,sex .*\n.*each combination of facets once"),
    ],
)
def test_a_request_that_cannot_be_met_says_why(prepare, engine, cross, said):
    plan, data = prepare(people(40), CONFIG)

    with pytest.raises(ConfigError, match=said) as refused:
        measure_intersections(replace(plan, cross=cross), data, None, engine)

    assert {problem.code for problem in refused.value.problems} == {"CFG-CROSS"}


def test_more_than_a_thousand_cells_are_refused_with_their_number(prepare, engine):
    frame = people(2_400).assign(city=lambda f: "c" + (f.index % 40).astype(str), job=lambda f: f.index % 30)
    frame["job"] = "j" + frame["job"].astype(str)
    plan, data = prepare(frame, {**CONFIG, "facet": [{"name_or_index": "city"}, {"name_or_index": "job"}]},
                         cross=(("city", "job"),))

    with pytest.raises(ConfigError, match=r"city,job: 40 x 30 = 1,200 cells  \[CFG-CROSS\]"):
        measure_intersections(plan, data, None, engine)


def test_nothing_is_crossed_unasked(prepare, engine):
    plan, data = prepare(people(40), CONFIG)

    assert measure_intersections(plan, data, None, engine) == ()
