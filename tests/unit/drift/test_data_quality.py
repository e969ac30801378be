import numpy as np
import pytest

from clarify.drift.data_quality import (
    Columns,
    QualityTerms,
    checks_of,
    data_quality_status,
    judge,
    quality_promise,
)
from clarify.drift.quality_reference import QualityReference
from clarify.drift.quality_shares import ObservedColumn, ShareCheck, chance, difference
from clarify.drift.quality_values import (
    Constraints,
    Distribution,
    FeatureConstraints,
    FeatureStatistics,
    MonitoringOptions,
    Statistics,
    StringStatistics,
)
from clarify.errors import ConstraintsError
from clarify.records import Status
from clarify.results import Reason

ALIKE = Columns((), (), 1, 1)
EVEN = (100,) * 10


def reference_of(asked, distribution=None, *, present=1_000, missing=0, calibrated=True):
    known = FeatureStatistics(asked.name, asked.inferred_type, present, missing, string=StringStatistics(2))
    return QualityReference(
        Constraints((asked,), asked.options), Statistics(present + missing, (known,)),
        (distribution,) if distribution is not None else (), calibrated,
    )


def ages(counts, *, rows=None, missing=0, numbers=None, whole=None, negative=0, kind="Integral"):
    present = sum(counts)
    rows = present + missing if rows is None else rows
    numbers = rows - missing if numbers is None else numbers
    return ObservedColumn("age", kind, rows, missing, numbers, numbers if whole is None else whole, negative, counts)


def judged(reference, observed, *, columns=ALIKE, **terms):
    window = {} if observed is None else {observed.name: observed}
    checks = checks_of(reference, window)
    met = [check.observed >= check.required for check in checks]    # Great Expectations' answer, worked out here
    return judge(reference, window, columns, checks, met, QualityTerms(key="test", **terms))


INTEGRAL = FeatureConstraints("age", "Integral", 1.0, True)
AGES = Distribution("age", "numeric", EVEN, cuts=tuple(float(cut) for cut in range(9)))
REFERENCE = reference_of(INTEGRAL, AGES)


def test_a_window_like_its_reference_passes_by_both_rules():
    quality = judged(REFERENCE, ages((50,) * 10))

    assert [finding.status for finding in quality.findings] == [Status.PASS, Status.PASS]
    assert (quality.violations, quality.blocking) == ((), ())
    assert data_quality_status(quality) == (Status.PASS, None, "no constraint is violated, 1 column compared")


def test_aws_sentence_about_types_is_written_as_aws_writes_it():
    quality = judged(REFERENCE, ages((197,) * 10, rows=1_977, numbers=1_970), rule="sagemaker")

    (violation,) = quality.violations
    assert (violation.subject, violation.check) == ("age", "data_type_check")
    assert violation.description == (
        "Data type match requirement is not met. Expected data type: Integral, Expected match: 100.0%. "
        "Observed: Only 99.64592817400101% of data is Integral."
    )
    assert quality.blocking == quality.violations


def test_whole_numbers_written_as_decimals_are_integral_and_fractions_are_not():
    assert judged(REFERENCE, ages((50,) * 10, kind="Fractional"), rule="sagemaker").violations == ()
    halves = judged(REFERENCE, ages((50,) * 10, whole=100, kind="Fractional"), rule="sagemaker")

    assert [violation.check for violation in halves.violations] == ["data_type_check"]


def test_one_missing_value_is_a_violation_for_aws_and_chance_for_the_decision_rule():
    # One of 500 missing, none of 1,000: p = 500 / 1,500.
    window = ages((50,) * 9 + (49,), rows=500, missing=1)

    aws, ours = (judged(REFERENCE, window, rule=rule) for rule in ("sagemaker", "decision"))

    assert [violation.check for violation in aws.violations] == ["completeness_check"]
    assert ours.violations == ()
    assert ours.shares[0].p == pytest.approx(1 / 3)
    assert ours.shares[0].reference == 1.0


def test_a_twentieth_missing_where_nothing_was_is_a_violation_by_both_rules():
    window = ages((47,) * 10 + (), rows=500, missing=30)

    checks = [judged(REFERENCE, window, rule=rule).violations[0].check for rule in ("sagemaker", "decision")]

    assert checks == ["completeness_check", "completeness_check"]


def test_missing_values_a_little_more_frequent_than_before_do_not_alarm_in_a_million_rows():
    asked = FeatureConstraints("age", "Integral", 0.9)
    reference = reference_of(asked, AGES, present=900_000, missing=100_000)

    assert judged(reference, ages((89_700,) * 10, missing=103_000)).violations == ()
    assert len(judged(reference, ages((88_000,) * 10, missing=120_000)).violations) == 1


def test_negative_values_where_there_were_none_are_a_violation():
    quality = judged(REFERENCE, ages((50,) * 10, negative=40))

    assert [violation.check for violation in quality.violations] == ["data_type_check"]
    assert "Non-negative requirement is not met" in quality.violations[0].description


