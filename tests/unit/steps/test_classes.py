"""A label of several classes on real files: each class against the rest, and the worst class of every metric."""

import numpy as np
import pandas as pd
import pytest

from clarify.steps.classes import measure_classes
from clarify.steps.measure_bias import measure_post_training_bias, measure_pre_training_bias

CONFIG = {
    "label": "grade",
    "label_values_or_threshold": ["a", "b"],
    "predicted_label": "guess",
    "facet": [{"name_or_index": "sex", "value_or_threshold": ["f"]}, {"name_or_index": "race"}],
    "group_variable": "region",
    "methods": {"pre_training_bias": {"methods": "all"}, "post_training_bias": {"methods": ["DI", "FT", "GE", "RD"]}},
}


def people(n=500, seed=4):
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "sex": draw.choice(["f", "m"], n),
        "race": draw.choice(["black", "white"], n),
        "region": draw.choice(["north", "south"], n),
        "grade": draw.choice(["a", "b", "c", "d"], n, p=[0.4, 0.3, 0.2, 0.1]),
    })
    frame["guess"] = np.where(draw.random(n) < 0.6, frame.grade, draw.choice(["a", "b", "c", "d"], n))
    frame.loc[frame.index[:9], "sex"] = None
    return frame


def classes(prepare, engine, frame, config=CONFIG, **options):
    return measure_classes(*prepare(frame, config, **options), None, engine)


def worst(section, metric, group="f"):
    return next(item for item in section.worst if (item.metric, item.value_or_threshold) == (metric, group))


def test_each_class_is_measured_as_an_analysis_with_it_as_the_positive_label_would(prepare, engine):
    frame = people()

    section = classes(prepare, engine, frame)

    assert [(item.label_value, item.rows) for item in section.classes] == [
        (name, (frame.grade == name).sum()) for name in "abcd"
    ]
    plan, data = prepare(frame, {**CONFIG, "label_values_or_threshold": ["c"]})
    assert section.classes[2].pre_training == measure_pre_training_bias(plan, data, engine).facets
    alone = measure_post_training_bias(plan, data, None, engine).facets
    for bias, other in zip(section.classes[2].post_training, alone, strict=True):
        assert bias.counts == other.counts
        assert [m for m in bias.metrics if m.name != "FT"] == [m for m in other.metrics if m.name != "FT"]


def test_the_worst_class_is_the_one_furthest_from_the_ideal(prepare, engine):
    frame = people()
    frame.loc[(frame.sex == "f") & (frame.index % 3 == 0), "grade"] = "d"
    women, men = frame[frame.sex == "f"], frame[frame.sex == "m"]
    gaps = {name: (men.grade == name).mean() - (women.grade == name).mean() for name in "abcd"}

    section = classes(prepare, engine, frame)

    found = worst(section, "DPL")
    assert found.label_value == max(gaps, key=lambda name: abs(gaps[name])) == "d"
    assert found.value == pytest.approx(gaps["d"], abs=1e-12)
    assert found.value < 0


def test_the_worst_ratio_counts_a_half_as_far_as_a_double(prepare, engine):
    frame = people()
    women, men = frame[frame.sex == "f"], frame[frame.sex == "m"]
    ratios = {name: (women.guess == name).mean() / (men.guess == name).mean() for name in "abcd"}

    found = worst(classes(prepare, engine, frame), "DI")

    assert found.label_value == max(ratios, key=lambda name: abs(np.log(ratios[name])))


def test_the_worst_classes_interval_holds_for_all_four_classes_together(prepare, engine):
    section = classes(prepare, engine, people())

    found = worst(section, "DPL")
    alone = next(item for item in section.classes if item.label_value == found.label_value)
    single = next(metric for metric in alone.pre_training[0].metrics if metric.name == "DPL").interval
    assert found.interval.level == pytest.approx(1 - 0.05 / 4)
    assert found.interval.low < single.low < single.high < found.interval.high
    assert (section.level, single.level) == (0.95, 0.95)


def test_what_does_not_read_the_label_has_no_worst_class(prepare, engine):
    section = classes(prepare, engine, people())

    assert {item.metric for item in section.worst if item.stage == "pre_training"} == {
        "CDDL", "DPL", "JS", "KL", "KS", "LP", "TVD"
    }
    assert {item.metric for item in section.worst if item.stage == "post_training"} == {"DI", "GE", "RD"}


