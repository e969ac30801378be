"""One loaded MLflow model asked for scores: the same code in the isolated server and in this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clarify.endpoints.base import Answer, InputColumn, ModelMetadata, OutputKind, ServerKind
from clarify.endpoints.codec import check_count, to_table
from clarify.endpoints.restoring import Sent, as_category, as_numbers, restored_column, sent_column
from clarify.errors import BadPrediction, DataError, EndpointError, Problem, clip
from clarify.features import Features, Kind

if TYPE_CHECKING:
    import pandas as pd

Ask = Callable[["pd.DataFrame | NDArray[np.float64]"], object]

_SIGNATURE_KINDS: dict[str, tuple[Kind, int]] = {
    "boolean": ("bool", 64), "integer": ("int", 32), "long": ("int", 64), "float": ("float", 32),
    "double": ("float", 64), "string": ("text", 64),
}
_LABEL_OBJECTIVES = ("binary:hinge", "multi:softmax")
_PROBABILITY_OBJECTIVES = ("binary:logistic", "multi:softprob", "reg:logistic")


@dataclass(frozen=True)
class Scorer:
    """A loaded model, how to ask it, and what its columns looked like in training."""

    ask: Ask
    output_kind: OutputKind
    classes: tuple[str, ...] = ()
    inputs: tuple[InputColumn, ...] = ()             # from the signature, empty without one
    names: tuple[str, ...] = ()                      # the model's own column order, empty when it knows no names
    categories: Mapping[str, NDArray[np.object_] | None] = field(default_factory=dict)
    wants_array: bool = False                        # a plain matrix serves it better than a frame

    def metadata(self, server: ServerKind, *, digest: str = "", n_workers: int = 1) -> ModelMetadata:
        """What a client must know before it asks."""
        return ModelMetadata(server, self.output_kind, self.classes, self.inputs, digest, n_workers)

    def score_matrix(self, names: Sequence[str], kinds: Sequence[Kind], values: NDArray[np.float64]) -> Answer:
        """Score a float64 matrix (rows, columns); without names the columns are taken by position.

        Raises
        ------
        DataError
            When the columns do not fit the model (ENDPOINT-COLUMNS, ENDPOINT-COLUMN-TYPE).
        BadPrediction
            When the model raised (ENDPOINT-MODEL-RAISED) or answered another number of rows.
        """
        order = self._order(names, values.shape[1])
        ordered = values if order is None else values[:, order]
        if self.wants_array:
            return self._answer(np.array(ordered), len(values))
        ordered_names = self._known_names(names, order, values.shape[1])
        if not self.categories and self._all_double(kinds):
            import pandas as pd

            return self._answer(pd.DataFrame(np.array(ordered), columns=list(ordered_names)), len(values))
        sent = [kinds[j] for j in (order if order is not None else range(values.shape[1]))]
        columns = [Sent(kind, ordered[:, j]) for j, kind in enumerate(sent)]
        return self._answer(self._frame(ordered_names, columns), len(values))

    def score_table(self, table: pa.Table) -> Answer:
        """Score an Arrow table of any column types; raises as ``score_matrix``."""
        order = self._order(table.column_names, table.num_columns)
        positions = range(table.num_columns) if order is None else order
        names = self._known_names(table.column_names, order, table.num_columns)
        columns = [sent_column(names[j], table.column(position)) for j, position in enumerate(positions)]
        if self.wants_array:
            matrix = np.column_stack([as_numbers(name, c) for name, c in zip(names, columns, strict=True)])
            return self._answer(matrix, table.num_rows)
        return self._answer(self._frame(names, columns), table.num_rows)

    def score_features(self, features: Features) -> Answer:
        """Score what the rest of the product holds, as the server would after the journey."""
        if features.is_numeric:
            return self.score_matrix(features.names, [c.kind for c in features.columns], features.values)
        return self.score_table(to_table(features))

    def _order(self, names: Sequence[str], n_columns: int) -> list[int] | None:
        """Where the model's columns sit in the request; None when they are already in place."""
        wanted = self.names
        if not wanted:
            return None
        if not names or set(names).isdisjoint(wanted):
            if n_columns == len(wanted) and not names:
                return None
            raise _wrong_columns(names or [f"{n_columns} columns without names"], wanted)
        if tuple(names) == wanted:
            return None
        if set(names) != set(wanted) or len(names) != len(wanted):
            raise _wrong_columns(names, wanted)
        position = {name: j for j, name in enumerate(names)}
        return [position[name] for name in wanted]

    def _known_names(self, names: Sequence[str], order: list[int] | None, n_columns: int) -> Sequence[str]:
        if self.names:
            return self.names
        return names or [str(j) for j in range(n_columns)]

    def _all_double(self, kinds: Sequence[Kind]) -> bool:
        if self.inputs:
            return all(column.kind == "float" and column.bits == 64 for column in self.inputs)
        return all(kind == "float" for kind in kinds)

    def _frame(self, names: Sequence[str], columns: Sequence[Sent]) -> pd.DataFrame:
        import pandas as pd

        wanted = {column.name: column for column in self.inputs}
        restored: dict[str, NDArray[np.generic] | pd.Categorical] = {}
        for name, column in zip(names, columns, strict=True):
            if name in self.categories:
                restored[name] = as_category(name, column, self.categories[name])
            else:
                restored[name] = restored_column(name, column, wanted.get(name))
        return pd.DataFrame(restored, copy=False)

    def _answer(self, rows: pd.DataFrame | NDArray[np.float64], n_rows: int) -> Answer:
        try:
            raw = self.ask(rows)
        except Exception as error:  # a model's code may raise anything, and every one of them means: these rows failed
            raise BadPrediction(
                Problem(
                    "ENDPOINT-MODEL-RAISED", "model", f"{type(error).__name__}: {clip(str(error))}",
                    "an answer for every row", "the model's own code raised; the server's log has the traceback",
                )
            ) from error
        answer = _read_raw(raw, self.output_kind)
        received = len(answer.labels or ()) if answer.scores is None else len(answer.scores)
        check_count(received, n_rows)
        return answer


