"""What an endpoint is to the rest of the product: something that answers features with predictions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from clarify.features import Features

Transport = Literal["tensor", "arrow", "csv", "json", "auto"]


@dataclass(frozen=True)
class EndpointSpec:
    """Where the model answers and how to read the answer: small, picklable, shipped to every worker.

    Exactly one of ``url`` (a server, ours or foreign) and ``model_path`` (an MLflow model directory, loaded in
    this process) is set.
    """

    url: str | None = None
    model_path: str | None = None
    transport: Transport = "auto"
    content_type: str | None = None          # foreign servers: text/csv or application/json
    accept_type: str | None = None
    label: int | str | None = None           # where the predicted label sits in a foreign answer
    probability: int | str | None = None     # where the score or scores sit
    label_headers: tuple[str, ...] = ()      # class names in score order
    positive_label: tuple[str, ...] = ()     # label_values_or_threshold as text: picks the column of predict_proba
    timeout_seconds: float = 120.0
    unavailable_seconds: float = 60.0        # how long refused connections are retried: a lease restarts meanwhile
    columns: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Predictions:
    """Answers for n rows, in order.

    ``scores`` is float64 of shape (n, n_outputs), or None when the model only names classes;
    ``labels`` holds the predicted class of each row as text, or None when the model only scores.
    """

    scores: NDArray[np.float64] | None
    labels: tuple[str, ...] | None
    output_names: tuple[str, ...]            # label_headers, or label0, label1, ...


class Endpoint(Protocol):
    """Something that answers. Raises EndpointUnavailable (try again) or BadPrediction (do not)."""

    def predict(self, features: Features) -> Predictions: ...

    def close(self) -> None: ...
