"""A monitor's constraints on a window, checked by Great Expectations: its set of columns, and shares of values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clarify.data.expectations import batches
from clarify.errors import DataError, Problem

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ConstraintOutcome:
    """Columns that are expected and not there, those that are there and not expected, and which shares suffice."""

    missing: tuple[str, ...]
    extra: tuple[str, ...]
    met: tuple[bool, ...]


def check_constraints(
    observed: Sequence[float], required: Sequence[float], *, columns: Sequence[str], expected: Sequence[str]
) -> ConstraintOutcome:
    """Hold a window's columns to the expected set, and the observed share of each constraint to the required one.

    A row for each share, so that a thousand of them are checked as quickly as ten.
    """
    import pandas as pd

    header = _constraint_answer(pd.DataFrame(columns=list(columns)), "columns", expected)
    wrong = header["result"].get("details", {}).get("mismatched", {})
    missing, extra = set(wrong.get("missing", ())), set(wrong.get("unexpected", ()))
    broken: set[int] = set()
    if len(observed):
        frame = pd.DataFrame({"observed": list(observed), "required": list(required)})
        broken = set(_constraint_answer(frame, "shares", ())["result"].get("unexpected_index_list", ()))
    return ConstraintOutcome(
        tuple(name for name in expected if name in missing),
        tuple(name for name in columns if name in extra),
        tuple(place not in broken for place in range(len(observed))),
    )


def _constraint_answer(frame: pd.DataFrame, subject: str, expected: Sequence[str]) -> Mapping[str, Any]:
    batch = batches().get_batch({"dataframe": frame})  # first of all: it settles the environment of the import
    import great_expectations as gx
    import great_expectations.expectations as theirs

    if subject == "columns":
        asked: Any = theirs.ExpectTableColumnsToMatchSet(column_set=list(expected), exact_match=True)
    else:
        asked = theirs.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="observed", column_B="required", or_equal=True
        )
    suite = gx.ExpectationSuite(name="clarify", expectations=[asked])
    answer: Mapping[str, Any] = batch.validate(suite, result_format="COMPLETE").to_json_dict()["results"][0]
    failure = answer["exception_info"]
    if failure.get("raised_exception", True):
        raise DataError(Problem("DATA-EXPECTATION", subject, str(failure)[:200], "an answer to the constraints",
                                "the check itself failed: report it"))
    return answer
