"""AWS's library, number by number: every published or executed bias value whose inputs are known."""

import math
from fractions import Fraction

import numpy as np
import pytest

from clarify.bias.catalog import BY_NAME
from clarify.bias.contingency import ContingencyTable
from clarify.bias.evaluate import aws_value, estimate
from clarify.bias.flip_test import count_flips
from clarify.bias.pre_training import (
    divergence_to_the_mean,
    euclidean_distance,
    half_absolute_distance,
    largest_distance,
    relative_entropy,
)

GERMAN = {"a": (27, 1, 1, 3), "d": (556, 31, 52, 229)}
MONITOR = {"a": (32, 17, 130, 45), "d": (2, 0, 78, 30)}
DOCS = {"a": (65, 10, 5, 20), "d": (20, 5, 7, 18)}

SEX = "M F F M F M F F M M F F"
SEX_LABELS = "0 1 1 1 1 0 0 0 1 0 0 0"
SEX_PREDICTIONS = "1 1 1 0 0 0 1 1 0 1 0 0"

GROUPED_FACET = "M M M F F F F M M M M F M M F M F F M M F M M F"
GROUPED_LABELS = "0 1 1 0 1 0 1 1 1 1 0 1 1 1 0 0 0 0 1 0 0 1 1 0"
GROUPED_STRATA = "1 0 2 2 1 1 2 1 1 2 0 1 2 0 1 1 1 2 0 1 0 0 1 1"


def table_of(facet, listed, labels, positive, *, predictions=None, strata=None):
    """Count rows written as words: facet d is ``listed``, ``positive`` is the set of positive labels."""
    names = sorted(set(strata.split())) if strata else [None]
    counts = np.zeros((3, 3, 3, len(names) + 1 if strata else 1), dtype=int)
    rows = facet.split()
    for i, value in enumerate(rows):
        predicted = 2 if predictions is None else int(predictions.split()[i] in positive)
        stratum = names.index(strata.split()[i]) if strata else 0
        counts[int(value == listed), int(labels.split()[i] in positive), predicted, stratum] += 1
    return ContingencyTable(counts, has_predictions=predictions is not None, has_strata=strata is not None)


def aws(name, table):
    return aws_value(BY_NAME[name], table.as_aws()).value


def fractions_of(a, d):
    """The formulas of the contract in exact arithmetic; each facet as (TP, FP, FN, TN)."""
    tp, fp, fn, tn = zip(a, d, strict=True)
    n = [sum(a), sum(d)]
    one = [tp[g] + fn[g] for g in (0, 1)]
    zero = [tn[g] + fp[g] for g in (0, 1)]
    accepted = [tp[g] + fp[g] for g in (0, 1)]
    rejected = [tn[g] + fn[g] for g in (0, 1)]
    errors, rows = sum(fp) - sum(fn), sum(n)
    benefits = [2] * sum(fp) + [0] * sum(fn) + [1] * (rows - sum(fp) - sum(fn))
    mean = Fraction(rows + errors, rows)
    entropy = sum((Fraction(b) / mean) ** 2 - 1 for b in set(benefits) for _ in range(benefits.count(b))) / (2 * rows)

    def a_minus_d(above, below):
        return None if 0 in below else Fraction(above[0], below[0]) - Fraction(above[1], below[1])

    def d_minus_a(above, below):
        difference = a_minus_d(above, below)
        return None if difference is None else -difference

    right = [tp[g] + tn[g] for g in (0, 1)]
    return {
        "CI": Fraction(n[0] - n[1], rows),
        "DPL": a_minus_d(one, n),
        "DPPL": a_minus_d(accepted, n),
        "DI": Fraction(accepted[1], n[1]) / Fraction(accepted[0], n[0]) if accepted[0] else None,
        "DCA": a_minus_d(one, accepted),
        "DCR": d_minus_a(zero, rejected),
        "RD": a_minus_d(tp, one),
        "SD": d_minus_a(tn, zero),
        "DAR": a_minus_d(tp, accepted),
        "DRR": d_minus_a(tn, rejected),
        "AD": a_minus_d(right, n),
        "TE": d_minus_a(fn, fp),
        "GE": entropy,
    }


