"""parse_analysis_config: what is accepted, what is accepted with a notice, and every sentence of refusal."""

import hashlib
import json

import pytest

from clarify.config.parse import parse_analysis_config
from clarify.errors import ConfigError

HEADERS = ["approved", "age", "sex", "income", "region"]


def bias_document(**changes) -> dict:
    document = {
        "dataset_type": "text/csv",
        "headers": HEADERS,
        "label": "approved",
        "label_values_or_threshold": [1],
        "facet": [{"name_or_index": "sex", "value_or_threshold": [0]}],
        "group_variable": "region",
        "methods": {"pre_training_bias": {"methods": "all"}, "report": {"name": "report", "title": "Loans"}},
    }
    return without_absent({**document, **changes})


def shap_document(**shap) -> dict:
    return {
        "dataset_type": "text/csv",
        "headers": HEADERS,
        "label": "approved",
        "methods": {"shap": {"baseline": [[40, 1, 30000, "north"]], "num_samples": 15, **shap}},
        "predictor": {"model_name": "loans", "content_type": "text/csv", "accept_type": "text/csv"},
    }


ABSENT = object()


def without_absent(document: dict) -> dict:
    return {key: value for key, value in document.items() if value is not ABSENT}


def parsed(document):
    return parse_analysis_config(json.dumps(document))


def problems_of(document) -> dict[str, tuple[str, str, str, str]]:
    """Field -> (code, received, allowed, hint) of the one error that a document raises."""
    text = document if isinstance(document, (str, bytes)) else json.dumps(document)
    with pytest.raises(ConfigError) as caught:
        parse_analysis_config(text)
    return {p.field: (p.code, p.received, p.allowed, p.hint) for p in caught.value.problems}


# Shapes of documents that people have.

TIME_SERIES = {
    "dataset_type": "application/json",
    "headers": ["item", "time", "value", "price", "size"],
    "time_series_data_config": {
        "target_time_series": "[].value", "item_id": "[].item", "timestamp": "[].time",
        "related_time_series": ["[].price"], "static_covariates": ["[].size"], "dataset_format": "timestamp_records",
    },
    "methods": {
        "asymmetric_shapley_value": {
            "baseline": {"target_time_series": "zero", "related_time_series": "mean",
                         "static_covariates": {"shoe": [1], "hat": [0]}},
            "direction": "chronological", "granularity": "fine_grained", "num_samples": 4,
        },
        "report": {"name": "report", "title": "Forecast"},
    },
    "predictor": {
        "endpoint_name": "forecast", "content_type": "application/json", "accept_type": "application/json",
        "content_template": '{"instances": $records}',
        "record_template": '{"start": $start_time, "values": $target_time_series}',
        "time_series_predictor_config": {"forecast": "predictions[*].mean"},
    },
}  # fmt: skip

JSON_RECORDS = {
    "dataset_type": "application/json",
    "features": "instances[*].features",
    "headers": ["age", "sex", "approved"],
    "label": "instances[*].label",
    "label_values_or_threshold": [1],
    "facet": [{"name_or_index": "sex", "value_or_threshold": [0]}],
    "group_variable": "age",
    "methods": {"pre_training_bias": {"methods": "all"}, "post_training_bias": {"methods": "all"}},
    "predictor": {
        "model_name": "loans", "instance_type": "ml.m5.large", "initial_instance_count": 1,
        "content_type": "application/json", "content_template": '{"instances": $records}',
        "record_template": '{"features": $features}', "label": "predictions[*].label",
        "probability": "predictions[*].score",
    },
}  # fmt: skip

JSON_LINES = {
    "dataset_type": "application/jsonlines",
    "headers": ["age", "sex", "approved"],
    "features": "x",
    "label": "y",
    "label_values_or_threshold": [1],
    "probability_threshold": 0.5,
    "facet": [{"name_or_index": "sex", "value_or_threshold": [0]}],
    "methods": {
        "pre_training_bias": {"methods": "all"},
        "shap": {"num_clusters": 1},
        "pdp": {"top_k_features": 2, "grid_resolution": 10},
        "report": {"name": "report"},
    },
    "predictor": {"endpoint_name": "loans", "content_template": '{"x": $features}', "probability": "score"},
}

