"""A published analysis opened again: text, view, table and page come from the folder alone."""

import hashlib

import pytest

from clarify.errors import DataError, StorageError
from clarify.report.document import extended_document
from clarify.report.html import render_report
from clarify.report.provenance import file_record, manifest_document, provenance_document
from clarify.report.views.notebook import notebook_html, text_view
from clarify.steps.opened_report import open_report
from tests.unit.report import report_examples as examples
from tests.unit.report.test_verdicts_in_report import APART, NOBODY, judged


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "extended.json").write_bytes(extended_document(judged(APART)))
    return tmp_path


def test_a_report_shows_itself_as_html_and_as_text(folder):
    opened = open_report(str(folder))

    assert opened.result == judged(APART)
    assert opened._repr_html_() == notebook_html(judged(APART))
    assert repr(opened) == text_view(judged(APART))


def test_the_document_itself_can_be_named(folder):
    assert open_report(str(folder / "extended.json")).result == judged(APART)


def test_checks_are_numbers_and_names_as_they_are_in_the_data(folder):
    first, *rest = open_report(str(folder)).checks()

    assert (first["verdict"], first["facet"], first["group"], first["check"]) == ("VIOLATION", "sex", "f", "DPPL")
    assert first["value"] == pytest.approx(0.8)                    # 900 of 1,000 against 100 of 1,000
    assert (first["allowed_low"], first["allowed_high"], first["rows_d"], first["rows_a"]) == (-0.1, 0.1, 1000, 1000)
    assert {row["verdict"] for row in rest} == {"NO RANGE", "UNDEFINED"}


def test_an_undefined_check_has_its_reason(tmp_path):
    (tmp_path / "extended.json").write_bytes(extended_document(judged(NOBODY)))

    first, *_ = open_report(str(tmp_path)).checks()

    assert (first["value"], first["reason"]) == (None, "empty_facet")


def test_the_page_that_was_published_is_saved_byte_for_byte(folder, tmp_path):
    (folder / "report.html").write_bytes(b"<p>as it was signed</p>")

    open_report(str(folder)).save_html(str(tmp_path / "copy.html"))

    assert (tmp_path / "copy.html").read_bytes() == b"<p>as it was signed</p>"


def test_without_the_page_it_is_drawn_again_from_the_documents(folder, tmp_path):
    provenance = examples.example_provenance()
    (folder / "provenance.json").write_bytes(provenance_document(provenance))

    open_report(str(folder)).save_html(str(tmp_path / "copy.html"))

    assert (tmp_path / "copy.html").read_text() == render_report(judged(APART), provenance)


def test_with_neither_page_nor_provenance_the_error_says_what_to_copy(folder, tmp_path):
    with pytest.raises(DataError, match=r"provenance.json: received no such file .*\n.*\n  hint: copy the whole"):
        open_report(str(folder)).save_html(str(tmp_path / "copy.html"))


def test_a_folder_without_an_analysis_is_told(tmp_path):
    with pytest.raises(StorageError, match=r"extended\.json"):
        open_report(str(tmp_path))


def test_the_evidence_is_that_of_the_reproducible_files_in_the_manifest(folder):
    records = {"b.json": file_record(b"b", reproducible=True), "report.html": file_record(b"r", reproducible=False)}
    (folder / "manifest.json").write_bytes(manifest_document(records))

    lines = f"b.json {hashlib.sha256(b'b').hexdigest()}\n"
    assert open_report(str(folder)).evidence == hashlib.sha256(lines.encode()).hexdigest()