PRINTED = [
    # German Credit, the library's integration test: contract rows 1 and 2
    *[(GERMAN, name, value) for name, value in {
        "CI": "-0.9288888889", "DPL": "0.1745391705", "KL": "0.0854333278", "JS": "0.0233264693",
        "LP": "0.2468356621", "TVD": "0.1745391705", "KS": "0.1745391705", "AD": "0.0331221198",
        "DAR": "0.0170966172", "DCA": "-0.0357751278", "DCR": "-0.0747330961", "DI": "0.7728768927",
        "DPPL": "0.1987327189", "DRR": "0.0649466192", "GE": "0.0492201423", "RD": "0.0498120301",
        "SD": "0.1307692308", "TE": "0.6774193548"}.items()],
    # a published monitoring run: row 4
    *[(MONITOR, name, value) for name, value in {
        "DAR": "-0.3469387755", "DCA": "-36.6938775510", "DCR": "-0.0765079365", "GE": "0.9454985574",
        "RD": "0.1725308642", "SD": "0.2741935484", "DI": "0.0831", "DPPL": "0.2006", "AD": "0.0528",
        "CI": "0.3413", "DPL": "-0.0041"}.items()],
    # the documentation's example: row 15
    *[(DOCS, name, value) for name, value in {"SD": "0.1159420290", "RD": "0.1878306878", "AD": "0.09"}.items()],
    # label rates 0.8 and 0.3, ten rows each: row 5
    *[({"a": (8, 0, 0, 2), "d": (3, 0, 0, 7)}, name, value) for name, value in {
        "DPL": "0.5", "KL": "0.5341108087", "JS": "0.1325054509", "LP": "0.7071067812", "TVD": "0.5",
        "KS": "0.5"}.items()],
    # a has 3 positives of 5, d one negative only: row 7, classes common to both facets
    *[({"a": (3, 0, 0, 2), "d": (0, 0, 0, 1)}, name, value) for name, value in {
        "KL": "-0.3665162927", "JS": "0.0664143144", "LP": "0.6", "TVD": "0.3", "KS": "0.6"}.items()],
]


@pytest.mark.parametrize(("cells", "name", "printed"), PRINTED)
def test_aws_value_agrees_with_every_printed_digit(cells, name, printed):
    decimals = len(printed.partition(".")[2])

    value = aws(name, ContingencyTable.from_confusion(**cells))

    assert round(value, decimals) == float(printed)


@pytest.mark.parametrize("cells", [GERMAN, MONITOR, DOCS], ids=["german", "monitor", "docs"])
@pytest.mark.parametrize("name", ["CI", "DPL", "DPPL", "DI", "DCA", "DCR", "RD", "SD", "DAR", "DRR", "AD", "TE", "GE"])
def test_both_readings_agree_with_exact_fractions(cells, name):
    table = ContingencyTable.from_confusion(**cells)
    exact = fractions_of(**cells)[name]
    if exact is None:
        assert aws(name, table) == math.inf
        assert estimate(BY_NAME[name], table.known()).value is None
        return

    assert aws(name, table) == pytest.approx(float(exact), abs=1e-12, rel=1e-12)
    assert estimate(BY_NAME[name], table.known()).value == aws(name, table)


def test_treatment_equality_of_the_monitor_run_is_infinite():
    table = ContingencyTable.from_confusion(**MONITOR)

    assert aws("TE", table) == math.inf


def test_distances_of_three_classes_agree_with_the_library_called_on_raw_labels():
    p_a, p_d = np.array([0.4, 0.4, 0.2]), np.array([0.2, 0.1, 0.7])

    assert largest_distance(p_a, p_d) == pytest.approx(0.5, abs=1e-12)
    assert half_absolute_distance(p_a, p_d) == pytest.approx(0.5, abs=1e-12)
    assert euclidean_distance(p_a, p_d) == pytest.approx(math.sqrt(0.04 + 0.09 + 0.25), abs=1e-12)
    assert round(relative_entropy(p_a, p_d), 10) == 0.5812240230
    assert round(divergence_to_the_mean(p_a, p_d), 10) == 0.1387245346


@pytest.mark.parametrize(("name", "women", "men"), [
    ("CI", -1 / 6, 1 / 6), ("DI", 10 / 7, 7 / 10), ("DCA", 1 / 4, -1 / 4), ("DCR", 1 / 3, -1 / 3),
    ("RD", -2 / 3, 2 / 3), ("SD", 1 / 6, -1 / 6), ("DRR", 1 / 3, -1 / 3), ("AD", -13 / 35, 13 / 35),
    ("DAR", -1 / 2, 1 / 2), ("TE", -1 / 2, 1 / 2),
    ("GE", 0.24556213017751485, 0.24556213017751485),
])
def test_twelve_rows_read_from_either_side_agree_with_the_library(name, women, men):
    def value_for(listed):
        return aws(name, table_of(SEX, listed, SEX_LABELS, {"1"}, predictions=SEX_PREDICTIONS))

    assert value_for("F") == pytest.approx(women, abs=1e-12)
    assert value_for("M") == pytest.approx(men, abs=1e-12)


