"""Two models side by side as an HTML page: every word and place decided here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from clarify.compared import Comparison
from clarify.report.comparison.forest import CompareGroup, forest_groups, forest_note, forest_rows
from clarify.report.comparison.header import (
    RunFacts,
    found_sentences,
    heading_of,
    lead_of,
    names_of,
    roles,
    run_facts,
    short_result,
)
from clarify.report.comparison.left_out import MissingRow, left_out
from clarify.report.comparison.values import ValueGroup, value_groups, values_note
from clarify.report.comparison.words import CANNOT_SHOW, overall_sentence
from clarify.report.html import render_page
from clarify.report.names import LONGEST_DETAIL, clean
from clarify.report.notes import Fact
from clarify.report.provenance import code_identity
from clarify.report.words import Sentence, name, plain, say, some

STYLES = ("report.css", "forest.css", "compare.css", "paper.css")


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
    names = names_of(comparison)
    shown = forest_rows(comparison)
    code = code_identity()
    return ComparePage(
        title=f"{short_result(comparison)}: {plain(heading_of(comparison, names))}",
        heading=heading_of(comparison, names),
        lead=lead_of(comparison),
        verdict=overall_sentence(comparison),
        found=found_sentences(comparison, names),
        runs=tuple(run_facts(role, run, names) for role, run in roles(comparison)),
        groups=tuple(forest_groups(comparison, shown, names)),
        note=forest_note(comparison, shown),
        is_judged=bool(comparison.verdicts),
        values=tuple(value_groups(comparison, names)),
        values_note=values_note(comparison),
        missing=tuple(left_out(comparison, names)),
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
