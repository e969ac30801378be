"""Baseline rows computed as the centres of clusters: k-means for numbers, k-prototypes where some columns are text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clarify.errors import ConfigError, DataError, Problem
from clarify.explain.threads import one_thread

N_STARTS = 10
MOST_ROUNDS = 100       # of one start; each lowers the cost, and a few dozen are usual

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]


def cluster_centres(
    values: Floats,
    is_text: NDArray[np.bool_],
    n_clusters: int,
    seed: int,
    *,
    is_integer: NDArray[np.bool_] | None = None,
) -> tuple[Floats, NDArray[np.intp]]:
    r"""Centres of the clusters of a sample: means of numbers, modes of text, as rows of the same matrix.

    Without text columns by k-means, else by k-prototypes [1]_, which minimises over assignments and centres

    .. math:: \sum_i \Big( \sum_{j\ \text{number}} (z_{ij} - c_{a(i) j})^2
              + \gamma \sum_{j\ \text{text}} [x_{ij} \ne m_{a(i) j}] \Big)

    where z are the numbers in units of their standard deviation and gamma is half the mean standard deviation of those
    scaled columns, which is 1/2 (1 if no number varies). The best of ten seeded starts is kept, on one thread.

    Parameters
    ----------
    values : float64 of shape (n, n_columns), n >= 1
        Codes for text, NaN for missing.
    is_text : bool of shape (n_columns,)
    n_clusters : int, >= 1
    seed : int, >= 0
    is_integer : bool of shape (n_columns,), default none
        Number columns whose centres are rounded to the nearest integer, half to even.

    Returns
    -------
    centres : float64 of shape (k, n_columns), k <= n_clusters
        Distinct rows, the one of the largest cluster first, then in the order of their cells. k is less than
        ``n_clusters`` when the sample, or the rounded centres, have fewer distinct rows.
    sizes : int of shape (k,)
        Rows in each cluster; they sum to n.

    Raises
    ------
    DataError
        If the sample has no row.
    ConfigError
        If ``n_clusters`` is less than 1.

    Notes
    -----
    An infinite number stands at the largest or smallest finite one of its column. In the distance a missing number
    stands at the median, and a missing text is a word of its own. A centre's number is the mean over the members that
    have one, and missing where most members have none; its text is the most frequent one, the smallest code if several
    are. AWS keeps fractions for integers too; a model trained on integers may refuse 37.4 years, hence ``is_integer``.

    References
    ----------
    .. [1] Z. Huang, "Extensions to the k-means algorithm for clustering large data sets with categorical values",
       Data Mining and Knowledge Discovery 2, 1998.

    Examples
    --------
    >>> rows = np.array([[1.0, 0], [3.0, 0], [2.0, 0], [50.0, 1], [54.0, 1]])
    >>> centres, sizes = cluster_centres(rows, np.array([False, True]), 2, seed=0)
    >>> centres.tolist(), sizes.tolist()
    ([[2.0, 0.0], [52.0, 1.0]], [3, 2])
    """
    _ensure_possible(len(values), n_clusters)
    finite = np.where(is_text, values, np.apply_along_axis(_finite, 0, values))
    with one_thread():
        clusters = _clusters(prepare(finite, is_text), n_clusters, seed)
    centres = [_centre(finite[clusters == label], is_text, is_integer) for label in range(clusters.max() + 1)]
    return _ordered(*_merged(centres, np.bincount(clusters)))


def _ensure_possible(n_rows: int, n_clusters: int) -> None:
    if n_rows == 0:
        received = "a sample of 0 rows"
        raise DataError(Problem("SHAP-BASELINE-NO-ROWS", "methods.shap.num_clusters", received, "at least one row"))
    if n_clusters < 1:
        hint = "remove the key to have one row chosen"
        raise ConfigError(Problem("CFG-VALUE", "methods.shap.num_clusters", str(n_clusters), "at least 1", hint))


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows as the distance sees them: numbers in units of their deviation, words as codes from 0."""

    numbers: Floats         # (n, n_numbers)
    words: Codes            # (n, n_texts)

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def gamma(self) -> float:
        """Huang's weight of one mismatch: half the mean standard deviation of the numbers that vary."""
        deviations = self.numbers.std(axis=0)
        varying = deviations[deviations > 0]
        return float(varying.mean()) / 2 if len(varying) else 1.0

    def distances(self, number: Floats, word: Codes, gamma: float) -> Floats:
        """Cost of every row under one centre, shape (n,)."""
        costs: Floats = ((self.numbers - number) ** 2).sum(axis=1) + gamma * (self.words != word).sum(axis=1)
        return costs


