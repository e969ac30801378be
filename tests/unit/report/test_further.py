"""Closer looks as tables: names that are cut to the same letters stay apart, as everywhere else on the page."""

from dataclasses import replace

import pytest

from clarify.report.groups.further import further_tables
from clarify.report.names import LONGEST_NAME
from clarify.report.notes import left_out
from clarify.report.selection import groups_of
from clarify.report.view import names_of
from clarify.report.words import plain
from clarify.results import (
    CellBias,
    ClassBias,
    ClassSection,
    ExpectationOutcome,
    Intersection,
    OutcomeGap,
    SegmentBias,
    WorstClass,
)
from tests.unit.report.report_examples import HOSTILE, credit_result

LOOKS = ("crossed facets", "cells", "columns", "segments", "groups of a segment", "classes", "worst groups", "outcomes")


def look(kind, one, other):
    """A result in which two names of one kind are these."""
    result = replace(credit_result(), pre_training=None, post_training=None, explanations=None)
    facet = credit_result().post_training.facets[0]

    def slice_of(segment="s", column="c", group="x"):
        return SegmentBias("by c", column, segment, "", 50, (replace(facet, value_or_threshold=group),))

    def worst(group="x", label="1"):
        return WorstClass("pre_training", "f", group, "DPL", label, 0.3)

    def classes(*found):
        return ClassSection((ClassBias("1", 50), ClassBias("2", 50)), found)

    cells = (CellBias((one, "u"), 50), CellBias((other, "u"), 50))
    changes = {
        "crossed facets": {"intersections": (Intersection((one, other), (CellBias(("x", "rest"), 50),)),)},
        "cells": {"intersections": (Intersection(("f", "g"), cells),)},
        "columns": {"segments": (slice_of(column=one), slice_of(column=other))},
        "segments": {"segments": (slice_of(one), slice_of(other))},
        "groups of a segment": {"segments": (slice_of(group=one), slice_of(group=other))},
        "classes": {"classes": classes(worst(label=one), worst(label=other))},
        "worst groups": {"classes": classes(worst(one), worst(other))},
        "outcomes": {"outcome_gaps": tuple(OutcomeGap("label", "f", v, 9, 9, 1.0, 2.0, -1.0) for v in (one, other))},
    }
    return replace(result, **changes[kind])


def told(result):
    """Headings, rows and cells of all tables."""
    return [
        text for table in further_tables(result, names_of(result))
        for text in (plain(table.heading), *(f"{plain(row.what)} {row.cells}" for row in table.rows))
    ]  # fmt: skip


@pytest.mark.parametrize("kind", LOOKS)
@pytest.mark.parametrize("pair", [("n" * 10_000, "n" * 9_000 + "other"), ("nul\0", "nul\1"), ("a\u3164", "a\u2800")])
def test_names_that_look_alike_when_they_are_cleaned_are_told_apart(kind, pair):
    texts = told(look(kind, *pair))

    assert len(texts) - len(set(texts)) == (1 if kind == "columns" else 0)          # the same row under two headings
    assert sum(" #2" in text for text in texts) >= 1


@pytest.mark.parametrize("kind", LOOKS)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_printable_and_short(kind, name):
    texts = told(look(kind, name, "other"))

    assert all(text.isprintable() or "\N{ZERO WIDTH JOINER}" in text for text in texts)
    assert max(map(len, texts)) < 3 * LONGEST_NAME + 100


def test_a_name_that_the_main_tables_show_as_well_is_called_the_same():
    result = credit_result()
    facet, other = result.post_training.facets
    long, longer = "n" * 100, "n" * 101
    renamed = (replace(facet, facet=long), replace(other, facet=longer))
    result = replace(result, pre_training=None, explanations=None,
                     post_training=replace(result.post_training, facets=renamed),
                     intersections=(Intersection((longer, long), (CellBias(("x", "y"), 50),)),))  # fmt: skip

    (table,) = further_tables(result, names_of(result))

    assert plain(table.heading) == f"Crossed: {names_of(result)[longer]} and {names_of(result)[long]}"
    assert names_of(result)[longer].endswith("… #2")


def test_the_rest_of_a_crossing_is_no_name():
    result = look("crossed facets", "f", "g")

    assert "rest" not in names_of(result).shown
    assert told(result)[1].startswith("f = x, other g")


def test_columns_that_break_an_expectation_are_told_apart():
    result = credit_result()
    failed = tuple(
        ExpectationOutcome("values_not_null", name, "recorded", False, 3, 1000) for name in ("nul\0", "nul\1")
    )
    result = replace(result, validation=replace(result.validation, expectations=failed))

    rows = [plain(row.what) for row in left_out(result, groups_of(result), names_of(result))]

    assert [row for row in rows if row.startswith("Rows that break")] == [
        "Rows that break an expectation on nul\ufffd", "Rows that break an expectation on nul\ufffd #2",
    ]  # fmt: skip
