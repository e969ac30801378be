"""Attribution drift: what the service's rule says, what it cannot see, and how often the decision errs."""

from dataclasses import replace

import numpy as np
import pytest

from clarify.drift.attribution_drift import (
    Attributions,
    attribution_drift,
    attribution_status,
    check_attribution_drift,
    ndcg,
    window_level,
)
from clarify.drift.attribution_statistics import compare, permutations_for
from clarify.errors import DataError
from clarify.records import Status
from clarify.results import Reason


def rows_of(profile, n, seed):
    """Local attributions whose mean magnitudes have a profile: Laplace and normal in turn, rows scaled lognormally."""
    random = np.random.default_rng(seed)
    shape = (n, len(profile))
    laplace, normal = random.laplace(size=shape), np.sqrt(np.pi / 2) * random.normal(size=shape)
    mixed = np.where(np.arange(len(profile)) % 2 == 0, laplace, normal)
    return mixed * np.exp(0.5 * random.normal(size=(n, 1))) * np.asarray(profile)


def named(profile):
    return [f"x{place}" for place in range(len(profile))]


def checked(reference, live, **options):
    options = {"features": named(live[0]), "label": "label0", "key": "k", "level": 0.05, **options}
    return check_attribution_drift(reference, live, **options)


def decision(output):
    return next(finding for finding in output.findings if finding.rule == "decision")


def service(output):
    return next(finding for finding in output.findings if finding.rule == "sagemaker")


# --- nDCG -------------------------------------------------------------------------------------------------------------


def test_ndcg_of_the_published_example():
    # (.05 + .5 / log2(3) + .7 / 2) / (.7 + .5 / log2(3) + .05 / 2) by hand; AWS prints 0.69
    gained = 0.05 + 0.5 / np.log2(3) + 0.7 / 2
    best = 0.7 + 0.5 / np.log2(3) + 0.05 / 2

    assert ndcg([0.70, 0.50, 0.05], [0.10, 0.20, 0.70]) == pytest.approx(gained / best, abs=1e-12)
    assert round(gained / best, 3) == 0.688


def test_ndcg_is_that_of_scikit_learn_with_and_without_ties():
    ndcg_score = pytest.importorskip("sklearn.metrics").ndcg_score
    random = np.random.default_rng(1)

    for _ in range(300):
        n = int(random.integers(2, 15))
        reference, live = (random.integers(0, 6, n) / 5 + 0.01 for _ in range(2))
        assert ndcg(reference, live) == pytest.approx(ndcg_score([reference], [live]), abs=1e-12)


def test_ties_share_their_discounts():
    # two features tie for places one and two: each has the mean of 1 and 1 / log2(3)
    shared = (1 + 1 / np.log2(3)) / 2
    gained = 3 * shared + 1 * shared + 2 * 0.5
    best = 3 + 2 / np.log2(3) + 1 * 0.5

    assert ndcg([3, 1, 2], [7, 7, 1]) == pytest.approx(gained / best, abs=1e-12)


@pytest.mark.parametrize(
    ("reference", "live", "expected"),
    [
        ([0.3], [0.9], 1.0),                        # one feature has one order
        ([0, 0], [0, 0], 1.0),
        ([0, 0], [0, 1], 0.0),
        ([1, 2], [0, 0], 0.0),
        ([-0.5, 0.2], [-0.4, 0.1], 1.0),            # medians have a sign, importance has none
        ([0.5, 0.2], [-0.4, 0.1], 1.0),
    ],
)
def test_edges_of_ndcg(reference, live, expected):
    assert ndcg(reference, live) == expected


# --- the service's rule -----------------------------------------------------------------------------------------------


def test_a_violation_reads_as_the_services():
    then, now = np.array([0.70, 0.50, 0.05]), np.array([0.10, 0.20, 0.70])
    rows = np.ones((40, 3))
    value = ndcg(then, now)

    output = checked(rows, rows, reference_global=then, live_global=now)

    assert service(output).status is Status.VIOLATION
    assert service(output).text == f"Feature attribution drift {value} exceeds threshold 0.9"


