"""A continuous label, its prediction and the error compared between facets, from real files."""

import numpy as np
import pandas as pd
import pytest

from clarify.results import Reason
from clarify.steps import outcome_gaps
from clarify.steps.outcome_gaps import measure_outcome_gaps, row_hashes

CONFIG = {
    "label": "income",
    "label_values_or_threshold": [30],
    "predicted_label": "estimate",
    "facet": [{"name_or_index": "sex", "value_or_threshold": ["f"]}, {"name_or_index": "region"}],
    "methods": {"pre_training_bias": {"methods": ["DPL"]}, "post_training_bias": {"methods": ["DPPL"]}},
}
LABEL_ONLY = {**{k: v for k, v in CONFIG.items() if k != "predicted_label"}, "methods": {
    "pre_training_bias": {"methods": ["DPL"]}}}


def people(n=300, seed=5, unknown=0.0):
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "sex": draw.choice(["f", "m"], n),
        "region": draw.choice(["north", "south", "east"], n),
        "income": draw.lognormal(3.5, 0.5, n).round(2),
    })
    frame["estimate"] = (frame.income * draw.lognormal(0, 0.1, n)).round(3)
    for column in ("sex", "income", "estimate"):
        frame.loc[draw.random(n) < unknown, column] = np.nan if column != "sex" else None
    return frame


def gaps(prepare, engine, frame, config=CONFIG, **options):
    return measure_outcome_gaps(*prepare(frame, config, **options), None, engine)


def gap(found, outcome, group="f"):
    return next(item for item in found if (item.outcome, item.value_or_threshold) == (outcome, group))


def test_means_and_quantiles_are_those_of_the_rows(prepare, engine):
    frame = people(unknown=0.1)
    women, men = frame[frame.sex == "f"].income.dropna(), frame[frame.sex == "m"].income.dropna()

    found = gap(gaps(prepare, engine, frame), "label")

    assert (found.rows_a, found.rows_d) == (len(men), len(women))
    assert found.mean_a == pytest.approx(men.mean(), rel=1e-14)
    assert found.gap == pytest.approx(men.mean() - women.mean(), rel=1e-12)
    for quantile in found.quantiles:
        assert quantile.gap == pytest.approx(men.quantile(quantile.level) - women.quantile(quantile.level), rel=1e-12)
    assert found.interval.low < found.gap < found.interval.high


def test_the_error_is_prediction_minus_label_where_both_are_known(prepare, engine):
    frame = people(unknown=0.1)
    error = (frame.estimate - frame.income).dropna()
    women, men = error[frame.sex == "f"], error[frame.sex == "m"]

    found = gap(gaps(prepare, engine, frame), "error")

    assert (found.rows_a, found.rows_d) == (len(men), len(women))
    assert found.gap == pytest.approx(men.mean() - women.mean(), rel=1e-9)


def test_every_group_of_every_facet_has_its_gaps_in_the_configs_order(prepare, engine):
    found = gaps(prepare, engine, people())

    assert [(item.facet, item.outcome) for item in found[:4]] == [
        ("sex", "label"), ("sex", "prediction"), ("sex", "error"), ("region", "label")
    ]
    assert len(found) == 3 * (1 + 3)


def test_a_model_that_speaks_in_the_labels_unit_is_compared(prepare, answer, engine):
    frame = people()
    plan, data = prepare(frame, CONFIG)
    scores = frame.income.to_numpy() + np.where(frame.sex == "f", -3.0, 1.0)
    scores[5] = np.nan
    columns = {"positive": np.zeros(300, dtype=np.int8), "score:label0": scores}
    kept, scored = answer(data, columns, speaks_in_labels=True)

    found = gap(measure_outcome_gaps(plan, kept, scored, engine), "error")

    assert found.rows_a + found.rows_d == 299
    assert found.gap == pytest.approx(4.0, abs=1e-12)


