"""Champion and challenger: two published analyses read, compared, and the comparison published."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

from clarify.compared import ComparedRun, Comparison, Unpaired
from clarify.data import storage
from clarify.errors import ConfigError, DataError, Problem, StorageError
from clarify.report.compare_document import comparison_document
from clarify.report.compare_page import comparison_markdown, comparison_page, comparison_text
from clarify.report.document import read_extended
from clarify.report.encoding import load
from clarify.report.names import without_secrets
from clarify.results import AnalysisResult
from clarify.steps.compare_metrics import RunResult, compare_results, same_rows
from clarify.steps.decisions import DECISIONS, PairedRows, count_pairs
from clarify.steps.tolerances import Tolerances

MANIFEST = "manifest.json"
EXTENDED = "extended.json"
DOCUMENT, PAGE, MARKDOWN = "comparison.json", "comparison.html", "comparison.md"


@dataclass(frozen=True)
class CompareRequest:
    """Two folders that ``clarify analyze`` wrote, and where the comparison goes."""

    champion: str
    challenger: str
    output_uri: str
    tolerances: Tolerances = field(default_factory=Tolerances)


@dataclass(frozen=True)
class PublishedComparison:
    """What was found, and where it lies."""

    comparison: Comparison
    output_uri: str

    @property
    def page_uri(self) -> str:
        return storage.join(self.output_uri, PAGE)


def compare(request: CompareRequest) -> PublishedComparison:
    """Compare two analyses metric by metric, row by row where the rows are the same.

    Raises
    ------
    ConfigError
        CMP-RUN when a folder is no published analysis with predictions, CMP-SAME-FOLDER when the output is one of them.
    DataError
        CMP-CHANGED when a file is not what was published.
    """
    _check_folders(request)
    champion, challenger = (
        _read_run(uri, argument)
        for uri, argument in ((request.champion, "CHAMPION"), (request.challenger, "CHALLENGER"))
    )
    rows = _paired_rows(request, champion, challenger)
    comparison = compare_results(champion, challenger, rows, request.tolerances)
    for name, content in (
        (DOCUMENT, comparison_document(comparison)),
        (PAGE, comparison_page(comparison).encode()),
        (MARKDOWN, comparison_markdown(comparison).encode()),
    ):
        storage.write_bytes(storage.join(request.output_uri, name), content)
    return PublishedComparison(comparison, request.output_uri)


def _check_folders(request: CompareRequest) -> None:
    output = storage.normalise(request.output_uri)
    if output in (storage.normalise(request.champion), storage.normalise(request.challenger)):
        raise ConfigError(
            Problem("CMP-SAME-FOLDER", "--output", request.output_uri, "another folder than the runs that are compared",
                    "name a folder of its own")
        )


# --- reading ----------------------------------------------------------------------------------------------------------


def _read_run(uri: str, argument: str) -> RunResult:
    manifest = _manifest(uri, argument)
    if EXTENDED not in manifest:
        raise _no_run(uri, argument, f"a folder whose {MANIFEST} lists {EXTENDED}")
    content = storage.read_bytes(storage.join(uri, EXTENDED))
    evidence = hashlib.sha256(content).hexdigest()
    _check(evidence, manifest[EXTENDED], storage.join(uri, EXTENDED), argument)
    result = read_extended(content)
    if result.post_training is None:
        raise _no_run(uri, argument, "an analysis with post-training metrics: two models are compared by decisions")
    return RunResult(_described(uri, evidence, result, has_decisions=DECISIONS in manifest), result)


def _described(uri: str, evidence: str, result: AnalysisResult, *, has_decisions: bool) -> ComparedRun:
    return ComparedRun(
        without_secrets(uri), evidence, result.config_digest, result.dataset, result.model, has_decisions
    )


def _manifest(uri: str, argument: str) -> dict[str, str]:
    """Path to SHA-256 of everything that was published."""
    try:
        files = load(storage.read_bytes(storage.join(uri, MANIFEST)), field=MANIFEST).get("files")
    except StorageError as error:
        if any(problem.code == "STORAGE-NOT-FOUND" for problem in error.problems):
            raise _no_run(uri, argument, f"a folder with {MANIFEST}") from error
        raise
    if not isinstance(files, dict):
        raise _no_run(uri, argument, f"a {MANIFEST} with files")
    return {path: str(record.get("sha256")) for path, record in files.items() if isinstance(record, dict)}


def _no_run(uri: str, argument: str, allowed: str) -> ConfigError:
    hint = "name the folder that clarify analyze --output wrote, and let it finish"
    return ConfigError(Problem("CMP-RUN", argument, without_secrets(uri), allowed, hint))


def _check(found: str, published: str, place: str, argument: str) -> None:
    if found != published:
        raise DataError(
            Problem("CMP-CHANGED", argument, without_secrets(place), f"the bytes that {MANIFEST} vouches for",
                    "run the analysis again")
        )


def _paired_rows(request: CompareRequest, champion: RunResult, challenger: RunResult) -> PairedRows | Unpaired:
    """Joint counts of both runs' decisions, or why there are none."""
    if not same_rows(champion.result, challenger.result):
        return Unpaired.ROWS_DIFFER
    if not (champion.run.has_decisions and challenger.run.has_decisions):
        return Unpaired.NO_DECISIONS
    places = []
    for uri, argument in ((request.champion, "CHAMPION"), (request.challenger, "CHALLENGER")):
        place = storage.join(uri, DECISIONS)
        _check(storage.digest(place), _manifest(uri, argument)[DECISIONS], place, argument)
        places.append(place)
    rows = count_pairs(places[0], places[1])
    return Unpaired.CODING_DIFFERS if rows is None else rows


# --- telling ----------------------------------------------------------------------------------------------------------


def compared_text(published: PublishedComparison) -> str:
    """A few lines for a terminal."""
    return "\n".join((*comparison_text(published.comparison), "", f"Comparison: {published.page_uri}"))


def compared_json(published: PublishedComparison) -> str:
    """The same for programs."""
    comparison = published.comparison
    return json.dumps(
        {
            "status": "completed",
            "verdict": comparison.verdict,
            "paired": comparison.is_paired,
            "output": published.output_uri,
            "page": published.page_uri,
            "findings": list(comparison_text(comparison)),
        },
        indent=2,
    )