# --- loading ----------------------------------------------------------------------------------------------------------


def load_scorer(path: str) -> Scorer:
    """Load an MLflow model directory. Loading a model runs its code: do it in the isolated server.

    Raises
    ------
    EndpointError
        ENDPOINT-MODEL-LOAD, with the reason of the flavour that refused.
    """
    import mlflow.pyfunc

    try:
        model = mlflow.pyfunc.load_model(path)
    except Exception as error:  # each flavour raises its own kind, up to a missing library's ImportError
        raise EndpointError(
            Problem("ENDPOINT-MODEL-LOAD", "model", f"{type(error).__name__}: {error}", "a model MLflow can load", path)
        ) from error
    return scorer_of(model)


def scorer_of(model: object) -> Scorer:
    """A scorer for a loaded pyfunc model: its predict_proba when there is one, else what its predict gives."""
    native = _native_model(model)
    schema = _input_schema(model)
    inputs = _signature_inputs(schema)
    ask, kind, classes = _question(model, native)
    if schema is not None and schema.is_tensor_spec():
        return Scorer(_tensor_ask(ask, schema), kind, classes, wants_array=True)
    names = tuple(column.name for column in inputs) or _fitted_names(native)
    categories = _categories(native, names)
    fitted_on_array = not names and hasattr(native, "n_features_in_")
    # XGBoost turns every number into float32: the same answer from a matrix saves it a pass through pandas (1 ms).
    is_booster = kind == "probability" and hasattr(native, "get_booster") and not categories
    return Scorer(ask, kind, classes, inputs, names, categories, fitted_on_array or is_booster)


def _native_model(model: object) -> object:
    """The estimator inside the pyfunc wrapper, or the wrapper's own object when it hides nothing."""
    from mlflow.exceptions import MlflowException

    try:
        return model.unwrap_python_model()  # type: ignore[attr-defined]
    except (MlflowException, AttributeError):
        inner = getattr(model, "_model_impl", None)
    raw = getattr(inner, "get_raw_model", None)
    return raw() if callable(raw) else inner


def _question(model: object, native: object) -> tuple[Ask, OutputKind, tuple[str, ...]]:
    predict = cast(Ask, model.predict)  # type: ignore[attr-defined]
    probabilities = getattr(native, "predict_proba", None)
    if callable(probabilities):
        return _proba_ask(model, native, probabilities), "probability", _classes_of(native)
    objective = _booster_objective(native)
    if objective is not None:
        kind: OutputKind = "score"
        if objective in _LABEL_OBJECTIVES:
            kind = "label"
        elif objective in _PROBABILITY_OBJECTIVES:
            kind = "probability"
        return predict, kind, ()
    if _classes_of(native):
        return predict, "label", _classes_of(native)
    return predict, _kind_by_signature(model, native), ()


def _proba_ask(model: object, native: object, probabilities: Callable[..., object]) -> Ask:
    """A PythonModel may want its context first, as its predict does."""
    import inspect

    if not hasattr(native, "load_context"):
        return cast(Ask, probabilities)
    wanted = list(inspect.signature(probabilities).parameters)
    if wanted[:1] != ["context"]:
        return cast(Ask, probabilities)
    context = getattr(getattr(model, "_model_impl", None), "context", None)
    return lambda rows: probabilities(context, rows)


def _classes_of(native: object) -> tuple[str, ...]:
    # An unfitted or delegating estimator raises from the property itself, as a Pipeline of a regressor does.
    classes = getattr(native, "classes_", None)
    if classes is None:
        return ()
    try:
        return tuple(str(value) for value in np.asarray(classes).tolist())
    except (TypeError, ValueError):
        return ()


def _booster_objective(native: object) -> str | None:
    config = getattr(native, "save_config", None)
    if not callable(config):
        return None
    name: str = json.loads(config())["learner"]["objective"]["name"]
    return name


