"""Groups of columns as one player: declared by the user, or found as one-hot columns of one feature."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from clarify.config.columns import closest, listed
from clarify.config.shap_options import ShapOptions
from clarify.errors import ConfigError, Problem
from clarify.explain.players import Players
from clarify.results import Notice

SEPARATORS = "_=. ["
"""What stands between a feature and its value in the names encoders give: sex_f, sex=f, sex.f, 'sex f', sex[f]."""

Group: TypeAlias = tuple[str, tuple[str, ...]]
"""A name and the columns under it, in the order of the data."""

FIELD = "--group"


@dataclass(frozen=True)
class FeatureGroups:
    """Who plays, under which names; ``groups`` holds those of the players that are groups."""

    players: Players
    names: tuple[str, ...]
    groups: tuple[Group, ...] = ()
    notices: tuple[Notice, ...] = ()


def one_hot_families(
    names: Sequence[str], values: NDArray[np.float64], is_text: NDArray[np.bool_]
) -> tuple[Group, ...]:
    """Families of columns that look like the one-hot encoding of one feature, by their names and by a sample.

    The names share a beginning that a separator ends, one of ``_ = . [`` and space: 'job_clerk' and 'job_retired', or
    'sex=f' and 'sex=m', or 'cat__sex_f' and 'cat__sex_m'. The sample confirms: every cell is 0, 1 or missing, no row
    has two ones, some row has one. Short beginnings are tried first, so that 'education_basic.4y' and
    'education_high.school' are of one family; its name is the longest beginning its columns share.

    Parameters
    ----------
    names : names of the columns, in order
    values : float64 of shape (n, n_columns)
        A sample of rows; codes for text, NaN for missing.
    is_text : bool of shape (n_columns,)
        Columns that are no numbers, and in no family.

    Returns
    -------
    tuple of (name, columns)
        Two columns or more each, in the order of the data; families in the order of their first columns.

    Notes
    -----
    A row of zeros is no objection: drop-first encodings have them. A column of zeros says nothing: it joins a family
    that other columns confirm when its name has their whole shared beginning. Flags of one beginning that never occur
    together in the sample ('has_pool', 'has_sauna') look the same; hence families are named to the user first.

    Examples
    --------
    >>> rows = np.array([[1.0, 0, 37], [0, 1, 25]])
    >>> one_hot_families(["sex_f", "sex_m", "age_years"], rows, np.zeros(3, dtype=bool))
    (('sex', ('sex_f', 'sex_m')),)
    """
    binary = [p for p in range(len(names)) if not is_text[p] and _is_binary(values[:, p])]
    ones = values == 1
    taken: set[int] = set()
    found: list[tuple[int, Group]] = []
    for _, positions in _candidates([names[position] for position in binary]):
        members = [binary[position] for position in positions]
        family = _confirmed(members, names, ones)
        if family and not taken.intersection(family[1]):
            taken.update(family[1])
            found.append((family[1][0], (family[0], tuple(names[position] for position in family[1]))))
    return tuple(group for _, group in sorted(found))


def _is_binary(column: NDArray[np.float64]) -> bool:
    return bool(np.isin(column[~np.isnan(column)], (0.0, 1.0)).all())


def _candidates(names: Sequence[str]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Beginnings that two names or more share, the shortest first, with the positions of those names."""
    sharing: dict[str, list[int]] = {}
    for position, name in enumerate(names):
        for beginning in _beginnings(name):
            sharing.setdefault(beginning, []).append(position)
    for beginning in sorted(sharing, key=lambda text: (len(text), text)):
        if len(sharing[beginning]) > 1:
            yield beginning, tuple(sharing[beginning])


def _beginnings(name: str) -> tuple[str, ...]:
    """What stands before each separator of a name, without separators at its own end, the shortest first."""
    ends = [position for position, character in enumerate(name) if character in SEPARATORS]
    return tuple(dict.fromkeys(text for end in ends if (text := name[:end].rstrip(SEPARATORS))))


def _confirmed(members: list[int], names: Sequence[str], ones: NDArray[np.bool_]) -> tuple[str, list[int]] | None:
    """Name and positions of the family among columns that share a beginning; None where the sample objects."""
    with_ones = [position for position in members if ones[:, position].any()]
    if not with_ones or (ones[:, with_ones].sum(axis=1) > 1).any():
        return None
    name = _longest_shared([names[position] for position in with_ones])
    family = [position for position in members if name in _beginnings(names[position])]
    return (name, family) if len(family) > 1 else None


def _longest_shared(names: Sequence[str]) -> str:
    shared = set(_beginnings(names[0])).intersection(*(_beginnings(name) for name in names[1:]))
    return max(shared, key=len)


def feature_groups(names: Sequence[str], options: ShapOptions, families: Sequence[Group] = ()) -> FeatureGroups:
    """The players: declared groups, families of the columns left where that is asked for, and every other column.

    Parameters
    ----------
    names : names of the columns, in order
    options : ShapOptions
        ``groups`` declared without columns hold those whose names begin with the group's name and a separator, such
        as NAME_... and NAME=...; ``group_one_hot`` makes players of the families.
    families : sequence of (name, columns)
        As ``one_hot_families`` finds them. One that shares its name with a column or a declared group is called
        NAME_*; one of which declared groups leave a single column is none.

    Returns
    -------
    FeatureGroups
        Players in the order of their first columns; a notice names the families when they are not grouped.

    Raises
    ------
    ConfigError
        With every problem: SHAP-GROUP-COLUMN for a column that does not exist, or a name that no column begins with;
        SHAP-GROUP-TWICE for a column in two groups; SHAP-GROUP-NAME for a group with the name of a column outside it.

    Examples
    --------
    >>> groups = feature_groups(["age", "sex_f", "sex_m"], ShapOptions(groups=(("sex", ()),)))
    >>> groups.names, groups.players.columns
    (('age', 'sex'), ((0,), (1, 2)))
    """
    declared = tuple((name, columns or _named_after(name, names)) for name, columns in options.groups)
    ConfigError.collect(
        (*_nothing_named(declared, names), *_unknown(declared, names), *_twice(declared), *_taken(declared, names))
    )
    left = tuple(_left_families(families, declared, names))
    if options.group_one_hot:
        return _grouped(names, (*declared, *left))
    return replace(_grouped(names, declared), notices=_one_hot_notices(left))


def _grouped(names: Sequence[str], groups: Sequence[Group]) -> FeatureGroups:
    position = {name: index for index, name in enumerate(names)}
    titles = {tuple(sorted(position[column] for column in columns)): name for name, columns in groups}
    players = Players.grouped(list(titles), len(names))
    return FeatureGroups(
        players=players,
        names=tuple(titles.get(player, names[player[0]]) for player in players.columns),
        groups=tuple(
            (titles[player], tuple(names[column] for column in player))
            for player in players.columns
            if player in titles
        ),
    )


def _named_after(group: str, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in names if group in _beginnings(name))


def _nothing_named(groups: Sequence[Group], names: Sequence[str]) -> Iterator[Problem]:
    for group, columns in groups:
        if not columns:
            near = closest(group, [beginning for beginning, _ in _candidates(names)])
            hint = f"did you mean {near!r}?" if near else f"name its columns: {group}=COLUMN,COLUMN"
            allowed = f"a name that columns begin with, as in {group}_... or {group}=..., among {listed(names)}"
            yield Problem("SHAP-GROUP-COLUMN", FIELD, repr(group), allowed, hint)


def _unknown(groups: Sequence[Group], names: Sequence[str]) -> Iterator[Problem]:
    for _, columns in groups:
        for column in columns:
            if column not in names:
                near = closest(column, names)
                hint = f"did you mean {near!r}?" if near else "name columns as the data have them"
                yield Problem("SHAP-GROUP-COLUMN", FIELD, repr(column), f"feature columns: {listed(names)}", hint)


def _twice(groups: Sequence[Group]) -> Iterator[Problem]:
    owners: dict[str, list[str]] = {}
    for group, columns in groups:
        for column in columns:
            owners.setdefault(column, []).append(group)
    for column, claims in owners.items():
        if len(claims) > 1:
            received = f"{column!r} in {' and '.join(repr(group) for group in claims)}"
            hint = "name the columns of each group: NAME=COLUMN,COLUMN"
            yield Problem("SHAP-GROUP-TWICE", FIELD, received, "each column in one group, once", hint)


def _taken(groups: Sequence[Group], names: Sequence[str]) -> Iterator[Problem]:
    for group, columns in groups:
        if group in names and group not in columns:
            hint = "choose another name, or list the column among the group's"
            yield Problem("SHAP-GROUP-NAME", FIELD, repr(group), "a name that no column outside the group has", hint)


def _left_families(families: Sequence[Group], declared: Sequence[Group], names: Sequence[str]) -> Iterator[Group]:
    """Families without the columns of declared groups, under names that nothing else has."""
    grouped = {column for _, columns in declared for column in columns}
    taken = {*names, *(group for group, _ in declared)}
    for name, columns in families:
        left = tuple(column for column in columns if column not in grouped)
        if len(left) > 1:
            yield (f"{name}_*" if name in taken else name), left


def _one_hot_notices(families: Sequence[Group]) -> tuple[Notice, ...]:
    """What to tell a user who did not ask for families to be grouped: one notice, or none without families."""
    if not families:
        return ()
    found = [f"columns {listed(columns, most=4)} look like one-hot columns of {name!r}" for name, columns in families]
    return (
        Notice(
            code="SHAP-ONE-HOT",
            field="--group-one-hot",
            message=f"{'; '.join(found)}; --group-one-hot explains each family as one feature",
        ),
    )
