"""The demonstrations: their data, their model, and the one that needs a network against a local stand-in for OpenML."""

import hashlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from clarify.demo import SUBJECTS, load_diabetes_patients, load_german_credit, prepare_demo
from clarify.errors import ConfigError
from clarify.steps.line import run_analysis

ARFF = b"""@relation credit-g
@attribute checking {'<0', 'none'}
@attribute age numeric
@attribute foreign_worker {yes, no}
@attribute housing {own, rent}
@attribute class {good, bad}
@data
'<0', 67, yes, own, good
none, 22, yes, rent, bad
'<0', 49, no, own, good
"""


class OpenML(BaseHTTPRequestHandler):
    """The four answers scikit-learn's client asks OpenML for."""

    def do_GET(self):
        features = ["checking", "age", "foreign_worker", "housing", "class"]
        answers = {
            "/api/v1/json/data/list/": {"data": {"dataset": [{"did": "31", "version": 1, "status": "active"}]}},
            "/api/v1/json/data/features/": {
                "data_features": {
                    "feature": [
                        {
                            "index": str(i),
                            "name": name,
                            "data_type": "numeric" if name == "age" else "nominal",
                            "is_target": str(name == "class").lower(),
                            "is_ignore": "false",
                            "is_row_identifier": "false",
                            "number_of_missing_values": "0",
                        }
                        for i, name in enumerate(features)
                    ]
                }
            },
            "/api/v1/json/data/qualities/": {"data_qualities": {"quality": []}},
            "/api/v1/json/data/31": {
                "data_set_description": {
                    "id": "31", "name": "credit-g", "description": "1,000 applications", "version": "1",
                    "format": "ARFF", "file_id": "31",
                    "status": "active", "md5_checksum": hashlib.md5(ARFF).hexdigest(),
                    "url": f"http://127.0.0.1:{self.server.server_port}/data/v1/download/31/credit-g.arff",
                    "default_target_attribute": "class",
                }
            },
        }  # fmt: skip
        found = next((json.dumps(a).encode() for path, a in answers.items() if self.path.startswith(path)), ARFF)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(found)

    def log_message(self, *words):
        pass


def point_at(monkeypatch, address):
    """Send scikit-learn's client to another server than OpenML's."""
    from sklearn.datasets import _openml

    for name in ("_SEARCH_NAME", "_DATA_INFO", "_DATA_FEATURES", "_DATA_QUALITIES"):
        there = getattr(_openml, name)
        monkeypatch.setattr(_openml, name, address + there[there.index("/api/") :])


@pytest.fixture
def openml(monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), OpenML)
    Thread(target=server.serve_forever, daemon=True).start()
    point_at(monkeypatch, f"http://127.0.0.1:{server.server_port}")
    yield
    server.shutdown()


def test_german_credit_is_loaded_by_scikit_learns_client(openml):
    frame = load_german_credit()

    assert frame["class"].tolist() == ["good", "bad", "good"]
    assert frame["age"].tolist() == [67, 22, 49]
    assert frame["checking"].tolist() == ["<0", "none", "<0"]


def test_without_a_network_german_credit_says_so(monkeypatch):
    point_at(monkeypatch, "http://127.0.0.1:9")
    with pytest.raises(ConfigError, match="clarify demo works offline"):
        load_german_credit()


def test_the_diabetes_patients_are_the_442_of_the_study_with_sex_as_coded():
    frame = load_diabetes_patients()

    assert len(frame) == 442
    assert frame["sex"].value_counts().to_dict() == {"code 1": 235, "code 2": 207}
    assert set(frame["progressed"]) == {"yes", "no"}


def test_an_unknown_demo_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match="diabetes or german-credit"):
        prepare_demo("titanic", output="nowhere", tracking_uri="sqlite://", experiment_id="0")


def test_the_demo_trains_registers_and_analyses(tmp_path, monkeypatch):
    from tasks.tracking import experiment_of

    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    experiment = experiment_of(uri, "/clarify/training")
    request = prepare_demo("diabetes", output=str(tmp_path / "out"), tracking_uri=uri, experiment_id=experiment)

    published = run_analysis(request)

    assert published.result.model.name == SUBJECTS["diabetes"].name
    assert published.result.model.version == "1"
    assert published.result.model.output == "probability"
    assert {facet.facet for facet in published.result.pre_training.facets} == {"sex", "age"}
    assert published.result.explanations.rows == 442
