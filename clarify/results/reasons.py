"""What every result is made of: reasons instead of missing numbers, notices, intervals."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Stage = Literal["pre_training", "post_training"]


class Reason(StrEnum):
    """Why a number is missing or a verdict cannot be given; lower-case, one list for the whole product."""

    NO_ROWS = "no_rows"                            # a rate has nobody behind it
    EMPTY_FACET = "empty_facet"                    # facet d has no row
    SINGLE_GROUP = "single_group"                  # facet a has no row
    SINGLE_CLASS = "single_class"                  # all labels, or all predictions, are alike
    ZERO_DENOMINATOR = "zero_denominator"          # rows exist, but the count below the line is 0
    NO_COMMON_CLASS = "no_common_class"            # a divergence compares classes that both facets must have
    NO_GROUP_VARIABLE = "no_group_variable"        # conditional metrics need strata
    NON_NUMERIC_FEATURES = "non_numeric_features"  # the flip test measures distances
    MISSING_FEATURES = "missing_features"          # ... and cannot measure them with nulls
    ALL_FALSE_NEGATIVES = "all_false_negatives"    # generalised entropy divides by the mean benefit
    NOT_COMPUTED = "not_computed"                  # it needs the rows, and nobody looked at them
    TOO_MANY_ROWS = "too_many_rows"                # the flip test grows with the square of the rows
    TOO_FEW = "too_few"
    FAMILY = "family"
    BLIND = "blind"                                # the noise of the reference hides changes of this size
    NO_REFERENCE = "no_reference"                  # the reference has no counts for it, and no range is declared
    EMPTY_WINDOW = "empty_window"                  # nothing happened in that time
    OVERLAP = "overlap"                            # its rows were counted in an earlier window already
    LOW_JOIN_RATE = "low_join_rate"                # too few of the window's rows have their label yet
    DATA_QUALITY = "data_quality"                  # the data fail their checks, so nothing else was looked at
    FAILED = "failed"                              # the window could not be looked at
    NOTHING_JUDGED = "nothing_judged"              # no series has a range
    WITHHELD = "withheld"                          # too few rows to be shown to this reader
    DRIFT = "drift"                                # the alarm itself


@dataclass(frozen=True)
class Notice:
    """Something the reader must know although the run went on; ``code`` is stable."""

    code: str
    field: str
    message: str


# Standard errors to either side of a 95 % interval.
Z_95 = 1.959963984540054


@dataclass(frozen=True)
class Interval:
    """A range of plausible values; a side may be infinite."""

    low: float
    high: float
    level: float = 0.95
