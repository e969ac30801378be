"""Attributions for the tests of the report: exact, estimated, from trees, by an unsteady model, in groups."""

from __future__ import annotations

from dataclasses import replace

from clarify.results import (
    AnalysisResult,
    ExplanationSection,
    GlobalAttribution,
    Interval,
    OutputExplanation,
)
from tests.unit.report.report_examples import HOSTILE, credit_result

# (name, mean_abs, excess): sizes without excess are 0.30, 0.10, 0.09, 0.02; the second and third overlap.
SIZES = (("income", 0.31, 0.01), ("age", 0.10, 0.01), ("months", 0.11, 0.01), ("phone", 0.02, 0.0))
STANDARD_ERROR = 0.01


def estimated_features() -> tuple[GlobalAttribution, ...]:
    """In the order of the data, which is not that of the sizes: months (0.10) comes after age (0.09)."""
    return tuple(
        GlobalAttribution(
            name, mean_abs, -0.5 * mean_abs, mean_abs**2, STANDARD_ERROR, False, excess,
            Interval(max(mean_abs - excess - 0.0196, 0.0), mean_abs - excess + 0.0196),
        )
        for name, mean_abs, excess in SIZES
    )  # fmt: skip


def exact_features() -> tuple[GlobalAttribution, ...]:
    return tuple(
        replace(feature, standard_error=0.0, exact=True, mean_abs_excess=0.0,
                interval=Interval(feature.mean_abs, feature.mean_abs))
        for feature in estimated_features()
    )  # fmt: skip


def section(features: tuple[GlobalAttribution, ...] | None = None, certain_order: int | None = 1) -> ExplanationSection:
    """100 rows: 30 enumerated, 70 by sparse, at 256 coalitions each, as configured."""
    found = estimated_features() if features is None else features
    return ExplanationSection(
        outputs=(OutputExplanation("label0", 0.5, found, certain_order),),
        aggregation="mean_abs",
        estimators=(("exact", 30), ("sparse", 70)),
        num_samples=256,
        calls=17_920,
        rows=100,
        rows_exact=30,
        n_features=len(found),
        n_baseline_rows=1,
        baseline_source="medoid",
        use_logit=False,
        seed=0,
        local_values_saved=True,
        estimator_chosen="sparse",
    )


def exact_section() -> ExplanationSection:
    """100 rows, all of them enumerated."""
    return replace(
        section(exact_features(), 4), estimators=(("exact", 100),), rows_exact=100, num_samples=14, calls=1_400
    )


def adaptive_section() -> ExplanationSection:
    """1,003 rows: 100 enumerated, 113 from trees, 780 sampled until 2 % or the ceiling, 3 failed, 7 by kriging."""
    return replace(
        section(), estimators=(("exact", 100), ("kriging", 7), ("sparse", 780), ("tree", 113)), rows=1_003,
        rows_exact=213, num_samples=2_056, calls=900_000, budget_given=False, tolerance=0.02,
        rows_within_tolerance=607, rows_at_ceiling=180, rows_failed=3,
    )  # fmt: skip


def grouped_section() -> ExplanationSection:
    """Twelve columns play as 'income'; 'age' is one of two."""
    columns = tuple(f"income_{i}" for i in range(12))
    return replace(section(), groups=(("income", columns), ("age", ("age_young", "age_old"))))


def explained_result(found: ExplanationSection) -> AnalysisResult:
    return replace(credit_result(), explanations=found)


def hostile_section(names: tuple[str, ...] = HOSTILE) -> ExplanationSection:
    """Every hostile name as a feature, a group and a column; hostile estimators; an unsteady model."""
    features = tuple(replace(estimated_features()[0], feature=name) for name in names)
    return replace(
        adaptive_section(),
        outputs=tuple(OutputExplanation(name, 0.5, features, 2) for name in names[:2]),
        n_features=len(names) + 5,
        estimators=tuple((name, 1) for name in names),
        estimator_asked=names[0],
        estimator_chosen=names[1],
        baseline_source=names[2],
        probe="batch_variant",
        groups=tuple((name, names) for name in names),
    )
