"""The probe tells steady models from those that answer otherwise the second time, or in other company."""

import numpy as np
import pytest

from clarify.explain.probe import probe_steadiness

ROWS = np.random.default_rng(0).normal(size=(30, 3))


def steady(rows):
    return rows[:, :1] * 2 + rows[:, 1:2]


def batch_variant(rows):
    return steady(rows) + 1e-12 * (len(rows) > 100)


class Noisy:
    def __init__(self):
        self.generator = np.random.default_rng(1)

    def __call__(self, rows):
        return steady(rows) + self.generator.normal(size=(len(rows), 1))


@pytest.mark.parametrize(
    ("model", "expected"), [(steady, "steady"), (batch_variant, "batch_variant"), (Noisy(), "noisy")]
)
def test_models_are_told_apart(model, expected):
    assert probe_steadiness(model, ROWS).steadiness == expected


def test_a_missing_answer_equals_itself_and_no_rows_prove_nothing():
    assert probe_steadiness(lambda rows: np.full((len(rows), 1), np.nan), ROWS).steadiness == "steady"
    assert probe_steadiness(Noisy(), np.empty((0, 3))).steadiness == "steady"


def test_the_noise_is_told_per_output_and_after_the_link():
    generator = np.random.default_rng(3)

    def two_outputs(rows):
        half = np.full((len(rows), 2), 0.5)
        return half + generator.normal(size=half.shape) * [0.01, 0.04]

    noise = probe_steadiness(two_outputs, ROWS).noise
    log_odds = probe_steadiness(two_outputs, ROWS, use_logit=True).noise

    assert noise == pytest.approx((0.01, 0.04), rel=0.3)
    assert log_odds == pytest.approx((0.04, 0.16), rel=0.3)          # the logit has slope 4 at one half
    assert probe_steadiness(steady, ROWS).noise == ()
