"""The dry run: what was understood of the documents and the data, before anything is asked of a model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from clarify.config.analysis import AnalysisConfig, PartialDependence
from clarify.config.columns import column_name, feature_columns
from clarify.config.policy import Policy
from clarify.data.coding import Coding, ColumnFacts
from clarify.data.declared import declare_types
from clarify.data.profile import SourceProfile, merge_profiles, profile_head
from clarify.errors import clip
from clarify.explain.budget import Budget
from clarify.results import ColumnSummary, Notice
from clarify.steps.dependence_axes import DEFAULT_TOP_K, MOST_CATEGORIES
from clarify.steps.plan import AnalysisRequest, read_brief
from clarify.steps.validate_dataset import assign_roles, check_columns

HEAD_ROWS = 100_000


@dataclass(frozen=True)
class GroupSize:
    """One group of one facet, and how many of the rows looked at are in it."""

    facet: str
    group: str
    rows: int | None
    others: int | None


@dataclass(frozen=True)
class Understanding:
    """What an analysis would do, as far as the first rows tell."""

    dataset: str
    format: str
    files: int
    rows_read: int
    whole_dataset: bool
    columns: tuple[ColumnSummary, ...]
    label: str | None
    positive: str | None
    groups: tuple[GroupSize, ...]
    features: tuple[str, ...]
    model_calls_per_row: int | None
    model_calls: int | None
    policy: str | None               # its name, and how many ranges it declares
    notices: tuple[Notice, ...]

    def as_json(self) -> str:
        return json.dumps({"status": "understood", **asdict(self)}, indent=2)

    def as_text(self) -> str:
        return "\n".join(_lines(self))


def understand(request: AnalysisRequest) -> Understanding:
    """Parse the config, read the first rows, resolve every name and value.

    Raises
    ------
    ConfigError, DataError
        With every problem found. Nothing is written and no model is started.
    """
    brief = read_brief(request)
    parsed, source = brief.parsed, brief.source
    config = parsed.config
    head, whole = profile_head(source, HEAD_ROWS)
    profile = merge_profiles(replace(source, files=(head.file,)), [head])
    if brief.declared is not None:
        profile = declare_types(profile, brief.declared)
    check_columns(config, profile)
    roles = assign_roles(config, profile)
    calls = _calls_per_row(config, profile)
    notices = (*parsed.notices, *source.notices, *profile.notices, *roles.notices, *_partial(whole))
    return Understanding(
        dataset=source.uri,
        format=source.format,
        files=len(source.files),
        rows_read=profile.rows,
        whole_dataset=whole,
        columns=profile.summaries,
        label=roles.label.column if roles.label else None,
        positive=roles.label.text if roles.label else None,
        groups=tuple(_group(facet, profile) for facet in roles.facets),
        features=tuple(column.name for column in roles.features),
        model_calls_per_row=calls,
        model_calls=calls * profile.rows if calls is not None and whole else None,
        policy=None if brief.policy is None else _policy(brief.policy.policy),
        notices=notices,
    )


def _calls_per_row(config: AnalysisConfig, profile: SourceProfile) -> int | None:
    """Model rows one explained row costs at most, besides itself; None when nothing is explained."""
    shap, pdp = config.methods.shap, config.methods.pdp
    if shap is None and pdp is None:
        return 1 if config.needs_predictions else None
    players = len(feature_columns(config, profile.source.column_names))
    calls = 1
    if shap is not None:
        rows = len(shap.baseline) if isinstance(shap.baseline, tuple) else shap.num_clusters or 1
        calls += Budget(shap.num_samples).largest(players) * rows
    return calls + (_grid_points(pdp, config, profile) if pdp is not None else 0)


def _grid_points(pdp: PartialDependence, config: AnalysisConfig, profile: SourceProfile) -> int:
    """Points of all varied features together, the most there can be while SHAP has not ranked them."""
    names = profile.source.column_names
    features = feature_columns(config, names)
    points = {column.name: _points(column, pdp) for column in profile.summaries if column.name in features}
    if pdp.features is not None:
        return sum(points.get(column_name(reference, names) or "", 0) for reference in pdp.features)
    return sum(sorted(points.values())[-(pdp.top_k_features or DEFAULT_TOP_K) :])


def _points(column: ColumnSummary, pdp: PartialDependence) -> int:
    return pdp.grid_resolution if column.kind in ("int", "float") else min(column.distinct or 0, MOST_CATEGORIES)


def _group(coding: Coding, profile: SourceProfile) -> GroupSize:
    facts = ColumnFacts.of(profile.column(coding.column))
    if facts.values is None or facts.counts is None:
        return GroupSize(coding.column, coding.text, None, None)
    inside = sum(n for value, n in zip(facts.values, facts.counts, strict=True) if coding.selects(value, facts))
    return GroupSize(coding.column, coding.text, inside, sum(facts.counts) - inside)


def _policy(policy: Policy) -> str:
    metrics = sum(len(rule.metrics) for rule in policy.ranges)
    return f"{policy.name}, ranges for {metrics} metrics, level {policy.level:g}, family {policy.family}"


def _partial(whole: bool) -> tuple[Notice, ...]:
    if whole:
        return ()
    message = f"only the first {HEAD_ROWS:,} rows were read: types and groups of the whole data may differ"
    return (Notice("DATA-HEAD-ONLY", "dataset", message),)


def _lines(known: Understanding) -> Iterator[str]:
    some = "all" if known.whole_dataset else "the first"
    yield f"Dataset   {clip(known.dataset)} ({known.format}, {known.files} files), {some} {known.rows_read:,} rows read"
    if known.label is not None:
        yield f"Label     {clip(known.label)}, positive: {clip(known.positive or '')}"
    for group in known.groups:
        sizes = "" if group.rows is None else f"   {group.rows:,} rows against {group.others:,}"
        yield f"Facet     {clip(group.facet)}: {clip(group.group)}{sizes}"
    yield f"Players   {len(known.features)} features: {_some(known.features)}"
    if known.model_calls_per_row is not None:
        total = f", {known.model_calls:,} in all" if known.model_calls is not None else ""
        yield f"Model     at most {known.model_calls_per_row:,} calls a row{total}"
    if known.policy is not None:
        yield f"Policy    {clip(known.policy)}"
    yield "Columns"
    width = max((len(clip(column.name, 40)) for column in known.columns), default=0)
    for column in known.columns:
        nulls = f", {column.nulls:,} nulls" if column.nulls else ""
        yield f"  {clip(column.name, 40):<{width}}  {column.kind:<5}  {column.reading}{nulls}"
    for notice in known.notices:
        yield f"Note      {notice.field}: {notice.message}  [{notice.code}]"


def _some(names: Sequence[str], most: int = 12) -> str:
    shown = ", ".join(clip(name, 40) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


