"""Read all data once to understand it, check it against what the config needs, and stage it for the steps to come."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial

import pyarrow as pa

from clarify.config.analysis import AnalysisConfig
from clarify.config.columns import column_name, feature_columns
from clarify.data import storage
from clarify.data.coding import Coding, ColumnFacts, code_facet, code_label, code_predicted_label
from clarify.data.dataset import Dataset, StagedFile, stage_file, staged_dataset
from clarify.data.expectations import (
    Expectation,
    SlabCounts,
    blocking_problems,
    check_profile,
    check_slab,
    combine,
    derive_expectations,
)
from clarify.data.feature_matrix import model_columns
from clarify.data.profile import SourceProfile, merge_profiles, profile_file
from clarify.data.source import Source, SourceFile
from clarify.engines.base import Engine
from clarify.errors import DataError, Problem
from clarify.features import FeatureColumn, Kind
from clarify.results import ExpectationOutcome, Notice, ValidationOutcome
from clarify.steps.plan import AnalysisPlan

# Raised whenever the same inputs give other bytes than before: finished parts of older runs are then left alone.
ANALYSIS_VERSION = 2


@dataclass(frozen=True)
class Roles:
    """Which column plays which part, and how its values are read."""

    facets: tuple[Coding, ...] = ()
    label: Coding | None = None
    predicted_label: Coding | None = None
    group_variable: str | None = None
    features: tuple[FeatureColumn, ...] = ()

    @property
    def notices(self) -> tuple[Notice, ...]:
        codings = [*self.facets, *(coding for coding in (self.label, self.predicted_label) if coding is not None)]
        return tuple(dict.fromkeys(notice for coding in codings for notice in coding.notices))


@dataclass(frozen=True)
class PreparedData:
    """Typed rows on disk, what was understood of them, and the digest that names this analysis."""

    dataset: Dataset
    roles: Roles
    outcome: ValidationOutcome
    analysis_digest: str             # SHA-256 over everything the results depend on
    work_uri: str                    # where finished parts wait, and where a rerun finds them

    @property
    def facets(self) -> tuple[Coding, ...]:
        return self.roles.facets

    @property
    def features(self) -> tuple[FeatureColumn, ...]:
        return self.roles.features

    @property
    def group_variable(self) -> str | None:
        return self.roles.group_variable

    @property
    def predicted_label(self) -> Coding | None:
        return self.roles.predicted_label

    @property
    def outcome_label(self) -> Coding:
        """The label's coding.

        Raises
        ------
        DataError
            When the config names no label, which a bias analysis cannot do without.
        """
        if self.roles.label is None:
            raise DataError(Problem("CFG-MISSING", "label", "nothing", "the label's column", "name the label"))
        return self.roles.label


def validate_dataset(plan: AnalysisPlan, engine: Engine) -> PreparedData:
    """Profile, check, stage.

    Raises
    ------
    DataError
        With every blocking expectation that was not met, and how many rows broke it.
    """
    profile = read_profile(plan.source, engine)
    expectations, checked = check_columns(plan.config, profile)
    roles = assign_roles(plan.config, profile)
    digest = analysis_digest(plan, profile)
    work_uri = storage.join(plan.output_uri, ".work", digest[:32])
    dataset, counts = _stage(profile, work_uri, expectations, engine)
    outcome = _outcome(profile, (*checked, *combine(expectations, counts)), (*plan.notices, *roles.notices))
    DataError.collect(blocking_problems(outcome))
    return PreparedData(dataset, roles, outcome, digest, work_uri)


def read_profile(source: Source, engine: Engine) -> SourceProfile:
    """What every column of every file holds."""
    return merge_profiles(source, engine.map(partial(profile_file, source), source.files, stage="reading"))


def check_columns(
    config: AnalysisConfig, profile: SourceProfile
) -> tuple[tuple[Expectation, ...], tuple[ExpectationOutcome, ...]]:
    """The expectations on this dataset, and the outcome of those that the profile alone can answer.

    Raises
    ------
    DataError
        With every blocking one that was not met.
    """
    facts = [ColumnFacts.of(column) for column in profile.columns]
    expectations = derive_expectations(config, facts)
    checked = check_profile(expectations, facts)
    DataError.collect(blocking_problems(_outcome(profile, checked, ())))
    return expectations, checked


def assign_roles(config: AnalysisConfig, profile: SourceProfile) -> Roles:
    """Resolve names, positions, values and thresholds against what the columns hold; all problems at once."""
    facts = {column.name: ColumnFacts.of(column) for column in profile.columns}
    names = profile.source.column_names
    problems: list[Problem] = []
    roles = Roles(
        group_variable=_named(config.group_variable, names),
        features=model_columns([facts[name] for name in feature_columns(config, names)]),
    )
    if not config.bias_requested:
        return roles
    try:
        label, predicted = _labels(config, facts, names)
        roles = replace(roles, label=label, predicted_label=predicted)
    except DataError as error:
        problems += error.problems
    try:
        roles = replace(roles, facets=tuple(_facets(config, facts, names)))
    except DataError as error:
        problems += error.problems
    DataError.collect(problems)
    return roles


def _labels(
    config: AnalysisConfig, facts: dict[str, ColumnFacts], names: tuple[str, ...]
) -> tuple[Coding, Coding | None]:
    listed = config.label_values_or_threshold or ()
    label_facts = facts[_named(config.label, names) or ""]
    predicted_name = _named(config.predicted_label, names)
    if predicted_name is None:
        return code_label(label_facts, listed), None
    predicted_facts = facts[predicted_name]
    tops = [f.summary.maximum for f in (label_facts, predicted_facts) if f.summary.maximum is not None]
    label = code_label(label_facts, listed, maximum=max(tops, default=None))
    return label, code_predicted_label(predicted_facts, listed, label, label_facts)


def _facets(config: AnalysisConfig, facts: dict[str, ColumnFacts], names: tuple[str, ...]) -> Iterator[Coding]:
    problems: list[Problem] = []
    for index, facet in enumerate(config.facets):
        column = facts[_named(facet.name_or_index, names) or ""]
        try:
            yield from code_facet(column, facet.value_or_threshold or (), where=f"facet[{index}]")
        except DataError as error:
            problems += error.problems
    DataError.collect(problems)


def _named(reference: str | int | None, names: tuple[str, ...]) -> str | None:
    return None if reference is None else column_name(reference, names)


def analysis_digest(plan: AnalysisPlan, profile: SourceProfile) -> str:
    """SHA-256 over everything the results depend on: the documents, the data, the model, the seed."""
    parts = {
        "version": ANALYSIS_VERSION,
        "config": plan.config_digest,
        "data": profile.digest,
        "header": plan.source.header_line,
        "model": plan.model.digest if plan.model is not None else plan.settings.endpoint,
        "seed": plan.seed,
        "shap": asdict(plan.shap) if plan.config.methods.shap is not None else None,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _stage(
    profile: SourceProfile, work_uri: str, expectations: tuple[Expectation, ...], engine: Engine
) -> tuple[Dataset, tuple[SlabCounts, ...]]:
    work = partial(
        stage_and_check, source=profile.source, kinds=profile.kinds, work_uri=work_uri, expectations=expectations
    )
    done = engine.map(work, profile.source.files, stage="staging")
    dataset = staged_dataset(profile.source, profile.kinds, [staged for staged, _ in done])
    return dataset, tuple(counts for _, slabs in done for counts in slabs)


def stage_and_check(
    file: SourceFile,
    *,
    source: Source,
    kinds: dict[str, Kind],
    work_uri: str,
    expectations: tuple[Expectation, ...],
) -> tuple[StagedFile, tuple[SlabCounts, ...]]:
    """Stage one file and look at its rows on the way."""
    counts: list[SlabCounts] = []

    def look(slab: pa.Table) -> None:
        counts.append(check_slab(slab, expectations))

    return stage_file(source, file, kinds, work_uri, on_slab=look), tuple(counts)


def _outcome(
    profile: SourceProfile, expectations: tuple[ExpectationOutcome, ...], notices: tuple[Notice, ...]
) -> ValidationOutcome:
    return ValidationOutcome(profile.rows, profile.summaries, expectations, notices)
