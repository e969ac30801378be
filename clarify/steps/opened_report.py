"""A finished analysis opened again, for a notebook: as a view, as a table, as the page that was published."""

from __future__ import annotations

from dataclasses import dataclass

from clarify.data import storage
from clarify.errors import DataError, Problem
from clarify.report.document import read_extended
from clarify.report.html import render_report
from clarify.report.provenance import Provenance
from clarify.report.provenance_reading import read_provenance
from clarify.report.selection import Group, Measured, groups_of
from clarify.report.views.notebook import notebook_html, text_view
from clarify.report.views.summary import by_urgency
from clarify.report.views.text_forest import word_of
from clarify.results import AnalysisResult, GroupCounts
from clarify.steps.published import find_published

RESULT, PROVENANCE = "extended.json", "provenance.json"
Check = dict[str, str | int | float | None]


@dataclass(frozen=True, repr=False)
class OpenedReport:
    """One analysis as it was published: shows itself in a notebook, and as text elsewhere."""

    uri: str
    result: AnalysisResult
    provenance: Provenance | None = None
    evidence: str = ""                        # digest of the reproducible files; empty: no manifest in the folder

    @property
    def report_uri(self) -> str:
        return storage.join(self.uri, f"{self.result.report_name}.html")

    def __repr__(self) -> str:
        return text_view(self.result)

    def _repr_html_(self) -> str:
        return notebook_html(self.result)

    def checks(self) -> list[Check]:
        """One dictionary per metric and group, names as they are in the data: ``pandas.DataFrame(report.checks())``.

        Keys: verdict, facet, group, check, value, low, high (95 % interval), allowed_low, allowed_high, rows_d, rows_a,
        reason. None where a number is undefined, not given or unlimited.
        """
        return [_check(group, measured) for group in groups_of(self.result) for measured in by_urgency(group)]

    def save_html(self, path: str) -> None:
        """Write the report to ``path``, a path or a URI: the page that was published, byte for byte, if it is there.

        Raises
        ------
        DataError
            If neither the page nor ``provenance.json`` is in the folder, so that there is nothing to draw from.
        StorageError
            If it cannot be written.
        """
        storage.write_bytes(path, self._page())

    def _page(self) -> bytes:
        if storage.exists(self.report_uri):
            return storage.read_bytes(self.report_uri)
        if self.provenance is None:
            raise DataError(
                Problem("DOC-MISSING", PROVENANCE, "no such file", f"{PROVENANCE} or {self.result.report_name}.html",
                        "copy the whole output folder of the analysis")
            )
        return render_report(self.result, self.provenance).encode()


def open_report(uri: str) -> OpenedReport:
    """The analysis whose output folder, or ``extended.json``, is at ``uri``: a path, ``file://`` or ``s3://``.

    Raises
    ------
    StorageError
        If there is no such document, or it cannot be read.
    DataError, ConfigError
        If it, or the manifest beside it, is not one that this version understands.
    """
    folder = uri.removesuffix(RESULT).rstrip("/") or "." if uri.endswith(RESULT) else uri
    result = read_extended(storage.read_bytes(storage.join(folder, RESULT)))
    told = storage.join(folder, PROVENANCE)
    provenance = read_provenance(storage.read_bytes(told)) if storage.exists(told) else None
    published = find_published(folder, named_by="uri")
    return OpenedReport(folder, result, provenance, "" if published is None else published.evidence)


def _check(group: Group, measured: Measured) -> Check:
    metric, judgement, counts = measured.metric, measured.judgement, measured.counts
    reason = metric.undefined_because or (judgement.reason if judgement is not None else None)
    return {
        "verdict": word_of(measured),
        "facet": group.facet,
        "group": group.value,
        "check": metric.name,
        "value": metric.value,
        "low": None if metric.interval is None else metric.interval.low,
        "high": None if metric.interval is None else metric.interval.high,
        "allowed_low": None if judgement is None else judgement.evidence.low,
        "allowed_high": None if judgement is None else judgement.evidence.high,
        "rows_d": _rows(counts.d),
        "rows_a": _rows(counts.a),
        "reason": "" if reason is None else str(reason),
    }


def _rows(counts: GroupCounts) -> int | None:
    return None if counts.fewer_than else counts.rows
