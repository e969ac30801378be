"""`clarify report`: a published analysis written again, in every form, for readers who may see all or less."""

import importlib.util
import json
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest
from typer.testing import CliRunner

from clarify.config.presentation import Presentation
from clarify.errors import ConfigError
from clarify.steps.decisions import DECISIONS
from clarify.steps.line import run_analysis
from flows.cli import app
from tests.subjects.marked import MARK, TINY, make_marked

FORMS = ("html", "markdown", "pull-request", "junit", "text")
BEGINNINGS = {"html": b"<!doctype html>", "markdown": b"# ", "pull-request": b"### ", "junit": b"<?xml", "text": b""}


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    return make_marked(tmp_path_factory.mktemp("report-command"))


@pytest.fixture(scope="module")
def run(marked):
    """An analysis published with nothing hidden: bias, verdicts, attributions, single rows, curves."""
    return run_analysis(marked.request(marked.folder / f"{MARK}Out"))


def report(run, *options):
    return CliRunner().invoke(app, ["report", run.output_uri, *map(str, options)])


def written(run, *options):
    """The bytes on standard output of a command that went well."""
    answer = report(run, *options)
    assert answer.exit_code == 0, answer.output
    return answer.stdout_bytes


# --- forms --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_written_and_names_what_was_looked_at(run, form):
    found = written(run, "--format", form)

    assert found.startswith(BEGINNINGS[form])
    assert f"{MARK}sex".encode() in found


def test_the_page_written_again_is_the_page_that_was_published(run):
    assert written(run) == Path(run.report_uri).read_bytes()


@pytest.mark.parametrize("form", FORMS)
def test_the_same_folder_gives_the_same_bytes_twice(run, form):
    assert written(run, "--format", form) == written(run, "--format", form)


def test_a_file_gets_the_bytes_and_the_terminal_only_says_where(run, tmp_path):
    answer = report(run, "--format", "markdown", "--output", tmp_path / "findings.md")

    assert (answer.exit_code, answer.stdout) == (0, "")
    assert f"written to {tmp_path / 'findings.md'}" in answer.stderr
    assert (tmp_path / "findings.md").read_bytes() == written(run, "--format", "markdown")


def test_junit_has_a_case_for_every_check(run):
    suite = ElementTree.fromstring(written(run, "--format", "junit"))

    assert len(list(suite.iter("testcase"))) == len(run.result.verdicts.judgements) == 4    # two ranges, two facets


@pytest.mark.parametrize(("fail_on", "code"), [("inconclusive", 1), ("never", 0)])
def test_a_pull_request_says_the_exit_code_that_was_asked_for(run, fail_on, code):
    assert f"Exit code {code}".encode() in written(run, "--format", "pull-request", "--fail-on", fail_on)


# --- on paper -----------------------------------------------------------------------------------------------------


def what_paper_lacks():
    """The code of what is missing to print on this machine; empty: nothing is."""
    if importlib.util.find_spec("playwright") is None:
        return "PDF-NOT-INSTALLED"
    from playwright.sync_api import sync_playwright

    from clarify.report.paper.pdf import find_browser

    with sync_playwright() as playwright:
        try:
            find_browser(playwright)
        except ConfigError as error:
            return error.problems[0].code
    return ""


def test_a_pdf_is_printed_or_what_it_needs_is_said(run, tmp_path):
    lacking = what_paper_lacks()

    answer = report(run, "--format", "pdf", "--output", tmp_path / "report.pdf")

    if lacking:
        assert answer.exit_code == 2
        assert f"[{lacking}]" in answer.stderr
        assert "hint: " in answer.stderr
        assert not (tmp_path / "report.pdf").exists()
    else:
        assert answer.exit_code == 0, answer.output
        assert (tmp_path / "report.pdf").read_bytes() == written(run, "--format", "pdf")
        assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF-")


def test_a_browser_that_is_not_there_is_named(run, monkeypatch):
    pytest.importorskip("playwright")
    monkeypatch.setenv("CLARIFY_CHROMIUM", "/nowhere/chromium")

    answer = report(run, "--format", "pdf")

    assert answer.exit_code == 2
    assert "/nowhere/chromium" in answer.stderr
    assert "[PDF-NO-BROWSER]" in answer.stderr


# --- approval -----------------------------------------------------------------------------------------------------


def test_an_approval_fills_the_block_to_sign(run, tmp_path):
    said = {"name": "Ann Lee", "role": "Risk officer", "date": "2026-03-01", "decision": "approved",
            "conditions": "Look again in June."}  # fmt: skip
    (tmp_path / "approval.json").write_text(json.dumps(said))

    page = written(run, "--approval", tmp_path / "approval.json").decode()

    assert [text for text in said.values() if text not in page] == []
    assert "Ann Lee" not in written(run).decode()


