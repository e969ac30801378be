"""How well predictions fit their labels: formulas over counts, scores and numbers, each with the interval it allows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtri, stdtrit

from clarify.bias.performance import jeffreys_interval
from clarify.results import Interval, Reason

Numbers = NDArray[np.float64]
Counts = NDArray[np.int64]

FEWEST_ERRORS: Final = 30             # rows below which a mean of errors has no interval: they are skewed
FEWEST_OF_A_CLASS: Final = 10         # rows of each class below which the area under the curve has no interval
MOST_CURVE_POINTS: Final = 1_001
BETAS: Final = (("f0_5", 0.5), ("f1", 1.0), ("f2", 2.0))
CONSTANT: Final = "_best_constant_classifier"


class Bounds(Protocol):
    """What the rows allow a metric to be; metrics of one ``quantity`` are one and the same finding."""

    @property
    def quantity(self) -> str: ...

    def interval(self, level: float) -> Interval | None: ...


@dataclass(frozen=True)
class Proportion:
    """A share of rows, or a function of one: Jeffreys, as everywhere in this library."""

    quantity: str
    count: int
    rows: int
    form: Literal["share", "complement", "f1"] = "share"

    def interval(self, level: float) -> Interval | None:
        if not self.rows:
            return None
        found = jeffreys_interval(self.count, self.rows, level=level)
        if self.form == "complement":
            return Interval(1 - found.high, 1 - found.low, level)
        return Interval(_f1(found.low), _f1(found.high), level) if self.form == "f1" else found


@dataclass(frozen=True)
class MeanError:
    """A mean over rows, normal with Student's correction: an approximation, and none under 30 rows."""

    quantity: str
    mean: float
    standard_error: float
    rows: int
    root: bool = False

    def interval(self, level: float) -> Interval | None:
        if self.rows < FEWEST_ERRORS:
            return None
        half = float(stdtrit(self.rows - 1, (1 + level) / 2)) * self.standard_error
        low, high = max(self.mean - half, 0.0), self.mean + half
        return Interval(math.sqrt(low), math.sqrt(high), level) if self.root else Interval(low, high, level)


@dataclass(frozen=True)
class Area:
    """Area under the curve of true by false positives, with DeLong's standard error on the scale of log-odds.

    References
    ----------
    .. [1] E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, "Comparing the areas under two or more correlated
       receiver operating characteristic curves", Biometrics 1988.
    """

    area: float
    standard_error: float
    fewest: int                           # rows of the smaller class
    quantity: str = "auc"

    def interval(self, level: float) -> Interval | None:
        if self.fewest < FEWEST_OF_A_CLASS or not 0 < self.area < 1:
            return None
        half = -float(ndtri((1 - level) / 2)) * self.standard_error / (self.area * (1 - self.area))
        centre = float(logit(self.area))
        return Interval(float(expit(centre - half)), float(expit(centre + half)), level)


@dataclass(frozen=True)
class Measured:
    """One metric: its value, or the reason it has none. ``bounds`` None: no interval is known for it."""

    metric: str
    value: float | None
    bounds: Bounds | None = None
    undefined_because: Reason | None = None


# --- two classes ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BinaryCounts:
    """Rows by label and predicted label."""

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int

    @classmethod
    def of(cls, label: Counts, predicted: Counts) -> BinaryCounts:
        """From codes 0 and 1, shape (rows,) each."""
        negative, positive = np.bincount(label * 2 + predicted, minlength=4).reshape(2, 2).tolist()
        return cls(positive[1], negative[1], positive[0], negative[0])

    @property
    def positives(self) -> int:
        return self.true_positives + self.false_negatives

    @property
    def negatives(self) -> int:
        return self.true_negatives + self.false_positives

    @property
    def rows(self) -> int:
        return self.positives + self.negatives


