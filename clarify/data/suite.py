"""What a config needs of its data: expectations, small and serialisable, and the profile's numbers they are held to."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from clarify.config.analysis import AnalysisConfig
from clarify.config.checks import references
from clarify.config.columns import closest, column_name, feature_columns, listed
from clarify.data.coding import ColumnFacts, Scalar, canonical, printed, reading_of, reads_like_label
from clarify.data.matching import match
from clarify.data.readings import may_hold_codes
from clarify.errors import DataError
from clarify.features import Kind

TOLERATED_NON_FINITE_SHARE = 0.01

Severity = Literal["blocking", "recorded"]
Frame = Literal["header", "numbers", "values", "features", "types", "rows", "slab"]
Check = Literal["exists", "between", "contains", "equal", "not_null", "in_types"]


@dataclass(frozen=True)
class Expectation:
    """One thing that must, or should, be true of the data; small and serialisable.

    Attributes
    ----------
    name : str
        Stable word for it.
    column : str
        The dataset's column it is about; empty for the table.
    severity : blocking or recorded
        Whether the run stops (exit 2) or goes on with a reason in the results.
    frame, subject : str
        Which frame it reads, and which column of that frame.
    tolerated_share : float or None
        A recorded expectation blocks when a larger share of the rows breaks it.
    """

    name: str
    column: str
    severity: Severity
    frame: Frame
    check: Check
    subject: str
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[Scalar, ...] = ()
    other: str = ""
    tolerated_share: float | None = None
    detail: str = ""


def derive_expectations(config: AnalysisConfig, facts: Sequence[ColumnFacts]) -> tuple[Expectation, ...]:
    """The suite of one analysis: what its config needs of a dataset with these columns.

    Nothing is expected of a column that does not exist but that it should.
    """
    names = tuple(fact.summary.name for fact in facts)
    by_name = {fact.summary.name: fact for fact in facts}
    found = [Expectation("at_least_one_row", "", "blocking", "numbers", "between", "rows", minimum=1)]
    found += _columns_exist(config, names)
    if config.bias_requested:
        found += _bias(config, by_name)
    if config.needs_model and (features := feature_columns(config, names)):
        why = "the model is asked about rows with missing or infinite values"
        for measure in ("nulls", "non_finite"):
            name = f"features_{'not_null' if measure == 'nulls' else 'finite'}"
            found.append(Expectation(name, "", "recorded", "features", "between", measure, maximum=0,
                                     values=features, detail=why))
    return tuple(dict.fromkeys(found))


def score_expectations(
    outputs: Sequence[str],
    *,
    output: Literal["probability", "score"] = "score",
    tolerated_share: float = TOLERATED_NON_FINITE_SHARE,
) -> tuple[Expectation, ...]:
    """The second suite, on the scores after prediction: present and finite, and from 0 to 1 if probabilities.

    Up to ``tolerated_share`` of the rows may miss a score or have an infinite one: recorded; above it the run stops.
    """
    found: list[Expectation] = []
    for name in outputs:
        found.append(Expectation("scores_present", name, "recorded", "slab", "not_null", name,
                                 tolerated_share=tolerated_share, detail="rows without a score are not counted"))
        found.append(Expectation("scores_finite", name, "recorded", "slab", "between", name, *_FINITE,
                                 tolerated_share=tolerated_share, detail="rows with infinite scores are not counted"))
        if output == "probability":
            found.append(Expectation("scores_are_probabilities", name, "blocking", "slab", "between", name, 0.0, 1.0,
                                     detail="the model answers something else: check predictor.probability"))
    return tuple(found)


_FINITE = (-sys.float_info.max, sys.float_info.max)


def _columns_exist(config: AnalysisConfig, names: Sequence[str]) -> Iterator[Expectation]:
    for field, reference, told in references(config):
        name = column_name(reference, names)
        near = closest(reference, names) if isinstance(reference, str) else None
        hint = f"did you mean {near!r}?" if near else f"the columns are {listed(names)}"
        detail = f"{field}: {hint}{f' AWS answers: {told}' if told else ''}" if name is None else field
        shown = name or (reference if isinstance(reference, str) else f"position {reference}")
        yield Expectation("column_exists", shown, "blocking", "header", "exists", shown, detail=detail)


def _bias(config: AnalysisConfig, by_name: Mapping[str, ColumnFacts]) -> Iterator[Expectation]:
    names = tuple(by_name)
    positive = config.label_values_or_threshold or ()
    label = _named(config.label, names)
    predicted = _named(config.predicted_label, names) if config.post_training_metrics else None
    if label is not None:
        yield from _rows_of(by_name[label], "its rows count as unknown labels")
        yield from _two_sides(by_name[label], positive, "label", "single_class")
    for facet in config.facets:
        column = _named(facet.name_or_index, names)
        if column is not None:
            yield from _rows_of(by_name[column], "its rows belong to no group")
            yield from _facet(by_name[column], facet.value_or_threshold or ())
    group = _named(config.group_variable, names)
    if group is not None:
        yield from _rows_of(by_name[group], "its rows belong to no stratum")
    if predicted is not None:
        yield from _rows_of(by_name[predicted], "its rows count as unknown predictions")
        if label is not None:
            yield from _predictions(by_name[label], by_name[predicted], positive)


def _named(reference: str | int | None, names: Sequence[str]) -> str | None:
    return None if reference is None else column_name(reference, names)


def _rows_of(fact: ColumnFacts, unknown: str) -> Iterator[Expectation]:
    """Of every row: its value has the column's kind, is there, and is finite. The first pass counted those that
    are not, so what is held against the data is that count."""
    name, kind = fact.summary.name, fact.summary.kind
    yield Expectation("type_readable", name, "blocking", "types", "in_types", name, values=(kind,),
                      detail=f"read as {kind}: {fact.summary.reading}")
    yield Expectation("not_null", name, "recorded", "rows", "between", "nulls", maximum=0,
                      detail=f"missing value: {unknown}")
    if kind == "float":
        yield Expectation("finite", name, "recorded", "rows", "between", "non_finite", maximum=0,
                          detail="infinite value")


def _facet(fact: ColumnFacts, values: tuple[Scalar, ...]) -> Iterator[Expectation]:
    name = fact.summary.name
    if values:
        yield from _two_sides(fact, values, "facet", "single_group")
        return
    yield Expectation("threshold_given", name, "blocking", "numbers", "between", "thresholds_needed", maximum=0,
                      detail="name the threshold that facet d lies above")
    yield Expectation("facet_rest_seen", name, "recorded", "numbers", "between", "distinct", minimum=2,
                      detail="single_group: all rows are of one group")


def _two_sides(fact: ColumnFacts, values: tuple[Scalar, ...], role: str, reason: str) -> Iterator[Expectation]:
    """The listed values occur, and so does something else."""
    name, sides = fact.summary.name, _sides(fact, values)
    if sides.by_value:
        yield Expectation(f"{role}_values_seen", name, "recorded", "values", "contains", name,
                          values=tuple(dict.fromkeys(spelled(value, fact) for value in _meant(fact, values))))
    else:
        yield Expectation(f"{role}_values_seen", name, "recorded", "numbers", "between", "members", minimum=1,
                          values=values, detail=f"no row lies above {printed(values[0])}")
    yield Expectation(f"{role}_rest_seen", name, "recorded", "numbers", "between", "others", minimum=1,
                      values=values, detail=f"{reason}: no row is outside of what is listed")


def _predictions(label: ColumnFacts, predicted: ColumnFacts, positive: tuple[Scalar, ...]) -> Iterator[Expectation]:
    name = predicted.summary.name
    # Where coding reads two types as one, nothing is left to compare but that both columns have the same rows.
    subject = "rows" if reads_like_label(predicted, label, positive) else "reading"
    yield Expectation("same_type_as_label", name, "blocking", "numbers", "equal", subject, values=positive,
                      other=label.summary.name,
                      detail="write labels and predicted labels alike: both 0 and 1, or both words")
    yield Expectation("positive_prediction_seen", name, "blocking", "numbers", "between", "members", minimum=1,
                      values=positive, detail=f"no predicted label is {' or '.join(map(printed, positive))} or above")


# --- what the profile says -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Sides:
    """Different values among the listed ones and among the rest; None: too many values to tell."""

    members: int | None
    others: int | None
    by_value: bool


def _sides(fact: ColumnFacts, values: Sequence[Scalar]) -> _Sides:
    """How the listed values or the threshold split the values seen, as ``coding`` splits the rows."""
    threshold = _number(values[0]) if reading_of(fact, values) == "continuous" else None
    lowest, highest = _extremes(fact)
    if threshold is not None and lowest is not None and highest is not None and highest > threshold:
        return _Sides(1, int(lowest <= threshold), by_value=False)
    if threshold is not None and (fact.declared or not may_hold_codes(fact)):
        return _Sides(0, 1, by_value=False)
    if fact.values is None:
        return _Sides(None, 1, by_value=False)
    wanted = {canonical(value, _kind(fact)) for value in _meant(fact, values)}
    members = sum(canonical(value, _kind(fact)) in wanted for value in fact.values)
    return _Sides(members, len(fact.values) - members, by_value=threshold is None or members > 0)


def _meant(fact: ColumnFacts, values: Sequence[Scalar]) -> tuple[Scalar, ...]:
    """The listed values in the column's own spelling; an ambiguous one is told where the values are coded."""
    try:
        return match(values, fact.kind, fact.values, column=fact.summary.name, where="").values
    except DataError:
        return tuple(values)


