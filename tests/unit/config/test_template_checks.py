"""What templates, paths, headers and class names of a predictor cannot mean, told before anything runs."""

import json

import pytest

from clarify.config.parse import ensure_runnable, parse_analysis_config
from clarify.config.support import notices_without_invocations
from clarify.errors import ConfigError

HEADERS = ["Age", "Marital Status", "Sex", "Target"]


def document(predictor=None, **changes):
    return {
        "dataset_type": "application/json",
        "headers": HEADERS,
        "features": "instances[*].features",
        "label": "instances[*].label",
        "label_values_or_threshold": [1],
        "facet": [{"name_or_index": "Sex", "value_or_threshold": [0]}],
        "methods": {"post_training_bias": {"methods": "all"}},
        "predictor": {"model_name": "m", **(predictor or {})},
        **changes,
    }


def problems_of(predictor, **changes):
    try:
        parse_analysis_config(json.dumps(document(predictor, **changes)))
    except ConfigError as error:
        return [(problem.code, problem.field) for problem in error.problems]
    return []


def told(predictor, **changes):
    with pytest.raises(ConfigError) as caught:
        parse_analysis_config(json.dumps(document(predictor, **changes)))
    (problem,) = caught.value.problems
    return problem


LINES = {"content_type": "application/jsonlines"}
CONTENT, RECORD = "predictor.content_template", "predictor.record_template"


@pytest.mark.parametrize(
    "predictor",
    [
        {},
        {"content_template": '{"instances":$records}', "record_template": '{"features":$features}'},
        {"content_template": '{"instances": $records, "names": $feature_names}', "record_template": "$features"},
        {"content_template": "$record", "record_template": "$features_kvp"},
        {"content_template": {"instances": "$records", "name": "m"}, "record_template": "$features"},
        {"content_template": "$records", "record_template": '{"a": "${Age}", "m": "${Marital Status}", "c": "$$"}'},
        {"content_template": "$records", "record_template": '{"f": $features, "n": $feature_names}'},
        {**LINES, "content_template": '{"Features":$features}'},
        {**LINES, "content_template": '{"Features":$features, "names": ${feature_names}}'},
        {"label": "predictions[*].predicted_label", "probability": "predictions[*].score"},
        {"label": 0, "probability": "class-1.p"},
        {"label_headers": [0, 1]},
        {"label_headers": ["no", "yes"], "label": "predicted"},
        {"label_headers": ["approved"]},
        {"custom_attributes": "trace id=1;b", "target_model": "model.tar.gz"},
    ],
)
def test_what_aws_writes_is_understood(predictor):
    assert problems_of(predictor) == []


