"""The flip test on many rows: exact while the pairs are few, then a stated sample that no cut of the work changes."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from clarify.bias.counted import pool
from clarify.bias.deciding import read_off
from clarify.config.policy import read_policy
from clarify.data import dataset as datasets
from clarify.engines.local import LocalEngine
from clarify.results import Reason
from clarify.steps import flip_neighbours
from clarify.steps.flip_neighbours import Draw, flips_of_facets
from clarify.steps.judge import judge
from clarify.steps.measure_bias import TallyPlan, measure_post_training_bias, tabulate

CONFIG = {
    "label": "label",
    "label_values_or_threshold": [1],
    "predicted_label": "predicted",
    "facet": [{"name_or_index": "sex", "value_or_threshold": ["f"]}],
    "methods": {"post_training_bias": {"methods": ["FT", "DPPL"]}},
}


def people(n=4_000, seed=0) -> pd.DataFrame:
    """Women need five points more than men, so that about every tenth would have been decided otherwise."""
    draw = np.random.default_rng(seed)
    points, female = draw.normal(50, 20, n), draw.random(n) < 0.4
    return pd.DataFrame(
        {
            "sex": np.where(female, "f", "m"),
            "points": points.round(3),
            "noise": draw.normal(0, 0.01, n).round(6),
            "label": draw.integers(0, 2, n),
            "predicted": (points > np.where(female, 55, 50)).astype(int),
        }
    )


@pytest.fixture
def few_pairs(monkeypatch):
    """As if the flip test of 4,000 rows were too much: 400 of facet d among 1,000 of facet a are not."""
    monkeypatch.setattr(flip_neighbours, "MOST_PAIRS", 400_000)
    monkeypatch.setattr(flip_neighbours, "MOST_NEIGHBOURS", 1_000)
    monkeypatch.setattr(flip_neighbours, "FEWEST_ASKED", 100)


def flip_metric(plan, data, engine):
    section = measure_post_training_bias(plan, data, None, engine)
    return next(metric for metric in section.facets[0].metrics if metric.name == "FT")


def test_all_rows_are_asked_while_the_pairs_are_few(prepare, engine):
    plan, data = prepare(people(), CONFIG)
    metric = flip_metric(plan, data, engine)

    assert metric.detail == ""
    assert metric.aws.value == metric.value


def test_beyond_them_a_sample_is_asked_and_says_so(prepare, engine, few_pairs):
    frame = people()
    n_d, n_a = int((frame.sex == "f").sum()), int((frame.sex == "m").sum())

    plan, data = prepare(frame, CONFIG)
    metric = flip_metric(plan, data, engine)

    assert metric.detail.startswith("estimated from a sample: ")
    assert f" of {n_d:,} rows of facet d were asked" in metric.detail
    assert f" of {n_a:,} rows of facet a" in metric.detail
    assert metric.undefined_because is None
    assert metric.aws.value is None
    assert metric.aws.error == "FlipTest is quadratic in the rows and was estimated from a sample of them"


def test_the_interval_of_a_sample_covers_the_value_of_all_rows(prepare, engine, monkeypatch, few_pairs):
    plan, data = prepare(people(), CONFIG)
    sampled = flip_metric(plan, data, engine)

    monkeypatch.setattr(flip_neighbours, "MOST_PAIRS", 10**9)
    exact = flip_metric(plan, data, engine)

    assert sampled.interval.low < exact.value < sampled.interval.high
    assert sampled.interval.high - sampled.interval.low > 1.5 * (exact.interval.high - exact.interval.low)


@pytest.mark.parametrize(
    ("low", "high", "verdict"), [(-0.5, 0.5, "PASS"), (-0.5, -0.4, "VIOLATION"), (-0.1, 0.0, "INCONCLUSIVE")]
)
def test_a_verdict_on_a_sample_can_be_read_off_the_interval_of_that_sample(
    prepare, engine, few_pairs, low, high, verdict
):
    policy = read_policy(json.dumps(
        {"version": "1.0", "name": "p", "ranges": [{"metric": "FT", "low": low, "high": high}]}
    ).encode())  # fmt: skip
    plan, data = prepare(people(), CONFIG)

    section = measure_post_training_bias(replace(plan, policy=policy), data, None, engine)
    (judgement,) = judge(policy, None, section).judgements

    # About 400 women are asked: nearly one in ten would be accepted as a man, few refused.
    assert judgement.verdict == verdict
    assert read_off(judgement.deciding, low, high) == verdict
    assert judgement.deciding.low < judgement.value < judgement.deciding.high
    assert 0.03 < judgement.deciding.high - judgement.deciding.low < 0.12


def test_counts_of_a_sample_are_kept_apart_from_those_of_the_facet_and_never_pooled(prepare, engine, few_pairs):
    plan, data = prepare(people(), CONFIG)

    (facet,) = measure_post_training_bias(plan, data, None, engine).facets

    asked, metric = facet.sampled_flips, next(metric for metric in facet.metrics if metric.name == "FT")
    assert facet.flips is None
    assert metric.value == pytest.approx((asked.to_negative - asked.to_positive) / asked.n_d, abs=1e-15)
    assert (pool([facet, facet]).flips, pool([facet, facet]).sampled_flips) == (None, None)


def test_the_sample_is_the_same_however_the_rows_are_cut(prepare, engine, monkeypatch, few_pairs):
    def flips(n_files: int, workers: int):
        plan, data = prepare(people(), CONFIG, n_files=n_files)
        tally = TallyPlan(data.facets, data.outcome_label, data.predicted_label, None)
        with LocalEngine(workers=workers) as cut_up:
            tables = tabulate(cut_up, data.to_tally, tally, scored=None)
            return flips_of_facets(plan, data, None, cut_up, tables)

    whole = flips(1, 1)
    monkeypatch.setattr(datasets, "ROW_GROUP_ROWS", 256)

    assert flips(3, 1) == whole
    assert whole[0].known.n_d == pytest.approx(400, abs=60)      # binomial: a standard deviation of 17


def test_a_draw_takes_its_share_and_depends_on_the_place_and_the_seed_alone():
    draw = Draw(seed=7, share_a=0.25, share_d=0.5)

    whole = draw.takes(1_000, 40_000, facet_d=False)
    tail = draw.takes(31_000, 10_000, facet_d=False)

    assert whole.mean() == pytest.approx(0.25, abs=0.01)         # 4 standard deviations are 0.009
    assert (whole[30_000:] == tail).all()
    assert (whole != Draw(8, 0.25).takes(1_000, 40_000, facet_d=False)).any()
    assert (draw.takes(1_000, 40_000, facet_d=True) >= whole).all()


def test_text_among_the_features_is_a_reason_whatever_the_size(prepare, engine, few_pairs):
    plan, data = prepare(people().assign(name="x"), CONFIG)
    metric = flip_metric(plan, data, engine)

    assert metric.undefined_because is Reason.NON_NUMERIC_FEATURES
    assert metric.detail == "FlipTest does not support non-numeric columns"
