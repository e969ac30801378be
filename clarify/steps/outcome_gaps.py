"""A continuous outcome compared between the facets: label, prediction and error, in the outcome's own unit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import add

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clarify.bias.contingency import FACET_A, FACET_D
from clarify.bias.outcome_gaps import Moments, Outcome, Side, Values, outcome_gap
from clarify.data.coding import Coding, as_numbers
from clarify.data.dataset import Fragment, cut, read_fragment
from clarify.engines.base import Engine
from clarify.results import OutcomeGap
from clarify.steps.joint_counts import (
    ROWS_PER_STRETCH,
    Axis,
    Histogram,
    Place,
    Placed,
    Stretch,
    batches,
    count_jointly,
    facet_axes,
    place_rows,
    read_rows,
    sides_of_group,
    stretches,
)
from clarify.steps.plan import AnalysisPlan
from clarify.steps.predict import ScoredDataset, part_uri_of, read_part
from clarify.steps.validate_dataset import PreparedData, keep_rows

MOST_ROWS_HELD = 1_000_000           # a dataset of so many rows is held whole: 8 bytes an outcome and row
FEWEST_ROWS_HELD = 2_000             # of every side of every group in a larger one, however many groups there are
FEWEST_VALUES = 3                    # two values are a class each, and shares of them are what the metrics compare
EVERY_ROW = 2**64 - 1

Sides = tuple[tuple[int, int], ...]
"""For every group of one facet column the largest hash of a row held in facet a, and in facet d."""


def measure_outcome_gaps(
    plan: AnalysisPlan, data: PreparedData, scored: ScoredDataset | None, engine: Engine
) -> tuple[OutcomeGap, ...]:
    """Mean and quantiles of a continuous label, its prediction and the error, facet a minus facet d.

    Nothing unless the label is read as continuous and has three values or more. Predictions count when the data hold
    them or the model answers in the label's unit. Means rest on all rows; quantiles too, up to a million rows in the
    dataset, beyond on a sample of every side, drawn by a hash of the row's number.
    """
    label = data.roles.label
    if label is None or label.reading != "continuous" or not data.facets or not _has_many_values(data, label):
        return ()
    job = GapJob(label.column, _prediction(data, scored), facet_axes(data.facets), scored)
    fragments = cut(keep_rows(data, engine), ROWS_PER_STRETCH) if scored is None else scored.fragments
    if data.dataset.rows > MOST_ROWS_HELD:
        counted = count_jointly(engine, data, scored, [(axis,) for axis in job.facets], stage="counting facets")
        job = job.holding([_thresholds(axis, item) for axis, item in zip(job.facets, counted, strict=True)])
    gathered = engine.map(partial(gather, job=job), stretches(fragments), stage="comparing outcomes", light=True)
    return tuple(_gaps(job, data.facets, added(gathered)))


def _has_many_values(data: PreparedData, label: Coding) -> bool:
    distinct = next(summary.distinct for summary in data.outcome.columns if summary.name == label.column)
    return distinct is None or distinct >= FEWEST_VALUES


def _prediction(data: PreparedData, scored: ScoredDataset | None) -> str | None:
    """The column of predictions in the label's unit: of the answers' parts, else of the data."""
    if scored is not None:
        one = len(scored.output_names) == 1 and scored.speaks_in_labels
        return f"score:{scored.output_names[0]}" if one else None
    return data.predicted_label.column if data.predicted_label is not None else None


@dataclass(frozen=True)
class GapJob:
    """What a worker needs: where label and prediction lie, the facets, and which rows to hand back."""

    label: str
    prediction: str | None
    facets: tuple[Axis, ...]
    scored: ScoredDataset | None
    thresholds: tuple[Sides, ...] = ()   # of each facet column; none: every row is held

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        return ("label",) if self.prediction is None else ("label", "prediction", "error")

    def holding(self, thresholds: Iterable[Sides]) -> GapJob:
        return GapJob(self.label, self.prediction, self.facets, self.scored, tuple(thresholds))

    def largest_hash(self, position: int, group: int, side: int) -> int:
        return self.thresholds[position][group][side] if self.thresholds else EVERY_ROW


def _thresholds(axis: Axis, counted: Histogram) -> Sides:
    """How far hashes may go so that about as many rows of each side are held as memory allows."""
    n_groups = len(axis.groups or ())
    most = max(FEWEST_ROWS_HELD, MOST_ROWS_HELD // (2 * n_groups))
    return tuple(
        (_largest_hash(_rows(counted, group, FACET_A), most), _largest_hash(_rows(counted, group, FACET_D), most))
        for group in range(n_groups)
    )


def _rows(counted: Histogram, group: int, side: int) -> int:
    return int(counted.counts[counted.along(0, sides_of_group(counted.places[0], group)) == side].sum())


def _largest_hash(rows: int, most: int) -> int:
    return EVERY_ROW if rows <= most else most * 2**64 // rows - 1


@dataclass(frozen=True, eq=False)
class Gathered:
    """One stretch of rows: exact sums by place, and the rows that quantiles rest on.

    ``moments[i][place]`` has one entry for each outcome and ``rows[i]`` counts all rows of facet column i;
    ``values`` has shape (rows held, outcomes) with NaN for what is missing, ``hashes`` shape (rows held,).
    """

    rows: tuple[Counter[Place], ...]
    moments: tuple[dict[Place, tuple[Moments, ...]], ...]
    placed: tuple[Placed, ...]
    values: Values
    hashes: NDArray[np.uint64]


def gather(stretch: Stretch, *, job: GapJob) -> Gathered:
    """Sums of all rows of one stretch, and the rows whose hash is small enough to be held."""
    return added([_gather(fragments, job) for fragments in batches(stretch.fragments, ROWS_PER_STRETCH)])


def _gather(fragments: Sequence[Fragment], job: GapJob) -> Gathered:
    values = _outcomes(fragments, job)
    rows, _ = read_rows(fragments, job.facets, None)
    placed = place_rows(rows, None, job.facets)
    hashes = np.concatenate([row_hashes(item.first_row, item.rows) for item in fragments])
    held = _held(job, placed, hashes)
    return Gathered(
        rows=tuple(_counts(one) for one in placed),
        moments=tuple(_moments(one, values) for one in placed),
        placed=tuple((places, positions[held]) for places, positions in placed),
        values=values[held],
        hashes=hashes[held],
    )


def _counts(placed: Placed) -> Counter[Place]:
    places, positions = placed
    counts = np.bincount(positions, minlength=len(places)).tolist()
    return Counter({place: count for place, count in zip(places, counts, strict=True) if count})


def _moments(placed: Placed, values: Values) -> dict[Place, tuple[Moments, ...]]:
    """Exact sums of the rows at every place, outcome by outcome."""
    places, positions = placed
    order = np.argsort(positions, kind="stable")
    bounds = np.searchsorted(positions[order], np.arange(len(places) + 1))
    found: dict[Place, tuple[Moments, ...]] = {}
    for index, place in enumerate(places):
        rows = values[order[bounds[index] : bounds[index + 1]]]
        found[place] = tuple(Moments.of(column[~np.isnan(column)]) for column in rows.T)
    return found


def _held(job: GapJob, placed: Sequence[Placed], hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """The rows that some side of some group keeps."""
    held = np.zeros(len(hashes), dtype=bool)
    for position, (places, at) in enumerate(placed):
        largest = np.array([_largest_at(job, position, place) for place in places], dtype=np.uint64)
        known = np.array([place is not None for place in places])
        held |= known[at] & (hashes <= largest[at])
    return held


def _largest_at(job: GapJob, position: int, place: Place) -> int:
    if place is None or not job.thresholds:
        return EVERY_ROW
    here = place if isinstance(place, tuple) else ()
    return max(of_d if group in here else of_a for group, (of_a, of_d) in enumerate(job.thresholds[position]))


def added(parts: Sequence[Gathered]) -> Gathered:
    """The sums and the held rows of several parts together."""
    columns = range(len(parts[0].rows))
    return Gathered(
        rows=tuple(sum((part.rows[i] for part in parts), Counter()) for i in columns),
        moments=tuple(_all_moments([part.moments[i] for part in parts]) for i in columns),
        placed=tuple(_all_placed([part.placed[i] for part in parts]) for i in columns),
        values=np.concatenate([part.values for part in parts]),
        hashes=np.concatenate([part.hashes for part in parts]),
    )


def _all_moments(parts: Sequence[Mapping[Place, tuple[Moments, ...]]]) -> dict[Place, tuple[Moments, ...]]:
    total: dict[Place, tuple[Moments, ...]] = {}
    for part in parts:
        for place, some in part.items():
            total[place] = tuple(map(add, total[place], some)) if place in total else some
    return total


def _all_placed(parts: Sequence[Placed]) -> Placed:
    places = tuple(dict.fromkeys(place for found, _ in parts for place in found))
    position = {place: index for index, place in enumerate(places)}
    moved = [np.array([position[place] for place in found], dtype=np.int64)[at] for found, at in parts]
    return places, np.concatenate(moved)


def row_hashes(first_row: int, rows: int) -> NDArray[np.uint64]:
    """A 64-bit hash of every row's number, as even as random numbers and always the same (splitmix64).

    References
    ----------
    .. [1] G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    """
    mixed = np.arange(first_row + 1, first_row + rows + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    hashes: NDArray[np.uint64] = mixed ^ (mixed >> np.uint64(31))
    return hashes


def _outcomes(fragments: Sequence[Fragment], job: GapJob) -> Values:
    """Every row's outcomes, shape (rows, outcomes); NaN for what is missing or not finite."""
    in_data = [job.label] if job.prediction is None or job.scored is not None else [job.label, job.prediction]
    table = pa.concat_tables([read_fragment(fragment, columns=in_data) for fragment in fragments])
    label = _finite(table[job.label])
    if job.prediction is None:
        return label[:, None]
    answers = table if job.scored is None else _answers(fragments, job.scored, job.prediction)
    predicted = _finite(answers[job.prediction])
    return np.stack([label, predicted, predicted - label], axis=1)