def _finite(column: Floats) -> Floats:
    """Infinite numbers moved to the ends of the finite ones, or of all floats if there are none."""
    finite = column[np.isfinite(column)]
    largest = np.finfo(np.float64).max
    low, high = (finite.min(), finite.max()) if len(finite) else (-largest, largest)
    clipped: Floats = np.clip(column, low, high)
    return clipped


def prepare(values: Floats, is_text: NDArray[np.bool_]) -> Sample:
    """The rows of a sample without infinite numbers, as the distance sees them."""
    numbers = [_scaled(column) for column in values.T[~is_text]]
    words = [np.unique(column, return_inverse=True)[1] for column in values.T[is_text]]
    n_rows = len(values)
    return Sample(
        np.column_stack(numbers) if numbers else np.empty((n_rows, 0)),
        np.column_stack(words) if words else np.empty((n_rows, 0), dtype=np.intp),
    )


def _scaled(column: Floats) -> Floats:
    """Numbers centred and in units of their standard deviation, missing ones at the median; all 0 if all are equal."""
    missing = np.isnan(column)
    if missing.all():
        return np.zeros(len(column))
    # Halved first: the range of two huge numbers of opposite sign may overflow.
    halves = np.where(missing, np.median(column[~missing] / 2), column / 2)
    low, high = halves.min(), halves.max()
    if low == high:
        return np.zeros(len(column))
    unit = (halves - low) / (high - low)
    scaled: Floats = (unit - unit.mean()) / unit.std()
    return scaled


def _clusters(sample: Sample, n_clusters: int, seed: int) -> Codes:
    """The cluster of each row, numbered from 0 without gaps, shape (n,)."""
    rows = np.column_stack([sample.numbers, sample.words])
    distinct, place = np.unique(rows, axis=0, return_inverse=True) if rows.shape[1] else (rows[:1], np.zeros(len(rows)))
    if len(distinct) <= n_clusters:
        return place.reshape(-1).astype(np.intp)
    found = _k_means(sample, n_clusters, seed) if sample.words.shape[1] == 0 else k_prototypes(sample, n_clusters, seed)
    return np.unique(found, return_inverse=True)[1].astype(np.intp)


def _k_means(sample: Sample, n_clusters: int, seed: int) -> Codes:
    from sklearn.cluster import KMeans

    state = int(np.random.SeedSequence(seed).generate_state(1)[0])      # scikit-learn takes 32 bits
    found: Codes = KMeans(n_clusters, n_init=N_STARTS, random_state=state).fit(sample.numbers).labels_
    return found


def k_prototypes(sample: Sample, n_clusters: int, seed: int) -> Codes:
    """The cluster of each row in the best of ten seeded starts, shape (n,); more than ``n_clusters`` distinct rows.

    Each row is nearest to its own centre, and each centre is the best for its rows: a local optimum.
    """
    gamma, random = sample.gamma, np.random.default_rng(seed)
    starts = [_descend(sample, _spread(sample, n_clusters, gamma, random), gamma) for _ in range(N_STARTS)]
    return min(starts, key=lambda start: start[0])[1]


