"""A model or a function that answers inside this process: for tests, notebooks and ``--in-process-model``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from clarify.endpoints.base import Answer, EndpointSpec, ModelMetadata, Predictions
from clarify.endpoints.batching import cut, joined, requests_of, rows_per_request
from clarify.endpoints.codec import check_count
from clarify.endpoints.selection import no_predictions, select_predictions
from clarify.features import Features


@dataclass(frozen=True)
class InProcessEndpoint:
    """An endpoint without a socket. There is no isolation: the model's code runs as us."""

    answer: Callable[[Features], Answer]
    metadata: ModelMetadata
    spec: EndpointSpec = field(default_factory=EndpointSpec)

    @classmethod
    def of_model(cls, path: str, spec: EndpointSpec | None = None) -> InProcessEndpoint:
        """Load an MLflow model directory into this process, which runs its code here.

        Raises
        ------
        EndpointError
            ENDPOINT-MODEL-LOAD.
        """
        from clarify.endpoints.scoring import load_scorer

        scorer = load_scorer(path)
        return cls(scorer.score_features, scorer.metadata("in_process"), spec or EndpointSpec(model_path=path))

    @classmethod
    def of_function(
        cls,
        function: Callable[[Features], ArrayLike],
        spec: EndpointSpec | None = None,
        *,
        metadata: ModelMetadata | None = None,
    ) -> InProcessEndpoint:
        """An endpoint of a function that gives scores of shape (n,) or (n, k) for features of n rows."""

        def answer(features: Features) -> Answer:
            scores = np.asarray(function(features), dtype=np.float64)
            check_count(len(scores), len(features))
            return Answer(scores.reshape(len(features), -1), None)

        return cls(answer, metadata or ModelMetadata("in_process"), spec or EndpointSpec())

    def predict(self, features: Features) -> Predictions:
        """Predictions in the order of the rows, asked in the same slices as a server is."""
        if len(features) == 0:
            return no_predictions(self.metadata, self.spec)
        most_rows = rows_per_request(len(features.columns), as_text=False)
        answers = [cut(self.answer(part), n_rows) for part, n_rows in requests_of(features, most_rows)]
        return select_predictions(joined(answers), self.metadata, self.spec)

    def close(self) -> None:
        """Nothing to release."""
