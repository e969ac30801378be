"""What a tracking server is told of one analysis: names and values, free of any tracker's types.

More people read a tracker than an output folder, so it is told what the report's readers may see and no more.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from clarify.data import storage
from clarify.report.names import without_secrets
from clarify.report.selection import Measured, groups_of
from clarify.report.views.notebook import text_view
from clarify.report.views.picture import forest_png
from clarify.report.views.summary import subject_slug
from clarify.results import AnalysisResult, Verdict
from clarify.steps.decisions import DECISIONS
from clarify.steps.plan import AnalysisRequest, read_config
from clarify.steps.write_report import PublishedAnalysis

LONGEST_SLUG = 60
LONGEST_KEY = 40
DIGITS_OF_DIGEST = 8
PICTURE = "forest.png"
FINDINGS = "findings.txt"
VERDICT_CODES = {Verdict.PASS: 1.0, Verdict.INCONCLUSIVE: 0.0, Verdict.VIOLATION: -1.0}


@dataclass(frozen=True)
class DatasetLineage:
    """A dataset as trackers list it."""

    uri: str
    name: str
    digest: str
    source_json: str
    schema_json: str
    profile_json: str


@dataclass(frozen=True)
class AnalysisLineage:
    """Everything worth logging of one published analysis; metrics are finite.

    ``shown``: the result as pages and views may show it; numbers and names below are its. Only ``model_name`` and
    ``model_version`` are what they are: the registry is asked for them, and its own page is where they stand.
    """

    published: PublishedAnalysis
    shown: AnalysisResult
    params: tuple[tuple[str, str], ...]
    metrics: tuple[tuple[str, float], ...]
    tags: tuple[tuple[str, str], ...]
    dataset: DatasetLineage
    model_name: str | None
    model_version: str | None
    evidence: str
    status: str | None                # the verdict of the whole; None: no policy was given

    def files(self) -> Iterator[tuple[str, Callable[[], bytes], int]]:
        """Path, reader and size of what a tracker keeps: published files, the forest as a picture, the manifest last.

        Never the decisions: they are rows, and stay where the analysis was published. Where the presentation hides
        anything, no document for machines either: the page, the picture and the findings in words, as it shows them.
        """
        uri = self.published.output_uri
        if self.published.presentation.shields:
            yield page_name(self.published), partial(storage.read_bytes, self.published.report_uri), 0
            yield FINDINGS, lambda: f"{text_view(self.shown)}\n".encode(), 0
            yield from self._picture()
            return
        for path, record in self.published.files:
            if path != DECISIONS:
                yield path, partial(storage.read_bytes, storage.join(uri, path)), record.bytes
        yield from self._picture()
        yield "manifest.json", partial(storage.read_bytes, storage.join(uri, "manifest.json")), 0

    def _picture(self) -> Iterator[tuple[str, Callable[[], bytes], int]]:
        if groups_of(self.shown):
            yield PICTURE, partial(forest_png, self.shown), 0


def lineage_of(published: PublishedAnalysis, *, engine: str) -> AnalysisLineage:
    """What to log of a published analysis."""
    result, model = published.shown, published.result.model
    return AnalysisLineage(
        published=published,
        shown=result,
        params=tuple(_params(result, engine)),
        metrics=(*_finite(_check_numbers(result)), *_finite(_shap_numbers(result))),
        tags=(*_tags(published, result), *_check_tags(result)),
        dataset=_dataset(result),
        model_name=model.name if model is not None and model.version is not None else None,
        model_version=model.version if model is not None else None,
        evidence=published.evidence_digest,
        status=result.verdicts.verdict.lower() if result.verdicts is not None else None,
    )


def subject_of(request: AnalysisRequest) -> str:
    """What the analysis is about, for the experiment's name: the model, else the data; masked, only which config.

    Raises
    ------
    ConfigError
        When the config cannot be read.
    """
    parsed = read_config(request)
    if request.presentation.mask_names:
        return masked_subject(parsed.digest)
    config = parsed.config
    named = config.predictor.model_name if config.predictor is not None else None
    subject = request.settings.model or request.settings.endpoint or named or request.dataset_uri or "analysis"
    registered = re.match(r"^models:/([^/@]+)", subject)
    return slug(registered.group(1) if registered else without_secrets(subject).rstrip("/").rsplit("/", 1)[-1])


def masked_subject(config_digest: str) -> str:
    """``analysis-0123abcd``: one subject per configuration, and no name."""
    return f"analysis-{config_digest[:DIGITS_OF_DIGEST]}"


def key_of(published: PublishedAnalysis) -> str:
    """What the analysis is about in lower case, digits and dashes; masked as the experiment's name is."""
    is_masked = published.presentation.mask_names
    return masked_subject(published.result.config_digest) if is_masked else subject_slug(published.shown)


def key_of_request(request: AnalysisRequest) -> str:
    """As :func:`key_of`, before there is a result: from the documents alone."""
    if request.presentation.mask_names:
        return subject_of(request)
    report = read_config(request).config.report.name
    return "-".join(_key_safe(name) for name in (subject_of(request), *(() if report == "report" else (report,))))


def _key_safe(name: str) -> str:
    return re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")[:LONGEST_KEY].strip("-") or "x"


def page_name(published: PublishedAnalysis) -> str:
    """The name of the report where trackers keep it: with masked names the usual one, whatever the file is called."""
    return f"{published.shown.report_name}.html"


