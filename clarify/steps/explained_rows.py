"""Attributions by group, a sample of rows, a few rows chosen by rule: what pictures of explanations are made of."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from clarify.config.analysis import AnalysisConfig
from clarify.data.coding import Coding
from clarify.endpoints.selection import positive_column
from clarify.engines.base import Engine
from clarify.explain.group_effects import FEWEST_ROWS, compare_groups
from clarify.results import (
    AttributionSample,
    ExplanationSection,
    FacetAttributions,
    GlobalAttribution,
    Notice,
    OutputExplanation,
)
from clarify.steps.explanation_game import ExplanationGame
from clarify.steps.local_parts import LocalParts
from clarify.steps.picked_rows import Picked, explained_rows, samples_of
from clarify.steps.plan import AnalysisPlan
from clarify.steps.player_values import Player, is_free_text
from clarify.steps.predict import EVEN, decision_rule
from clarify.steps.provision_endpoint import LeasedEndpoint
from clarify.steps.row_survey import Seen, Survey, survey_rows
from clarify.steps.validate_dataset import PreparedData

MOST_OUTPUTS = 6
MOST_GROUPS = 40
MOST_COMPARED = 100                # features of each output
MOST_DRAWN = 400
MOST_STRATA = 20
MOST_SAMPLED = 20                  # features of each output


@dataclass(frozen=True)
class Decision:
    """Whose score decides, and above which value, in the unit of the attributions; None: nothing says."""

    output: int
    threshold: float | None


def with_rows(
    section: ExplanationSection,
    plan: AnalysisPlan,
    data: PreparedData,
    lease: LeasedEndpoint,
    settled: ExplanationGame,
    local: LocalParts,
    engine: Engine,
) -> ExplanationSection:
    """The section with its rows looked at by group and, unless the plan forbids it, one by one.

    Two passes: one over all rows for sums, the rows of a sample and those at the edges of the scores; one for the few
    rows that were found. Memory does not grow with rows.
    """
    outputs = section.outputs[:MOST_OUTPUTS]
    compared = _compared(outputs, local)
    decision = _decision(plan, data, lease, section)
    strata = tuple(facet for facet in data.facets if facet.column == data.facets[0].column)
    survey = Survey(
        parts_uri=local.parts_uri,
        facets=data.facets[:MOST_GROUPS],
        attributions=tuple((output, place) for output, features in enumerate(compared) for place, _ in features),
        centres=tuple(feature.median for features in compared for _, feature in features),
        strata=strata[:MOST_STRATA],
        most_drawn=MOST_DRAWN if plan.presentation.individual_rows else 0,
        scored_output=decision.output,
        threshold=decision.threshold,
        seed=section.seed,
    )
    seen = survey_rows(survey, local, engine)
    by_facet = tuple(_by_facet(survey, seen, outputs, compared))
    picked = Picked(local, outputs, _players(data, settled), data.facets, section.seed)
    return replace(
        section,
        by_facet=by_facet,
        samples=_samples(picked, survey, seen, engine) if survey.most_drawn else (),
        selected=explained_rows(picked, survey, seen, engine) if survey.most_drawn else (),
        threshold=decision.threshold,
        notices=(*section.notices, *_notices(section, data.facets, strata, survey, by_facet)),
    )


# --- what is looked at ------------------------------------------------------------------------------------------------


Ranked = tuple[tuple[int, GlobalAttribution], ...]
"""Places among the players, and what is known of them over all rows."""


def strongest(output: OutputExplanation, local: LocalParts, most: int) -> Ranked:
    """The features that move the scores most, errors aside; equals keep the order of the data."""
    places = [place for place, _ in local.reported]
    pairs = zip(places, output.features, strict=True)
    return tuple(sorted(pairs, key=lambda pair: pair[1].mean_abs_excess - pair[1].mean_abs)[:most])


def _compared(outputs: Sequence[OutputExplanation], local: LocalParts) -> tuple[Ranked, ...]:
    """The strongest features of each output, in the order of the output."""
    return tuple(tuple(sorted(strongest(output, local, MOST_COMPARED), key=lambda pair: pair[0])) for output in outputs)


def _decision(
    plan: AnalysisPlan, data: PreparedData, lease: LeasedEndpoint, section: ExplanationSection
) -> Decision:
    """The output of the positive class, and the score above which a row is predicted positive.

    Of the probabilities of two named classes the larger one decides. With more outputs, no score alone decides.
    """
    spec, model, n_outputs = lease.spec, lease.model, len(section.outputs)
    if n_outputs == 1:
        return Decision(0, _linked(_threshold(plan, data, lease), use_logit=section.use_logit))
    if n_outputs == 2 and model.output == "probability":
        names = model.classes if len(model.classes) == 2 else spec.label_headers
        return Decision(positive_column(names, spec.positive_label), _linked(EVEN, use_logit=section.use_logit))
    return Decision(0, None)


def _threshold(plan: AnalysisPlan, data: PreparedData, lease: LeasedEndpoint) -> float | None:
    """The threshold that this analysis holds the model's one score to; a stated one when nothing was predicted."""
    if plan.config.needs_predictions and data.roles.label is not None:
        rule = decision_rule(plan, data, lease)
        return None if rule.names_class else rule.threshold
    return _stated(plan.config)


