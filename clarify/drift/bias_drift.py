"""Bias drift of one window: every series against its reference by three rules, and what the window ends in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from clarify.bias.catalog import BY_NAME
from clarify.bias.counted import counted_table
from clarify.config.ranges import AllowedRange
from clarify.drift.allowed import SeriesRange, decision_range, paper_range
from clarify.drift.bootstrap import bootstrap_intervals
from clarify.drift.constraints import BiasReference, Key, Place, ReferenceLabel, ReferenceSeries, labels_of, place_of
from clarify.drift.decision import Precision, decide_series
from clarify.drift.detector import alarm_at
from clarify.drift.e_values import n_components
from clarify.drift.history import (
    EarlierWindow,
    SeriesState,
    counts_before,
    earlier_windows,
    overlaps,
    series_state,
)
from clarify.drift.promises import bias_promise
from clarify.drift.sagemaker import compare_as_aws
from clarify.records import BiasDrift, MonitorRecord, Rule, RuleFinding, SeriesDrift, Status, Window
from clarify.results import AnalysisResult, AwsValue, FacetBias, Interval, MetricValue, Notice, Reason

Allowed = Callable[[str, str, str], AllowedRange | None]
"""Facet, group and metric to the range that the policy declares for them."""


def check_bias_drift(
    live: AnalysisResult,
    reference: BiasReference,
    *,
    rule: Rule,
    allowed: Allowed,
    tolerance: float,
    windows_per_month: float,
    alarms_per_month: float,
    past: Sequence[MonitorRecord],
    window: Window,
    key: str,
) -> BiasDrift:
    """Hold one window's bias metrics against the reference, by all three rules.

    Parameters
    ----------
    live : AnalysisResult
        Of the window's rows.
    reference : BiasReference
        Of :func:`clarify.drift.constraints.bias_reference`, or AWS's values alone.
    rule : Rule
        The one whose findings make the window's status.
    allowed : function of facet, group and metric
        The policy's range, or None where it declares none.
    tolerance : float
        Added to either side of ranges that come from the reference.
    windows_per_month, alarms_per_month : float
        Windows that the schedule opens, false alarms that are bearable.
    past : sequence of MonitorRecord
        Of earlier windows. Of several revisions the latest counts; windows that could not be looked at do not.
    window : Window
        The span of time that ``live`` is of.
    key : str
        Where the bootstrap's random words come from: a digest of the window's rows.

    Returns
    -------
    BiasDrift
        Series of the window, then those that the reference alone has.
    """
    sections = [section for section in (live.post_training, live.pre_training) if section is not None]
    facets = tuple(facet for section in sections for facet in section.facets)
    return _check(
        _Terms(reference, rule, allowed, tolerance, windows_per_month, alarms_per_month, key),
        facets,
        earlier_windows(past, window),
        window,
        notices=(*_label_notices(reference, labels_of(sections)), *_size_notices(reference, facets)),
    )


def empty_bias_drift(
    reference: BiasReference,
    *,
    rule: Rule,
    allowed: Allowed,
    tolerance: float,
    windows_per_month: float,
    alarms_per_month: float,
    past: Sequence[MonitorRecord],
    window: Window,
    missing: Reason = Reason.EMPTY_WINDOW,
) -> BiasDrift:
    """As :func:`check_bias_drift`, of a window that measures nothing: all is INCONCLUSIVE, sums are carried on.

    ``missing``: why; a window has no rows, or rows of a single class.
    """
    terms = _Terms(reference, rule, allowed, tolerance, windows_per_month, alarms_per_month, "")
    return _check(terms, (), earlier_windows(past, window), window, missing=missing)


def bias_status(drift: BiasDrift) -> tuple[Status, Reason | None, str]:
    """What the window ends in by the monitor's own rule, why, and one sentence for people.

    VIOLATION when any series is in violation. INCONCLUSIVE when nothing was judged, and when undecided series leave
    open what the window was looked at for: one whose range the policy declares; one for which too few rows have come
    yet, or none, or none that may be counted; all metrics of a stage for one group. Else PASS: nothing has left its
    range, every declared range was shown to be kept, every group was seen with the rows that were planned.

    So a metric that nobody declared and that this data cannot settle (undefined in the window, or known too vaguely by
    the reference) does not keep a monitor from ever saying PASS; the sentence counts it, its own finding says why.
    """
    judged = [series for series in drift.series if _is_judged(series, drift.rule)]
    if not judged:
        return Status.INCONCLUSIVE, Reason.NOTHING_JUDGED, "no series has both a reference and an allowed range"
    violated = [series for series in judged if series.says(drift.rule).status is Status.VIOLATION]
    undecided = [series for series in judged if series.says(drift.rule).status is Status.INCONCLUSIVE]
    if violated:
        return Status.VIOLATION, Reason.DRIFT, _violated(violated, len(judged), drift.rule)
    open_ones = _blocking(judged, undecided, drift.rule)
    passed = len(judged) - len(undecided)
    if open_ones:
        reason = _most_common([series.says(drift.rule) for series in open_ones])
        text = f"no violation seen; {passed} of {len(judged)} series pass, {_reasons(undecided, drift.rule)}"
        return Status.INCONCLUSIVE, reason, text
    rest = f"; {_reasons(undecided, drift.rule)}" if undecided else ""
    return Status.PASS, None, f"no violation seen: {passed} of {len(judged)} series pass{rest}"


# --- from counts to findings ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Terms:
    """What the whole monitor is held to."""

    reference: BiasReference
    rule: Rule
    allowed: Allowed
    tolerance: float
    windows_per_month: float
    alarms_per_month: float
    key: str


@dataclass(frozen=True)
class _Ranges:
    """What one series is held to."""

    reference: ReferenceSeries | None
    decision: SeriesRange | None
    paper: SeriesRange | None


def _check(
    terms: _Terms,
    facets: Sequence[FacetBias],
    earlier: Sequence[EarlierWindow],
    window: Window,
    *,
    missing: Reason | None = None,
    notices: tuple[Notice, ...] = (),
) -> BiasDrift:
    measured = {(*place_of(facet), metric.name): metric for facet in facets for metric in facet.metrics}
    counts = {place_of(facet): replace(facet, metrics=()) for facet in facets}
    known = [*(series.key for series in terms.reference.series), *_carried(earlier, missing)]
    absent = {key: reason for key in known if key not in measured and (reason := missing or _absence(key, counts))}
    places = dict.fromkeys([*measured, *absent])
    ranges = {key: _ranges(terms, key) for key in places}
    n_series = sum(held.decision is not None for held in ranges.values())
    alarm = alarm_at(terms.windows_per_month, max(n_series, 1), terms.alarms_per_month)
    is_overlap = bool(facets) and overlaps(earlier, window)
    drawn = _bootstrap(terms, counts, ranges, measured)
    series = []
    for key in places:
        found = _series(key, measured.get(key), ranges[key], drawn.get(key), absent.get(key))
        silent = absent.get(key) or (Reason.OVERLAP if is_overlap else None)
        series.append(_decided(found, ranges[key], counts.get(key[:3]), earlier, terms, alarm, silent))
    return BiasDrift(
        rule=terms.rule,
        series=tuple(series),
        counted=tuple(counts.values()),
        alarm_at=alarm,
        promise=bias_promise(terms.rule, windows_per_month=terms.windows_per_month, n_series=n_series,
                             alarms_per_month=terms.alarms_per_month),
        notices=(*notices, *_overlap_notices(is_overlap)),
        alarms_per_month=terms.alarms_per_month,
        windows_per_month=terms.windows_per_month,
    )


def _carried(earlier: Sequence[EarlierWindow], missing: Reason | None) -> Iterator[Key]:
    """Series of the last window: one without rows knows of no others than these and the reference's."""
    if missing is not None and earlier:
        yield from earlier[-1].series


