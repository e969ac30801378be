"""The first screen of a monitor's window: one sentence, its promise, and what was looked at, found and left open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from clarify.records import (
    AttributionDrift,
    BiasDrift,
    MonitorRecord,
    OutputDrift,
    Rule,
    RuleFinding,
    SeriesDrift,
    Status,
)
from clarify.report import numbers
from clarify.report.monitor.axis import day, named, span
from clarify.report.monitor.scales import blind_zone_words, quantities, quantity
from clarify.report.monitor.slopes import changed_words, moved_sentence
from clarify.report.monitor.tables import by_urgency, is_judged, left_out, series_words, status_of
from clarify.report.names import LONGEST_DETAIL, clean
from clarify.report.words import REASONS, Part, Sentence, name, say, some, strong
from clarify.results import Reason

FEW = 3
LONGEST_HEADLINE = 600


@dataclass(frozen=True)
class MonitorOverview:
    """``short`` leads the page's title; ``promise`` is empty where the rule makes none that fits one line."""

    short: str
    lead: Sentence
    promise: Sentence
    looked_at: tuple[Sentence, ...]
    found: tuple[Sentence, ...]
    undecided: tuple[Sentence, ...]
    not_looked_at: tuple[Sentence, ...]


@dataclass(frozen=True)
class _Tally:
    """How many of some findings came out how; ``unjudged``: those without anything to be held to."""

    alarms: int
    quiet: int
    undecided: int
    unjudged: int = 0

    @property
    def judged(self) -> int:
        return self.alarms + self.quiet + self.undecided


def overview_of(record: MonitorRecord, windows: Sequence[MonitorRecord]) -> MonitorOverview:
    """The first screen of a window of any kind; ``windows``: those that are drawn, oldest first, it is the last."""
    return MonitorOverview(
        short=_short(record),
        lead=_lead(record),
        promise=promise_sentence(record),
        looked_at=tuple(_looked_at(record, windows)),
        found=tuple(_found(record, windows)),
        undecided=tuple(_undecided(record)),
        not_looked_at=tuple(_not_looked_at(record)),
    )


# --- the sentence -----------------------------------------------------------------------------------------------------


def _lead(record: MonitorRecord) -> Sentence:
    window = f"in the window of {named(record.window)}"
    if record.status is Status.ERROR:
        return say(f"The window of {named(record.window)} ", strong("could not be looked at"), ": ",
                   _headline(record), ".")  # fmt: skip
    if record.kind == "bias-drift" and record.bias is not None and record.bias.series:
        return _series_sentence(record.bias, window)
    if record.kind == "attribution-drift" and record.attribution is not None:
        return _moved(record.attribution, window)
    if record.kind == "data-quality" and record.data_quality is not None:
        quality = record.data_quality
        found = [*(one.findings for one in quality.shares), *(one.findings for one in quality.distances)]
        return _checks_sentence(_tally(found, record.rule), "check of the data", "checks of the data", window, record)
    if record.kind == "model-quality" and record.model_quality is not None:
        found = [metric.findings for metric in record.model_quality.metrics]
        return _checks_sentence(_tally(found, record.rule), "metric", "metrics", window, record)
    return say(_headline(record), ".")


def _headline(record: MonitorRecord) -> Part:
    return name(clean(record.headline.rstrip("."), longest=LONGEST_HEADLINE))


def _series_sentence(drift: BiasDrift, window: str) -> Sentence:
    """``Of 6 series, 1 raised an alarm in the window of 3 Nov, 4 are quiet, and 1 cannot be decided.``"""
    tally = _tally([one.findings for one in drift.series], drift.rule)
    n = some(tally.judged, "series", "series")
    if not tally.judged:
        return say(strong("No series"), f" has an allowed range {window}, so nothing can be decided.")
    if tally.undecided == tally.judged:
        return say(strong(f"None of {n}"), f" can be decided {window}.")
    alarms = strong(f"{_count(tally.alarms)} raised an alarm")
    quiet = strong(f"{_count(tally.quiet)} {'is' if tally.quiet < 2 else 'are'} quiet")
    if not tally.undecided:
        return say(f"Of {n}, ", alarms, f" {window}, and ", quiet, ".")
    return say(f"Of {n}, ", alarms, f" {window}, ", quiet, ", and ",
               strong(f"{tally.undecided} cannot be decided"), ".")  # fmt: skip


def _checks_sentence(tally: _Tally, one: str, many: str, window: str, record: MonitorRecord) -> Sentence:
    if not tally.judged:
        return say(_headline(record), ".") if record.headline else say(strong("No check"), f" could be made {window}.")
    n = some(tally.judged, one, many)
    if tally.undecided == tally.judged:
        return say(strong(f"None of {n}"), f" can be decided {window}.")
    outside = strong(f"{_count(tally.alarms)} {'is' if tally.alarms < 2 else 'are'} outside")
    inside = strong(f"{_count(tally.quiet)} {'is' if tally.quiet < 2 else 'are'} inside")
    if not tally.undecided:
        return say(f"Of {n} {window}, ", outside, " what you allow, and ", inside, ".")
    return say(f"Of {n} {window}, ", outside, " what you allow, ", inside, ", and ",
               strong(f"{tally.undecided} cannot be decided"), ".")  # fmt: skip


