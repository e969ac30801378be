"""The Open Inference Protocol, version 2, with its binary extension: tensors as they lie in memory.

A body is a JSON header of the length told in ``Inference-Header-Content-Length``, then the raw tensors in order.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clarify.endpoints.base import Answer, TensorSpec
from clarify.endpoints.codec import Json, bad_format, check_count, dump_json, load_json
from clarify.errors import BadPrediction, DataError, Problem
from clarify.features import FeatureColumn, Features, Kind

HEADER_LENGTH = "Inference-Header-Content-Length"
OCTETS = "application/octet-stream"

_DTYPES: dict[str, str] = {
    "FP64": "<f8", "FP32": "<f4", "FP16": "<f2", "INT64": "<i8", "INT32": "<i4", "INT16": "<i2", "INT8": "|i1",
    "UINT8": "|u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "BOOL": "|b1",
}
_KIND_DATATYPES: dict[Kind, str] = {"int": "INT64", "float": "FP64", "bool": "BOOL", "text": "BYTES"}


@dataclass(frozen=True)
class Tensor:
    """One named tensor on the wire."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    payload: bytes | memoryview


@dataclass(frozen=True)
class TensorRequest:
    """What our server reads: a float64 matrix with the names and kinds of its columns."""

    names: tuple[str, ...]
    kinds: tuple[Kind, ...]
    values: NDArray[np.float64]


# --- our client to our server -----------------------------------------------------------------------------------------


def encode_features(features: Features) -> tuple[bytes, int]:
    """All-numeric features as one FP64 tensor of shape [rows, columns]; returns body and header length."""
    matrix = np.ascontiguousarray(features.values, dtype="<f8")
    parameters: dict[str, Json] = {
        "columns": list(features.names),
        "kinds": [column.kind for column in features.columns],
    }
    return _body([Tensor("rows", "FP64", matrix.shape, _as_bytes(matrix))], parameters)


def read_request(body: bytes, header_length: int | None) -> TensorRequest:
    """The one numeric tensor of a request; names and kinds come from its parameters when given.

    Raises
    ------
    DataError
        ENDPOINT-REQUEST, when header, shape or size do not agree.
    """
    try:
        header, tensors = _read(body, header_length)
    except BadPrediction as error:
        raise DataError(*error.problems) from error
    if len(tensors) != 1 or len(tensors[0][1]) != 2 or not isinstance(tensors[0][2], np.ndarray):
        raise _bad_request(f"{len(tensors)} tensors", "one numeric tensor of shape [rows, columns]")
    _, shape, values = tensors[0]
    parameters = header.get("parameters")
    parameters = parameters if isinstance(parameters, dict) else {}
    names, kinds = parameters.get("columns"), parameters.get("kinds")
    names = names if isinstance(names, list) else []
    kinds = kinds if isinstance(kinds, list) else ["float"] * shape[1]
    if (names and len(names) != shape[1]) or len(kinds) != shape[1] or not set(kinds) <= set(_KIND_DATATYPES):
        raise _bad_request(f"{len(names)} names and {len(kinds)} kinds", f"{shape[1]} of each, one a column")
    matrix = np.asarray(values, dtype=np.float64).reshape(shape)
    return TensorRequest(tuple(str(name) for name in names), tuple(kinds), matrix)  # type: ignore[arg-type]


def encode_answer(answer: Answer, model: str, digest: str) -> tuple[bytes, int]:
    """Our server's answer: FP64 [rows, scores], or BYTES [rows] of class names."""
    if answer.scores is None:
        labels = answer.labels or ()
        tensor = Tensor("labels", "BYTES", (len(labels),), _bytes_payload(labels))
    else:
        scores = np.ascontiguousarray(answer.scores, dtype="<f8")
        tensor = Tensor("scores", "FP64", scores.shape, _as_bytes(scores))
    return _body([tensor], {"digest": digest}, model=model, answering=True)


# --- foreign servers --------------------------------------------------------------------------------------------------


