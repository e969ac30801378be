"""Where a denominator is zero: what AWS's library prints, and the reason the honest value is missing."""

import math

import pytest

from clarify.bias.catalog import BY_NAME
from clarify.bias.contingency import ContingencyTable, FlipFailure
from clarify.bias.evaluate import aws_value, estimate
from clarify.bias.flip_test import NON_NUMERIC
from clarify.results import AwsValue, FlipCounts, Reason

SOME = (4, 3, 2, 1)
NOBODY = (0, 0, 0, 0)


def readings(name, *, a=SOME, d=SOME, flips=None):
    table = ContingencyTable.from_confusion(a=a, d=d)
    metric = BY_NAME[name]
    return aws_value(metric, table.as_aws().with_flips(flips)), estimate(metric, table.known().with_flips(flips))


EMPTY_D = [
    ("CI", "CI: facet set is empty. Check that x[facet] has non-zero length."),
    ("DPL", "Facet set is empty."), ("DPPL", "Facet set is empty."), ("DI", "Facet set is empty"),
    ("AD", "Facet set is empty"), ("TE", "Facet set is empty"), ("FT", "Facet set is empty"),
    ("DCA", "DCO: Facet set is empty"), ("DCR", "DCO: Facet set is empty"),
    ("DAR", "DLR: Facet set is empty"), ("DRR", "DLR: Facet set is empty"),
    ("RD", "DLA: Facet set is empty"), ("SD", "DLA: Facet set is empty"),
    *[(name, "No instance of common facet found, dataset may be too small")
      for name in ("KL", "JS", "LP", "TVD", "KS")],
]
EMPTY_A = [
    ("CI", "CI: negated facet set is empty. Check that x[~facet] has non-zero length."),
    ("DPL", "Negative facet set is empty."), ("DPPL", "Negative facet set is empty."),
    ("DI", "Negated facet set is empty"),
    ("AD", "Negated Facet set is empty"), ("TE", "Negated Facet set is empty"), ("FT", "Negated Facet set is empty"),
    ("DCA", "DCO: Negated Facet set is empty"), ("DCR", "DCO: Negated Facet set is empty"),
    ("DAR", "DLR: Negated Facet set is empty"), ("DRR", "DLR: Negated Facet set is empty"),
    ("RD", "DLA: Negated Facet set is empty"), ("SD", "DLA: Negated Facet set is empty"),
]


@pytest.mark.parametrize(("name", "text"), EMPTY_D)
def test_an_empty_facet_d_gives_the_text_of_the_library_and_the_reason_empty_facet(name, text):
    aws, honest = readings(name, d=NOBODY)

    assert aws == AwsValue(None, text)
    assert honest.value is None
    assert honest.undefined_because is Reason.EMPTY_FACET
    assert honest.plausible is None


@pytest.mark.parametrize(("name", "text"), EMPTY_A)
def test_an_empty_facet_a_gives_the_text_of_the_library_and_the_reason_single_group(name, text):
    aws, honest = readings(name, a=NOBODY)

    assert aws == AwsValue(None, text)
    assert honest.undefined_because is Reason.SINGLE_GROUP
    assert honest.plausible is None


@pytest.mark.parametrize(("name", "d", "aws_expected"), [
    ("RD", (0, 3, 0, 1), 4 / 6),          # no positive label in d: TPR_d is 0/0
    ("SD", (4, 0, 2, 0), -1 / 4),         # no negative label in d
    ("DAR", (0, 0, 2, 1), 4 / 7),         # no positive prediction in d
    ("DRR", (4, 3, 0, 0), -1 / 3),        # no negative prediction in d
    ("TE", (4, 0, 0, 1), -2 / 3),         # no error in d
    ("DCA", (0, 0, 0, 5), 6 / 7),         # neither a positive label nor a positive prediction in d
])
def test_a_rate_with_nobody_behind_it_is_zero_for_the_library_and_has_no_rows_for_us(name, d, aws_expected):
    aws, honest = readings(name, d=d)

    assert aws.value == pytest.approx(aws_expected, abs=1e-15)
    assert honest.undefined_because is Reason.NO_ROWS
    assert honest.plausible is None