def test_a_score_in_another_unit_is_not_compared(prepare, answer, engine):
    plan, data = prepare(people(), CONFIG)
    kept, scored = answer(data, {"positive": np.zeros(300, dtype=np.int8), "score:label0": np.full(300, 0.5)})

    assert {item.outcome for item in measure_outcome_gaps(plan, kept, scored, engine)} == {"label"}


def test_integers_used_by_threshold_are_an_outcome(prepare, engine):
    frame = people(60).assign(income=lambda f: f.index)

    found = gap(gaps(prepare, engine, frame, LABEL_ONLY), "label")

    assert found.gap == pytest.approx(frame[frame.sex == "m"].income.mean() - frame[frame.sex == "f"].income.mean())


def test_classes_and_two_values_are_no_outcome(prepare, engine):
    words = people().assign(income=lambda f: np.where(f.income > 30, "high", "low"))
    two = people().assign(income=lambda f: np.where(f.income > 30, 1.5, 0.5))

    assert gaps(prepare, engine, words, {**LABEL_ONLY, "label_values_or_threshold": ["high"]}) == ()
    assert gaps(prepare, engine, two, {**LABEL_ONLY, "label_values_or_threshold": [1]}) == ()


def test_a_facet_without_known_outcomes_has_a_reason(prepare, engine):
    frame = people()
    frame.loc[frame.sex == "f", "income"] = np.nan

    found = gap(gaps(prepare, engine, frame, LABEL_ONLY), "label")

    assert (found.gap, found.undefined_because) == (None, Reason.NO_ROWS)


def test_order_and_files_of_the_rows_change_nothing(prepare, engine):
    frame = people(unknown=0.1)
    config = {**CONFIG, "facet": CONFIG["facet"][:1]}

    one = gaps(prepare, engine, frame, config)
    other = gaps(prepare, engine, frame.sample(frac=1, random_state=1), config, n_files=3)

    assert repr(one) == repr(other)


def test_a_large_dataset_keeps_exact_means_and_samples_large_sides_alone(prepare, engine, monkeypatch):
    monkeypatch.setattr(outcome_gaps, "MOST_ROWS_HELD", 600)
    monkeypatch.setattr(outcome_gaps, "FEWEST_ROWS_HELD", 300)
    frame = people(4_000)
    frame["sex"] = np.where(frame.index % 20 == 0, "f", "m")
    config = {**CONFIG, "facet": CONFIG["facet"][:1]}
    women, men = frame[frame.sex == "f"].income, frame[frame.sex == "m"].income

    found = gap(gaps(prepare, engine, frame, config), "label")

    assert found.mean_a == pytest.approx(men.mean(), rel=1e-14)
    assert found.rows_a == 3_800
    # 200 women are all held, of 3,800 men about 300: sd sqrt(300 * .92) = 17
    assert found.sampled_rows - 200 == pytest.approx(300, abs=70)
    median = found.quantiles[2]
    assert median.d == pytest.approx(women.median(), rel=1e-12)
    # the sample's median has a standard error of 1.25 * sd / sqrt(300), about 1.3 of 33
    assert median.a == pytest.approx(men.median(), abs=5)
    assert median.a != pytest.approx(men.median(), rel=1e-12)


def test_a_sampled_analysis_is_repeated_to_the_bit(prepare, engine, monkeypatch):
    monkeypatch.setattr(outcome_gaps, "MOST_ROWS_HELD", 100)
    monkeypatch.setattr(outcome_gaps, "FEWEST_ROWS_HELD", 40)

    one, other = (gaps(prepare, engine, people(), n_files=n) for n in (1, 2))

    assert repr(one) == repr(other)
    assert all(item.sampled_rows for item in one)


def test_hashes_of_row_numbers_do_not_depend_on_where_the_rows_are_cut():
    whole = row_hashes(0, 10_000)

    assert (np.concatenate([row_hashes(0, 10), row_hashes(10, 9_990)]) == whole).all()
    # a tenth of them, as of random numbers: sd 30
    assert (whole < np.uint64(2**64 // 10)).sum() == pytest.approx(1_000, abs=120)
