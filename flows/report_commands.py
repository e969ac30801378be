"""`clarify report`: a published analysis written again, for another reader or another tool."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from flows.options import FailOn, MaskNames, NoIndividualRows, SuppressBelow


def report(
    run: Annotated[str, typer.Argument(metavar="RUN", help="URI of the output folder of an analysis")],
    form: Annotated[
        str,
        typer.Option("--format", metavar="html|pdf|markdown|pull-request|junit|text", help="pdf needs the extra 'pdf'"),
    ] = "html",
    output: Annotated[
        str | None, typer.Option("--output", metavar="URI", help="File to write [default: standard output]")
    ] = None,
    approval: Annotated[
        str | None, typer.Option("--approval", metavar="URI", help="Who decided what; fills the block to sign")
    ] = None,
    mask_names: MaskNames = False,
    suppress_below: SuppressBelow = 0,
    no_individual_rows: NoIndividualRows = False,
    fail_on: FailOn = "inconclusive",
) -> None:
    """Write a published analysis again: as a page, as a PDF with a block to sign, for a pull request, as JUnit."""
    from flows.exit_codes import check_fail_on, exit_codes, say

    with exit_codes(False):
        from clarify.config.presentation import Presentation
        from clarify.steps.rewrite import RewriteRequest, rewrite, save

        check_fail_on(fail_on)
        shown = Presentation(mask_names, suppress_below, not no_individual_rows)
        written = rewrite(RewriteRequest(run, form, shown, approval, fail_on))  # type: ignore[arg-type]
        if output is None:
            sys.stdout.buffer.write(written)
            return
        save(output, written)
        say(f"{len(written):,} bytes written to {output}")
