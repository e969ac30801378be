from __future__ import annotations

from pathlib import Path

import mlflow.pyfunc
import numpy as np
import pandas as pd
import psutil
import pytest

from clarify.endpoints.base import EndpointSpec, Predictions
from clarify.endpoints.http import HttpEndpoint, read_metadata
from clarify.endpoints.in_process import InProcessEndpoint
from clarify.endpoints.lease import LeaseRecord
from clarify.endpoints.opening import open_endpoint
from clarify.endpoints.pinning import model_digest
from clarify.errors import BadPrediction, ConfigError
from clarify.features import FeatureColumn, Features

TRAINING_DTYPES = "job:object,owner:bool,age:int64,children:float64,income:float64"


def asked(spec: EndpointSpec, features: Features) -> Predictions:
    with HttpEndpoint(spec) as endpoint:
        return endpoint.predict(features)


def native(path: str):
    return mlflow.pyfunc.load_model(path).get_raw_model()


@pytest.mark.parametrize("transport", ["auto", "arrow", "csv", "json"])
def test_mixed_columns_reach_the_served_pipeline_with_their_training_dtypes(
    transport, pipeline_lease: LeaseRecord, mixed_features: Features, spy_log: Path
):
    spy_log.unlink(missing_ok=True)

    asked(pipeline_lease.spec(EndpointSpec(transport=transport)), mixed_features)

    assert set(spy_log.read_text().splitlines()) == {TRAINING_DTYPES}


@pytest.mark.parametrize("transport", ["auto", "arrow", "csv", "json"])
def test_every_transport_answers_what_the_pipeline_answers_to_the_training_frame(
    transport, pipeline_lease: LeaseRecord, pipeline_path: str, mixed_features: Features, mixed_frame: pd.DataFrame
):
    expected = native(pipeline_path).predict_proba(mixed_frame)[:, 1]

    got = asked(pipeline_lease.spec(EndpointSpec(transport=transport)), mixed_features)

    np.testing.assert_array_equal(got.scores[:, 0], expected)
    assert got.output_names == ("label0",)


def test_the_in_process_endpoint_answers_what_the_server_answers(
    pipeline_lease: LeaseRecord, pipeline_path: str, mixed_features: Features
):
    served = asked(pipeline_lease.spec(), mixed_features)

    inside = open_endpoint(EndpointSpec(model_path=pipeline_path)).predict(mixed_features)

    np.testing.assert_array_equal(inside.scores, served.scores)


def test_metadata_tells_output_kind_classes_inputs_and_digest(pipeline_lease: LeaseRecord, pipeline_path: str):
    metadata = read_metadata(pipeline_lease.spec())

    assert (metadata.output_kind, metadata.classes) == ("probability", ("no", "yes"))
    assert [column.kind for column in metadata.inputs] == ["text", "bool", "int", "float", "float"]
    assert metadata.digest == model_digest(pipeline_path)


def test_the_named_positive_class_picks_its_column(pipeline_lease: LeaseRecord, mixed_features: Features):
    of_yes = asked(pipeline_lease.spec(EndpointSpec(positive_label=("yes",))), mixed_features)

    of_no = asked(pipeline_lease.spec(EndpointSpec(positive_label=("no",))), mixed_features)

    np.testing.assert_allclose(of_yes.scores + of_no.scores, 1.0, atol=1e-12)


def test_numbers_travel_as_one_tensor_and_come_back_bit_for_bit(
    booster_lease: LeaseRecord, booster_path: str, numeric_features: Features
):
    frame = pd.DataFrame(numeric_features.values, columns=list(numeric_features.names))
    expected = native(booster_path).predict_proba(frame)[:, 1].astype(np.float64)

    got = asked(booster_lease.spec(), numeric_features)

    np.testing.assert_array_equal(got.scores[:, 0], expected)


def test_columns_in_another_order_are_matched_by_name(booster_lease: LeaseRecord, numeric_features: Features):
    turned = Features(numeric_features.columns[::-1], np.ascontiguousarray(numeric_features.values[:, ::-1]))

    got = asked(booster_lease.spec(), turned)

    np.testing.assert_array_equal(got.scores, asked(booster_lease.spec(), numeric_features).scores)


def test_an_unknown_column_is_refused_by_name(booster_lease: LeaseRecord, numeric_features: Features):
    columns = (*numeric_features.columns[:3], FeatureColumn("row_id", "float"))

    with pytest.raises(BadPrediction, match=r"missing: f3; not known to the model: row_id") as refused:
        asked(booster_lease.spec(), Features(columns, numeric_features.values))

    assert refused.value.problems[0].code == "ENDPOINT-COLUMNS"


def test_no_rows_give_no_predictions(booster_lease: LeaseRecord, numeric_features: Features):
    got = asked(booster_lease.spec(), numeric_features.with_values(np.empty((0, 4))))

    assert got.scores.shape == (0, 1)
    assert got.output_names == ("label0",)


def test_a_pyfunc_regressor_answers_one_score(regressor_path: str, numeric_features: Features):
    endpoint = InProcessEndpoint.of_model(regressor_path)

    got = endpoint.predict(numeric_features)

    np.testing.assert_allclose(got.scores[:, 0], numeric_features.values.sum(axis=1), atol=1e-12)
    assert endpoint.metadata.output_kind == "score"


def test_mlflow_models_serve_is_recognised_and_asked_in_csv_with_a_header(
    mlflow_url: str, booster_path: str, numeric_features: Features
):
    frame = pd.DataFrame(numeric_features.values, columns=list(numeric_features.names))
    expected = native(booster_path).predict(frame).astype(np.float64)

    got = asked(EndpointSpec(url=mlflow_url), numeric_features)

    assert read_metadata(EndpointSpec(url=mlflow_url)).server == "mlflow"
    np.testing.assert_array_equal(got.scores[:, 0], expected)


def test_mlflow_models_serve_is_asked_in_json_when_the_config_says_so(mlflow_url: str, numeric_features: Features):
    by_csv = asked(EndpointSpec(url=f"{mlflow_url}/invocations"), numeric_features)

    by_json = asked(EndpointSpec(url=mlflow_url, content_type="application/json"), numeric_features)

    np.testing.assert_array_equal(by_json.scores, by_csv.scores)


def test_the_server_listens_on_loopback_only(booster_lease: LeaseRecord):
    listening = [
        connection.laddr.ip
        for mark in (booster_lease.supervisor, *booster_lease.servers)
        for connection in psutil.Process(mark.pid).net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]

    assert set(listening) == {"127.0.0.1"}


def test_the_server_inherits_no_credentials_and_no_home(pipeline_lease: LeaseRecord):
    environment = psutil.Process(pipeline_lease.servers[0].pid).environ()

    assert not [name for name in environment if "AWS" in name or "TOKEN" in name or "SECRET" in name]
    assert environment["HOME"].endswith(".home")
    assert environment["OMP_NUM_THREADS"] == "1"


def test_two_workers_share_one_port(booster_lease: LeaseRecord):
    assert len({mark.pid for mark in booster_lease.servers}) == 2


def test_a_spec_that_names_both_a_url_and_a_model_is_refused():
    with pytest.raises(ConfigError, match=r"exactly one of a URL and a model directory"):
        open_endpoint(EndpointSpec(url="http://127.0.0.1:1", model_path="/nowhere"))
