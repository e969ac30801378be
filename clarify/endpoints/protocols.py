"""Which bytes each kind of server is sent, and how its answer is read: one place that knows all the protocols."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult

from clarify.endpoints import answers, codec, oip
from clarify.endpoints.base import Answer, EndpointSpec, ModelMetadata, Transport
from clarify.endpoints.exchange import Received, Request
from clarify.endpoints.templates import RequestTemplate, request_template
from clarify.errors import ConfigError, Problem
from clarify.features import Features

_JSON_TYPES = (
    codec.JSON, codec.JSON_LINES, "application/x-jsonlines", "application/jsonl", "application/x-ndjson",
)

ANSWER_BYTES = 1024 * 1024
ANSWER_BYTES_PER_ROW = 4096


@dataclass(frozen=True)
class Protocol:
    """How one server is spoken to in one transport."""

    transport: Transport                     # never "auto"
    metadata: ModelMetadata
    address: SplitResult
    spec: EndpointSpec

    @property
    def as_text(self) -> bool:
        return self.transport in ("csv", "json", "jsonlines")

    @property
    def by_template(self) -> bool:
        """Whether the user's templates say what a request looks like: on foreign /invocations only."""
        foreign = self.metadata.server in ("invocations", "mlflow")
        return foreign and self.spec.content_template is not None and self.transport in ("json", "jsonlines")

    def template_of(self, features: Features) -> RequestTemplate:
        """The user's template for these features; raises ConfigError (CFG-TEMPLATE)."""
        spec = self.spec
        return request_template(
            spec.content_template or "", spec.record_template, features.names, lines=self.transport == "jsonlines"
        )

    def one_record(self, features: Features) -> bool:
        """Whether a request can hold a single row only: its template says ``$record``."""
        return self.by_template and self.template_of(features).one_record

    def request_of(self, features: Features) -> Request:
        """One request for these rows; raises DataError when the protocol cannot say them."""
        if self.transport == "tensor" and self.metadata.server == "clarify":
            body, length = oip.encode_features(features)
            headers = {"Content-Type": oip.OCTETS, oip.HEADER_LENGTH: str(length)}
            return self._post(f"{base_of(self.address)}/v2/models/model/infer", headers, body, features)
        if self.metadata.server == "oip":
            return self._foreign_tensors(features)
        body, content_type, accept = self._invocation(features)
        headers = {"Content-Type": content_type, "Accept": accept}
        if self.metadata.server != "clarify":
            headers.update(self.spec.request_headers)
        return self._post(invocations_of(self.address), headers, body, features)

    def read(self, received: Received, n_rows: int) -> Answer:
        """The answer to ``n_rows`` rows; raises BadPrediction (ENDPOINT-FORMAT, ENDPOINT-ROWS)."""
        body, spec, kind = received.body, self.spec, _kind_of(received)
        length = received.headers.get(oip.HEADER_LENGTH.lower(), "")
        # Our own server answers the scores alone: what the config says of a container's answer is not meant for it.
        label, probability = (None, None) if self.metadata.server == "clarify" else (spec.label, spec.probability)
        if length.isdigit() or kind == oip.OCTETS or self.metadata.server == "oip":
            return oip.read_answer(
                body, int(length) if length.isdigit() else None, n_rows,
                label=_output_name(label), probability=_output_name(probability),
            )
        if kind == codec.ARROW_STREAM:
            return answers.read_arrow_answer(body, n_rows)
        if self._is_json(kind, body):
            if label is None and probability is None and body[:400].find(b'"outputs"') >= 0:
                return oip.read_answer(body, None, n_rows)
            return answers.read_json_answer(
                body, n_rows, label=label, probability=probability, label_holds_scores=spec.label_holds_scores
            )
        return answers.read_csv_answer(
            body, n_rows, label=_position(label, "label"), probability=_position(probability, "probability"),
            label_holds_scores=spec.label_holds_scores,
        )

    def _is_json(self, kind: str, body: bytes) -> bool:
        """Whether an answer is JSON: its own type says so, else the type we asked for, else how it begins."""
        if kind in _JSON_TYPES or kind == codec.CSV:
            return kind != codec.CSV
        accepted = self.spec.accept_type or self.spec.content_type or ""
        return accepted in _JSON_TYPES or body.lstrip()[:1] == b"{"

    def _foreign_tensors(self, features: Features) -> Request:
        names = [name for place in (self.spec.label, self.spec.probability) if (name := _output_name(place))]
        binary = self.transport == "tensor"
        body, length = oip.encode_foreign(features, self.metadata.tensors, outputs=names, binary=binary)
        headers = {"Content-Type": codec.JSON if length is None else oip.OCTETS}
        if length is not None:
            headers[oip.HEADER_LENGTH] = str(length)
        return self._post(self.metadata.url, headers, body, features)

    def _invocation(self, features: Features) -> tuple[bytes, str, str]:
        """Body, content type and accepted type for /invocations."""
        server, accept = self.metadata.server, self.spec.accept_type
        if self.transport in ("arrow", "tensor"):
            return codec.encode_arrow(features), codec.ARROW_STREAM, codec.ARROW_STREAM
        if self.by_template:
            content_type = codec.JSON_LINES if self.transport == "jsonlines" else codec.JSON
            return self.template_of(features).render(features), content_type, accept or content_type
        if self.transport == "jsonlines":
            raise ConfigError(_no_template())
        if self.transport == "json":
            return codec.encode_dataframe_split(features), codec.JSON, accept or codec.JSON
        body = codec.encode_csv(features, header=server in ("clarify", "mlflow"))
        return body, codec.CSV, accept or (codec.JSON if server == "mlflow" else codec.CSV)

    def _post(self, url: str, headers: Mapping[str, str], body: bytes, features: Features) -> Request:
        return Request("POST", url, headers, body, ANSWER_BYTES + ANSWER_BYTES_PER_ROW * len(features))


