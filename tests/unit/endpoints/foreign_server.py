"""Servers that are not ours, written from the protocols alone: ``python foreign_server.py KIND`` prints its port.

kserve    Open Inference Protocol in JSON; refuses the binary extension, which it does not offer
triton    Open Inference Protocol with the binary extension, which it demands and answers with
container /invocations as AWS's containers have it: CSV without a header in, CSV or JSON lines out
shapes    /REQUEST/ANSWER: takes one shape of request, by name, and answers in one; GET /seen tells the last headers

Every model scores a row as 1 * first column + 2 * second + 3 * third, a word counting its letters. A row whose
first cell is 13 makes the whole request fail with status 500; more than 1,000 rows are refused with 413.
"""

from __future__ import annotations

import json
import struct
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

DTYPES = {"FP64": "<f8", "FP32": "<f4", "INT64": "<i8"}
MATRIX = [{"name": "x", "datatype": "FP64", "shape": [-1, 3]}]
WORDS = [{"name": "x", "datatype": "BYTES", "shape": [-1, 3]}]
COLUMNS = [
    {"name": "income", "datatype": "FP64", "shape": [-1, 1]},
    {"name": "age", "datatype": "INT64", "shape": [-1, 1]},
    {"name": "job", "datatype": "BYTES", "shape": [-1, 1]},
]
INPUTS = {
    "flat32": MATRIX, "column64": MATRIX, "whole": MATRIX, "classes": MATRIX, "converted": MATRIX, "named": MATRIX,
    "words": WORDS, "columns": COLUMNS, "unlisted": [],
}
MOST_ROWS = 1000


class Refused(Exception):
    """A status and what to say with it."""


def cells_of(tensor: dict, payload: memoryview | None) -> np.ndarray:
    shape, datatype = tensor["shape"], tensor["datatype"]
    if datatype == "BYTES":
        words = tensor["data"] if payload is None else words_of(payload)
        if not all(isinstance(word, str) for word in words):
            raise Refused(400, "BYTES are strings")
        return np.array([float(w) if w.replace(".", "").isdigit() else len(w) for w in words], float).reshape(shape)
    if payload is not None:
        return np.frombuffer(payload, DTYPES[datatype]).reshape(shape).astype(float)
    if datatype == "INT64" and not all(type(cell) is int for cell in tensor["data"]):
        raise Refused(400, "INT64 data are integers")
    return np.array(tensor["data"], float).reshape(shape)


def words_of(payload: memoryview) -> list[str]:
    words, data = [], bytes(payload)
    while data:
        (size,) = struct.unpack_from("<I", data)
        words.append(data[4 : 4 + size].decode())
        data = data[4 + size :]
    return words


def rows_of(document: dict, rest: memoryview, wanted: list[dict]) -> np.ndarray:
    found = {}
    for tensor in document["inputs"]:
        size = tensor.get("parameters", {}).get("binary_data_size")
        found[tensor["name"]] = (tensor["datatype"], cells_of(tensor, None if size is None else rest[:size]))
        rest = rest if size is None else rest[size:]
    if wanted and {(t["name"], t["datatype"]) for t in wanted} != {(name, kind) for name, (kind, _) in found.items()}:
        raise Refused(400, f"inputs {sorted(found)}")
    return np.column_stack([cells for _, cells in found.values()])


def score(rows: np.ndarray) -> np.ndarray:
    if len(rows) > MOST_ROWS:
        raise Refused(413, f"{len(rows)} rows")
    if (rows[:, 0] == 13).any():
        raise Refused(500, "unlucky row")
    return rows @ np.array([1.0, 2.0, 3.0])


def outputs_of(model: str, scores: np.ndarray, asked: list[str]) -> list[tuple[str, str, np.ndarray]]:
    both = np.column_stack([1 - scores, scores])
    label = (scores > 0.5).astype("i8")
    if model == "column64":
        return [("predict", "FP64", scores[:, None])]
    if model == "whole":
        return [("predict", "INT64", np.floor(scores).astype("i8"))]
    if model == "classes":
        return [("predict", "FP64", both)]
    if model == "converted":
        return [("label", "INT64", label), ("probabilities", "FP64", both)]
    if model == "named":
        known = {"predict": ("predict", "INT64", label), "predict_proba": ("predict_proba", "FP64", both)}
        return [known[name] for name in asked or ["predict"]]
    return [("predict", "FP32", scores.astype("f4"))]


