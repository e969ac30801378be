"""Columns as the documents name them: by name or by position, never both at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from clarify.config.analysis import AnalysisConfig
from clarify.errors import clip

TABLES = ("text/csv", "application/x-parquet")
DOCUMENTS = ("application/json", "application/jsonlines")


def column_name(reference: str | int, columns: Sequence[str]) -> str | None:
    """The column a name or a position from 0 stands for; None when there is no such column."""
    if isinstance(reference, int):
        return columns[reference] if 0 <= reference < len(columns) else None
    return reference if reference in columns else None


def by_column(config: AnalysisConfig, columns: Sequence[str]) -> AnalysisConfig:
    """The config with label and predicted label by name, where JSON has them by path; others stay as they are.

    Columns of JSON Lines and JSON end with the label and the predicted label, as far as the config has them.
    """
    if config.dataset_type not in DOCUMENTS:
        return config
    keys = [key for key in ("label", "predicted_label") if getattr(config, key) is not None]
    if len(columns) < len(keys):
        return config
    return config.model_copy(update=dict(zip(keys, columns[len(columns) - len(keys) :], strict=True)))


def feature_columns(config: AnalysisConfig, columns: Sequence[str]) -> tuple[str, ...]:
    """The columns that are sent to the model, in order: all but label, predicted label, excluded and join column."""
    references = (
        config.label,
        config.predicted_label,
        config.joinsource_name_or_index,
        *(config.excluded_columns or ()),
    )
    left_out = {column_name(reference, columns) for reference in references if reference is not None}
    return tuple(column for column in columns if column not in left_out)


def closest(name: str, names: Iterable[str]) -> str | None:
    """The name most like a misspelt one, whatever the case; None when nothing is near."""
    by_lower = {other.lower(): other for other in names}
    near = difflib.get_close_matches(clip(name).lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[near[0]] if near else None


def did_you_mean(name: object, names: Iterable[str], otherwise: str) -> str:
    """What to do about a misspelt word: the name most like it, or else something else."""
    near = closest(name, names) if isinstance(name, str) else None
    return f"did you mean {near}?" if near else otherwise


def listed(names: Sequence[str], *, most: int = 12) -> str:
    """Names for a message: all of a few, the first of many."""
    shown = ", ".join(repr(clip(name, 60)) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