def binary_metrics(counts: BinaryCounts) -> tuple[Measured, ...]:
    """Every metric of two classes but the area, by AWS's names and in its order.

    Recall and true negative rate are undefined where a class has no row, precision where nothing is predicted
    positive, the F measures where neither occurs.

    Notes
    -----
    AWS's *best constant classifier* answers the positive class to every row: so are its published figures.
    """
    tp, fp, tn = counts.true_positives, counts.false_positives, counts.true_negatives
    of_class = Reason.SINGLE_CLASS if counts.rows else Reason.NO_ROWS
    of_prediction = Reason.ZERO_DENOMINATOR if counts.rows else Reason.NO_ROWS
    hits, passes = ("true_positive_rate", tp, counts.positives), ("true_negative_rate", tn, counts.negatives)
    constant = BinaryCounts(counts.positives, counts.negatives, 0, 0)
    return (
        _share("recall", hits, of_class),
        _share("precision", ("precision", tp, tp + fp), of_prediction),
        _share("accuracy", ("accuracy", tp + tn, counts.rows), Reason.NO_ROWS),
        _plain(f"recall{CONSTANT}", 1.0 if counts.positives else None, of_class),
        _plain(f"precision{CONSTANT}", _ratio(counts.positives, counts.rows), Reason.NO_ROWS),
        _plain(f"accuracy{CONSTANT}", _ratio(counts.positives, counts.rows), Reason.NO_ROWS),
        _share("true_positive_rate", hits, of_class),
        _share("true_negative_rate", passes, of_class),
        _share("false_positive_rate", passes, of_class, complement=True),
        _share("false_negative_rate", hits, of_class, complement=True),
        *(_f_measure(name, beta, counts, of_prediction) for name, beta in BETAS),
        *(_plain(name + CONSTANT, _f_beta(constant, beta), of_prediction) for name, beta in BETAS),
    )


def _share(name: str, share: tuple[str, int, int], reason: Reason, *, complement: bool = False) -> Measured:
    quantity, count, rows = share
    if not rows:
        return Measured(name, None, undefined_because=reason)
    bounds = Proportion(quantity, count, rows, "complement" if complement else "share")
    return Measured(name, (rows - count if complement else count) / rows, bounds)


def _plain(name: str, value: float | None, reason: Reason) -> Measured:
    return Measured(name, value, undefined_because=reason if value is None else None)


def _f_measure(name: str, beta: float, counts: BinaryCounts, reason: Reason) -> Measured:
    value = _f_beta(counts, beta)
    if value is None or beta != 1:            # only F1 is a function of one share
        return _plain(name, value, reason)
    tp = counts.true_positives
    rows = tp + counts.false_positives + counts.false_negatives
    return Measured(name, value, Proportion("f1", tp, rows, "f1"))


def _f_beta(counts: BinaryCounts, beta: float) -> float | None:
    weight = beta * beta
    hits = (1 + weight) * counts.true_positives
    return _ratio(hits, hits + weight * counts.false_negatives + counts.false_positives)


def _f1(share: float) -> float:
    """F1 of the share of true positives among all rows but the true negatives."""
    return 2 * share / (1 + share)


def _ratio(above: float, below: float) -> float | None:
    return above / below if below else None


# --- scores of two classes --------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class ScoreCounts:
    """Positive and negative rows at every different score, the highest first; shape (scores,) each."""

    positives: Counts
    negatives: Counts

    @classmethod
    def of(cls, label: Counts, score: Numbers) -> ScoreCounts:
        """From labels 0 and 1 and finite scores, shape (rows,) each."""
        different, at = np.unique(-score, return_inverse=True)
        n = len(different)
        positives = np.bincount(at, weights=label, minlength=n).astype(np.int64)
        return cls(positives, np.bincount(at, minlength=n).astype(np.int64) - positives)


def area_under_curve(counts: ScoreCounts) -> Measured:
    """Chance that a positive row scores above a negative one, ties counted half."""
    n1, n0 = int(counts.positives.sum()), int(counts.negatives.sum())
    if not n1 or not n0:
        return Measured("auc", None, undefined_because=Reason.SINGLE_CLASS if n1 or n0 else Reason.NO_ROWS)
    above = (np.cumsum(counts.positives) - counts.positives / 2) / n1      # of each negative: positives above it
    below = 1 - (np.cumsum(counts.negatives) - counts.negatives / 2) / n0  # of each positive: negatives below it
    area = float(np.sum(below * counts.positives) / n1)
    error = math.sqrt(_variance(below, counts.positives) / n1 + _variance(above, counts.negatives) / n0)
    return Measured("auc", area, Area(area, error, min(n1, n0)))


def _variance(values: Numbers, counts: Counts) -> float:
    n = int(counts.sum())
    mean = np.sum(values * counts) / n
    return float(np.sum(counts * (values - mean) ** 2) / max(n - 1, 1))


@dataclass(frozen=True)
class Curves:
    """Both curves, from the highest threshold to the lowest; at most 1,001 points of each."""

    false_positive_rates: tuple[float, ...]
    true_positive_rates: tuple[float, ...]
    precisions: tuple[float, ...]
    recalls: tuple[float, ...]