def _kind_by_signature(model: object, native: object) -> OutputKind:
    if getattr(native, "_estimator_type", None) == "regressor" or _is_sklearn_regressor(native):
        return "score"
    metadata = getattr(model, "metadata", None)
    schema = None if metadata is None else metadata.get_output_schema()
    if schema is None:
        return "score"
    if schema.is_tensor_spec():
        return "score" if np.dtype(schema.inputs[0].type).kind == "f" else "label"
    named = {_type_name(column) for column in schema.inputs}
    return "label" if named <= {"string", "boolean", "integer", "long"} else "score"


def _is_sklearn_regressor(native: object) -> bool:
    tags = getattr(native, "__sklearn_tags__", None)
    return callable(tags) and tags().estimator_type == "regressor"


def _input_schema(model: object):  # type: ignore[no-untyped-def]
    metadata = getattr(model, "metadata", None)
    return None if metadata is None else metadata.get_input_schema()


def _signature_inputs(schema) -> tuple[InputColumn, ...]:  # type: ignore[no-untyped-def]
    if schema is None or schema.is_tensor_spec() or not schema.has_input_names():
        return ()
    known = [(str(column.name), _SIGNATURE_KINDS.get(_type_name(column), ("text", 64))) for column in schema.inputs]
    return tuple(InputColumn(name, kind, bits) for name, (kind, bits) in known)


def _type_name(column: object) -> str:
    kind = getattr(column, "type", None)
    return str(getattr(kind, "name", kind))


def _tensor_ask(ask: Ask, schema) -> Ask:  # type: ignore[no-untyped-def]
    dtype = schema.inputs[0].type
    return lambda rows: ask(np.asarray(rows).astype(dtype))


def _fitted_names(native: object) -> tuple[str, ...]:
    names = getattr(native, "feature_names_in_", None)
    if names is None:
        names = getattr(native, "feature_names", None)
    return () if names is None or callable(names) else tuple(str(name) for name in names)


def _categories(native: object, names: tuple[str, ...]) -> dict[str, NDArray[np.object_] | None]:
    """Columns the model wants as pandas categories, with the training categories where it remembers them."""
    booster = native.get_booster() if hasattr(native, "get_booster") else native
    types = getattr(booster, "feature_types", None)
    if types is not None and not callable(types) and len(types) == len(names):
        return _booster_categories(booster, types, names)
    mask = getattr(native, "is_categorical_", None)
    if mask is not None and len(mask) == len(names):
        return {name: None for name, is_category in zip(names, mask, strict=True) if is_category}
    return {}


def _booster_categories(
    booster: object, types: Sequence[str], names: tuple[str, ...]
) -> dict[str, NDArray[np.object_] | None]:
    categorical = [name for name, kind in zip(names, types, strict=True) if kind == "c"]
    if not categorical:
        return {}
    remembered = dict(booster.get_categories(export_to_arrow=True).to_arrow())  # type: ignore[attr-defined]
    forgotten = [name for name in categorical if remembered.get(name) is None]
    if forgotten:
        raise EndpointError(
            Problem(
                "ENDPOINT-MODEL-CATEGORIES", "model", f"categories of {', '.join(forgotten)} are not in the model",
                "an XGBoost model that remembers its categories",
                "train and save it with XGBoost 3.1 or newer; an older one reads codes that depend on the batch",
            )
        )
    return {name: np.array(remembered[name].to_pylist(), dtype=object) for name in categorical}


# --- reading what the model gave --------------------------------------------------------------------------------------


def _read_raw(raw: object, kind: OutputKind) -> Answer:
    if hasattr(raw, "select_dtypes"):
        return _read_frame(cast("pd.DataFrame", raw), kind)
    values = np.asarray(raw)
    if values.ndim > 2:
        values = values.reshape(len(values), -1)
    if kind == "label" or values.dtype.kind not in "fiub":
        return _read_words(values)
    scores = values.astype(np.float64)
    return Answer(scores.reshape(len(scores), -1) if scores.ndim else scores.reshape(1, 1), None)


def _read_frame(frame: pd.DataFrame, kind: OutputKind) -> Answer:
    if kind == "label":
        return _read_words(frame.to_numpy()[:, 0])
    numbers = frame.select_dtypes(include=["number"])
    words = frame.drop(columns=numbers.columns)
    scores = numbers.to_numpy(dtype=np.float64) if numbers.shape[1] else None
    labels = tuple(str(value) for value in words.iloc[:, 0].tolist()) if words.shape[1] else None
    return Answer(scores, labels)


def _read_words(values: NDArray[np.generic]) -> Answer:
    """Class names as text; numbers hidden in an object array are numbers."""
    flat = values.reshape(len(values), -1) if values.ndim else values.reshape(1, 1)
    return Answer(None, tuple(str(value) for value in flat[:, 0].tolist()))


def _wrong_columns(names: Sequence[str], wanted: Sequence[str]) -> DataError:
    missing = [name for name in wanted if name not in set(names)]
    extra = [name for name in names if name not in set(wanted)]
    hints = []
    if missing:
        hints.append(f"missing: {', '.join(missing)}")
    if extra:
        hints.append(f"not known to the model: {', '.join(extra)} (leave them out with excluded_columns)")
    return DataError(
        Problem("ENDPOINT-COLUMNS", "request.columns", ", ".join(names), ", ".join(wanted), clip("; ".join(hints)))
    )
