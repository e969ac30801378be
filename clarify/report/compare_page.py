"""Two models side by side, as an HTML page, as Markdown and as a few lines: every word and place decided here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from clarify.bias.catalog import BY_NAME
from clarify.compared import ComparedRun, Comparison, GroupComparison, MetricDifference
from clarify.report import numbers
from clarify.report.compare_words import (
    CANNOT_SHOW,
    SHARES,
    accuracy_sentence,
    agreement_sentence,
    decision_sentence,
    difference_sentence,
    group_pairs_sentence,
    model_words,
    overall_sentence,
    pairing_sentence,
    tolerance_text,
    why_not,
)
from clarify.report.forest import FOREST, Glyph, Scale, coordinate, glyph, nice_above
from clarify.report.html import render_page
from clarify.report.judged import NO_RANGE, OF_VERDICT, ORDER, UNDEFINED, Chip
from clarify.report.names import LONGEST_DETAIL, Names, clean, name_all, without_secrets
from clarify.report.notes import Fact
from clarify.report.provenance import code_identity
from clarify.report.summary import to_markdown
from clarify.report.words import Sentence, name, named_group, plain, say, some
from clarify.results import AwsValue, Interval, Judgement, MetricValue, Verdict

STYLES = ("report.css", "forest.css", "compare.css", "paper.css")
MOST_FOREST_ROWS = 60
MOST_TABLE_ROWS = 300
MOST_FOUND = 6
SMALL_GROUP = 50
BANDS = 4                         # an axis ends at so many tolerances at the latest

# A metric without ends to its scale: its differences are drawn on an axis that ends where ours does.
_ENDLESS = "DCA"


@dataclass(frozen=True)
class CompareRow:
    """One difference in the forest; ``champion_mark`` and ``challenger_mark`` are the runs' own values, faintly."""

    anchor: str
    name: str
    acronym: str
    glyph: Glyph
    champion_mark: str
    challenger_mark: str
    champion: str
    challenger: str
    difference: str
    interval: str
    allowed: str
    chip: Chip


@dataclass(frozen=True)
class CompareGroup:
    """The header of one group and its rows."""

    facet: Sentence
    group: Sentence
    rows_d: str
    rows_a: str
    is_small: bool
    rows: tuple[CompareRow, ...]


@dataclass(frozen=True)
class ValueRow:
    """One difference in the table of values, in three decimals and in words."""

    anchor: str
    name: str
    acronym: str
    champion: str
    challenger: str
    difference: str
    interval: str
    sentence: Sentence
    decision: Sentence
    cannot_show: str
    chip: Chip


@dataclass(frozen=True)
class ValueGroup:
    """All differences of one group."""

    heading: Sentence
    pairs: Sentence
    rows: tuple[ValueRow, ...]


@dataclass(frozen=True)
class MissingRow:
    """Metrics without a difference, for one reason."""

    metrics: str
    groups: Sentence
    why: Sentence


@dataclass(frozen=True)
class RunFacts:
    """One run in the header and at the end."""

    role: str
    model: Sentence
    data: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class ComparePage:
    """Everything the template places; every name is cleaned, the template escapes."""

    title: str
    heading: Sentence
    lead: tuple[Sentence, ...]
    verdict: Sentence
    found: tuple[Sentence, ...]
    runs: tuple[RunFacts, ...]
    groups: tuple[CompareGroup, ...]
    note: str
    is_judged: bool
    values: tuple[ValueGroup, ...]
    values_note: str
    missing: tuple[MissingRow, ...]
    cannot_show: tuple[str, ...]
    how: tuple[Fact, ...]
    notices: tuple[tuple[str, str, str], ...]
    provenance: tuple[Fact, ...]


def comparison_page(comparison: Comparison) -> str:
    """``comparison.html``: both models, agreement, the forest of differences, every value, what is not compared.

    The same comparison gives the same text. No script, no request, no style but the file's own.
    """
    return render_page("compare.html", page_of_comparison(comparison), styles=STYLES)


