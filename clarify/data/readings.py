"""How a column is read: as categories or as a quantity, by declaration or by AWS's inference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pyarrow as pa

from clarify.data.matching import Scalar, is_integer_text
from clarify.data.profile import ColumnProfile
from clarify.features import Kind
from clarify.results import ColumnSummary

Reading = Literal["categorical", "continuous"]

CONTINUOUS_FROM_UNIQUENESS = 0.05       # AWS: distinct / non-null at or above this reads integers as continuous
MOST_CODES = 10                         # different values up to which a column of whole numbers may hold codes


@dataclass(frozen=True)
class ColumnFacts:
    """What the first pass learnt of one column; ``values`` in order of first appearance, None when too many."""

    summary: ColumnSummary
    values: tuple[Scalar, ...] | None
    counts: tuple[int, ...] | None
    uniqueness: float                    # distinct over non-null values
    declared: Reading | None = None      # what the user says it is

    @classmethod
    def of(cls, profile: ColumnProfile) -> ColumnFacts:
        found = profile.typed_values
        values = None if found is None else tuple(item.value for item in found)
        counts = None if found is None else tuple(item.count for item in found)
        return cls(profile.summary(), values, counts, profile.uniqueness, profile.declared_as)

    @property
    def kind(self) -> Kind:
        return {"int": "int", "float": "float", "bool": "bool"}.get(self.summary.kind, "text")  # type: ignore[return-value]

    def without_nulls(self) -> ColumnFacts:
        """The same values, none of them missing."""
        present = replace(self.summary, rows=self.summary.rows - self.summary.nulls, nulls=0)
        return replace(self, summary=present)


def reading_of(facts: ColumnFacts, listed: Sequence[Scalar]) -> Reading:
    """The declared reading of a column, else the one AWS would infer."""
    return facts.declared or aws_reading(facts, listed)


def aws_reading(facts: ColumnFacts, listed: Sequence[Scalar]) -> Reading:
    """AWS's type inference for a facet, label or predicted label column (smclarify 0.5, ``metrics/common.py``).

    In order: several listed values, booleans -> categorical; text -> continuous only when every value casts to a
    64-bit integer; floats, and integers with nulls, which pandas holds as floats -> continuous; integers ->
    continuous from 5 % different values. Text and integers below 5 % are categorical.
    """
    if len(listed) > 1 or facts.kind == "bool":
        return "categorical"
    if facts.kind == "text":
        return "continuous" if _casts_to_integer(facts) and _is_spread(facts) else "categorical"
    if facts.kind == "float" or facts.summary.nulls:
        return "continuous"
    return "continuous" if _is_spread(facts) else "categorical"


def may_hold_codes(facts: ColumnFacts) -> bool:
    """Whether few different whole numbers are all there is: groups by number rather than a quantity."""
    values = facts.values
    if values is None or len(values) > MOST_CODES:
        return False
    return all(not isinstance(value, float) or value.is_integer() for value in values)


def kind_of(arrow_type: pa.DataType) -> Kind:
    """Our word for an Arrow type."""
    if pa.types.is_dictionary(arrow_type):
        return kind_of(arrow_type.value_type)
    if pa.types.is_boolean(arrow_type):
        return "bool"
    if pa.types.is_integer(arrow_type):
        return "int"
    if pa.types.is_floating(arrow_type) or pa.types.is_decimal(arrow_type):
        return "float"
    return "text"


def _is_spread(facts: ColumnFacts) -> bool:
    return facts.uniqueness >= CONTINUOUS_FROM_UNIQUENESS


def _casts_to_integer(facts: ColumnFacts) -> bool:
    """AWS's cast of a text column; a null in it makes the cast fail."""
    if not facts.values or facts.summary.nulls:
        return False
    return all(is_integer_text(str(value)) for value in facts.values)