def encode_foreign(features: Features, inputs: tuple[TensorSpec, ...]) -> tuple[bytes, int]:
    """Features for a foreign model: one tensor when it has one matrix input, else one tensor per column.

    Integers with missing values travel as FP64 with NaN; a missing text has no encoding.

    Raises
    ------
    DataError
        ENDPOINT-NULL-TEXT, ENDPOINT-INPUTS.
    """
    if len(inputs) == 1 and inputs[0].rank == 2 and (len(features.columns) != 1 or features.is_numeric):
        return _body([_matrix_tensor(features, inputs[0])], {}, binary_output=True)
    named = {column.name: position for position, column in enumerate(features.columns)}
    wanted = inputs or tuple(TensorSpec(name, "", 2) for name in features.names)
    unknown = [spec.name for spec in wanted if spec.name not in named]
    if unknown:
        raise DataError(
            Problem(
                "ENDPOINT-INPUTS", "endpoint.inputs", ", ".join(features.names),
                f"columns {', '.join(spec.name for spec in wanted)}", f"missing: {', '.join(unknown)}",
            )
        )
    tensors = [
        _column_tensor(features.columns[named[spec.name]], features.values[:, named[spec.name]], spec)
        for spec in wanted
    ]
    return _body(tensors, {}, binary_output=True)


def read_answer(body: bytes, header_length: int | None, n_rows: int) -> Answer:
    """The first output of shape [rows] or [rows, scores]; text outputs are labels.

    Raises
    ------
    BadPrediction
        ENDPOINT-FORMAT, ENDPOINT-ROWS.
    """
    _, tensors = _read(body, header_length)
    if not tensors:
        raise bad_format(body, "at least one output tensor", "outputs is empty")
    scores: NDArray[np.float64] | None = None
    labels: tuple[str, ...] | None = None
    for _, shape, values in tensors:
        check_count(shape[0] if shape else 0, n_rows)
        if isinstance(values, np.ndarray) and scores is None:
            scores = values.astype(np.float64).reshape(n_rows, -1)
        elif isinstance(values, tuple) and labels is None:
            check_count(len(values), n_rows)
            labels = values
    return Answer(scores, labels)


# --- bytes ------------------------------------------------------------------------------------------------------------


def _body(
    tensors: list[Tensor], parameters: dict[str, Json], *, model: str = "", answering: bool = False,
    binary_output: bool = False,
) -> tuple[bytes, int]:
    listed: list[Json] = [
        {
            "name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape),
            "parameters": {"binary_data_size": len(tensor.payload)},
        }
        for tensor in tensors
    ]
    document: dict[str, Json] = {"outputs": listed, "model_name": model} if answering else {"inputs": listed}
    if binary_output:
        parameters = {**parameters, "binary_data_output": True}
    if parameters:
        document["parameters"] = parameters
    header = dump_json(document)
    return b"".join([header, *(tensor.payload for tensor in tensors)]), len(header)


_Read = tuple[str, tuple[int, ...], NDArray[np.generic] | tuple[str, ...]]


def _read(body: bytes, header_length: int | None) -> tuple[dict[str, Json], list[_Read]]:
    length = len(body) if header_length is None else header_length
    if not 0 < length <= len(body):
        raise bad_format(body, f"a {HEADER_LENGTH} of at most {len(body)} bytes", f"it says {length}")
    header = load_json(body[:length])
    if not isinstance(header, dict):
        raise bad_format(body, "a JSON object", f"a {type(header).__name__} came")
    listed = header.get("outputs", header.get("inputs"))
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise bad_format(body, "a list of tensors", f"{listed!r:.80}")
    tensors: list[_Read] = []
    offset = length
    for entry in listed:
        tensor, offset = _read_tensor(body, entry, offset)  # type: ignore[arg-type]
        tensors.append(tensor)
    if offset != len(body):
        raise bad_format(body, f"{offset} bytes", f"{len(body)} came")
    return header, tensors


def _read_tensor(body: bytes, entry: dict[str, Json], offset: int) -> tuple[_Read, int]:
    name, datatype = str(entry.get("name", "")), str(entry.get("datatype", ""))
    shape = _shape_of(entry, body)
    parameters = entry.get("parameters")
    size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
    if size is None:
        return (name, shape, _of_json(entry.get("data"), datatype, shape, body)), offset
    if not isinstance(size, int) or size < 0 or offset + size > len(body):
        raise bad_format(body, "a binary_data_size within the body", f"{name} says {size}")
    if datatype == "BYTES":
        return (name, shape, _words_of(body[offset : offset + size], body)), offset + size
    if datatype not in _DTYPES:
        raise bad_format(body, ", ".join((*_DTYPES, "BYTES")), f"{name} has datatype {datatype!r}")
    dtype = np.dtype(_DTYPES[datatype])
    if _count(shape) * dtype.itemsize != size:
        raise bad_format(body, f"{_count(shape) * dtype.itemsize} bytes for shape {list(shape)}", f"{size} came")
    return (name, shape, np.frombuffer(body, dtype, _count(shape), offset).reshape(shape)), offset + size


