"""The pages that are opened: every kind there is, in the states that have broken one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from clarify.bias.evaluate import evaluate
from clarify.compared import Comparison
from clarify.config.policy import read_policy
from clarify.config.presentation import Presentation
from clarify.report.comparison.page import comparison_page
from clarify.report.html import render_report
from clarify.report.monitor.page import monitor_page
from clarify.report.shielding.shielded import shielded, shielded_provenance
from clarify.results import AnalysisResult, BiasSection
from clarify.verdicts import decide
from tests.subjects.large_result import large_result
from tests.unit.report import attribution_examples, compare_examples, dependence_examples, monitor_examples
from tests.unit.report.report_examples import (
    AGE,
    FOREIGN_WORKER,
    credit_result,
    crowded_result,
    empty_group_result,
    example_provenance,
    hostile_result,
)

PRINTED_AT = datetime(2026, 1, 2, tzinfo=UTC)
RANGES = [
    {"metric": "CI", "low": -0.8, "high": 0.8},
    {"metric": "DPPL", "low": -0.05, "high": 0.05},
    {"metric": ["DPL", "RD", "AD"], "low": -0.2, "high": 0.2},
    {"metric": "DI", "low": 0.8, "high": 1.25},
]
GROUPS = ((FOREIGN_WORKER, "foreign_worker", "A201"), (AGE, "age", "(18, 25]"))


def judged_result() -> AnalysisResult:
    """Twelve checks of two groups in all three states, explained, with partial dependence."""
    parsed = read_policy(json.dumps({"version": "1.0", "name": "house", "ranges": RANGES}).encode())
    pre, post = (
        BiasSection(stage, "credit", "1", tuple(
            evaluate(table, facet=facet, value_or_threshold=value, stage=stage,
                     ranges=parsed.policy.ranges_of(facet, value))
            for table, facet, value in GROUPS
        ))
        for stage in ("pre_training", "post_training")
    )  # fmt: skip
    return replace(
        credit_result(),
        pre_training=pre,
        post_training=post,
        verdicts=decide(parsed.policy, parsed.digest, [pre, post]),
        explanations=attribution_examples.drawn_section(),
        partial_dependence=(dependence_examples.age(), dependence_examples.purpose(), dependence_examples.notes()),
    )


def report(result: AnalysisResult, presentation: Presentation | None = None) -> str:
    shown = presentation or Presentation()
    return render_report(shielded(result, shown), shielded_provenance(example_provenance(), shown))


def hostile_everywhere() -> AnalysisResult:
    return replace(hostile_result(), explanations=attribution_examples.hostile_section(),
                   partial_dependence=dependence_examples.hostile_dependence().partial_dependence)


def three_differences() -> Comparison:
    """One metric inside, one outside, one undecided."""
    inside, outside, undecided = compare_examples.INSIDE, compare_examples.OUTSIDE, compare_examples.OPEN
    return compare_examples.comparison(inside, replace(outside, metric="RD"), replace(undecided, metric="AD"))


PAGES: Mapping[str, Callable[[], str]] = {
    "judged": lambda: report(judged_result()),
    "plain": lambda: report(credit_result()),
    "empty": lambda: report(empty_group_result()),
    "crowded": lambda: report(crowded_result(30)),
    "hostile": lambda: report(hostile_everywhere()),
    "masked": lambda: report(judged_result(), Presentation(mask_names=True)),
    "suppressed": lambda: report(judged_result(), Presentation(suppress_below=10)),
    "large": lambda: report(large_result()),
    "monitor": lambda: monitor_page(monitor_examples.record(), monitor_examples.history(12)),
    "monitor-attribution": lambda: monitor_page(
        monitor_examples.record("attribution-drift"), monitor_examples.history(4, "attribution-drift")
    ),
    "monitor-data": lambda: monitor_page(monitor_examples.record("data-quality")),
    "monitor-model": lambda: monitor_page(monitor_examples.record("model-quality")),
    "monitor-hostile": lambda: monitor_page(monitor_examples.hostile()),
    "compare": lambda: comparison_page(three_differences()),
}
