"""SHAP of every row: a game made once, explained fragment by fragment wherever the engine runs them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clarify.config.analysis import Shap
from clarify.config.columns import column_name
from clarify.data import storage
from clarify.data.dataset import Fragment, cut, read_fragment
from clarify.data.feature_matrix import read_features
from clarify.endpoints.base import Endpoint, EndpointSpec
from clarify.engines.base import Engine
from clarify.errors import BadPrediction, Problem
from clarify.explain.aggregate import GlobalColumn, aggregate_column
from clarify.explain.estimators.base import Estimator
from clarify.explain.explainer import LocalAttributions, explain_rows
from clarify.explain.games import Game, prepare_game
from clarify.explain.pilots import fit_pilots
from clarify.features import FeatureColumn, Features
from clarify.results import ExplanationSection, GlobalAttribution, Notice, OutputExplanation
from clarify.steps.baseline_rows import Baseline, find_baseline, sample_features
from clarify.steps.plan import AnalysisPlan
from clarify.steps.predict import endpoint_of, part_uri_of, read_part, to_parquet
from clarify.steps.provision_endpoint import LeasedEndpoint
from clarify.steps.validate_dataset import PreparedData

ROWS_PER_EXPLANATION = 256       # four blocks of 64: what a killed run loses per worker
PILOT_ROWS = 12


@dataclass(frozen=True, eq=False)
class ExplanationJob:
    """What every worker needs to explain a fragment."""

    game: Game
    columns: tuple[FeatureColumn, ...]       # vocabularies start with the baseline's words
    spec: EndpointSpec
    parts_uri: str


@dataclass(frozen=True)
class ExplainedPart:
    """What one fragment cost."""

    rows: int
    calls: int
    estimators: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class LocalParts:
    """Where the local attributions lie, part by part in dataset order, and which of them are reported."""

    fragments: tuple[Fragment, ...]
    parts_uri: str
    outputs: tuple[str, ...]
    reported: tuple[tuple[int, str], ...]    # position among the players, and name

    def read(self) -> Iterator[pa.Table]:
        """Local attributions in dataset order."""
        for fragment in self.fragments:
            yield read_part(part_uri_of(self.parts_uri, fragment))

    def column(self, output: int, player: int) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """One player's attributions to one output, with their standard errors."""
        names = [f"value:{output}:{player}", f"error:{output}:{player}"]
        for fragment in self.fragments:
            part = read_part(part_uri_of(self.parts_uri, fragment), columns=names)
            yield part[names[0]].to_numpy(), part[names[1]].to_numpy()


@dataclass(frozen=True, eq=False)
class Explanations:
    """The section for the report, the baseline used, and the local attributions."""

    section: ExplanationSection
    baseline: Features
    local: LocalParts


def explain(plan: AnalysisPlan, data: PreparedData, lease: LeasedEndpoint, engine: Engine) -> Explanations:
    """Attributions of every row and their summary over all rows.

    Raises
    ------
    EndpointError
        When the model stops answering, or answers labels where scores are needed.
    """
    shap = plan.config.methods.shap or Shap()
    endpoint = endpoint_of(lease.spec)
    sample = sample_features(data.dataset, data.features, engine) if shap.baseline is None else None
    baseline = find_baseline(plan, data, shap, sample)
    game = prepare_game(
        baseline.rows.values,
        asking(endpoint, baseline.rows),
        num_samples=shap.num_samples,
        seed=plan.seed,
        use_logit=shap.use_logit,
    )
    job = ExplanationJob(
        game=_with_pilots(game, sample, baseline, endpoint, data, engine),
        columns=baseline.rows.columns,
        spec=lease.spec,
        parts_uri=storage.join(data.work_uri, "explanations"),
    )
    fragments = tuple(cut(data.dataset, ROWS_PER_EXPLANATION))
    explained = engine.map(partial(explain_fragment, job=job), fragments, stage="explaining")
    local = LocalParts(fragments, job.parts_uri, output_names(endpoint, baseline.rows), _reported(shap, baseline.rows))
    return Explanations(_section(shap, baseline, job.game, explained, local), baseline.rows, local)


def asking(endpoint: Endpoint, features: Features) -> _Asking:
    """The model as the explanation engine sees it: a matrix in, scores out."""
    return _Asking(endpoint, features)