def _shape_of(entry: dict[str, Json], body: bytes) -> tuple[int, ...]:
    shape = entry.get("shape")
    if not isinstance(shape, list) or not all(isinstance(size, int) and 0 <= size < 2**40 for size in shape):
        raise bad_format(body, "a shape of sizes", f"{shape!r:.80}")
    return tuple(int(size) for size in shape)  # type: ignore[arg-type]


def _of_json(data: Json, datatype: str, shape: tuple[int, ...], body: bytes) -> NDArray[np.generic] | tuple[str, ...]:
    if not isinstance(data, list):
        raise bad_format(body, "tensor data as a list", f"{data!r:.80}")
    if datatype == "BYTES":
        return tuple(str(value) for value in data)
    try:
        return np.array(data, dtype=np.float64).reshape(shape)
    except (TypeError, ValueError) as error:
        raise bad_format(body, f"numbers of shape {list(shape)}", str(error)) from error


def _words_of(payload: bytes, body: bytes) -> tuple[str, ...]:
    words: list[str] = []
    offset = 0
    while offset < len(payload):
        length = int.from_bytes(payload[offset : offset + 4], "little")
        if offset + 4 + length > len(payload):
            raise bad_format(body, "words with their lengths", f"a word of {length} bytes does not fit")
        words.append(payload[offset + 4 : offset + 4 + length].decode("utf-8", "replace"))
        offset += 4 + length
    return tuple(words)


def _bytes_payload(words: tuple[str, ...]) -> bytes:
    encoded = {word: struct.pack("<I", len(data := word.encode())) + data for word in set(words)}
    return b"".join(encoded[word] for word in words)


def _as_bytes(matrix: NDArray[np.float64]) -> memoryview:
    """The matrix where it lies: copied once, into the body. An empty one has no bytes to cast."""
    return matrix.data.cast("B") if matrix.size else memoryview(b"")


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


def _matrix_tensor(features: Features, spec: TensorSpec) -> Tensor:
    if not features.is_numeric or spec.datatype not in _DTYPES:
        raise DataError(
            Problem(
                "ENDPOINT-INPUTS", "endpoint.inputs", "a table with text" if not features.is_numeric else spec.datatype,
                "columns of numbers for a model with one matrix input", f"the model's input is {spec.name}",
            )
        )
    values = _numbers_as(features.values, spec)
    return Tensor(spec.name, spec.datatype, values.shape, values.tobytes())


def _column_tensor(column: FeatureColumn, values: NDArray[np.float64], spec: TensorSpec) -> Tensor:
    shape = (len(values), 1) if spec.rank == 2 else (len(values),)
    if column.kind == "text":
        return Tensor(column.name, "BYTES", shape, _bytes_payload(_words(column, values)))
    if column.vocabulary is not None:
        values = np.array([np.nan if np.isnan(v) else float(column.vocabulary[int(v)]) for v in values])
    datatype = spec.datatype or _KIND_DATATYPES[column.kind]
    if datatype == "BYTES":
        whole = column.kind != "float"
        return Tensor(
            column.name, "BYTES", shape, _bytes_payload(tuple(str(int(v)) if whole else repr(float(v)) for v in values))
        )
    if np.isnan(values).any() and not datatype.startswith("FP"):
        datatype = "FP64"
    typed = _numbers_as(values, TensorSpec(spec.name, datatype, spec.rank))
    return Tensor(column.name, datatype, shape, typed.tobytes())


def _numbers_as(values: NDArray[np.float64], spec: TensorSpec) -> NDArray[np.generic]:
    if not spec.datatype.startswith("FP") and np.isnan(values).any():
        raise DataError(
            Problem(
                "ENDPOINT-NULL-INPUT", f"endpoint.inputs.{spec.name}", "a missing value", "a value in every cell",
                f"{spec.datatype} has no missing value; fill the column before the analysis",
            )
        )
    return np.ascontiguousarray(values).astype(_DTYPES[spec.datatype])


def _words(column: FeatureColumn, values: NDArray[np.float64]) -> tuple[str, ...]:
    if np.isnan(values).any():
        raise DataError(
            Problem(
                "ENDPOINT-NULL-TEXT", f"features.{column.name}", "a missing text", "a text in every row",
                "the Open Inference Protocol has no missing text; fill the column or serve the model with us",
            )
        )
    vocabulary = column.vocabulary or ()
    return tuple(str(vocabulary[int(code)]) for code in values)


def _bad_request(received: str, allowed: str) -> DataError:
    return DataError(Problem("ENDPOINT-REQUEST", "request.body", received, allowed))
