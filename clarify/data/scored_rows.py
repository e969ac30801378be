"""Labels beside predictions and scores, row by row, with the groups each row is in: what quality is measured on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clarify.config.analysis import AnalysisConfig
from clarify.config.columns import column_name
from clarify.data.addressing import open_dataset
from clarify.data.coding import SELECTED, UNKNOWN, Coding, as_numbers, one_array, printed
from clarify.data.column_types import ARROW_TYPES, to_kind
from clarify.data.csv_header import CsvHeader
from clarify.data.matching import Scalar, canonical, match
from clarify.data.profile import SourceProfile, profile_source
from clarify.data.readings import ColumnFacts, Reading, may_hold_codes
from clarify.data.source import Source, read_source_file
from clarify.drift.model_quality import ProblemType, RowGroup, ScoredRows
from clarify.errors import ConfigError, DataError, Problem
from clarify.results import Notice

MOST_GROUPS: Final = 50                # values of a facet whose groups are not listed
REST: Final = "rest"
BINARY: Final = ("0", "1")


@dataclass(frozen=True)
class QualityColumns:
    """Where label, predicted label and score are, by name; one of the last two is enough."""

    label: str
    predicted_label: str | None = None
    score: str | None = None

    @classmethod
    def of(cls, config: AnalysisConfig, *, score: str | None = None) -> QualityColumns:
        """The columns that a config names, with the score's beside them."""
        predicted = None if config.predicted_label is None else str(config.predicted_label)
        return cls(str(config.label), predicted, score)


@dataclass(frozen=True)
class QualityReadings:
    """How an earlier, larger table was read, so that a small window is read alike; empty: decide from the values."""

    problem_type: ProblemType | None = None
    classes: tuple[str, ...] = ()
    positive: str = ""                                            # the class taken for positive where none is listed
    readings: Mapping[str, str] = field(default_factory=dict)     # of label and facets, by column


@dataclass(frozen=True)
class ScoredTable:
    """The rows, how their columns were read, and SHA-256 over the files."""

    rows: ScoredRows
    readings: QualityReadings
    digest: str


def read_scored_rows(
    uri: str,
    config: AnalysisConfig,
    columns: QualityColumns,
    *,
    known: QualityReadings | None = None,
    csv_header: CsvHeader = "guess",
) -> ScoredTable:
    """Read label, prediction, score and facets of one dataset; memory grows with its rows, about 40 bytes each.

    Two classes: the values in ``label_values_or_threshold`` are positive, else the last value in order. A label of
    more than ten different numbers is a quantity: a regression when the prediction is one too, else positive above
    the threshold. Other labels have several classes.

    Raises
    ------
    ConfigError
        QUALITY-COLUMNS when neither a predicted label nor a score is named.
    DataError
        QUALITY-LABELS when no predicted label is a value of the label, QUALITY-SCORE when scores are no numbers, and
        what opening and reading raises.
    """
    source, config = open_dataset(config, uri, csv_header=csv_header)
    if columns.predicted_label is None and columns.score is None:
        hint = "name the column of predicted labels, or that of scores"
        raise ConfigError(Problem("QUALITY-COLUMNS", "predicted_label", "nothing", "a column of predictions", hint))
    profile = profile_source(source)
    reader = _Reader(profile, config, columns, known or QualityReadings())
    return reader.read()


