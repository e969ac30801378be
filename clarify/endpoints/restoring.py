"""Columns as training saw them: what travelled as numbers, codes and nulls gets its pandas dtype back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clarify.endpoints.base import InputColumn
from clarify.errors import DataError, Problem, clip
from clarify.features import Kind

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Sent:
    """One column as it came: numbers as float64 with NaN, or words with codes (-1 is missing)."""

    kind: Kind
    numbers: NDArray[np.float64] | None = None
    words: NDArray[np.object_] | None = None
    codes: NDArray[np.int64] | None = None
    exact: NDArray[np.int64] | None = None           # integers that float64 may not hold


def sent_column(name: str, column: pa.ChunkedArray) -> Sent:
    kind = column.type
    if pa.types.is_boolean(kind):
        return Sent("bool", column.cast(pa.float64()).to_numpy())
    if pa.types.is_integer(kind):
        exact = column.to_numpy() if column.null_count == 0 else None
        safe = column.cast(pa.float64(), safe=False)
        return Sent("int", safe.to_numpy(), exact=exact)
    if pa.types.is_floating(kind):
        return Sent("float", column.cast(pa.float64()).to_numpy())
    if pa.types.is_null(kind):
        return Sent("float", np.full(len(column), np.nan))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        column, kind = column.dictionary_encode(), pa.dictionary(pa.int32(), pa.string())
    if not pa.types.is_dictionary(kind):
        raise DataError(Problem("ENDPOINT-COLUMN-TYPE", f"request.{name}", str(kind), "numbers, booleans or text"))
    merged = column.unify_dictionaries().combine_chunks()
    array = merged.chunk(0) if isinstance(merged, pa.ChunkedArray) else merged
    words = np.array(array.dictionary.cast(pa.string()).to_pylist(), dtype=object)
    codes = array.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
    return Sent("text", words=words, codes=codes)


def restored_column(name: str, sent: Sent, wanted: InputColumn | None) -> NDArray[np.generic]:
    kind = sent.kind if wanted is None else wanted.kind
    if kind == "text":
        return _as_text(sent)
    numbers = as_numbers(name, sent)
    if kind == "float":
        return numbers if wanted is None or wanted.bits == 64 else numbers.astype(np.float32)
    missing = np.isnan(numbers)
    if kind == "bool":
        return _as_bool(numbers, missing)
    if sent.exact is not None:
        return sent.exact.astype(np.int64 if wanted is None or wanted.bits == 64 else np.int32)
    # pandas reads integers with gaps as float64, so training saw that; a mean used as baseline may be a fraction.
    if missing.any() or (numbers != np.rint(numbers)).any():
        return numbers
    return numbers.astype(np.int64 if wanted is None or wanted.bits == 64 else np.int32)


def _as_bool(numbers: NDArray[np.float64], missing: NDArray[np.bool_]) -> NDArray[np.generic]:
    if not np.isin(numbers[~missing], (0.0, 1.0)).all():
        return numbers
    if not missing.any():
        return np.asarray(numbers != 0.0)
    words = np.array([False, True, np.nan], dtype=object)
    restored: NDArray[np.object_] = words[np.where(missing, 2.0, numbers).astype(np.int64)]
    return restored


def _as_text(sent: Sent) -> NDArray[np.object_]:
    if sent.words is not None and sent.codes is not None:
        # pandas reads a missing text as NaN; None would be another category to scikit-learn's encoders.
        return np.append(sent.words, np.array([np.nan], dtype=object))[sent.codes]
    numbers = cast("NDArray[np.float64]", sent.numbers)
    if sent.exact is not None:
        return np.array([str(value) for value in sent.exact.tolist()], dtype=object)
    return np.array([_spelt(value, sent.kind) for value in numbers.tolist()], dtype=object)


def _spelt(value: float, kind: Kind) -> object:
    if np.isnan(value):
        return np.nan
    if kind == "bool":
        return str(value != 0.0)
    return str(int(value)) if kind == "int" and value.is_integer() else repr(value)


def as_numbers(name: str, sent: Sent) -> NDArray[np.float64]:
    if sent.numbers is not None:
        return sent.numbers
    words, codes = cast("NDArray[np.object_]", sent.words), cast("NDArray[np.int64]", sent.codes)
    try:
        values = [_number_of(word) for word in words]
    except ValueError as error:
        raise DataError(
            Problem(
                "ENDPOINT-COLUMN-TYPE", f"request.{name}", f"text ({error})", "numbers, as in the model's signature",
                "the dataset and the model disagree about this column",
            )
        ) from error
    return np.array([*values, np.nan])[codes]


def _number_of(word: str) -> float:
    lowered = word.strip().lower()
    return float(lowered == "true") if lowered in {"true", "false"} else float(word)


def as_category(name: str, sent: Sent, training: NDArray[np.object_] | None) -> pd.Categorical:
    import pandas as pd

    if training is not None and len(training) and not isinstance(training[0], str):
        values: NDArray[np.generic] = as_numbers(name, sent)
        categories = pd.Index([float(value) for value in training])
        labels = pd.Index(training.tolist())
    else:
        values = _as_text(sent)
        labels = categories = pd.Index(sorted(set(values[~pd.isna(values)])) if training is None else training.tolist())
    codes = categories.get_indexer(pd.Index(values))
    unseen = (codes < 0) & ~pd.isna(values)
    if unseen.any():
        raise DataError(
            Problem(
                "ENDPOINT-CATEGORY", f"request.{name}", clip(str(values[unseen][0])),
                f"one of {clip(', '.join(str(label) for label in labels))}", "the model has not seen this category",
            )
        )
    return pd.Categorical.from_codes(codes, categories=labels)