SIDE_TABLES = bias_document(
    headers=["id", "approved", "income"],
    facet_dataset_uri="s3://bucket/people/", facet_headers=["id", "sex"],
    predicted_label_dataset_uri="s3://bucket/predictions/", predicted_label_headers=["id", "predicted_label"],
    joinsource_name_or_index="id", group_variable="sex", facet=[{"name_or_index": 1, "value_or_threshold": [0]}],
)  # fmt: skip

IMAGES = {
    "dataset_type": "application/x-image",
    "methods": {"shap": {"image_config": {"model_type": "OBJECT_DETECTION", "num_segments": 10, "context": 0.5,
                                          "debug": {"class_ids": [1]}}}},
    "predictor": {"model_name": "boxes", "content_type": "image/jpeg", "label_headers": ["cat", "dog"]},
}  # fmt: skip

TWO_FACETS = bias_document(
    facet=[
        {"name_or_index": "sex", "value_or_threshold": [0]},
        {"name_or_index": "age", "value_or_threshold": [40]},
        {"name_or_index": "region"},
    ],
    methods={"pre_training_bias": {"methods": "all"}, "post_training_bias": {"methods": ["DI", "FT"]}},
    predictor={"model_name": "loans", "instance_type": "ml.m5.large", "initial_instance_count": 1},
)

PARQUET = bias_document(
    dataset_type="application/x-parquet",
    headers=ABSENT,
    predicted_label="yhat",
    segment_config=[{"name_or_index": "age", "segments": [["[1, 40]"], ["(40, 60]", "(70, 90]"]],
                     "config_name": "ages", "display_aliases": ["young", "other", "rest"]}],
    methods={"post_training_bias": {"methods": "all"}},
)  # fmt: skip


@pytest.mark.parametrize(
    "document",
    [bias_document(), shap_document(), TIME_SERIES, JSON_RECORDS, JSON_LINES, SIDE_TABLES, IMAGES, TWO_FACETS, PARQUET],
    ids=["bias", "shap", "time-series", "json", "json-lines", "side-tables", "images", "two-facets", "parquet"],
)
def test_documents_of_every_kind_parse_without_a_change(document):
    result = parsed(document)

    written = json.loads(result.config.model_dump_json(exclude_unset=True))
    assert written == document


def test_a_baseline_may_be_an_address():
    config = parsed(shap_document(baseline="s3://bucket/baseline.csv")).config

    assert config.methods.shap.baseline == "s3://bucket/baseline.csv"


def test_words_are_compared_without_regard_to_case():
    config = parsed({**bias_document(), "dataset_type": "TEXT/CSV"}).config

    assert config.dataset_type == "text/csv"


def test_values_keep_the_type_they_are_written_in():
    config = parsed(bias_document(label_values_or_threshold=[1, 1.0, "1"])).config

    assert [type(value) for value in config.label_values_or_threshold] == [int, float, str]


def test_utf8_with_a_byte_order_mark_is_read():
    document = bias_document(headers=["approved", "Größe", "sex", "region"])
    text = "\ufeff" + json.dumps(document, ensure_ascii=False)

    assert parse_analysis_config(text.encode()).config == parse_analysis_config(text).config


# The digest.


def test_the_digest_is_sha256_of_the_canonical_document():
    text = '{ "methods": {"shap": {}},\n "dataset_type": "text/csv" }'
    canonical = b'{"dataset_type":"text/csv","methods":{"shap":{}}}'

    assert parse_analysis_config(text).digest == hashlib.sha256(canonical).hexdigest()


def test_the_digest_is_of_what_was_written_not_of_what_it_means():
    scalar = bias_document(label_values_or_threshold=1)
    listed = bias_document(label_values_or_threshold=[1])

    assert parsed(scalar).config == parsed(listed).config
    assert parsed(scalar).digest != parsed(listed).digest


# The seed.


