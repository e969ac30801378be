"""`clarify constraints`: the reference that monitors compare live data with."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.options import Json

constraints = typer.Typer(
    name="constraints",
    help="The reference that monitors compare live data with.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@constraints.command()
def suggest(
    analysis: Annotated[str, typer.Option("--from", metavar="URI", help="Folder of a published analysis")],
    output: Annotated[str, typer.Option("--output", metavar="URI", help="Folder for the reference")],
    dataset: Annotated[
        str | None, typer.Option("--dataset", metavar="URI", help="Its rows [default: where the analysis found them]")
    ] = None,
    config: Annotated[
        str | None, typer.Option("--config", metavar="URI", help="Its config [default: where the analysis found it]")
    ] = None,
    json_: Json = False,
) -> None:
    """Write the reference of a monitor from an analysis: values, intervals, counts, attributions, distributions."""
    from flows.exit_codes import exit_codes

    with exit_codes(json_):
        from clarify.steps.reference_parts import SuggestRequest
        from clarify.steps.suggest_constraints import suggest_constraints, suggested_json, suggested_text

        suggested = suggest_constraints(SuggestRequest(analysis, output, dataset, config))
        print(suggested_json(suggested) if json_ else suggested_text(suggested))
