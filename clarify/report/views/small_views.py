"""What stands beside the drawing of a check, and above all of them, in every view that is smaller than the page."""

from __future__ import annotations

from clarify.bias.catalog import BY_NAME
from clarify.report.first_screen.examined import subject
from clarify.report.judged import allowed_text
from clarify.report.selection import Group, Measured
from clarify.report.view import names_of
from clarify.report.words import Sentence, rows_text, say, some
from clarify.results import AnalysisResult


def title_of(result: AnalysisResult) -> Sentence:
    """``credit-hgb, version 7, on 1,000 rows``."""
    return say(subject(result, names_of(result)), f", on {some(result.dataset.rows, 'row', 'rows')}")


def check_name(measured: Measured) -> str:
    """``Positive decisions (DPPL)``."""
    return f"{BY_NAME[measured.metric.name].title} ({measured.metric.name})"


def sizes_text(group: Group) -> str:
    """``190 rows · others 810 rows``."""
    return f"{rows_text(group.counts.d)} · others {rows_text(group.counts.a)}"


def allowed_or_none(measured: Measured) -> str:
    """``−0.10 to 0.10``, or that nobody declared a range."""
    return "none declared" if measured.judgement is None else allowed_text(measured.judgement)
