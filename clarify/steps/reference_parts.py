"""The parts of a reference beside the bias metrics: attributions, distributions of the data, quality of the model."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from clarify.config.parse import ParsedConfig, parse_analysis_config
from clarify.config.settings import RunSettings
from clarify.data import storage
from clarify.data.addressing import open_dataset
from clarify.errors import ConfigError, StorageError
from clarify.results import AnalysisResult
from clarify.steps.attribution_reference import write_attribution_reference
from clarify.steps.choose_engine import open_engine
from clarify.steps.model_quality_reference import write_model_quality_reference
from clarify.steps.quality_reference import write_data_quality_reference
from clarify.steps.reference import TYPES


@dataclass(frozen=True)
class SuggestRequest:
    """A published analysis, and the folder that its reference goes to.

    ``dataset_uri``, ``config_uri``: where its rows and its config are now, if not where the analysis found them.
    """

    analysis_uri: str
    output_uri: str
    dataset_uri: str | None = None
    config_uri: str | None = None


@dataclass(frozen=True)
class Part:
    """One part of a reference: its files below the folder, or why there is none."""

    paths: tuple[str, ...] = ()
    missing_because: str = ""


WritePart = Callable[[SuggestRequest, AnalysisResult], Part]


def write_attributions(request: SuggestRequest, result: AnalysisResult) -> Part:
    """A sample of local attributions."""
    if result.explanations is None:
        return Part(missing_because="no attributions: the analysis explained nothing")
    written = write_attribution_reference(request.analysis_uri, request.output_uri)
    return Part(written or (), "" if written else NO_LOCAL_VALUES)


def write_data_quality(request: SuggestRequest, result: AnalysisResult) -> Part:
    """Statistics, constraints and distributions of the rows that were analysed."""
    config = _config_of(request, result)
    if config is None:
        return Part(missing_because=NO_CONFIG)
    uri = config.config.dataset_uri or request.dataset_uri or result.dataset.uri
    source, _ = open_dataset(config.config, uri, csv_header="guess")
    with open_engine(RunSettings(), dataset_bytes=source.bytes) as engine:
        return Part(write_data_quality_reference(source, request.output_uri, engine=engine))


def write_model_quality(request: SuggestRequest, result: AnalysisResult) -> Part:
    """Quality of the model overall and by group, from the counts of the analysis."""
    if result.post_training is None:
        return Part(missing_because="no quality of the model: the analysis compared no predictions with labels")
    return Part(write_model_quality_reference(request.analysis_uri, request.output_uri).files)


def write_types(request: SuggestRequest, result: AnalysisResult) -> Part:
    """How every column was read, so that a small window is read as the reference was, whatever its values.

    A document of declared types (``clarify analyze --types``).
    """
    columns: dict[str, dict[str, str]] = {column.name: {"kind": column.kind} for column in result.validation.columns}
    for name, text in _coded(result):
        if name in columns and columns[name]["kind"] in ("int", "float"):
            columns[name]["reading"] = "continuous" if text.startswith("(") else "categorical"
    document = json.dumps({"version": "1.0", "columns": columns}, indent=4) + "\n"
    storage.write_bytes(storage.join(request.output_uri, TYPES), document.encode())
    return Part((TYPES,))


def _coded(result: AnalysisResult) -> Iterator[tuple[str, str]]:
    """Columns that were split in two, with AWS's word for the listed values or the range: a range is in brackets."""
    for section in (result.pre_training, result.post_training):
        if section is not None:
            yield section.label, section.label_value_or_threshold
            yield from ((facet.facet, facet.value_or_threshold) for facet in section.facets)


PARTS: tuple[WritePart, ...] = (write_types, write_attributions, write_data_quality, write_model_quality)

NO_LOCAL_VALUES = "no attributions: the analysis kept none; set methods.shap.save_local_shap_values and run it again"
NO_CONFIG = "no data quality: the config of the analysis is not where it was, or another one by now; name it: --config"


def _config_of(request: SuggestRequest, result: AnalysisResult) -> ParsedConfig | None:
    """The config that was named, else the one that the analysis was run with, if it is still there and the same."""
    if request.config_uri is not None:
        return parse_analysis_config(storage.read_bytes(request.config_uri))
    try:
        provenance = json.loads(storage.read_bytes(storage.join(request.analysis_uri, "provenance.json")))
        words = shlex.split(provenance["run"]["command"])
        parsed = parse_analysis_config(storage.read_bytes(words[2])) if words[:2] == ["clarify", "analyze"] else None
    except (StorageError, ConfigError, KeyError, IndexError, ValueError):
        return None
    return parsed if parsed is not None and parsed.digest == result.config_digest else None