def page_of_comparison(comparison: Comparison) -> ComparePage:
    """What the page holds, before it is HTML."""
    names = _names(comparison)
    shown = _forest_rows(comparison)
    code = code_identity()
    return ComparePage(
        title=f"{_short_result(comparison)}: {plain(_heading(comparison, names))}",
        heading=_heading(comparison, names),
        lead=_lead(comparison),
        verdict=overall_sentence(comparison),
        found=_found(comparison, names),
        runs=tuple(_run(role, run, names) for role, run in _roles(comparison)),
        groups=tuple(_forest(comparison, shown, names)),
        note=_note(comparison, shown),
        is_judged=bool(comparison.verdicts),
        values=tuple(_values(comparison, names)),
        values_note=_values_note(comparison),
        missing=tuple(_missing(comparison, names)),
        cannot_show=CANNOT_SHOW,
        how=tuple(_how(comparison)),
        notices=tuple(
            (clean(n.code), clean(n.field), clean(n.message, longest=LONGEST_DETAIL)) for n in comparison.notices
        ),
        provenance=(
            Fact("Code", say(f"clarify {clean(code.version)}")),
            Fact("Code SHA-256", say(name(code.digest)), is_code=True),
        ),
    )


# --- header -----------------------------------------------------------------------------------------------------------


def _names(comparison: Comparison) -> Names:
    raw = [text for group in comparison.groups for text in (group.facet, group.value_or_threshold)]
    return name_all([*raw, *(_model_name(run) for _, run in _roles(comparison))])


def _roles(comparison: Comparison) -> tuple[tuple[str, ComparedRun], ...]:
    return ("Champion", comparison.champion), ("Challenger", comparison.challenger)


def _model_name(run: ComparedRun) -> str:
    return run.model.name if run.model is not None else "predicted labels in the data"


def _short_result(comparison: Comparison) -> str:
    counted = (f"{comparison.count(v)} {v}" for v in ORDER if comparison.count(v))
    return ", ".join(counted) or "Comparison"


def _heading(comparison: Comparison, names: Names) -> Sentence:
    one, other = comparison.champion, comparison.challenger
    rows = some(one.dataset.rows, "row", "rows")
    if one.dataset.digest != other.dataset.digest:
        rows = f"{numbers.count(one.dataset.rows)} and {some(other.dataset.rows, 'other row', 'other rows')}"
    return say("Challenger ", _model(other, names), " against champion ", _model(one, names), f", on {rows}")


def _model(run: ComparedRun, names: Names) -> Sentence:
    version = None if run.model is None or run.model.version is None else clean(run.model.version)
    return model_words(names[_model_name(run)], version, None)


def _lead(comparison: Comparison) -> tuple[Sentence, ...]:
    found = [pairing_sentence(comparison)]
    if comparison.agreement is not None:
        found.append(agreement_sentence(comparison.agreement))
    if comparison.accuracy is not None:
        found.append(accuracy_sentence(comparison.accuracy))
    return tuple(found)


def _run(role: str, run: ComparedRun, names: Names) -> RunFacts:
    model, data = run.model, run.dataset
    facts = [
        Fact("Run", say(name(clean(without_secrets(run.uri), longest=LONGEST_DETAIL))), is_code=True),
        Fact("extended.json SHA-256", say(name(clean(run.evidence, longest=80))), is_code=True),
        Fact("Configuration SHA-256", say(name(clean(run.config_digest, longest=80))), is_code=True),
        Fact("Data", say(name(clean(without_secrets(data.uri), longest=LONGEST_DETAIL))), is_code=True),
        Fact("Data SHA-256", say(name(clean(data.digest, longest=80))), is_code=True),
    ]
    digest = "no model: the data's own predicted labels"
    if model is not None:
        digest = model.digest or "not known: a running endpoint"
        facts.append(Fact("Model", say(name(clean(without_secrets(model.pinned_uri), longest=LONGEST_DETAIL))), True))
    facts.append(Fact("Model SHA-256", say(name(clean(digest, longest=80))), is_code=True))
    return RunFacts(role, _model(run, names), f"{some(data.rows, 'row', 'rows')}", tuple(facts))


# --- forest -----------------------------------------------------------------------------------------------------------

Placed = tuple[int, int]
"""A group and a metric of it, by position."""


def _compared(comparison: Comparison) -> Iterator[tuple[Placed, MetricDifference]]:
    for i, group in enumerate(comparison.groups):
        for j, metric in enumerate(group.metrics):
            if metric.difference is not None:
                yield (i, j), metric


def _forest_rows(comparison: Comparison) -> frozenset[Placed]:
    """All differences, or the most urgent ones where they are too many to be read."""
    every = sorted(_compared(comparison), key=lambda placed: _urgency(placed[1]))
    return frozenset(place for place, _ in every[:MOST_FOREST_ROWS])


def _urgency(metric: MetricDifference) -> tuple[int, float]:
    """VIOLATION, INCONCLUSIVE, PASS, no range; inside each the interval that lies furthest from no change."""
    order = len(ORDER) if metric.verdict is None else ORDER.index(metric.verdict)
    interval = metric.interval
    return order, 0.0 if interval is None else -max(interval.low, -interval.high, 0.0)


