"""A small subject of monitoring: real patients and model, one reference, and traffic and labels as AWS lays them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from clarify.config.settings import RunSettings
from clarify.config.shap_options import ShapOptions
from clarify.demo import load_diabetes_patients
from clarify.records import MonitorRecord, Window
from clarify.steps.line import run_analysis
from clarify.steps.monitor_line import MonitorRun, run_monitor
from clarify.steps.monitor_plan import MonitorRequest
from clarify.steps.plan import AnalysisRequest
from clarify.steps.record_store import StoredRecord, find_records, windows_seen
from clarify.steps.reference_parts import SuggestRequest
from clarify.steps.suggest_constraints import suggest_constraints

LABEL, POSITIVE, FACET, GROUP = "progressed", "yes", "sex", "code 2"
START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
REFERENCE_ROWS, WINDOW_ROWS = 1_200, 150
KINDS = ("bias-drift", "attribution-drift", "data-quality", "model-quality")
LABELLED = ("bias-drift", "model-quality")


def at(hour: float) -> datetime:
    """A moment of the story, in hours from its start."""
    return START + hour * HOUR


def window_of(hour: int) -> Window:
    """The window that the run of the full hour ``hour + 1`` looks at."""
    return Window.between(at(hour), at(hour + 1))


@dataclass(frozen=True)
class Monitored:
    """Patients, a pipeline saved by MLflow, the config that all monitors read, and their reference."""

    folder: Path
    patients: pd.DataFrame
    pipeline: Any
    model: str
    config: str
    reference: str

    @property
    def features(self) -> list[str]:
        return [name for name in self.patients if name != LABEL]

    def scored(self, rows: pd.DataFrame) -> np.ndarray:
        """Probability of the positive label."""
        classes = list(self.pipeline.classes_)
        return self.pipeline.predict_proba(rows[self.features])[:, classes.index(POSITIVE)]


def make_monitored(folder: Path) -> Monitored:
    """Train and save the model, analyse 1,200 rows, suggest constraints from them: the reference of every monitor."""
    patients = load_diabetes_patients().drop(columns=["s2", "s3", "s4"])
    patients = patients.astype(dict.fromkeys(patients.select_dtypes("integer").columns, float))
    pipeline, model = _trained(patients, folder / "model")
    config = folder / "analysis_config.json"
    config.write_text(json.dumps(analysis_config(patients, model), indent=4))
    random = np.random.default_rng(2026)
    rows = patients.iloc[random.integers(0, len(patients), REFERENCE_ROWS)]
    rows.to_csv(folder / "baseline.csv", index=False)
    settings = RunSettings(engine="local", workers=1, in_process_model=True, csv_header="present")
    run_analysis(AnalysisRequest(str(config), str(folder / "baseline"), settings, str(folder / "baseline.csv"),
                                 shap=ShapOptions(estimator="kriging")))
    suggest_constraints(SuggestRequest(str(folder / "baseline"), str(folder / "reference"),
                                       str(folder / "baseline.csv"), str(config)))
    return Monitored(folder, patients, pipeline, model, str(config), str(folder / "reference"))


def analysis_config(patients: pd.DataFrame, model: str) -> dict[str, Any]:
    """What columns mean, in AWS's document."""
    return {
        "version": "1.0",
        "dataset_type": "text/csv",
        "headers": list(patients.columns),
        "label": LABEL,
        "label_values_or_threshold": [POSITIVE],
        "facet": [{"name_or_index": FACET, "value_or_threshold": [GROUP]}],
        "methods": {
            "pre_training_bias": {"methods": ["DPL"]},
            "post_training_bias": {"methods": ["DPPL", "AD"]},
            "shap": {"num_samples": 32, "use_logit": True, "save_local_shap_values": True},
            "report": {"name": "report", "title": "A reference"},
        },
        "predictor": {"model_name": model, "label_headers": ["no", "yes"]},
    }


def _trained(patients: pd.DataFrame, path: Path) -> tuple[Any, str]:
    import mlflow.sklearn
    from mlflow.models import infer_signature
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    features = patients.drop(columns=LABEL)
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["sex", "age_band"]), remainder=StandardScaler()
    )
    pipeline = make_pipeline(encode, LogisticRegression(max_iter=2_000)).fit(features, patients[LABEL])
    signature = infer_signature(features, pipeline.predict(features))
    mlflow.sklearn.save_model(pipeline, str(path), signature=signature, pyfunc_predict_fn="predict_proba",
                              serialization_format="cloudpickle")
    return pipeline, str(path)