def protocol_for(features: Features, metadata: ModelMetadata, address: SplitResult, spec: EndpointSpec) -> Protocol:
    """The fastest transport the server speaks for these columns, unless the spec names one.

    Binary tensors where they are spoken, Arrow for our own server and mixed columns, else CSV or JSON.

    Raises
    ------
    ConfigError
        ENDPOINT-CONTENT-TYPE, for a content type we cannot write.
    """
    return Protocol(_transport(features, metadata, spec), metadata, address, spec)


def _transport(features: Features, metadata: ModelMetadata, spec: EndpointSpec) -> Transport:
    if spec.transport != "auto":
        return spec.transport
    if metadata.server == "clarify":
        return "tensor" if features.is_numeric else "arrow"
    if metadata.server == "oip":
        return "tensor" if metadata.binary_tensors else "json"
    kind = (spec.content_type or codec.CSV).split(";")[0].strip().lower()
    if kind == codec.CSV:
        return "csv"
    if kind == codec.JSON:
        return "json"
    if kind == codec.JSON_LINES:
        return "jsonlines"
    raise ConfigError(
        Problem(
            "ENDPOINT-CONTENT-TYPE", "predictor.content_type", kind, f"{codec.CSV}, {codec.JSON} or {codec.JSON_LINES}"
        )
    )


def base_of(address: SplitResult) -> str:
    """Where our own server's paths begin."""
    path = address.path.rstrip("/").removesuffix("/invocations")
    return f"{address.scheme}://{address.netloc}{path}"


def invocations_of(address: SplitResult) -> str:
    """A URL with a path of its own is taken as it is; a bare host answers at /invocations."""
    if address.path.strip("/"):
        query = f"?{address.query}" if address.query else ""
        return f"{address.scheme}://{address.netloc}{address.path}{query}"
    return f"{address.scheme}://{address.netloc}/invocations"


def _output_name(place: int | str | None) -> str | None:
    """Outputs of a tensor protocol have names; a position says nothing there."""
    return place if isinstance(place, str) and not place.isdigit() else None


def _kind_of(received: Received) -> str:
    return received.headers.get("content-type", "").split(";")[0].strip().lower()


def _no_template() -> Problem:
    return Problem(
        "CFG-TEMPLATE", "predictor.content_template", f"nothing, with {codec.JSON_LINES}",
        "a template with exactly one $features", 'for example "content_template": "{\\"features\\": $features}"',
    )


def _position(place: int | str | None, key: str) -> int | None:
    if place is None or isinstance(place, int):
        return place
    if place.isdigit():
        return int(place)
    raise ConfigError(
        Problem("ENDPOINT-CSV-POSITION", f"predictor.{key}", place, "a column's position, as the answer is CSV")
    )