def curves_of(counts: ScoreCounts) -> Curves | None:
    """Curves of the rates and of precision by recall; None where a class has no row.

    The first points are (0, 0), and recall 0 with the precision of the highest score, as Spark has them.
    """
    tp, fp = np.cumsum(counts.positives), np.cumsum(counts.negatives)
    if not len(tp) or not tp[-1] or not fp[-1]:
        return None
    precision, recall = tp / (tp + fp), tp / tp[-1]
    return Curves(
        _thinned(np.concatenate([[0.0], fp / fp[-1]])), _thinned(np.concatenate([[0.0], recall])),
        _thinned(np.concatenate([precision[:1], precision])), _thinned(np.concatenate([[0.0], recall])),
    )  # fmt: skip


def _thinned(points: Numbers) -> tuple[float, ...]:
    kept = np.unique(np.linspace(0, len(points) - 1, min(len(points), MOST_CURVE_POINTS)).round().astype(np.int64))
    return tuple(float(point) for point in points[kept])


# --- several classes --------------------------------------------------------------------------------------------------


def confusion_matrix(label: Counts, predicted: Counts, n_classes: int) -> Counts:
    """Rows by label (first axis) and predicted label, shape (classes, classes)."""
    cells = np.bincount(label * n_classes + predicted, minlength=n_classes * n_classes)
    return cells.astype(np.int64).reshape(n_classes, n_classes)


def multiclass_metrics(matrix: Counts) -> tuple[Measured, ...]:
    """Accuracy, and recall, precision and F measures weighted by the rows of each class; nothing predicted counts 0.

    Notes
    -----
    AWS's constant answers the last class to every row: so are the figures it publishes, whatever "best" says.
    """
    rows = int(matrix.sum())
    if not rows:
        return tuple(Measured(name, None, undefined_because=Reason.NO_ROWS) for name in _MULTICLASS)
    right = int(np.trace(matrix))
    share = Proportion("accuracy", right, rows)
    constant = np.zeros_like(matrix)
    constant[:, -1] = matrix.sum(axis=1)
    values = [*_weighted(matrix), *_weighted(constant)]
    # Recall weighted by rows is the accuracy.
    bounds: list[Bounds | None] = [share, share, *[None] * (len(values) - 2)]
    return tuple(map(Measured, _MULTICLASS, values, bounds))


_KINDS: Final = ("accuracy", "weighted_recall", "weighted_precision", *(f"weighted_{name}" for name, _ in BETAS))
_MULTICLASS: Final = (*_KINDS, *(name + CONSTANT for name in _KINDS))


def _weighted(matrix: Counts) -> list[float]:
    right, labels, predicted = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    weights = labels / labels.sum()
    recall = right / np.maximum(labels, 1)
    precision = right / np.maximum(predicted, 1)
    accuracy = float(right.sum() / labels.sum())
    scores = [np.sum(weights * _f_by_class(right, labels, predicted, beta * beta)) for _, beta in BETAS]
    return [accuracy, float(np.sum(weights * recall)), float(np.sum(weights * precision)), *map(float, scores)]


def _f_by_class(right: Counts, labels: Counts, predicted: Counts, weight: float) -> Numbers:
    found: Numbers = (1 + weight) * right / np.maximum(weight * labels + predicted, weight)
    return found


# --- numbers ----------------------------------------------------------------------------------------------------------


def regression_metrics(label: Numbers, predicted: Numbers) -> tuple[Measured, ...]:
    """Mean absolute and mean squared error, its root, and the share of variance that predictions take away."""
    n = len(label)
    if not n:
        return tuple(Measured(name, None, undefined_because=Reason.NO_ROWS) for name in ("mae", "mse", "rmse", "r2"))
    errors = predicted - label
    absolute, squared = _mean_error("mae", np.abs(errors)), _mean_error("mse", errors**2)
    around = float(np.sum((label - label.mean()) ** 2))
    r2 = 1 - float(np.sum(errors**2)) / around if around else None
    root = MeanError("mse", squared.mean, squared.standard_error, n, root=True)
    return (
        Measured("mae", absolute.mean, absolute),
        Measured("mse", squared.mean, squared),
        Measured("rmse", math.sqrt(squared.mean), root),
        _plain("r2", r2, Reason.ZERO_DENOMINATOR),
    )


def _mean_error(quantity: str, values: Numbers) -> MeanError:
    n = len(values)
    spread = float(values.std(ddof=1)) if n > 1 else 0.0
    return MeanError(quantity, float(values.mean()), spread / math.sqrt(n), n)