@pytest.mark.parametrize(("written", "given", "used"), [({}, None, 0), ({"seed": 7}, None, 7), ({"seed": 7}, 9, 9)])
def test_a_seed_given_beside_the_document_wins(written, given, used):
    result = parse_analysis_config(json.dumps(shap_document(**written)), seed=given)

    assert result.seed == used
    assert result.config.methods.shap.seed == (given if given is not None else written.get("seed"))


def test_an_overridden_seed_is_noticed():
    result = parse_analysis_config(json.dumps(shap_document(seed=7)), seed=9)

    assert [(n.code, n.field) for n in result.notices] == [("CFG-SEED-OVERRIDDEN", "methods.shap.seed")]


def test_a_negative_seed_given_beside_the_document_is_refused():
    with pytest.raises(ConfigError, match=r"--seed: received -1 .*CFG-VALUE"):
        parse_analysis_config(json.dumps(shap_document()), seed=-1)


# Tolerances, one notice each.


@pytest.mark.parametrize(
    ("changes", "field", "meaning"),
    [
        ({"label_values_or_threshold": 0.5}, "label_values_or_threshold", "0.5 is read as a list of one"),
        (
            {"label_values_or_threshold": [True]},
            "label_values_or_threshold",
            "[true]: booleans match a column of booleans",
        ),
        (
            {"facet": [{"name_or_index": "sex", "value_or_threshold": "f"}]},
            "facet[0].value_or_threshold",
            '"f" is read as a list of one',
        ),
        ({"probability_threshold": 1}, "probability_threshold", "1 is read as a number with decimals"),
        (
            {"dataset_type": "application/parquet"},
            "dataset_type",
            '"application/parquet" is read as "application/x-parquet"',
        ),
        ({"predictor": {"content_type": "image/jpg"}}, "predictor.content_type", '"image/jpg" is read as "image/jpeg"'),
        (
            {"methods": {"pre_training_bias": {"methods": ["all"]}}},
            "methods.pre_training_bias.methods",
            '["all"] is read as "all"',
        ),
    ],
)
def test_a_tolerated_spelling_is_noticed(changes, field, meaning):
    notices = parsed(bias_document(**changes)).notices

    assert [(n.code, n.field, n.message) for n in notices] == [("CFG-COERCED", field, meaning)]


def test_a_document_in_aws_spelling_gives_no_notice():
    assert parsed(bias_document()).notices == ()


def test_keys_of_hired_hardware_are_noticed_as_without_effect():
    predictor = {"model_name": "m", "instance_type": "ml.m5.large",
                 "accelerator_type": "ml.eia1.medium", "endpoint_name_prefix": "mine"}  # fmt: skip

    notices = parsed(bias_document(predictor=predictor)).notices

    assert {n.code for n in notices} == {"CFG-NO-EFFECT"}
    assert {n.field.removeprefix("predictor.") for n in notices} == predictor.keys() - {"model_name"}


# Text that is no document.


@pytest.mark.parametrize(
    ("text", "received"),
    [
        ("", "Expecting value at line 1, column 1"),
        ('{"a": 1,\n "b" 2}', "Expecting ':' delimiter at line 2, column 6"),
        (b"\xff{}", "byte 0 is not UTF-8"),
        ("[" * 200_000, "more than 64 nested levels"),
        ('{"a":' * 65 + "1" + "}" * 65, "more than 64 nested levels"),
        (" " * (16 * 1024 * 1024 + 1), "16,777,217 bytes"),
    ],
    ids=["empty", "syntax", "encoding", "200,000 deep", "65 deep", "long"],
)
def test_text_that_is_no_json_is_refused_with_aws_words(text, received):
    code, got, _, hint = problems_of(text)["analysis_config"]

    assert (code, got) == ("CFG-JSON", received)
    assert "Unable to load analysis configuration as JSON." in hint


def test_an_integer_of_five_thousand_digits_is_refused():
    assert problems_of('{"version": ' + "9" * 5000 + "}")["analysis_config"][0] == "CFG-JSON"


def test_a_list_is_no_analysis_config():
    assert problems_of([]) == {"analysis_config": ("CFG-TYPE", "[]", "an object", "write an object")}


