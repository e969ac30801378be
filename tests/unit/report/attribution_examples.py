"""Attributions for the tests of the report: exact, estimated, from trees, by an unsteady model, in groups."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from clarify.results import (
    AnalysisResult,
    AttributionSample,
    Contribution,
    ExplainedRow,
    ExplanationSection,
    FacetAttributions,
    GlobalAttribution,
    GroupEffect,
    Interval,
    OutputExplanation,
    SampledFeature,
    SampleStratum,
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


STRATA = (SampleStratum("", "", 9_600, 200), SampleStratum("age", "(18, 25]", 212, 200))
"""400 of 9,812 rows: a dot stands for 48 rows of the one and for 1.06 of the other."""


def sampled(name: str, attributions: tuple[float, ...], codes: tuple[int, ...], words: tuple[str, ...] = ()):
    return SampledFeature(name, attributions, codes, words)


def spread(name: str, size: float, n_rows: int, *, seed: int, words: tuple[str, ...] = ()) -> SampledFeature:
    """Attributions around 0 that rise with the value; every fifth row of the last hundred has none."""
    draw = np.random.default_rng(seed)
    values = draw.normal(0, size, n_rows)
    codes = np.minimum(5 * np.argsort(np.argsort(values)) // n_rows, (len(words) or 5) - 1)
    if not words:
        codes[n_rows - n_rows // 4 :: 5] = -1
    return sampled(name, tuple(float(f"{v:.6g}") for v in values), tuple(codes.tolist()), words)


def sample(names: tuple[str, ...], n_rows: int = 400, *, words: tuple[str, ...] = ("A11", "A12", "A14")):
    """The second feature is a text of three words, the others are numbers."""
    features = tuple(
        spread(name, 0.1 / (1 + place), n_rows, seed=place, words=words if place == 1 else ())
        for place, name in enumerate(names)
    )
    return AttributionSample("label0", STRATA, features)


def effect(name: str, mean_d: float, mean_a: float, half: float = 0.01) -> GroupEffect:
    """The gap's interval is as wide as both together."""
    gap = mean_a - mean_d
    return GroupEffect(
        name, mean_d, mean_a, Interval(mean_d - half, mean_d + half), Interval(mean_a - half, mean_a + half),
        gap, Interval(gap - 2 * half, gap + 2 * half),
    )  # fmt: skip


def by_facet(facet: str = "age", value: str = "(18, 25]", names: tuple[str, ...] = ("months", "income", "age")):
    """months: a gap of 1 point (-1 to 3); income: of 6 points (4 to 8); age: of -2 points (-4 to 0)."""
    means = ((0.01, 0.02), (-0.05, 0.01), (0.03, 0.01))
    effects = tuple(effect(name, *means[place % 3]) for place, name in enumerate(names))
    return FacetAttributions("label0", facet, value, 190, 810, effects)


def selected_row(
    row: int = 7, chosen: str = "lowest", *, order_holds: float | None = 0.51, first_swaps: float | None = 0.44
) -> ExplainedRow:
    """From 0.5 down by 0.16 and 0.15 and up by 0.02, the other five together by 0.04: a score of 0.25."""
    contributions = (
        Contribution("months", -0.16, 0.02, "45"), Contribution("income", -0.15, 0.02, "A11"),
        Contribution("age", 0.02, 0.001, "23"),
    )  # fmt: skip
    return ExplainedRow(
        "label0", row, chosen, (("age", "(18, 25]"),), 0.25, contributions, 0.04, 0.003, 5, order_holds, first_swaps
    )


def drawn_section() -> ExplanationSection:
    """Everything there is to draw of one output."""
    names = tuple(name for name, *_ in SIZES)
    return replace(
        section(), by_facet=(by_facet(),), samples=(sample(names),), threshold=0.5,
        selected=(selected_row(), selected_row(3, "highest"), selected_row(5, "nearest_threshold")),
    )  # fmt: skip


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
        by_facet=tuple(
            replace(by_facet(name, names[place - 1], names), output=names[0]) for place, name in enumerate(names)
        ),
        samples=(_hostile_sample(names),),
        selected=tuple(_hostile_row(names, place) for place in range(len(names))),
        threshold=0.5,
    )


def _hostile_sample(names: tuple[str, ...]) -> AttributionSample:
    strata = tuple(SampleStratum(name, names[place - 1], 10, 2) for place, name in enumerate(names))
    codes = tuple(i % len(names) for i in range(40))
    features = tuple(sampled(name, tuple(0.01 * i for i in range(40)), codes, names) for name in names)
    return AttributionSample(names[0], strata, features)


def _hostile_row(names: tuple[str, ...], place: int) -> ExplainedRow:
    contributions = tuple(Contribution(name, 0.01, 0.001, names[i - 1]) for i, name in enumerate(names))
    return replace(
        selected_row(place), output=names[0], contributions=contributions, groups=tuple((name, name) for name in names)
    )
