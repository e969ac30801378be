"""The flip test's rows: what the neighbours in facet a say about each row of facet d (the one room that sees rows)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist

from clarify.bias.contingency import FlipFailure
from clarify.errors import DataError, Problem
from clarify.results import FlipCounts, Reason

NEIGHBOURS: Final = 5
NEIGHBOURS_OF_FEW: Final = 1
FEW_ROWS: Final = 9                        # up to so many rows of facet a, one neighbour decides
BYTES_PER_PAIR: Final = 32                 # a distance, its copy for the partition, two masks, and room

NON_NUMERIC: Final = FlipFailure(Reason.NON_NUMERIC_FEATURES, "FlipTest does not support non-numeric columns")

_NAN_TEXT: Final = (
    "Input X contains NaN.\n"
    "KNeighborsClassifier does not accept missing values encoded as NaN natively. For supervised learning, you might "
    "want to consider sklearn.ensemble.HistGradientBoostingClassifier and Regressor which accept missing values "
    "encoded as NaNs natively. Alternatively, it is possible to preprocess the data, for instance by using an imputer "
    "transformer in a pipeline or drop samples with missing values. See "
    "https://scikit-learn.org/stable/modules/impute.html You can find a list of all estimators that handle NaN values "
    "at the following page: https://scikit-learn.org/stable/modules/impute.html"
    "#estimators-that-handle-nan-values"
)
_INFINITY_TEXT: Final = "Input X contains infinity or a value too large for dtype('float64')."


@dataclass(frozen=True, eq=False)
class FlipReference:
    """Facet a, ready to be asked about any number of blocks of facet d.

    Parameters
    ----------
    features_a : float64, shape (n_a, n_features), n_a >= 1
        Every column but facet, label and predicted label, in the units of the data: nothing is scaled.
    predictions_a : bool, shape (n_a,)
        Whether each row is predicted positive.
    block_bytes : int
        Memory for the distances of one block of facet d.

    Raises
    ------
    DataError
        If facet a has no rows, or the lengths differ.

    Notes
    -----
    Neighbours are the 5 nearest rows (1 when n_a <= 9) by Euclidean distance, each with one vote. Among equally
    near rows those that come FIRST in facet a win, however the work is cut; scikit-learn, which AWS's library
    uses, breaks such ties by the layout of its tree or heap, so the two agree exactly when no tie straddles the
    k-th place or its rows are predicted alike. Exact brute force: time n_a x n_d x n_features.
    """

    features_a: NDArray[np.float64]
    predictions_a: NDArray[np.bool_]
    block_bytes: int = 64_000_000

    def __post_init__(self) -> None:
        features = np.ascontiguousarray(self.features_a, dtype=np.float64)
        predictions = np.asarray(self.predictions_a).astype(bool)
        if features.ndim != 2 or len(features) == 0 or predictions.shape != (len(features),):
            raise DataError(
                Problem("DATA-FLIP-SHAPE", "features_a", f"features {features.shape}, predictions {predictions.shape}",
                        "(n_a, n_features) and (n_a,) with n_a >= 1", "facet a needs rows before neighbours are sought")
            )
        object.__setattr__(self, "features_a", features)
        object.__setattr__(self, "predictions_a", predictions)

    @property
    def n_neighbours(self) -> int:
        return NEIGHBOURS if len(self.features_a) > FEW_ROWS else NEIGHBOURS_OF_FEW

    def count(self, features_d: ArrayLike, predictions_d: ArrayLike) -> FlipCounts | FlipFailure:
        """Flips among one block of facet d, features (n_d, n_features) and predictions (n_d,); blocks add up."""
        features = np.ascontiguousarray(features_d, dtype=np.float64)
        failure = find_failure(self.features_a) or find_failure(features)
        if failure is not None:
            return failure
        predicted = np.asarray(predictions_d).astype(bool)
        neighbours = self.neighbours_say(features)
        return FlipCounts(
            to_positive=int(np.count_nonzero(neighbours & ~predicted)),
            to_negative=int(np.count_nonzero(~neighbours & predicted)),
            n_d=len(predicted),
        )

    def neighbours_say(self, features_d: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Majority vote of each row's neighbours in facet a, shape (n_d,)."""
        step = max(1, self.block_bytes // (BYTES_PER_PAIR * len(self.features_a)))
        votes = [self._votes(features_d[start : start + step]) for start in range(0, len(features_d), step)]
        return 2 * np.concatenate([*votes, np.zeros(0, dtype=np.int64)]) > self.n_neighbours

    def _votes(self, block: NDArray[np.float64]) -> NDArray[np.int64]:
        distances = cdist(block, self.features_a, "sqeuclidean")
        furthest = np.partition(distances, self.n_neighbours - 1, axis=1)[:, self.n_neighbours - 1 : self.n_neighbours]
        chosen = distances <= furthest
        for row in np.flatnonzero(chosen.sum(axis=1) > self.n_neighbours):
            ties = np.flatnonzero(distances[row] == furthest[row])
            places = self.n_neighbours - np.count_nonzero(distances[row] < furthest[row])
            chosen[row, ties[places:]] = False
        votes: NDArray[np.int64] = np.count_nonzero(chosen & self.predictions_a, axis=1)
        return votes


def count_flips(
    features_a: ArrayLike, predictions_a: ArrayLike, features_d: ArrayLike, predictions_d: ArrayLike
) -> FlipCounts | FlipFailure:
    """Flips of facet d against facet a in one call; see :class:`FlipReference`."""
    return FlipReference(np.asarray(features_a, dtype=np.float64), np.asarray(predictions_a)).count(
        features_d, predictions_d
    )


def add_flips(left: FlipCounts | FlipFailure, right: FlipCounts | FlipFailure) -> FlipCounts | FlipFailure:
    """Flips of two blocks of facet d; one failed block fails the test, as it would in one piece."""
    if isinstance(left, FlipFailure):
        return left
    return right if isinstance(right, FlipFailure) else left + right


def find_failure(features: NDArray[np.float64]) -> FlipFailure | None:
    """Why distances cannot be measured on these features, in scikit-learn's words, or None."""
    if features.shape[1] == 0:
        return FlipFailure(
            Reason.NON_NUMERIC_FEATURES,
            f"Found array with 0 feature(s) (shape={features.shape}) while a minimum of 1 is required "
            "by KNeighborsClassifier.",
        )
    if np.isfinite(features).all():
        return None
    return FlipFailure(Reason.MISSING_FEATURES, _NAN_TEXT if np.isnan(features).any() else _INFINITY_TEXT)