def _scales(comparison: Comparison, shown: frozenset[Placed]) -> dict[str, Scale]:
    """One scale for all differences of shares, one for each other metric, symmetric around no difference."""
    reach: dict[str, float] = {}
    for place, metric in _compared(comparison):
        if place in shown:
            kind = "shares" if metric.metric in SHARES else metric.metric
            reach[kind] = max(reach.get(kind, 0.0), *_reaches(metric))
    found = {}
    for _, metric in _compared(comparison):
        kind = "shares" if metric.metric in SHARES else metric.metric
        if kind in reach:
            half = nice_above(reach[kind])
            found[metric.metric] = Scale(-half, half, 0.0, mirrored=BY_NAME[metric.metric].is_mirrored)
    return found


def _reaches(metric: MetricDifference) -> list[float]:
    """How far from the middle a row needs its axis to go; an interval alone does not stretch it without bound."""
    values = (metric.champion, metric.challenger)
    own = [abs(value - BY_NAME[metric.metric].ideal) for value in values if value is not None]
    core = [*own, abs(metric.difference or 0.0), 0.01]
    ends = () if metric.interval is None else (abs(metric.interval.low), abs(metric.interval.high))
    reaches = [*core, *(min(end, 2 * max(core)) for end in ends)]
    if metric.evidence is None or metric.evidence.high is None:
        return reaches
    edge = metric.evidence.high           # the band stays wide enough to be seen
    return [1.5 * edge, *(min(reach, BANDS * edge) for reach in reaches)]


def _forest(comparison: Comparison, shown: frozenset[Placed], names: Names) -> Iterator[CompareGroup]:
    scales = _scales(comparison, shown)
    for i, group in enumerate(comparison.groups):
        places = [j for j in range(len(group.metrics)) if (i, j) in shown]
        if not places:
            continue
        ordered = sorted(places, key=lambda j: _urgency(group.metrics[j])) if comparison.verdicts else places
        smallest = min(*group.champion_rows, *group.challenger_rows)
        yield CompareGroup(
            facet=say(name(names[group.facet])),
            group=say(name(names[group.value_or_threshold])),
            rows_d=_row_counts(group, 0, comparison),
            rows_a=_row_counts(group, 1, comparison),
            is_small=smallest < SMALL_GROUP,
            rows=tuple(_row(i, group.metrics[j], scales[group.metrics[j].metric]) for j in ordered),
        )


def _row_counts(group: GroupComparison, side: int, comparison: Comparison) -> str:
    before, after = group.champion_rows[side], group.challenger_rows[side]
    if comparison.is_paired or before == after:
        return some(before, "row", "rows")
    return f"{numbers.count(before)} and {some(after, 'row', 'rows')}"


def _row(group: int, metric: MetricDifference, scale: Scale) -> CompareRow:
    ideal = BY_NAME[metric.metric].ideal
    edges = _edges(metric)
    return CompareRow(
        anchor=_anchor(group, metric),
        name=BY_NAME[metric.metric].title,
        acronym=metric.metric,
        glyph=_glyph(metric, scale),
        champion_mark=_own_mark(metric.champion, ideal, scale, is_challenger=False),
        challenger_mark=_own_mark(metric.challenger, ideal, scale, is_challenger=True),
        champion=_number(metric.champion, numbers.FOREST_DECIMALS),
        challenger=_number(metric.challenger, numbers.FOREST_DECIMALS),
        difference=_difference(metric, numbers.FOREST_DECIMALS, edges),
        interval="" if metric.interval is None else numbers.interval(metric.interval, edges=edges),
        allowed=tolerance_text(metric),
        chip=_chip(metric),
    )


def _glyph(metric: MetricDifference, scale: Scale) -> Glyph:
    """A difference drawn as the report draws a value: the same bars, marks and band."""
    drawn = metric.metric if metric.metric in SHARES else _ENDLESS
    value = MetricValue(drawn, metric.difference, AwsValue(None), metric.interval)
    if metric.verdict is None or metric.evidence is None:
        return glyph(value, scale, FOREST)
    judged = Judgement(
        metric.stage, "", "", drawn, metric.verdict, metric.difference, metric.interval, metric.evidence,
        deciding=metric.deciding,
    )
    return glyph(value, scale, FOREST, judgement=judged)


def _own_mark(value: float | None, ideal: float, scale: Scale, *, is_challenger: bool) -> str:
    """A run's own distance from no difference between the groups: a small dot, the challenger's below the line."""
    if value is None:
        return ""
    at = scale.position(value - ideal)
    if not 0 <= at <= 1:
        return ""
    x, y = FOREST.x(at), FOREST.y + (8 if is_challenger else -8)
    return f"M{coordinate(x - 2.5)} {y}a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0 -5 0z"


