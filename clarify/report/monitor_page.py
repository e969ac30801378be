"""What one monitor found in one window, as an HTML page and as a few lines of Markdown."""

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
    WindowCounts,
)
from clarify.report import numbers
from clarify.report.html import render_page
from clarify.report.judged import Chip
from clarify.report.monitor_strips import Strip, Timeline, last_windows, strips_of, timeline_of
from clarify.report.monitor_tables import (
    OF_STATUS,
    RULES,
    Cell,
    Row,
    Table,
    bias_table,
    by_urgency,
    distances_table,
    feature_table,
    left_out,
    left_out_table,
    output_table,
    quality_table,
    series_words,
    shares_table,
    status_of,
    table_of,
    violations_table,
)
from clarify.report.names import LONGEST_DETAIL, clean
from clarify.report.notes import Fact
from clarify.report.summary import code_span, to_markdown
from clarify.report.words import REASONS, Sentence, name, say, some, strong
from clarify.results import Notice, Reason

LONGEST_HEADLINE = 600
MOST_NOTICES = 50
MOST_MARKDOWN_ROWS = 10
STYLES = ("report.css", "forest.css", "monitor.css", "paper.css")

KINDS: dict[Kind, str] = {
    "bias-drift": "Bias drift",
    "attribution-drift": "Attribution drift",
    "data-quality": "Data quality",
    "model-quality": "Model quality",
}

MEASURED: dict[Kind, dict[Rule, str]] = {
    "bias-drift": {
        "decision": (
            "Raises on average at most as many false alarms a month as it is allowed, over all series together;"
            " measured at a budget of one in 30 windows: 0.01 and less."
        ),
        "bootstrap_overlap": (
            "Alarms where the window's own 95 % interval leaves the range; measured with nothing changed: 1.2 to 1.8"
            " false alarms of a series in 30 windows."
        ),
        "sagemaker": (
            "Compares two numbers and counts no noise; measured with nothing changed: 15 false alarms of a series in"
            " 30 windows, every other one."
        ),
    },
    "attribution-drift": {
        "decision": "Three tests calibrated on the rows themselves, at a level of false alarms a month over windows.",
        "sagemaker": (
            "Alarms where nDCG is below 0.90. In simulation it raised no false alarm, and saw reversals of the order"
            " and little else: most other changes leave nDCG near 1."
        ),
    },
    "data-quality": {
        "decision": "Distances are held to what chance does at this number of rows, all features counted.",
        "sagemaker": (
            "A fixed distance: in simulation 1 to 7 false alarms in 100 windows of 100 rows, and a change of 5 rows in"
            " 100 not seen in windows of 1,000."
        ),
    },
    "model-quality": {
        "decision": (
            "A violation only where the interval lies wholly beyond the threshold, all metrics and groups counted."
        ),
        "sagemaker": (
            "Compares two numbers and counts no noise: where a threshold is the reference's own value, measured with"
            " nothing changed, one of all metrics lies beyond it in four of five windows."
        ),
    },
}


@dataclass(frozen=True)
class RuleWords:
    """What one rule promises, or what was measured of it."""

    name: Rule
    promise: str
    is_own: bool


@dataclass(frozen=True)
class Section:
    anchor: str
    title: str
    intro: tuple[Sentence, ...]
    tables: tuple[Table, ...]


@dataclass(frozen=True)
class MonitorPage:
    """Everything the template places; every name is cleaned, the template escapes."""

    title: str
    strip: Sentence
    heading: Sentence
    chip: Chip
    headline: str
    why: str
    timeline: Timeline | None
    strips: tuple[Strip, ...]
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
    """``report.html`` of one window: the headline with its verdict, the last windows, every number behind it.

    ``history``: records of the same monitor, in any order, this one among them or not; later windows are left out.
    The same arguments give the same text. No script, no request, no style but the file's own.
    """
    return render_page("monitor.html", page_of_monitor(record, history), styles=STYLES)


def page_of_monitor(record: MonitorRecord, history: Sequence[MonitorRecord] = ()) -> MonitorPage:
    """What the page holds, before it is HTML."""
    windows = last_windows(record, history)
    shown = len(windows) > 1
    monitor = clean(record.monitor)
    return MonitorPage(
        title=f"{record.status.value}: {monitor}, {record.window.start}",
        strip=say(KINDS[record.kind], ", monitor ", name(monitor), f", rule {record.rule}"),
        heading=say(name(monitor), f", {_span(record)}", *_revision(record)),
        chip=OF_STATUS[record.status],
        headline=clean(record.headline, longest=LONGEST_HEADLINE),
        why=_why(record.reason),
        timeline=timeline_of(windows) if shown else None,
        strips=strips_of(windows),
        history=_history_table(windows),
        sections=tuple(_sections(record)),
        rules=tuple(_rules(record)),
        facts=tuple(_facts(record.counts)),
        left_out=left_out_table(record.counts),
        notices=tuple(map(_cleaned, _notices(record)[:MOST_NOTICES])),
        provenance=(
            Fact("Window", say(_span(record))),
            Fact("Revision", say(str(record.revision))),
            Fact("Inputs, SHA-256", say(name(clean(record.inputs_digest, longest=80))), is_code=True),
            Fact("Rows, SHA-256", say(name(clean(record.data_digest, longest=80))), is_code=True),
        ),
    )