@pytest.mark.parametrize(
    ("content", "words"), [(None, "[CFG-NOT-FOUND]"), ('{"name": 3}', "name: received"), ('{"nam": "Ann"}', "nam")]
)
def test_a_wrong_approval_is_refused(run, tmp_path, content, words):
    if content is not None:
        (tmp_path / "approval.json").write_text(content)

    answer = report(run, "--approval", tmp_path / "approval.json", "--output", tmp_path / "out.html")

    assert answer.exit_code == 2
    assert words in answer.stderr
    assert not (tmp_path / "out.html").exists()


# --- for readers who may see less ---------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_masked_no_form_holds_a_name_not_even_that_of_a_folder(run, form):
    shown = written(run, "--format", form, "--mask-names").decode()

    assert MARK not in shown
    assert "facet 1" in shown


@pytest.mark.parametrize("form", FORMS)
def test_suppressed_no_form_holds_a_number_of_the_small_group(run, form):
    small = next(f for f in run.result.pre_training.facets if f.value_or_threshold == f"{MARK}east")
    balance, gap = (metric.value for metric in small.metrics)
    told = (f"{TINY} rows", f"{TINY} /", f"{balance:.2f}", f"{balance:.3f}", f"\u2212{-gap:.2f}")

    full = written(run, "--format", form).decode()
    shown = written(run, "--format", form, "--suppress-below", 10).decode()

    assert small.counts.d.rows == TINY
    assert any(text in full for text in told)
    assert [text for text in told if text in shown] == []


def test_without_individual_rows_none_is_explained(run):
    full, shown = written(run).decode(), written(run, "--no-individual-rows").decode()

    assert run.result.explanations.selected
    chosen = "One selected row: "
    assert (full.count(chosen), shown.count(chosen)) == (len(run.result.explanations.selected), 0)


def test_what_is_shown_is_what_a_run_so_asked_for_publishes(marked, run):
    shown = Presentation(mask_names=True, suppress_below=10)
    other = run_analysis(marked.request(marked.folder / "masked", shown=shown))

    page = Path(other.report_uri).read_text()

    assert MARK not in page
    assert without_times(page) == without_times(written(run, "--mask-names", "--suppress-below", 10).decode())


def without_times(page):
    """The findings: everything before what is true of one run only."""
    return page[page.index("<main") : page.index('id="provenance"')]


def test_a_limit_that_tells_a_count_is_refused(run):
    answer = report(run, "--suppress-below", 2)

    assert answer.exit_code == 2
    assert "[CFG-SUPPRESS]" in answer.stderr


# --- what cannot be written ---------------------------------------------------------------------------------------


def test_an_unknown_form_is_refused_with_the_known_ones(run):
    answer = report(run, "--format", "docx")

    assert answer.exit_code == 2
    assert "--format: received 'docx'" in answer.stderr
    assert "html, pdf, markdown, pull-request, junit, text" in answer.stderr
    assert "[REPORT-FORM]" in answer.stderr


def test_a_folder_that_is_no_analysis_is_named(tmp_path):
    answer = CliRunner().invoke(app, ["report", str(tmp_path)])

    assert answer.exit_code == 2
    assert str(tmp_path) in answer.stderr
    assert "[PUB-FOLDER]" in answer.stderr


def test_documents_that_are_not_as_published_are_refused(marked, tmp_path):
    other = run_analysis(marked.request(tmp_path / "out"))
    document = tmp_path / "out" / "extended.json"
    document.write_text(document.read_text().replace("VIOLATION", "PASS"))

    answer = report(other, "--output", tmp_path / "page.html")

    assert answer.exit_code == 2
    assert "extended.json" in answer.stderr
    assert "[PUB-CHANGED]" in answer.stderr
    assert not (tmp_path / "page.html").exists()


# --- what a run leaves --------------------------------------------------------------------------------------------


def test_the_notebook_is_one_and_names_nothing(run):
    content = (Path(run.output_uri) / f"{MARK}Report.ipynb").read_text()

    nbformat.validate(nbformat.reads(content, as_version=4))
    assert MARK not in content


@pytest.mark.parametrize("shown", [Presentation(individual_rows=False), Presentation(suppress_below=10)])
def test_the_decisions_are_rows_and_are_not_left_where_rows_are_hidden(marked, run, shown, tmp_path):
    other = run_analysis(marked.request(tmp_path / "out", shown=shown))

    assert (Path(run.output_uri) / DECISIONS).exists()
    assert not (tmp_path / "out" / DECISIONS).exists()
    assert DECISIONS not in dict(other.files)


def test_decisions_of_an_earlier_run_are_taken_away(marked, tmp_path):
    run_analysis(marked.request(tmp_path / "out"))
    assert (tmp_path / "out" / DECISIONS).exists()

    run_analysis(marked.request(tmp_path / "out", shown=Presentation(individual_rows=False)))

    assert not (tmp_path / "out" / DECISIONS).exists()
