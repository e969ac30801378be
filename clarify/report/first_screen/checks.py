"""The first screen's table: a row and a drawing for every check, or what stands for them when there are too many."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from clarify.bias.catalog import BY_NAME
from clarify.report import numbers
from clarify.report.charts import forest_scales, kind_of, share_text
from clarify.report.forest import Glyph, Scale, glyph
from clarify.report.groups.rates import SHARES
from clarify.report.judged import OF_VERDICT, Chip, allowed_text, chip_of, edges_of
from clarify.report.names import Names
from clarify.report.selection import (
    CLEAREST_ROWS,
    MOST_CARD_GROUPS,
    MOST_FOREST_ROWS,
    WORST_ROWS,
    Group,
    Layout,
    Measured,
    checks_of,
    clearest_gaps,
    first_metrics,
    group_words,
    is_small,
    layout_of,
    matrix_groups,
    verdict_matrix_groups,
    worst_checks,
)
from clarify.report.words import NOT_SHOWN, Sentence, row_count, rows_text, why_undefined
from clarify.results import FacetCounts, Judgement, MetricValue, Verdict, VerdictSection

MOST_FOLDED = 12
LETTERS = {Verdict.VIOLATION: "V", Verdict.INCONCLUSIVE: "?", Verdict.PASS: "P"}
NOTHING = "–"


@dataclass(frozen=True)
class ForestRow:
    """One check: ``reason`` stands in place of a drawing; shares of both groups only where nothing is judged."""

    anchor: str
    name: str
    acronym: str
    glyph: Glyph
    share_d: str
    share_a: str
    value: str
    interval: str
    allowed: str
    reason: str
    chip: Chip


@dataclass(frozen=True)
class ForestGroup:
    """The header of one group, its rows, and a line on those that were folded away."""

    facet: Sentence
    group: Sentence
    rows_d: str
    rows_a: str
    is_small: bool
    rows: tuple[ForestRow, ...]
    folded: str = ""


@dataclass(frozen=True)
class MatrixCell:
    """One check of the matrix: the class of its tint, its icon, its letter, the word that they stand for."""

    state: str
    icon: str
    letter: str
    word: str


@dataclass(frozen=True)
class MatrixRow:
    """One group of one facet; ``cells`` follow the acronyms of the matrix."""

    group: Sentence
    cells: tuple[MatrixCell, ...]
    rows: str


@dataclass(frozen=True)
class VerdictMatrix:
    """Groups down, metrics across, a verdict in every cell; ``shown`` is empty where no group is missing."""

    acronyms: tuple[tuple[str, str], ...]
    rows: tuple[MatrixRow, ...]
    shown: str


@dataclass(frozen=True)
class ValuesRow:
    """One group in a table of values; ``values`` follow the acronyms of its table."""

    group: Sentence
    rows: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class ValuesTable:
    """Groups down, metrics across: the summary of a crowded report, and the full values behind it."""

    acronyms: tuple[tuple[str, str], ...]
    rows: tuple[ValuesRow, ...]
    n_groups: int


@dataclass(frozen=True)
class Checks:
    """The first screen but its words; of many groups ``matrix`` has the verdicts, ``values`` what nobody judged."""

    is_judged: bool
    note: str
    deciding: str
    groups: tuple[ForestGroup, ...]
    matrix: VerdictMatrix | None = None
    values: ValuesTable | None = None


Chosen = tuple[Group, Measured]


def checks_for(groups: tuple[Group, ...], verdicts: VerdictSection | None, names: Names) -> Checks:
    """The table that fits: all rows, the open ones with the rest folded, or a matrix and the rows that matter most."""
    is_judged = verdicts is not None
    layout = layout_of(groups, is_judged=is_judged)
    chosen = _chosen(groups, layout, is_judged)
    scales = forest_scales([(m.metric, m.judgement) for _, m in chosen])
    return Checks(
        is_judged=is_judged,
        note=_note(layout, scales, chosen, is_judged),
        deciding=_deciding(verdicts),
        groups=_forest(groups, chosen, scales, layout, verdicts, names),
        matrix=_verdict_matrix(groups, names) if is_judged and layout == "matrix" else None,
        values=_first_values(groups, names) if not is_judged and layout == "matrix" else None,
    )


def _chosen(groups: tuple[Group, ...], layout: Layout, is_judged: bool) -> tuple[Chosen, ...]:
    if not is_judged:
        every = tuple((group, m) for group in groups for m in first_metrics(group))
        return every if layout == "rows" else clearest_gaps(groups, most=CLEAREST_ROWS)
    if layout == "matrix":
        return worst_checks(groups, most=WORST_ROWS)
    if layout == "folded":
        return worst_checks(groups, most=MOST_FOREST_ROWS, without_passes=True)
    every = tuple((group, m) for group in groups for m in first_metrics(group))
    return every if len(every) <= MOST_FOREST_ROWS else checks_of(groups)


def _note(layout: Layout, scales: tuple[Scale, ...], chosen: tuple[Chosen, ...], is_judged: bool) -> str:
    """What the reader has to know of the axis, after the sentence on sides."""
    if is_judged:
        which = f"The {len(chosen)} checks that need a look first. " if layout == "matrix" else ""
        fixed = any(m.judgement is None for _, m in chosen)
        other = " Rows without one: differences from a fixed domain, no difference in the middle." if fixed else ""
        return f"{which}Scaled so that the range you allow fills the grey band.{other}"
    drawn = [scale.high for scale, (_, m) in zip(scales, chosen, strict=True) if kind_of(m.metric.name) == "difference"]
    which = f"The {CLEAREST_ROWS} clearest gaps. " if layout == "matrix" else ""
    ends = f"{numbers.MINUS}{max(drawn, default=0.5):g} to {max(drawn, default=0.5):g}"
    return f"{which}Drawn: differences from {ends}, group sizes from {numbers.MINUS}1 to 1, ratios from 0.5 to 2."


def _deciding(verdicts: VerdictSection | None) -> str:
    """What the thin bar is."""
    if verdicts is None:
        return ""
    if verdicts.family == "none" or verdicts.tests < 2:
        return f"interval that decides, {100 * (1 - verdicts.level):g} %"
    return f"interval that decides: counts all {numbers.count(verdicts.tests)} checks"


# --- rows ------------------------------------------------------------------------------------------------------------


def _forest(
    groups: tuple[Group, ...],
    chosen: tuple[Chosen, ...],
    scales: tuple[Scale, ...],
    layout: Layout,
    verdicts: VerdictSection | None,
    names: Names,
) -> tuple[ForestGroup, ...]:
    rows: dict[int, list[tuple[Measured, Scale]]] = {}
    for (group, measured), scale in zip(chosen, scales, strict=True):
        rows.setdefault(groups.index(group), []).append((measured, scale))
    return tuple(
        _forest_group(group, rows.get(i, []), i, names, verdicts, with_folded=layout == "folded")
        for i, group in enumerate(groups)
        if i in rows or (layout == "folded" and checks_of((group,)))
    )


def _forest_group(
    group: Group,
    found: list[tuple[Measured, Scale]],
    index: int,
    names: Names,
    verdicts: VerdictSection | None,
    *,
    with_folded: bool,
) -> ForestGroup:
    carded = first_metrics(group) if index < MOST_CARD_GROUPS else ()
    facet, *value = group_words(group, names)
    return ForestGroup(
        facet=(facet,),
        group=tuple(value),
        rows_d=rows_text(group.counts.d),
        rows_a=rows_text(group.counts.a),
        is_small=is_small(group.counts, verdicts),
        rows=tuple(_forest_row(m, f"g{index}" if m in carded else "", scale) for m, scale in found),
        folded=_folded(group, [m for m, _ in found]) if with_folded else "",
    )


def _folded(group: Group, shown: list[Measured]) -> str:
    """``2 more undecided: AD, RD · 9 inside: CI, DPL``: the worst first."""
    words = {Verdict.VIOLATION: "outside", Verdict.INCONCLUSIVE: "undecided", Verdict.PASS: "inside"}
    hidden = [m for _, m in checks_of((group,)) if m not in shown]
    lines = []
    for verdict, word in words.items():
        found = [m.metric.name for m in hidden if m.judgement is not None and m.judgement.verdict is verdict]
        if found:
            more = f" and {len(found) - MOST_FOLDED} more" if len(found) > MOST_FOLDED else ""
            which = "more " if any(m.judgement is not None and m.judgement.verdict is verdict for m in shown) else ""
            lines.append(f"{len(found)} {which}{word}: {', '.join(found[:MOST_FOLDED])}{more}")
    return " · ".join(lines)


def _forest_row(measured: Measured, anchor: str, scale: Scale) -> ForestRow:
    metric, judgement = measured.metric, measured.judgement
    share_d, share_a = ("", "") if judgement is not None else _shares(metric.name, measured.counts)
    edges = edges_of(judgement)
    return ForestRow(
        anchor=f"{anchor}-{metric.name}" if anchor else "",
        name=BY_NAME[metric.name].title,
        acronym=metric.name,
        glyph=glyph(metric, scale, judgement=judgement),
        share_d=share_d,
        share_a=share_a,
        value=_value(metric, edges, undefined="undefined"),
        interval="" if metric.interval is None else numbers.interval(metric.interval, edges=edges),
        allowed="" if judgement is None else allowed_text(judgement),
        reason=_reason(metric, judgement),
        chip=chip_of(metric, judgement),
    )


def _reason(metric: MetricValue, judgement: Judgement | None) -> str:
    if metric.value is not None or _is_drawn(judgement):
        return ""
    return f"{NOT_SHOWN}: {why_undefined(metric)}" if metric.is_withheld else why_undefined(metric)


def _is_drawn(judgement: Judgement | None) -> bool:
    """Whether there is something to draw although there is no value: an interval that decided."""
    return judgement is not None and judgement.deciding is not None


def _value(metric: MetricValue, edges: tuple[float, ...], *, undefined: str) -> str:
    if metric.value is None:
        return NOT_SHOWN if metric.is_withheld else undefined
    return numbers.decimal(metric.value, numbers.decimals_apart(metric.value, edges))


def _shares(metric: str, counts: FacetCounts) -> tuple[str, str]:
    if metric == "CI":
        return row_count(counts.d), row_count(counts.a)
    phrase = SHARES.get(metric)
    if phrase is None:
        return "", ""
    if counts.d.fewer_than or counts.a.fewer_than:
        return NOT_SHOWN, NOT_SHOWN
    d, a = phrase.of_group(counts.d), phrase.of_group(counts.a)
    return (share_text(d) if d.of else "no rows", share_text(a) if a.of else "no rows")


# --- summaries -------------------------------------------------------------------------------------------------------


def _verdict_matrix(groups: tuple[Group, ...], names: Names) -> VerdictMatrix:
    judged = {m.metric.name for _, m in checks_of(groups)}
    acronyms = tuple(metric for metric in BY_NAME if metric in judged)
    shown = verdict_matrix_groups(groups)
    said = f"{len(shown)} of {len(groups)} groups shown, those with the worst verdicts first."
    return VerdictMatrix(
        tuple((metric, BY_NAME[metric].title) for metric in acronyms),
        tuple(_matrix_row(group, acronyms, names) for group in shown),
        said if len(shown) < len(groups) else "",
    )


def _matrix_row(group: Group, acronyms: tuple[str, ...], names: Names) -> MatrixRow:
    return MatrixRow(
        group_words(group, names),
        tuple(_matrix_cell(group.get(metric)) for metric in acronyms),
        row_count(group.counts.d),
    )


def _matrix_cell(measured: Measured | None) -> MatrixCell:
    """The verdict, also of a value that is not shown; a dash where none was asked for or nothing could be decided."""
    judgement = None if measured is None else measured.judgement
    if measured is None or judgement is None:
        return MatrixCell("norange", "", NOTHING, "not checked")
    if _is_nothing(measured.metric, judgement):
        return MatrixCell("undefined", "", NOTHING, "undefined")
    chip = OF_VERDICT[judgement.verdict]
    icon = "" if judgement.verdict is Verdict.INCONCLUSIVE else chip.state      # its letter is its icon
    return MatrixCell(chip.state, icon, LETTERS[judgement.verdict], chip.word)


def _is_nothing(metric: MetricValue, judgement: Judgement) -> bool:
    """Whether there was no value, and so nothing to decide."""
    return metric.value is None and not metric.is_withheld and not _is_drawn(judgement)


def _first_values(groups: tuple[Group, ...], names: Names) -> ValuesTable:
    asked = (m.metric.name for group in groups for m in first_metrics(group))
    return _values(matrix_groups(groups), asked, len(groups), names)


def values_table(shown: tuple[Group, ...], groups: tuple[Group, ...], names: Names) -> ValuesTable:
    """Every metric of the groups that are shown."""
    return _values(shown, (m.metric.name for group in groups for m in group.measured), len(groups), names)


def _values(shown: tuple[Group, ...], asked: Iterable[str], n_groups: int, names: Names) -> ValuesTable:
    wanted = set(asked)
    acronyms = tuple(metric for metric in BY_NAME if metric in wanted)
    return ValuesTable(
        tuple((metric, BY_NAME[metric].title) for metric in acronyms),
        tuple(_values_row(group, acronyms, names) for group in shown),
        n_groups,
    )


def _values_row(group: Group, acronyms: tuple[str, ...], names: Names) -> ValuesRow:
    texts = tuple(_cell_text(group.get(metric)) for metric in acronyms)
    return ValuesRow(group_words(group, names), row_count(group.counts.d), texts)


def _cell_text(measured: Measured | None) -> str:
    if measured is None:
        return NOTHING
    return _value(measured.metric, edges_of(measured.judgement), undefined=NOTHING)