def _span(record: MonitorRecord) -> str:
    return f"{record.window.start} to {record.window.end}"


def _revision(record: MonitorRecord) -> tuple[str, ...]:
    return (f" (revision {record.revision})",) if record.revision > 1 else ()


def _why(reason: Reason | None) -> str:
    if reason is None or reason is Reason.DRIFT:
        return ""
    words = REASONS[reason]
    return f"{words[0].upper()}{words[1:]}."


def _history_table(windows: Sequence[MonitorRecord]) -> Table:
    rows = (
        Row(say(f"{one.window.start}", *_revision(one)), (
            Cell("number", text=numbers.count(one.counts.rows)),
            Cell("chip", chip=OF_STATUS[one.status]),
            Cell("words", words=say(name(clean(one.headline, longest=LONGEST_DETAIL)))),
        ))
        for one in reversed(windows)
    )  # fmt: skip
    columns = ("Window from", "Rows", "Status", "Finding")
    return table_of("The last windows, the newest first", columns, rows, numeric=("Rows",))


# --- findings ---------------------------------------------------------------------------------------------------------


def _sections(record: MonitorRecord) -> Iterator[Section]:
    if record.bias is not None:
        yield _bias(record.bias)
    if record.attribution is not None:
        yield from _attribution(record.attribution)
    if record.model_quality is not None:
        yield _model_quality(record.model_quality)
    if record.data_quality is not None:
        yield _data_quality(record.data_quality, is_gate=record.kind != "data-quality")


def _bias(drift: BiasDrift) -> Section:
    intro = say(
        some(len(drift.series), "series", "series"), " compared. Evidence grows from window to window while a value"
        " lies outside its range; at 1 it is an alarm, and begins again.",
    )  # fmt: skip
    return Section("series", "Series", (intro,), (bias_table(drift),))


def _attribution(drift: AttributionDrift) -> Iterator[Section]:
    before = f"against {numbers.count(drift.reference_rows)} of the reference"
    rows = f"{some(drift.rows, 'row', 'rows')} explained, {before}"
    level = f"the three tests together keep a level of {numbers.decimal(drift.level, 4)}"
    for i, output in enumerate(drift.outputs):
        says = [say(f"{one.rule}: ", strong(one.status.value), _text(one.text)) for one in output.findings]
        intro = say("Output ", name(clean(output.label)), f": {rows}; {level}.")
        yield Section(
            f"output-{i}", f"Output {i + 1}" if len(drift.outputs) > 1 else "Attributions", (intro, *says),
            (output_table(output), feature_table(output)),
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
    promise = _promise(record)
    for rule in sorted(RULES, key=lambda rule: rule != record.rule):
        own = rule == record.rule
        if own and promise:
            yield RuleWords(rule, clean(promise, longest=LONGEST_HEADLINE), True)
        elif rule in measured:
            yield RuleWords(rule, measured[rule], own)


def _promise(record: MonitorRecord) -> str:
    """The promise of the record's own kind; that of a gate is another one's."""
    own: dict[Kind, BiasDrift | AttributionDrift | DataQuality | ModelQuality | None] = {
        "bias-drift": record.bias,
        "attribution-drift": record.attribution,
        "data-quality": record.data_quality,
        "model-quality": record.model_quality,
    }
    found = own[record.kind]
    return found.promise if found is not None else ""


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


# --- Markdown ---------------------------------------------------------------------------------------------------------


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
    yield say("Window: ", _span(record), *_revision(record), f"; rule {record.rule}")
    found = list(_urgent(record))
    yield from found[:MOST_MARKDOWN_ROWS]
    if len(found) > MOST_MARKDOWN_ROWS:
        yield say(f"{len(found) - MOST_MARKDOWN_ROWS} more in record.json")
    joined = record.counts.join_rate
    yield say(f"{some(record.counts.rows, 'row', 'rows')}",
              "" if joined is None else f", {numbers.percent(joined)} with a label")  # fmt: skip
    without = [f"{what} {numbers.count(count)}" for what, count in left_out(record.counts) if count]
    if without:
        yield say(f"Left out: {', '.join(without)}")
    if promise := _promise(record):
        yield say(name(clean(promise, longest=LONGEST_HEADLINE)))


def _urgent(record: MonitorRecord) -> Iterator[Sentence]:
    """What a reader has to know first: alarms of series, changed features, violated constraints."""
    if record.bias is not None:
        for series in by_urgency(record.bias.series, record.rule)[:MOST_MARKDOWN_ROWS]:
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