class _Reader:
    """One dataset on its way to rows: what its columns mean is decided first, from what the profile says."""

    def __init__(
        self, profile: SourceProfile, config: AnalysisConfig, columns: QualityColumns, known: QualityReadings
    ) -> None:
        self._profile, self._config, self._columns, self._known = profile, config, columns, known
        self._label = self._facts(columns.label)
        self._predicted = None if columns.predicted_label is None else self._facts(columns.predicted_label)
        if columns.score is not None and self._facts(columns.score).kind == "text":
            received = f"column '{columns.score}' of texts"
            raise DataError(Problem("QUALITY-SCORE", "score", received, "numbers", "name the column of scores"))
        self._listed = config.label_values_or_threshold or ()
        self._notices: list[Notice] = []

    def read(self) -> ScoredTable:
        facets = tuple(self._facets())
        table = self._table([coding.column for _, coding in facets])
        problem_type = self._problem_type()
        label, predicted, classes = self._outcomes(problem_type, table)
        is_known = _are_known(label) & _are_known(predicted)
        score = self._score(problem_type, table)
        is_known &= np.ones(len(label), dtype=bool) if score is None else np.isfinite(score)
        groups = tuple(self._groups(facets, table, is_known))
        rows = ScoredRows(
            problem_type, label[is_known], predicted[is_known], None if score is None else score[is_known], classes,
            groups, int((~is_known).sum()), tuple(self._notices),
        )  # fmt: skip
        by_column: dict[str, str] = {coding.column: coding.reading for _, coding in facets}
        by_column[self._columns.label] = self._reading(self._label, self._listed)
        chosen = self._positive() if problem_type == "BinaryClassification" and not self._listed else ()
        positive = printed(chosen[0]) if chosen else ""
        return ScoredTable(rows, QualityReadings(problem_type, classes, positive, by_column), self._profile.digest)

    # --- what columns mean ---

    def _facts(self, name: str) -> ColumnFacts:
        return ColumnFacts.of(self._profile.column(name))

    def _reading(self, facts: ColumnFacts, listed: Sequence[Scalar]) -> Reading:
        """As the reference was read, else by the values: AWS's own inference hangs on how many rows there are."""
        before = self._known.readings.get(facts.summary.name)
        if before is not None:
            return "continuous" if before == "continuous" else "categorical"
        is_number = facts.kind in ("int", "float") and len(listed) < 2
        return "continuous" if is_number and not may_hold_codes(facts) else "categorical"

    def _problem_type(self) -> ProblemType:
        if self._known.problem_type is not None:
            return self._known.problem_type
        is_quantity = self._reading(self._label, self._listed) == "continuous"
        prediction = self._predicted or self._facts(self._columns.score or "")
        predicts_quantity = prediction.kind in ("int", "float") and not may_hold_codes(prediction)
        if is_quantity and predicts_quantity and (self._predicted is not None or not self._listed):
            return "Regression"
        if self._listed:
            return "BinaryClassification"
        return "MulticlassClassification" if (self._label.summary.distinct or 0) > 2 else "BinaryClassification"

    def _positive(self) -> tuple[Scalar, ...]:
        """The values of the positive class where the config lists none: the last one in order."""
        if self._listed:
            return self._listed
        if self._known.positive:
            return (self._known.positive,)
        values = sorted(self._label.values or (), key=lambda value: (isinstance(value, str), value))
        return tuple(values[-1:])

    def _told(self, positive: Sequence[Scalar]) -> None:
        if positive and not self._listed:
            name = self._columns.label
            message = f"of column '{name}' the value {printed(positive[0])} is read as positive: none is listed"
            self._notices.append(Notice("QUALITY-POSITIVE-CLASS", "label_values_or_threshold", message))

    # --- values of rows ---

    def _table(self, facets: Sequence[str]) -> pa.Table:
        asked = (self._columns.label, self._columns.predicted_label, self._columns.score, *facets)
        names = list(dict.fromkeys(name for name in asked if name is not None))
        return pa.Table.from_batches(
            _typed_batches(self._profile, names),
            schema=pa.schema([(name, ARROW_TYPES[self._profile.kinds[name]]) for name in names]),
        )

    def _outcomes(
        self, problem_type: ProblemType, table: pa.Table
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[str, ...]]:
        """Label and predicted label as numbers or codes, NaN where unknown."""
        label = table[self._columns.label]
        if problem_type == "Regression":
            predicted = table[self._columns.predicted_label or self._columns.score]
            return _finite(as_numbers(label)), _finite(as_numbers(predicted)), ()
        if problem_type == "BinaryClassification":
            return self._binary(table)
        if self._columns.predicted_label is None:
            hint = "name the column of predicted labels: one score does not name one of several classes"
            raise ConfigError(Problem("QUALITY-COLUMNS", "predicted_label", "nothing", "a column of classes", hint))
        texts = [_texts(label), _texts(table[self._columns.predicted_label])]
        seen = sorted({text for found in texts for text in found if text is not None}, key=_in_order)
        classes = tuple(dict.fromkeys((*self._known.classes, *seen)))
        position = {name: float(i) for i, name in enumerate(classes)}
        codes = [np.array([np.nan if t is None else position[t] for t in found], dtype=np.float64) for found in texts]
        return codes[0], codes[1], classes

    def _binary(self, table: pa.Table) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[str, ...]]:
        positive = self._positive()
        self._told(positive)
        label = self._coding(self._label, positive)
        observed = _codes(label, table[self._columns.label])
        if self._predicted is None:
            score = _finite(as_numbers(table[self._columns.score]))
            above = np.where(score > self._config.probability_threshold, 1.0, 0.0)
            return observed, np.where(np.isnan(score), np.nan, above), BINARY
        self._ensure_alike(positive)
        predicted = self._coding(self._predicted, positive, like=label)
        return observed, _codes(predicted, table[self._columns.predicted_label]), BINARY

    def _coding(self, facts: ColumnFacts, listed: Sequence[Scalar], *, like: Coding | None = None) -> Coding:
        reading = self._reading(facts, listed) if like is None else like.reading
        name = facts.summary.name
        if reading == "continuous" and listed:
            return Coding(name, "continuous", "", threshold=_threshold(listed[0], name))
        matched = match(listed, facts.kind, facts.values, column=name, where=name)
        return Coding(name, "categorical", ",".join(map(printed, listed)), matched.values)

    def _ensure_alike(self, positive: Sequence[Scalar]) -> None:
        """Predicted labels are to be values of the label; a window of one class may show another one alone."""
        label, predicted = self._label, self._predicted
        if predicted is None or label.values is None or not predicted.values:
            return
        if self._reading(label, positive) == "continuous" or len(predicted.values) < 2:
            return
        values = {canonical(value, label.kind) for value in (*label.values, *positive)}
        if values.isdisjoint(canonical(value, label.kind) for value in predicted.values):
            received = ", ".join(map(printed, predicted.values[:5]))
            allowed = f"values of column '{label.summary.name}': {', '.join(map(printed, label.values[:5]))}"
            hint = "name the column that holds predicted labels, not scores"
            raise DataError(Problem("QUALITY-LABELS", "predicted_label", received, allowed, hint))

    def _score(self, problem_type: ProblemType, table: pa.Table) -> NDArray[np.float64] | None:
        if problem_type != "BinaryClassification" or self._columns.score is None:
            return None
        return _finite(as_numbers(table[self._columns.score]))

    # --- groups ---

    def _facets(self) -> Iterator[tuple[str, Coding]]:
        """Every group with its name; thresholds are named without the largest value, which each window has anew."""
        for index, facet in enumerate(self._config.facets):
            name = column_name(facet.name_or_index, self._profile.source.column_names) or str(facet.name_or_index)
            facts = self._facts(name)
            listed = facet.value_or_threshold or ()
            if listed:
                coding = self._coding(facts, listed)
                yield group_name(name, coding.text, coding.threshold), coding
                continue
            values = facts.values or ()
            if len(values) > MOST_GROUPS or facts.values is None:
                message = f"column '{name}' has over {MOST_GROUPS} values and none listed: its groups are left out"
                self._notices.append(Notice("QUALITY-GROUPS", f"facet[{index}]", message))
                continue
            for value in values:
                yield group_name(name, printed(value)), Coding(name, "categorical", printed(value), (value,))

    def _groups(
        self, facets: Sequence[tuple[str, Coding]], table: pa.Table, is_known: NDArray[np.bool_]
    ) -> Iterator[RowGroup]:
        columns = [coding.column for _, coding in facets]
        for name, coding in facets:
            codes = coding.code(table[coding.column])[is_known]
            yield RowGroup(name, codes == SELECTED)
            if columns.count(coding.column) == 1:
                yield RowGroup(group_name(coding.column, REST), (codes != SELECTED) & (codes != UNKNOWN))