# --- traffic ----------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Live:
    """Live data and monitors of one test, below one folder; monitors name them by relative paths.

    So two folders with the same traffic have the same documents, and their records the same bytes.
    """

    subject: Monitored
    folder: Path

    def patients(self, hour: int, n: int = WINDOW_ROWS) -> pd.DataFrame:
        """Who comes in an hour: rows named by their event, with the moment and the model's score."""
        random = np.random.default_rng([7, hour])
        drawn = self.subject.patients.iloc[random.integers(0, len(self.subject.patients), n)]
        drawn = drawn.set_axis([f"h{hour:02d}-{i:04d}" for i in range(n)])
        moments = [at(hour) + HOUR * (i + 0.5) / n for i in range(n)]
        return drawn.assign(moment=moments, score=self.subject.scored(drawn))

    def traffic(self, hour: int, n: int = WINDOW_ROWS, *, labelled: float = 1.0) -> pd.DataFrame:
        """An hour of captured requests; of a share of them the label is known in the hour after it."""
        people = self.patients(hour, n)
        self.capture(hour, people)
        self.label(hour + 1, people.iloc[: round(labelled * n)], name=f"of-{hour:02d}.jsonl")
        return people

    def capture(
        self, hour: int, people: pd.DataFrame, *, columns: Iterable[str] | None = None, name: str = "part.jsonl"
    ) -> None:
        """Requests of an hour, as an endpoint captures them."""
        sent = people[list(columns if columns is not None else self.subject.features)]
        rows = sent.to_csv(index=False, header=False).splitlines()
        lines = [
            captured(event, moment, row, f"{score:.6f}")
            for event, moment, row, score in zip(people.index, people["moment"], rows, people["score"], strict=True)
        ]
        write_lines(self.folder / "capture" / "loans" / "all", hour, name, lines)

    def label(self, hour: int, people: pd.DataFrame, *, name: str) -> None:
        """Labels that become known in an hour."""
        lines = [labelled(event, label) for event, label in people[LABEL].items()]
        if lines:
            write_lines(self.folder / "truth", hour, name, lines)

    # --- monitors -----------------------------------------------------------------------------------------------------

    def monitor(self, kind: str, **changes: Any) -> Path:
        """A monitor of every hour; a key that is changed to None is left out."""
        document: dict[str, Any] = {
            "version": "1.0",
            "name": f"m-{kind}",
            "kind": kind,
            "schedule": {"interval": "PT1H"},
            "window": {"uri": "capture", "layout": "capture", "length": "PT1H"},
            "config": self.subject.config,
            "reference": self.subject.reference,
            "output": f"out/{kind}",
        }
        if kind in LABELLED:
            document["ground_truth"] = {"uri": "truth", "lateness": "PT6H"}
        if kind == "attribution-drift":
            document |= {"model": self.subject.model, "explained_rows": 40, "in_process_model": True}
        written = {key: value for key, value in (document | changes).items() if value is not None}
        path = self.folder / f"{written['name']}.yaml"
        path.write_text(json.dumps(written, indent=2))              # JSON is YAML
        return path

    def output(self, kind: str) -> str:
        return str(self.folder / "out" / kind)

    def run(
        self, kind: str, hour: float, *, clock: float | None = None, document: Path | None = None, again: bool = False,
        workers: int = 1, **options: Any,
    ) -> MonitorRun:
        """What the run does that is scheduled for an hour, five minutes late unless the clock says otherwise."""
        path = document or self.folder / f"m-{kind}.yaml"
        request = MonitorRequest(str(path), at(hour), again, RunSettings(engine="local", workers=workers))
        moment = at(hour) + timedelta(minutes=5) if clock is None else at(clock)
        return run_monitor(request, now=lambda: moment, **options)

    def records(self, kind: str, hour: int) -> tuple[StoredRecord, ...]:
        """The published records of the window that begins at an hour."""
        return find_records(self.output(kind), window_of(hour))

    def windows(self, kind: str) -> list[int]:
        """The hours whose windows have been looked at."""
        return [round((window.starts - START) / HOUR) for window in windows_seen(self.output(kind))]


def the_one(run: MonitorRun) -> MonitorRecord:
    """The record of a run that published one."""
    (record,) = run.published
    return record


def contents(folder: str | Path) -> dict[str, bytes]:
    """Every file below a folder but the locks."""
    root = Path(folder)
    files = (path for path in sorted(root.rglob("*")) if path.is_file() and ".lock" not in path.parts)
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def captured(event: str, moment: datetime, row: str, answer: str) -> dict[str, Any]:
    """One line of captured traffic."""
    part = {"observedContentType": "text/csv", "encoding": "CSV"}
    return {
        "captureData": {
            "endpointInput": {**part, "mode": "INPUT", "data": row},
            "endpointOutput": {**part, "mode": "OUTPUT", "data": answer},
        },
        "eventMetadata": {"eventId": event, "inferenceTime": moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")},
        "eventVersion": "0",
    }


def labelled(event: str, label: str) -> dict[str, Any]:
    """One line of ground truth."""
    return {
        "groundTruthData": {"data": label, "encoding": "CSV"},
        "eventMetadata": {"eventId": event},
        "eventVersion": "0",
    }


def write_lines(root: Path, hour: int, name: str, lines: Iterable[Mapping[str, Any]]) -> Path:
    """Lines of JSON in the folder of an hour; what is there already stays."""
    path = root / at(hour).strftime("%Y/%m/%d/%H") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path
