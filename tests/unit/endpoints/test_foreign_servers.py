"""Servers that are not ours, each a process of its own that knows the protocol and nothing of us."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from clarify.endpoints import oip
from clarify.endpoints.base import EndpointSpec, Predictions, TensorSpec
from clarify.endpoints.http import HttpEndpoint, read_metadata
from clarify.endpoints.quarantine import predict_or_quarantine
from clarify.errors import BadPrediction, ConfigError, DataError
from clarify.features import FeatureColumn, Features

WEIGHTS = np.array([1.0, 2.0, 3.0])
SERVER = Path(__file__).with_name("foreign_server.py")


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, str]]:
    """Base URL by kind of server."""
    started = {
        kind: subprocess.Popen([sys.executable, str(SERVER), kind], stdout=subprocess.PIPE, text=True)
        for kind in ("kserve", "triton", "container", "shapes")
    }
    try:
        yield {kind: f"http://127.0.0.1:{process.stdout.readline().strip()}" for kind, process in started.items()}
    finally:
        for process in started.values():
            process.kill()
            process.wait()
            process.stdout.close()


@pytest.fixture
def numbers() -> Features:
    """Three float columns in eighths, exact in FP32."""
    columns = tuple(FeatureColumn(name, "float") for name in ("a", "b", "c"))
    return Features(columns, np.random.default_rng(5).integers(0, 8, (300, 3)) / 8)


@pytest.fixture
def mixed() -> Features:
    columns = (
        FeatureColumn("job", "text", ("cook", "nurse")), FeatureColumn("income", "float"), FeatureColumn("age", "int"),
    )
    return Features(columns, np.array([[0, 0.5, 30], [1, 0.25, 40]]))


def asked(url: str, features: Features, **choices: object) -> Predictions:
    with HttpEndpoint(EndpointSpec(url=url, **choices)) as endpoint:
        return endpoint.predict(features)


def n_requests(base: str) -> int:
    with urllib.request.urlopen(f"{base}/count") as answer:
        return json.load(answer)


@pytest.mark.parametrize("kind", ["kserve", "triton"])
@pytest.mark.parametrize("model", ["flat32", "column64", "unlisted"])
def test_a_tensor_server_answers_a_matrix_whatever_shape_and_width_its_output_has(kind, model, servers, numbers):
    got = asked(f"{servers[kind]}/v2/models/{model}", numbers)

    np.testing.assert_array_equal(got.scores[:, 0], numbers.values @ WEIGHTS)
    assert got.scores.shape == (300, 1)


@pytest.mark.parametrize(("kind", "offers"), [("kserve", False), ("triton", True)])
def test_binary_tensors_are_sent_where_the_server_offers_them(kind, offers, servers):
    metadata = read_metadata(EndpointSpec(url=f"{servers[kind]}/v2/models/flat32/infer"))

    assert (metadata.server, metadata.binary_tensors) == ("oip", offers)


@pytest.mark.parametrize("kind", ["kserve", "triton"])
def test_named_inputs_get_each_column_in_its_datatype(kind, servers, mixed):
    got = asked(f"{servers[kind]}/v2/models/columns", mixed)

    # In the model's order: income, age, letters of the job.
    assert got.scores[:, 0].tolist() == [0.5 + 2 * 30 + 3 * 4, 0.25 + 2 * 40 + 3 * 5]


@pytest.mark.parametrize(("inputs", "datatype"), [("INT64", "FP64"), ("BYTES", "BYTES")])
def test_a_mean_in_an_integer_column_keeps_its_fraction(inputs, datatype):
    features = Features((FeatureColumn("age", "int"), FeatureColumn("n", "int")), np.array([[35.5, 1.0]]))
    wanted = (TensorSpec("age", inputs, 2), TensorSpec("n", inputs, 2))

    body, _ = oip.encode_foreign(features, wanted, binary=False)

    sent = {tensor["name"]: tensor for tensor in json.loads(body)["inputs"]}
    assert (sent["age"]["datatype"], float(sent["age"]["data"][0])) == (datatype, 35.5)
    assert (sent["n"]["datatype"], sent["n"]["data"]) == (inputs, ["1"] if inputs == "BYTES" else [1])


def test_a_fraction_in_a_matrix_of_integers_is_refused():
    features = Features((FeatureColumn("age", "int"), FeatureColumn("n", "int")), np.array([[35.5, 1.0]]))

    with pytest.raises(DataError, match=r"endpoint\.inputs\.x: received a fraction  \[ENDPOINT-FRACTION\]"):
        oip.encode_foreign(features, (TensorSpec("x", "INT64", 2),))


@pytest.mark.parametrize("kind", ["kserve", "triton"])
def test_one_matrix_of_texts_gets_every_cell_as_text(kind, servers, mixed):
    got = asked(f"{servers[kind]}/v2/models/words", mixed)

    assert got.scores[:, 0].tolist() == [4 + 2 * 0.5 + 3 * 30, 5 + 2 * 0.25 + 3 * 40]


def test_an_unlisted_model_gets_a_named_tensor_for_each_mixed_column(servers, mixed):
    got = asked(f"{servers['kserve']}/v2/models/unlisted", mixed)

    assert got.scores[:, 0].tolist() == [4 + 2 * 0.5 + 3 * 30, 5 + 2 * 0.25 + 3 * 40]


@pytest.mark.parametrize("kind", ["kserve", "triton"])
def test_whole_numbers_are_scores_when_nothing_else_is_answered(kind, servers, numbers):
    got = asked(f"{servers[kind]}/v2/models/whole", numbers)

    np.testing.assert_array_equal(got.scores[:, 0], np.floor(numbers.values @ WEIGHTS))


@pytest.mark.parametrize("kind", ["kserve", "triton"])
def test_two_columns_of_probabilities_are_the_score_of_the_second_class(kind, servers, numbers):
    got = asked(f"{servers[kind]}/v2/models/classes", numbers)

    np.testing.assert_array_equal(got.scores[:, 0], numbers.values @ WEIGHTS)


@pytest.mark.parametrize("kind", ["kserve", "triton"])
def test_a_label_answered_before_the_probabilities_is_not_taken_for_a_score(kind, servers, numbers):
    got = asked(f"{servers[kind]}/v2/models/converted", numbers)

    np.testing.assert_array_equal(got.scores[:, 0], numbers.values @ WEIGHTS)
    assert got.labels == tuple("1" if score > 0.5 else "0" for score in numbers.values @ WEIGHTS)


@pytest.mark.parametrize("kind", ["kserve", "triton"])
def test_outputs_named_in_the_config_are_asked_for_and_taken(kind, servers, numbers):
    got = asked(f"{servers[kind]}/v2/models/named", numbers, label="predict", probability="predict_proba")

    np.testing.assert_array_equal(got.scores[:, 0], numbers.values @ WEIGHTS)
    assert set(got.labels) == {"0", "1"}


def test_an_output_the_model_does_not_have_is_named_with_those_it_has(servers, numbers):
    with pytest.raises(BadPrediction, match=r"(?s)an output named proba.*outputs: predict"):
        asked(f"{servers['kserve']}/v2/models/classes", numbers, probability="proba")


def test_a_missing_number_is_null_in_json_and_comes_back_as_a_missing_score(servers, numbers):
    numbers.values[7, 1] = np.nan

    got = asked(f"{servers['kserve']}/v2/models/flat32", numbers)

    assert np.flatnonzero(np.isnan(got.scores[:, 0])).tolist() == [7]


def test_an_infinite_number_is_refused_rather_than_sent_as_null(servers, numbers):
    numbers.values[7, 1] = np.inf

    with pytest.raises(DataError, match=r"an infinite value  \[ENDPOINT-INFINITE-INPUT\]"):
        asked(f"{servers['kserve']}/v2/models/flat32", numbers)


@pytest.mark.parametrize("accept", ["text/csv", "application/jsonlines"])
def test_a_container_takes_csv_without_a_header_and_answers_as_it_is_asked(accept, servers, numbers):
    key = "predicted.score" if accept == "application/jsonlines" else None

    got = asked(servers["container"], numbers, content_type="text/csv", accept_type=accept, probability=key)

    np.testing.assert_array_equal(got.scores[:, 0], numbers.values @ WEIGHTS)


@pytest.mark.parametrize(("kind", "path"), [("kserve", "/v2/models/flat32"), ("container", "/invocations")])
def test_a_413_makes_requests_smaller_and_every_row_is_answered_in_order(kind, path, servers, numbers):
    many = numbers.with_values(np.tile(numbers.values, (20, 1))[:4096])                 # 1,000 are taken at once

    with HttpEndpoint(EndpointSpec(url=servers[kind] + path, max_in_flight=3)) as endpoint:
        got = endpoint.predict(many)
        before = n_requests(servers[kind])
        endpoint.predict(many)
        again = n_requests(servers[kind]) - before

    np.testing.assert_array_equal(got.scores[:, 0], many.values @ WEIGHTS)
    assert again == 4096 / 512                                                          # halved thrice, and remembered


def test_a_fixed_size_the_server_refuses_is_an_error_that_says_so(servers, numbers):
    many = numbers.with_values(np.tile(numbers.values, (20, 1)))

    with pytest.raises(BadPrediction, match=r"(?s)ENDPOINT-TOO-LARGE.*lower rows_per_request"):
        asked(f"{servers['kserve']}/v2/models/flat32", many, rows_per_request=2000)


def test_a_fixed_size_cuts_rows_where_the_data_say(servers, numbers):
    before = n_requests(servers["container"])

    asked(servers["container"], numbers, rows_per_request=100)

    assert n_requests(servers["container"]) - before == 3


@pytest.mark.parametrize(("kind", "path"), [("kserve", "/v2/models/flat32"), ("container", "/invocations")])
def test_poison_rows_are_found_in_the_one_request_that_failed(kind, path, servers, numbers):
    many = numbers.with_values(np.tile(numbers.values, (10, 1)))                        # 3,000 rows, 6 requests
    poison = [700, 2999]
    many.values[poison, 0] = 13.0
    expected = many.values @ WEIGHTS
    expected[poison] = np.nan
    before = n_requests(servers[kind])

    with HttpEndpoint(EndpointSpec(url=servers[kind] + path, rows_per_request=500)) as endpoint:
        got = predict_or_quarantine(endpoint, many, most_failures=5)

    np.testing.assert_array_equal(got.predictions.scores[:, 0], expected)
    assert [(failure.row, failure.code) for failure in got.failures] == [(row, "ENDPOINT-STATUS") for row in poison]
    # A request that fails is asked three times, then halved: at most 2 log2(500) = 18 more, the last of them thrice.
    assert n_requests(servers[kind]) - before <= 6 + 2 * (2 + 18 + 2)


# --- requests by template, answers by path ----------------------------------------------------------------------------

LINES = {"content_type": "application/jsonlines", "content_template": '{"Features": $features}'}
SPLIT = {
    "content_type": "application/json", "content_template": '{"instances": $records, "feature_names": $feature_names}',
    "record_template": "$features",
}
MAPPINGS = {"content_type": "application/json", "content_template": "$records", "record_template": "$features_kvp"}
NAMED = {
    "content_type": "application/json", "content_template": '{"rows": $records, "cost": "100% of $$5"}',
    "record_template": '{"third": "${c}", "first": "${a}", "in": {"second": "${b}"}}',
}
ONE = {"content_type": "application/json", "content_template": "$record", "record_template": "$features_kvp"}
REQUESTS = {"lines": LINES, "split": SPLIT, "mappings": MAPPINGS, "named": NAMED, "csv": {"content_type": "text/csv"}}
ANSWERS = {
    "csv": {"accept_type": "text/csv"},
    "csv_label_score": {"accept_type": "text/csv", "label": 0, "probability": 1},
    "lines": {"accept_type": "application/jsonlines", "probability": "score"},
    "json": {"accept_type": "application/json", "probability": "predictions[*].score"},
    "json_columns": {"accept_type": "application/json", "probability": "out.scores"},
}


@pytest.mark.parametrize("request_shape", REQUESTS)
@pytest.mark.parametrize("answer_shape", ANSWERS)
def test_every_shape_of_request_goes_with_every_shape_of_answer(request_shape, answer_shape, servers, numbers):
    url = f"{servers['shapes']}/{request_shape}/{answer_shape}"

    got = asked(url, numbers, **REQUESTS[request_shape], **ANSWERS[answer_shape])

    np.testing.assert_array_equal(got.scores[:, 0], numbers.values @ WEIGHTS)


def test_an_answer_is_asked_for_in_the_type_of_the_request_unless_another_is_named(servers, numbers):
    got = asked(f"{servers['shapes']}/lines/lines", numbers, **LINES, probability="score")

    np.testing.assert_array_equal(got.scores[:, 0], numbers.values @ WEIGHTS)


@pytest.mark.parametrize("answer", ["json_record", "json", "csv"])
def test_a_template_of_one_record_sends_one_row_a_request_and_pads_none(answer, servers, numbers):
    few = numbers.with_values(numbers.values[:40])
    places = {"json_record": {"probability": "score"}, **ANSWERS}[answer]
    before = n_requests(servers["shapes"])

    got = asked(f"{servers['shapes']}/one/{answer}", few, **ONE, **places)

    np.testing.assert_array_equal(got.scores[:, 0], few.values @ WEIGHTS)
    assert n_requests(servers["shapes"]) - before == 40


def test_a_poison_row_of_a_one_record_server_is_set_aside(servers, numbers):
    few = numbers.with_values(numbers.values[:10].copy())
    few.values[4, 0] = 13.0

    with HttpEndpoint(
        EndpointSpec(url=f"{servers['shapes']}/one/json_record", probability="score", **ONE)
    ) as endpoint:
        got = predict_or_quarantine(endpoint, few, most_failures=1)

    assert [failure.row for failure in got.failures] == [4]
    assert np.flatnonzero(np.isnan(got.predictions.scores[:, 0])).tolist() == [4]


@pytest.mark.parametrize("request_shape", ["lines", "split", "mappings", "named"])
def test_text_and_gaps_travel_as_text_and_null(request_shape, servers):
    hostile = '"], [$c "${a}" %b\n'
    columns = (FeatureColumn("a", "text", (hostile, "x")), FeatureColumn("b", "int"), FeatureColumn("c", "float"))
    features = Features(columns, np.array([[0, 3, 0.5], [1, 4, np.nan], [np.nan, 5, 0.25]]))

    got = asked(
        f"{servers['shapes']}/{request_shape}/lines", features, **REQUESTS[request_shape], **ANSWERS["lines"]
    )

    np.testing.assert_array_equal(got.scores[:, 0], [len(hostile) + 2 * 3 + 3 * 0.5, np.nan, np.nan])


TABLE_5 = {
    "csv_class_list": {"accept_type": "text/csv", "label": 0, "probability": 1},
    "csv_list": {"accept_type": "text/csv", "probability": 0, "label_headers": ("C1", "C2", "C3")},
    "lines_class_list": {"accept_type": "application/jsonlines", "label": "pred", "probability": "sc"},
    "lines_all_classes": {"accept_type": "application/jsonlines", "label": "pred", "probability": "sc"},
}


@pytest.mark.parametrize("variant", TABLE_5)
def test_the_papers_multi_class_answers_give_a_label_and_its_scores(variant, servers, numbers):
    got = asked(f"{servers['shapes']}/lines/{variant}", numbers, **LINES, **TABLE_5[variant])

    above = numbers.values @ WEIGHTS > 3
    assert 0 < above.sum() < len(above)
    assert got.labels == tuple("C3" if high else "C1" for high in above)
    np.testing.assert_array_equal(got.scores, np.where(above[:, None], [0.1, 0.3, 0.6], [0.5, 0.3, 0.2]))


def test_headers_of_the_config_travel_with_a_foreign_request(servers, numbers):
    sent = (("X-Amzn-SageMaker-Custom-Attributes", "trace=1; a b"), ("X-Amzn-SageMaker-Target-Model", "m.tar.gz"))

    asked(f"{servers['shapes']}/lines/lines", numbers, **LINES, **ANSWERS["lines"], request_headers=sent)

    with urllib.request.urlopen(f"{servers['shapes']}/seen") as answer:
        seen = json.load(answer)
    assert [(name, seen[name]) for name, _ in sent] == list(sent)


def test_an_answer_too_short_for_the_rows_is_refused_whatever_the_path_says(servers, numbers):
    with pytest.raises(BadPrediction, match=r"299 answers for 300 rows  \[ENDPOINT-ROWS\]"):
        asked(f"{servers['shapes']}/split/json_short", numbers, **SPLIT, **ANSWERS["json"])


def test_a_template_that_names_a_feature_we_do_not_send_says_so(servers, numbers):
    wrong = {**NAMED, "record_template": '{"first": "${Age}"}'}

    with pytest.raises(ConfigError, match=r'(?s)record_template: received "\$\{Age\}"  \[CFG-TEMPLATE\].*a, b, c'):
        asked(f"{servers['shapes']}/named/json", numbers, **wrong, **ANSWERS["json"])


def test_json_lines_without_a_template_says_what_to_write(servers, numbers):
    with pytest.raises(ConfigError, match=r"(?s)CFG-TEMPLATE.*exactly one \$features"):
        asked(f"{servers['shapes']}/lines/lines", numbers, content_type="application/jsonlines")
