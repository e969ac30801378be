"""What a report is about: the model and its version, or the dataset when there is no model."""

from __future__ import annotations

from clarify.report.names import Names, clean, without_secrets
from clarify.report.words import Sentence, name, say
from clarify.results import AnalysisResult


def subject(result: AnalysisResult, names: Names) -> Sentence:
    """What was examined: the model and its version, or the dataset when there is no model."""
    if result.model is None:
        return say(name(file_name(result)))
    version = say(", version ", name(clean(result.model.version))) if result.model.version else ()
    return say(name(names[result.model.name]), version)


def file_name(result: AnalysisResult) -> str:
    """Last part of the dataset's URI, cleaned."""
    return clean(without_secrets(result.dataset.uri).rstrip("/").rpartition("/")[2])
