"""What one monitor found in one window, as a few lines of Markdown for an orchestrator's page."""

from __future__ import annotations

from collections.abc import Iterator

from clarify.records import AttributionDrift, BiasDrift, DataQuality, Kind, ModelQuality, MonitorRecord
from clarify.report import numbers
from clarify.report.monitor.overview import LONGEST_HEADLINE
from clarify.report.monitor.tables import by_urgency, left_out, series_words, status_of
from clarify.report.names import LONGEST_DETAIL, clean
from clarify.report.views.summary import code_span, to_markdown
from clarify.report.words import REASONS, Sentence, name, say, some, strong
from clarify.results import Reason

MOST_ROWS = 10

def monitor_markdown(record: MonitorRecord) -> str:
    """A few lines for an orchestrator's page: verdict, window, findings, rows; names cannot be read as Markdown."""
    lines = [
        f"# {record.status.value}: {code_span(clean(record.monitor))}",
        code_span(clean(record.headline, longest=LONGEST_HEADLINE)),
        *((to_markdown(say(why)),) if (why := _why(record.reason)) else ()),
        "\n".join(f"- {to_markdown(line)}" for line in _lines(record)),
    ]
    return "\n\n".join(line for line in lines if line) + "\n"


def _lines(record: MonitorRecord) -> Iterator[Sentence]:
    revision = f" (revision {record.revision})" if record.revision > 1 else ""
    yield say(f"Window: {record.window.start} to {record.window.end}{revision}; rule {record.rule}")
    found = list(_urgent(record))
    yield from found[:MOST_ROWS]
    if len(found) > MOST_ROWS:
        yield say(f"{len(found) - MOST_ROWS} more in record.json")
    joined = record.counts.join_rate
    yield say(f"{some(record.counts.rows, 'row', 'rows')}",
              "" if joined is None else f", {numbers.percent(joined)} with a label")  # fmt: skip
    without = [f"{what} {numbers.count(count)}" for what, count in left_out(record.counts) if count]
    if without:
        yield say(f"Left out: {', '.join(without)}")
    if promise := promise_of(record):
        yield say(name(clean(promise, longest=LONGEST_HEADLINE)))


def _urgent(record: MonitorRecord) -> Iterator[Sentence]:
    """What a reader has to know first: alarms of series, changed features, violated constraints."""
    if record.bias is not None:
        for series in by_urgency(record.bias.series, record.rule)[:MOST_ROWS]:
            status = status_of(series.findings, record.rule)
            value = "undefined" if series.value is None else numbers.decimal(series.value, numbers.CARD_DECIMALS)
            evidence = numbers.decimal(min(max(series.evidence, 0.0), 1.0))
            verdict = strong(status.value if status else "no verdict")
            yield say(verdict, ": ", series_words(series), f": {value}, evidence {evidence}")
    if record.attribution is not None:
        for output in record.attribution.outputs:
            yield say("Output ", name(clean(output.label)), f": nDCG {numbers.decimal(output.ndcg, 3)}")
    for quality in (record.data_quality, record.model_quality):
        for violation in quality.violations if quality is not None else ():
            yield say(name(clean(violation.subject)), ": ", name(clean(violation.description, longest=LONGEST_DETAIL)))


def _why(reason: Reason | None) -> str:
    if reason is None or reason is Reason.DRIFT:
        return ""
    words = REASONS[reason]
    return f"{words[0].upper()}{words[1:]}."


def promise_of(record: MonitorRecord) -> str:
    """The promise of the record's own kind; that of a gate is another one's."""
    own: dict[Kind, BiasDrift | AttributionDrift | DataQuality | ModelQuality | None] = {
        "bias-drift": record.bias,
        "attribution-drift": record.attribution,
        "data-quality": record.data_quality,
        "model-quality": record.model_quality,
    }
    found = own[record.kind]
    return found.promise if found is not None else ""