def group_name(facet: str, values: str, threshold: float | None = None) -> str:
    """What a group is called in references and records.

    >>> group_name("sex", "2"), group_name("age", "", 40.0)
    ('sex=2', 'age>40')
    """
    return f"{facet}={values}" if threshold is None else f"{facet}>{threshold:g}"


def _typed_batches(profile: SourceProfile, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    source: Source = profile.source
    schema = pa.schema([(name, ARROW_TYPES[profile.kinds[name]]) for name in names])
    for file in source.files:
        for batch in read_source_file(source, file):
            arrays = [to_kind(batch.column(name), profile.kinds[name], name) for name in names]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _codes(coding: Coding, column: pa.ChunkedArray) -> NDArray[np.float64]:
    codes = coding.code(column)
    return np.where(codes == UNKNOWN, np.nan, (codes == SELECTED).astype(np.float64))


def _are_known(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    return ~np.isnan(values)


def _finite(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _texts(column: pa.ChunkedArray) -> list[str | None]:
    """Classes as text; 1.0 and 1 are one class."""
    encoded = one_array(column).dictionary_encode()
    names = [_class_text(value) for value in encoded.dictionary.to_pylist()]
    return [None if i is None else names[i] for i in encoded.indices.to_pylist()]


def _class_text(value: Scalar) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else printed(value)


def _in_order(text: str) -> tuple[bool, float, str]:
    """Numbers by size, then words by letters."""
    try:
        return False, float(text), text
    except ValueError:
        return True, 0.0, text


def _threshold(listed: Scalar, column: str) -> float:
    try:
        return float(listed)
    except ValueError as error:
        allowed = f"one number: column '{column}' is a quantity"
        hint = "write the threshold, or bin the column"
        raise DataError(Problem("QUALITY-THRESHOLD", column, repr(listed), allowed, hint)) from error
