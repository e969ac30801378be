"""`clarify compare`: champion and challenger, metric by metric, on the same rows or on others."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.options import FailOn, Json, MaskNames, SuppressBelow


def compare(
    champion: Annotated[str, typer.Argument(metavar="CHAMPION", help="Folder of the run in use")],
    challenger: Annotated[str, typer.Argument(metavar="CHALLENGER", help="Folder of the run that may replace it")],
    output: Annotated[str, typer.Option("--output", metavar="URI", help="Folder for the comparison")],
    tolerance: Annotated[
        list[str] | None,
        typer.Option(
            "--tolerance",
            metavar="VALUE|METRIC=VALUE",
            help="How far differences of shares, or one metric, may lie apart; leads to verdicts. Repeatable",
        ),
    ] = None,
    mask_names: MaskNames = False,
    suppress_below: SuppressBelow = 0,
    fail_on: FailOn = "inconclusive",
    json_: Json = False,
) -> None:
    """Compare two analyses: differences of their metrics with intervals, paired where the rows are the same."""
    from flows.exit_codes import check_fail_on, exit_codes, leave_with_status

    with exit_codes(json_):
        from clarify.config.presentation import Presentation
        from clarify.records import Status
        from clarify.steps.compare import CompareRequest, compared_json, compared_text
        from clarify.steps.compare import compare as compare_runs
        from clarify.steps.tolerances import parse_tolerances

        check_fail_on(fail_on)
        tolerances = parse_tolerances(tolerance or ())
        shown = Presentation(mask_names, suppress_below)
        published = compare_runs(CompareRequest(champion, challenger, output, tolerances, shown))
        print(compared_json(published) if json_ else compared_text(published))
        verdict = published.comparison.verdict
        leave_with_status(Status(verdict) if verdict is not None else None, fail_on)
