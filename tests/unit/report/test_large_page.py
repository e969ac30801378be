"""The page of a million rows: below its limit, and as large for two million."""

from collections import Counter
from dataclasses import replace
from functools import cache

from clarify.report.html import LARGEST_PAGE, render_report
from tests.subjects.large_result import ROWS, large_result
from tests.unit.report.outlines import Outline
from tests.unit.report.report_examples import example_provenance


@cache
def page(rows):
    provenance = example_provenance()
    return render_report(large_result(rows), replace(provenance, dataset_rows=rows))


def test_a_million_rows_of_a_hundred_features_and_43_groups_stay_below_the_limit():
    assert len(page(ROWS).encode()) < LARGEST_PAGE == 2_000_000


def test_twice_the_rows_change_the_counts_and_not_the_size():
    """The intervals narrow too, so that a check or two is decided and its words change: one element in a thousand."""
    once, twice = (Outline(page(rows)) for rows in (ROWS, 2 * ROWS))

    assert abs(len(twice.tags) - len(once.tags)) < 0.001 * len(once.tags)
    assert abs(len(page(2 * ROWS).encode()) / len(page(ROWS).encode()) - 1) < 0.01
    assert "1,000,000 rows" in once.text
    assert "2,000,000 rows" in twice.text


def test_twice_the_rows_are_drawn_with_as_many_rows_cards_and_dots():
    once, twice = (Outline(page(rows)) for rows in (ROWS, 2 * ROWS))

    assert drawn(once) == drawn(twice)
    assert drawn(once)["gl"] == 12


def drawn(outline):
    """How often each drawing and each of its parts, but what tells a verdict, stands on the page."""
    classes = (dict(attrs).get("class", "").split() for _, attrs in outline.tags)
    return Counter(first[0] for first in classes if first and first[0] in {"gl", "plot", "at", "dots", "most", "card"})
