"""Three thousand random tables through smclarify and through us: equal to 1e-12, or different for a documented reason.

Runs when CLARIFY_SMCLARIFY_PYTHON names an interpreter that has what benchmarks/bias/peer-requirements.txt lists.
"""

import json
import math
import os
import subprocess
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from clarify.data.coding import Coding
from clarify.data.column_types import ARROW_TYPES
from tests.parity import smclarify_rules as aws
from tests.parity.our_answers import OurAnswer, our_answer
from tests.parity.random_tables import RandomColumn, RandomTable, random_table

PEER = os.environ.get("CLARIFY_SMCLARIFY_PYTHON")
TABLES = 3_000
ROOT = Path(__file__).parents[2]

# Our code for each text that ends AWS's job.
SAME_FAILURE = {
    aws.THRESHOLD_MISSING: "DATA-THRESHOLD-MISSING",
    aws.NOT_A_THRESHOLD: "DATA-THRESHOLD",
    aws.TYPES_DIFFER: "DATA-LABEL-TYPES",
    aws.NOBODY_POSITIVE: "DATA-NO-POSITIVE-PREDICTION",
}

# Why answers may differ; docs/differences-from-aws.md has a row for each.
REASONS = frozenset({
    "code-at-maximum", "text-at-maximum", "codes-without-values", "null-group", "null-strata", "boolean-cast",
    "fraction-truncated", "spelling", "absent-label", "prediction-read-as-label", "prediction-truncated",
    "flip-booleans", "ambiguous-value", "no-value-at-all", "one-job", "boolean-threshold",
})  # fmt: skip


