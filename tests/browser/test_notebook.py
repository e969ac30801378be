"""The notebook beside a report, run from its first cell to its last on what a real analysis published."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from clarify.results import Verdict
from clarify.steps.line import run_analysis
from tests.subjects import digests

PATIENCE_SECONDS = 120


@pytest.fixture(scope="module")
def published(subject, tmp_path_factory):
    """Held to the recommended ranges, so that there are verdicts."""
    request = subject.request(tmp_path_factory.mktemp("published") / "out", in_process_model=True, workers=1)
    return run_analysis(replace(request, policy="recommended"))


@pytest.fixture(scope="module")
def folder(published):
    return Path(published.output_uri)


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory):
    """Where a kernel keeps its history and its sockets: not with those of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "MPLCONFIGDIR"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))
        yield


@pytest.fixture(scope="module")
def cells(folder):
    return run(nbformat.read(folder / "report.ipynb", as_version=4), folder)


def run(notebook, folder):
    """Cells by their id, after all of them ran in the folder; an error in one of them is an error here."""
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=PATIENCE_SECONDS, kernel_name="python3", resources=resources).execute()
    return {cell["id"]: cell for cell in notebook.cells}


def shown(cell, kind):
    """What the outputs of a cell are as one media type, all of them."""
    return [output["data"][kind] for output in cell["outputs"] if kind in output.get("data", {})]


def test_it_is_a_valid_notebook_that_has_not_run(folder):
    notebook = nbformat.read(folder / "report.ipynb", as_version=4)

    nbformat.validate(notebook)
    assert [cell["id"] for cell in notebook.cells if cell["cell_type"] == "code" and cell["outputs"]] == []


def test_running_it_leaves_every_published_file_as_it_was(folder, cells):
    assert "extended.json" in digests(folder)
    assert not list(folder.glob(".ipynb_checkpoints"))


def test_no_cell_complains(cells):
    """Neither an error nor a line on the error stream."""
    said = [output for cell in cells.values() for output in cell.get("outputs", ())
            if output["output_type"] == "error" or output.get("name") == "stderr"]  # fmt: skip

    assert said == []


def test_the_first_cell_draws_the_forest_and_says_it_in_text_too(published, cells):
    (html,), (text,) = (shown(cells["open"], kind) for kind in ("text/html", "text/plain"))

    words = {judgement.verdict for judgement in published.result.verdicts.judgements}
    assert words <= set(Verdict)
    assert all(word in html and word in text for word in words)
    assert "<svg" in html
    assert "<script" not in html


def test_the_table_has_a_row_for_every_metric_of_every_group(published, cells):
    sections = (published.result.pre_training, published.result.post_training)
    n_metrics = sum(len(facet.metrics) for section in sections for facet in section.facets)

    (text,) = shown(cells["checks"], "text/plain")

    assert re.search(rf"\[{n_metrics} rows x 12 columns\]", text)


@pytest.mark.parametrize(("cell", "n_pictures"), [("forest", 1), ("attributions", 1)])
def test_a_cell_draws_its_pictures(cells, cell, n_pictures):
    pictures = shown(cells[cell], "image/png")

    assert len(pictures) == n_pictures
    assert all(len(picture) > 5_000 for picture in pictures)


def test_the_last_cell_vouches_for_every_file_but_itself(folder, cells):
    files = json.loads((folder / "manifest.json").read_text())["files"]

    (text,) = shown(cells["digests"], "text/plain")

    assert text == f"'{len(files) - 1} of {len(files)} published files are here, and are what the run published'"
    assert {"report.ipynb", "report.html", "extended.json"} <= set(files)


def test_a_file_that_was_changed_is_named(folder, tmp_path):
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    (copy / "analysis.json").write_text("{}")
    notebook = nbformat.read(copy / "report.ipynb", as_version=4)
    notebook.cells = [cell for cell in notebook.cells if cell["id"] == "digests"]

    with pytest.raises(CellExecutionError) as raised:
        run(notebook, copy)

    assert (raised.value.ename, raised.value.evalue) == ("AssertionError", "['analysis.json']")


def test_a_part_of_the_folder_is_enough_to_open_it(folder, tmp_path):
    """What someone was sent: the result and its manifest, without the page and the local attributions."""
    for name in ("extended.json", "manifest.json", "report.ipynb"):
        shutil.copy(folder / name, tmp_path / name)

    notebook = nbformat.read(tmp_path / "report.ipynb", as_version=4)
    notebook.cells = [cell for cell in notebook.cells if cell["id"] in ("open", "digests")]

    cells = run(notebook, tmp_path)

    (text,) = shown(cells["digests"], "text/plain")
    assert text.startswith("'1 of ")
    assert shown(cells["open"], "text/html")