def test_the_services_rule_passes_at_the_threshold_itself():
    then, now = np.array([0.70, 0.50, 0.05]), np.array([0.10, 0.20, 0.70])
    rows = np.ones((40, 3))

    output = checked(rows, rows, reference_global=then, live_global=now, threshold=ndcg(then, now))

    assert service(output).status is Status.PASS


def test_global_values_only_leave_the_decision_open():
    then, now = np.array([0.70, 0.50, 0.05]), np.array([0.10, 0.20, 0.70])

    output = checked(
        np.empty((0, 3)), np.ones((200, 3)), reference_global=then, live_global=now, features=["a", "b", "c"]
    )

    assert service(output).status is Status.VIOLATION
    assert (decision(output).status, decision(output).reason) == (Status.INCONCLUSIVE, Reason.NO_REFERENCE)
    assert "save_local_shap_values" in decision(output).text
    assert [feature.p for feature in output.features] == [None, None, None]
    assert output.features[0].reference_share == pytest.approx(0.70 / 1.25)
    assert output.features[0].ratio == pytest.approx(0.10 / 0.70)
    assert output.scale == pytest.approx(1.00 / 1.25)


def test_the_aggregation_of_the_rows_is_what_the_service_compares():
    # mean |phi|: 4 and 3; median: 0 and 3
    then = np.array([[0.0, 3.0], [0.0, 3.0], [12.0, 3.0]] * 12)
    now = np.array([[5.0, 3.0]] * 36)

    by_mean, by_median = (checked(then, now, aggregation=name) for name in ("mean_abs", "median"))

    assert by_mean.ndcg == 1.0
    assert by_median.ndcg == pytest.approx(1 / np.log2(3))      # the only gain has fallen to the second place


# --- what the decision sees -------------------------------------------------------------------------------------------

PROFILE = np.array([0.40, 0.20, 0.10, 0.09, 0.08, 0.07, 0.06])


def test_a_shift_of_magnitude_without_change_of_order_is_invisible_to_ndcg_and_seen_by_the_decision():
    moved = np.array([0.46, 0.45, 0.10, 0.09, 0.08, 0.07, 0.06])

    output = checked(rows_of(PROFILE, 3_000, 1), rows_of(moved, 300, 2))

    assert output.ndcg == 1.0
    assert service(output).status is Status.PASS
    assert (decision(output).status, decision(output).reason) == (Status.VIOLATION, Reason.DRIFT)
    assert "'x1' has" in decision(output).text


@pytest.mark.parametrize("times", [2, 3])
def test_a_feature_that_grows_with_its_place_is_named_with_its_size(times):
    grown = PROFILE * np.array([times, 1, 1, 1, 1, 1, 1])

    output = checked(rows_of(PROFILE, 3_000, 3), rows_of(grown, 300, 4))

    top = output.features[0]
    assert output.ndcg > 0.99
    assert service(output).status is Status.PASS
    assert decision(output).status is Status.VIOLATION
    assert top.material
    assert top.p == 1 / 1000
    assert top.ratio_interval.low < times < top.ratio_interval.high
    assert decision(output).text.startswith("'x0' has")
    assert f"{top.ratio:.3g} times as large" in decision(output).text


def test_a_shuffle_within_the_noise_of_a_flat_profile_is_no_drift():
    flat = np.full(10, 0.1)

    output = checked(rows_of(flat, 2_000, 5), rows_of(flat, 200, 6))

    assert output.ndcg < 1.0                                     # the order did change
    assert decision(output).status is not Status.VIOLATION


def test_the_top_two_of_a_flat_profile_may_change_places_where_they_may_not_in_a_steep_one():
    steep = 0.8 ** np.arange(10)
    swapped = steep[[1, 0, *range(2, 10)]]

    output = checked(rows_of(steep, 5_000, 7), rows_of(swapped, 1_000, 8))

    assert output.ndcg > 0.90                                    # so the fixed threshold says nothing
    assert output.ndcg < output.ndcg_threshold
    assert output.p_ndcg == 1 / 1000
    assert "the order of features has changed" in decision(output).text