def _kind(fact: ColumnFacts) -> Kind:
    kinds: dict[str, Kind] = {"int": "int", "float": "float", "bool": "bool"}
    return kinds.get(fact.summary.kind, "text")


def spelled(value: Scalar, fact: ColumnFacts) -> str:
    """A listed or seen value as text, in the spelling of the column's kind: 1, "1" and 1.0 are one value."""
    own = canonical(value, _kind(fact))
    whole = isinstance(own, float) and own.is_integer() and fact.summary.kind == "int"
    return str(int(own)) if whole else str(own)


def _number(value: Scalar) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def _extremes(fact: ColumnFacts) -> tuple[float | None, float | None]:
    summary = fact.summary
    if summary.minimum is not None and summary.maximum is not None:
        return summary.minimum, summary.maximum
    numbers = [number for number in map(_number, fact.values or ()) if number is not None]
    return (min(numbers), max(numbers)) if numbers else (None, None)


def measured(subject: str, fact: ColumnFacts, values: Sequence[Scalar]) -> float | str | None:
    """One number or word of a column's profile; None: not known, and nothing is held against the data."""
    match subject:
        case "rows":
            return fact.summary.rows
        case "distinct":
            return fact.summary.distinct
        case "nulls":
            return fact.summary.nulls
        case "non_finite":
            return fact.summary.non_finite
        case "members":
            return _sides(fact, values).members
        case "others":
            return _sides(fact, values).others
        case "thresholds_needed":
            groups_can_be_listed = fact.values is not None and fact.summary.kind != "float" and not fact.declared
            return int(reading_of(fact, ()) == "continuous" and not groups_can_be_listed)
        case _:
            # Nulls would make AWS read integers as floats; here they are unknown and change no type.
            return reading_of(fact.without_nulls(), values)
