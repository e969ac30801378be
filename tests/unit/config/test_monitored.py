"""A monitor's config may be the part that AWS's monitors are given."""

import json

import pytest

from clarify.config.monitored import parse_monitored_config
from clarify.config.parse import parse_analysis_config
from clarify.errors import ConfigError

BIAS = {
    "version": "1.0",
    "headers": ["age", "sex", "y"],
    "label": "y",
    "label_values_or_threshold": [1],
    "facet": [{"name_or_index": "sex", "value_or_threshold": [0]}],
}


def parsed(document, kind):
    return parse_monitored_config(json.dumps(document).encode(), kind).config


def test_a_bias_monitor_asks_for_all_metrics_of_both_stages():
    config = parsed(BIAS, "bias-drift")

    assert (len(config.pre_training_metrics), len(config.post_training_metrics)) == (8, 13)
    assert config.predicted_label == "predicted_label"
    assert config.headers == ("age", "sex", "y", "predicted_label")


def test_what_the_document_says_stays():
    methods = {"pre_training_bias": {"methods": ["DPL"]}}

    config = parsed({**BIAS, "methods": methods, "predicted_label": "age"}, "bias-drift")

    assert (config.pre_training_metrics, config.predicted_label) == (("DPL",), "age")


@pytest.mark.parametrize("kind", ["attribution-drift", "data-quality", "model-quality"])
def test_other_monitors_need_neither_facet_nor_label(kind):
    assert parsed({"version": "1.0", "headers": ["age", "sex"]}, kind).headers[:2] == ("age", "sex")


def test_a_whole_config_is_read_as_an_analysis_reads_it():
    whole = json.dumps({**BIAS, "dataset_type": "text/csv", "methods": {"pre_training_bias": {"methods": "all"}},
                        "predicted_label": "age"}).encode()

    assert parse_monitored_config(whole, "bias-drift") == parse_analysis_config(whole)


@pytest.mark.parametrize("document", [b"not json", b"[]", b'{"version": "1.0", "facets": []}'])
def test_a_wrong_document_tells_its_problems(document):
    with pytest.raises(ConfigError):
        parse_monitored_config(document, "bias-drift")
