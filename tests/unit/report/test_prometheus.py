"""Prometheus text of a record: read back by the library's own parser."""

import math
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from clarify.records import Status, WindowCounts
from clarify.report.monitor.page import KINDS
from clarify.report.monitor.prometheus import MOST_SERIES, prometheus_text
from tests.unit.report import monitor_examples as examples

FINISHED = 1_793_700_123.0


def samples(record):
    families = text_string_to_metric_families(prometheus_text(record, finished_at=FINISHED))
    return [(sample.name, sample.labels, sample.value) for family in families for sample in family.samples]


def values(found, name, **labels):
    return [value for n, has, value in found if n == name and labels.items() <= has.items()]


@pytest.mark.parametrize("status", Status)
def test_exactly_one_status_is_1(status):
    found = samples(examples.record(status=status))

    assert {labels["status"]: value for name, labels, value in found if name == "clarify_status"} == {
        one.value: float(one is status) for one in Status
    }


def test_a_series_has_value_interval_and_evidence_under_its_labels():
    found = samples(examples.record())

    labels = {"monitor": "credit", "kind": "bias-drift", "stage": "post_training", "facet": "sex", "group": "2",
              "metric": "DPPL"}  # fmt: skip
    assert values(found, "clarify_metric_value", **labels) == [0.12]
    assert values(found, "clarify_metric_value_ci_low", **labels) == [0.06]
    assert values(found, "clarify_metric_value_ci_high", **labels) == [0.18]
    assert values(found, "clarify_evidence", **labels) == [0.4]


def test_infinite_and_missing_numbers_have_no_sample():
    found = samples(examples.record())

    assert values(found, "clarify_metric_value", metric="TE") == []       # infinite
    assert values(found, "clarify_metric_value", metric="DI") == []       # undefined
    assert values(found, "clarify_evidence", metric="TE") == [1.0]
    assert all(math.isfinite(value) for _, _, value in found)


def test_the_window_has_rows_join_rate_and_times():
    found = samples(examples.record())

    assert values(found, "clarify_rows") == [950]
    assert values(found, "clarify_join_rate") == [0.95]
    assert values(found, "clarify_window_end_timestamp_seconds") == [1_793_750_400.0]    # 4 November 2026, 00:00 UTC
    assert values(found, "clarify_last_success_timestamp_seconds") == [FINISHED]


def test_a_window_that_could_not_be_looked_at_is_no_success():
    found = samples(examples.failed())

    assert values(found, "clarify_last_success_timestamp_seconds") == []
    assert values(found, "clarify_join_rate") == []


def test_windows_without_labels_have_no_join_rate():
    found = samples(replace(examples.record(), counts=WindowCounts(rows=9)))

    assert values(found, "clarify_join_rate") == []


def test_the_series_with_most_evidence_are_kept_and_the_others_counted():
    many = tuple(examples.series(group=str(i), evidence=i / 1000) for i in range(MOST_SERIES + 30))

    found = samples(examples.record(bias=replace(examples.bias(), series=many)))

    kept = {labels["group"] for name, labels, _ in found if name == "clarify_metric_value"}
    assert kept == {str(i) for i in range(30, MOST_SERIES + 30)}
    assert values(found, "clarify_series_dropped") == [30]


def test_the_other_kinds_have_their_numbers():
    attribution = samples(examples.record("attribution-drift"))
    quality = samples(examples.record("model-quality"))
    data = samples(examples.record("data-quality", of="income"))

    assert values(attribution, "clarify_ndcg", output="sex") == [0.987]
    assert values(attribution, "clarify_metric_value", metric="attribution_share", facet="age") == [0.8]
    assert values(quality, "clarify_metric_value", metric="recall") == [0.61]
    assert values(data, "clarify_metric_value", metric="distance_ks", facet="income") == [0.21]


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_names_stay_label_values(kind):
    found = samples(examples.hostile(kind))

    assert {labels["monitor"] for _, labels, _ in found} == {examples.HOSTILE}
    assert {name for name, _, _ in found} <= {
        "clarify_status", "clarify_metric_value", "clarify_metric_value_ci_low", "clarify_metric_value_ci_high",
        "clarify_evidence", "clarify_series_dropped", "clarify_rows", "clarify_join_rate", "clarify_ndcg",
        "clarify_window_end_timestamp_seconds", "clarify_last_success_timestamp_seconds",
    }  # fmt: skip