def test_a_change_of_scale_is_reported_apart():
    grown = 1.5 * PROFILE

    output = checked(rows_of(PROFILE, 5_000, 9), rows_of(grown, 1_000, 10))

    assert output.scale == pytest.approx(1.5, abs=0.15)
    assert output.share_distance < 0.02
    assert decision(output).status is Status.VIOLATION


def test_a_tripled_feature_without_weight_is_unusual_but_not_material():
    profile = np.array([1.0, 0.5, 0.25, 0.0006])
    grown = profile * np.array([1, 1, 1, 3])

    output = checked(rows_of(profile, 3_000, 11), rows_of(grown, 300, 12))

    assert output.features[3].p == 1 / 1000
    assert not output.features[3].material
    assert decision(output).status is not Status.VIOLATION


def test_shares_ratio_and_scale_are_those_of_the_mean_magnitudes():
    then = np.array([[1.0, -3.0], [-1.0, 5.0]] * 20)             # means of |phi|: 1 and 4
    now = np.array([[2.0, 2.0], [-2.0, -4.0]] * 20)              # 2 and 3

    output = checked(then, now)

    first, second = output.features
    assert (first.reference_share, first.share, first.ratio) == pytest.approx((0.2, 0.4, 2.0))
    assert (second.reference_share, second.share, second.ratio) == pytest.approx((0.8, 0.6, 0.75))
    assert output.share_distance == pytest.approx(0.2)
    assert output.scale == pytest.approx(1.0)


def test_the_interval_of_a_ratio_is_that_of_the_difference_of_logarithms():
    then, now = rows_of([1.0, 2.0], 400, 13), rows_of([1.0, 2.0], 100, 14)
    m1, m0 = np.abs(now[:, 0]), np.abs(then[:, 0])
    error = np.sqrt(m1.var(ddof=1) / (100 * m1.mean() ** 2) + m0.var(ddof=1) / (400 * m0.mean() ** 2))
    change = np.log(m1.mean() / m0.mean())

    interval = checked(then, now).features[0].ratio_interval

    expected = np.exp([change - 1.959964 * error, change + 1.959964 * error])
    assert (interval.low, interval.high) == pytest.approx(tuple(expected), rel=1e-6)


def test_squares_are_tested_when_squares_are_aggregated():
    then, now = rows_of([1.0, 2.0], 400, 13), rows_of([1.0, 2.0], 100, 14)

    output = checked(then, now, aggregation="mean_sq")

    assert output.features[0].ratio == pytest.approx(np.mean(now[:, 0] ** 2) / np.mean(then[:, 0] ** 2), rel=1e-9)


# --- PASS and undecided -----------------------------------------------------------------------------------------------


def test_many_rows_without_a_change_pass():
    output = checked(rows_of(PROFILE, 10_000, 15), rows_of(PROFILE, 1_000, 16))

    assert decision(output).status is Status.PASS
    assert all(f.ratio_interval.low >= 0.8 and f.ratio_interval.high <= 1.25 for f in output.features)


def test_few_rows_without_a_change_are_undecided():
    output = checked(rows_of(PROFILE, 1_000, 17), rows_of(PROFILE, 60, 18))

    assert (decision(output).status, decision(output).reason) == (Status.INCONCLUSIVE, Reason.TOO_FEW)
    assert "neither show a material change nor rule it out" in decision(output).text


@pytest.mark.parametrize(("n_reference", "n_window"), [(300, 29), (29, 300), (300, 1), (1, 40)])
def test_fewer_than_thirty_rows_are_undecided_whatever_they_show(n_reference, n_window):
    output = checked(rows_of(PROFILE, n_reference, 19), 100 * rows_of(PROFILE[::-1], n_window, 20))

    assert (decision(output).status, decision(output).reason) == (Status.INCONCLUSIVE, Reason.TOO_FEW)


def test_a_model_that_never_moves_its_score_passes():
    output = checked(np.zeros((100, 3)), np.zeros((50, 3)))

    assert output.ndcg == 1.0
    assert decision(output).status is Status.PASS
    assert service(output).status is Status.PASS