def _ranges(terms: _Terms, key: Key) -> _Ranges:
    _, facet, group, name = key
    reference = terms.reference.by_key.get(key)
    metric = BY_NAME.get(name)
    if metric is None:                     # AWS's document may name what this version does not know
        return _Ranges(reference, None, None)
    declared = terms.allowed(facet, group, name)
    return _Ranges(
        reference,
        decision_range(metric, reference, declared, tolerance=terms.tolerance),
        paper_range(metric, reference, declared),
    )


def _absence(key: Key, counts: Mapping[Place, FacetBias]) -> Reason | None:
    """Why a window lacks a series of the reference: its group is not there; None: the monitor does not ask for it."""
    is_asked = any(place[:2] == key[:2] for place in counts)
    return Reason.EMPTY_FACET if is_asked and key[:3] not in counts else None


def _bootstrap(
    terms: _Terms,
    counts: Mapping[Place, FacetBias],
    ranges: Mapping[Key, _Ranges],
    measured: Mapping[Key, MetricValue],
) -> dict[Key, Interval | None]:
    drawn: dict[Key, Interval | None] = {}
    asked = sorted(key for key in measured if ranges[key].paper is not None)
    for place, keys in groupby(asked, key=lambda key: key[:3]):
        intervals = bootstrap_intervals(
            counted_table(counts[place]), [key[3] for key in keys], key="/".join((terms.key, *place))
        )
        drawn |= {(*place, metric): interval for metric, interval in intervals.items()}
    return drawn