def _spread(sample: Sample, n_clusters: int, gamma: float, random: np.random.Generator) -> Codes:
    """Rows to begin with, each drawn with a chance proportional to its cost under those before (k-means++)."""
    chosen = [int(random.integers(len(sample)))]
    cost = np.full(len(sample), np.inf)
    for _ in range(n_clusters - 1):
        last = chosen[-1]
        cost = np.minimum(cost, sample.distances(sample.numbers[last], sample.words[last], gamma))
        chosen.append(int(random.choice(len(sample), p=cost / cost.sum())))
    return np.array(chosen, dtype=np.intp)


def _descend(sample: Sample, first: Codes, gamma: float) -> tuple[float, Codes]:
    """Assign every row to its nearest centre and move the centres to their rows, until none changes place."""
    cost, clusters = assign(sample, sample.numbers[first], sample.words[first], gamma)
    for _ in range(MOST_ROUNDS):
        numbers = np.array([sample.numbers[clusters == label].mean(axis=0) for label in range(len(first))])
        words = np.array([_modes(sample.words[clusters == label]) for label in range(len(first))])
        lower, moved = assign(sample, numbers, words, gamma)
        if np.array_equal(moved, clusters):
            return lower, moved
        cost, clusters = lower, moved
    return cost, clusters


def assign(sample: Sample, numbers: Floats, words: Codes, gamma: float) -> tuple[float, Codes]:
    """Summed cost and nearest centre of each row; a centre nobody is near takes the row worst off elsewhere."""
    distances = np.array([sample.distances(*centre, gamma) for centre in zip(numbers, words, strict=True)])
    clusters, nearest = distances.argmin(axis=0), distances.min(axis=0)
    for label in np.flatnonzero(np.bincount(clusters, minlength=len(numbers)) == 0):
        may_leave = np.bincount(clusters)[clusters] > 1
        worst = int(np.where(may_leave, nearest, -1.0).argmax())
        clusters[worst], nearest[worst] = label, 0.0
    return float(nearest.sum()), clusters


def _modes(words: Codes) -> Codes:
    """The most frequent code of each column, the smallest if several are."""
    return np.array([np.bincount(column).argmax() for column in words.T], dtype=np.intp)


def _centre(members: Floats, is_text: NDArray[np.bool_], is_integer: NDArray[np.bool_] | None) -> Floats:
    """One row of shape (n_columns,)."""
    centre = np.array(
        [_mode(column) if text else _mean(column) for column, text in zip(members.T, is_text, strict=True)]
    )
    return centre if is_integer is None else np.where(is_integer, np.rint(centre), centre)


def _mode(codes: Floats) -> float:
    words, counts = np.unique(codes, return_counts=True)        # NaN, missing, comes last
    return float(words[counts.argmax()])


def _mean(numbers: Floats) -> float:
    """The mean of those present, missing if most are."""
    present = numbers[~np.isnan(numbers)]
    if 2 * len(present) < len(numbers):
        return float("nan")
    unit = 2.0 ** len(present).bit_length()     # a power of two keeps every digit, and the sum of huge numbers finite
    return float((present / unit).mean() * unit)


def _merged(centres: list[Floats], sizes: NDArray[np.intp]) -> tuple[Floats, NDArray[np.intp]]:
    """Equal centres as one: rounding may have made them so."""
    rows: dict[bytes, tuple[Floats, int]] = {}
    for centre, size in zip(centres, sizes, strict=True):
        row = centre + 0.0                                      # -0.0 and 0.0 are one number with two spellings
        rows[row.tobytes()] = (row, int(size) + rows.get(row.tobytes(), (row, 0))[1])
    return np.array([row for row, _ in rows.values()]), np.array([size for _, size in rows.values()], dtype=np.intp)


def _ordered(centres: Floats, sizes: NDArray[np.intp]) -> tuple[Floats, NDArray[np.intp]]:
    """Largest cluster first, then by the cells from left to right, missing behind the numbers."""
    order = np.lexsort([*centres.T[::-1], -sizes])
    return centres[order], sizes[order]