@pytest.mark.parametrize(("then", "now"), [(0.0, 1.0), (1.0, 0.0)])
def test_a_model_that_falls_silent_or_awakes_is_a_violation_of_both_rules(then, now):
    output = checked(np.full((100, 3), then), np.full((50, 3), now))

    assert decision(output).status is Status.VIOLATION
    assert service(output).status is Status.VIOLATION
    assert output.share_distance == 1.0


def test_one_feature_is_judged_by_its_magnitude_alone():
    output = checked(rows_of([1.0], 1_000, 21), rows_of([3.0], 100, 22))

    assert (output.ndcg, output.p_ndcg, output.p_share) == (1.0, 1.0, 1.0)
    assert output.features[0].p == 1 / 1000
    assert decision(output).status is Status.VIOLATION


def test_a_feature_unused_in_both_disturbs_nothing():
    then, now = rows_of([1.0, 0.5, 0.0], 8_000, 23), rows_of([1.0, 0.5, 0.0], 800, 24)

    output = checked(then, now)

    unused = output.features[2]
    assert (unused.ratio, unused.p, unused.material) == (1.0, 1.0, False)
    assert decision(output).status is Status.PASS


def test_a_feature_that_comes_alive_is_named():
    then, now = rows_of([1.0, 0.5, 0.0], 1_000, 25), rows_of([1.0, 0.5, 0.3], 100, 26)

    output = checked(then, now)

    assert output.features[2].ratio is None
    assert decision(output).status is Status.VIOLATION
    assert "none in the reference" in decision(output).text


# --- the same bytes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("aggregation", ["mean_abs", "median", "mean_sq"])
def test_the_order_of_the_rows_changes_no_bit(aggregation):
    then, now = rows_of(PROFILE, 400, 27), rows_of(PROFILE, 90, 28)
    then[5:9], now[3] = then[0], now[0]                          # copies too
    shuffle = np.random.default_rng(0).permutation

    first = checked(then, now, aggregation=aggregation)
    second = checked(shuffle(then), shuffle(now), aggregation=aggregation)

    assert repr(first) == repr(second)


def test_the_unit_of_the_score_changes_no_share_and_no_ratio():
    then, now = rows_of(PROFILE, 400, 27), rows_of(PROFILE, 90, 28)

    small, large = checked(then * 2.0**-900, now * 2.0**-900), checked(then * 2.0**400, now * 2.0**400)

    for tiny, huge in zip(small.features, large.features, strict=True):
        assert (tiny.share, tiny.ratio, tiny.ratio_interval) == (huge.share, huge.ratio, huge.ratio_interval)
    assert (small.ndcg, small.scale) == (large.ndcg, large.scale)


def test_another_key_draws_other_splits():
    then, now = rows_of(PROFILE, 400, 27), rows_of(PROFILE, 90, 28)

    assert checked(then, now, key="a").p_share != checked(then, now, key="b").p_share


# --- error rates, at the settings of the specification's simulation ---------------------------------------------------

P_SIMULATED = 199


def simulated(profile, changed, *, n, runs, seed):
    """p-values of the three tests over runs: nDCG, shares, features; 1,000 reference rows."""
    found = []
    for run in range(runs):
        then, now = rows_of(profile, 1_000, (seed, run, 0)), rows_of(changed, n, (seed, run, 1))
        result = compare(np.abs(then), np.abs(now), level=0.15, permutations=P_SIMULATED, key=f"{seed}/{run}")
        found.append((result.p_ndcg, result.p_share, result.p_features))
    order, share, features = zip(*found, strict=True)
    return np.array(order), np.array(share), np.array(features)


@pytest.mark.parametrize("decay", [0.8, 0.97])
def test_without_a_change_each_test_alarms_about_as_often_as_its_level(decay):
    profile = decay ** np.arange(10)
    runs = 120

    order, share, features = simulated(profile, profile, n=100, runs=runs, seed=1)

    # level .05 of 120 runs: mean 6, standard deviation 2.4; .05 + 3.5 standard deviations = .12
    for p_values in (order, share, features.min(axis=1)):
        assert (p_values <= 0.05).mean() <= 0.12