def test_a_repeated_key_is_refused_where_it_stands():
    text = json.dumps(bias_document()).replace('"value_or_threshold"', '"name_or_index": "sex", "value_or_threshold"')

    assert problems_of(text) == {
        "facet[0].name_or_index": ("CFG-DUPLICATE-KEY", "a second value", "each key once", "keep one of the two")
    }


@pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_json_does_not_have_are_refused(token):
    text = json.dumps(bias_document(probability_threshold="@")).replace('"@"', token)

    assert problems_of(text) == {
        "probability_threshold": ("CFG-VALUE", token, "a finite number", "write a number, or leave it out")
    }


def test_an_integer_beyond_64_bits_is_refused():
    found = problems_of(bias_document(label_values_or_threshold=[2**64]))

    assert found["label_values_or_threshold[0]"][:2] == ("CFG-VALUE", str(2**64))


def test_half_a_character_is_refused():
    found = problems_of('{"dataset_type": "text/csv", "label": "\\ud800", "methods": {"shap": {}}}')

    assert found == {"label": ("CFG-VALUE", "'\\ud800'", "text", "remove the lone surrogate escape")}


# Single keys.


@pytest.mark.parametrize(
    ("changes", "field", "code", "received", "hint"),
    [
        ({"facets": []}, "facets", "CFG-UNKNOWN-KEY", '"facets"', "did you mean facet?"),
        ({"has_header": True}, "has_header", "CFG-UNKNOWN-KEY", '"has_header"', "--csv-header"),
        ({"facet": [{"name": "sex"}]}, "facet[0].name_or_index", "CFG-MISSING", "nothing", '"name_or_index": "<co'),
        ({"facet": [{"name": "sex"}]}, "facet[0].name", "CFG-UNKNOWN-KEY", '"name"', "did you mean name_or_index?"),
        ({"facet": []}, "facet", "CFG-FACET-EMPTY", "[]", "name the column"),
        ({"facet": {"name_or_index": "sex"}}, "facet", "CFG-TYPE", '{"name_or_index": "sex"}', "write a list"),
        ({"facet": [{"name_or_index": -1}]}, "facet[0].name_or_index", "CFG-VALUE", "-1", "write"),
        ({"facet": [{"name_or_index": ""}]}, "facet[0].name_or_index", "CFG-VALUE", '""', "write"),
        ({"label": [1]}, "label", "CFG-TYPE", "[1]", "name the column, or count its position from 0"),
        ({"label": 1.5}, "label", "CFG-TYPE", "1.5", "name the column, or count its position from 0"),
        ({"label": True}, "label", "CFG-TYPE", "true", "name the column, or count its position from 0"),
        ({"label": None}, "label", "CFG-TYPE", "null", "leave the key out"),
        ({"label_values_or_threshold": []}, "label_values_or_threshold", "CFG-VALUE", "[]", "write at least one item"),
        ({"label_values_or_threshold": [[1]]}, "label_values_or_threshold[0]", "CFG-TYPE", "[1]", "write"),
        ({"probability_threshold": "0.5"}, "probability_threshold", "CFG-TYPE", '"0.5"', "without quotes"),
        ({"probability_threshold": True}, "probability_threshold", "CFG-TYPE", "true", "write a number"),
        ({"version": 1.0}, "version", "CFG-VALUE", "1.0", 'write "1.0"'),
        ({"dataset_type": "csv"}, "dataset_type", "CFG-VALUE", '"csv"', 'did you mean "text/csv"?'),
        ({"dataset_type": "json"}, "dataset_type", "CFG-VALUE", '"json"', 'did you mean "application/json"?'),
        ({"headers": "approved"}, "headers", "CFG-TYPE", '"approved"', 'put it into a list: ["approved"]'),
        ({"methods": {"pre_training_bias": {"methods": "DPL"}}}, "methods.pre_training_bias.methods", "CFG-VALUE",
         '"DPL"', 'put it into a list: ["DPL"]'),
        ({"methods": {"pre_training_bias": {"methods": []}}}, "methods.pre_training_bias.methods", "CFG-VALUE",
         "[]", "at least one item"),
        ({"methods": {"pre_training_bias": {"methods": "all"}, "report": {}}}, "methods.report.name", "CFG-MISSING",
         "nothing", 'add "name": "report"'),
        ({"methods": {"pre_training_bias": {"methods": "all"}, "report": {"name": "../x"}}}, "methods.report.name",
         "CFG-VALUE", '"../x"', "write text of the form"),
    ],
)  # fmt: skip
def test_a_key_that_is_wrong_by_itself_is_told_with_its_path(changes, field, code, received, hint):
    found = problems_of(bias_document(**changes))[field]

    assert found[:2] == (code, received)
    assert hint in found[3]


