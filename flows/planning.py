"""`clarify plan`: how many rows a change of a metric needs to be seen, or which change the rows there are can show."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.options import Json


def plan(
    effect: Annotated[
        float | None, typer.Option("--effect", help="True value of the metric to be seen; without: the smallest")
    ] = None,
    share: Annotated[
        float | None, typer.Option("--share", help="Of facet d in the rows, 0 to 1 [default: 0.5, or the data's]")
    ] = None,
    metric: Annotated[
        str | None, typer.Option("--metric", metavar="NAME", help="Default DPPL; with a config DPPL or DPL")
    ] = None,
    rate: Annotated[
        float | None, typer.Option("--rate", help="Of facet a, 0 to 1 [default: 0.5, or the data's]")
    ] = None,
    allowed: Annotated[
        str | None, typer.Option("--allowed", metavar="LOW,HIGH", help="Or H for -H,H; default: the policy's, or none")
    ] = None,
    power: Annotated[float, typer.Option("--power", help="Chance of seeing it")] = 0.8,
    level: Annotated[
        float | None, typer.Option("--level", help="Chance of a wrong verdict [default: the policy's, or 0.05]")
    ] = None,
    tests: Annotated[
        int | None, typer.Option("--tests", help="That share the level [default: those of the policy, or 1]")
    ] = None,
    rows: Annotated[int | None, typer.Option("--rows", help="That there are, facets a and d together")] = None,
    config: Annotated[
        str | None, typer.Option("--config", metavar="URI", help="Take shares, rates and rows from its data")
    ] = None,
    dataset: Annotated[str | None, typer.Option("--dataset", metavar="URI", help="As for analyze")] = None,
    policy: Annotated[
        str | None, typer.Option("--policy", metavar="URI|recommended", help="Take ranges and level from it")
    ] = None,
    csv_header: Annotated[str, typer.Option("--csv-header", metavar="present|absent|guess")] = "guess",
    json_: Json = False,
) -> None:
    """Plan sample sizes: rows needed to see a change (--effect), or the smallest change that rows show."""
    from flows.exit_codes import exit_codes

    with exit_codes(json_):
        from clarify.config.settings import RunSettings
        from clarify.steps.plan import AnalysisRequest
        from clarify.steps.sample_size import SampleSizeRequest, plan_sample_size
        from clarify.steps.sample_size_text import as_json, as_text

        settings = RunSettings(engine="local", csv_header=csv_header)  # type: ignore[arg-type]
        _check_dataset(config, dataset)
        analysis = None if config is None else AnalysisRequest(config, "", settings, dataset)
        planned = plan_sample_size(
            SampleSizeRequest(
                metric, effect, share, rate, _range(allowed), power, level, tests, rows, policy, analysis
            )
        )
        print(as_json(planned) if json_ else as_text(planned))


def _check_dataset(config: str | None, dataset: str | None) -> None:
    from clarify.errors import ConfigError, Problem

    if dataset is not None and config is None:
        raise ConfigError(
            Problem("PLAN-DATASET", "--dataset", dataset, "--dataset together with --config",
                    "the config says which columns are label and facets: clarify init proposes one")
        )


def _range(text: str | None) -> tuple[float | None, float | None] | None:
    """``LOW,HIGH``, an empty side for no limit; a single number H means -H,H."""
    from clarify.errors import ConfigError, Problem

    if text is None:
        return None
    low, comma, high = text.partition(",")
    try:
        sides = (_number(low), _number(high)) if comma else (-abs(float(text)), abs(float(text)))
    except ValueError:
        sides = (None, None)
    if sides == (None, None):
        raise ConfigError(
            Problem("PLAN-RANGE", "--allowed", text, "LOW,HIGH or one number", "write -0.1,0.1 or 0.1; ,0.1 has no low")
        )
    return sides


def _number(text: str) -> float | None:
    if not text.strip():
        return None
    number = float(text)
    if number != number or abs(number) == float("inf"):
        raise ValueError
    return number
