"""Bias metrics with intervals and SHAP, from the documents SageMaker Clarify reads; usable without Prefect."""

from __future__ import annotations

from importlib import import_module
from typing import Any

# Where each public name lives; nothing is imported before it is asked for.
_HOMES = {
    "AnalysisConfig": "clarify.config.analysis",
    "AnalysisRequest": "clarify.steps.plan",
    "AnalysisResult": "clarify.results",
    "BiasSection": "clarify.results",
    "ClarifyError": "clarify.errors",
    "ConfigError": "clarify.errors",
    "ContingencyTable": "clarify.bias.contingency",
    "DataError": "clarify.errors",
    "EndpointError": "clarify.errors",
    "ExplanationSection": "clarify.results",
    "FacetBias": "clarify.results",
    "Interval": "clarify.results",
    "MetricValue": "clarify.results",
    "MonitorConfig": "clarify.config.monitor",
    "MonitorRecord": "clarify.records",
    "MonitorRequest": "clarify.steps.monitor_plan",
    "OpenedReport": "clarify.steps.opened_report",
    "Policy": "clarify.config.ranges",
    "Presentation": "clarify.config.presentation",
    "Problem": "clarify.errors",
    "PublishedAnalysis": "clarify.steps.write_report",
    "RunSettings": "clarify.config.settings",
    "StorageError": "clarify.errors",
    "Verdict": "clarify.results",
    "VerdictSection": "clarify.results",
    "decide": "clarify.verdicts",
    "evaluate": "clarify.bias.evaluate",
    "explain_rows": "clarify.explain.explainer",
    "ndcg": "clarify.drift.ndcg",
    "open_report": "clarify.steps.opened_report",
    "parse_analysis_config": "clarify.config.parse",
    "prepare_game": "clarify.explain.games",
    "read_extended": "clarify.report.document",
    "read_monitor": "clarify.config.monitor",
    "read_policy": "clarify.config.policy",
    "run_analysis": "clarify.steps.line",
    "run_monitor": "clarify.steps.monitor_line",
    "understand": "clarify.steps.understanding",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'clarify' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return list(__all__)