def test_unknown_categories_are_named():
    asked = FeatureConstraints("city", "String", 1.0, False, ("A", "B"))
    cities = Distribution("city", "categorical", (500, 500, 0), categories=("A", "B"))
    window = ObservedColumn("city", "String", 200, 0, 0, 0, 0, (0,), (("A", 90), ("B", 90)), ("C",))

    quality = judged(reference_of(asked, cities), window)

    assert [violation.check for violation in quality.violations] == ["categorical_values_check", "baseline_drift_check"]
    assert "Only 90.0% of data has a known value (unknown: 'C')" in quality.violations[0].description
    assert [violation.check for violation in quality.blocking] == ["categorical_values_check"]


def test_numbers_in_place_of_all_texts_are_another_type():
    asked = FeatureConstraints("city", "String", 1.0)
    mixed = Distribution("city", "categorical", (1_000,), numbers=990)
    texts = Distribution("city", "categorical", (1_000,), numbers=0)
    window = ObservedColumn("city", "Integral", 100, 0, 100, 100, 0, (0,))

    assert len(judged(reference_of(asked, texts), window).violations) == 1
    assert judged(reference_of(asked, mixed), window).violations == ()       # .99 ** 100 = .37


def test_missing_columns_block_and_extra_ones_do_not():
    columns = Columns(("age",), ("years", "id"), 2, 1)

    quality = judged(REFERENCE, None, columns=columns)

    assert [(v.subject, v.check) for v in quality.violations] == [
        ("age", "missing_column_check"), ("years", "extra_column_check"), ("id", "extra_column_check"),
    ]
    assert [violation.subject for violation in quality.blocking] == ["age"]
    assert quality.violations[0].description == (
        "There are missing columns in current dataset. Number of columns in current dataset: 2, "
        "Number of columns in baseline constraints: 1. Missing: 'age'."
    )


def test_a_shifted_distribution_is_told_with_its_threshold_and_its_largest_gap():
    quality = judged(REFERENCE, ages((100, 50, 50, 50, 50, 50, 50, 50, 50, 0)))

    (violation,), (distance,) = quality.violations, quality.distances
    assert distance.ks == pytest.approx(0.1)
    assert distance.tvd == pytest.approx(0.1)
    assert 0.04 < distance.threshold < 0.1                       # 1.48 * sqrt(1/1000 + 1/500) = .081 at .025
    assert distance.largest_gap == "below 0: 10.0 % before, 20.0 % now"
    assert violation.check == "baseline_drift_check"
    assert "(KS) exceeds threshold" in violation.description
    assert data_quality_status(quality)[:2] == (Status.VIOLATION, Reason.DRIFT)


def test_aws_rule_does_not_see_a_shift_of_a_tenth():
    quality = judged(REFERENCE, ages((100, 50, 50, 50, 50, 50, 50, 50, 50, 0)), rule="sagemaker")

    assert quality.violations == ()


def test_aws_distance_is_less_the_allowance_when_robust_and_whole_when_simple():
    # KS .4; robust: .4 - 1.8 * sqrt(1100 / 100,000) = .2112
    window = ages((50, 10, 10, 10, 10, 10, 0, 0, 0, 0))
    simple = FeatureConstraints("age", "Integral", 1.0, True, None, MonitoringOptions(comparison_method="Simple"))

    robust_text = judged(REFERENCE, window, rule="sagemaker").violations[0].description
    simple_text = judged(reference_of(simple, AGES), window, rule="sagemaker").violations[0].description

    assert float(robust_text.split()[3]) == pytest.approx(0.4 - 1.8 * (1_100 / 100_000) ** 0.5)
    assert float(simple_text.split()[3]) == pytest.approx(0.4)
    assert simple_text.endswith("exceeds threshold: 0.1")


def test_aws_compares_categories_by_their_largest_difference():
    asked = FeatureConstraints("city", "String", 1.0)
    cities = Distribution("city", "categorical", (600, 400, 0), categories=("A", "B"))
    window = ObservedColumn("city", "String", 1_000, 0, 0, 0, 0, (0,), (("A", 450), ("B", 550)))

    quality = judged(reference_of(asked, cities), window, rule="sagemaker")

    assert float(quality.violations[0].description.split()[3]) == pytest.approx(0.15)


def test_a_million_rows_and_a_difference_of_three_thousandths_do_not_alarm():
    counts = np.full(10, 100_000)
    moved = counts.copy()
    moved[0] += 3_000
    moved[9] -= 3_000
    reference = reference_of(INTEGRAL, Distribution("age", "numeric", tuple(counts.tolist()), cuts=AGES.cuts))

    quality = judged(reference, ages(tuple(moved.tolist())))

    assert quality.distances[0].p < 0.01
    assert quality.distances[0].ks == pytest.approx(0.003)
    assert (quality.violations, quality.findings[1].status) == ((), Status.PASS)


