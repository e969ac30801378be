"""How a command ends: errors as messages and exit codes, verdicts as exit codes, what was found on standard output."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import typer

if TYPE_CHECKING:
    from clarify.errors import ClarifyError
    from clarify.records import Status
    from clarify.steps.write_report import PublishedAnalysis

EXIT_VIOLATION, EXIT_INCONCLUSIVE, EXIT_RUNTIME, EXIT_INTERRUPTED = 1, 3, 4, 130
FAIL_ON = ("violation", "inconclusive", "never")


@contextmanager
def exit_codes(as_json: bool) -> Iterator[None]:
    """Turn errors into messages and exit codes; an unexpected one keeps its trace."""
    try:
        yield
    except KeyboardInterrupt:
        _leave(EXIT_INTERRUPTED, "interrupted; a rerun continues with the finished parts")
    except BrokenPipeError:
        os._exit(0)
    except SystemExit as left:          # a library left the process: whatever its code, this run did not finish
        _leave(EXIT_RUNTIME, f"a library ended the process (code {left.code})", cause=left)
    except typer.Exit:
        raise
    except Exception as error:
        from clarify.errors import ClarifyError

        if not isinstance(error, ClarifyError):
            traceback.print_exc()
            _leave(EXIT_RUNTIME, "the run could not finish; nothing was published", cause=error)
        if as_json:
            _print_problems(error)
            raise typer.Exit(error.exit_code) from error
        _leave(error.exit_code, str(error), cause=error)


def _print_problems(error: ClarifyError) -> None:
    import json
    from dataclasses import asdict

    print(json.dumps({"status": "error", "problems": [asdict(problem) for problem in error.problems]}, indent=2))


def _leave(code: int, message: str, *, cause: BaseException | None = None) -> NoReturn:
    say(message)
    raise typer.Exit(code) from cause


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def check_fail_on(fail_on: str) -> None:
    from clarify.errors import ConfigError, Problem

    if fail_on not in FAIL_ON:
        raise ConfigError(Problem("RUN-VALUE", "--fail-on", repr(fail_on), " or ".join(FAIL_ON), "choose one of these"))


def leave_with_verdict(published: PublishedAnalysis, fail_on: str) -> None:
    """As :func:`leave_with_status`; without a policy there is no verdict."""
    from clarify.records import Status

    verdicts = published.result.verdicts
    leave_with_status(Status(verdicts.verdict) if verdicts is not None else None, fail_on)


def leave_with_status(status: Status | None, fail_on: str) -> None:
    """Exit 1 on a violation, 3 when nothing could be decided against it, 4 when something could not be looked at."""
    from clarify.records import Status

    codes = {Status.VIOLATION: EXIT_VIOLATION, Status.INCONCLUSIVE: EXIT_INCONCLUSIVE, Status.ERROR: EXIT_RUNTIME}
    if fail_on == "never":
        del codes[Status.VIOLATION]
    if fail_on != "inconclusive":
        del codes[Status.INCONCLUSIVE]
    if status in codes:
        raise typer.Exit(codes[status])
