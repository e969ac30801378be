"""provenance.json and manifest.json: what ran, on what, and which files a rerun repeats."""

import hashlib
import json
import math
import sys
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from clarify.report.html import render_report
from clarify.report.provenance import (
    code_identity,
    environment,
    file_record,
    manifest_document,
    provenance_document,
    provenance_of,
)
from tests.unit.report import report_examples as examples


def test_provenance_names_every_digest_the_run_and_its_times_in_utc():
    document = json.loads(provenance_document(examples.example_provenance()))

    assert document["dataset"] == {"uri": "s3://credit/german.csv", "sha256": "d1" * 32, "rows": 1000}
    assert document["model"] == {"uri": "models:/credit-hgb/7", "sha256": "ab" * 32}
    assert document["config"] == {"sha256": "c0ffee" + "0" * 58}
    assert document["code"]["sha256"] == "ef" * 32
    assert document["environment"]["packages"] == {"numpy": "2.1.0", "scipy": "1.14.0"}
    assert document["run"]["mlflow_run_id"] == "8c1f40ba"
    assert document["run"]["started_at"] == "2025-11-22T13:38:02Z"
    assert document["run"]["seconds"] == 123.0


COSTS = (("model_row_seconds", 1.12e-5), ("sparse_row_seconds", 0.0034), ("error_ratio", 0.31), ("coalitions", 512))


def with_costs(costs):
    provenance = examples.example_provenance()
    return replace(provenance, run=replace(provenance.run, costs=costs))


def test_measured_costs_stand_under_the_run():
    document = json.loads(provenance_document(with_costs(COSTS)))

    assert document["run"]["costs"] == {
        "model_row_seconds": 1.12e-5, "sparse_row_seconds": 0.0034, "error_ratio": 0.31, "coalitions": 512,
    }  # fmt: skip


def test_a_run_that_measured_nothing_has_no_costs_in_document_and_report():
    provenance = examples.example_provenance()

    assert json.loads(provenance_document(provenance))["run"]["costs"] == {}
    assert "Measured costs" not in render_report(examples.credit_result(), provenance)


def test_a_cost_that_could_not_be_measured_is_null_and_unknown_and_ends_no_run():
    provenance = with_costs((("error_ratio", math.nan), ("model_row_seconds", math.inf)))

    costs = json.loads(provenance_document(provenance))["run"]["costs"]
    assert costs == {"error_ratio": None, "model_row_seconds": None}
    assert "error ratio unknown, model row unknown" in render_report(examples.credit_result(), provenance)


def test_the_report_prints_costs_in_units_a_person_would_use():
    page = render_report(examples.credit_result(), with_costs(COSTS))

    assert "model row 11.2 µs, sparse row 3.4 ms, error ratio 0.31, coalitions 512" in page


def test_times_of_another_zone_are_told_in_utc():
    provenance = examples.example_provenance()
    noon_in_tokyo = datetime(2025, 11, 22, 12, 0, tzinfo=timezone(timedelta(hours=9)))

    document = provenance_document(replace(provenance, run=replace(provenance.run, started_at=noon_in_tokyo)))

    assert json.loads(document)["run"]["started_at"] == "2025-11-22T03:00:00Z"


def test_provenance_of_a_result_takes_its_digests_and_leaves_credentials_out():
    result = examples.credit_result()
    signed = replace(result, dataset=replace(result.dataset, uri="s3://key:canary@credit/german.csv?token=canary"))

    provenance = provenance_of(signed, examples.example_provenance().run)

    assert provenance.dataset_uri == "s3://credit/german.csv"
    assert provenance.model_digest == "ab" * 32
    assert provenance.config_digest == result.config_digest


def test_the_code_digest_is_the_same_twice():
    first, second = code_identity(), code_identity()

    assert first == second
    assert len(first.digest) == 64


def test_the_environment_names_this_python_and_its_numpy():
    found = environment()

    assert found.python == ".".join(map(str, sys.version_info[:3]))
    assert "numpy" in dict(found.packages)


def test_the_manifest_lists_files_in_alphabetical_order_with_digest_size_and_promise():
    records = {
        "report.html": file_record(b"<p>", reproducible=False),
        "analysis.json": file_record(b"{}", reproducible=True),
    }

    document = json.loads(manifest_document(records))

    assert list(document["files"]) == ["analysis.json", "report.html"]
    assert document["files"]["analysis.json"] == {
        "sha256": hashlib.sha256(b"{}").hexdigest(),
        "bytes": 2,
        "reproducible": True,
    }
    assert document["files"]["report.html"]["reproducible"] is False