@pytest.mark.parametrize(
    ("shap", "field", "code", "received", "allowed"),
    [
        ({"num_samples": 0}, "num_samples", "CFG-VALUE", "0", "at least 1"),
        ({"num_samples": -1}, "num_samples", "CFG-VALUE", "-1", "at least 1"),
        ({"num_samples": 10_000_001}, "num_samples", "CFG-VALUE", "10000001", "at most 10,000,000"),
        ({"num_samples": "lots"}, "num_samples", "CFG-TYPE", '"lots"', "a whole number"),
        ({"num_samples": True}, "num_samples", "CFG-TYPE", "true", "a whole number"),
        ({"num_samples": 15.5}, "num_samples", "CFG-TYPE", "15.5", "a whole number"),
        ({"use_logit": "true"}, "use_logit", "CFG-TYPE", '"true"', "true or false"),
        ({"seed": -1}, "seed", "CFG-VALUE", "-1", "at least 0"),
        ({"seed": None}, "seed", "CFG-TYPE", "null", "a value"),
        ({"agg_method": "mean"}, "agg_method", "CFG-VALUE", '"mean"', '"mean_abs", "median" or "mean_sq"'),
        ({"baseline": []}, "baseline", "CFG-VALUE", "[]", "at least one item"),
        ({"baseline": [[1, [2]]]}, "baseline[0][1]", "CFG-TYPE", "[2]", "true or false or a number or text"),
        ({"baseline": [7]}, "baseline[0]", "CFG-TYPE", "7", "a list or an object"),
        ({"features_to_explain": []}, "features_to_explain", "CFG-VALUE", "[]", "at least one item"),
    ],
)
def test_a_shap_key_that_is_wrong_is_told_with_what_is_allowed(shap, field, code, received, allowed):
    assert problems_of(shap_document(**shap))[f"methods.shap.{field}"][:3] == (code, received, allowed)


def test_the_bounds_of_num_samples_are_allowed():
    for bound in (1, 10_000_000):
        assert parsed(shap_document(num_samples=bound)).config.methods.shap.num_samples == bound


def test_only_the_offending_cell_of_a_baseline_is_told():
    assert list(problems_of(shap_document(baseline=[[1, 2, 3, {}], [1, 2, 3, 4]]))) == ["methods.shap.baseline[0][3]"]


def test_a_missing_cell_of_a_baseline_is_allowed():
    assert parsed(shap_document(baseline=[[None, 1, 2, "a"]])).config.methods.shap.baseline == ((None, 1, 2, "a"),)


def test_a_missing_value_of_a_baseline_record_is_allowed():
    methods = {"shap": {"baseline": [{"x": [1, None], "note": None}]}}
    document = {**JSON_LINES, "methods": methods}

    assert parsed(document).config.methods.shap.baseline == ({"x": [1, None], "note": None},)


# Keys together.

POST = {"methods": {"post_training_bias": {"methods": "all"}}}