def strict(text: str) -> object:
    """JSON as the standard has it: no NaN, no Infinity."""

    def refuse(token: str) -> None:
        raise Refused(400, f"{token} is not JSON")

    try:
        return json.loads(text, parse_constant=refuse)
    except ValueError as error:
        raise Refused(400, str(error)) from error


def lines_request(body: str) -> list[list]:
    return [strict(line)["Features"] for line in body.splitlines()]


def split_request(body: str) -> list[list]:
    document = strict(body)
    if document["feature_names"] != ["a", "b", "c"]:
        raise Refused(400, "feature names")
    return document["instances"]


def mappings_request(body: str) -> list[list]:
    return [[record["a"], record["b"], record["c"]] for record in strict(body)]


def named_request(body: str) -> list[list]:
    document = strict(body)
    if document["cost"] != "100% of $5":
        raise Refused(400, "the constant")
    return [[row["first"], row["in"]["second"], row["third"]] for row in document["rows"]]


def one_request(body: str) -> list[list]:
    record = strict(body)
    return [[record["a"], record["b"], record["c"]]]


def csv_request(body: str) -> list[list]:
    return [[float(cell) for cell in line.split(",")] for line in body.splitlines()]


REQUESTS = {
    "lines": ("application/jsonlines", lines_request),
    "split": ("application/json", split_request),
    "mappings": ("application/json", mappings_request),
    "named": ("application/json", named_request),
    "one": ("application/json", one_request),
    "csv": ("text/csv", csv_request),
}


def classes_of(score: float) -> tuple[str, list[float]]:
    """Three classes: the third is likeliest above 3, else the first."""
    return ("C3", [0.1, 0.3, 0.6]) if score > 3 else ("C1", [0.5, 0.3, 0.2])


def in_lines(make) -> object:
    return lambda scores: "\n".join(json.dumps(make(score)) for score in scores)