def test_disparate_impact_is_infinite_when_only_facet_d_is_predicted_positive():
    table = table_of(SEX, "F", SEX_LABELS, {"1"}, predictions="0 1 1 0 1 0 1 1 0 0 1 1")

    assert aws("DI", table) == math.inf


@pytest.mark.parametrize(("positives_d", "expected"), [(0, 0.0), (3, math.inf)])
def test_disparate_impact_without_positive_predictions_in_a_follows_the_library(positives_d, expected):
    table = ContingencyTable.from_confusion(a=(0, 0, 4, 6), d=(positives_d, 0, 2, 5))

    assert aws("DI", table) == expected


@pytest.mark.parametrize(("listed", "expected"), [("F", 0.3982142857), ("M", -0.3982142857)])
def test_cddl_of_twenty_four_rows_agrees_with_the_library(listed, expected):
    table = table_of(GROUPED_FACET, listed, GROUPED_LABELS, {"1"}, strata=GROUPED_STRATA)

    assert round(aws("CDDL", table), 10) == expected


@pytest.mark.parametrize(("listed", "cddl", "dpl"), [
    ("a", -3 / 10, -1 / 4), ("b", 3 / 10, 1 / 2), ("c", -4 / 10, -1 / 3),
])
def test_one_against_the_rest_with_two_positive_labels_agrees_with_the_library(listed, cddl, dpl):
    table = table_of("a b b c c", listed, "p q r p q", {"p", "q"}, strata="1 1 1 0 0")

    assert aws("CDDL", table) == pytest.approx(cddl, abs=1e-12)
    assert aws("DPL", table) == pytest.approx(dpl, abs=1e-12)


@pytest.mark.parametrize(("name", "a_listed", "b_listed"), [
    ("CI", 0.5, -0.5), ("DPL", -2 / 3, 2 / 3), ("KL", -0.3662040962, 1.0986122887), ("LP", 2 / 3, 2 / 3),
    ("TVD", 1 / 3, 1 / 3), ("KS", 2 / 3, 2 / 3), ("CDDL", -0.375, 0.625),
])
def test_four_rows_with_a_class_missing_agree_with_the_library(name, a_listed, b_listed):
    def value_for(listed):
        return aws(name, table_of("a b b b", listed, "1 1 0 0", {"1"}, strata="1 1 1 0"))

    assert value_for("a") == pytest.approx(a_listed, abs=5e-11)
    assert value_for("b") == pytest.approx(b_listed, abs=5e-11)


def test_cddl_of_the_documentation_example():
    table = ContingencyTable.from_label_strata(a=[(68, 54)], d=[(32, 46)])

    assert aws("CDDL", table) == pytest.approx(46 / 100 - 32 / 100, abs=1e-12)


@pytest.mark.parametrize(("name", "a", "d", "expected"), [
    ("TE", (1, 6, 8, 1), (1, 2, 5, 1), Fraction(5, 2) - Fraction(8, 6)),
    ("DCA", (50, 10, 20, 1), (15, 15, 5, 1), Fraction(70, 60) - Fraction(20, 30)),
    ("DCR", (1, 10, 20, 40), (1, 15, 5, 25), Fraction(40, 30) - Fraction(50, 60)),
    ("DAR", (35, 35, 1, 1), (40, 60, 1, 1), Fraction(35, 70) - Fraction(40, 100)),
    ("DRR", (1, 1, 20, 80), (1, 1, 10, 40), Fraction(40, 50) - Fraction(80, 100)),
])
def test_examples_of_the_documentation(name, a, d, expected):
    assert aws(name, ContingencyTable.from_confusion(a=a, d=d)) == pytest.approx(float(expected), abs=1e-12)


def test_flip_test_of_a_line_of_ten_has_the_sign_of_the_library():
    flips = count_flips(
        np.arange(10.0)[:, None], np.ones(10), np.array([[1.0], [3.0], [5.0], [7.0]]), np.array([0, 0, 0, 1])
    )
    table = ContingencyTable.from_confusion(a=(10, 0, 0, 0), d=(1, 0, 3, 0)).as_aws().with_flips(flips)

    assert aws_value(BY_NAME["FT"], table).value == -0.75


def test_class_imbalance_of_five_ages_above_forty():
    assert aws("CI", ContingencyTable.from_labels(a=(1, 2), d=(1, 1))) == pytest.approx(0.2, abs=1e-12)
