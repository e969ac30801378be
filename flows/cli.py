"""The `clarify` command: a thin skin over the flows; it imports late, so that --help answers at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clarify.config.shap_options import DEFAULT_TOLERANCE
from flows.compare_commands import compare
from flows.constraints import constraints
from flows.documents import policy as policy_command
from flows.documents import schema
from flows.exit_codes import check_fail_on, exit_codes, leave_with_verdict, say
from flows.monitor_commands import monitor
from flows.monitor_run import run
from flows.options import FailOn, Json, MaskNames, NoIndividualRows, SuppressBelow, Tracking
from flows.planning import plan
from flows.propose import init
from flows.report_commands import report as report_command

if TYPE_CHECKING:
    from clarify.steps.line import ReportProgress
    from clarify.steps.plan import AnalysisRequest
    from clarify.steps.write_report import PublishedAnalysis

app = typer.Typer(
    name="clarify",
    help="Bias metrics with intervals and SHAP for any model, from the documents SageMaker Clarify reads.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,                  # plain help: importing rich would double its time
    epilog="Exit codes: 0 pass or no policy, 1 violation, 2 documents or data wrong, 3 inconclusive, 4 could not run.",
)

# What libraries print of themselves hides what was found.
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}

Config = Annotated[str, typer.Argument(metavar="CONFIG", help="URI of analysis_config.json")]
DatasetOption = Annotated[
    str | None, typer.Option("--dataset", metavar="URI", help="File or prefix; the config's own dataset_uri wins")
]
Header = Annotated[str, typer.Option("--csv-header", metavar="present|absent|guess", help="Do CSV files name columns?")]
Seed = Annotated[int | None, typer.Option("--seed", help="Overrides the config's; neither: 0")]
Model = Annotated[
    str | None,
    typer.Option("--model", metavar="MODEL_URI", help="models:/name@alias, models:/name/3, runs:/..., a directory"),
]
PolicyOption = Annotated[
    str | None, typer.Option("--policy", metavar="URI|recommended", help="Allowed ranges; they lead to verdicts")
]
Types = Annotated[
    str | None, typer.Option("--types", metavar="URI", help="Declared column types, in place of what is inferred")
]
Cross = Annotated[
    list[str] | None, typer.Option("--cross", metavar="FACET,FACET", help="Facets to be crossed. Repeatable")
]


@app.command()
def analyze(
    config: Config,
    output: Annotated[str, typer.Option("--output", metavar="URI", help="Folder for report and documents")],
    dataset: DatasetOption = None,
    model: Model = None,
    endpoint: Annotated[str | None, typer.Option("--endpoint", metavar="URL", help="A running endpoint")] = None,
    engine: Annotated[str, typer.Option("--engine", metavar="auto|local|spark")] = "auto",
    spark_master: Annotated[str | None, typer.Option("--spark-master", metavar="URL")] = None,
    spark_conf: Annotated[list[str] | None, typer.Option("--spark-conf", metavar="K=V", help="Repeatable")] = None,
    tracking_uri: Tracking = None,
    seed: Seed = None,
    csv_header: Header = "guess",
    in_process_model: Annotated[
        bool, typer.Option("--in-process-model", help="No process around the model; recorded as isolation: none")
    ] = False,
    workers: Annotated[int | None, typer.Option("--workers", help="Processes of the local engine")] = None,
    server_processes: Annotated[
        int | None, typer.Option("--server-processes", help="Of the scoring server; default: the cores, or more")
    ] = None,
    estimator: Annotated[
        str, typer.Option("--estimator", metavar="auto|kernel|kriging|sparse", help="How sampled rows are explained")
    ] = "auto",
    tolerance: Annotated[
        float, typer.Option("--tolerance", help="Relative error that ends a row's calls, without num_samples")
    ] = DEFAULT_TOLERANCE,
    tree_path: Annotated[
        str, typer.Option("--tree-path", metavar="auto|off", help="auto: exact attributions of trees where possible")
    ] = "auto",
    group: Annotated[
        list[str] | None,
        typer.Option("--group", metavar="NAME[=COL,COL]", help="Columns as one feature; alone: NAME_*, ... Repeatable"),
    ] = None,
    group_one_hot: Annotated[
        bool, typer.Option("--group-one-hot", help="Each family of one-hot columns as one feature")
    ] = False,
    policy: PolicyOption = None,
    types: Types = None,
    cross: Cross = None,
    mask_names: MaskNames = False,
    suppress_below: SuppressBelow = 0,
    no_individual_rows: NoIndividualRows = False,
    fail_on: FailOn = "inconclusive",
    direct: Annotated[bool, typer.Option("--direct", help="Without Prefect; MLflow only with --tracking-uri")] = False,
    json_: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress")] = False,
) -> None:
    """Run one analysis: validate, bias, serve the model, bias, SHAP, report."""
    with exit_codes(json_):
        from clarify.config.presentation import Presentation
        from clarify.config.settings import RunSettings
        from clarify.config.shap_options import ShapOptions, parse_groups
        from clarify.steps.plan import AnalysisRequest

        settings = RunSettings(
            engine=engine,  # type: ignore[arg-type]
            spark_master=spark_master,
            spark_conf=_pairs(spark_conf or ()),
            tracking_uri=tracking_uri,
            csv_header=csv_header,  # type: ignore[arg-type]
            in_process_model=in_process_model,
            endpoint=endpoint,
            model=model,
            workers=workers,
            server_processes=server_processes,
        )
        shap = ShapOptions(
            estimator=estimator,  # type: ignore[arg-type]
            tolerance=tolerance,
            tree_path=tree_path,  # type: ignore[arg-type]
            groups=parse_groups(group or ()),
            group_one_hot=group_one_hot,
        )
        check_fail_on(fail_on)
        request = AnalysisRequest(
            config=config,
            output_uri=output,
            settings=settings,
            dataset_uri=dataset,
            seed=seed,
            shap=shap,
            policy=policy,
            types=types,
            cross=_combinations(cross or ()),
            presentation=Presentation(mask_names, suppress_below, not no_individual_rows),
        )
        with _progress(quiet=quiet) as report:
            published = _run(request, report, direct=direct)
        _print_findings(published, as_json=json_)
        leave_with_verdict(published, fail_on)


@app.command()
def validate(
    config: Config,
    dataset: DatasetOption = None,
    model: Model = None,
    csv_header: Header = "guess",
    policy: PolicyOption = None,
    types: Types = None,
    cross: Cross = None,
    json_: Json = False,
) -> None:
    """Dry run: say what was understood of the documents and the data, and every problem at once."""
    with exit_codes(json_):
        from clarify.config.settings import RunSettings
        from clarify.steps.plan import AnalysisRequest
        from clarify.steps.understanding import understand

        settings = RunSettings(csv_header=csv_header, model=model)  # type: ignore[arg-type]
        request = AnalysisRequest(
            config, "", settings, dataset, policy=policy, types=types, cross=_combinations(cross or ())
        )
        understood = understand(request)
        print(understood.as_json() if json_ else understood.as_text())


@app.command()
def demo(
    output: Annotated[str, typer.Option("--output", metavar="DIR")] = "demo-output",
    dataset: Annotated[str, typer.Option("--dataset", metavar="diabetes|german-credit")] = "diabetes",
    tracking_uri: Tracking = None,
    direct: Annotated[bool, typer.Option("--direct", help="Without Prefect")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress")] = False,
) -> None:
    """Train a small model on real data, register it in MLflow, and analyse it."""
    with exit_codes(False):
        from clarify.demo import prepare_demo
        from tasks.tracking import experiment_of, tracking_uri_of

        uri = tracking_uri_of(tracking_uri)
        say(f"training a model on the {dataset} data and registering it in MLflow ({uri})")
        request = prepare_demo(
            dataset, output=output, tracking_uri=uri, experiment_id=experiment_of(uri, "/clarify/training")
        )
        with _progress(quiet=quiet) as report:
            published = _run(request, report, direct=direct)
        _print_findings(published, as_json=False)


app.command()(init)
app.command()(plan)
app.command("report")(report_command)
app.command()(compare)
app.command()(schema)
app.command("policy")(policy_command)
app.add_typer(constraints)
monitor.command()(run)
app.add_typer(monitor)


def _run(request: AnalysisRequest, report: ReportProgress, *, direct: bool) -> PublishedAnalysis:
    if not direct:
        _quiet_prefect()
        from flows.analysis import run_flow

        return run_flow(request, report)
    from clarify.steps.line import run_analysis
    from clarify.steps.plan import rerun_command
    from clarify.steps.write_report import RunFacts

    command = f"{rerun_command(request)} --direct"
    if request.settings.tracking_uri is None:
        return run_analysis(request, facts=RunFacts(command=command), report=report)
    from tasks import tracking

    run = tracking.start_analysis_run(request)
    with tracking.ended_properly(run):
        published = run_analysis(request, facts=RunFacts(command=command, mlflow_run_id=run.run_id), report=report)
        tracking.log_analysis(run, published, engine=published.engine)
    return published


def _print_findings(published: PublishedAnalysis, *, as_json: bool) -> None:
    from clarify.steps.summarise import findings

    if as_json:
        import json

        document = {
            "status": "completed",
            "verdict": published.result.verdicts.verdict if published.result.verdicts is not None else None,
            "output": published.output_uri,
            "report": published.report_uri,
            "evidence": published.evidence_digest,
            "files": {path: record.sha256 for path, record in published.files},
            "findings": list(findings(published.shown)),
        }
        print(json.dumps(document, indent=2))
        return
    for line in findings(published.shown):
        print(line)
    print(f"\nReport: {published.report_uri}")


@contextmanager
def _progress(*, quiet: bool) -> Iterator[ReportProgress]:
    """A bar on a terminal, lines elsewhere, both on standard error."""
    from clarify.steps.line import be_silent
    from flows.progress import print_progress, show_bar

    if quiet:
        yield be_silent
    elif sys.stderr.isatty():
        with show_bar() as report:
            yield report
    else:
        yield print_progress(say)


def _combinations(crossed: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(name.strip() for name in facets.split(",")) for facets in crossed)


def _pairs(settings: Any) -> tuple[tuple[str, str], ...]:
    from clarify.errors import ConfigError, Problem

    wrong = [text for text in settings if "=" not in text]
    ConfigError.collect(
        Problem("RUN-VALUE", "--spark-conf", text, "KEY=VALUE", "write spark.executor.memory=2g, say") for text in wrong
    )
    return tuple(tuple(text.split("=", 1)) for text in settings)


def _quiet_prefect() -> None:
    """Findings are for the user's eyes; Prefect's own log lines stay away unless asked for."""
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("PREFECT_SERVER_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "180")   # a busy machine takes its time
    os.environ.setdefault("DO_NOT_TRACK", "1")


def main(run: Callable[[], Any] = app) -> None:
    """The console script."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    run()


if __name__ == "__main__":
    main()
