"""The shape of analysis_config.json: the words for its problems that no other document needs."""

from __future__ import annotations

from typing import Any, Final

from clarify.config.analysis import AnalysisConfig
from clarify.config.json_text import ROOT, Path, field_path
from clarify.config.shape_problems import Shape
from clarify.errors import Problem

EXAMPLES: Final = {
    "dataset_type": '"text/csv"',
    "methods": '{"pre_training_bias": {"methods": "all"}}',
    "methods.pre_training_bias.methods": '"all"',
    "methods.post_training_bias.methods": '"all"',
    "methods.report.name": '"report"',
    "grid_resolution": "15",
    "name_or_index": '"<column>"',
}

# Keys people expect to find, and where to turn instead.
ELSEWHERE: Final = {
    "has_header": "AWS has no such key: name the columns in headers, or say --csv-header present|absent",
    "model_uri": "name the model with --model",
    "endpoint_url": "name the endpoint with --endpoint",
    "output_uri": "name the output folder with --output",
    "policy": "ranges live in a policy file: --policy",
}


def _own_words(path: Path, complaint: str, received: Any) -> Problem | None:
    return _empty_facet(path) if complaint == "too_short" and path[:1] == ("facet",) else None


def _empty_facet(path: Path) -> Problem:
    """A facet list, or the values of one facet, that names nobody."""
    if len(path) == 1:
        return Problem("CFG-FACET-EMPTY", "facet", "[]", "at least one facet",
                       'name the column: "facet": [{"name_or_index": "..."}]')
    return Problem("CFG-FACET-EMPTY", field_path(path), "[]", "at least one value of the facet's column",
                   "name the group whose treatment you want to measure, or leave the key out to compare each value")


ANALYSIS: Final = Shape(
    AnalysisConfig,
    ROOT,
    "CFG",
    in_json=True,
    misspelt_is_missing=True,
    examples=EXAMPLES,
    elsewhere=ELSEWHERE,
    hints={"text or a whole number": "name the column, or count its position from 0"},
    own=_own_words,
)