@pytest.mark.parametrize(
    ("changes", "field", "code", "hint"),
    [
        ({"methods": {}}, "methods", "CFG-METHODS-EMPTY", "name what to measure"),
        ({"methods": {"report": {"name": "r"}}}, "methods", "CFG-METHODS-EMPTY", "name what to measure"),
        ({"label": ABSENT}, "label", "CFG-MISSING", 'add "label"'),
        ({"facet": ABSENT}, "facet", "CFG-MISSING", 'add "facet"'),
        ({"label_values_or_threshold": ABSENT}, "label_values_or_threshold", "CFG-MISSING",
         "Positive label values or thresholds are empty for Label column"),
        ({"label": "aproved"}, "label", "CFG-COLUMN-UNKNOWN", "did you mean 'approved'?"),
        ({"label": 5}, "label", "CFG-COLUMN-UNKNOWN", "count the columns from 0"),
        ({"group_variable": "Region"}, "group_variable", "CFG-COLUMN-UNKNOWN", "did you mean 'region'?"),
        ({"excluded_columns": ["age", "zip"]}, "excluded_columns[1]", "CFG-COLUMN-UNKNOWN", "name an existing column"),
        ({"facet": [{"name_or_index": "gender"}]}, "facet[0].name_or_index", "CFG-COLUMN-UNKNOWN",
         "Unable to locate the facet."),
        ({"headers": ["approved", "age", "sex", "region", "age"]}, "headers[4]", "CFG-HEADER-DUPLICATE", "rename"),
        ({"predicted_label": 0}, "predicted_label", "CFG-CONFLICT", "have the model asked"),
        ({"label_values_or_threshold": [1, 1]}, "label_values_or_threshold", "CFG-VALUE", "remove the repeated value"),
        ({"predictor": {"model_name": "a", "endpoint_name": "b"}}, "predictor.model_name", "CFG-CONFLICT",
         "remove one of the two"),
        ({"predictor": {"endpoint_name_prefix": "a", "endpoint_name": "b"}}, "predictor.endpoint_name_prefix",
         "CFG-CONFLICT", "remove the prefix"),
        ({"dataset_type": "application/json"}, "features", "CFG-MISSING", 'add "features"'),
        ({"methods": {"pdp": {"grid_resolution": 5}}}, "methods.pdp.features", "CFG-MISSING", "request shap"),
    ],
)  # fmt: skip
def test_keys_that_need_or_exclude_each_other_are_told(changes, field, code, hint):
    found = problems_of(bias_document(**changes))[field]

    assert found[0] == code
    assert hint in found[3]


@pytest.mark.parametrize(
    ("document", "changes", "field", "code", "hint"),
    [
        (JSON_LINES, {"label": 2}, "label", "CFG-TYPE", "write the path to the value"),
        (JSON_RECORDS, {"predicted_label": 0}, "predicted_label", "CFG-TYPE", "write the path to the value"),
        (JSON_LINES, {"features": "x["}, "features", "CFG-JMESPATH", ""),
        (JSON_LINES, {"label": "a" * 1_001}, "label", "CFG-JMESPATH", "write a shorter path"),
        (JSON_LINES, {"features": "x" + "|[@,@]|[]" * 9}, "features", "CFG-JMESPATH", "write the path to the values"),
        (JSON_LINES, {"features": "|".join(["a"] * 90)}, "features", "CFG-JMESPATH", "write a shorter path"),
        (JSON_LINES, {"headers": ["age"]}, "headers", "CFG-HEADERS", "then the label"),
        (JSON_LINES, {"facet": [{"name_or_index": "sec"}]}, "facet[0].name_or_index", "CFG-COLUMN-UNKNOWN",
         "did you mean 'sex'?"),
        (JSON_LINES, {"methods": {"shap": {"features_to_explain": ["approved"]}}},
         "methods.shap.features_to_explain[0]", "CFG-CONFLICT", "label and predicted label are not features"),
        (JSON_LINES, {"facet_dataset_uri": "f.csv"}, "facet_dataset_uri", "CFG-CONFLICT", "write dataset and side"),
        (SIDE_TABLES, {"facet_dataset_uri": ABSENT}, "facet_dataset_uri", "CFG-MISSING", "remove facet_headers"),
        (SIDE_TABLES, {"facet": [{"name_or_index": 2}]}, "facet[0].name_or_index", "CFG-COLUMN-UNKNOWN",
         "Unable to locate the facet."),
        (SIDE_TABLES, {"facet": [{"name_or_index": "sec"}]}, "facet[0].name_or_index", "CFG-COLUMN-UNKNOWN",
         "did you mean 'sex'?"),
        (SIDE_TABLES, {"facet_headers": ["id", "sex", "sex"]}, "facet_headers[2]", "CFG-HEADER-DUPLICATE", "rename"),
        (SIDE_TABLES, {"facet_headers": ["id", "sex", "income"]}, "facet_headers", "CFG-HEADER-DUPLICATE", "rename"),
        (SIDE_TABLES, {"facet_headers": ["person", "sex"]}, "joinsource_name_or_index", "CFG-COLUMN-UNKNOWN",
         "without a key the tables are joined row by row"),
        (SIDE_TABLES, {"predicted_label": "yhat"}, "predicted_label", "CFG-COLUMN-UNKNOWN", "name an existing column"),
        (SIDE_TABLES, {"label": "aproved"}, "label", "CFG-COLUMN-UNKNOWN", "did you mean 'approved'?"),
    ],
)  # fmt: skip
def test_keys_that_say_where_the_data_lie_must_fit_each_other(document, changes, field, code, hint):
    changed = {key: value for key, value in {**document, **changes}.items() if value is not ABSENT}

    found = problems_of(changed)[field]

    assert found[0] == code
    assert hint in found[3]


