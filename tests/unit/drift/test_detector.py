import math

import numpy as np
import pytest

from clarify.drift.detector import Detection, alarm_at, replay, start, update, update_many
from clarify.errors import ConstraintsError

LOG_2 = math.log(2)


def random_windows(n, components=8, seed=0):
    return [tuple(row) for row in np.random.default_rng(seed).normal(-0.2, 0.7, (n, components))]


def test_doubling_evidence_alarms_in_the_fourth_window_at_thirty():
    # M <- (M + 1) * 2: 2, 6, 14, 30.
    detections = [replay([(LOG_2,)] * n, 30.0) for n in (1, 2, 3, 4)]

    assert [math.exp(found.log_m[0]) for found in detections[:3]] == pytest.approx([2, 6, 14], rel=1e-12)
    assert [found.alarm for found in detections] == [False, False, False, True]


def test_evidence_is_the_logarithm_of_the_mean_over_the_logarithm_of_the_alarm():
    # One component doubles, one halves: (2 + .5) / 2 = 1.25.
    found = update(start(2), (LOG_2, -LOG_2), 30.0)

    assert found.evidence == pytest.approx(math.log(1.25) / math.log(30), rel=1e-12)


def test_evidence_against_a_change_is_none_at_all():
    assert update(start(1), (-3.0,), 30.0).evidence == 0.0


def test_an_alarm_has_all_evidence_and_starts_every_sum_again():
    found = update(start(3), (5.0, -1.0, 0.5), 30.0)

    assert found == Detection(start(3), 1.0, True)


def test_after_an_alarm_the_series_goes_on_as_from_the_start():
    after = replay([(9.0, 0.1), (0.3, 0.2)], 30.0)

    assert after == replay([(0.3, 0.2)], 30.0)


def test_a_component_that_says_nothing_is_left_alone():
    found = update((math.log(3), -math.inf), (0.0, 0.0), 30.0)

    assert found.log_m == (math.log(3), -math.inf)


def test_windows_without_rows_never_alarm():
    """Counted as E = 1 they would: M is then the number of windows, 30 after 30 of them."""
    found = replay([(0.0,) * 8] * 1000, 30.0)

    assert found == Detection(start(8), 0.0, False)


def test_a_side_without_a_limit_never_alarms():
    one_sided = [(-0.5, -0.5, 0.0, 0.0)] * 1000

    assert not any(replay(one_sided[:n], 30.0).alarm for n in (30, 60, 61, 120, 1000))


@pytest.mark.parametrize("seed", range(5))
def test_replaying_windows_equals_updating_window_by_window(seed):
    windows, state = random_windows(60, seed=seed), start(8)
    for log_e in windows:
        found = update(state, log_e, 12.0)
        state = found.log_m

    assert replay(windows, 12.0) == found


def test_replay_goes_on_from_a_state():
    windows = random_windows(40)
    first = replay(windows[:25], 1e6)

    assert replay(windows[25:], 1e6, first.log_m) == replay(windows, 1e6)


def test_replaying_no_window_keeps_the_state():
    assert replay([], 30.0, (0.5, -math.inf)) == Detection((0.5, -math.inf), 0.0, False)


def test_many_series_at_once_equal_one_at_a_time():
    state, log_e = np.random.default_rng(1).normal(0, 1, (2, 20, 8))
    alarms_at = np.linspace(2, 30, 20)

    log_m, evidence, alarm = update_many(state, log_e, alarms_at)

    alone = [update(tuple(m), tuple(e), c) for m, e, c in zip(state, log_e, alarms_at, strict=True)]
    assert [Detection(*row) for row in zip(map(tuple, log_m.tolist()), evidence.tolist(), alarm.tolist(), strict=True)
            ] == alone
    assert 0 < alarm.sum() < 20


def test_the_alarm_is_windows_times_series_per_alarm_allowed():
    # Daily windows, 13 metrics of 4 facets, two alarms a month.
    assert alarm_at(30, 52, 2.0) == 780


def test_an_alarm_takes_evidence_of_two_to_one_whatever_the_budget():
    assert alarm_at(1, 1, 10.0) == 2.0


def test_sums_of_another_length_are_refused():
    with pytest.raises(ConstraintsError, match=r"log_m: received 6 sums  \[DRIFT-STATE-LENGTH\]\n  allowed: 8 sums"):
        update(start(6), (0.1,) * 8, 30.0)
