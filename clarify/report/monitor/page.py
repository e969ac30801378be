"""What one monitor found in one window, as an HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from clarify.records import (
    AttributionDrift,
    BiasDrift,
    DataQuality,
    Kind,
    ModelQuality,
    MonitorRecord,
    Rule,
    Status,
    WindowCounts,
)
from clarify.report import numbers
from clarify.report.html import render_page
from clarify.report.judged import Chip
from clarify.report.monitor.axis import begins, named, span
from clarify.report.monitor.markdown import monitor_markdown, promise_of
from clarify.report.monitor.now import Now, now_of
from clarify.report.monitor.overview import LONGEST_HEADLINE, MonitorOverview, overview_of
from clarify.report.monitor.rules import MEASURED
from clarify.report.monitor.slopes import SlopeChart, moved_sentence, slopes_of, words_of_tests
from clarify.report.monitor.strips import Strips, Timeline, last_windows, strips_of, timeline_of
from clarify.report.monitor.tables import (
    OF_STATUS,
    RULES,
    Cell,
    Row,
    Table,
    bias_table,
    distances_table,
    feature_table,
    left_out_table,
    output_table,
    quality_table,
    shares_table,
    status_of,
    table_of,
    violations_table,
)
from clarify.report.names import LONGEST_DETAIL, clean
from clarify.report.notes import Fact
from clarify.report.words import Sentence, name, say, some, strong
from clarify.results import Notice

__all__ = ["KINDS", "STYLES", "MonitorPage", "monitor_markdown", "monitor_page", "page_of_monitor"]

MOST_NOTICES = 50
STYLES = ("report.css", "forest.css", "monitor.css", "paper.css")

KINDS: dict[Kind, str] = {
    "bias-drift": "Bias drift",
    "attribution-drift": "Attribution drift",
    "data-quality": "Data quality",
    "model-quality": "Model quality",
}

@dataclass(frozen=True)
class RuleWords:
    """What one rule promises, or what was measured of it."""

    name: Rule
    promise: str
    is_own: bool


@dataclass(frozen=True)
class Drift:
    """Attribution drift of one output: which features moved, the three tests in words, and the slope chart."""

    chart: SlopeChart
    moved: Sentence
    tests: tuple[Sentence, ...]


@dataclass(frozen=True)
class Section:
    """A part of the page; tables that are ``closed`` open on demand, ``drift`` may stand on the first screen."""

    anchor: str
    title: str
    intro: tuple[Sentence, ...]
    tables: tuple[Table, ...]
    closed: tuple[Table, ...] = ()
    drift: Drift | None = None


@dataclass(frozen=True)
class MonitorPage:
    """Everything the template places; every name is cleaned, the template escapes."""

    title: str
    strip: Sentence
    heading: Sentence
    chip: Chip
    overview: MonitorOverview
    now: Now | None
    drift: Drift | None
    timeline: Timeline | None
    drawn: Strips
    history: Table
    sections: tuple[Section, ...]
    rules: tuple[RuleWords, ...]
    facts: tuple[Fact, ...]
    left_out: Table
    notices: tuple[Notice, ...]
    provenance: tuple[Fact, ...]

    @property
    def links(self) -> tuple[tuple[str, str], ...]:
        before = (("windows", "Last windows"),) if self.timeline is not None else ()
        named = tuple((section.anchor, section.title) for section in self.sections)
        return (*before, *named, ("rules", "Rules"), ("rows", "Rows"), ("provenance", "Provenance"))


def monitor_page(record: MonitorRecord, history: Sequence[MonitorRecord] = ()) -> str:
    """``monitor.html`` of one window: the verdict in one sentence, the last windows, every number behind it.

    ``history``: records of the same monitor, in any order, this one among them or not; later windows are left out.
    The same arguments give the same text. No script, no request, no style but the file's own.
    """
    return render_page("monitor.html", page_of_monitor(record, history), styles=STYLES)


def page_of_monitor(record: MonitorRecord, history: Sequence[MonitorRecord] = ()) -> MonitorPage:
    """What the page holds, before it is HTML."""
    windows = last_windows(record, history)
    monitor, overview = clean(record.monitor), overview_of(record, windows)
    drift = record.bias if record.kind == "bias-drift" else None
    first = _worst(record.attribution) if record.attribution is not None else None
    return MonitorPage(
        title=f"{overview.short}: {monitor}, {named(record.window)} {record.window.starts.year}",
        strip=say(KINDS[record.kind], ", monitor ", name(monitor), f", rule {record.rule}"),
        heading=say(name(monitor), f", {span(record.window)}", *_revision(record)),
        chip=OF_STATUS[record.status],
        overview=overview,
        now=now_of(drift) if drift is not None and drift.series else None,
        timeline=timeline_of(windows) if len(windows) > 1 else None,
        drawn=strips_of(windows),
        history=_history_table(windows),
        drift=first,
        sections=tuple(_sections(record, on_top=first)),
        rules=tuple(_rules(record)),
        facts=tuple(_facts(record.counts)),
        left_out=left_out_table(record.counts),
        notices=tuple(map(_cleaned, _notices(record)[:MOST_NOTICES])),
        provenance=tuple(_provenance(record)),
    )


def _provenance(record: MonitorRecord) -> Iterator[Fact]:
    yield Fact("Window", say(f"{record.window.start} to {record.window.end}"))
    yield Fact("Revision", say(str(record.revision)))
    yield Fact("Finding, as recorded", say(name(clean(record.headline, longest=LONGEST_HEADLINE))))
    if record.bias is not None:
        yield Fact("Alarm", say(f"where the evidence reaches {record.bias.alarm_at:,.4g}; drawn as 1, on a logarithm"))
    yield Fact("Inputs, SHA-256", say(name(clean(record.inputs_digest, longest=80))), is_code=True)
    yield Fact("Rows, SHA-256", say(name(clean(record.data_digest, longest=80))), is_code=True)


def _revision(record: MonitorRecord) -> tuple[str, ...]:
    return (f" (revision {record.revision})",) if record.revision > 1 else ()


def _history_table(windows: Sequence[MonitorRecord]) -> Table:
    rows = (
        Row(say(begins(one.window), *_revision(one)), (
            Cell("number", text=numbers.count(one.counts.rows)),
            Cell("chip", chip=OF_STATUS[one.status]),
            Cell("words", words=say(name(clean(one.headline, longest=LONGEST_DETAIL)))),
        ))
        for one in reversed(windows)
    )  # fmt: skip
    columns = ("Window from (UTC)", "Rows", "Status", "Finding")
    return table_of("The last windows, the newest first", columns, rows, numeric=("Rows",))


# --- findings ---------------------------------------------------------------------------------------------------------


def _sections(record: MonitorRecord, *, on_top: Drift | None) -> Iterator[Section]:
    if record.bias is not None:
        yield _bias(record.bias)
    if record.attribution is not None:
        yield from _attribution(record.attribution, on_top)
    if record.model_quality is not None:
        yield _model_quality(record.model_quality)
    if record.data_quality is not None:
        yield _data_quality(record.data_quality, is_gate=record.kind != "data-quality")


def _bias(drift: BiasDrift) -> Section:
    intro = say(
        some(len(drift.series), "series", "series"), " compared. Evidence grows from window to window while a value"
        " lies outside its range; at 1 it is an alarm, and begins again.",
    )  # fmt: skip
    return Section("series", "Series", (intro,), (), closed=(bias_table(drift),))


def _worst(drift: AttributionDrift) -> Drift | None:
    """The output that stands on the first screen: the first in violation, else the first."""
    places = range(len(drift.outputs))
    order = sorted(places, key=lambda i: status_of(drift.outputs[i].findings, drift.rule) is not Status.VIOLATION)
    return _drift(drift, order[0]) if order else None


def _drift(drift: AttributionDrift, place: int) -> Drift:
    output = drift.outputs[place]
    chart = slopes_of(output, drift, anchor=f"slopes-{place}")
    return Drift(chart, moved_sentence(output, drift), words_of_tests(output, drift))


def _attribution(drift: AttributionDrift, on_top: Drift | None) -> Iterator[Section]:
    before = f"against {numbers.count(drift.reference_rows)} of the reference"
    rows = f"{some(drift.rows, 'row', 'rows')} explained, {before}"
    level = f"the three tests together keep a level of {numbers.decimal(drift.level, 4)}"
    for i, output in enumerate(drift.outputs):
        says = [say(f"{one.rule}: ", strong(one.status.value), _text(one.text)) for one in output.findings]
        intro = say("Output ", name(clean(output.label)), f": {rows}; {level}.")
        drawn = _drift(drift, i)
        yield Section(
            f"output-{i}", f"Output {i + 1}" if len(drift.outputs) > 1 else "Attributions", (intro, *says),
            (), (feature_table(output), output_table(output)),
            None if drawn == on_top else drawn,
        )  # fmt: skip


def _text(text: str) -> Sentence:
    return say(": ", name(clean(text, longest=LONGEST_DETAIL))) if text else ()


def _data_quality(quality: DataQuality, *, is_gate: bool) -> Section:
    blocking = some(len(quality.blocking), "violation", "violations")
    told = f"{blocking} of {len(quality.violations)} stop other monitors." if quality.violations else "No violation."
    says = [say(f"{one.rule}: ", strong(one.status.value), _text(one.text)) for one in quality.findings]
    tables = [violations_table(quality.violations)] if quality.violations else []
    tables += [shares_table(quality)] if quality.shares else []
    tables += [distances_table(quality)] if quality.distances else []
    title = "Data, checked before anything else" if is_gate else "Data quality"
    return Section("data-quality", title, (say(told), *says), tuple(tables))


def _model_quality(quality: ModelQuality) -> Section:
    intro = say(f"{quality.problem_type}, {some(quality.rows, 'row', 'rows')} with a label and a prediction.")
    says = [say(f"{one.rule}: ", strong(one.status.value), _text(one.text)) for one in quality.findings]
    tables = [violations_table(quality.violations)] if quality.violations else []
    return Section("model-quality", "Model quality", (intro, *says), (*tables, quality_table(quality)))


# --- rules, rows, notices ---------------------------------------------------------------------------------------------


def _rules(record: MonitorRecord) -> Iterator[RuleWords]:
    measured = MEASURED[record.kind]
    promise = promise_of(record)
    for rule in sorted(RULES, key=lambda rule: rule != record.rule):
        own = rule == record.rule
        if own and promise:
            yield RuleWords(rule, clean(promise, longest=LONGEST_HEADLINE), True)
        elif rule in measured:
            yield RuleWords(rule, measured[rule], own)


def _facts(counts: WindowCounts) -> Iterator[Fact]:
    yield Fact("Rows", say(strong(numbers.count(counts.rows)), f", from {some(counts.files, 'file', 'files')}"))
    if counts.requests != counts.rows:
        yield Fact("Requests", say(numbers.count(counts.requests)))
    if counts.join_rate is not None:
        labels = some(counts.labels or 0, "label", "labels")
        share = strong(numbers.percent(counts.join_rate))
        yield Fact("Join rate", say(share, f" of the rows have their label; {labels}"))
    yield Fact("Duplicates", say(numbers.count(counts.duplicates)))
    if counts.labels is not None:
        yield Fact("Late labels", say(numbers.count(counts.late_labels)))


def _notices(record: MonitorRecord) -> list[Notice]:
    parts = (record.bias, record.attribution, record.data_quality, record.model_quality)
    every = [*record.notices, *(notice for part in parts if part is not None for notice in part.notices)]
    return list(dict.fromkeys(every))


def _cleaned(notice: Notice) -> Notice:
    return Notice(clean(notice.code), clean(notice.field), clean(notice.message, longest=LONGEST_DETAIL))