def _chip(metric: MetricDifference) -> Chip:
    if metric.verdict is not None:
        return OF_VERDICT[metric.verdict]
    return UNDEFINED if metric.difference is None else NO_RANGE


def _edges(metric: MetricDifference) -> tuple[float, ...]:
    found = metric.evidence
    return () if found is None else tuple(edge for edge in (found.low, found.high) if edge is not None)


def _difference(metric: MetricDifference, decimals: int, edges: tuple[float, ...]) -> str:
    if metric.difference is None:
        return ""
    text = numbers.decimal(metric.difference, numbers.decimals_apart(metric.difference, edges, decimals))
    return f"+{text}" if metric.difference > 0 else text


def _number(value: float | None, decimals: int) -> str:
    return "–" if value is None else numbers.decimal(value, decimals)


def _anchor(group: int, metric: MetricDifference) -> str:
    return f"g{group}-{metric.metric}"


def _note(comparison: Comparison, shown: frozenset[Placed]) -> str:
    total = sum(1 for _ in _compared(comparison))
    which = f"The {len(shown)} most urgent of {numbers.count(total)} differences. " if total > len(shown) else ""
    return (f"{which}Challenger minus champion; right of the dotted line the named group has less with the challenger"
            " than with the champion.")  # fmt: skip


# --- values -----------------------------------------------------------------------------------------------------------


def _values(comparison: Comparison, names: Names) -> Iterator[ValueGroup]:
    left = MOST_TABLE_ROWS
    for i, group in enumerate(comparison.groups):
        who = named_group(names[group.facet], names[group.value_or_threshold])
        measured = [metric for metric in group.metrics if metric.difference is not None][:left]
        left -= len(measured)
        if measured:
            rows = tuple(_value_row(i, metric, who, comparison.tests) for metric in measured)
            yield ValueGroup(say(who, " against the other rows"), group_pairs_sentence(group), rows)


def _value_row(group: int, metric: MetricDifference, who: Sentence, tests: int) -> ValueRow:
    decimals, edges = numbers.CARD_DECIMALS, _edges(metric)
    return ValueRow(
        anchor=_anchor(group, metric),
        name=BY_NAME[metric.metric].title,
        acronym=metric.metric,
        champion=_number(metric.champion, decimals),
        challenger=_number(metric.challenger, decimals),
        difference=_difference(metric, decimals, edges),
        interval="" if metric.interval is None else numbers.interval(metric.interval, decimals, edges=edges),
        sentence=difference_sentence(metric, who),
        decision=decision_sentence(metric, tests),
        cannot_show=BY_NAME[metric.metric].blind_spot,
        chip=_chip(metric),
    )


def _values_note(comparison: Comparison) -> str:
    total = sum(1 for _ in _compared(comparison))
    if total <= MOST_TABLE_ROWS:
        return ""
    return f"{MOST_TABLE_ROWS} of {numbers.count(total)} differences shown; all of them are in comparison.json."


def _missing(comparison: Comparison, names: Names) -> Iterator[MissingRow]:
    """Metrics without a difference, put together by their reason."""
    found: dict[str, tuple[Sentence, dict[str, None], dict[int, None]]] = {}
    for i, group in enumerate(comparison.groups):
        for metric in group.metrics:
            if metric.not_compared is None:
                continue
            why = why_not(metric)
            _, acronyms, groups = found.setdefault(plain(why), (why, {}, {}))
            acronyms[metric.metric] = None
            groups[i] = None
    for why, acronyms, groups in found.values():
        yield MissingRow(", ".join(acronyms), _which(comparison, list(groups), names), why)


def _which(comparison: Comparison, positions: Sequence[int], names: Names) -> Sentence:
    if len(positions) == len(comparison.groups) and len(positions) > 1:
        return say("all groups")
    if len(positions) > 3:
        return say(f"{len(positions)} groups")
    pieces: list[Sentence] = []
    for position in positions:
        group = comparison.groups[position]
        pieces.append(say(", " if pieces else "", named_group(names[group.facet], names[group.value_or_threshold])))
    return say(*pieces)


