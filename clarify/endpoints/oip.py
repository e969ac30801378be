"""The Open Inference Protocol, version 2: tensors as JSON, or as they lie in memory with its binary extension.

A binary body is a JSON header of the length told in ``Inference-Header-Content-Length``, then the raw tensors in order.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clarify.endpoints.base import Answer, TensorSpec
from clarify.endpoints.codec import Json, bad_format, check_count, dump_json, load_json, refuse_infinite
from clarify.errors import BadPrediction, DataError, Problem
from clarify.features import FeatureColumn, Features, Kind

HEADER_LENGTH = "Inference-Header-Content-Length"
OCTETS = "application/octet-stream"
BINARY_EXTENSION = "binary_tensor_data"

_DTYPES: dict[str, str] = {
    "FP64": "<f8", "FP32": "<f4", "FP16": "<f2", "INT64": "<i8", "INT32": "<i4", "INT16": "<i2", "INT8": "|i1",
    "UINT8": "|u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "BOOL": "|b1",
}
_KIND_DATATYPES: dict[Kind, str] = {"int": "INT64", "float": "FP64", "bool": "BOOL", "text": "BYTES"}


@dataclass(frozen=True)
class Tensor:
    """One named tensor: numbers of the datatype's dtype, or words in row-major order."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: NDArray[np.generic] | Sequence[str]


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
    return _binary_body("inputs", [Tensor("rows", "FP64", matrix.shape, matrix)], {"parameters": parameters})


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
    if len(tensors) != 1 or len(tensors[0].shape) != 2 or not isinstance(tensors[0].values, np.ndarray):
        raise _bad_request(f"{len(tensors)} tensors", "one numeric tensor of shape [rows, columns]")
    shape, values = tensors[0].shape, tensors[0].values
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
        tensor = Tensor("labels", "BYTES", (len(labels),), labels)
    else:
        scores = np.ascontiguousarray(answer.scores, dtype="<f8")
        tensor = Tensor("scores", "FP64", scores.shape, scores)
    return _binary_body("outputs", [tensor], {"model_name": model, "parameters": {"digest": digest}})


# --- foreign servers --------------------------------------------------------------------------------------------------


def encode_foreign(
    features: Features, inputs: tuple[TensorSpec, ...], *, outputs: Sequence[str] = (), binary: bool = True
) -> tuple[bytes, int | None]:
    """Features for a foreign model: one tensor when it has one matrix input, else one tensor per column.

    A model that lists no inputs gets one FP64 matrix when all columns are numbers. Integers with missing values
    travel as FP64 with NaN (null in JSON); a missing text has no encoding. ``outputs`` names what the model should
    answer, where it answers several. Returns the body and, of a binary one, the length of its header.

    Raises
    ------
    DataError
        ENDPOINT-NULL-TEXT, ENDPOINT-NULL-INPUT, ENDPOINT-INFINITE-INPUT, ENDPOINT-INPUTS.
    """
    tensors = _foreign_tensors(features, inputs)
    document: dict[str, object] = {"outputs": [{"name": name} for name in outputs]} if outputs else {}
    if binary:
        return _binary_body("inputs", tensors, {**document, "parameters": {"binary_data_output": True}})
    # MLServer and KServe make a data frame of named tensors when asked to; others ignore the word.
    if len(tensors) > 1:
        document["parameters"] = {"content_type": "pd"}
    return _json_body(tensors, document), None


def _foreign_tensors(features: Features, inputs: tuple[TensorSpec, ...]) -> list[Tensor]:
    if not inputs and features.is_numeric:
        inputs = (TensorSpec("input-0", "FP64", 2),)
    if len(inputs) == 1 and inputs[0].rank == 2 and (len(features.columns) != 1 or features.is_numeric):
        return [_matrix_tensor(features, inputs[0])]
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
    return [
        _column_tensor(features.columns[named[spec.name]], features.values[:, named[spec.name]], spec)
        for spec in wanted
    ]


def read_answer(
    body: bytes, header_length: int | None, n_rows: int, *, label: str | None = None, probability: str | None = None
) -> Answer:
    """Outputs of shape [rows] or [rows, scores] as scores and labels.

    ``probability`` and ``label`` name the outputs to take. Without names the scores are the first output of floats,
    or of integers when there is none, and the labels the first output of text, or of integers beside the floats:
    converted classifiers answer ``label`` as INT64 before ``probabilities``.

    Raises
    ------
    BadPrediction
        ENDPOINT-FORMAT, ENDPOINT-ROWS.
    """
    _, tensors = _read(body, header_length)
    if not tensors:
        raise bad_format(body, "at least one output tensor", "outputs is empty")
    for tensor in tensors:
        check_count(tensor.shape[0] if tensor.shape else 0, n_rows)
    words = [tensor for tensor in tensors if not isinstance(tensor.values, np.ndarray)]
    floats = [tensor for tensor in tensors if tensor.datatype.startswith("FP")]
    whole = [tensor for tensor in tensors if tensor not in words and tensor not in floats]
    if label is None and probability is None:
        scored, labelled = [*floats, *whole][:1], (words or (whole if floats else []))[:1]
    else:
        scored, labelled = _named(tensors, probability, body), _named(tensors, label, body)
    return Answer(
        _scores(scored[0], n_rows, body) if scored else None,
        _labels(labelled[0], n_rows) if labelled else None,
    )


