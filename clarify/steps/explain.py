"""SHAP of every row: a game settled once, explained fragment by fragment wherever the engine runs them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from clarify.config.analysis import Shap
from clarify.config.columns import column_name
from clarify.data import storage
from clarify.data.dataset import Fragment, cut, read_fragment
from clarify.data.feature_matrix import read_features
from clarify.endpoints.base import EndpointSpec
from clarify.engines.base import Engine
from clarify.errors import BadPrediction, Problem
from clarify.explain.aggregate import GlobalColumn, certain_order
from clarify.explain.explainer import explain_rows
from clarify.explain.games import Game
from clarify.explain.pilots import Costs
from clarify.features import FeatureColumn, Features
from clarify.results import ExplanationSection, GlobalAttribution, Interval, Notice, OutputExplanation
from clarify.steps.explained_rows import with_rows
from clarify.steps.explanation_game import Asking, ExplanationGame, settle_game
from clarify.steps.local_parts import ExplainedPart, LocalParts, local_table, summarise_part
from clarify.steps.plan import AnalysisPlan
from clarify.steps.predict import endpoint_of, part_uri_of, read_part, to_parquet
from clarify.steps.provision_endpoint import LeasedEndpoint
from clarify.steps.validate_dataset import PreparedData

ROWS_PER_EXPLANATION = 256       # four blocks of 64: what a killed run loses per worker
# Rows without attributions that are reported; more of them, and the run ends: the rest would not speak for the data.
MOST_ROWS_FAILED = 0.05


@dataclass(frozen=True, eq=False)
class ExplanationJob:
    """What every worker needs to explain a fragment."""

    game: Game
    columns: tuple[FeatureColumn, ...]       # vocabularies start with the baseline's words
    spec: EndpointSpec
    parts_uri: str


@dataclass(frozen=True, eq=False)
class Explanations:
    """The section for the report, the baseline used, the local attributions, and what the estimator cost."""

    section: ExplanationSection
    baseline: Features
    local: LocalParts
    costs: Costs | None = None


def explain(plan: AnalysisPlan, data: PreparedData, lease: LeasedEndpoint, engine: Engine) -> Explanations:
    """Attributions of every row, their summary over all rows and by group, and a few rows one by one.

    Raises
    ------
    EndpointError
        When the model stops answering, answers labels where scores are needed, or has no answer for many rows.
    """
    shap = plan.config.methods.shap or Shap()
    parts_uri = storage.join(data.work_uri, "explanations")
    settled = settle_game(plan, data, lease, engine, parts_uri)
    job = ExplanationJob(settled.game, settled.baseline.rows.columns, lease.spec, parts_uri)
    fragments = tuple(cut(data.dataset, ROWS_PER_EXPLANATION))
    explained = engine.map(partial(explain_fragment, job=job), fragments, stage="explaining")
    reported = _reported(shap, settled, [column.name for column in data.outcome.columns])
    local = LocalParts(fragments, parts_uri, settled.outputs, reported, data.source.key)
    section = with_rows(
        _section(plan, shap, settled, explained, local), plan, data, lease, settled, local, engine
    )
    return Explanations(section, settled.baseline.rows, local, settled.costs)


def explain_fragment(fragment: Fragment, *, job: ExplanationJob) -> ExplainedPart:
    """Explain one fragment and keep its attributions as one part; a finished part is not computed again."""
    part_uri = part_uri_of(job.parts_uri, fragment)
    if not storage.exists(part_uri):
        table = read_fragment(fragment, columns=[column.name for column in job.columns])
        features = read_features(table, job.columns)
        local = explain_rows(job.game, features.values, Asking(endpoint_of(job.spec), features))
        storage.write_bytes(part_uri, to_parquet(local_table(local)))
    return summarise_part(read_part(part_uri))


def _reported(shap: Shap, settled: ExplanationGame, columns: Sequence[str]) -> tuple[tuple[int, str], ...]:
    """Positions and names of the features to report; all play, whatever is reported. A column stands for its group.

    ``columns`` are those of the dataset: a feature named by number is counted among them, label included.
    """
    groups, names = settled.groups, settled.baseline.rows.names
    if shap.features_to_explain is None:
        return tuple(enumerate(groups.names))
    wanted = {column_name(reference, columns) for reference in shap.features_to_explain}
    members = [{names[column] for column in player} for player in groups.players.columns]
    return tuple((place, name) for place, name in enumerate(groups.names) if members[place] & wanted)


# --- the section ------------------------------------------------------------------------------------------------------


def _section(
    plan: AnalysisPlan, shap: Shap, settled: ExplanationGame, explained: list[ExplainedPart], local: LocalParts
) -> ExplanationSection:
    estimators, outcomes = _total(part.estimators for part in explained), _total(part.outcomes for part in explained)
    rows, game = sum(part.rows for part in explained), settled.game
    _check_failed(outcomes["failed"], rows)
    return ExplanationSection(
        outputs=tuple(_outputs(settled, local, estimated=set(estimators) - {"exact", "tree"} != set())),
        aggregation=shap.agg_method,
        estimators=tuple(sorted(estimators.items())),
        num_samples=game.budget.largest(len(game.players)),
        calls=sum(part.calls for part in explained),
        rows=rows,
        rows_exact=outcomes["exact"],
        n_features=len(game.players),
        n_baseline_rows=len(settled.baseline.rows),
        baseline_source=settled.baseline.source,
        use_logit=shap.use_logit,
        seed=game.seed,
        local_values_saved=shap.save_local_shap_values,
        notices=(*settled.notices, *_notices(plan, game, outcomes, estimators)),
        budget_given=game.budget.is_given,
        tolerance=None if game.budget.is_given else game.budget.tolerance,
        rows_within_tolerance=outcomes["within_tolerance"],
        rows_at_ceiling=outcomes["ceiling"],
        rows_failed=outcomes["failed"],
        estimator_asked=plan.shap.estimator,
        estimator_chosen=_chosen(game, estimators),
        probe=settled.steadiness,
        groups=settled.groups.groups,
    )


def _chosen(game: Game, estimators: Counter[str]) -> Literal["", "auto", "kernel", "kriging", "sparse"]:
    """What sampled rows are explained by; "auto" is left alone when no row needed a choice."""
    if game.method != "auto":
        return game.method
    return "kernel" if estimators["kernel"] else ""


def _total(counts: Iterator[tuple[tuple[str, int], ...]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for part in counts:
        total.update(dict(part))
    return total


def _check_failed(failed: int, rows: int) -> None:
    if failed > MOST_ROWS_FAILED * rows:
        raise BadPrediction(
            Problem(
                code="SHAP-FAILED-ROWS",
                field="predictions",
                received=f"{failed:,} of {rows:,} rows without attributions",
                allowed=f"at most {MOST_ROWS_FAILED:.0%}",
                hint="look for features the model cannot handle when a row is mixed with the baseline",
            )
        )


def _outputs(settled: ExplanationGame, local: LocalParts, *, estimated: bool) -> Iterator[OutputExplanation]:
    for output, (label, columns) in enumerate(zip(local.outputs, local.aggregate(), strict=True)):
        yield OutputExplanation(
            label=label,
            expected_value=float(settled.game.expected_values[output]),
            features=tuple(
                _global_attribution(name, column, exact=not estimated)
                for (_, name), column in zip(local.reported, columns, strict=True)
            ),
            certain_order=certain_order(columns),
        )


def _global_attribution(name: str, summary: GlobalColumn, *, exact: bool) -> GlobalAttribution:
    return GlobalAttribution(
        feature=name,
        mean_abs=summary.mean_abs,
        median=summary.median,
        mean_sq=summary.mean_sq,
        standard_error=summary.standard_error,
        exact=exact,
        mean_abs_excess=summary.mean_abs_excess,
        interval=Interval(*summary.interval),
    )


def _notices(plan: AnalysisPlan, game: Game, outcomes: Counter[str], estimators: Counter[str]) -> Iterator[Notice]:
    sampled = sum(outcomes[name] for name in ("within_tolerance", "ceiling", "budget"))
    field = "methods.shap.num_samples"
    if plan.shap.estimator == "kernel" and estimators["kriging"]:
        few = estimators["kriging"]
        message = (
            f"{few:,} rows have more live features than their samples can separate by least squares;"
            f" kriging explains them. {4 * len(game.players)} samples or more avoid it"
        )
        yield Notice("SHAP-FEW-SAMPLES", field, message)
    if plan.shap.estimator == "auto" and sampled:
        chosen = _chosen(game, estimators)
        message = f"{chosen} explains the sampled rows; --estimator {chosen} makes a rerun take it again"
        yield Notice("SHAP-ESTIMATOR", "methods.shap", message)
    if outcomes["ceiling"]:
        message = (
            f"{outcomes['ceiling']:,} rows did not come within {game.budget.tolerance:.2g} of their attributions at the"
            " ceiling of their calls; their error bars say how far they are"
        )
        yield Notice("SHAP-CEILING", field, message)
    if outcomes["failed"]:
        message = f"{outcomes['failed']:,} rows have no attributions: the model did not answer for them"
        yield Notice("SHAP-FAILED-ROWS", "predictions", message)
