"""What an endpoint is to the rest of the product: something that answers features with predictions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from clarify.features import Features, Kind

Transport = Literal["tensor", "arrow", "csv", "json", "jsonlines", "auto"]
OutputKind = Literal["probability", "score", "label"]
ServerKind = Literal["clarify", "mlflow", "oip", "invocations", "in_process"]


@dataclass(frozen=True)
class EndpointSpec:
    """Where the model answers and how to read the answer: small, picklable, shipped to every worker.

    Exactly one of ``url`` (a server, ours or foreign) and ``model_path`` (an MLflow model directory, loaded in
    this process) is set.
    """

    url: str | None = None
    model_path: str | None = None
    transport: Transport = "auto"
    content_type: str | None = None          # foreign servers: text/csv, application/json or application/jsonlines
    accept_type: str | None = None
    label: int | str | None = None           # where the predicted label sits in a foreign answer
    probability: int | str | None = None     # where the score or scores sit
    label_headers: tuple[str, ...] = ()      # class names in score order
    positive_label: tuple[str, ...] = ()     # label_values_or_threshold as text: picks the column of predict_proba
    timeout_seconds: float = 120.0
    unavailable_seconds: float = 60.0        # how long refused connections are retried: a lease restarts meanwhile
    columns: tuple[str, ...] = field(default=())
    rows_per_request: int | None = None      # None: found by experiment; a number: boundaries depend on the data only
    max_in_flight: int = 2                   # requests of one HttpEndpoint that may wait for their answer at once
    content_template: str | None = None      # what a foreign server's request (or each line of it) looks like
    record_template: str | None = None       # and each record in it; see clarify.config.templates
    request_headers: tuple[tuple[str, str], ...] = ()   # sent along to a foreign /invocations, nowhere else
    label_holds_scores: bool = True          # numbers at label, without a probability, are scores as well


@dataclass(frozen=True)
class InputColumn:
    """One column of the model's signature, in the model's order."""

    name: str
    kind: Kind
    bits: int = 64                           # width of the training dtype: 32 for float32 and int32


@dataclass(frozen=True)
class TensorSpec:
    """One input of a foreign Open Inference Protocol model, as its metadata names it."""

    name: str
    datatype: str
    rank: int


@dataclass(frozen=True)
class ModelMetadata:
    """What a server says of its model, before it answered anything.

    ``output_kind`` is ``probability`` for predict_proba, ``score`` for any other number, ``label`` when the model
    only names classes. ``classes`` holds the class values as text in score order. ``inputs`` is empty when the
    model has no signature, ``digest`` is empty for a foreign server.
    """

    server: ServerKind
    output_kind: OutputKind | None = None    # None: a foreign server that does not say
    classes: tuple[str, ...] = ()
    inputs: tuple[InputColumn, ...] = ()
    digest: str = ""
    n_workers: int = 1
    url: str = ""                            # where a foreign Open Inference Protocol model answers
    tensors: tuple[TensorSpec, ...] = ()     # and what it wants there
    binary_tensors: bool = False             # whether it offers the binary extension; JSON is what all of them read


@dataclass(frozen=True)
class Answer:
    """What a model answered for n rows, before the score is picked: scores (n, k) or labels as text, or both."""

    scores: NDArray[np.float64] | None
    labels: tuple[str, ...] | None


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

    @property
    def metadata(self) -> ModelMetadata: ...

    def predict(self, features: Features) -> Predictions: ...

    def close(self) -> None: ...