def test_the_top_feature_grown_by_half_is_missed_by_ndcg_and_seen_by_the_others():
    profile = 0.8 ** np.arange(10)
    grown = profile * np.array([1.5] + [1] * 9)

    order, share, features = simulated(profile, grown, n=100, runs=50, seed=2)

    # specification: .01, .80 and .53 (.48 of them the right feature); 50 runs have a standard deviation of .07
    assert (order <= 0.05).mean() <= 0.15
    assert 0.58 <= (share <= 0.05).mean() <= 1.0
    assert 0.28 <= (features.min(axis=1) <= 0.05).mean() <= 0.78
    assert (features.argmin(axis=1) == 0).mean() >= 0.6


def test_a_tripled_feature_of_a_flat_profile_is_seen_by_shares_and_magnitudes():
    profile = 0.97 ** np.arange(10)
    grown = profile * np.where(np.arange(10) == 5, 3, 1)

    order, share, features = simulated(profile, grown, n=100, runs=30, seed=3)

    # specification: .34, 1.00, 1.00
    assert 0.05 <= (order <= 0.05).mean() <= 0.70
    assert (share <= 0.05).mean() >= 0.95
    assert (features[:, 5] <= 0.05).mean() >= 0.95


def test_a_tiny_feature_tripled_among_fifty_is_seen_by_magnitude_alone():
    profile = 0.8 ** np.arange(50)
    grown = profile * np.where(np.arange(50) == 25, 3, 1)

    order, share, features = simulated(profile, grown, n=100, runs=30, seed=4)

    # specification: .04, .07, 1.00
    assert (order <= 0.05).mean() <= 0.20
    assert (share <= 0.05).mean() <= 0.25
    assert (features[:, 25] <= 0.05).mean() >= 0.95


def test_the_decision_alarms_on_nothing_about_as_rarely_as_promised():
    profile = 0.8 ** np.arange(6)
    runs, alarms = 150, 0

    for run in range(runs):
        then, now = rows_of(profile, 600, (5, run, 0)), rows_of(profile, 60, (5, run, 1))
        output = checked(then, now, key=str(run), permutations=199)
        alarms += decision(output).status is Status.VIOLATION

    # at most .05: 7.5 alarms expected at most, standard deviation 2.7
    assert alarms <= 17


# --- levels -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alarms", "windows", "level"), [(1, 30, 1 / 30), (1, 720, 1 / 720), (2, 4, 0.05), (1, 0.33, 0.05), (1, 0, 0.05)]
)
def test_a_window_has_its_part_of_the_months_budget(alarms, windows, level):
    assert window_level(alarms, windows) == pytest.approx(level)


@pytest.mark.parametrize("level", [0.05, 1 / 30, 1 / 720, 1 / 43_200])
def test_there_are_always_enough_splits_for_an_alarm(level):
    smallest_p = 1 / (permutations_for(level) + 1)

    assert smallest_p <= level / 3 / 5 * (1 + 1e-9)
    assert permutations_for(level) >= 999


def test_an_hourly_window_can_alarm():
    grown = PROFILE * np.array([3, 1, 1, 1, 1, 1, 1])

    output = checked(rows_of(PROFILE, 500, 31), rows_of(grown, 50, 32), level=window_level(1, 720))

    assert decision(output).status is Status.VIOLATION


# --- all outputs of a window ------------------------------------------------------------------------------------------


def attributions(*profiles, n, seed, labels=("no", "yes"), features="abc"):
    values = np.stack([rows_of(profile, n, (seed, place)) for place, profile in enumerate(profiles)], axis=1)
    return Attributions(tuple(labels), tuple(features), values)


STILL = (np.array([3.0, 2.0, 1.0]), np.array([1.0, 2.0, 3.0]))


def compared(reference, live, **options):
    options = {"rule": "decision", "aggregation": "mean_abs", "level": 0.05, "key": "k", **options}
    return attribution_drift(reference, live, **options)


def test_features_and_labels_are_matched_by_name():
    reference = attributions(*STILL, n=600, seed=1)
    live = attributions(*STILL, n=60, seed=2)
    turned = Attributions(("yes", "no"), ("c", "a", "b"), live.values[:, ::-1][:, :, [2, 0, 1]])

    assert compared(reference, turned) == compared(reference, live)