def _series(
    key: Key, metric: MetricValue | None, held: _Ranges, drawn: Interval | None, absent: Reason | None
) -> SeriesDrift:
    """The window's values with the findings of the two rules that look at it alone."""
    aws = AwsValue(None, "not in the window") if metric is None else metric.aws
    undefined = absent if metric is None else metric.undefined_because
    return SeriesDrift(
        *key,
        value=None if metric is None else metric.value,
        aws=aws,
        reference=None if held.reference is None else held.reference.aws,
        interval=None if metric is None else metric.interval,
        bootstrap=drawn,
        findings=(
            compare_as_aws(aws, None if held.reference is None else held.reference.aws, undefined=undefined),
            _overlap_finding(drawn, held.paper, undefined),
        ),
    )


def _overlap_finding(drawn: Interval | None, allowed: SeriesRange | None, undefined: Reason | None) -> RuleFinding:
    """The rule of the KDD'21 paper: an alarm if and only if the interval and the allowed range are disjoint."""
    if allowed is None:
        text = "no allowed range, and no finite value of the reference to make one"
        return RuleFinding("bootstrap_overlap", Status.INCONCLUSIVE, Reason.NO_REFERENCE, text)
    if drawn is None:
        return RuleFinding("bootstrap_overlap", Status.INCONCLUSIVE, undefined or Reason.NO_ROWS, "undefined")
    seen = f"95 % bootstrap interval [{drawn.low:.4g}, {drawn.high:.4g}]"
    if allowed.misses(drawn):
        return RuleFinding("bootstrap_overlap", Status.VIOLATION, Reason.DRIFT, f"{seen} lies outside {allowed}")
    return RuleFinding("bootstrap_overlap", Status.PASS, None, f"{seen} meets {allowed}")


def _decided(
    series: SeriesDrift,
    held: _Ranges,
    window: FacetBias | None,
    earlier: Sequence[EarlierWindow],
    terms: _Terms,
    alarm: float,
    absent: Reason | None,
) -> SeriesDrift:
    place = series.key[:3]
    known = terms.reference.counts_by_place.get(place)
    allowed = held.decision
    state = None
    if allowed is not None:
        state = series_state(earlier, series.key, allowed, n_components(series.metric), alarm)
    decided = decide_series(
        series,
        allowed,
        window=window,
        before=counts_before(earlier, place, known),
        state=state,
        precision=_precision(held.reference, known),
        alarm_at=alarm,
        absent=absent,
    )
    return decided if state is None else replace(decided, since_reset=_since_reset(state, series.key))