def _named(tensors: Sequence[ReadTensor], name: str | None, body: bytes) -> list[ReadTensor]:
    found = [tensor for tensor in tensors if tensor.name == name]
    if name is not None and not found:
        raise bad_format(body, f"an output named {name}", f"outputs: {', '.join(tensor.name for tensor in tensors)}")
    return found


def _scores(tensor: ReadTensor, n_rows: int, body: bytes) -> NDArray[np.float64]:
    if not isinstance(tensor.values, np.ndarray):
        raise bad_format(body, "scores as numbers", f"{tensor.name} holds {tensor.datatype}")
    return tensor.values.astype(np.float64).reshape(n_rows, -1)


def _labels(tensor: ReadTensor, n_rows: int) -> tuple[str, ...]:
    values = tensor.values.ravel().tolist() if isinstance(tensor.values, np.ndarray) else tensor.values
    check_count(len(values), n_rows)
    return tuple(str(value) for value in values)


# --- bytes ------------------------------------------------------------------------------------------------------------


def _binary_body(direction: str, tensors: Sequence[Tensor], document: Mapping[str, object]) -> tuple[bytes, int]:
    payloads = [_payload(tensor.values) for tensor in tensors]
    listed = [
        {
            "name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape),
            "parameters": {"binary_data_size": len(payload)},
        }
        for tensor, payload in zip(tensors, payloads, strict=True)
    ]
    header = dump_json({direction: listed, **document})
    return b"".join([header, *payloads]), len(header)


def _json_body(tensors: Sequence[Tensor], document: Mapping[str, object]) -> bytes:
    """Data flattened in row-major order, as the protocol has it; NaN becomes null."""
    return dump_json({"inputs": [_json_tensor(tensor) for tensor in tensors], **document})


def _json_tensor(tensor: Tensor) -> dict[str, object]:
    described = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
    if not isinstance(tensor.values, np.ndarray):
        return {**described, "parameters": {"content_type": "str"}, "data": tensor.values}
    if tensor.datatype.startswith("FP"):
        refuse_infinite(tensor.values.astype(np.float64, copy=False))
    return {**described, "data": np.ascontiguousarray(tensor.values).ravel()}