@pytest.mark.parametrize(("name", "a", "d", "aws_expected", "low", "high"), [
    ("DI", (0, 0, 2, 1), SOME, math.inf, None, math.inf),
    ("TE", SOME, (4, 0, 2, 1), math.inf, None, math.inf),
    ("TE", (4, 0, 2, 1), SOME, -math.inf, -math.inf, None),
    ("TE", (4, 0, 2, 1), (4, 0, 2, 1), 0.0, -math.inf, math.inf),
    ("DCA", (0, 0, 2, 1), SOME, math.inf, None, math.inf),
    ("DCA", SOME, (0, 0, 2, 1), -math.inf, -math.inf, None),
    ("DCR", SOME, (4, 3, 0, 0), math.inf, None, math.inf),
    ("DCR", (4, 3, 0, 0), SOME, -math.inf, -math.inf, None),
])
def test_a_zero_below_the_line_makes_only_the_side_it_feeds_infinite(name, a, d, aws_expected, low, high):
    aws, honest = readings(name, a=a, d=d)
    interval = honest.plausible.interval()

    assert aws.value == aws_expected
    assert honest.undefined_because is Reason.ZERO_DENOMINATOR
    assert interval.low == low if low is not None else math.isfinite(interval.low)
    assert interval.high == high if high is not None else math.isfinite(interval.high)


def test_disparate_impact_of_nothing_over_nothing_is_zero_for_the_library_and_undefined_for_us():
    aws, honest = readings("DI", a=(0, 0, 2, 1), d=(0, 0, 2, 1))

    assert aws.value == 0.0
    assert honest.undefined_because is Reason.ZERO_DENOMINATOR
    assert honest.detail == "DI is undefined: positive_predictions_a=0"


def test_divergences_take_the_missing_class_into_account_where_the_library_drops_it():
    def of(name):
        return readings(name, a=(3, 0, 0, 2), d=(0, 0, 0, 1))

    # a (0.4, 0.6), d (1, 0): the library compares the negative class only
    assert of("TVD")[0].value == pytest.approx(0.3)
    assert of("TVD")[1].value == pytest.approx(0.6)
    assert of("KS")[1].value == pytest.approx(0.6)
    assert of("LP")[1].value == pytest.approx(0.6 * math.sqrt(2))
    mean = (0.7, 0.3)
    js = 0.5 * (0.4 * math.log(0.4 / mean[0]) + 0.6 * math.log(0.6 / mean[1]) + math.log(1 / mean[0]))
    assert of("JS")[1].value == pytest.approx(js, abs=1e-15)


def test_kl_is_undefined_when_d_lacks_a_class_of_a_and_its_interval_says_that_it_is_smoothed():
    aws, honest = readings("KL", a=(3, 0, 0, 2), d=(0, 0, 0, 1))

    assert aws.value == pytest.approx(0.4 * math.log(0.4))
    assert honest.undefined_because is Reason.ZERO_DENOMINATOR
    assert "smoothed" in honest.detail
    assert math.isfinite(honest.plausible.interval().high)


def test_kl_exists_when_only_a_lacks_a_class():
    honest = readings("KL", a=(0, 0, 0, 5), d=(1, 0, 0, 3))[1]

    assert honest.value == pytest.approx(math.log(4 / 3))


def test_facets_without_a_common_class_have_a_distance_of_one_and_an_error_in_the_library():
    aws, honest = readings("TVD", a=(3, 0, 0, 0), d=(0, 0, 0, 2))

    assert aws.error == "No instance of common facet found, dataset may be too small"
    assert honest.value == 1.0
    assert readings("JS", a=(3, 0, 0, 0), d=(0, 0, 0, 2))[1].value == pytest.approx(math.log(2))