@dataclass(frozen=True, eq=False)
class _Asking:
    endpoint: Endpoint
    features: Features

    def __call__(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        scores = self.endpoint.predict(self.features.with_values(matrix)).scores
        if scores is None:
            raise BadPrediction(
                Problem(
                    code="ENDPOINT-LABELS",
                    field="predictor",
                    received="class labels",
                    allowed="scores: an attribution explains a number",
                    hint="save the model with pyfunc_predict_fn='predict_proba', or name the score in"
                    " predictor.probability",
                )
            )
        return scores


def output_names(endpoint: Endpoint, rows: Features) -> tuple[str, ...]:
    """What the model's outputs are called: label_headers, or label0, label1, ..."""
    return endpoint.predict(rows).output_names


def _with_pilots(
    game: Game, sample: Features | None, baseline: Baseline, endpoint: Endpoint, data: PreparedData, engine: Engine
) -> Game:
    """Hyper-parameters for the rows kriging will explain; the data are sampled now if the baseline needed no sample."""
    if not game.needs_pilots:
        return game
    rows = sample if sample is not None else sample_features(data.dataset, data.features, engine)
    pilots = recode(rows, baseline.rows, PILOT_ROWS)
    return fit_pilots(game, pilots.values, asking(endpoint, pilots))


def recode(sample: Features, baseline: Features, rows: int) -> Features:
    """The first rows of a sample in the baseline's codes, vocabularies extended by the sample's words."""
    values = sample.values[:rows].copy()
    columns = []
    for position, (mine, base) in enumerate(zip(sample.columns, baseline.columns, strict=True)):
        if base.vocabulary is None or mine.vocabulary is None:
            columns.append(base)
            continue
        codes = {word: code for code, word in enumerate(base.vocabulary)}
        table = np.array([codes.setdefault(word, len(codes)) for word in mine.vocabulary] or [0], dtype=np.float64)
        known = ~np.isnan(values[:, position])
        values[known, position] = table[values[known, position].astype(np.intp)]
        columns.append(FeatureColumn(base.name, base.kind, tuple(codes)))
    return Features(tuple(columns), values)


def explain_fragment(fragment: Fragment, *, job: ExplanationJob) -> ExplainedPart:
    """Explain one fragment and keep its attributions as one part; a finished part is not computed again."""
    part_uri = part_uri_of(job.parts_uri, fragment)
    if not storage.exists(part_uri):
        table = read_fragment(fragment, columns=[column.name for column in job.columns])
        features = read_features(table, job.columns)
        local = explain_rows(job.game, features.values, asking(endpoint_of(job.spec), features))
        storage.write_bytes(part_uri, to_parquet(_part(local)))
    return _costs(read_part(part_uri))


def _part(local: LocalAttributions) -> pa.Table:
    n_outputs, n_players = local.values.shape[1:]
    columns: dict[str, pa.Array] = {
        "estimator": pa.array(local.estimator),
        "calls": pa.array(local.calls),
    }
    for output in range(n_outputs):
        columns[f"score:{output}"] = pa.array(local.scores[:, output])
        for player in range(n_players):
            columns[f"value:{output}:{player}"] = pa.array(local.values[:, output, player])
            columns[f"error:{output}:{player}"] = pa.array(local.standard_errors[:, output, player])
    return pa.table(columns)


def _costs(part: pa.Table) -> ExplainedPart:
    codes = Counter(part["estimator"].to_pylist())
    names = tuple((Estimator(code).name.lower(), count) for code, count in sorted(codes.items()))
    return ExplainedPart(part.num_rows, int(np.sum(part["calls"].to_numpy())), names)


def _reported(shap: Shap, rows: Features) -> tuple[tuple[int, str], ...]:
    """Positions and names of the features to report; all play, whatever is reported."""
    if shap.features_to_explain is None:
        return tuple(enumerate(rows.names))
    wanted = {column_name(reference, rows.names) for reference in shap.features_to_explain}
    return tuple((position, name) for position, name in enumerate(rows.names) if name in wanted)


def _section(
    shap: Shap, baseline: Baseline, game: Game, explained: list[ExplainedPart], local: LocalParts
) -> ExplanationSection:
    estimators: Counter[str] = Counter()
    for part in explained:
        estimators.update(dict(part.estimators))
    return ExplanationSection(
        outputs=tuple(
            OutputExplanation(label, float(game.expected_values[output]), _global(local, output, estimators))
            for output, label in enumerate(local.outputs)
        ),
        aggregation=shap.agg_method,
        estimators=tuple(sorted(estimators.items())),
        num_samples=game.budget,
        calls=sum(part.calls for part in explained),
        rows=sum(part.rows for part in explained),
        rows_exact=estimators["exact"],
        n_features=len(game.players),
        n_baseline_rows=len(baseline.rows),
        baseline_source=baseline.source,
        use_logit=shap.use_logit,
        seed=game.seed,
        local_values_saved=shap.save_local_shap_values,
        notices=_notices(game, estimators),
    )


def _global(local: LocalParts, output: int, estimators: Counter[str]) -> tuple[GlobalAttribution, ...]:
    exact = set(estimators) <= {"exact"}
    return tuple(
        _global_attribution(name, aggregate_column(local.column(output, player)), exact)
        for player, name in local.reported
    )


def _global_attribution(name: str, summary: GlobalColumn, exact: bool) -> GlobalAttribution:
    return GlobalAttribution(name, summary.mean_abs, summary.median, summary.mean_sq, summary.standard_error, exact)


def _notices(game: Game, estimators: Counter[str]) -> tuple[Notice, ...]:
    few = estimators["kriging"]
    if not few:
        return ()
    message = (
        f"{few:,} rows have more live features than {game.budget} samples can separate by least squares;"
        f" kriging explains them. {4 * len(game.players)} samples or more avoid it"
    )
    return (Notice("SHAP-FEW-SAMPLES", "methods.shap.num_samples", message),)
