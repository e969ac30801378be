"""Results for the tests of the report: German Credit like counts, crowded ones, hostile names."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import cycle

import numpy as np

from clarify.bias.contingency import ContingencyTable
from clarify.bias.evaluate import evaluate
from clarify.report.provenance import CodeIdentity, Environment, Provenance, RunRecord
from clarify.results import (
    AnalysisResult,
    BiasSection,
    ColumnSummary,
    DatasetDescription,
    ExpectationOutcome,
    ExplanationSection,
    FacetBias,
    GlobalAttribution,
    ModelDescription,
    Notice,
    OutputExplanation,
    ValidationOutcome,
)

# (TP, FP, FN, TN) of facet a and facet d; both facets add up to the same 624, 158, 76, 142.
FOREIGN_WORKER = ContingencyTable.from_confusion(a=(32, 3, 1, 1), d=(592, 155, 75, 141))
AGE = ContingencyTable.from_confusion(a=(531, 124, 59, 96), d=(93, 34, 17, 46))
ATTRIBUTIONS = (
    ("status", 0.112), ("month", 0.053), ("purpose", 0.048), ("credit_amount", 0.041), ("credit_history", 0.037),
    ("savings", 0.033), ("employment", 0.027), ("age", 0.022), ("installment_plans", 0.017),
    ("investment_as_income_percentage", 0.016), ("housing", 0.012), ("skill_level", 0.009), ("telephone", 0.0004),
)  # fmt: skip


def credit_result() -> AnalysisResult:
    """Two facets, all metrics; CDDL, CDDPL (no group variable) and FT (not run) are undefined."""
    return AnalysisResult(
        config_digest="c0ffee" + "0" * 58,
        dataset=DatasetDescription("s3://credit/german.csv", "csv", "d1" * 32, 1000, 21, 91_000),
        validation=ValidationOutcome(
            1000,
            (ColumnSummary("age", "int", "all values are integers", 1000, 3, 53, 19.0, 75.0),),
            (ExpectationOutcome("expect_column_values_to_not_be_null", "age", "recorded", False, 3, 1000),),
        ),
        model=ModelDescription(
            "models:/credit-hgb@champion", "models:/credit-hgb/7", "credit-hgb", "7", "ab" * 32, "probability"
        ),
        pre_training=bias_section("pre_training"),
        post_training=bias_section("post_training"),
        explanations=explanations(),
        notices=(Notice("DATA-NULLS", "age", "3 rows have no value"),),
        seed=5,
    )


def bias_section(stage: str, *, facets: tuple[FacetBias, ...] | None = None) -> BiasSection:
    found = facets or (
        evaluate(FOREIGN_WORKER, facet="foreign_worker", value_or_threshold="A201", stage=stage),
        evaluate(AGE, facet="age", value_or_threshold="(18, 25]", stage=stage),
    )
    return BiasSection(stage, "credit", "1", found)


def explanations() -> ExplanationSection:
    features = tuple(
        GlobalAttribution(name, size, 0.8 * size, 1.5 * size**2, 0.03 * size) for name, size in ATTRIBUTIONS
    )
    return ExplanationSection(
        outputs=(OutputExplanation("label0", 0.7215, features),),
        aggregation="mean_abs",
        estimators=(("exact", 100), ("sparse", 900)),
        num_samples=512,
        calls=512_000,
        rows=1000,
        rows_exact=100,
        n_features=len(features),
        n_baseline_rows=64,
        baseline_source="medoid",
        use_logit=False,
        seed=5,
        local_values_saved=True,
    )


def empty_group_result() -> AnalysisResult:
    """Facet d has no row: everything but GE is undefined."""
    nobody = ContingencyTable.from_confusion(a=(32, 3, 1, 1), d=(0, 0, 0, 0))
    facets = (evaluate(nobody, facet="sex", value_or_threshold="x", stage="post_training"),)
    post_training = bias_section("post_training", facets=facets)
    return replace(credit_result(), pre_training=None, explanations=None, post_training=post_training)


def crowded_result(n_groups: int, n_features: int = 100) -> AnalysisResult:
    """Many groups of five facets and many features, as a census with fine categories gives."""
    draw = np.random.default_rng(7)
    cells = draw.integers(0, 900, (5, 4)).tolist()
    tables = [ContingencyTable.from_confusion(a=(60_000, 9_000, 7_000, 24_000), d=tuple(d)) for d in cells]
    pre, post = (
        bias_section(
            stage,
            facets=tuple(
                replace(group, facet=f"facet {i % 5}", value_or_threshold=f"value {i}")
                for i, group in zip(range(n_groups), cycle(_evaluated(tables, stage)), strict=False)
            ),
        )
        for stage in ("pre_training", "post_training")
    )
    sizes = draw.exponential(0.01, n_features).tolist()
    features = tuple(GlobalAttribution(f"feature {i}", s, s, s * s, s / 20) for i, s in enumerate(sizes))
    section = replace(explanations(), outputs=(OutputExplanation("label0", 0.5, features),), n_features=n_features)
    return replace(credit_result(), pre_training=pre, post_training=post, explanations=section)


def _evaluated(tables: list[ContingencyTable], stage: str) -> list[FacetBias]:
    return [evaluate(table, facet="", value_or_threshold="", stage=stage) for table in tables]


HOSTILE = (
    "<script>window.pwn=1</script>", '"><svg onload=alert(1)>', "</style><b>", "]]>", "{{7*7}}", "$", "=cmd()|x",
    "\u202egnp.exe", "nul\0", "two\nlines", "\N{PILE OF POO}", "a" + "\u0301" * 500, "n" * 10_000,
    "n" * 9_000 + "other", "", "`code` | [link](javascript:alert(1)) ![x](//x)", "\ud800", "\x1b[31mred",
)  # fmt: skip


def hostile_result(names: tuple[str, ...] = HOSTILE) -> AnalysisResult:
    """Every name from outside is one that has broken some page before."""
    plain = credit_result()
    facets = tuple(
        evaluate(AGE, facet=name, value_or_threshold=names[i - 1], stage="post_training")
        for i, name in enumerate(names)
    )
    features = tuple(GlobalAttribution(name, 0.1, 0.1, 0.01) for name in names)
    return replace(
        plain,
        dataset=replace(plain.dataset, uri=f"s3://bucket/{names[0]}"),
        model=replace(plain.model, name=names[0], version=names[1], pinned_uri=names[1]),
        pre_training=None,
        post_training=BiasSection("post_training", names[2], names[0], facets),
        explanations=replace(explanations(), outputs=(OutputExplanation(names[0], 0.5, features),)),
        notices=tuple(Notice("X", name, name) for name in names),
        report_title=names[0],
    )


def example_provenance(command: str = "clarify run analysis_config.json --data s3://credit/german.csv") -> Provenance:
    return Provenance(
        config_digest="c0ffee" + "0" * 58,
        dataset_uri="s3://credit/german.csv",
        dataset_digest="d1" * 32,
        dataset_rows=1000,
        model_uri="models:/credit-hgb/7",
        model_digest="ab" * 32,
        code=CodeIdentity("0.1.0", "ef" * 32),
        environment=Environment("3.11.9", "Linux-x86_64", (("numpy", "2.1.0"), ("scipy", "1.14.0"))),
        run=RunRecord(
            started_at=datetime(2025, 11, 22, 13, 38, 2, tzinfo=UTC),
            finished_at=datetime(2025, 11, 22, 13, 40, 5, tzinfo=UTC),
            engine="local",
            command=command,
            mlflow_run_id="8c1f40ba",
        ),
    )
