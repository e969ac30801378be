"""Read all data once to understand and count it, check it against what the config needs, and keep rows if need be."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import partial

from clarify.config.analysis import AnalysisConfig
from clarify.config.columns import column_name, feature_columns
from clarify.config.segments import segment_problems
from clarify.data import storage
from clarify.data.coding import Coding, ColumnFacts, code_facet, code_label, code_predicted_label
from clarify.data.combinations import Combinations
from clarify.data.dataset import Dataset, Fragment, counted_dataset, source_dataset, stage_file, staged_dataset
from clarify.data.declared import declare_types, is_recast
from clarify.data.expectations import blocking_problems, check_profile, derive_expectations
from clarify.data.feature_matrix import model_columns
from clarify.data.profile import SourceProfile, merge_profiles, profile_file
from clarify.data.source import Source
from clarify.engines.base import Engine
from clarify.errors import DataError, Problem
from clarify.features import FeatureColumn, Kind
from clarify.results import ExpectationOutcome, Notice, ValidationOutcome
from clarify.steps.plan import AnalysisPlan

# Raised whenever the same inputs give other bytes than before: finished parts of older runs are then left alone.
ANALYSIS_VERSION = 4


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
    """A dataset, what was understood and counted of it, and the digest that names this analysis.

    ``dataset`` has rows when a model is to see them, when it is Parquet, or when its values are too many to count
    in combinations; otherwise it was counted in the one pass that read it, and ``keep_rows`` stages it for whoever
    needs rows after all.
    """

    dataset: Dataset
    roles: Roles
    outcome: ValidationOutcome
    analysis_digest: str             # SHA-256 over everything the results depend on
    work_uri: str                    # where finished parts wait, and where a rerun finds them
    source: Source                   # as it was profiled, with the digests of its files
    combinations: Combinations | None = field(default=None, compare=False)

    @property
    def to_tally(self) -> tuple[Fragment | Combinations, ...]:
        """What contingency tables of the data's own columns are counted from."""
        return self.dataset.fragments if self.combinations is None else (self.combinations,)

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
    """Profile and count, check, and stage what more than one step will read.

    Raises
    ------
    DataError
        With every blocking expectation that was not met, and how many rows broke it.
    """
    profile = read_profile(plan.source, engine, combined=combined_columns(plan.config, plan.source.column_names))
    if plan.declared is not None:
        profile = declare_types(profile, plan.declared)
    checked = check_columns(plan.config, profile)
    roles = assign_roles(plan.config, profile)
    digest = analysis_digest(plan, profile)
    work_uri = storage.join(plan.output_uri, ".work", digest[:32])
    notices = (*plan.notices, *profile.notices, *roles.notices)
    outcome = ValidationOutcome(profile.rows, profile.summaries, checked, notices)
    counted = profile.combinations.typed(profile.kinds) if profile.combinations is not None else None
    dataset = _dataset(plan.config, profile, work_uri, engine)
    return PreparedData(dataset, roles, outcome, digest, work_uri, profile.source, counted)


def read_profile(source: Source, engine: Engine, *, combined: tuple[str, ...] = ()) -> SourceProfile:
    """What every column of every file holds, and how often each combination of values of some columns occurs."""
    work = partial(profile_file, source, combined=combined)
    return merge_profiles(source, engine.map(work, source.files, stage="reading"))


def combined_columns(config: AnalysisConfig, names: tuple[str, ...]) -> tuple[str, ...]:
    """The columns that count metrics are about, as far as they exist."""
    if not config.bias_requested:
        return ()
    segments = [segment.name_or_index for segment in config.segment_config or ()]
    asked = [config.label, config.predicted_label, config.group_variable, *segments]
    asked += [facet.name_or_index for facet in config.facets]
    return tuple(dict.fromkeys(name for name in (_named(reference, names) for reference in asked) if name is not None))


def check_columns(config: AnalysisConfig, profile: SourceProfile) -> tuple[ExpectationOutcome, ...]:
    """How the data meet the expectations that the config has of them.

    Raises
    ------
    DataError
        With every blocking one that was not met.
    """
    facts = [ColumnFacts.of(column) for column in profile.columns]
    checked = check_profile(derive_expectations(config, facts), facts)
    DataError.collect(blocking_problems(ValidationOutcome(profile.rows, profile.summaries, checked, ())))
    return checked


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
    problems += segment_problems(config.segment_config or (), profile.kinds)
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
        "types": plan.declared.digest if plan.declared is not None else None,
        "shap": asdict(plan.shap) if plan.config.methods.shap is not None else None,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _dataset(config: AnalysisConfig, profile: SourceProfile, work_uri: str, engine: Engine) -> Dataset:
    """Rows for a model are staged; what only is counted is left where it lies."""
    if config.needs_model:
        return _staged(profile.source, profile.kinds, work_uri, engine)
    if profile.source.format == "parquet" and not is_recast(profile):
        return source_dataset(profile.source, profile)
    if profile.combinations is not None:
        return counted_dataset(profile.source, profile.kinds, profile.rows)
    return _staged(profile.source, profile.kinds, work_uri, engine)


def keep_rows(data: PreparedData, engine: Engine) -> Dataset:
    """The dataset with its rows, staged now if nobody needed them before."""
    if data.dataset.fragments:
        return data.dataset
    return _staged(data.source, data.dataset.kinds, data.work_uri, engine)


def _staged(source: Source, kinds: dict[str, Kind], work_uri: str, engine: Engine) -> Dataset:
    work = partial(stage_file, source=source, kinds=kinds, work_uri=work_uri)
    return staged_dataset(source, kinds, engine.map(work, source.files, stage="staging"))
