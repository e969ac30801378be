"""``provenance.json`` read back, so that a page can be drawn again later."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from clarify.errors import DataError, Problem
from clarify.report.encoding import from_plain, load
from clarify.report.provenance import (
    PROVENANCE_VERSION,
    RUN_FIELDS,
    Origin,
    Provenance,
    RunRecord,
)


def read_provenance(content: bytes) -> Provenance:
    """The provenance that ``provenance_document`` wrote; a measurement that failed comes back as NaN.

    Raises
    ------
    DataError
        If the bytes are not strict JSON, of another version, or a field is missing or does not fit.
    """
    field = "provenance.json"
    plain = load(content, field=field)
    if plain.get("version") != PROVENANCE_VERSION:
        raise DataError(Problem("DOC-VERSION", f"{field}.version", str(plain.get("version")), PROVENANCE_VERSION,
                                "run the analysis again to rewrite it"))
    parts = {name: _object(plain, name, field) for name in ("config", "dataset", "model", "code", "environment", "run")}
    dataset, model, code, run = parts["dataset"], parts["model"], parts["code"], dict(parts["run"])
    packages, costs = _object(parts["environment"], "packages", field), _object(run, "costs", field)
    run.pop("seconds", None)
    flat = {
        "config_digest": parts["config"].get("sha256"),
        "dataset_uri": dataset.get("uri"),
        "dataset_digest": dataset.get("sha256"),
        "dataset_rows": dataset.get("rows"),
        "model_uri": model.get("uri"),
        "model_digest": model.get("sha256"),
        "code": {"version": code.get("version"), "digest": code.get("sha256")},
        "environment": {**parts["environment"], "packages": [list(pair) for pair in packages.items()]},
    }
    read = from_plain(Origin, flat, field=field)
    told = from_plain(_Told, {name: run.get(name) for name in RUN_FIELDS}, field=f"{field}.run")
    started, finished = _moment(run, "started_at", field), _moment(run, "finished_at", field)
    measured = tuple((name, _cost(value, f"{field}.run.costs.{name}")) for name, value in costs.items())
    return Provenance(**vars(read), run=RunRecord(started, finished, **vars(told), costs=measured))


@dataclass(frozen=True)
class _Told:
    """What ``provenance.json`` says of the run besides times and costs."""

    engine: str
    command: str
    mlflow_run_id: str | None
    prefect_flow_run_id: str | None
    host: str | None


def _object(plain: Mapping[str, object], name: str, field: str) -> dict[str, object]:
    found = plain.get(name)
    if not isinstance(found, dict):
        raise DataError(Problem("DOC-FIELD", f"{field}.{name}", str(found), "an object"))
    return found


def _moment(run: Mapping[str, object], name: str, field: str) -> datetime:
    try:
        return datetime.fromisoformat(str(run.get(name)))
    except ValueError as error:
        raise DataError(
            Problem("DOC-FIELD", f"{field}.run.{name}", str(run.get(name)), "a time in ISO 8601")
        ) from error


def _cost(value: object, field: str) -> float:
    if value is None:
        return math.nan
    if not isinstance(value, int | float):
        raise DataError(Problem("DOC-FIELD", field, str(value), "a number or null"))
    return value
