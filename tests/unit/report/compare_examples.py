"""Comparisons of two runs for tests: one group, one metric in every state."""

from dataclasses import replace

from clarify.compared import (
    AccuracyDifference,
    ComparedRun,
    Comparison,
    GroupComparison,
    MetricDifference,
    NotCompared,
    PairCounts,
)
from clarify.results import DatasetDescription, Interval, ModelDescription, RangeEvidence, Reason, Verdict


def run(version, *, digest="d" * 64, rows=9_812):
    return ComparedRun(
        f"s3://runs/{version}", "e" * 64, "c" * 64,
        DatasetDescription("s3://people/data.csv", "csv", digest, rows, 12, 1_000_000),
        ModelDescription("models:/credit@x", f"models:/credit/{version}", "credit", version, version * 64, "label"),
        has_decisions=True,
    )  # fmt: skip


def dppl(**changes):
    """The champion's gap is 12 points, the challenger's 9: 3 points smaller."""
    found = MetricDifference("post_training", "DPPL", 0.12, 0.09, -0.03, Interval(-0.05, -0.01))
    return replace(found, **changes)


def judged(verdict, difference, interval, deciding, **changes):
    return dppl(
        challenger=0.12 + difference, difference=difference, interval=interval, deciding=deciding, verdict=verdict,
        evidence=RangeEvidence(-0.02, 0.02, 0.5, 0.5), threshold=0.025, **changes,
    )  # fmt: skip


INSIDE = judged(Verdict.PASS, 0.0, Interval(-0.01, 0.01), Interval(-0.015, 0.015))
OUTSIDE = judged(Verdict.VIOLATION, -0.06, Interval(-0.08, -0.04), Interval(-0.09, -0.03))
OPEN = judged(
    Verdict.INCONCLUSIVE, -0.03, Interval(-0.05, -0.01), Interval(-0.06, 0.01), reason=Reason.TOO_FEW
)
MISSING = (
    MetricDifference("post_training", "GE", 0.1, 0.1, not_compared=NotCompared.NOT_OF_GROUPS),
    MetricDifference("post_training", "TE", 0.4, None, not_compared=NotCompared.UNDEFINED,
                     undefined_challenger=Reason.ZERO_DENOMINATOR),
    MetricDifference("pre_training", "DPL", 0.1, 0.1, not_compared=NotCompared.SAME_LABELS),
)  # fmt: skip


def comparison(*metrics, facet="sex", value="female", **changes):
    group = GroupComparison(
        facet, value, (4_000, 5_812), (4_000, 5_812), (*metrics, *MISSING),
        PairCounts(4_000, 150, 50), PairCounts(5_812, 100, 200),
    )  # fmt: skip
    found = Comparison(
        run("7"), run("8"), (group,), agreement=PairCounts(9_812, 250, 250),
        accuracy=AccuracyDifference(0.83, 0.842, 0.012, Interval(0.003, 0.021), 300, 182),
        tests=sum(metric.verdict is not None for metric in metrics),
    )  # fmt: skip
    return replace(found, **changes)
