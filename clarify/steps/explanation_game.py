"""Everything of a SHAP job that is settled before its rows are explained: players, baseline, estimator, trees."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from clarify.config.analysis import Shap
from clarify.data import storage
from clarify.endpoints.base import Endpoint
from clarify.endpoints.quarantine import predict_or_quarantine
from clarify.endpoints.tree_reading import read_trees
from clarify.engines.base import Engine
from clarify.errors import BadPrediction, Problem
from clarify.explain.families import FeatureGroups, feature_groups, one_hot_families
from clarify.explain.games import Game, Method, prepare_game
from clarify.explain.pilots import Costs, weigh_pilots
from clarify.explain.probe import Steadiness, probe_steadiness
from clarify.explain.tree_check import plays_same_game
from clarify.features import FeatureColumn, Features
from clarify.results import Notice
from clarify.steps.baseline_rows import Baseline, find_baseline, sample_features, text_columns
from clarify.steps.plan import AnalysisPlan
from clarify.steps.predict import endpoint_of, most_failures
from clarify.steps.provision_endpoint import LeasedEndpoint
from clarify.steps.validate_dataset import PreparedData

PILOT_ROWS = 64


@dataclass(frozen=True, eq=False)
class ExplanationGame:
    """The game, what its players are called, and what was found out about the model on the way."""

    game: Game
    baseline: Baseline
    groups: FeatureGroups
    outputs: tuple[str, ...]
    steadiness: Steadiness
    costs: Costs | None
    notices: tuple[Notice, ...]


@dataclass(frozen=True, eq=False)
class Asking:
    """The model as the explanation engine sees it: a matrix in, scores out, NaN where it has no answer."""

    endpoint: Endpoint
    features: Features

    def __call__(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        rows = self.features.with_values(matrix)
        scores = predict_or_quarantine(self.endpoint, rows, most_failures=most_failures(len(rows))).predictions.scores
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


def settle_game(
    plan: AnalysisPlan, data: PreparedData, lease: LeasedEndpoint, engine: Engine, work_uri: str
) -> ExplanationGame:
    """Find the baseline and the players, look at the model, and choose how rows are explained.

    ``work_uri`` keeps the choice that depends on time, so that a run that was killed goes on as it began.
    """
    shap = plan.config.methods.shap or Shap()
    endpoint = endpoint_of(lease.spec)
    sample = sample_features(data.dataset, data.features, engine)
    baseline = find_baseline(plan, data, shap, sample)
    families = one_hot_families(sample.names, sample.values, text_columns(sample))
    groups = feature_groups(sample.names, plan.shap, families)
    pilots = recode(sample, baseline.rows, PILOT_ROWS)
    asking = Asking(endpoint, pilots)
    game = prepare_game(
        baseline.rows.values,
        Asking(endpoint, baseline.rows),
        players=groups.players,
        num_samples=shap.num_samples,
        tolerance=plan.shap.tolerance,
        seed=plan.seed,
        use_logit=shap.use_logit,
        method=plan.shap.estimator,
    )
    game, tree_notices = _with_trees(game, plan, lease, asking)
    probe = probe_steadiness(asking, pilots.values, use_logit=game.use_logit)
    settled, costs = _settle_method(replace(game, noise=probe.noise), asking, pilots, work_uri)
    return ExplanationGame(
        game=settled,
        baseline=baseline,
        groups=groups,
        outputs=endpoint.predict(baseline.rows).output_names,
        steadiness=probe.steadiness,
        costs=costs,
        notices=(*groups.notices, *baseline.notices, *tree_notices, *_steadiness_notices(probe.steadiness)),
    )


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


# --- the estimator ----------------------------------------------------------------------------------------------------


def _settle_method(game: Game, asking: Asking, pilots: Features, work_uri: str) -> tuple[Game, Costs | None]:
    """Hyper-parameters from the pilot rows; a choice by time is made once and kept."""
    choice_uri = storage.join(work_uri, "estimator.json")
    kept = _kept_choice(choice_uri) if game.method == "auto" else None
    fit = weigh_pilots(game if kept is None else replace(game, method=kept), pilots.values, asking)
    if game.method == "auto" and kept is None:
        storage.write_bytes(choice_uri, json.dumps({"estimator": fit.game.method}).encode())
    return fit.game, fit.costs


def _kept_choice(uri: str) -> Method | None:
    if not storage.exists(uri):
        return None
    found = json.loads(storage.read_bytes(uri)).get("estimator")
    return found if found in get_args(Method) else None


# --- the trees --------------------------------------------------------------------------------------------------------


def _with_trees(
    game: Game, plan: AnalysisPlan, lease: LeasedEndpoint, asking: Asking
) -> tuple[Game, tuple[Notice, ...]]:
    """The game with the model's own trees, where they can be read and answer as the model does."""
    pilots = asking.features
    if plan.model is None or plan.shap.tree_path == "off" or not pilots.is_numeric:
        return game, ()
    reading = read_trees(plan.model.path, pilots.names, spec=lease.spec)
    if reading.trees is None or reading.link != ("logit" if game.use_logit else "identity"):
        return game, ()
    if game.use_logit and len(game.baseline) > 1:
        return game, ()      # the game averages scores before the link, trees would average their log-odds
    if not plays_same_game(game, reading.trees, pilots.values, asking):
        message = "the trees in the model's file do not answer as the model does; its rows are sampled instead"
        return game, (Notice("SHAP-TREES-DIFFER", "predictor.model_name", message),)
    return replace(game, trees=reading.trees), ()


def _steadiness_notices(steadiness: Steadiness) -> Iterator[Notice]:
    if steadiness == "noisy":
        yield Notice(
            "SHAP-NOISY-MODEL", "predictor",
            "the model answered the same rows differently when asked again: no rerun gives the same attributions; error"
            " bars of sampled rows include the model's own noise, those of exact rows do not",
        )
    if steadiness == "batch_variant":
        yield Notice(
            "SHAP-BATCH-VARIANT", "predictor",
            "the model answers a row differently in other company: the last digits of attributions depend on which rows"
            " travel together",
        )