def _stated(config: AnalysisConfig) -> float | None:
    return config.probability_threshold if config.probability_threshold_given else None


def _linked(threshold: float | None, *, use_logit: bool) -> float | None:
    """On the scale of the attributions; no probability is above 1, so that 0 and 1 are no log-odds."""
    if threshold is None or not use_logit:
        return threshold
    return math.log(threshold) - math.log1p(-threshold) if 0 < threshold < 1 else None


def _players(data: PreparedData, settled: ExplanationGame) -> tuple[Player, ...]:
    columns = settled.baseline.rows.columns
    summaries = {summary.name: summary for summary in data.outcome.columns}
    return tuple(
        Player(
            place,
            name,
            tuple(columns[column] for column in members),
            len(members) == 1 and is_free_text(columns[members[0]], summaries[columns[members[0]].name]),
        )
        for place, (name, members) in enumerate(
            zip(settled.groups.names, settled.groups.players.columns, strict=True)
        )
    )


# --- what is made of it -----------------------------------------------------------------------------------------------


def _by_facet(
    survey: Survey, seen: Seen, outputs: Sequence[OutputExplanation], compared: Sequence[Ranked]
) -> Iterator[FacetAttributions]:
    totals, centres = seen.sums.rounded(), np.array(survey.centres)
    start = 0
    for output, features in zip(outputs, compared, strict=True):
        columns = slice(start, start + len(features))
        start += len(features)
        mine = replace(totals, values=totals.values[:, :, columns])
        names = [feature.feature for _, feature in features]
        for group, facet in enumerate(survey.facets):
            d, a = 2 * group, 2 * group + 1
            effects = compare_groups(mine, centres[columns], names, d=d, a=a)
            if effects:
                rows_d, rows_a = int(totals.rows[d]), int(totals.rows[a])
                yield FacetAttributions(output.label, facet.column, facet.text, rows_d, rows_a, effects)


def _samples(picked: Picked, survey: Survey, seen: Seen, engine: Engine) -> tuple[AttributionSample, ...]:
    features = [
        tuple(place for place, _ in strongest(output, picked.local, MOST_SAMPLED)) for output in picked.outputs
    ]
    return samples_of(picked, features, survey, seen, engine)


def _notices(
    section: ExplanationSection,
    facets: Sequence[Coding],
    strata: Sequence[Coding],
    survey: Survey,
    by_facet: Sequence[FacetAttributions],
) -> Iterator[Notice]:
    """What the comparison of groups leaves out; counts only, as neither names nor small groups belong here."""
    if not facets or not survey.attributions:
        return
    n_outputs, n_features = len(section.outputs), len(section.outputs[0].features)
    compared = {(found.facet, found.value_or_threshold) for found in by_facet}
    small = len({(facet.column, facet.text) for facet in survey.facets} - compared)
    left = [
        (len(facets) - len(survey.facets), f"{len(facets) - MOST_GROUPS:,} of {len(facets):,} groups beyond the first"
         f" {MOST_GROUPS} are not compared"),
        (small, f"{small:,} of {len(facets):,} groups have fewer than {FEWEST_ROWS} explained rows on one side and are"
         " not compared"),
        (n_features > MOST_COMPARED, f"only the {MOST_COMPARED} strongest of {n_features:,} features are compared"),
        (n_outputs > MOST_OUTPUTS, f"only the first {MOST_OUTPUTS} of {n_outputs:,} outputs are compared"),
        (survey.most_drawn and len(strata) > MOST_STRATA, f"rows are drawn by the first {MOST_STRATA} of the"
         f" {len(strata):,} groups of the first facet, the others together"),
    ]  # fmt: skip
    said = "; ".join(message for found, message in left if found)
    if said:
        yield Notice("SHAP-GROUPS", "facet", said)