@pytest.mark.parametrize(("name", "a", "d", "text", "reason"), [
    ("CDDL", [(0, 5)], [(0, 3)], "No positive labels in set", Reason.SINGLE_CLASS),
    ("CDDL", [(5, 0)], [(3, 0)], "No negative labels in set", Reason.SINGLE_CLASS),
])
def test_cddl_needs_both_labels(name, a, d, text, reason):
    table = ContingencyTable.from_label_strata(a=a, d=d)

    honest = estimate(BY_NAME[name], table.known())

    assert aws_value(BY_NAME[name], table.as_aws()) == AwsValue(None, text)
    assert honest.undefined_because is reason
    assert honest.plausible is None


@pytest.mark.parametrize("name", ["CDDL", "CDDPL"])
def test_conditional_disparity_without_a_group_variable_names_it(name):
    aws, honest = readings(name)

    assert aws == AwsValue(None, "Group variable is empty or not provided")
    assert honest.undefined_because is Reason.NO_GROUP_VARIABLE


def test_cddl_of_an_empty_facet_d_is_zero_for_the_library_and_undefined_for_us():
    table = ContingencyTable.from_label_strata(a=[(3, 5)], d=[(0, 0)])

    assert aws_value(BY_NAME["CDDL"], table.as_aws()).value == 0.0
    assert estimate(BY_NAME["CDDL"], table.known()).undefined_because is Reason.EMPTY_FACET


def test_a_stratum_without_rejections_contributes_its_accepted_share_only():
    # stratum 1: 2 of 10 accepted are d, nobody rejected; stratum 2: 5 of 10 rejected, 1 of 10 accepted
    table = ContingencyTable.from_label_strata(a=[(8, 0), (9, 5)], d=[(2, 0), (1, 5)])

    honest = estimate(BY_NAME["CDDL"], table.known())

    assert honest.value == pytest.approx((10 * (0 - 0.2) + 20 * (0.5 - 0.1)) / 30)


def test_generalised_entropy_of_one_hit_among_seven_misses_is_three_and_a_half():
    assert readings("GE", a=(1, 0, 3, 0), d=(0, 0, 4, 0))[1].value == 3.5


def test_generalised_entropy_of_misses_only_is_undefined_and_unbounded_above():
    aws, honest = readings("GE", a=(0, 0, 3, 0), d=(0, 0, 4, 0))

    assert aws.error == (
        "All predicted labels are false negatives. There should be at least one prediction that is not false negative."
    )
    assert honest.undefined_because is Reason.ALL_FALSE_NEGATIVES
    assert honest.plausible.interval().high == math.inf


def test_generalised_entropy_of_false_positives_only_is_zero():
    assert readings("GE", a=(0, 3, 0, 0), d=(0, 4, 0, 0))[0].value == 0.0


def test_generalised_entropy_of_nothing_says_so_as_the_library_does():
    aws, honest = readings("GE", a=NOBODY, d=NOBODY)

    assert aws.error == "dataset must be non-empty"
    assert honest.undefined_because is Reason.NO_ROWS


@pytest.mark.parametrize(("flips", "reason", "text"), [
    (NON_NUMERIC, Reason.NON_NUMERIC_FEATURES, "FlipTest does not support non-numeric columns"),
    (FlipFailure(Reason.MISSING_FEATURES, "Input X contains NaN."), Reason.MISSING_FEATURES, "Input X contains NaN."),
    (None, Reason.NOT_COMPUTED, "the flip test needs the rows and was not run"),
])
def test_a_flip_test_that_could_not_run_carries_its_reason_and_text(flips, reason, text):
    aws, honest = readings("FT", flips=flips)

    assert aws == AwsValue(None, text)
    assert honest.undefined_because is reason
    assert honest.plausible is None


def test_flip_test_is_positive_when_neighbours_would_decide_against_d():
    aws, honest = readings("FT", flips=FlipCounts(to_positive=3, to_negative=7, n_d=50))

    assert aws.value == honest.value == pytest.approx(0.08)
