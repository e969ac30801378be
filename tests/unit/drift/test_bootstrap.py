import hashlib
import math
import time

import numpy as np
import pytest
from scipy.stats import binom, chisquare

from clarify.bias.catalog import BY_NAME, METRICS
from clarify.bias.contingency import ContingencyTable
from clarify.drift.bootstrap import _cells, _groups, bootstrap_intervals, draw_multinomial
from clarify.results import FlipCounts

ALL = tuple(metric.name for metric in METRICS)


def confusion(a=(120, 40, 60, 180), d=(20, 10, 15, 55)):
    return ContingencyTable.from_confusion(a=a, d=d).known()


def everything():
    counts = np.random.default_rng(0).integers(1, 90, (3, 3, 3, 9))
    table = ContingencyTable(counts, has_predictions=True, has_strata=True).known()
    return table.with_flips(FlipCounts(30, 14, 600))


def half_width(interval):
    return (interval.high - interval.low) / 2


def test_the_draws_are_of_the_binomial_exactly():
    """The first cell of a multinomial, against its probabilities."""
    for n, count in ((1, 1), (7, 3), (60, 2), (500, 430)):
        drawn = draw_multinomial(np.array([count, n + 1 - count]), key=f"{n}", draws=20_000)[:, 0]
        chance = binom.pmf(np.arange(n + 2), n + 1, count / (n + 1))
        likely = chance * 20_000 >= 5
        seen = np.bincount(drawn, minlength=n + 2)
        grouped = np.append(seen[likely], seen[~likely].sum()), np.append(chance[likely], chance[~likely].sum())
        at_all = grouped[1] > 1e-12

        assert chisquare(grouped[0][at_all], grouped[1][at_all] * 20_000).pvalue > 1e-4


@pytest.mark.parametrize("cells", [(1, 2), (2, 5), (39, 1), (20, 20), (1, 999), (600, 400), (40, 1_000_960)])
def test_each_word_selects_its_quantile_of_the_binomial(cells):
    # All but the last cell use one word a draw; ppf is the definition: the smallest k with P(X <= k) >= u.
    drawn = draw_multinomial(np.array(cells), key="quantiles", draws=2000)
    words = np.random.Philox(key=int.from_bytes(_digest("quantiles"), "little")).random_raw(2000)
    uniform = ((words >> np.uint64(12)).astype(float) + 0.5) * 2.0**-52

    assert drawn[:, 0].tolist() == binom.ppf(uniform, sum(cells), cells[0] / sum(cells)).astype(int).tolist()


def _digest(key):
    return hashlib.blake2b(key.encode(), digest_size=16).digest()


def test_the_draws_are_the_same_for_ever():
    """Computed once by the definition with another implementation of the binomial; see the test above."""
    drawn = draw_multinomial(np.array([5, 0, 10, 25]), key="clarify", draws=3)
    words = np.random.Philox(key=int.from_bytes(_digest("clarify"), "little")).random_raw(9).reshape(3, 3)
    uniform = ((words >> np.uint64(12)).astype(float) + 0.5) * 2.0**-52
    first = binom.ppf(uniform[0], 40, 5 / 40).astype(int)
    third = binom.ppf(uniform[1], 40 - first, 10 / 35).astype(int)

    assert drawn.tolist() == np.column_stack([first, 0 * first, third, 40 - first - third]).tolist()


def test_every_draw_has_all_rows_and_empty_cells_stay_empty():
    drawn = draw_multinomial(np.array([0, 12, 0, 300, 1, 0]), key="k", draws=1000)

    assert (drawn.sum(axis=1) == 313).all()
    assert (drawn[:, [0, 2, 5]] == 0).all()


def test_the_cells_of_a_draw_vary_together_as_in_a_multinomial():
    cells = np.array([200, 300, 500])
    drawn = draw_multinomial(cells, key="covariance", draws=40_000)

    # Covariance of cells i and j: -n p_i p_j; its standard error at 40,000 draws is below 1.5.
    assert np.cov(drawn.T)[0, 1:] == pytest.approx([-60, -100], abs=6)
    assert drawn.mean(axis=0) == pytest.approx(cells, abs=0.4)


def test_no_cells_draw_no_rows():
    assert draw_multinomial(np.zeros(4, dtype=np.int64), key="k", draws=2).tolist() == [[0] * 4] * 2


def test_the_cells_of_a_group_are_all_that_is_counted_of_it():
    for group in (everything().a, everything().d, everything().everyone):
        assert _groups(_cells(group)[None]) == [group]


