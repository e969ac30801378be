"""What a tracker is told: names that stay apart, finite numbers, a description that keeps what people wrote."""

import math
import re
from dataclasses import replace

from clarify.bias.evaluate import evaluate
from clarify.results import Verdict
from clarify.steps.lineage import lineage_of
from clarify.steps.summarise import check_table, link_to, model_note, validation_table, with_note
from clarify.steps.write_report import PublishedAnalysis
from tests.unit.report import report_examples as examples
from tests.unit.report.test_verdicts_in_report import ALIKE, APART, FEW, judged


def told(result):
    return lineage_of(PublishedAnalysis(result, "/out", ()), engine="local")


def test_a_check_is_a_number_with_its_interval_and_the_code_of_its_verdict():
    for table, code in ((ALIKE, 1.0), (FEW, 0.0), (APART, -1.0)):
        metrics = dict(told(judged(table)).metrics)

        low, value, high = (metrics[f"clarify/sex-f/DPPL{end}"] for end in ("/low", "", "/high"))
        assert low < value < high
        assert metrics["clarify/sex-f/DPPL/verdict_code"] == code


def test_tags_say_the_status_how_many_are_outside_or_open_and_the_evidence():
    tags = dict(told(judged(APART)).tags)

    assert (tags["clarify.status"], tags["clarify.violations"], tags["clarify.inconclusive"]) == ("violation", "1", "0")
    assert tags["clarify.verdict.sex-f/DPPL"] == "VIOLATION"
    assert re.fullmatch("[0-9a-f]{64}", tags["clarify.evidence"])


def test_an_undefined_metric_is_a_tag_and_no_number():
    lineage = told(judged(APART))

    assert dict(lineage.tags)["clarify.undefined.sex-f/CDDPL"] == "no_group_variable"
    assert "clarify/sex-f/CDDPL" not in dict(lineage.metrics)
    assert all(math.isfinite(value) for _, value in lineage.metrics)


def test_groups_whose_names_are_alike_as_slugs_stay_apart():
    pairs = (("a b", "c"), ("a", "b-c"), ("a-b", "c"), ("a", "b c"), ("a-b", "c-2"))
    facets = tuple(
        evaluate(examples.AGE, facet=facet, value_or_threshold=value, stage="post_training") for facet, value in pairs
    )
    section = examples.bias_section("post_training", facets=facets)

    lineage = told(replace(examples.credit_result(), pre_training=None, post_training=section, explanations=None))

    names = [name for name, _ in lineage.metrics if name.endswith("/DPPL")]
    assert names == [f"clarify/a-b-c{n}/DPPL" for n in ("", "-2", "-3", "-4")] + ["clarify/a-b-c-2-2/DPPL"]


def test_names_hold_nothing_that_a_tracker_refuses():
    lineage = told(examples.hostile_result())

    for name, _ in (*lineage.metrics, *lineage.tags):
        assert re.fullmatch(r"[\w\-. /]{1,250}", name, flags=re.ASCII), name
    assert len(dict(lineage.metrics)) == len(lineage.metrics)


def test_the_picture_is_among_the_files_and_the_manifest_comes_last(tmp_path):
    paths = [path for path, _, _ in told(judged(APART)).files()]

    assert paths == ["forest.png", "manifest.json"]


def test_a_note_is_three_lines_with_the_verdict_the_data_and_a_link():
    note = model_note(judged(APART), evidence="e" * 64, report="https://host/#/r")

    first, second, third = note.split("\n\n")
    assert first.startswith("**VIOLATION**: Of 1 check, **1 is outside**")
    assert second == f"Looked at 1,000 rows of `german.csv`, evidence `{'e' * 16}`."
    assert third == "[Report](https://host/#/r)"


def test_a_note_leaves_what_people_wrote_and_replaces_only_the_last_note():
    once = with_note("Trained in June.\n\nAsk Ann.", "first")
    people_went_on = once + "\n\nRetired in May."

    twice = with_note(people_went_on, "second")

    assert once.startswith("Trained in June.\n\nAsk Ann.\n\n<!--")
    assert "first" not in twice
    assert re.sub("<!--.*-->", "~", twice, flags=re.DOTALL) == "Trained in June.\n\nAsk Ann.\n\n~\n\nRetired in May."
    assert with_note(twice, "second") == twice


def test_a_note_in_an_empty_description_stands_alone():
    assert with_note("", "n").startswith("<!--")
    assert with_note("", "n").endswith("-->")


def test_a_path_becomes_an_address_and_an_address_loses_its_secrets(tmp_path):
    assert link_to(f"{tmp_path}/a b.html") == f"file://{tmp_path}/a%20b.html"
    assert link_to("s3://key:secret@bucket/r.html") == "s3://bucket/r.html"


def test_tables_hold_the_columns_of_the_report_and_inert_names():
    (first, *_) = check_table(judged(APART))

    assert list(first) == ["Verdict", "Facet", "Group", "Check", "Value", "95 %", "Allowed", "Rows d / a", "Why"]
    assert (first["Verdict"], first["Facet"], first["Rows d / a"]) == (Verdict.VIOLATION, "`sex`", "1,000 / 1,000")


def test_a_table_of_hostile_names_has_no_line_end_and_no_direction_mark():
    result = examples.hostile_result()
    expectation = replace(result.validation.expectations[0], column="a\nb`|\u202e")

    (row,) = validation_table(replace(result.validation, expectations=(expectation,)))

    assert row["column"] == "``a b`¦\ufffd``"
