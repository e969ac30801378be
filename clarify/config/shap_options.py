"""ShapOptions: how attributions are computed, where AWS's document has no word for it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from clarify.errors import ConfigError, Problem

EstimatorChoice = Literal["auto", "kernel", "kriging", "sparse"]
TreePath = Literal["auto", "off"]

DEFAULT_TOLERANCE = 0.02
GROUP_SYNTAX = "NAME or NAME=COLUMN,COLUMN,..."


@dataclass(frozen=True, kw_only=True)
class ShapOptions:
    """Part of what is measured, unlike RunSettings: other options may give other numbers.

    Raises
    ------
    ConfigError
        With every problem, each under the name of its command-line option.

    Examples
    --------
    >>> ShapOptions(estimator="kernel").tolerance
    0.02
    """

    estimator: EstimatorChoice = "auto"
    """auto: sparse where a model row costs enough to pay for it, else kriging."""
    tolerance: float = DEFAULT_TOLERANCE
    """Predicted relative error at which a row needs no more calls; without num_samples only."""
    tree_path: TreePath = "auto"
    """auto: attributions of trees are computed from the trees where that is the same game."""
    groups: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Columns explained as one feature, under a name of their own; without columns: those named NAME_..., NAME=..."""
    group_one_hot: bool = False
    """Group every family of one-hot columns that the names show and the data confirm."""

    def __post_init__(self) -> None:
        ConfigError.collect((*_choices(self), *_tolerance(self), *_groups(self)))


def parse_groups(options: Sequence[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Groups of columns as the command line has them: NAME=COLUMN,COLUMN, or NAME for the columns named after it.

    Raises
    ------
    ConfigError
        With one problem for each option that has a name or a column of no characters.

    Examples
    --------
    A column with a comma in its name stands in double quotes:

    >>> parse_groups(["sex", 'job=job=clerk,"job=baker, butcher"'])
    (('sex', ()), ('job', ('job=clerk', 'job=baker, butcher')))
    """
    groups = tuple(_parsed_group(option) for option in options)
    ConfigError.collect(
        Problem("RUN-VALUE", "--group", repr(option), GROUP_SYNTAX, "name the group, and its columns without a gap")
        for option, (name, columns) in zip(options, groups, strict=True)
        if not name or not all(columns)
    )
    return groups


def _parsed_group(option: str) -> tuple[str, tuple[str, ...]]:
    name, equals, columns = option.partition("=")
    cells = next(csv.reader([columns], skipinitialspace=True)) or [""]
    return name.strip(), tuple(cells) if equals else ()


def group_option(name: str, columns: Sequence[str]) -> str:
    """One group as ``parse_groups`` reads it."""
    if not columns:
        return name
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(columns)
    return f"{name}={text.getvalue()}"


def _choices(options: ShapOptions) -> Iterator[Problem]:
    for option, value, kind in (
        ("--estimator", options.estimator, EstimatorChoice),
        ("--tree-path", options.tree_path, TreePath),
    ):
        if value not in get_args(kind):
            yield Problem("RUN-VALUE", option, repr(value), " or ".join(get_args(kind)), "choose one of these")


def _tolerance(options: ShapOptions) -> Iterator[Problem]:
    if not 0 < options.tolerance < 1:
        yield Problem("RUN-VALUE", "--tolerance", repr(options.tolerance), "a number between 0 and 1",
                      "0.02 asks for attributions within 2 %")


def _groups(options: ShapOptions) -> Iterator[Problem]:
    names = [name for name, _ in options.groups]
    taken: set[str] = set()
    for position, (name, columns) in enumerate(options.groups):
        if not name.strip() or "=" in name:
            yield Problem("RUN-VALUE", "--group", repr(name), GROUP_SYNTAX, "give the group a name, without =")
        if name in names[:position]:
            yield Problem("RUN-CONFLICT", "--group", repr(name), "each name once", "keep one of the two groups")
        again = sorted(taken.intersection(columns) | {c for c in columns if columns.count(c) > 1})
        if again:
            yield Problem("RUN-CONFLICT", "--group", ", ".join(again), "each column in one group",
                          "take the column out of one of them")
        taken.update(columns)