class Comparison:
    """One table: how many metrics were compared, for which reasons some were not, and what nobody can explain."""

    def __init__(self, table: RandomTable, theirs: dict, ours: OurAnswer) -> None:
        self.table, self.theirs, self.ours = table, theirs, ours
        self.compared = 0
        self.reasons: set[str] = set()
        self.unexplained: list[str] = []
        self._compare()

    def _compare(self) -> None:
        if self.ours.roles is None:
            self._we_fail()
            return
        selected_alike = self._explain_selections()
        for stage, theirs in self.theirs.items():
            if "failure" in theirs:
                self._only_aws_fails(stage, theirs["failure"])
            elif selected_alike and not (stage == "post_training" and self._predictions_are_cut()):
                self._groups(stage, theirs["groups"])

    def _we_fail(self) -> None:
        """AWS fails for one of our reasons, at any stage: one config is one job."""
        told = {failure["failure"].partition(": ")[2] for failure in self.theirs.values() if "failure" in failure}
        if any(SAME_FAILURE.get(text) in self.ours.failure for text in told):
            self.reasons |= {"one-job"} if len(told) < len(self.theirs) else set()
        elif "DATA-NO-POSITIVE-LABEL" in self.ours.failure:
            if self._is_truncated("label", self.table.positive):
                self.reasons.add("fraction-truncated")
            else:
                self._because("absent-label", not self._theirs("label", self.table.positive).values)
        elif not all(column.seen for column in self.table.columns.values()):
            self.reasons.add("no-value-at-all")
        elif "DATA-NO-POSITIVE-PREDICTION" in self.ours.failure:
            either = self._types_differ() or self._predictions_are_cut()
            reason = "prediction-read-as-label" if either else "spelling"
            self._because(reason, either or bool(self._theirs("predicted", self.table.positive).failure))
        elif "DATA-AMBIGUOUS-VALUE" in self.ours.failure:
            self.reasons.add("ambiguous-value")
        else:
            self.unexplained.append(f"we fail: {self.ours.failure}, AWS: {told}")

    def _only_aws_fails(self, stage: str, failure: str) -> None:
        text = failure.partition(": ")[2]
        if text == aws.THRESHOLD_MISSING:
            few = len(self._column("facet").seen) <= max(2, math.isqrt(len(self._column("facet").values)))
            self._because("codes-without-values", self.table.facet_values is None and few)
        elif text == aws.TYPES_DIFFER:
            self._because("prediction-read-as-label", self._types_differ())
        elif text == aws.NOBODY_POSITIVE:
            said = {"code-at-maximum", "spelling", "boolean-cast", "fraction-truncated"} & self.reasons
            if not said and not self._predictions_are_cut():
                self._same_rows("predicted", self.table.positive, self.ours.roles.predicted_label)
            elif not said:
                self.reasons.add("prediction-truncated")
        elif failure.startswith("IntCastingNaNError"):
            self._because("prediction-truncated", self._predictions_are_cut())
        elif not all(column.seen for column in self.table.columns.values()):
            self.reasons.add("no-value-at-all")
        elif any(self._theirs(name, listed).failure for name, listed in self._listings()):
            self.reasons.add("spelling")
        else:
            self.unexplained.append(f"{stage}: AWS fails: {failure}")

    def _listings(self) -> list[tuple[str, tuple]]:
        """The columns whose rows are selected by listed values, and what is listed."""
        table = self.table
        pairs = [("facet", table.facet_values), ("label", table.positive), ("predicted", table.positive)]
        return [(name, listed) for name, listed in pairs if listed is not None and name in table.columns]

    def _explain_selections(self) -> bool:
        roles, table = self.ours.roles, self.table
        alike = [self._same_rows("label", table.positive, roles.label)]
        if table.facet_values is not None:
            alike.append(self._same_rows("facet", table.facet_values, roles.facets[0]))
        if table.predicted and not any("failure" in theirs for theirs in self.theirs.values()):
            alike.append(self._same_predictions(roles.predicted_label))
        return all(alike)

    def _same_rows(self, name: str, listed: tuple, coding: Coding) -> bool:
        """Whether both select the same values of a column; if not, the reason is noted."""
        column, theirs = self._column(name), self._theirs(name, listed)
        ours = selected(coding, column)
        if theirs.failure:
            return False
        if theirs.values == ours:
            if coding.text != theirs.text:
                at_top = coding.reading == "continuous" and not ours
                reason = "boolean-threshold" if isinstance(listed[0], bool) else "text-at-maximum"
                self._because(reason, at_top or isinstance(listed[0], bool), f"{coding.text} for {theirs.text}")
            return True
        if aws.is_continuous(column, listed, self.table.format):
            self._because("code-at-maximum", coding.reading == "categorical" and not theirs.values, f"{name} {ours}")
        elif column.kind == "bool":
            self._because("boolean-cast", not any(aws.is_equal(v, one) for v in column.seen for one in listed))
        elif self._is_truncated(name, listed):
            self.reasons.add("fraction-truncated")
        else:
            respelt = any(notice.code == "TYPE-RESPELT" for notice in coding.notices)
            self._because("spelling", respelt, f"{name}: {listed} selects {ours}, AWS {theirs}")
        return False

    def _is_truncated(self, name: str, listed: tuple) -> bool:
        """Whether a fraction is listed for whole numbers, which AWS casts to their type."""
        return self._column(name).kind == "int" and any(isinstance(v, float) and not v.is_integer() for v in listed)

    def _same_predictions(self, coding: Coding) -> bool:
        """Predictions follow the label's reading on both sides, but are matched on their own."""
        table, column = self.table, self._column("predicted")
        if aws.is_continuous(column, table.positive, table.format):
            return True
        return self._same_rows("predicted", table.positive, coding)

    def _predictions_are_cut(self) -> bool:
        """AWS casts predictions to the label's type before it compares them with a threshold."""
        if not self.table.predicted:
            return False
        label, predicted = self._column("label"), self._column("predicted")
        types = aws.dtype(label, self.table.format), aws.dtype(predicted, self.table.format)
        return aws.is_continuous(label, self.table.positive, self.table.format) and types == ("int64", "float64")

    def _types_differ(self) -> bool:
        kinds = [
            aws.is_continuous(self._column(name), self.table.positive, self.table.format)
            for name in ("label", "predicted")
            if name in self.table.columns
        ]
        return len(set(kinds)) == 2

    def _groups(self, stage: str, theirs: list) -> None:
        ours = self.ours.stages[stage]
        if len(theirs) == len(ours) + 1:
            theirs = [group for group in theirs if group[0] not in ("nan", "None")]
            self._because("null-group", self._column("facet").nulls > 0)
        texts = [group[0] for group in ours], [group[0] for group in theirs]
        if texts[0] != texts[1] and not self.reasons & {"text-at-maximum", "boolean-threshold"}:
            self.unexplained.append(f"{stage}: groups {texts[0]} for {texts[1]}")
        for our_group, their_group in zip(ours, theirs, strict=True):
            for our_metric, their_metric in zip(our_group[1], their_group[1], strict=True):
                self._metric(stage, our_metric, their_metric)

    def _metric(self, stage: str, ours: list, theirs: list) -> None:
        self.compared += 1
        if ours[:2] == theirs[:2] and is_same(ours[2], theirs[2]) and ours[3] == theirs[3]:
            return
        error = theirs[3] or ""
        if ours[0] in ("CDDL", "CDDPL") and self._sorts_nulls(error):
            self.reasons.add("null-strata")
        elif ours[0] == "FT" and error == "FlipTest does not support non-numeric columns":
            left = [c for name, c in self.table.columns.items() if name not in ("facet", "label", "predicted")]
            self._because("flip-booleans", any(c.kind == "bool" and c.nulls for c in left))
        else:
            self.unexplained.append(f"{stage} {ours} for {theirs}")

    def _sorts_nulls(self, error: str) -> bool:
        """Whether AWS sorts strata that nulls put out of order: texts fail, booleans may come twice."""
        strata = self._column(self.table.group) if self.table.group else None
        if strata is None or not strata.nulls:
            return False
        return strata.kind == "bool" or "not supported between instances of" in error

    def _because(self, reason: str, holds: bool, detail: str = "") -> None:
        if holds:
            self.reasons.add(reason)
        else:
            self.unexplained.append(f"{reason} does not hold: {detail}")

    def _theirs(self, name: str, listed: tuple) -> aws.Selection:
        return aws.select(self._column(name), listed, self.table.format)

    def _column(self, name: str) -> RandomColumn:
        return self.table.columns[name]