def name_checks(result: AnalysisResult) -> tuple[tuple[str, Measured], ...]:
    """``<facet>-<group>/<METRIC>`` with slugs, in the order of the configuration; groups that collide are numbered."""
    taken: set[str] = set()
    named: list[tuple[str, Measured]] = []
    for group in groups_of(result):
        place = _free(f"{slug(group.facet)}-{slug(group.value)}", taken)
        named += [(f"{place}/{measured.metric.name}", measured) for measured in group.measured]
    return tuple(named)


def _free(name: str, taken: set[str]) -> str:
    """The name itself, or with the first number behind it that nobody has; it is taken then."""
    free, count = name, 1
    while free in taken:
        count += 1
        free = f"{name}-{count}"
    taken.add(free)
    return free


def slug(text: str) -> str:
    """Letters, digits, dash and underscore; anything else becomes a dash, long names are cut.

    >>> slug("(40.0, 60.0]"), slug("Ünknown"), slug("***")
    ('40-0-60-0', 'nknown', 'x')
    """
    return re.sub(r"[^A-Za-z0-9_]+", "-", text).strip("-")[:LONGEST_SLUG] or "x"


def _check_numbers(result: AnalysisResult) -> Iterator[tuple[str, float]]:
    """``clarify/<facet>-<group>/<METRIC>``, its interval, and its verdict as a number that runs can be sorted by."""
    for name, measured in name_checks(result):
        metric, judgement = measured.metric, measured.judgement
        if metric.value is not None:
            yield f"clarify/{name}", metric.value
        if metric.interval is not None:
            yield f"clarify/{name}/low", metric.interval.low
            yield f"clarify/{name}/high", metric.interval.high
        if judgement is not None:
            yield f"clarify/{name}/verdict_code", VERDICT_CODES[judgement.verdict]


def _shap_numbers(result: AnalysisResult) -> Iterator[tuple[str, float]]:
    section = result.explanations
    if section is None:
        return
    yield "shap.calls", section.calls
    yield "shap.rows_exact", section.rows_exact
    yield "shap.rows_within_tolerance", section.rows_within_tolerance
    yield "shap.rows_at_ceiling", section.rows_at_ceiling
    yield "shap.rows_failed", section.rows_failed
    for output in section.outputs:
        yield f"shap.{slug(output.label)}.expected_value", output.expected_value
        taken: set[str] = set()
        for attribution in output.features:
            name = _free(f"shap.{slug(output.label)}.{slug(attribution.feature)}", taken)
            yield name, attribution.by(section.aggregation)


def _finite(pairs: Iterable[tuple[str, float]]) -> Iterator[tuple[str, float]]:
    return ((name, value) for name, value in pairs if math.isfinite(value))


def _params(result: AnalysisResult, engine: str) -> Iterator[tuple[str, str]]:
    yield "config_digest", result.config_digest
    yield "dataset_uri", without_secrets(result.dataset.uri)
    yield "dataset_digest", result.dataset.digest
    yield "rows", str(result.dataset.rows)
    yield "engine", engine
    yield "seed", str(result.seed)
    if result.model is not None:
        yield "model_uri", without_secrets(result.model.pinned_uri)
        yield "model_digest", str(result.model.digest)
    if result.explanations is not None:
        yield "num_samples", str(result.explanations.num_samples)
        yield "aggregation", result.explanations.aggregation


def _tags(published: PublishedAnalysis, result: AnalysisResult) -> Iterator[tuple[str, str]]:
    yield "clarify.config_digest", result.config_digest
    yield "clarify.evidence", published.evidence_digest
    if not published.presentation.mask_names:
        yield "clarify.report", without_secrets(published.report_uri)
    if result.model is not None:
        yield "clarify.model", without_secrets(result.model.pinned_uri)
    if result.verdicts is not None:
        yield "clarify.status", result.verdicts.verdict.lower()
        yield "clarify.violations", str(result.verdicts.count(Verdict.VIOLATION))
        yield "clarify.inconclusive", str(result.verdicts.count(Verdict.INCONCLUSIVE))
        yield "clarify.policy", result.verdicts.policy
        yield "clarify.policy_digest", result.verdicts.policy_digest


def _check_tags(result: AnalysisResult) -> Iterator[tuple[str, str]]:
    """The verdict of every check, and why a metric has no number: tags can be searched for, a word is no number."""
    for name, measured in name_checks(result):
        metric, judgement = measured.metric, measured.judgement
        if judgement is not None:
            why = f" ({judgement.reason})" if judgement.reason is not None else ""
            yield f"clarify.verdict.{name}", f"{judgement.verdict}{why}"
        if metric.value is None:
            yield f"clarify.undefined.{name}", str(metric.undefined_because or metric.detail)


def _dataset(result: AnalysisResult) -> DatasetLineage:
    data = result.dataset
    uri = without_secrets(data.uri)
    columns = [{"name": column.name, "type": column.kind} for column in result.validation.columns[:200]]
    return DatasetLineage(
        uri=uri,
        name=uri.rstrip("/").rsplit("/", 1)[-1][:200] or "dataset",
        digest=data.digest or hashlib.sha256(uri.encode()).hexdigest(),
        source_json=json.dumps({"uri": uri}),
        schema_json=json.dumps({"columns": columns}),
        profile_json=json.dumps({"num_rows": data.rows, "num_columns": data.n_columns, "bytes": data.bytes}),
    )
