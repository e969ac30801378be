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