def selected(coding: Coding, column: RandomColumn) -> frozenset:
    """The values of a column that our coding selects."""
    codes = coding.code(pa.chunked_array([pa.array(column.seen, ARROW_TYPES[column.kind])]))
    return frozenset(value for value, code in zip(column.seen, codes, strict=True) if code == 1)


def is_same(ours: float | None, theirs: float | str | None) -> bool:
    number = {"Infinity": math.inf, "-Infinity": -math.inf}.get(theirs, theirs) if isinstance(theirs, str) else theirs
    if ours is None or number is None:
        return ours is number
    return ours == number or math.isclose(ours, number, rel_tol=1e-12, abs_tol=1e-12)


def peer_answers(tables: list[RandomTable]) -> list[dict]:
    """smclarify's answers to all tables, by one process of the other interpreter."""
    script = ROOT / "tests/parity/smclarify_peer.py"
    question = json.dumps([table.as_plain() for table in tables])
    done = subprocess.run([PEER, str(script)], input=question, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.skipif(PEER is None, reason="CLARIFY_SMCLARIFY_PYTHON names no interpreter with smclarify")
def test_every_number_and_text_is_smclarifys_or_differs_for_a_documented_reason(tmp_path_factory):
    tables = [random_table(seed) for seed in range(TABLES)]

    answers = peer_answers(tables)
    found = [
        Comparison(table, theirs, our_answer(table, tmp_path_factory.mktemp("table")))
        for table, theirs in zip(tables, answers, strict=True)
    ]

    unexplained = [f"table {c.table.seed}: {text}" for c in found for text in c.unexplained]
    reasons = Counter(reason for c in found for reason in c.reasons)
    alike = sum(not c.reasons for c in found)
    print(f"\n{sum(c.compared for c in found):,} metrics compared, {alike:,} of {TABLES:,} tables without a difference")
    print(f"tables by reason to differ: {dict(reasons)}")
    assert not unexplained, "\n".join(["", *unexplained[:20], f"{len(unexplained)} in all"])
    assert set(reasons) <= REASONS
    assert sum(c.compared for c in found) > 10 * TABLES
    assert alike > TABLES / 2


def test_every_reason_to_differ_is_documented():
    text = (ROOT / "docs/differences-from-aws.md").read_text(encoding="utf-8")

    assert [reason for reason in sorted(REASONS) if f"`{reason}`" not in text] == []
