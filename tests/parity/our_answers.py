"""What we put into analysis.json for a random table, by the real way: file, profile, coding, tally, formulas."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from clarify.bias.catalog import metrics_of
from clarify.bias.evaluate import aws_value
from clarify.config.parse import parse_analysis_config
from clarify.config.settings import RunSettings
from clarify.data.column_types import ARROW_TYPES
from clarify.data.dataset import stage
from clarify.data.profile import profile_source
from clarify.data.source import open_source
from clarify.engines.local import LocalEngine
from clarify.errors import ClarifyError
from clarify.results import ValidationOutcome
from clarify.steps.flip_neighbours import flips_of_facets
from clarify.steps.measure_bias import TallyPlan, tabulate
from clarify.steps.plan import AnalysisPlan
from clarify.steps.validate_dataset import PreparedData, Roles, assign_roles
from tests.parity.random_tables import RandomTable

STAGES = ("pre_training", "post_training")


@dataclass(frozen=True)
class OurAnswer:
    """Groups and metrics by stage; ``roles`` is None and ``failure`` has the codes of what ended the job."""

    stages: dict[str, list]
    roles: Roles | None = None
    failure: tuple[str, ...] = ()


def our_answer(table: RandomTable, folder: Path) -> OurAnswer:
    """Run one table through."""
    source = open_source(
        write(table, folder),
        dataset_type="text/csv" if table.format == "csv" else "application/x-parquet",
        csv_header="present",
    )
    profile = profile_source(source)
    config = parse_analysis_config(json.dumps(config_of(table))).config
    stages = STAGES if table.predicted else STAGES[:1]
    try:
        roles = assign_roles(config, profile)
    except ClarifyError as error:
        return OurAnswer({}, failure=tuple(problem.code for problem in error.problems))
    dataset = stage(profile.source, profile.kinds, str(folder / "work"))
    outcome = ValidationOutcome(profile.rows, profile.summaries, ())
    data = PreparedData(dataset, roles, outcome, "0" * 64, str(folder / "work"), profile.source)
    plan = AnalysisPlan(config, "0" * 64, source, str(folder / "out"), RunSettings(), 0)
    return OurAnswer({stage: groups(plan, data, stage) for stage in stages}, roles)


def groups(plan: AnalysisPlan, data: PreparedData, stage: str) -> list:
    """Every group with the name, description, value and error of each metric, as analysis.json has them."""
    engine = LocalEngine(workers=1)
    predicted = data.predicted_label if stage == "post_training" else None
    tally = TallyPlan(data.facets, data.outcome_label, predicted, data.group_variable)
    tables = tabulate(engine, data.dataset.fragments, tally, scored=None)
    flips = flips_of_facets(plan, data, None, engine, tables) if predicted else [None] * len(tables)
    return [
        [facet.text, measured(stage, table.as_aws().with_flips(flip.aws if flip else None))]
        for facet, table, flip in zip(data.facets, tables, flips, strict=True)
    ]


def measured(stage: str, folded) -> list:
    found = []
    for metric in metrics_of(stage):
        answer = aws_value(metric, folded)
        found.append([metric.name, metric.description, answer.value, answer.error])
    return found


def write(table: RandomTable, folder: Path) -> str:
    if table.format == "csv":
        path = folder / "rows.csv"
        path.write_text(table.csv)
        return str(path)
    path = folder / "rows.parquet"
    arrays = {
        name: pa.array(column.values, ARROW_TYPES[column.kind]) for name, column in table.columns.items()
    }
    pq.write_table(pa.table(arrays), path)
    return str(path)


def config_of(table: RandomTable) -> dict:
    def named(**optional: object) -> dict:
        return {key: value for key, value in optional.items() if value is not None}

    methods: dict[str, object] = {"pre_training_bias": {"methods": "all"}}
    if table.predicted:
        methods["post_training_bias"] = {"methods": "all"}
    facet = named(name_or_index=table.facet, value_or_threshold=listed(table.facet_values))
    return {
        "dataset_type": "text/csv" if table.format == "csv" else "application/x-parquet",
        "label": table.label,
        "label_values_or_threshold": listed(table.positive),
        "facet": [facet],
        "methods": methods,
        **named(predicted_label=table.predicted, group_variable=table.group),
    }


def listed(values: Sequence | None) -> list | None:
    return None if values is None else list(values)
