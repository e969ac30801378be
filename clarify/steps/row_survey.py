"""One pass over explained rows: sums of groups, rows that a sample draws, rows at the edges of the scores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clarify.data.coding import NOT_SELECTED, SELECTED, Coding
from clarify.data.dataset import Fragment, read_fragment
from clarify.engines.base import Engine
from clarify.explain.budget import Outcome
from clarify.explain.drawn_rows import position_hashes
from clarify.explain.group_effects import GroupSums, merge_sums, sum_groups
from clarify.steps.joint_counts import Stretch, batches
from clarify.steps.local_parts import LocalParts
from clarify.steps.predict import part_uri_of, read_part

ROWS_PER_STRETCH = 16_384
MOST_STRETCHES = 32                  # so many partial sums are held at once, whatever the rows
CELLS_PER_BATCH = 1_000_000          # attributions that are read and summed at a time
MOST_ROWS_PER_BATCH = 8_192

Candidate = tuple[float, int, int]
"""How good a row is (the smallest is taken), the hash that settles ties, and its position."""


@dataclass(frozen=True)
class Survey:
    """What to look for, small enough to be shipped to every worker.

    Group g of ``facets`` is summed as groups 2g (facet d) and 2g + 1 (facet a). A row is of the first of the
    ``strata`` that selects it, or of the last, which nobody names.
    """

    parts_uri: str
    facets: tuple[Coding, ...]
    attributions: tuple[tuple[int, int], ...]     # output and player of each column to sum
    centres: tuple[float, ...]                    # of each column
    strata: tuple[Coding, ...]
    most_drawn: int                               # of each stratum; 0: no single row is looked at
    scored_output: int
    threshold: float | None
    seed: int

    @property
    def facet_columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(coding.column for coding in (*self.facets, *self.strata)))

    @property
    def part_columns(self) -> tuple[str, ...]:
        kinds = [f"{kind}:{output}:{player}" for kind in ("value", "error") for output, player in self.attributions]
        return ("outcome", f"score:{self.scored_output}", *kinds)

    @property
    def rows_per_batch(self) -> int:
        return max(1, min(MOST_ROWS_PER_BATCH, CELLS_PER_BATCH // max(len(self.attributions), 1)))


@dataclass(frozen=True, eq=False)
class Drawn:
    """The rows of one stratum with the smallest hashes, in the order of the hashes."""

    rows: int                                     # of the stratum in all
    hashes: NDArray[np.uint64]
    positions: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Seen:
    """What was found in some rows; rows without attributions are not among them."""

    sums: GroupSums
    strata: tuple[Drawn, ...]
    lowest: Candidate | None
    highest: Candidate | None
    nearest: tuple[Candidate | None, ...]         # to the threshold, in each group of ``facets``; without any, in all


def survey_rows(survey: Survey, local: LocalParts, engine: Engine) -> Seen:
    """Look at all explained rows once; the same on any engine and however the data are cut into files."""
    fragments = local.fragments
    rows_each = max(ROWS_PER_STRETCH, -(-sum(fragment.rows for fragment in fragments) // MOST_STRETCHES))
    pieces = [Stretch(piece) for piece in batches(fragments, rows_each)]
    found = engine.map(partial(survey_stretch, survey=survey), pieces, stage="comparing groups", light=True)
    return _merge(survey, found)


def survey_stretch(stretch: Stretch, *, survey: Survey) -> Seen:
    """What is in one stretch; its parts are read a few thousand rows at a time."""
    merged: Seen | None = None
    for fragments in batches(stretch.fragments, survey.rows_per_batch):
        seen = _look(survey, fragments)
        merged = seen if merged is None else _merge(survey, (merged, seen))
    return merged if merged is not None else _nothing(survey)


def _look(survey: Survey, fragments: Sequence[Fragment]) -> Seen:
    parts = [read_part(part_uri_of(survey.parts_uri, fragment), survey.part_columns) for fragment in fragments]
    part = pa.concat_tables(parts)
    explained = part["outcome"].to_numpy() != Outcome.FAILED
    positions = np.concatenate([fragment.first_row + np.arange(fragment.rows) for fragment in fragments])[explained]
    codes = _codes(survey, fragments, explained)
    members = [codes[coding] == side for coding in survey.facets for side in (SELECTED, NOT_SELECTED)]
    among = np.array(members, dtype=np.bool_).reshape(len(members), len(positions))
    values, errors = (_matrix(part, names, explained) for names in _halves(survey.part_columns[2:]))
    sums = sum_groups(among, values, errors, np.array(survey.centres))
    if survey.most_drawn == 0:
        return Seen(sums, (), None, None, ())
    hashes = position_hashes(positions, survey.seed)
    scores = part[survey.part_columns[1]].to_numpy()[explained]
    return Seen(
        sums,
        _draw(survey, codes, hashes, positions),
        _best(scores, hashes, positions),
        _best(-scores, hashes, positions),
        _nearest(survey, among[::2], scores, hashes, positions),
    )


def _codes(
    survey: Survey, fragments: Sequence[Fragment], explained: NDArray[np.bool_]
) -> dict[Coding, NDArray[np.int8]]:
    """How each coding reads the explained rows."""
    names = survey.facet_columns
    if not names:
        return {}
    table = pa.concat_tables([read_fragment(fragment, names) for fragment in joined(fragments)])
    codings = dict.fromkeys((*survey.facets, *survey.strata))
    return {coding: coding.code(table[coding.column])[explained] for coding in codings}


def joined(fragments: Iterable[Fragment]) -> Iterator[Fragment]:
    """Neighbours in a row group as one fragment each, so that the row group is decoded once."""
    held: Fragment | None = None
    for fragment in fragments:
        if held is not None and _continues(held, fragment):
            rows = held.rows + fragment.rows
            held = Fragment(held.index, held.uri, held.row_group, held.offset, rows, held.first_row)
            continue
        if held is not None:
            yield held
        held = fragment
    if held is not None:
        yield held


def _continues(held: Fragment, fragment: Fragment) -> bool:
    same = held.uri == fragment.uri and held.row_group == fragment.row_group
    return same and fragment.offset == held.offset + held.rows


def _halves(names: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    return names[: len(names) // 2], names[len(names) // 2 :]


def _matrix(part: pa.Table, names: Sequence[str], explained: NDArray[np.bool_]) -> NDArray[np.float64]:
    matrix = np.empty((int(explained.sum()), len(names)))
    for place, name in enumerate(names):
        matrix[:, place] = part[name].to_numpy()[explained]
    return matrix


# --- single rows ------------------------------------------------------------------------------------------------------


def _draw(
    survey: Survey, codes: dict[Coding, NDArray[np.int8]], hashes: NDArray[np.uint64], positions: NDArray[np.int64]
) -> tuple[Drawn, ...]:
    stratum = np.full(len(positions), len(survey.strata))
    for place in reversed(range(len(survey.strata))):
        stratum[codes[survey.strata[place]] == SELECTED] = place
    members = (stratum == place for place in range(len(survey.strata) + 1))
    return tuple(
        _smallest(Drawn(int(among.sum()), hashes[among], positions[among]), survey.most_drawn) for among in members
    )


def _smallest(drawn: Drawn, most: int) -> Drawn:
    order = np.lexsort((drawn.positions, drawn.hashes))[:most]
    return Drawn(drawn.rows, drawn.hashes[order], drawn.positions[order])


def _nearest(
    survey: Survey,
    members: NDArray[np.bool_],
    scores: NDArray[np.float64],
    hashes: NDArray[np.uint64],
    positions: NDArray[np.int64],
) -> tuple[Candidate | None, ...]:
    if survey.threshold is None:
        return ()
    distances = np.abs(scores - survey.threshold)
    groups = list(members) if survey.facets else [np.ones(len(scores), dtype=np.bool_)]
    return tuple(_best(distances[among], hashes[among], positions[among]) for among in groups)


def _best(
    sizes: NDArray[np.float64], hashes: NDArray[np.uint64], positions: NDArray[np.int64]
) -> Candidate | None:
    """The row of the smallest size; of several, that of the smallest hash."""
    if len(sizes) == 0:
        return None
    equal = np.flatnonzero(sizes == sizes.min())
    place = equal[np.lexsort((positions[equal], hashes[equal]))[0]]
    return float(sizes[place]), int(hashes[place]), int(positions[place])


# --- several findings as one ------------------------------------------------------------------------------------------


def _merge(survey: Survey, found: Sequence[Seen]) -> Seen:
    if not found:
        return _nothing(survey)
    strata = zip(*(seen.strata for seen in found), strict=True)
    return Seen(
        merge_sums([seen.sums for seen in found]),
        tuple(_merge_drawn(parts, survey.most_drawn) for parts in strata),
        _first(seen.lowest for seen in found),
        _first(seen.highest for seen in found),
        tuple(map(_first, zip(*(seen.nearest for seen in found), strict=True))),
    )


def _merge_drawn(parts: Sequence[Drawn], most: int) -> Drawn:
    together = Drawn(
        sum(part.rows for part in parts),
        np.concatenate([part.hashes for part in parts]),
        np.concatenate([part.positions for part in parts]),
    )
    return _smallest(together, most)


def _first(candidates: Iterable[Candidate | None]) -> Candidate | None:
    return min((candidate for candidate in candidates if candidate is not None), default=None)


def _nothing(survey: Survey) -> Seen:
    n_groups, n_columns = 2 * len(survey.facets), len(survey.attributions)
    sums = GroupSums(np.zeros(n_groups, dtype=np.int64), np.zeros((0, 3, n_groups, n_columns)))
    return Seen(sums, (), None, None, ())