def _since_reset(state: SeriesState, key: Key) -> int:
    """Windows summed since the last alarm or other range, this one among them; more than are read are remembered."""
    if not state.windows:
        return 1
    before_these = state.windows[0].series[key].since_reset
    return (before_these or 1) + len(state.windows)


def _precision(reference: ReferenceSeries | None, known: FacetBias | None) -> Precision | None:
    """How precisely the reference knows the metric, and with how many rows."""
    if reference is None or known is None:
        return None
    return Precision.of(reference.metric, reference.interval, reference.value, known.counts.d.rows)


# --- what people read -------------------------------------------------------------------------------------------------


def _is_judged(series: SeriesDrift, rule: Rule) -> bool:
    return series.says(rule).reason is not Reason.NO_REFERENCE


UNSEEN: Final = frozenset({Reason.TOO_FEW, Reason.EMPTY_WINDOW, Reason.EMPTY_FACET, Reason.OVERLAP})
"""Reasons that speak of the window's rows, where the others speak of one metric."""


def _blocking(judged: Sequence[SeriesDrift], undecided: Sequence[SeriesDrift], rule: Rule) -> list[SeriesDrift]:
    """Undecided series that keep a window from passing."""
    passed = {series.key[:3] for series in judged if series.says(rule).status is Status.PASS}
    return [
        series for series in undecided
        if series.key[:3] not in passed
        or series.says(rule).reason in UNSEEN
        or (series.range_from == "policy" and rule != "sagemaker")
    ]


def _violated(violated: Sequence[SeriesDrift], n_judged: int, rule: Rule) -> str:
    names = [f"{series.metric} of {series.facet}={series.value_or_threshold}" for series in violated]
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    told = "farther from 0 than in the reference" if rule == "sagemaker" else "outside the allowed range"
    return f"{len(violated)} of {n_judged} series {told}: {shown}"


def _reasons(undecided: Sequence[SeriesDrift], rule: Rule) -> str:
    counted = Counter(str(series.says(rule).reason) for series in undecided)
    parts = ", ".join(f"{reason} {count}" for reason, count in sorted(counted.items(), key=lambda item: -item[1]))
    return f"{len(undecided)} undecided ({parts})"


def _most_common(findings: Sequence[RuleFinding]) -> Reason | None:
    return Counter(finding.reason for finding in findings).most_common(1)[0][0]


def _overlap_notices(is_overlap: bool) -> Iterator[Notice]:
    if is_overlap:
        yield Notice("DRIFT-OVERLAP", "window",
                     "rows of this window were counted in an earlier one: it adds no evidence to the rule decision")


def _label_notices(reference: BiasReference, labels: Sequence[ReferenceLabel]) -> Iterator[Notice]:
    now = {label.stage: label for label in labels}
    for then in reference.labels:
        label = now.get(then.stage)
        if label is not None and label != then:
            yield Notice(
                "DRIFT-LABEL",
                f"{then.stage}.label",
                f"the window's label is {label.label} with {label.value_or_threshold} as its positive outcome, the"
                f" reference's is {then.label} with {then.value_or_threshold}: their metrics do not mean the same",
            )


def _size_notices(reference: BiasReference, facets: Sequence[FacetBias]) -> Iterator[Notice]:
    """Groups of which the window has more rows than the reference, each once."""
    known = reference.counts_by_place
    larger = {
        (facet.facet, facet.value_or_threshold): (facet.counts.d.rows, known[place_of(facet)].counts.d.rows)
        for facet in facets
        if place_of(facet) in known and facet.counts.d.rows > known[place_of(facet)].counts.d.rows
    }
    for (facet, group), (now, then) in larger.items():
        yield Notice(
            "DRIFT-SMALL-REFERENCE",
            facet,
            f"the window has {now:,} rows of {group}, the reference {then:,}: the promise of the rule decision holds on"
            " average over references, and one smaller than its windows may exceed it",
        )
