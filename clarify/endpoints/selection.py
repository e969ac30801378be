"""Which of the model's numbers is the score, and which class it names: rules written once for every server."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from clarify.endpoints.base import Answer, EndpointSpec, ModelMetadata, Predictions
from clarify.errors import BadPrediction, Problem


def select_predictions(answer: Answer, metadata: ModelMetadata, spec: EndpointSpec) -> Predictions:
    """Turn an answer into predictions by the rules of AWS's ``predictor`` section.

    One number per row is the score. Two columns of class probabilities are one score, the column of the positive
    class, unless two class names are given. Three columns or more all stay, and the largest names the label.
    """
    if answer.scores is None:
        return Predictions(None, answer.labels, _output_names(1, spec))
    if metadata.output_kind == "label":
        return Predictions(None, answer.labels or _as_labels(answer.scores), _output_names(1, spec))
    n_columns = answer.scores.shape[1]
    if n_columns == 2 and metadata.output_kind != "score" and len(spec.label_headers) != 2:
        column = positive_column(metadata.classes, spec.positive_label)
        return Predictions(
            np.ascontiguousarray(answer.scores[:, column : column + 1]), answer.labels, _output_names(1, spec)
        )
    labels = answer.labels
    if labels is None and n_columns > 1 and metadata.output_kind != "score":
        labels = arg_max_labels(answer.scores, _class_names(n_columns, metadata.classes, spec))
    return Predictions(answer.scores, labels, _output_names(n_columns, spec))


def positive_column(classes: Sequence[str], positive_label: Sequence[str]) -> int:
    """Position of the one class named as positive among two; the second when none or both are named."""
    positive = {canonical_class(value) for value in positive_label}
    named = [position for position, name in enumerate(classes) if canonical_class(name) in positive]
    return named[0] if len(named) == 1 else 1


def canonical_class(value: str) -> str:
    """A class value as compared: ``1``, ``1.0`` and ``+1`` are one class, as are ``True`` and ``true``."""
    text = value.strip()
    if text.lower() in {"true", "false"}:
        return text.lower()
    try:
        number = float(text)
    except ValueError:
        return text
    return str(int(number)) if number.is_integer() else repr(number)


def class_key(value: str) -> str:
    """A class value as predicted labels are compared: as ``canonical_class``, and JSON's ``true`` is 1."""
    text = canonical_class(value)
    return {"true": "1", "false": "0"}.get(text, text)


def arg_max_labels(scores: NDArray[np.float64], names: Sequence[str]) -> tuple[str, ...]:
    """The class with the largest score of each row; a row with a missing score has no label (empty text)."""
    missing = np.asarray(np.isnan(scores).any(axis=1))
    best = np.where(np.isnan(scores), -np.inf, scores).argmax(axis=1)
    pairs = zip(missing.tolist(), best.tolist(), strict=True)
    return tuple("" if lost else names[position] for lost, position in pairs)


def no_predictions(metadata: ModelMetadata, spec: EndpointSpec) -> Predictions:
    """The answer to no rows: the outputs the model would have, as far as it says."""
    if metadata.output_kind == "label":
        return Predictions(None, (), _output_names(1, spec))
    n_columns = len(metadata.classes) or max(len(spec.label_headers), 1)
    return select_predictions(Answer(np.empty((0, n_columns)), None), metadata, spec)


def _as_labels(scores: NDArray[np.float64]) -> tuple[str, ...]:
    return tuple(str(int(value)) if float(value).is_integer() else repr(float(value)) for value in scores[:, 0])


def _class_names(n_columns: int, classes: tuple[str, ...], spec: EndpointSpec) -> tuple[str, ...]:
    if not spec.label_headers and len(classes) == n_columns:
        return classes
    return _output_names(n_columns, spec)


def _output_names(n_columns: int, spec: EndpointSpec) -> tuple[str, ...]:
    if n_columns == 1:
        return (spec.label_headers[0] if spec.label_headers else "label0",)
    if not spec.label_headers:
        return tuple(f"label{position}" for position in range(n_columns))
    if len(spec.label_headers) != n_columns:
        raise BadPrediction(
            Problem(
                "ENDPOINT-CLASSES", "predictor.label_headers",
                f"{len(spec.label_headers)} names for {n_columns} scores", "one name for each score the model answers",
                f"the names given are {', '.join(spec.label_headers)}",
            )
        )
    return spec.label_headers
