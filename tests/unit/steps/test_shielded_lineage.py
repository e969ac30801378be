"""What trackers are told under masked names and withheld counts: no name, no row, no document for machines."""

import re
from dataclasses import astuple, replace

import pytest

from clarify.config.presentation import Presentation
from clarify.report.html import render_report
from clarify.report.provenance import FileRecord
from clarify.report.shielding.shielded import shielded, shielded_provenance
from clarify.steps.decisions import DECISIONS
from clarify.steps.lineage import FINDINGS, PICTURE, key_of, lineage_of, masked_subject, page_name
from clarify.steps.summarise import (
    check_table,
    dependence_table,
    explanation_table,
    masked_note,
    validation_table,
)
from clarify.steps.write_report import PublishedAnalysis
from tests.unit.report import report_examples as examples
from tests.unit.report.every_field import filled_result

MASKED = Presentation(mask_names=True)
SHIELDS = [MASKED, Presentation(suppress_below=10), Presentation(individual_rows=False)]
EVERYTHING, MARKERS = filled_result()
DIGEST = "0123456789abcdef" * 4
PATHS = ("analysis.json", DECISIONS, "explanations_shap/out.csv", "extended.json", "provenance.json", "report.html",
         "report.ipynb")  # fmt: skip


def published(result, output="/MkFolder/out", *, shown=MASKED):
    files = tuple((path, FileRecord("0" * 64, 1, True)) for path in PATHS)
    return PublishedAnalysis(result, str(output), files, presentation=shown)


def told(lineage):
    """All that goes to a tracker, but for the registered model's own page."""
    values = (lineage.params, lineage.metrics, lineage.tags, astuple(lineage.dataset), lineage.evidence, lineage.status)
    return repr((*values, [path for path, _, _ in lineage.files()]))


def test_nothing_that_is_told_of_a_masked_analysis_holds_a_name():
    full = told(lineage_of(published(EVERYTHING, shown=Presentation()), engine="local"))
    masked = told(lineage_of(published(EVERYTHING), engine="local"))

    assert len([marker for marker in MARKERS if marker in full]) > 20
    assert [marker for marker in (*MARKERS, "MkFolder") if marker in masked] == []


def test_no_table_of_a_masked_analysis_holds_a_name():
    shown = published(EVERYTHING).shown
    tables = (check_table(shown), validation_table(shown.validation), explanation_table(shown.explanations),
              dependence_table(shown.partial_dependence))  # fmt: skip

    assert all(tables)
    assert "Mk" not in repr(tables)


def test_the_registry_is_asked_by_the_models_own_name():
    lineage = lineage_of(published(EVERYTHING), engine="local")

    assert (lineage.model_name, lineage.model_version) == (EVERYTHING.model.name, EVERYTHING.model.version)


@pytest.mark.parametrize("shown", SHIELDS)
def test_only_page_picture_and_words_leave_the_output_folder_of_a_shielded_analysis(shown):
    lineage = lineage_of(published(examples.credit_result(), shown=shown), engine="local")

    assert [path for path, _, _ in lineage.files()] == ["report.html", FINDINGS, PICTURE]


def test_the_files_of_a_masked_analysis_hold_no_name(tmp_path):
    named = replace(EVERYTHING, report_name="MkReport")
    page = render_report(shielded(named, MASKED), shielded_provenance(examples.example_provenance(), MASKED))
    (tmp_path / "MkReport.html").write_text(page)

    files = {path: read() for path, read, _ in lineage_of(published(named, tmp_path), engine="local").files()}

    assert files["report.html"] == page.encode()
    assert b"facet " in files[FINDINGS]
    words = {path: content for path, content in files.items() if path != PICTURE}       # two letters can be pixels
    assert [path for path, content in words.items() if b"Mk" in content] == []


def test_decisions_are_rows_and_never_leave_the_output_folder():
    lineage = lineage_of(published(examples.credit_result(), shown=Presentation()), engine="local")

    paths = [path for path, _, _ in lineage.files()]
    assert paths == [*(path for path in PATHS if path != DECISIONS), PICTURE, "manifest.json"]


def test_a_withheld_group_has_no_number_and_keeps_its_verdict():
    """Cells of three and one among the other 37 rows: fewer than ten."""
    credit = examples.credit_result()
    full = lineage_of(published(credit, shown=Presentation()), engine="local")
    shown = lineage_of(published(credit, shown=Presentation(suppress_below=10)), engine="local")

    def numbers(lineage):
        return {name for name, _ in lineage.metrics if name.startswith("clarify/foreign_worker")}

    def codes(lineage):
        return {name for name in numbers(lineage) if name.endswith("/verdict_code")}

    assert numbers(full) - codes(full)
    assert numbers(shown) == codes(shown) == codes(full)
    assert dict(shown.tags)["clarify.undefined.foreign_worker-A201/DPL"] == "withheld"


def test_the_table_of_checks_holds_no_count_and_no_value_of_a_small_group():
    credit = examples.credit_result()
    full, shown = (
        [row for row in check_table(published(credit, shown=Presentation(suppress_below=below)).shown)
         if row["Facet"] == "`foreign_worker`"]
        for below in (0, 10)
    )  # fmt: skip

    cells = ("Value", "95 %", "Rows d / a")
    assert {row["Rows d / a"] for row in full} == {"963 / 37"}      # 592 + 155 + 75 + 141, 32 + 3 + 1 + 1
    assert [row[cell] for row in shown for cell in cells if re.search(r"\d", row[cell])] == []


def test_a_masked_subject_is_one_per_configuration():
    one, other = (published(replace(EVERYTHING, config_digest=digest)) for digest in (DIGEST, DIGEST[::-1]))

    assert masked_subject(DIGEST) == key_of(one) == "analysis-01234567"
    assert key_of(other) == "analysis-fedcba98"


def test_the_page_is_called_as_usual_where_names_are_masked():
    named = replace(examples.credit_result(), report_name="anna")

    assert page_name(published(named)) == "report.html"
    assert page_name(published(named, shown=Presentation(suppress_below=10))) == "anna.html"


def test_a_masked_note_at_the_model_says_verdict_and_run_and_nothing_else():
    note = masked_note(shielded(EVERYTHING, MASKED), evidence="e" * 64, run_id="0a1b")

    assert note.startswith(f"**{EVERYTHING.verdicts.verdict}** in run `0a1b`, evidence `{'e' * 16}`.")
    assert "facet" not in note
    assert "Mk" not in note