def test_other_features_are_refused_by_name():
    reference, live = attributions(*STILL, n=60, seed=1), attributions(*STILL, n=60, seed=2, features="abd")

    with pytest.raises(DataError, match=r"features: received a, b, d \(without c; with d\)  \[DRIFT-FEATURES\]"):
        compared(reference, live)


def test_other_labels_are_refused_by_name():
    reference, live = attributions(*STILL, n=60, seed=1), attributions(*STILL, n=60, seed=2, labels=("no", "maybe"))

    with pytest.raises(DataError, match=r"labels: received no, maybe \(without yes; with maybe\)  \[DRIFT-LABELS\]"):
        compared(reference, live)


def test_rows_without_attributions_are_left_out_and_counted():
    reference, live = attributions(*STILL, n=1_000, seed=1), attributions(*STILL, n=60, seed=2)
    gone = live.values.copy()
    gone[[3, 9], 1, 2] = np.nan

    drift = compared(reference, replace(live, values=gone))

    assert (drift.rows, drift.reference_rows) == (58, 1_000)
    kept = replace(live, values=np.delete(live.values, [3, 9], axis=0))
    assert drift.outputs == compared(reference, kept).outputs
    (notice,) = drift.notices
    assert (notice.code, notice.message) == (
        "DRIFT-ROWS-LEFT-OUT", "2 of 60 rows have no attributions and are left out"
    )


def test_no_row_with_attributions_is_an_error():
    reference, live = attributions(*STILL, n=60, seed=1), attributions(*STILL, n=60, seed=2)

    with pytest.raises(DataError, match=r"no row with attributions  \[DRIFT-NO-ROWS\]"):
        compared(reference, replace(live, values=np.full_like(live.values, np.nan)))


def test_infinite_attributions_are_an_error():
    reference, live = attributions(*STILL, n=60, seed=1), attributions(*STILL, n=60, seed=2)
    live.values[0, 0, 0] = np.inf

    with pytest.raises(DataError, match=r"window: received infinite attributions  \[DRIFT-INFINITE\]"):
        compared(reference, live)


def test_a_reference_smaller_than_ten_windows_is_told():
    drift = compared(attributions(*STILL, n=599, seed=1), attributions(*STILL, n=60, seed=2))

    (notice,) = drift.notices
    assert notice.code == "DRIFT-REFERENCE-SMALL"
    assert "599 rows" in notice.message


def test_outputs_share_the_level():
    reference, live = attributions(*STILL, n=600, seed=1), attributions(*STILL, n=60, seed=2)

    drift = compared(reference, live, level=0.04)

    alone = checked(reference.values[:, 0], live.values[:, 0], features=list("abc"), label="no", level=0.02)
    assert drift.outputs[0] == alone
    assert drift.level == 0.04


def test_the_status_is_that_of_the_worst_output_and_says_which():
    reference = attributions(*STILL, n=3_000, seed=1)
    live = attributions(STILL[0], STILL[1] * np.array([4, 1, 1]), n=300, seed=2)

    status, reason, headline = attribution_status(compared(reference, live))

    assert (status, reason) == (Status.VIOLATION, Reason.DRIFT)
    assert headline.startswith("yes: 'a' has")


def test_the_status_is_that_of_the_monitors_own_rule():
    reference = attributions(*STILL, n=3_000, seed=1)
    live = attributions(STILL[0], STILL[1] * np.array([1, 1, 4]), n=300, seed=2)

    status, reason, headline = attribution_status(compared(reference, live, rule="sagemaker"))

    assert (status, reason) == (Status.PASS, None)
    assert headline == "no: nDCG 1.0 is not below threshold 0.9; yes: nDCG 1.0 is not below threshold 0.9"


def test_the_promise_names_the_share_of_windows():
    drift = compared(attributions(*STILL, n=600, seed=1), attributions(*STILL, n=60, seed=2), level=1 / 30)

    assert "at most one window in 30 ends in VIOLATION" in drift.promise


def test_the_fixed_threshold_promises_nothing():
    reference, live = attributions(*STILL, n=600, seed=1), attributions(*STILL, n=60, seed=2)

    assert "It promises nothing" in compared(reference, live, rule="sagemaker").promise