def test_fewer_than_fifty_values_are_not_judged():
    quality = judged(REFERENCE, ages((40, 1, 1, 1, 1, 1, 1, 1, 1, 1)))

    assert data_quality_status(quality)[:2] == (Status.INCONCLUSIVE, Reason.TOO_FEW)
    assert quality.distances[0].threshold is None


def test_buckets_of_aws_cannot_be_calibrated_and_serve_its_own_rule():
    reference = reference_of(INTEGRAL, AGES, calibrated=False)
    window = ages((500, 0, 0, 0, 0, 0, 0, 0, 0, 0))

    ours, aws = judged(reference, window), judged(reference, window, rule="sagemaker")

    assert data_quality_status(ours)[:2] == (Status.INCONCLUSIVE, Reason.NO_REFERENCE)
    assert [violation.check for violation in aws.violations] == ["baseline_drift_check"]


def test_a_reference_without_counts_leaves_distributions_undecided():
    quality = judged(reference_of(INTEGRAL), ages((50,) * 10))

    assert data_quality_status(quality)[:2] == (Status.INCONCLUSIVE, Reason.NO_REFERENCE)
    assert [notice.code for notice in quality.notices] == ["DQ-NOT-COMPARED"]


def test_disabled_parts_are_not_looked_at():
    off = MonitoringOptions(evaluate_constraints=False, perform_comparison=False)
    reference = reference_of(FeatureConstraints("age", "Integral", 1.0, True, None, off), AGES)

    quality = judged(reference, ages((500, 0, 0, 0, 0, 0, 0, 0, 0, 0), negative=9), columns=Columns((), ("x",), 2, 1))

    assert (quality.violations, quality.distances, quality.findings[1].status) == ((), (), Status.PASS)


def test_chi_squared_is_refused_by_aws_rule_and_not_needed_by_ours():
    options = MonitoringOptions(categorical_method="ChiSquared")
    reference = reference_of(FeatureConstraints("age", "Integral", 1.0, True, None, options), AGES)

    with pytest.raises(ConstraintsError, match=r"categorical_drift_method: received ChiSquared.*DQ-UNSUPPORTED"):
        judged(reference, ages((50,) * 10), rule="sagemaker")
    assert judged(reference, ages((50,) * 10)).violations == ()


def test_many_columns_without_a_change_alarm_no_more_often_than_promised():
    generator, n_columns, runs = np.random.default_rng(5), 8, 30
    names = [f"x{i}" for i in range(n_columns)]
    alarms = 0
    for run in range(runs):
        asked = tuple(FeatureConstraints(name, "Integral") for name in names)
        before = tuple(
            Distribution(name, "numeric", tuple(generator.multinomial(300, [0.25] * 4).tolist()), cuts=(0.0, 1.0, 2.0))
            for name in names
        )
        reference = QualityReference(Constraints(asked), None, before, True)
        window = {
            name: ObservedColumn(name, "Integral", 80, 0, 80, 80, 0,
                                 tuple(generator.multinomial(80, [0.25] * 4).tolist()))
            for name in names
        }
        quality = judge(reference, window, ALIKE, (), (), QualityTerms(key=f"run {run}"))
        alarms += bool(quality.violations)

    assert alarms <= 4                        # mean .75 at .025; more than 4 has chance .001


def test_the_chance_of_bad_values_is_that_of_the_exact_test_of_two_rates():
    check = ShareCheck("a", "completeness_check", 1.0, 2, 3, 1, 5, "is present", "Completeness")

    # 3 bad of 8, the window holds 3 rows: P(2 or 3 of them) = (C(3,2) C(5,1) + C(3,3)) / C(8,3) = 16 / 56
    assert chance(check) == pytest.approx(16 / 56)


def test_a_loosened_constraint_must_be_broken_beyond_chance_too():
    # 12 of 100 missing, 10 % are allowed, none in the reference: P(12 or more | .1) = .2970
    check = ShareCheck("a", "completeness_check", 0.9, 12, 100, 0, 1_000, "is present", "Completeness")

    assert chance(check) == pytest.approx(0.2970, abs=5e-5)


def test_the_difference_of_shares_is_the_house_interval():
    # Statistics of the house, exact case: 0/10 minus 40/160.
    check = ShareCheck("a", "completeness_check", 1.0, 0, 10, 40, 160, "is present", "Completeness")

    interval = difference(check)

    assert (interval.low, interval.high) == pytest.approx((-0.3046740, -0.0261952), abs=2e-4)


def test_the_promise_names_the_budget_and_the_level_of_a_window():
    text = quality_promise(QualityTerms("decision", 1.0, 720))

    assert text.startswith("If nothing has changed, this monitor raises on average at most one false alarm a month")
    assert text.endswith("(720 windows a month, each tested at 0.00139).")
    assert QualityTerms("decision", 1.0, 4).level == 0.05