def _answers(fragments: Sequence[Fragment], scored: ScoredDataset, name: str) -> pa.Table:
    return pa.concat_tables([read_part(part_uri_of(scored.parts_uri, item), columns=[name]) for item in fragments])


def _finite(column: pa.ChunkedArray) -> Values:
    numbers = as_numbers(column)
    return np.where(np.isfinite(numbers), numbers, np.nan)


# --- from sums and held rows to gaps ----------------------------------------------------------------------------------


def _gaps(job: GapJob, facets: Sequence[Coding], gathered: Gathered) -> Iterator[OutcomeGap]:
    columns = [axis.column for axis in job.facets]
    for facet in facets:
        position = columns.index(facet.column)
        group = (job.facets[position].groups or ()).index(facet)
        for index, outcome in enumerate(job.outcomes):
            a, d = (_side(job, gathered, position, group, side, index) for side in (FACET_A, FACET_D))
            yield outcome_gap(outcome, a, d, facet=facet.column, value_or_threshold=facet.text)


def _side(job: GapJob, gathered: Gathered, position: int, group: int, side: int, outcome: int) -> Side:
    sides = sides_of_group(gathered.moments[position], group)
    here = [place for place, code in sides.items() if code == side]
    moments = sum((gathered.moments[position][place][outcome] for place in here), Moments())
    places, at = gathered.placed[position]
    belongs = np.array([place in here for place in places], dtype=bool)
    held = belongs[at] & (gathered.hashes <= np.uint64(job.largest_hash(position, group, side)))
    values = gathered.values[held, outcome]
    return Side(sum(gathered.rows[position][place] for place in here), moments, values[~np.isnan(values)])