def test_numbers_are_classes_in_order_of_size_whatever_the_prediction_writes(prepare, engine):
    draw = np.random.default_rng(0)
    frame = people().assign(grade=draw.choice([2, 10, 3], 500))
    frame["guess"] = np.where(draw.random(500) < 0.7, frame.grade, 2) * 1.0

    section = classes(prepare, engine, frame, {**CONFIG, "label_values_or_threshold": [2, 3]})

    assert [item.label_value for item in section.classes] == ["2", "3", "10"]
    women = section.classes[2].post_training[0].counts.d
    assert women.true_positives == ((frame.sex == "f") & (frame.grade == 10) & (frame.guess == 10)).sum()


def test_classes_that_only_predictions_name_are_told_of(prepare, engine):
    frame = people()
    frame.loc[frame.index[:12], "guess"] = "z"

    section = classes(prepare, engine, frame)

    (notice,) = section.notices
    assert notice.code == "CLASSES-UNSEEN"
    assert "12 rows are predicted as 'z'" in notice.message


def test_classes_that_a_model_names_are_compared(prepare, answer, engine):
    frame = people()
    plan, data = prepare(frame, CONFIG)
    labels = frame.guess.to_list()
    labels[0] = ""
    kept, scored = answer(data, {"positive": np.zeros(500, dtype=np.int8), "label": labels})

    section = measure_classes(plan, kept, scored, engine)

    counts = section.classes[0].post_training[0].counts.d
    said = pd.Series(labels)
    assert counts.positive_predictions == ((frame.sex == "f") & (said == "a")).sum()
    assert counts.true_positives == ((frame.sex == "f") & (said == "a") & (frame.grade == "a")).sum()
    assert sum(getattr(section.classes[0].post_training[0].counts, side).unknown_predictions
               for side in ("a", "d", "unknown")) == 1


def test_a_number_that_is_a_class_is_compared_with_the_labels(prepare, answer, engine):
    frame = people().assign(grade=lambda f: f.grade.map({"a": 1, "b": 2, "c": 3, "d": 4}), guess=1)
    plan, data = prepare(frame, {**CONFIG, "label_values_or_threshold": [1, 2]})
    said = np.tile([1.0, 3.0], 250)
    kept, scored = answer(data, {"positive": np.zeros(500, dtype=np.int8), "score:label0": said}, names_class=True)

    section = measure_classes(plan, kept, scored, engine)

    women = section.classes[2].post_training[0].counts.d
    assert women.true_positives == ((frame.sex == "f") & (frame.grade == 3) & (said == 3)).sum()


def test_a_model_that_only_scores_leaves_the_labels_classes_alone(prepare, answer, engine):
    plan, data = prepare(people(), CONFIG)
    kept, scored = answer(data, {"positive": np.zeros(500, dtype=np.int8), "score:label0": np.full(500, 0.3)})

    section = measure_classes(plan, kept, scored, engine)

    assert section.classes[0].post_training == ()
    assert section.classes[0].pre_training
    assert [(notice.code, notice.field) for notice in section.notices] == [("CLASSES-NO-PREDICTIONS", "predictor")]


def test_order_and_files_of_the_rows_change_nothing(prepare, engine):
    frame = people()
    config = {**CONFIG, "facet": CONFIG["facet"][:1]}

    one = classes(prepare, engine, frame, config)
    other = classes(prepare, engine, frame.sample(frac=1, random_state=1), config, n_files=3)

    assert repr(one) == repr(other)


def test_two_classes_and_a_continuous_label_are_left_alone(prepare, engine):
    frame = people()
    binary = frame.assign(grade=np.where(frame.grade == "a", "a", "b"), guess=np.where(frame.guess == "a", "a", "b"))
    config = {**CONFIG, "label_values_or_threshold": ["a"]}
    numbers = frame.assign(grade=np.arange(500) / 7, guess=np.arange(500) / 9)

    assert classes(prepare, engine, binary, config) is None
    assert classes(prepare, engine, numbers, {**CONFIG, "label_values_or_threshold": [30]}) is None


def test_more_than_fifty_classes_are_told_of_and_not_measured(prepare, engine):
    frame = people(600).assign(grade=lambda f: "g" + (f.index % 60).astype(str))
    config = {**CONFIG, "label_values_or_threshold": ["g1", "g2"]}
    config = {key: value for key, value in config.items() if key != "predicted_label"}
    config["methods"] = {"pre_training_bias": {"methods": "all"}}

    section = classes(prepare, engine, frame, config)

    assert section.classes == ()
    assert section.notices[0].code == "CLASSES-TOO-MANY"
    assert "column 'grade' has 60 different values" in section.notices[0].message