def _moved(drift: AttributionDrift, window: str) -> Sentence:
    """Of every output what moved; of several outputs the worst comes first."""
    ordered = sorted(drift.outputs, key=lambda one: status_of(one.findings, drift.rule) is not Status.VIOLATION)
    if not ordered:
        return say(f"No output was explained {window}.")
    many = len(ordered) > 1
    first = ordered[0]
    of = say("Output ", name(clean(first.label)), ": ") if many else ()
    more = say(f" {some(len(ordered) - 1, 'more output', 'more outputs')} below.") if many else ()
    return say(of, moved_sentence(first, drift, when=f" {window}"), more)


def _tally(every: Sequence[Sequence[RuleFinding]], rule: Rule) -> _Tally:
    own = [next((one for one in findings if one.rule == rule), None) for findings in every]
    judged = [one for one in own if one is not None and one.reason is not Reason.NO_REFERENCE]
    counted = Counter(one.status for one in judged)
    return _Tally(
        alarms=counted[Status.VIOLATION], quiet=counted[Status.PASS], undecided=counted[Status.INCONCLUSIVE],
        unjudged=len(own) - len(judged),
    )  # fmt: skip


def _count(number: int) -> str:
    return "none" if number == 0 else numbers.count(number)


def _short(record: MonitorRecord) -> str:
    """``1 alarm, 4 quiet, 1 undecided``; of other kinds the status alone."""
    if record.kind != "bias-drift" or record.bias is None or record.status is Status.ERROR:
        return record.status.value
    tally = _tally([one.findings for one in record.bias.series], record.rule)
    if not tally.judged:
        return record.status.value
    parts = [some(tally.alarms, "alarm", "alarms"), f"{tally.quiet} quiet"]
    return ", ".join([*parts, *([f"{tally.undecided} undecided"] if tally.undecided else [])])


def promise_sentence(record: MonitorRecord) -> Sentence:
    """The budget of a rule that keeps one, with the number that was configured; empty where none is known."""
    drift = record.bias
    if record.kind != "bias-drift" or record.rule != "decision" or drift is None or drift.alarms_per_month is None:
        return ()
    alarms = "one false alarm" if drift.alarms_per_month == 1 else f"{drift.alarms_per_month:g} false alarms"
    return say("This monitor raises ", strong(f"at most {alarms} a month on average"), ", over all series together.")


# --- the lists --------------------------------------------------------------------------------------------------------


def _looked_at(record: MonitorRecord, windows: Sequence[MonitorRecord]) -> Iterator[Sentence]:
    counts = record.counts
    yield say(strong(some(counts.rows, "row", "rows")), f" of {span(record.window)}"
              f"{_revised(record)}, from {some(counts.files, 'file', 'files')}.")  # fmt: skip
    if counts.requests not in (0, counts.rows):
        yield say(f"{some(counts.requests, 'captured request', 'captured requests')}.")
    if counts.join_rate is not None:
        yield say(f"{numbers.percent(counts.join_rate)} of the rows have their label.")
    if record.attribution is not None:
        yield say(f"{some(record.attribution.rows, 'row', 'rows')} explained, held against "
                  f"{numbers.count(record.attribution.reference_rows)} of the reference.")  # fmt: skip
    if len(windows) > 1:
        yield say(f"The last {len(windows)} windows: {_statuses(windows)}.")


def _revised(record: MonitorRecord) -> str:
    return f" (looked at again: r{record.revision})" if record.revision > 1 else ""


def _statuses(windows: Sequence[MonitorRecord]) -> str:
    return ", ".join(f"{n} {status.value}" for status in Status
                     if (n := sum(one.status is status for one in windows)))  # fmt: skip


def _found(record: MonitorRecord, windows: Sequence[MonitorRecord]) -> Iterator[Sentence]:
    if record.kind == "bias-drift" and record.bias is not None:
        yield from _alarms(record.bias, windows)
    if record.kind == "attribution-drift" and record.attribution is not None:
        for output in record.attribution.outputs[:FEW]:
            yield from _attribution_findings(output, record.attribution)
    if record.kind in ("data-quality", "model-quality"):
        quality = record.data_quality if record.kind == "data-quality" else record.model_quality
        violations = quality.violations if quality is not None else ()
        for violation in violations[:FEW]:
            described = name(clean(violation.description, longest=LONGEST_DETAIL))
            yield say(strong("Outside what you allow"), ": ", name(clean(violation.subject)), ", ", described, ".")
        if len(violations) > FEW:
            yield say(f"{len(violations) - FEW} more below.")


def _attribution_findings(output: OutputDrift, drift: AttributionDrift) -> Iterator[Sentence]:
    """What moved in one output; where the rule says more than that, its own words."""
    moved = changed_words(output, drift)
    yield from moved
    if moved and drift.rule == "decision":
        return
    for found in (one for one in output.findings if one.rule == drift.rule and one.text):
        yield say(name(clean(found.text.rstrip("."), longest=LONGEST_HEADLINE)), ".")


