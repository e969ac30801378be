"""``segment_config`` on real files: slices by value and by interval, every facet within each."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from clarify.errors import ConfigError
from clarify.results import Reason
from clarify.steps.measure_bias import measure_post_training_bias, measure_pre_training_bias
from clarify.steps.segments import measure_segments

CONFIG = {
    "label": "hired",
    "label_values_or_threshold": ["yes"],
    "predicted_label": "guess",
    "facet": [{"name_or_index": "sex", "value_or_threshold": ["f"]}, {"name_or_index": "race"}],
    "group_variable": "race",
    "methods": {"pre_training_bias": {"methods": "all"}, "post_training_bias": {"methods": ["DPPL", "RD"]}},
}
AGES = {"name_or_index": "age", "segments": [["[18, 30]"], ["(30, 40)", "[60, inf)"]]}
REGIONS = {"name_or_index": "region", "segments": [["north", "east"]], "config_name": "places",
           "display_aliases": ["cold", "elsewhere"]}


def people(n=400, seed=3):
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "sex": draw.choice(["f", "m"], n),
        "race": draw.choice(["black", "white"], n),
        "age": draw.integers(18, 70, n),
        "region": draw.choice(["north", "south", "east"], n),
        "hired": draw.choice(["yes", "no"], n),
        "guess": draw.choice(["yes", "no"], n),
    })
    frame.loc[draw.random(n) < 0.1, "region"] = None
    return frame


def segments(prepare, engine, frame, *entries, config=CONFIG, **options):
    plan, data = prepare(frame, {**config, "segment_config": list(entries)}, **options)
    return measure_segments(plan, data, None, engine)


def test_intervals_open_and_closed_slice_a_column_of_numbers(prepare, engine):
    frame = people()

    young, others, rest = segments(prepare, engine, frame, AGES)

    assert (young.segment, others.segment, rest.segment) == ("[18, 30]", "(30, 40),[60, inf)", "__default__")
    assert young.rows == (frame.age <= 30).sum()
    assert others.rows == (((frame.age > 30) & (frame.age < 40)) | (frame.age >= 60)).sum()
    assert rest.rows == ((frame.age >= 40) & (frame.age < 60)).sum()
    assert (young.config_name, young.column, young.alias, rest.alias) == ("age", "age", "[18, 30]", "__default__")


def test_a_segment_measures_what_an_analysis_of_its_rows_alone_would(prepare, engine):
    frame = people()
    inside = frame.age <= 30

    young = segments(prepare, engine, frame, AGES)[0]

    plan, data = prepare(frame[inside], CONFIG)
    alone = {bias.value_or_threshold: bias for bias in measure_pre_training_bias(plan, data, engine).facets}
    assert [bias.facet for bias in young.pre_training] == ["sex", "race", "race"]
    for bias in young.pre_training:
        assert bias == alone[bias.value_or_threshold]
    after = {bias.value_or_threshold: bias for bias in measure_post_training_bias(plan, data, None, engine).facets}
    for bias in young.post_training:
        assert bias == after[bias.value_or_threshold]


def test_unknown_values_are_in_the_default_segment_and_counted_there(prepare, engine):
    frame = people()

    cold, rest = segments(prepare, engine, frame, REGIONS)

    unknown = frame.region.isna()
    assert cold.rows == frame.region.isin(["north", "east"]).sum()
    assert (rest.rows, rest.unknown_rows) == (((frame.region == "south") | unknown).sum(), unknown.sum())
    assert rest.unknown_rows > 0
    assert cold.unknown_rows == 0
    assert rest.pre_training[0].counts.d.rows == ((frame.sex == "f") & ((frame.region == "south") | unknown)).sum()


def test_names_and_aliases_reach_the_result(prepare, engine):
    found = segments(prepare, engine, people(), REGIONS, AGES)

    assert [(item.config_name, item.alias) for item in found] == [
        ("places", "cold"), ("places", "elsewhere"),
        ("age", "[18, 30]"), ("age", "(30, 40),[60, inf)"), ("age", "__default__"),
    ]


def test_a_column_is_named_by_position_and_single_numbers_are_segments(prepare, engine):
    frame = people()

    ages, _ = segments(prepare, engine, frame, {"name_or_index": 2, "segments": [[18, "19"]]})

    assert ages.column == "age"
    assert ages.rows == frame.age.isin([18, 19]).sum()


def test_integers_name_values_of_a_text_column(prepare, engine):
    frame = people().assign(zone=lambda f: np.where(f.age < 40, "7", "x"))

    seven, _ = segments(prepare, engine, frame, {"name_or_index": "zone", "segments": [[7]]})

    assert seven.rows == (frame.age < 40).sum()


def test_truth_values_are_named_in_either_spelling(prepare, engine):
    frame = people().assign(vip=lambda f: f.age < 40)

    vip, _ = segments(prepare, engine, frame, {"name_or_index": "vip", "segments": [["true"]]})

    assert vip.rows == (frame.age < 40).sum()


def test_a_segment_without_rows_has_metrics_with_a_reason(prepare, engine):
    empty = segments(prepare, engine, people(), {"name_or_index": "age", "segments": [["[200, 300]"]]})[0]

    assert empty.rows == 0
    assert {metric.undefined_because for metric in empty.pre_training[0].metrics} >= {Reason.EMPTY_FACET}


def test_order_and_files_of_the_rows_change_nothing(prepare, engine):
    frame = people()
    config = {**CONFIG, "facet": CONFIG["facet"][:1]}

    one = segments(prepare, engine, frame, AGES, REGIONS, config=config)
    shuffled = frame.sample(frac=1, random_state=1)
    other = segments(prepare, engine, shuffled, AGES, REGIONS, config=config, n_files=3)

    assert repr(one) == repr(other)


def test_the_models_decisions_are_counted_within_segments(prepare, answer, engine):
    frame = people()
    plan, data = prepare(frame, {**CONFIG, "segment_config": [AGES]})
    positive = (frame.guess != "yes").to_numpy().astype(np.int8)
    kept, scored = answer(data, {"positive": positive})

    young = measure_segments(plan, kept, scored, engine)[0]

    here, women, said = frame.age <= 30, frame.sex == "f", pd.Series(positive == 1)
    dppl = next(metric for metric in young.post_training[0].metrics if metric.name == "DPPL")
    assert dppl.value == pytest.approx(said[here & ~women].mean() - said[here & women].mean(), abs=1e-12)


@pytest.mark.parametrize(
    ("entry", "code", "said"),
    [
        ({"name_or_index": "age", "segments": [["[1, 30]"], ["[30, 40]"]]}, "CFG-SEGMENT-OVERLAP",
         r"segments\[1\]: received \[30, 40\], which overlaps \[1, 30\]"),
        ({"name_or_index": "region", "segments": [["a", "b"], ["b"]]}, "CFG-SEGMENT-OVERLAP", "received b, which"),
        ({"name_or_index": "age", "segments": [["(3, 1)"]]}, "CFG-SEGMENT-INTERVAL", r'segments\[0\]\[0\].*"\(3, 1\)"'),
        ({"name_or_index": "age", "segments": [["(3, 3]"]]}, "CFG-SEGMENT-INTERVAL", "smaller end first"),
        ({"name_or_index": "age", "segments": [["young"]]}, "CFG-SEGMENT-VALUE", 'received "young"'),
        ({"name_or_index": "age", "segments": [["[" * 101]]}, "CFG-SEGMENT-VALUE", "column 'age' holds ints"),
        ({"name_or_index": "rejion", "segments": [["a"]]}, "CFG-SEGMENT-COLUMN", "did you mean 'region'"),
        ({"name_or_index": 17, "segments": [["a"]]}, "CFG-SEGMENT-COLUMN", "allowed: 0 to 5"),
        ({"name_or_index": "region", "segments": [["a"]], "display_aliases": ["x", "y", "z"]}, "CFG-SEGMENT-ALIASES",
         "3 names for 1 segments"),
        ({"name_or_index": "region", "segments": [["a"]], "display_aliases": ["x", "x"]}, "CFG-SEGMENT-ALIASES",
         "each name once"),
        ({"name_or_index": "region", "segments": [["a"], []]}, "CFG-SEGMENT-EMPTY", r"segments\[1\]: received \[\]"),
        ({"name_or_index": "age", "segments": [[n] for n in range(101)]}, "CFG-SEGMENT-MANY", "101 segments"),
    ],
)
def test_a_segment_that_cannot_be_read_says_why(prepare, engine, entry, code, said):
    from clarify.config.analysis import Segment

    plan, data = prepare(people(40), CONFIG)
    config = plan.config.model_copy(update={"segment_config": (Segment.model_validate(entry, strict=False),)})

    with pytest.raises(ConfigError, match=said) as refused:
        measure_segments(replace(plan, config=config), data, None, engine)

    assert [problem.code for problem in refused.value.problems] == [code]


def test_two_entries_of_one_column_need_names(prepare, engine):
    from clarify.config.analysis import Segment

    plan, data = prepare(people(40), CONFIG)
    entries = tuple(Segment.model_validate({**AGES, "segments": [[n]]}, strict=False) for n in (1, 2))
    config = plan.config.model_copy(update={"segment_config": entries})

    with pytest.raises(ConfigError, match=r"segment_config\[1\].config_name: received \"age\"  \[CFG-SEGMENT-NAME\]"):
        measure_segments(replace(plan, config=config), data, None, engine)


def test_adjoining_intervals_do_not_overlap(prepare, engine):
    entry = {"name_or_index": "age", "segments": [["[18, 30]"], ["(30, 40)"], ["[40, 50)"], ["[50, inf)"]]}

    found = segments(prepare, engine, people(), entry)

    assert found[-1].rows == 0
