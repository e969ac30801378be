"""`clarify schema` and `clarify policy`: the JSON Schemas of our documents, and a policy to begin with."""

from __future__ import annotations

from typing import Annotated

import typer


def schema(
    kind: Annotated[
        str, typer.Argument(metavar="config|policy|types|monitor|extended|comparison", help="Which document")
    ],
    output: Annotated[str | None, typer.Option("--output", metavar="URI", help="Write it here instead")] = None,
) -> None:
    """Print the JSON Schema of a document that Clarify reads or writes."""
    from flows.exit_codes import exit_codes

    with exit_codes(False):
        from clarify.steps.schemas import schema_text, write_schema

        if output is None:
            print(schema_text(kind), end="")
        else:
            write_schema(kind, output)


def policy() -> None:
    """Print the recommended policy, to be edited: clarify policy > policy.yaml."""
    from clarify.config.policy import RECOMMENDED

    print(RECOMMENDED, end="")