ANSWERS = {
    "csv": ("text/csv", lambda scores: "\n".join(map(repr, scores))),
    "csv_label_score": ("text/csv", lambda scores: "\n".join(f"{int(s > 3)},{s!r}" for s in scores)),
    "csv_class_list": ("text/csv", lambda scores: "\n".join('{},"{}"'.format(*classes_of(s)) for s in scores)),
    "csv_list": ("text/csv", lambda scores: "\n".join(f'"{classes_of(s)[1]}"' for s in scores)),
    "lines": ("application/jsonlines", in_lines(lambda s: {"score": s})),
    "lines_class_list": (
        "application/jsonlines", in_lines(lambda s: {"pred": classes_of(s)[0], "sc": classes_of(s)[1]}),
    ),
    "lines_all_classes": (
        "application/jsonlines", in_lines(lambda s: {"pred": ["C1", "C2", "C3"], "sc": classes_of(s)[1]}),
    ),
    "json": (
        "application/json",
        lambda scores: json.dumps({"predictions": [{"score": s, "predicted_label": int(s > 3)} for s in scores]}),
    ),
    "json_columns": ("application/json", lambda scores: json.dumps({"model": "m", "out": {"scores": scores}})),
    "json_record": ("application/json", lambda scores: json.dumps({"score": scores[0]})),
    "json_short": ("application/json", lambda scores: json.dumps({"predictions": [{"score": s} for s in scores[1:]]})),
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    kind = ""
    n_requests = 0
    seen = ""

    def do_GET(self) -> None:
        parts = self.path.strip("/").split("/")
        if self.path == "/count":
            self.reply(200, json.dumps(Handler.n_requests).encode())
        elif self.path == "/seen":
            self.reply(200, Handler.seen.encode())
        elif self.kind == "container":
            self.reply(404, b"<html>no such page</html>", "text/html")
        elif self.path == "/v2":
            extensions = ["binary_tensor_data"] if self.kind == "triton" else ["model_repository_extension"]
            self.reply(200, json.dumps({"name": self.kind, "version": "1", "extensions": extensions}).encode())
        elif parts[:2] == ["v2", "models"] and parts[-1] in INPUTS:
            self.reply(200, json.dumps({"name": parts[-1], "platform": "", "inputs": INPUTS[parts[-1]]}).encode())
        else:
            self.reply(404, b'{"error": "not found"}')

    def do_POST(self) -> None:
        Handler.n_requests += 1
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            if self.kind == "container":
                self.invoke(body)
            elif self.kind == "shapes":
                self.shape(body)
            else:
                self.infer(body)
        except Refused as error:
            self.reply(error.args[0], json.dumps({"error": error.args[1]}).encode())

    def infer(self, body: bytes) -> None:
        length = self.headers.get("Inference-Header-Content-Length")
        if (length is None) == (self.kind == "triton"):
            raise Refused(400, "the binary extension is not offered here" if length else "JSON is slow: send binary")
        model = self.path.split("/")[3]
        n_header = len(body) if length is None else int(length)
        document = json.loads(body[:n_header])
        rows = rows_of(document, memoryview(body)[n_header:], INPUTS[model])
        outputs = outputs_of(model, score(rows), [output["name"] for output in document.get("outputs", [])])
        if document.get("parameters", {}).get("binary_data_output"):
            return self.reply_binary(outputs)
        listed = [
            {"name": name, "datatype": kind, "shape": list(values.shape), "data": values.ravel().tolist()}
            for name, kind, values in outputs
        ]
        # Long enough that "outputs" stands far from the beginning.
        self.reply(200, json.dumps({"model_name": model, "id": "x" * 500, "outputs": listed}).encode())

    def reply_binary(self, outputs: list[tuple[str, str, np.ndarray]]) -> None:
        listed = [
            {"name": n, "datatype": k, "shape": list(v.shape), "parameters": {"binary_data_size": v.nbytes}}
            for n, k, v in outputs
        ]
        header = json.dumps({"outputs": listed}).encode()
        body = header + b"".join(np.ascontiguousarray(values).tobytes() for _, _, values in outputs)
        self.reply(200, body, "application/octet-stream", **{"Inference-Header-Content-Length": str(len(header))})

    def invoke(self, body: bytes) -> None:
        if self.path != "/invocations" or self.headers["Content-Type"] != "text/csv":
            raise Refused(415, "text/csv at /invocations")
        rows = np.array([[float(cell) for cell in line.split(",")] for line in body.decode().splitlines()])
        scores = score(rows).tolist()
        if self.headers["Accept"] == "application/jsonlines":
            lines = [json.dumps({"predicted": {"score": value}}) for value in scores]
            self.reply(200, "\n".join(lines).encode(), "application/jsonlines")
        else:
            self.reply(200, "\n".join(map(repr, scores)).encode(), "text/csv; charset=utf-8")

    def shape(self, body: bytes) -> None:
        Handler.seen = json.dumps(dict(self.headers))
        request, answer = self.path.strip("/").split("/")
        content_type, read = REQUESTS[request]
        accept_type, write = ANSWERS[answer]
        if self.headers["Content-Type"] != content_type:
            raise Refused(415, f"{content_type}, not {self.headers['Content-Type']}")
        if self.headers["Accept"] != accept_type:
            raise Refused(406, f"{accept_type}, not {self.headers['Accept']}")
        cells = [[len(cell) if isinstance(cell, str) else cell for cell in row] for row in read(body.decode())]
        rows = np.array([[np.nan if cell is None else float(cell) for cell in row] for row in cells])
        self.reply(200, write(score(rows).tolist()).encode(), accept_type)

    def reply(self, status: int, body: bytes, content_type: str = "application/json", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": content_type, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """Keep the test's output clean."""


if __name__ == "__main__":
    Handler.kind = sys.argv[1]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