def _found(comparison: Comparison, names: Names) -> tuple[Sentence, ...]:
    """The most urgent differences in words; without a tolerance those whose interval leaves no change out."""
    chosen = []
    for (i, _), metric in sorted(_compared(comparison), key=lambda placed: _urgency(placed[1])):
        is_open = metric.verdict in (Verdict.VIOLATION, Verdict.INCONCLUSIVE)
        if is_open if metric.verdict is not None else _is_clear(metric.interval):
            chosen.append((comparison.groups[i], metric))
    sentences = []
    for group, metric in chosen[:MOST_FOUND]:
        who = named_group(names[group.facet], names[group.value_or_threshold])
        decision = decision_sentence(metric, comparison.tests)
        sentences.append(say(difference_sentence(metric, who), *((" ", decision) if decision else ())))
    if len(chosen) > MOST_FOUND:
        sentences.append(say(f"{len(chosen) - MOST_FOUND} more below."))
    if not chosen:
        sentences.append(say("No gap differs so much that its interval leaves no change out." if not comparison.verdicts
                             else "Every difference lies inside the range you allow."))  # fmt: skip
    return tuple(sentences)


def _is_clear(interval: Interval | None) -> bool:
    return interval is not None and (interval.low > 0 or interval.high < 0)


def _how(comparison: Comparison) -> Iterator[Fact]:
    if comparison.is_paired:
        yield Fact("Intervals", say(
            "From the joint counts of label and both decisions in each group, with half a row added to each cell that a"
            " difference reads, on a fixed lattice of 32,768 points: no seed, no resampling. Rows that both models"
            " decide alike carry no noise of a difference; none decided differently still leaves an interval."
        ))  # fmt: skip
        yield Fact("Values", say("Of the rows that both models decided, which is what makes them comparable."))
    else:
        yield Fact("Intervals", say(
            "From the counts of each run by itself, taken as independent, on a fixed lattice of 32,768 points."
        ))  # fmt: skip
    yield Fact("Not adjusted", say(
        "The 95 % intervals and the accuracy stand each by itself: of 20 of them one misses on average."
    ))  # fmt: skip
    if comparison.tests:
        checks = some(comparison.tests, "check", "checks")
        yield Fact("Verdicts", say(
            f"Holm's procedure over {checks} at {100 - 100 * comparison.level:.3g} %. The thin bar is the interval that"
            " decides: inside the band PASS, apart from it VIOLATION, else INCONCLUSIVE."
        ))  # fmt: skip


# --- text -------------------------------------------------------------------------------------------------------------


def comparison_text(comparison: Comparison) -> tuple[str, ...]:
    """What the command line prints: verdict, pairing, agreement, accuracy, the most urgent differences."""
    names = _names(comparison)
    heading = (say(_heading(comparison, names), "."), overall_sentence(comparison))
    sentences = (*heading, *_lead(comparison), *_found(comparison, names))
    missing = (say("Not compared: ", row.metrics, ". ", row.why) for row in _missing(comparison, names))
    return tuple(plain(sentence) for sentence in (*sentences, *missing))


def comparison_markdown(comparison: Comparison) -> str:
    """GitHub Markdown without HTML; names cannot be read as Markdown."""
    names = _names(comparison)
    lines = [
        f"# {to_markdown(_heading(comparison, names))}",
        to_markdown(overall_sentence(comparison)),
        "\n".join(f"- {to_markdown(sentence)}" for sentence in _lead(comparison)),
        "## Found",
        "\n".join(f"- {to_markdown(sentence)}" for sentence in _found(comparison, names)),
        *_markdown_table(comparison, names),
        *_markdown_missing(comparison, names),
        f"Champion `{comparison.champion.evidence}`, challenger `{comparison.challenger.evidence}`.",
    ]
    return "\n\n".join(lines) + "\n"


def _markdown_table(comparison: Comparison, names: Names) -> tuple[str, ...]:
    rows = []
    for group in _forest(comparison, _forest_rows(comparison), names):
        who = to_markdown(say(group.facet, " ", group.group))
        for row in group.rows:
            cells = (who, f"{row.name} ({row.acronym})", row.champion, row.challenger, row.difference, row.interval,
                     row.allowed or "none declared", row.chip.word)  # fmt: skip
            rows.append(f"| {' | '.join(cells)} |")
    if not rows:
        return ()
    head = "| Group | Check | Champion | Challenger | Difference | 95 % interval | You allow | Verdict |"
    return ("\n".join((head, "|---|---|---|---|---|---|---|---|", *rows)),)


def _markdown_missing(comparison: Comparison, names: Names) -> tuple[str, ...]:
    rows = [f"- {row.metrics}: {to_markdown(row.why)}" for row in _missing(comparison, names)]
    return ("## Not compared", "\n".join(rows)) if rows else ()


__all__ = ["ComparePage", "comparison_markdown", "comparison_page", "comparison_text", "page_of_comparison"]
