"""The few rows that a survey found, fetched: drawn ones as a sample, chosen ones with their reasons."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clarify.data.coding import SELECTED, Coding
from clarify.data.dataset import Fragment, read_fragment
from clarify.engines.base import Engine
from clarify.explain.drawn_rows import allot
from clarify.explain.row_stability import row_stability
from clarify.results import (
    AttributionSample,
    Contribution,
    ExplainedRow,
    OutputExplanation,
    SampledFeature,
    SampleStratum,
)
from clarify.steps.joint_counts import Stretch
from clarify.steps.local_parts import LocalParts
from clarify.steps.player_values import Player, codes_of, value_in_words
from clarify.steps.predict import part_uri_of, read_part
from clarify.steps.row_survey import Seen, Survey, joined

MOST_SELECTED = 5
MOST_CONTRIBUTIONS = 8
DIGITS = 6

Because = Literal["lowest", "highest", "nearest_threshold"]


@dataclass(frozen=True, eq=False)
class Picked:
    """What is known of the analysis whose rows are fetched."""

    local: LocalParts
    outputs: tuple[OutputExplanation, ...]
    players: tuple[Player, ...]
    facets: tuple[Coding, ...]
    seed: int


@dataclass(frozen=True, eq=False)
class Wanted:
    """Rows of the neighbouring parts that one row group is cut into, by their positions in the dataset."""

    stretch: Stretch
    positions: NDArray[np.int64]

    @property
    def rows(self) -> int:
        return self.stretch.rows


def fetch(
    local: LocalParts,
    positions: Sequence[int],
    part_columns: Sequence[str],
    data_columns: Sequence[str],
    engine: Engine,
) -> tuple[pa.Table, pa.Table]:
    """Columns of the parts and of the data at some positions, each once, in ascending order."""
    read = partial(
        fetch_rows, parts_uri=local.parts_uri, part_columns=tuple(part_columns), data_columns=tuple(data_columns)
    )
    wanted = tuple(_wanted(local.fragments, np.array(sorted(set(positions)), dtype=np.int64)))
    found = engine.map(read, wanted, stage="fetching rows", light=True)
    return pa.concat_tables([part for part, _ in found]), pa.concat_tables([rows for _, rows in found])


def _wanted(fragments: Sequence[Fragment], positions: NDArray[np.int64]) -> Iterator[Wanted]:
    for _, group in groupby(fragments, key=lambda fragment: (fragment.uri, fragment.row_group)):
        parts = tuple(group)
        low, high = np.searchsorted(positions, [parts[0].first_row, parts[-1].first_row + parts[-1].rows])
        if high > low:
            yield Wanted(Stretch(parts), positions[low:high])


def fetch_rows(
    wanted: Wanted, *, parts_uri: str, part_columns: tuple[str, ...], data_columns: tuple[str, ...]
) -> tuple[pa.Table, pa.Table]:
    """The wanted rows of one row group, in order; it is decoded once, and parts without such rows are not read."""
    parts, rows = [], []
    for fragment in wanted.stretch.fragments:
        offsets = _offsets(wanted.positions, fragment)
        if len(offsets):
            parts.append(read_part(part_uri_of(parts_uri, fragment), part_columns).take(offsets))
    for fragment in joined(wanted.stretch.fragments) if data_columns else ():
        rows.append(read_fragment(fragment, data_columns).take(_offsets(wanted.positions, fragment)))
    return pa.concat_tables(parts), pa.concat_tables(rows or [pa.table({})])


def _offsets(positions: NDArray[np.int64], fragment: Fragment) -> NDArray[np.int64]:
    low, high = np.searchsorted(positions, [fragment.first_row, fragment.first_row + fragment.rows])
    return positions[low:high] - fragment.first_row


# --- the sample -------------------------------------------------------------------------------------------------------


def samples_of(
    picked: Picked, features: Sequence[Sequence[int]], survey: Survey, seen: Seen, engine: Engine
) -> tuple[AttributionSample, ...]:
    """The same rows of every output, stratum by stratum and in dataset order within each.

    ``features``: of each output the places of the players to show.
    """
    strata = [drawn for drawn in seen.strata if drawn.rows]
    names = [place for place, drawn in enumerate(seen.strata) if drawn.rows]
    if not strata:
        return ()
    quotas = allot([drawn.rows for drawn in strata], survey.most_drawn)
    rows = [np.sort(drawn.positions[:quota]) for drawn, quota in zip(strata, quotas, strict=True)]
    weights = [np.full(quota, drawn.rows / quota) for drawn, quota in zip(strata, quotas, strict=True)]
    positions = np.concatenate(rows)
    values = [f"value:{output}:{place}" for output, places in enumerate(features) for place in places]
    shown = [picked.players[place] for place in dict.fromkeys(place for places in features for place in places)]
    columns = dict.fromkeys(name for player in shown for name in player.read)
    part, data = fetch(picked.local, positions.tolist(), values, tuple(columns), engine)
    order = np.argsort(np.argsort(positions))
    part, data = part.take(order), data.take(order) if columns else _no_columns(len(positions))
    codes = {player.place: codes_of(player, data, np.concatenate(weights)) for player in shown}
    found = tuple(
        SampleStratum(*_named(survey.strata, place), rows=drawn.rows, drawn=quota)
        for place, drawn, quota in zip(names, strata, quotas, strict=True)
    )
    return tuple(
        AttributionSample(
            output=output.label,
            strata=found,
            features=tuple(
                SampledFeature(
                    picked.players[place].name, _rounded(part[f"value:{index}:{place}"].to_numpy()), *codes[place]
                )
                for place in places
            ),
        )
        for index, (output, places) in enumerate(zip(picked.outputs, features, strict=True))
    )


def _no_columns(rows: int) -> pa.Table:
    return pa.table({"row": np.arange(rows)})


def _named(strata: Sequence[Coding], place: int) -> tuple[str, str]:
    return (strata[place].column, strata[place].text) if place < len(strata) else ("", "")


def _rounded(values: NDArray[np.float64]) -> tuple[float, ...]:
    """Six significant digits: a tenth of a pixel on any picture, and a third of the bytes."""
    return tuple(float(f"{value:.{DIGITS}g}") + 0.0 for value in values.tolist())


# --- single rows ------------------------------------------------------------------------------------------------------


def explained_rows(picked: Picked, survey: Survey, seen: Seen, engine: Engine) -> tuple[ExplainedRow, ...]:
    """The rows at the edges of the scores and nearest to the threshold, with their reasons."""
    chosen = dict(_chosen(seen))
    if not chosen:
        return ()
    output, places = survey.scored_output, range(len(picked.players))
    names = [f"{kind}:{output}:{place}" for kind in ("value", "error") for place in places]
    columns = dict.fromkeys(name for player in picked.players for name in player.read)
    facets = dict.fromkeys(coding.column for coding in picked.facets)
    wanted = tuple({**columns, **facets})
    part, data = fetch(picked.local, list(chosen), [f"score:{output}", *names], wanted, engine)
    places_of = {position: place for place, position in enumerate(sorted(chosen))}
    return tuple(
        _explained(picked, output, position, because, part.slice(place, 1), data.slice(place, 1))
        for position, because in chosen.items()
        for place in [places_of[position]]
    )


def _chosen(seen: Seen) -> Iterator[tuple[int, Because]]:
    """Positions and why, each position once, the first few."""
    rules: list[tuple[Because, tuple[float, int, int] | None]] = [("lowest", seen.lowest), ("highest", seen.highest)]
    rules += [("nearest_threshold", candidate) for candidate in seen.nearest]
    positions: set[int] = set()
    for because, candidate in rules:
        if candidate is not None and candidate[2] not in positions and len(positions) < MOST_SELECTED:
            positions.add(candidate[2])
            yield candidate[2], because


def _explained(
    picked: Picked, output: int, position: int, because: Because, part: pa.Table, data: pa.Table
) -> ExplainedRow:
    """One row; only reported features are named, all others are in the rest."""
    n_players = len(picked.players)
    values, errors = (
        np.array([part[f"{kind}:{output}:{place}"][0].as_py() for place in range(n_players)])
        for kind in ("value", "error")
    )
    reported = [place for place, _ in picked.local.reported]
    listed = sorted(reported, key=lambda place: -abs(values[place]))[:MOST_CONTRIBUTIONS]
    rest = [place for place in range(n_players) if place not in listed]
    stability = row_stability(values[reported], errors[reported], seed=picked.seed * 2**32 + position)
    return ExplainedRow(
        output=picked.outputs[output].label,
        row=position,
        chosen_because=because,
        groups=tuple(_groups(picked.facets, data)),
        score=part[f"score:{output}"][0].as_py(),
        contributions=tuple(
            Contribution(
                feature=picked.players[place].name,
                attribution=float(values[place]),
                standard_error=float(errors[place]),
                value=value_in_words(picked.players[place], data, 0),
            )
            for place in listed
        ),
        rest=math.fsum(values[rest].tolist()),
        rest_standard_error=math.sqrt(math.fsum(np.square(errors[rest]).tolist())),
        n_rest=len(rest),
        order_holds=None if stability is None else stability.order_holds,
        first_swaps=None if stability is None else stability.first_swaps,
    )


def _groups(facets: Sequence[Coding], data: pa.Table) -> Iterator[tuple[str, str]]:
    for facet in facets:
        if facet.code(data[facet.column])[0] == SELECTED:
            yield facet.column, facet.text