@pytest.mark.parametrize(
    ("predictor", "found"),
    [
        ({"record_template": "$features"}, [("CFG-MISSING", CONTENT)]),
        ({"content_template": "$records"}, [("CFG-MISSING", RECORD)]),
        ({"content_template": "$features"}, [("CFG-TEMPLATE", CONTENT), ("CFG-TEMPLATE", CONTENT),
                                             ("CFG-MISSING", RECORD)]),
        ({"content_template": "[$record, $records]", "record_template": "$features"}, [("CFG-TEMPLATE", CONTENT)]),
        ({"content_template": '"$records"', "record_template": "$features"}, [("CFG-TEMPLATE", CONTENT)]),
        ({"content_template": "$records", "record_template": '"$features"'}, [("CFG-TEMPLATE", RECORD)]),
        ({"content_template": "$records", "record_template": '{"a": "id-${Age}"}'}, [("CFG-TEMPLATE", RECORD)]),
        ({"content_template": "$records", "record_template": '{${Age}: 1}'}, [("CFG-TEMPLATE", RECORD)]),
        ({"content_template": "$records", "record_template": "{}"}, [("CFG-TEMPLATE", RECORD)]),
        ({"content_template": "$records", "record_template": '[$features, $features]'}, [("CFG-TEMPLATE", RECORD)]),
        ({"content_template": "$records", "record_template": '[$features, $features_kvp]'},
         [("CFG-TEMPLATE", RECORD)]),
        ({"content_template": "$records", "record_template": '[$features_kvp, $feature_names]'},
         [("CFG-TEMPLATE", RECORD)]),
        ({"content_template": "$records", "record_template": '{"a": "${Target}"}'}, [("CFG-TEMPLATE", RECORD)]),
        ({"content_template": "$records $", "record_template": "$features"}, [("CFG-TEMPLATE", CONTENT)]),
        ({"content_template": "x" * 20_001 + "$records", "record_template": "$features"}, [("CFG-TEMPLATE", CONTENT)]),
        ({**LINES, "content_template": "$features", "record_template": "$features"}, [("CFG-CONFLICT", RECORD)]),
        ({**LINES, "content_template": "[$features, $features]"}, [("CFG-TEMPLATE", CONTENT)]),
        ({**LINES, "content_template": "$records"}, [("CFG-TEMPLATE", CONTENT), ("CFG-TEMPLATE", CONTENT)]),
        ({**LINES, "content_template": '{"a": "${Age}"}'}, [("CFG-TEMPLATE", CONTENT), ("CFG-TEMPLATE", CONTENT)]),
        ({"content_type": "text/csv", "content_template": "$features"}, [("CFG-CONFLICT", CONTENT)]),
        ({"label": "predictions[*", "probability": "p" * 1001},
         [("CFG-JMESPATH", "predictor.label"), ("CFG-JMESPATH", "predictor.probability")]),
        ({"probability": "[@,@]|[]|[@,@]|[]|[@,@]|[]"}, [("CFG-JMESPATH", "predictor.probability")]),
        ({"custom_attributes": "a\r\nX-Evil: 1", "target_model": "é"},
         [("CFG-VALUE", "predictor.custom_attributes"), ("CFG-VALUE", "predictor.target_model")]),
        ({"label_headers": ["1", "1"]}, [("CFG-VALUE", "predictor.label_headers")]),
        ({"label_headers": ["no", "yes"]}, [("CFG-CONFLICT", "predictor.label_headers")]),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_by_field(predictor, found):
    assert problems_of(predictor) == found


def test_all_problems_of_a_predictor_come_at_once():
    wrong = {"content_template": "$records", "record_template": '{"a": "${Aeg}", "b": $foo}', "label": "a[",
             "custom_attributes": "é"}  # fmt: skip

    assert problems_of(wrong) == [
        ("CFG-TEMPLATE", RECORD), ("CFG-TEMPLATE", RECORD), ("CFG-JMESPATH", "predictor.label"),
        ("CFG-VALUE", "predictor.custom_attributes"),
    ]  # fmt: skip


def test_a_misspelt_feature_is_met_with_the_nearest():
    problem = told({"content_template": "$records", "record_template": '{"a": "${Martial Status}"}'})

    assert (problem.received, problem.hint) == ('"${Martial Status}"', "did you mean 'Marital Status'?")
    assert problem.allowed == "a feature of headers: 'Age', 'Marital Status', 'Sex'"


def test_quotes_around_a_list_are_told_with_what_they_would_make():
    problem = told({"content_template": "$records", "record_template": '{"f": "$features"}'})

    assert problem.received == 'once filled in: {"f": "["x",1]"}'
    assert "take no quotes" in problem.hint


def test_a_template_beside_csv_asks_for_the_content_type():
    problem = told({"content_type": "text/csv", "content_template": "$features"})

    assert problem.received == "beside text/csv"
    assert "content_type" in problem.hint


def test_a_foreign_endpoint_of_json_lines_needs_a_template_and_a_served_model_does_not():
    config = parse_analysis_config(json.dumps(document(LINES))).config

    ensure_runnable(config, model="models:/m/1")
    with pytest.raises(ConfigError, match=r"(?s)content_template: received nothing.*exactly one \$features"):
        ensure_runnable(config, endpoint="http://127.0.0.1:8080")


def test_a_foreign_answer_in_csv_has_positions_and_no_keys():
    config = parse_analysis_config(json.dumps(document({"accept_type": "text/csv", "probability": "score"}))).config

    with pytest.raises(ConfigError, match=r"predictor\.probability: received \"score\", beside accept_type text/csv"):
        ensure_runnable(config, endpoint="http://127.0.0.1:8080")


def test_keys_that_shape_requests_are_noticed_when_none_are_sent():
    shaped = {"content_template": "$records", "record_template": "$features", "target_model": "m", "label": "x"}

    notices = notices_without_invocations(parse_analysis_config(json.dumps(document(shaped))).config)

    assert [(notice.code, notice.field) for notice in notices] == [
        ("CFG-NO-EFFECT", CONTENT), ("CFG-NO-EFFECT", RECORD), ("CFG-NO-EFFECT", "predictor.target_model"),
    ]  # fmt: skip
