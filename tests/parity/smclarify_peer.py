"""Bias reports by smclarify, in an interpreter of its own: tables as JSON on stdin, its answers as JSON on stdout.

Needs nothing of this repository. Every call gets lists of its own, because the library changes its caller's.
"""

import io
import json
import logging
import sys
import warnings

import pandas as pd
from smclarify.bias import report

STAGES = {"pre_training": report.StageType.PRE_TRAINING, "post_training": report.StageType.POST_TRAINING}


def frame_of(table):
    """As pandas reads the file: only an empty field is null in a CSV file, Parquet says its types."""
    if table["format"] == "csv":
        text = io.StringIO(table["csv"])
        return pd.read_csv(text, keep_default_na=False, na_values=[""], float_precision="round_trip")
    return pd.DataFrame({name: series_of(column) for name, column in table["columns"].items()})


def series_of(column):
    values, kind = column["values"], column["kind"]
    if kind == "text":
        return pd.Series(values, dtype=object)
    if kind == "bool":
        return pd.Series(values, dtype=object if None in values else bool)
    return pd.Series(values, dtype="float64" if kind == "float" or None in values else "int64")


def answer(table, stage):
    """The groups of one stage, or the text of the exception that ends the job."""
    frame = frame_of(table)
    listed = None if table["facet_values"] is None else list(table["facet_values"])
    predicted = table["predicted"]
    try:
        groups = report.bias_report(
            frame,
            report.FacetColumn(table["facet"], listed),
            report.LabelColumn(table["label"], frame[table["label"]], list(table["positive"])),
            STAGES[stage],
            report.LabelColumn(predicted, frame[predicted]) if predicted else None,
            group_variable=frame[table["group"]] if table["group"] else None,
        )
        text = report.label_value_or_threshold(frame[table["label"]], list(table["positive"]))
    except Exception as error:  # whatever ends the job is what we want to see
        return {"failure": f"{type(error).__name__}: {error}"}
    return {"label": text, "groups": [[g["value_or_threshold"], [measured(m) for m in g["metrics"]]] for g in groups]}


def measured(metric):
    return [metric["name"], metric["description"], metric["value"], metric.get("error")]


def main():
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    tables = json.load(sys.stdin)
    answers = [
        {stage: answer(table, stage) for stage in STAGES if stage == "pre_training" or table["predicted"]}
        for table in tables
    ]
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
