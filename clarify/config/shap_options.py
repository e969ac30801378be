"""ShapOptions: how attributions are computed, where AWS's document has no word for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from clarify.errors import ConfigError, Problem

EstimatorChoice = Literal["auto", "kernel", "kriging", "sparse"]
TreePath = Literal["auto", "off"]

DEFAULT_TOLERANCE = 0.02


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
        if not name.strip():
            yield Problem("RUN-VALUE", "--group", repr(name), "NAME or NAME=COLUMN,COLUMN,...", "give the group a name")
        if name in names[:position]:
            yield Problem("RUN-CONFLICT", "--group", repr(name), "each name once", "keep one of the two groups")
        again = sorted(taken.intersection(columns) | {c for c in columns if columns.count(c) > 1})
        if again:
            yield Problem("RUN-CONFLICT", "--group", ", ".join(again), "each column in one group",
                          "take the column out of one of them")
        taken.update(columns)