@dataclass(frozen=True, eq=False)
class ReadTensor:
    """One tensor as it came: numbers in its shape, or words in row-major order."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: NDArray[np.generic] | tuple[str, ...]


def _read(body: bytes, header_length: int | None) -> tuple[dict[str, Json], list[ReadTensor]]:
    length = len(body) if header_length is None else header_length
    if not 0 < length <= len(body):
        raise bad_format(body, f"a {HEADER_LENGTH} of at most {len(body)} bytes", f"it says {length}")
    header = load_json(body[:length])
    if not isinstance(header, dict):
        raise bad_format(body, "a JSON object", f"a {type(header).__name__} came")
    listed = header.get("outputs", header.get("inputs"))
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise bad_format(body, "a list of tensors", f"{listed!r:.80}")
    tensors: list[ReadTensor] = []
    offset = length
    for entry in listed:
        tensor, offset = _read_tensor(body, entry, offset)  # type: ignore[arg-type]
        tensors.append(tensor)
    if offset != len(body):
        raise bad_format(body, f"{offset} bytes", f"{len(body)} came")
    return header, tensors


def _read_tensor(body: bytes, entry: dict[str, Json], offset: int) -> tuple[ReadTensor, int]:
    name, datatype = str(entry.get("name", "")), str(entry.get("datatype", ""))
    shape = _shape_of(entry, body)
    parameters = entry.get("parameters")
    size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
    if size is None:
        return ReadTensor(name, datatype, shape, _of_json(entry.get("data"), datatype, shape, body)), offset
    if not isinstance(size, int) or size < 0 or offset + size > len(body):
        raise bad_format(body, "a binary_data_size within the body", f"{name} says {size}")
    if datatype == "BYTES":
        return ReadTensor(name, datatype, shape, _words_of(body[offset : offset + size], body)), offset + size
    if datatype not in _DTYPES:
        raise bad_format(body, ", ".join((*_DTYPES, "BYTES")), f"{name} has datatype {datatype!r}")
    dtype = np.dtype(_DTYPES[datatype])
    if _count(shape) * dtype.itemsize != size:
        raise bad_format(body, f"{_count(shape) * dtype.itemsize} bytes for shape {list(shape)}", f"{size} came")
    values = np.frombuffer(body, dtype, _count(shape), offset).reshape(shape)
    return ReadTensor(name, datatype, shape, values), offset + size


def _shape_of(entry: dict[str, Json], body: bytes) -> tuple[int, ...]:
    shape = entry.get("shape")
    if not isinstance(shape, list) or not all(isinstance(size, int) and 0 <= size < 2**40 for size in shape):
        raise bad_format(body, "a shape of sizes", f"{shape!r:.80}")
    return tuple(int(size) for size in shape)  # type: ignore[arg-type]


def _of_json(data: Json, datatype: str, shape: tuple[int, ...], body: bytes) -> NDArray[np.generic] | tuple[str, ...]:
    if not isinstance(data, list):
        raise bad_format(body, "tensor data as a list", f"{data!r:.80}")
    if datatype == "BYTES":
        return tuple(str(word) for value in data for word in (value if isinstance(value, list) else [value]))
    try:
        # Integers stay exact unless one is missing; a datatype we do not know is taken for numbers.
        dtype = _DTYPES.get(datatype, "<f8")
        exact = not datatype.startswith("FP") and None not in data
        return np.array(data, dtype=dtype if exact else "<f8").reshape(shape)
    except (TypeError, ValueError, OverflowError) as error:
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


def _payload(values: NDArray[np.generic] | Sequence[str]) -> bytes | memoryview:
    """Numbers where they lie, copied once, into the body (an empty array has no bytes to cast); words with lengths."""
    if isinstance(values, np.ndarray):
        return np.ascontiguousarray(values).data.cast("B") if values.size else b""
    encoded = {word: struct.pack("<I", len(data := word.encode())) + data for word in set(values)}
    return b"".join([encoded[word] for word in values])


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


def _matrix_tensor(features: Features, spec: TensorSpec) -> Tensor:
    if spec.datatype == "BYTES":
        columns = [_words(column, features.values[:, j]) for j, column in enumerate(features.columns)]
        words = [word for row in zip(*columns, strict=True) for word in row]
        return Tensor(spec.name, "BYTES", features.values.shape, words)
    if not features.is_numeric or spec.datatype not in _DTYPES:
        raise DataError(
            Problem(
                "ENDPOINT-INPUTS", "endpoint.inputs", "a table with text" if not features.is_numeric else spec.datatype,
                "columns of numbers for a model with one matrix input", f"the model's input is {spec.name}",
            )
        )
    values = _numbers_as(features.values, spec)
    return Tensor(spec.name, spec.datatype, values.shape, values)


def _column_tensor(column: FeatureColumn, values: NDArray[np.float64], spec: TensorSpec) -> Tensor:
    shape = (len(values), 1) if spec.rank == 2 else (len(values),)
    if column.kind == "text" or spec.datatype == "BYTES":
        return Tensor(column.name, "BYTES", shape, _words(column, values))
    datatype = spec.datatype or _KIND_DATATYPES[column.kind]
    if column.vocabulary is not None:
        if datatype == "INT64" and not np.isnan(values).any():
            return Tensor(column.name, "INT64", shape, np.array(column.vocabulary, np.int64)[values.astype(np.int64)])
        values = np.array([np.nan if np.isnan(v) else float(column.vocabulary[int(v)]) for v in values])
    if not datatype.startswith("FP") and not _all_whole(values):
        datatype = "FP64"
    typed = _numbers_as(values, TensorSpec(spec.name, datatype, spec.rank))
    return Tensor(column.name, datatype, shape, typed)


def _numbers_as(values: NDArray[np.float64], spec: TensorSpec) -> NDArray[np.generic]:
    if not spec.datatype.startswith("FP") and np.isnan(values).any():
        raise DataError(
            Problem(
                "ENDPOINT-NULL-INPUT", f"endpoint.inputs.{spec.name}", "a missing value", "a value in every cell",
                f"{spec.datatype} has no missing value; fill the column before the analysis",
            )
        )
    if not spec.datatype.startswith("FP") and not _all_whole(values):
        raise DataError(
            Problem(
                "ENDPOINT-FRACTION", f"endpoint.inputs.{spec.name}", "a fraction", f"whole numbers for {spec.datatype}",
                "a baseline of means has fractions; give a baseline of whole numbers",
            )
        )
    return np.ascontiguousarray(values).astype(_DTYPES[spec.datatype])


def _words(column: FeatureColumn, values: NDArray[np.float64]) -> list[str]:
    """Every cell as text: words as they are, whole numbers without a point, other numbers by Python's shortest."""
    if np.isnan(values).any():
        raise DataError(
            Problem(
                "ENDPOINT-NULL-TEXT", f"features.{column.name}", "a missing text", "a text in every row",
                "the Open Inference Protocol has no missing text; fill the column or serve the model with us",
            )
        )
    if column.vocabulary is not None:
        vocabulary = [str(word) for word in column.vocabulary]
        return [vocabulary[code] for code in values.astype(np.int64).tolist()]
    as_whole = column.kind != "float" and _all_whole(values)
    return [repr(cell) for cell in (values.astype(np.int64) if as_whole else values).tolist()]


def _all_whole(values: NDArray[np.float64]) -> bool:
    """Whether an integer datatype can say every value: none is missing, none is a fraction (the mean of a baseline)."""
    return bool((values == np.rint(values)).all())


def _bad_request(received: str, allowed: str) -> DataError:
    return DataError(Problem("ENDPOINT-REQUEST", "request.body", received, allowed))
