"""`clarify schema`: prints the JSON Schemas of our documents, for editors and for checks elsewhere."""

from __future__ import annotations

from typing import Annotated

import typer


def schema(
    kind: Annotated[str, typer.Argument(metavar="config|policy|monitor|extended", help="Which document")],
    output: Annotated[str | None, typer.Option("--output", metavar="URI", help="Write it here instead")] = None,
) -> None:
    """Print the JSON Schema of a document that Clarify reads or writes."""
    from flows.cli import _exit_codes

    with _exit_codes(False):
        from clarify.steps.schemas import schema_text, write_schema

        if output is None:
            print(schema_text(kind), end="")
        else:
            write_schema(kind, output)
