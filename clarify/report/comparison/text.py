"""A comparison in Markdown and in a few lines for a terminal."""

from __future__ import annotations

from clarify.compared import Comparison
from clarify.report.comparison.forest import forest_groups, forest_rows
from clarify.report.comparison.header import found_sentences, heading_of, lead_of, names_of
from clarify.report.comparison.left_out import MissingRow, left_out
from clarify.report.comparison.words import overall_sentence
from clarify.report.names import Names
from clarify.report.views.summary import to_markdown
from clarify.report.words import Sentence, plain, say


def comparison_text(comparison: Comparison) -> tuple[str, ...]:
    """What the command line prints: verdict, pairing, agreement, accuracy, the most urgent differences."""
    names = names_of(comparison)
    heading = (say(heading_of(comparison, names), "."), overall_sentence(comparison))
    sentences = (*heading, *lead_of(comparison), *found_sentences(comparison, names))
    missing = (say("Not compared: ", row.metrics, *_where(row), ". ", row.why) for row in left_out(comparison, names))
    return tuple(plain(sentence) for sentence in (*sentences, *missing))


def comparison_markdown(comparison: Comparison) -> str:
    """GitHub Markdown without HTML; names cannot be read as Markdown."""
    names = names_of(comparison)
    lines = [
        f"# {to_markdown(heading_of(comparison, names))}",
        to_markdown(overall_sentence(comparison)),
        "\n".join(f"- {to_markdown(sentence)}" for sentence in lead_of(comparison)),
        "## Found",
        "\n".join(f"- {to_markdown(sentence)}" for sentence in found_sentences(comparison, names)),
        *_markdown_table(comparison, names),
        *_markdown_missing(comparison, names),
        f"Champion `{comparison.champion.evidence}`, challenger `{comparison.challenger.evidence}`.",
    ]
    return "\n\n".join(lines) + "\n"


def _markdown_table(comparison: Comparison, names: Names) -> tuple[str, ...]:
    rows = []
    for group in forest_groups(comparison, forest_rows(comparison), names):
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
    rows = [f"- {to_markdown(say(row.metrics, *_where(row), ': ', row.why))}" for row in left_out(comparison, names)]
    return ("## Not compared", "\n".join(rows)) if rows else ()


def _where(row: MissingRow) -> tuple[str | Sentence, ...]:
    """The groups that metrics are missing in; nothing where it is all of them."""
    return () if row.is_everywhere else (" for ", row.groups)
