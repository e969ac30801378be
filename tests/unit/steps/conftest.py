"""Small datasets led through the real steps: planned, validated, with the answers of a model beside them if need be."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from clarify.config.settings import RunSettings
from clarify.data import storage
from clarify.data.dataset import cut
from clarify.engines.local import LocalEngine
from clarify.steps.plan import AnalysisRequest, plan_analysis
from clarify.steps.predict import ScoredDataset, part_uri_of, to_parquet
from clarify.steps.validate_dataset import keep_rows, validate_dataset


@pytest.fixture
def engine():
    with LocalEngine(workers=1) as engine:
        yield engine


@pytest.fixture
def prepare(tmp_path: Path, engine) -> Callable:
    """Write rows as CSV, in one file or several, and return what a step is given: plan and data."""
    count = iter(range(100))

    def prepared(frame: pd.DataFrame, config: dict, *, cross=(), n_files: int = 1):
        folder = tmp_path / f"run-{next(count)}"
        (folder / "data").mkdir(parents=True)
        size = -(-len(frame) // n_files)
        for number in range(n_files):
            part = frame.iloc[number * size : (number + 1) * size]
            part.to_csv(folder / "data" / f"part-{number}.csv", index=False)
        (folder / "config.json").write_text(json.dumps({"dataset_type": "text/csv", **config}))
        request = AnalysisRequest(
            str(folder / "config.json"), str(folder / "out"), RunSettings(csv_header="present", workers=1),
            dataset_uri=str(folder / "data"), cross=cross,
        )
        plan = plan_analysis(request)
        return plan, validate_dataset(plan, engine)

    return prepared


@pytest.fixture
def answer(engine) -> Callable:
    """Lay a model's answers beside the rows, part by part, as ``predict`` leaves them."""

    def answered(data, columns: dict, *, speaks_in_labels: bool = False, names_class: bool = False):
        kept = replace(data, dataset=keep_rows(data, engine))
        fragments = cut(kept.dataset, 64)
        parts_uri = storage.join(data.work_uri, "predictions")
        table = pa.table(columns)
        for fragment in fragments:
            part = table.slice(fragment.first_row, fragment.rows)
            storage.write_bytes(part_uri_of(parts_uri, fragment), to_parquet(part))
        names = tuple(name.removeprefix("score:") for name in columns if name.startswith("score:"))
        return kept, ScoredDataset(
            fragments, parts_uri, names or ("label0",), kept.dataset.rows, 0,
            speaks_in_labels=speaks_in_labels, names_class=names_class,
        )

    return answered
