"""Who answers at an address: our own server, an Open Inference Protocol model, MLflow's server, or a container."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import SplitResult

from clarify.endpoints import codec, oip
from clarify.endpoints.base import InputColumn, ModelMetadata, TensorSpec
from clarify.endpoints.exchange import Received, Request
from clarify.errors import BadPrediction

METADATA_BYTES = 4 * 1024 * 1024

Get = Callable[[Request], Received]


def discover(address: SplitResult, get: Get) -> ModelMetadata:
    """Ask the server who it is; a path of its own that names no tensor model is a container's."""
    if "/v2/models/" in address.path:
        return _foreign_tensors(address, get)
    if address.path.strip("/") not in ("", "invocations"):
        return ModelMetadata("invocations")
    base = f"{address.scheme}://{address.netloc}"
    ours = _document(get, f"{base}/v2/models/model")
    parameters = ours.get("parameters") if ours is not None else None
    if isinstance(parameters, dict) and parameters.get("server") == "clarify":
        return _our_metadata(parameters)
    version = get(_get(f"{base}/version"))
    if version.status == 200 and version.body[:1].isdigit() and len(version.body) < 40:
        return ModelMetadata("mlflow")
    return ModelMetadata("invocations")


def _get(url: str) -> Request:
    return Request("GET", url, {}, b"", METADATA_BYTES)


def _document(get: Get, url: str) -> dict[str, codec.Json] | None:
    received = get(_get(url))
    if received.status != 200:
        return None
    try:
        document = codec.load_json(received.body)
    except BadPrediction:                    # a page, not a document: another kind of server
        return None
    return document if isinstance(document, dict) else None


def _our_metadata(parameters: Mapping[str, codec.Json]) -> ModelMetadata:
    try:
        columns = tuple(InputColumn(**column) for column in parameters["columns"])  # type: ignore[union-attr, arg-type]
        return ModelMetadata(
            "clarify", parameters["output_kind"], tuple(parameters["classes"]), columns,  # type: ignore[arg-type]
            str(parameters["digest"]), int(parameters["n_workers"]),  # type: ignore[arg-type]
        )
    except (KeyError, TypeError) as error:
        raise codec.bad_format(str(parameters).encode(), "our server's metadata", str(error)) from error


def _foreign_tensors(address: SplitResult, get: Get) -> ModelMetadata:
    path = address.path.rstrip("/").removesuffix("/infer")
    model = f"{address.scheme}://{address.netloc}{path}"
    document = _document(get, model)
    listed = document.get("inputs", []) if document is not None else []
    tensors = tuple(
        TensorSpec(str(entry.get("name")), str(entry.get("datatype", "")), _rank(entry.get("shape")))
        for entry in (listed if isinstance(listed, list) else [])
        if isinstance(entry, dict)
    )
    server = _document(get, model[: model.index("/v2/models/")] + "/v2")
    extensions = server.get("extensions") if server is not None else None
    binary = isinstance(extensions, list) and oip.BINARY_EXTENSION in extensions
    return ModelMetadata("oip", tensors=tensors, url=f"{model}/infer", binary_tensors=binary)


def _rank(shape: codec.Json) -> int:
    return len(shape) if isinstance(shape, list) else 2
