"""The largest result that a report has to hold: a million rows, a hundred features, five facets with 43 groups."""

from __future__ import annotations

import numpy as np

from clarify.bias.contingency import ContingencyTable
from clarify.bias.evaluate import evaluate
from clarify.config.policy import recommended
from clarify.results import (
    AnalysisResult,
    AttributionSample,
    BiasSection,
    ColumnSummary,
    Contribution,
    DatasetDescription,
    ExplainedRow,
    ExplanationSection,
    FacetAttributions,
    FacetBias,
    GlobalAttribution,
    GroupEffect,
    Interval,
    ModelDescription,
    OutputDependence,
    OutputExplanation,
    PartialDependence,
    SampledFeature,
    SampleStratum,
    ScoreQuantile,
    Stage,
    ValidationOutcome,
)
from clarify.verdicts import decide

ROWS = 1_000_000
GROUPS = {"region": 20, "education": 12, "age": 6, "sex": 2, "origin": 3}
N_FEATURES, N_SAMPLED, N_DEPENDENCE = 100, 400, 20
SEED = 11


def large_result(rows: int = ROWS) -> AnalysisResult:
    """Counts drawn once and scaled to ``rows``: a larger result differs in its counts and in nothing else."""
    draw = np.random.default_rng(SEED)
    pre, post = (_section(stage, np.random.default_rng(SEED), rows) for stage in ("pre_training", "post_training"))
    parsed = recommended()
    return AnalysisResult(
        config_digest="5e" * 32,
        dataset=DatasetDescription(
            "s3://census/people.parquet", "parquet", "da" * 32, rows, N_FEATURES + 2, 210 * rows
        ),
        validation=ValidationOutcome(
            rows,
            tuple(
                ColumnSummary(_name(i), "float", "declared by Parquet", rows, 0, None, 0.0, 1.0)
                for i in range(N_FEATURES)
            ),
            (),
        ),
        model=ModelDescription(
            "models:/census@champion", "models:/census/12", "census", "12", "0d" * 32, "probability"
        ),
        pre_training=pre,
        post_training=post,
        explanations=_explanations(draw, rows),
        verdicts=decide(parsed.policy, parsed.digest, [pre, post], with_detectable=False),
        partial_dependence=tuple(_dependence(draw, i, rows) for i in range(N_DEPENDENCE)),
        seed=SEED,
    )


def _name(place: int) -> str:
    return f"feature_{place:03d}_of_the_census"


def _section(stage: Stage, draw: np.random.Generator, rows: int) -> BiasSection:
    return BiasSection(stage, "income", "1", tuple(_facets(stage, draw, rows)))


def _facets(stage: Stage, draw: np.random.Generator, rows: int) -> list[FacetBias]:
    ranges = recommended().policy.ranges_of
    found = []
    for facet, n_groups in GROUPS.items():
        shares = draw.dirichlet(np.full(n_groups, 2.0))
        for group, share in enumerate(shares):
            d = [round(float(part) * float(share) * rows) for part in draw.dirichlet((30, 6, 7, 40))]
            a = [round(part * rows) - count for part, count in zip((0.36, 0.07, 0.08, 0.49), d, strict=True)]
            table = ContingencyTable.from_confusion(a=tuple(max(count, 0) for count in a), d=tuple(d))
            found.append(
                evaluate(
                    table,
                    facet=facet,
                    value_or_threshold=f"value {group}",
                    stage=stage,
                    ranges=ranges(facet, f"value {group}"),
                )
            )
    return found


def _explanations(draw: np.random.Generator, rows: int) -> ExplanationSection:
    sizes = np.sort(draw.exponential(0.01, N_FEATURES))[::-1].tolist()
    features = tuple(
        GlobalAttribution(
            _name(i), size, 0.8 * size, 1.5 * size**2, size / 40, interval=Interval(0.95 * size, 1.05 * size)
        )
        for i, size in enumerate(sizes)
    )
    return ExplanationSection(
        outputs=(OutputExplanation("label0", 0.41, features, certain_order=6),),
        aggregation="mean_abs",
        estimators=(("kriging", rows),),
        num_samples=512,
        calls=512 * rows,
        rows=rows,
        rows_exact=0,
        n_features=N_FEATURES,
        n_baseline_rows=1,
        baseline_source="medoid",
        use_logit=False,
        seed=SEED,
        local_values_saved=True,
        by_facet=tuple(
            _by_group(draw, facet, f"value {group}", sizes, rows)
            for facet, n_groups in GROUPS.items()
            for group in range(n_groups)
        ),
        samples=(_sample(draw, sizes, rows),),
        selected=tuple(_row(draw, i, sizes) for i in range(5)),
        threshold=0.5,
    )


def _by_group(draw: np.random.Generator, facet: str, group: str, sizes: list[float], rows: int) -> FacetAttributions:
    effects = []
    for i, size in enumerate(sizes):
        d, a = (float(size * mean) for mean in draw.normal(0, 0.5, 2))
        half = size / 30
        effects.append(
            GroupEffect(
                _name(i),
                d,
                a,
                Interval(d - half, d + half),
                Interval(a - half, a + half),
                a - d,
                Interval(a - d - 2 * half, a - d + 2 * half),
            )
        )
    return FacetAttributions("label0", facet, group, rows // 10, rows - rows // 10, tuple(effects))


def _sample(draw: np.random.Generator, sizes: list[float], rows: int) -> AttributionSample:
    strata = tuple(SampleStratum("region", f"value {i}", rows // 20, N_SAMPLED // 20) for i in range(20))
    features = tuple(
        SampledFeature(
            _name(i),
            tuple(round(float(value), 6) for value in draw.normal(0, size, N_SAMPLED)),
            tuple(int(code) for code in draw.integers(0, 5, N_SAMPLED)),
            words=() if i % 4 else ("north", "south", "east", "west", "other"),
        )
        for i, size in enumerate(sizes[:20])
    )
    return AttributionSample("label0", strata, features)


def _row(draw: np.random.Generator, place: int, sizes: list[float]) -> ExplainedRow:
    contributions = tuple(
        Contribution(_name(i), float(draw.normal(0, 3 * size)), size / 10, f"{10 * i}")
        for i, size in enumerate(sizes[:8])
    )
    total = sum(c.attribution for c in contributions)
    why = ("lowest", "highest", "nearest_threshold", "nearest_threshold", "nearest_threshold")[place]
    return ExplainedRow(
        "label0",
        1_000 * place,
        why,
        (("sex", "value 0"),),
        0.41 + total + 0.002,  # type: ignore[arg-type]
        contributions,
        0.002,
        0.0004,
        N_FEATURES - 8,
        0.56,
        0.44,
    )


def _dependence(draw: np.random.Generator, place: int, rows: int) -> PartialDependence:
    grid = tuple(round(0.1 * i, 1) for i in range(10))
    means = tuple(float(m) for m in 0.4 + np.cumsum(draw.normal(0, 0.01, 10)))
    quantiles = tuple(
        ScoreQuantile(level, tuple(mean + shift for mean in means))
        for level, shift in ((0.05, -0.2), (0.25, -0.1), (0.5, 0.0), (0.75, 0.1), (0.95, 0.2))
    )
    output = OutputDependence("label0", means, quantiles, tuple(Interval(m - 0.01, m + 0.01) for m in means))
    return PartialDependence(
        _name(place),
        "numerical",
        feature_values=grid,
        counts=(rows // 10,) * 10,
        outputs=(output,),
        rows=rows,
        rows_used=1_000,
        distinct_rows=1_000,
    )