def test_an_interval_is_the_value_and_the_deviation_of_its_resamples():
    # DPPL of (160 of 400) and (30 of 100): deviation sqrt(.4 * .6 / 400 + .3 * .7 / 100) = .05196; 1,000 resamples
    # know it to 2.3 % (one standard error), the random facet sizes add less than 1 %.
    interval = bootstrap_intervals(confusion(), ["DPPL"], key="k")["DPPL"]

    assert (interval.low + interval.high) / 2 == pytest.approx(0.1, abs=1e-12)
    assert half_width(interval) == pytest.approx(1.959964 * 0.0519615, rel=0.08)


def test_the_level_sets_the_width():
    wide, narrow = (bootstrap_intervals(confusion(), ["AD"], key="k", level=level)["AD"] for level in (0.99, 0.5))

    assert half_width(wide) / half_width(narrow) == pytest.approx(2.5758293 / 0.6744898, rel=1e-6)


def test_class_imbalance_varies_with_the_sizes_of_the_facets():
    # CI = 1 - 2 q with q = .2 of 500: deviation 2 sqrt(.16 / 500) = .03578.
    interval = bootstrap_intervals(confusion(), ["CI"], key="k")["CI"]

    assert half_width(interval) == pytest.approx(1.959964 * 0.0357771, rel=0.08)


def test_flips_vary_as_a_share_of_facet_d():
    # (14 - 30) / 600: deviation sqrt((44 / 600 - (16 / 600)^2) / 600) = .01100.
    interval = bootstrap_intervals(everything(), ["FT"], key="k")["FT"]

    assert half_width(interval) == pytest.approx(1.959964 * 0.0110019, rel=0.08)


def test_conditional_disparity_in_one_stratum_is_the_disparity_of_two_shares():
    # Facet d holds 30 of 75 rejected and 20 of 125 accepted: sqrt(.4 * .6 / 75 + .16 * .84 / 125) = .06541.
    counts = np.zeros((3, 3, 3, 2), dtype=np.int64)
    counts[0, :2, 2, 0], counts[1, :2, 2, 0] = [45, 105], [30, 20]
    table = ContingencyTable(counts, has_strata=True).known()

    interval = bootstrap_intervals(table, ["CDDL"], key="k")["CDDL"]

    assert (interval.low + interval.high) / 2 == pytest.approx(0.24, abs=1e-12)
    assert half_width(interval) == pytest.approx(1.959964 * 0.0654095, rel=0.08)


def test_the_same_key_gives_the_same_bits_and_another_key_others():
    first, again, other = (bootstrap_intervals(everything(), ALL, key=key) for key in ("a", "a", "b"))

    assert first == again
    assert all(first[name] != other[name] for name in ALL)


def test_an_interval_does_not_depend_on_which_metrics_are_asked_for():
    together = bootstrap_intervals(everything(), ALL, key="k")

    for name in ("FT", "CDDPL", "GE"):
        assert bootstrap_intervals(everything(), [name], key="k")[name] == together[name]


def test_an_undefined_metric_has_no_interval():
    table = confusion(d=(20, 0, 15, 55))

    intervals = bootstrap_intervals(table, ["TE", "CDDL", "FT", "RD"], key="k")

    assert [name for name, interval in intervals.items() if interval is None] == ["TE", "CDDL", "FT"]


def test_infinite_resamples_are_left_out():
    # One false positive in facet d: a resample has none of it with chance e^-1 = .37, and TE is then infinite.
    interval = bootstrap_intervals(confusion(d=(20, 1, 15, 55)), ["TE"], key="k")["TE"]

    assert 0 < half_width(interval) < math.inf


def test_one_resample_has_no_deviation():
    assert bootstrap_intervals(confusion(), ["DPL"], key="k", resamples=1)["DPL"] is None


def test_a_resample_without_predicted_positives_counts_as_aws_reads_it():
    # Facet d has two positive predictions, both right, so a resampled precision is 1, or 0/0 = 0 with chance
    # e^-2 = .135: deviation sqrt(.135 * .865) = .342, beside sqrt(.653 * .347 / 49) = .068 of facet a.
    table = confusion(a=(32, 17, 130, 45), d=(2, 0, 78, 30))

    interval = bootstrap_intervals(table, ["DAR"], key="k")["DAR"]

    assert half_width(interval) == pytest.approx(1.959964 * math.hypot(0.342, 0.068), rel=0.1)


def test_the_value_is_the_honest_one_of_the_table():
    table = everything()

    for name, interval in bootstrap_intervals(table, ALL, key="k", resamples=50).items():
        assert (interval.low + interval.high) / 2 == pytest.approx(float(BY_NAME[name].formula(table)), abs=1e-9)


def test_all_metrics_of_a_table_take_less_than_two_seconds():
    """Measured .2 to .4 s on an idle core; the rest is room for a busy machine."""
    before = time.process_time()
    bootstrap_intervals(everything(), ALL, key="k")

    assert time.process_time() - before < 2
