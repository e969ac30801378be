"""The flow ``clarify-analysis``: one analysis, from the documents to the report, with lineage in MLflow."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, Literal, Self

from prefect import flow, runtime
from prefect.logging import get_run_logger
from pydantic import BaseModel, Field

from clarify.config.presentation import MOST_SUPPRESSED, Presentation
from clarify.config.settings import RunSettings
from clarify.config.shap_options import DEFAULT_TOLERANCE, EstimatorChoice, ShapOptions, TreePath
from clarify.steps.line import ReportProgress, run_analysis
from clarify.steps.plan import AnalysisRequest, rerun_command
from clarify.steps.write_report import PublishedAnalysis, RunFacts
from flows import hooks
from flows.progress import all_of, log_progress, now_and_then
from flows.states import finished
from tasks import artifacts, tracking
from tasks.analysis import call_as_task, log_to_mlflow


class AnalysisParameters(BaseModel):
    """What to analyse and where to run it. Paths are seen from the worker; secrets belong in its environment.

    Prefect shows parameters as they were typed, masked names or not, and so it does the words of an error, which name
    what is to be mended: give masked runs folders, columns and groups whose names may be read.
    """

    config: str = Field(description="URI of analysis_config.json: a path the worker sees, or s3://...")
    dataset: str | None = Field(
        default=None, description="URI of the data: a file or a prefix; the config's own dataset_uri wins"
    )
    output: str = Field(description="URI of the folder that receives the report and the documents")
    model: str | None = Field(
        default=None, description="MLflow model, instead of the config's: models:/name@alias, models:/name/3, a path"
    )
    endpoint: str | None = Field(default=None, description="URL of a running endpoint, instead of serving a model")
    engine: Literal["auto", "local", "spark"] = Field(default="auto", description="Where the rows are worked on")
    spark_master: str | None = Field(default=None, description="Spark master, such as spark://host:7077 or local[4]")
    spark_conf: dict[str, str] = Field(default_factory=dict, description="Spark settings, key by key")
    tracking_uri: str | None = Field(
        default=None, description="MLflow tracking server; empty: MLFLOW_TRACKING_URI, else a file beside the worker"
    )
    seed: int | None = Field(default=None, ge=0, description="Overrides the config's seed; neither: 0")
    csv_header: Literal["present", "absent", "guess"] = Field(
        default="guess", description="Whether CSV files begin with a line of names"
    )
    in_process_model: bool = Field(
        default=False, description="Load the model inside the workers, without a process of its own around it"
    )

    workers: int | None = Field(default=None, ge=1, description="Processes of the local engine; empty: one per core")

    server_processes: int | None = Field(
        default=None, ge=1, description="Processes of the scoring server; empty: the cores, or the config's count"
    )
    estimator: EstimatorChoice = Field(
        default="auto", description="How sampled rows are explained; auto: what the model's speed pays for"
    )
    tolerance: float = Field(
        default=DEFAULT_TOLERANCE,
        gt=0,
        lt=1,
        description="Relative error at which a row's attributions need no more calls, where num_samples is not given",
    )
    tree_path: TreePath = Field(
        default="auto", description="auto: attributions of trees are computed from the trees where that is the same"
    )
    groups: dict[str, list[str]] = Field(
        default_factory=dict,
        description="Columns explained as one feature, by its name; an empty list: those named NAME_..., NAME=..., ...",
    )
    group_one_hot: bool = Field(default=False, description="Explain each family of one-hot columns as one feature")
    policy: str | None = Field(
        default=None, description="URI of the allowed ranges (policy.yaml), or: recommended; empty: no verdicts"
    )
    types: str | None = Field(default=None, description="URI of declared column types, in place of what is inferred")
    cross: list[list[str]] = Field(
        default_factory=list, description="Facets to be crossed, by column name: each list gives one table of cells"
    )
    mask_names: bool = Field(default=False, description="Pages, views and trackers show numbers in place of names")
    suppress_below: int = Field(
        default=0, ge=0, le=MOST_SUPPRESSED,
        description="Pages, views and trackers show no count from 1 to one less; 0: all",
    )
    individual_rows: bool = Field(default=True, description="Single rows are drawn, explained and written")

    @classmethod
    def of(cls, request: AnalysisRequest) -> Self:
        """The parameters that ask for the same."""
        settings = request.settings
        return cls(
            config=request.config,
            dataset=request.dataset_uri,
            output=request.output_uri,
            model=settings.model,
            endpoint=settings.endpoint,
            engine=settings.engine,
            spark_master=settings.spark_master,
            spark_conf=dict(settings.spark_conf),
            tracking_uri=settings.tracking_uri,
            seed=request.seed,
            csv_header=settings.csv_header,
            in_process_model=settings.in_process_model,
            workers=settings.workers,
            server_processes=settings.server_processes,
            estimator=request.shap.estimator,
            tolerance=request.shap.tolerance,
            tree_path=request.shap.tree_path,
            groups={name: list(columns) for name, columns in request.shap.groups},
            group_one_hot=request.shap.group_one_hot,
            policy=request.policy,
            types=request.types,
            cross=[list(facets) for facets in request.cross],
            mask_names=request.presentation.mask_names,
            suppress_below=request.presentation.suppress_below,
            individual_rows=request.presentation.individual_rows,
        )

    def request(self) -> AnalysisRequest:
        """The same, as the library understands it."""
        settings = RunSettings(
            engine=self.engine,
            spark_master=self.spark_master,
            spark_conf=tuple(sorted(self.spark_conf.items())),
            tracking_uri=tracking.tracking_uri_of(self.tracking_uri),
            csv_header=self.csv_header,
            in_process_model=self.in_process_model,
            endpoint=self.endpoint,
            model=self.model,
            workers=self.workers,
            server_processes=self.server_processes,
        )
        shap = ShapOptions(
            estimator=self.estimator,
            tolerance=self.tolerance,
            tree_path=self.tree_path,
            groups=tuple((name, tuple(columns)) for name, columns in self.groups.items()),
            group_one_hot=self.group_one_hot,
        )
        return AnalysisRequest(
            config=self.config,
            output_uri=self.output,
            settings=settings,
            dataset_uri=self.dataset,
            seed=self.seed,
            shap=shap,
            policy=self.policy,
            types=self.types,
            cross=tuple(tuple(facets) for facets in self.cross),
            presentation=Presentation(self.mask_names, self.suppress_below, self.individual_rows),
        )


@flow(
    name="clarify-analysis",
    flow_run_name=hooks.name_after_output,
    retries=0,
    persist_result=False,
    on_cancellation=[hooks.reap_endpoints],
    on_crashed=[hooks.reap_endpoints],
    on_failure=[hooks.reap_endpoints],
)
def clarify_analysis(parameters: AnalysisParameters) -> Any:
    """Validate, measure bias, serve the model, measure again, explain, report; log all of it to MLflow."""
    request = parameters.request()
    told = _reporter.get() or log_progress(get_run_logger(), counts=request.presentation.suppress_below == 0)
    return finished(analyse(request, report=all_of(told, now_and_then(artifacts.ShownProgress(request)))))


# A terminal's bar cannot travel as a parameter: parameters are shown and stored.
_reporter: ContextVar[ReportProgress | None] = ContextVar("reporter", default=None)


def run_flow(request: AnalysisRequest, report: ReportProgress) -> PublishedAnalysis:
    """Run the flow in this process, on the configured Prefect API or Prefect's own; ``report`` hears how far it is."""
    token = _reporter.set(report)
    try:
        published: PublishedAnalysis = clarify_analysis(AnalysisParameters.of(request))
    finally:
        _reporter.reset(token)
    return published


def analyse(request: AnalysisRequest, *, report: ReportProgress) -> PublishedAnalysis:
    """Walk the line as tasks, inside one MLflow run."""
    flow_run_id = str(runtime.flow_run.id)
    run = tracking.start_analysis_run(request, prefect_flow_run_id=flow_run_id)
    with tracking.ended_properly(run):
        facts = RunFacts(
            command=rerun_command(request), mlflow_run_id=run.run_id, prefect_flow_run_id=flow_run_id
        )
        published = run_analysis(request, call=call_as_task, facts=facts, report=report)
        log_to_mlflow(run, published, published.engine)
    return published