def test_a_path_into_records_is_noticed_as_without_effect_beside_a_table():
    (notice,) = parsed(bias_document(features="x")).notices

    assert (notice.code, notice.field) == ("CFG-NO-EFFECT", "features")


@pytest.mark.parametrize(
    ("second", "refused"),
    [
        ({"name_or_index": "sex", "value_or_threshold": [0]}, True),
        ({"name_or_index": 2, "value_or_threshold": [0]}, True),
        ({"name_or_index": "sex"}, True),
        ({"name_or_index": "sex", "value_or_threshold": [1]}, False),
        ({"name_or_index": "age", "value_or_threshold": [0]}, False),
    ],
)
def test_the_same_group_twice_is_refused(second, refused):
    document = bias_document(facet=[{"name_or_index": "sex", "value_or_threshold": [0]}, second])

    if refused:
        assert problems_of(document)["facet[1]"][0] == "CFG-FACET-DUPLICATE"
    else:
        assert len(parsed(document).config.facets) == 2


def test_an_unknown_metric_is_refused_in_aws_words_with_the_nearest_name():
    methods = {"pre_training_bias": {"methods": ["CI", "DPLL"]}, "post_training_bias": {"methods": ["DCAcc", "DPL"]}}

    found = problems_of(bias_document(methods=methods))

    code, received, _, hint = found["methods.pre_training_bias.methods[1]"]
    assert (code, received) == ("CFG-METRIC-UNKNOWN", '"DPLL"')
    assert hint.startswith("did you mean DPL?")
    assert "Invalid metric_name: metrics should be one of the registered metrics['CDDL', 'CI'" in hint
    assert found["methods.post_training_bias.methods[0]"][3].startswith("did you mean DCA?")
    assert found["methods.post_training_bias.methods[1]"][3].startswith("DPL belongs under methods.pre_training_bias")


@pytest.mark.parametrize(
    ("shap", "field", "code", "received"),
    [
        ({"num_clusters": 2}, "num_clusters", "CFG-CONFLICT", "2, beside a baseline"),
        ({"baseline": [[1, 2, 3]]}, "baseline[0]", "CFG-BASELINE-SHAPE", "3 values"),
        ({"baseline": [[1, 2, 3, 4], [0, 1, 2, 3, 4]]}, "baseline[1]", "CFG-BASELINE-SHAPE", "5 values"),
        ({"baseline": {"x": 1}}, "baseline", "CFG-TYPE", "an object"),
        ({"baseline": [{"x": 1}]}, "baseline[0]", "CFG-TYPE", "an object"),
        ({"features_to_explain": ["age", "approved"]}, "features_to_explain[1]", "CFG-CONFLICT", '"approved"'),
        ({"features_to_explain": ["age", 9]}, "features_to_explain[1]", "CFG-COLUMN-UNKNOWN", "9"),
        ({"features_to_explain": ["age", 1]}, "features_to_explain", "CFG-VALUE", '["age", "age"]'),
        ({"features_to_explain": [1], "text_config": {"granularity": "token", "language": "en"}},
         "features_to_explain", "CFG-CONFLICT", "[1]"),
    ],
)  # fmt: skip
def test_shap_keys_that_contradict_each_other_are_told(shap, field, code, received):
    assert problems_of(shap_document(**shap))[f"methods.shap.{field}"][:2] == (code, received)


