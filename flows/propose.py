"""`clarify init`: proposes a config from data and model, and asks on a terminal what it cannot know."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from flows.exit_codes import exit_codes, say

if TYPE_CHECKING:
    from clarify.proposal.draft import Proposal
    from clarify.proposal.evidence import Answers, Guess
    from clarify.steps.propose import Groundwork, InitRequest

EXIT_OPEN = 2
CONFIG = "analysis_config.json"


def init(
    dataset: Annotated[str, typer.Option("--dataset", metavar="URI", help="File or prefix, CSV or Parquet")],
    model: Annotated[
        str | None, typer.Option("--model", metavar="MODEL_URI", help="Its signature tells features from labels")
    ] = None,
    output: Annotated[str, typer.Option("--output", metavar="URI", help="The config to write")] = CONFIG,
    label: Annotated[str | None, typer.Option("--label", metavar="COLUMN")] = None,
    positive: Annotated[
        list[str] | None, typer.Option("--positive", metavar="VALUE", help="Or a threshold. Repeatable")
    ] = None,
    facet: Annotated[
        list[str] | None, typer.Option("--facet", metavar="COLUMN[=VALUE,...]", help="Or =THRESHOLD. Repeatable")
    ] = None,
    predicted_label: Annotated[str | None, typer.Option("--predicted-label", metavar="COLUMN|none")] = None,
    group_variable: Annotated[str | None, typer.Option("--group-variable", metavar="COLUMN|none")] = None,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", metavar="COLUMN|none", help="No features. Repeatable")
    ] = None,
    no_bias: Annotated[bool, typer.Option("--no-bias", help="Explanations only; needs --model")] = False,
    csv_header: Annotated[str, typer.Option("--csv-header", metavar="present|absent|guess")] = "guess",
    tracking_uri: Annotated[str | None, typer.Option("--tracking-uri", metavar="URI", help="MLflow")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Accept what is likely; never asks")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the config")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document; never asks")] = False,
) -> None:
    """Propose a config from the first rows of the data, ask what cannot be known, and write it."""
    with exit_codes(json_):
        from clarify.config.settings import RunSettings
        from clarify.proposal.evidence import Answers
        from clarify.steps.propose import InitRequest

        settings = RunSettings(csv_header=csv_header, model=model, tracking_uri=tracking_uri)  # type: ignore[arg-type]
        answers = Answers(
            label=label,
            positive=tuple(positive or ()),
            predicted_label=predicted_label,
            group_variable=group_variable,
            excluded=tuple(exclude) if exclude else None,
            bias=not no_bias,
        )
        propose_and_write(
            InitRequest(
                dataset, output, model, _tracking_uri(settings.model, settings.tracking_uri), settings.csv_header,
                answers, tuple(facet or ()), force,
            ),
            yes=yes,
            json_=json_,
            may_ask=sys.stdin.isatty() and not yes and not json_,
        )


def propose_and_write(request: InitRequest, *, yes: bool, json_: bool, may_ask: bool) -> None:
    """Propose, ask when there is somebody to ask, and write the config once nothing is open.

    Raises
    ------
    ConfigError
        PROPOSE-OPEN, one problem per open question, after the proposal was printed.
    """
    from clarify.steps.proposal_text import opening_text, proposal_text
    from clarify.steps.propose import lay_groundwork, propose, write_config

    ground = lay_groundwork(request)
    proposal = propose(ground, ground.answers)
    if may_ask:
        say(opening_text(proposal) + "\n")
        proposal = _ask_all(ground, proposal)
    is_open = bool(proposal.questions(accept_likely=yes or may_ask))
    if not is_open:
        write_config(ground, proposal)
    if json_:
        print(proposal.as_json(status="open" if is_open else "written", accept_likely=yes))
    elif not may_ask:
        print(proposal_text(proposal))
    if is_open:
        _refuse(proposal, yes=yes, quiet=json_)
    if not json_:
        _print_next(ground)


def _refuse(proposal: Proposal, *, yes: bool, quiet: bool) -> None:
    if quiet:                            # the questions stand in the JSON document already
        raise typer.Exit(EXIT_OPEN)
    from clarify.errors import ConfigError
    from clarify.proposal.draft import open_problems

    raise ConfigError(*open_problems(proposal, accept_likely=yes))


def _print_next(ground: Groundwork) -> None:
    from clarify.steps.propose import next_commands

    validate, analyze = next_commands(ground)
    print(f"\nWritten: {ground.request.output}\nNext:    {validate}\n         {analyze}")


def _tracking_uri(model: str | None, asked: str | None) -> str | None:
    """Where a registered model is looked up: where every other command looks."""
    if model is None or "/" not in model or not model.startswith(("models:", "runs:")):
        return asked
    from tasks.tracking import tracking_uri_of

    return tracking_uri_of(asked)


# --- the conversation -------------------------------------------------------------------------------------------------


def _ask_all(ground: Groundwork, proposal: Proposal) -> Proposal:
    """Ask question after question; each answer may settle or raise others."""
    from clarify.proposal.replies import next_question
    from clarify.steps.propose import propose

    answers, asked = ground.answers, frozenset[str]()
    while (question := next_question(proposal, asked)) is not None:
        answers, proposal = _ask_until_right(ground, question, answers)
        asked |= {question.field}
    return propose(ground, answers)


def _ask_until_right(ground: Groundwork, question: Guess, answers: Answers) -> tuple[Answers, Proposal]:
    """One question, again when the reply names what is not there."""
    from clarify.errors import ConfigError
    from clarify.proposal.replies import answered, reply_values
    from clarify.steps.proposal_text import question_text
    from clarify.steps.propose import propose

    say(question_text(question))
    while True:
        reply = _prompt(question)
        try:
            given = answered(answers, question, reply_values(reply, question))
            return given, propose(ground, given)
        except ConfigError as error:
            say(str(error))


def _prompt(question: Guess) -> str:
    """The reply; Enter takes what is likely."""
    from clarify.proposal.replies import default_reply

    try:
        return str(typer.prompt("answer", default=default_reply(question), err=True))
    except typer.Abort as gone:          # end of input, or Ctrl-C
        raise KeyboardInterrupt from gone
