"""SHAP of every row: a game made once, explained fragment by fragment wherever the engine runs them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clarify.data import storage
from clarify.data.coding import read_features
from clarify.data.dataset import Fragment, cut, read_fragment
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
from clarify.steps.predict import endpoint_of, read_part, to_parquet
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


@dataclass(frozen=True, eq=False)
class Explanations:
    """The section for the report, and where the local attributions lie, part by part."""

    section: ExplanationSection
    baseline: Features
    features: tuple[str, ...]                # those reported, in dataset order
    positions: tuple[int, ...]               # their players
    fragments: tuple[Fragment, ...]
    parts_uri: str

    def parts(self) -> Iterator[pa.Table]:
        """Local attributions in dataset order."""
        for fragment in self.fragments:
            yield read_part(_part_uri(self.parts_uri, fragment))


def explain(plan: AnalysisPlan, data: PreparedData, lease: LeasedEndpoint, engine: Engine) -> Explanations:
    """Attributions of every row and their summary over all rows.

    Raises
    ------
    EndpointError
        When the model stops answering, or answers labels where scores are needed.
    """
    shap = plan.config.methods.shap
    if shap is None:
        raise BadPrediction(Problem("CFG-MISSING", "methods.shap", "nothing", "a shap section"))
    endpoint = endpoint_of(lease.spec)
    sample = sample_features(data.dataset, data.features, engine)
    baseline = find_baseline(plan, data, shap, sample)
    game = prepare_game(
        baseline.rows.values,
        asking(endpoint, baseline.rows),
        num_samples=shap.num_samples,
        seed=plan.seed,
        use_logit=shap.use_logit,
    )
    game = _with_pilots(game, sample, baseline, endpoint)
    job = ExplanationJob(
        game, baseline.rows.columns, lease.spec, storage.join(plan.work_uri, "explanations")
    )
    fragments = tuple(cut(data.dataset, ROWS_PER_EXPLANATION))
    explained = engine.map(partial(explain_fragment, job=job), fragments, stage="explaining")
    names = output_names(endpoint, baseline.rows)
    return _gather(plan, data, baseline, game, job, fragments, explained, names)


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


def _with_pilots(game: Game, sample: Features, baseline: Baseline, endpoint: Endpoint) -> Game:
    if not game.needs_pilots:
        return game
    pilots = recode(sample, baseline.rows, PILOT_ROWS)
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
    part_uri = _part_uri(job.parts_uri, fragment)
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


def _part_uri(parts_uri: str, fragment: Fragment) -> str:
    return storage.join(parts_uri, f"part-{fragment.index:08d}.parquet")
