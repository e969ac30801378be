"""The analysis config of a monitor: AWS's monitors are given a part of the document, and the rest follows."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any, Final

from clarify.config.json_text import canonical, read_json
from clarify.config.parse import ParsedConfig, parse_analysis_config
from clarify.records import Kind

PREDICTED_LABEL: Final = "predicted_label"

_BIAS: Final[dict[str, Any]] = {"pre_training_bias": {"methods": "all"}, "post_training_bias": {"methods": "all"}}
_EXPLANATIONS: Final[dict[str, Any]] = {"shap": {}}


def parse_monitored_config(document: bytes, kind: Kind) -> ParsedConfig:
    """Read the analysis_config.json of a monitor; what AWS's monitors leave out of it is filled in.

    ``dataset_type`` is text/csv and ``methods`` are those of the monitor's kind. Where the config names neither a
    predictor nor a predicted label, that label gets the column ``predicted_label``, which captured traffic fills. The
    digest is that of the document as it was written.

    Raises
    ------
    ConfigError
        With every problem found.
    """
    written, problems = read_json(document)
    if problems or not isinstance(written, dict):
        return parse_analysis_config(document)
    filled = {**written}
    filled.setdefault("dataset_type", "text/csv")
    filled.setdefault("methods", _BIAS if kind == "bias-drift" else _EXPLANATIONS)
    if kind in ("bias-drift", "model-quality") and not {"predictor", "predicted_label"} & set(filled):
        filled["predicted_label"] = PREDICTED_LABEL
        headers = filled.get("headers")
        if isinstance(headers, list) and PREDICTED_LABEL not in headers:
            filled["headers"] = [*headers, PREDICTED_LABEL]
    parsed = parse_analysis_config(json.dumps(filled))
    return replace(parsed, digest=hashlib.sha256(canonical(written)).hexdigest())