def _alarms(drift: BiasDrift, windows: Sequence[MonitorRecord]) -> Iterator[Sentence]:
    """Every alarm since when and where the value is now; without one, what is nearest to it."""
    ordered = by_urgency(drift.series, drift.rule)
    alarms = [one for one in ordered if status_of(one.findings, drift.rule) is Status.VIOLATION]
    for series in alarms[:FEW]:
        yield _alarm(series, drift.rule, windows)
    if len(alarms) > FEW:
        yield say(f"{some(len(alarms) - FEW, 'more alarm', 'more alarms')} below.")
    nearest = max(drift.series, key=lambda one: one.evidence, default=None)
    if not alarms and nearest is not None and 0 < nearest.evidence < 1 and drift.rule == "decision":
        yield say("Nearest to an alarm: ", series_words(nearest),
                  f", with evidence {numbers.decimal(nearest.evidence)} of 1.")  # fmt: skip


def _alarm(series: SeriesDrift, rule: Rule, windows: Sequence[MonitorRecord]) -> Sentence:
    change = began(series, windows) if rule == "decision" else None
    decided = strong("Outside the range you allow")
    now = _now(series)
    if change is None:
        return say(series_words(series), f"{now}. ", decided, ".")
    since, edge, side = change
    limit = "" if edge is None else f" {side} {quantity(series.metric, edge)}"
    return say(series_words(series), f":{limit}, on the evidence of the windows since {since}{now}. ", decided, ".")


def _now(series: SeriesDrift) -> str:
    if series.pooled is not None and series.pooled_windows > 1:
        together = quantities(series.metric, series.pooled)
        return f" (95 % interval of the last {series.pooled_windows} windows {together})"
    if series.value is None:
        return ""
    limits = "" if series.interval is None else f", 95 % interval {quantities(series.metric, series.interval)}"
    return f" (now {quantity(series.metric, series.value)}{limits})"


def began(
    series: SeriesDrift, windows: Sequence[MonitorRecord]
) -> tuple[str, float | None, str] | None:
    """The window from which on the evidence for a change is greatest, the edge that was left, and on which side.

    An e-value is a likelihood ratio, so the start with the largest product from there on is its most likely moment.
    None where the records hold no e-values.
    """
    mine = [(one, found) for one in windows if (found := _same(series, one)) is not None]
    after = max((i + 1 for i, (_, found) in enumerate(mine[:-1]) if found.evidence >= 1), default=0)
    recent = [(one, found) for one, found in mine[after:] if len(found.log_e) == len(series.log_e)]
    n = len(series.log_e)
    if not recent or n == 0:
        return None
    best, at, component = 0.0, -1, 0
    for j in range(n):
        total = 0.0
        for i in range(len(recent) - 1, -1, -1):
            total += recent[i][1].log_e[j]
            if total > best:
                best, at, component = total, i, j
    if at < 0:
        return None
    is_above = component < n // 2 or series.low is None
    edge = series.high if is_above else series.low
    return day(recent[at][0].window.starts), edge, "above" if is_above else "below"


def _same(series: SeriesDrift, record: MonitorRecord) -> SeriesDrift | None:
    if record.bias is None:
        return None
    return next((one for one in record.bias.series if one.key == series.key), None)


def _undecided(record: MonitorRecord) -> Iterator[Sentence]:
    if record.reason is not None and record.reason is not Reason.DRIFT:
        yield say(_sentence(REASONS[record.reason]))
    if record.kind != "bias-drift" or record.bias is None:
        return
    ordered = by_urgency(record.bias.series, record.rule)
    found = [
        (series, one) for series in ordered for one in series.findings
        if one.rule == record.rule and one.status is Status.INCONCLUSIVE and is_judged(series, record.rule)
    ]  # fmt: skip
    for series, one in found[:FEW]:
        why = "" if one.reason is None else f": {REASONS[one.reason]}"
        known = f", {some(series.pooled_rows, 'row', 'rows')} of the named group together" if series.pooled_rows else ""
        blind = f"; {blind_zone_words(series)}" if one.reason is Reason.BLIND else ""
        yield say(series_words(series), f"{why}{known}{blind}.")
    if len(found) > FEW:
        yield say(f"{some(len(found) - FEW, 'more series', 'more series')} cannot be decided.")


def _not_looked_at(record: MonitorRecord) -> Iterator[Sentence]:
    without = [f"{what}: {numbers.count(count)}" for what, count in left_out(record.counts) if count]
    for what in without[:FEW]:
        yield say(_sentence(what))
    if len(without) > FEW:
        yield say(f"{some(len(without) - FEW, 'more reason', 'more reasons')} below.")
    if record.bias is not None and record.kind == "bias-drift":
        unjudged = _tally([one.findings for one in record.bias.series], record.rule).unjudged
        if unjudged:
            verb = "has" if unjudged == 1 else "have"
            yield say(f"{some(unjudged, 'series', 'series')} {verb} no allowed range.")
    if not without and record.counts.rows:
        yield say("Nothing was left out.")


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


