"""Partial dependence for the tests of documents and report: a number, a text, a sample, a failure, hostile names."""

from __future__ import annotations

from dataclasses import replace

from clarify.results import AnalysisResult, Interval, OutputDependence, PartialDependence, ScoreQuantile
from tests.unit.report.report_examples import HOSTILE, credit_result

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
FREE_TEXT = "Detected data type is not supported for PDP. PDP can only be computed for numerical or categorical columns"


def output(means: tuple[float, ...], *, label: str = "label0", sampled: bool = False) -> OutputDependence:
    """Quantiles 0.2 and 0.1 below and above the means, the median on them."""
    quantiles = tuple(
        ScoreQuantile(level, tuple(mean + shift for mean in means))
        for level, shift in zip(LEVELS, (-0.2, -0.1, 0.0, 0.1, 0.2), strict=True)
    )
    intervals = tuple(Interval(mean - 0.01, mean + 0.01) for mean in means) if sampled else ()
    return OutputDependence(label, means, quantiles, intervals)


def age() -> PartialDependence:
    """Four buckets of 19 to 75; three of 1,000 rows have no age, and the last bucket holds 5."""
    return PartialDependence(
        "age", "numerical", (26.0, 40.0, 54.0, 68.0), (), (500, 300, 192, 5), (output((0.3, 0.5, 0.6, 0.55)),),
        None, 3, 1000, 1000, 990,
    )  # fmt: skip


def purpose(words: tuple[str, ...] = ("car", "radio/tv", "repairs")) -> PartialDependence:
    counts = tuple(300 - 10 * i for i in range(len(words)))
    means = tuple(0.3 + 0.4 * i / len(words) for i in range(len(words)))
    return PartialDependence(
        "purpose", "categorical", (), words, counts, (output(means),), None, 0, 1000, 1000, 990
    )  # fmt: skip


def notes() -> PartialDependence:
    return PartialDependence("notes", "free_text", error=FREE_TEXT, rows=1000)


def dependence_result(*found: PartialDependence) -> AnalysisResult:
    return replace(credit_result(), partial_dependence=found or (age(), purpose(), notes()))


def sampled_result() -> AnalysisResult:
    """60,000 of 900,000 rows, asked as 50,000 different ones."""
    sampled = replace(
        age(), outputs=(output((0.3, 0.5, 0.6, 0.55), sampled=True),), rows=900_000, rows_used=60_000,
        distinct_rows=50_000,
    )  # fmt: skip
    return dependence_result(sampled)


def hostile_dependence(names: tuple[str, ...] = HOSTILE) -> AnalysisResult:
    """Every name in every place: feature, category, output, error."""
    outputs = tuple(replace(output((0.3,) * len(names)), label=name) for name in names[:3])
    words = replace(purpose(names), feature=names[1], outputs=outputs)
    number = replace(age(), feature=names[0], outputs=tuple(output((0.3, 0.5, 0.6, 0.55), label=n) for n in names[:3]))
    failed = tuple(replace(notes(), feature=name, error=name or "empty") for name in names)
    return dependence_result(number, words, *failed)