def test_baseline_rows_without_headers_are_measured_by_the_first():
    document = shap_document(baseline=[[1, 2], [1, 2, 3]])
    del document["headers"]

    found = problems_of(document)["methods.shap.baseline[1]"]

    assert found[:3] == ("CFG-BASELINE-SHAPE", "3 values", "2 values, as in the first row")


@pytest.mark.parametrize(
    ("part", "changes", "field"),
    [
        ("methods.asymmetric_shapley_value", {"num_samples": ABSENT}, "methods.asymmetric_shapley_value.num_samples"),
        ("methods.asymmetric_shapley_value", {"granularity": "timewise"},
         "methods.asymmetric_shapley_value.num_samples"),
        ("methods.asymmetric_shapley_value", {"direction": "bidirectional"},
         "methods.asymmetric_shapley_value.direction"),
        ("time_series_data_config", {"dataset_format": ABSENT}, "time_series_data_config.dataset_format"),
        ("time_series_data_config", {"item_id": 0}, "time_series_data_config"),
    ],
)  # fmt: skip
def test_time_series_keys_that_contradict_each_other_are_told(part, changes, field):
    document = json.loads(json.dumps(TIME_SERIES))
    *parents, last = part.split(".")
    holder = document[parents[0]] if parents else document
    holder[last] = without_absent({**holder[last], **changes})

    assert problems_of(document)[field][0] == "CFG-CONFLICT"


# All at once.


def test_every_problem_of_a_document_is_told_at_once():
    document = bias_document(
        facet=[{"name_or_index": "sex"}, {"name_or_index": "age", "value_or_threshold": []}],
        probability_threshold="0.5",
        group_variable="regio",
        label_values_or_threshold=ABSENT,
        methods={"pre_training_bias": {"methods": ["DPX"]}, "report": {}},
        colour="red",
    )

    assert {field: problem[0] for field, problem in problems_of(document).items()} == {
        "facet[1].value_or_threshold": "CFG-FACET-EMPTY",
        "probability_threshold": "CFG-TYPE",
        "group_variable": "CFG-COLUMN-UNKNOWN",
        "methods.pre_training_bias.methods[0]": "CFG-METRIC-UNKNOWN",
        "methods.report.name": "CFG-MISSING",
        "colour": "CFG-UNKNOWN-KEY",
    }


def test_a_misspelt_key_is_not_also_called_missing():
    document = bias_document(facet=ABSENT, facets=[{"name_or_index": "sex"}])

    assert list(problems_of(document)) == ["facets"]


def test_the_message_has_field_code_received_allowed_and_hint():
    document = bias_document(facet=[{"name_or_index": "sex"}, {"name_or_index": "age", "value_or_threshold": []}])

    with pytest.raises(ConfigError) as caught:
        parse_analysis_config(json.dumps(document))

    assert str(caught.value) == (
        "facet[1].value_or_threshold: received []  [CFG-FACET-EMPTY]\n"
        "  allowed: at least one value of the facet's column\n"
        "  hint: name the group whose treatment you want to measure, or leave the key out to compare each value"
    )


def test_a_thousand_problems_are_told_as_a_hundred_and_a_count():
    document = bias_document(label_values_or_threshold=[[]] * 1000)

    with pytest.raises(ConfigError) as caught:
        parse_analysis_config(json.dumps(document))

    assert len(caught.value.problems) == 101
    assert caught.value.problems[-1].received == "900 more problems"


def test_a_key_of_ten_thousand_characters_does_not_flood_the_message():
    with pytest.raises(ConfigError) as caught:
        parse_analysis_config(json.dumps(bias_document(**{"x" * 10_000: 1})))

    assert len(str(caught.value)) < 1000
