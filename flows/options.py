"""Options that more than one command takes, each worded once."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output")]
FailOn = Annotated[
    str,
    typer.Option("--fail-on", metavar="violation|inconclusive|never", help="The mildest verdict that fails"),
]
Tracking = Annotated[
    str | None, typer.Option("--tracking-uri", metavar="URI", help="MLflow; default sqlite:///.clarify/mlflow.db")
]
MaskNames = Annotated[
    bool, typer.Option("--mask-names", help="Pages, views and trackers show numbers in place of names")
]
SuppressBelow = Annotated[
    int, typer.Option("--suppress-below", metavar="K", help="Pages, views and trackers show no count from 1 to K-1")
]
NoIndividualRows = Annotated[
    bool, typer.Option("--no-individual-rows", help="No row is drawn, explained or written by itself")
]
