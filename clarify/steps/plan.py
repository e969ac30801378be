"""From a request to a plan: documents read, files listed and hashed, the model pinned; nothing computed yet."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace

from clarify.config.analysis import AnalysisConfig
from clarify.config.checks import missing_columns
from clarify.config.columns import column_name
from clarify.config.cross import cross_problems
from clarify.config.declared_types import DeclaredTypes, read_declared_types, unknown_columns
from clarify.config.parse import ParsedConfig, ensure_runnable, parse_analysis_config
from clarify.config.policy import ParsedPolicy
from clarify.config.presentation import Presentation
from clarify.config.settings import RunSettings
from clarify.config.shap_options import ShapOptions, group_option
from clarify.data.addressing import open_dataset
from clarify.data.source import Source
from clarify.endpoints.pinning import PinnedModel
from clarify.errors import ClarifyError, ConfigError, DataError, Problem
from clarify.results import Notice
from clarify.steps.judge import check_policy, read_policy_document
from clarify.steps.named_document import read_named
from clarify.steps.together import attempt, together

MASTERS_HERE = ("local", "spark://127.0.0.1", "spark://localhost")


@dataclass(frozen=True)
class AnalysisRequest:
    """What a user asks for: a config document, data, and where to run.

    ``config`` is a URI; ``dataset_uri`` serves when the config names no ``dataset_uri`` of its own; ``seed`` wins
    over the config's. ``policy``: URI of the allowed ranges, or ``recommended``; ``types``: URI of the declared column
    types; ``cross``: facets to be crossed, by name; ``presentation``: how much pages and views show.
    """

    config: str
    output_uri: str
    settings: RunSettings
    dataset_uri: str | None = None
    seed: int | None = None
    shap: ShapOptions = field(default_factory=ShapOptions)
    policy: str | None = None
    types: str | None = None
    cross: tuple[tuple[str, ...], ...] = ()
    presentation: Presentation = field(default_factory=Presentation)


@dataclass(frozen=True)
class AnalysisPlan:
    """Everything that was decided before any row was read."""

    config: AnalysisConfig
    config_digest: str
    source: Source
    output_uri: str
    settings: RunSettings
    seed: int
    model: PinnedModel | None = None
    notices: tuple[Notice, ...] = ()
    shap: ShapOptions = field(default_factory=ShapOptions)
    policy: ParsedPolicy | None = None
    declared: DeclaredTypes | None = None
    cross: tuple[tuple[str, ...], ...] = ()
    presentation: Presentation = field(default_factory=Presentation)

    @property
    def needs_endpoint(self) -> bool:
        return self.config.needs_model


@dataclass(frozen=True)
class Brief:
    """All documents of a request, held against each other and against the columns of the data."""

    parsed: ParsedConfig
    source: Source
    policy: ParsedPolicy | None = None
    declared: DeclaredTypes | None = None


def plan_analysis(request: AnalysisRequest) -> AnalysisPlan:
    """Read the documents, list the data, pin the model.

    Raises
    ------
    ConfigError, DataError, StorageError
        As :func:`read_brief`.
    """
    brief = read_brief(request)
    parsed, source = brief.parsed, brief.source
    return AnalysisPlan(
        config=parsed.config,
        config_digest=parsed.digest,
        source=source,
        output_uri=request.output_uri,
        settings=request.settings,
        seed=parsed.seed,
        model=_pinned(parsed.config, request.settings),
        notices=(*parsed.notices, *source.notices),
        shap=request.shap,
        policy=brief.policy,
        declared=brief.declared,
        cross=request.cross,
        presentation=request.presentation,
    )


def read_brief(request: AnalysisRequest) -> Brief:
    """Read every document of a request, list the data, and see that they speak of the same columns.

    Raises
    ------
    ConfigError, DataError
        With every problem of all documents at once, unsupported parts and columns that are not there by name.
    StorageError
        When the dataset cannot be listed.
    """
    errors: list[ClarifyError] = []
    documents = attempt(errors, lambda: read_documents(request))
    policy = attempt(errors, lambda: _policy(request), document="policy")
    declared = attempt(errors, lambda: _declared(request), document="types")
    if documents is None:
        raise together(errors)
    parsed, source = documents
    attempt(errors, lambda: _check_columns(parsed.config, source))
    attempt(errors, lambda: check_policy(policy, parsed.config, source.column_names), document="policy")
    attempt(errors, lambda: _check_types(declared, source), document="types")
    attempt(errors, lambda: ConfigError.collect(cross_problems(request.cross, _facet_columns(parsed.config, source))))
    if errors:
        raise together(errors)
    return Brief(parsed, source, policy, declared)


def _policy(request: AnalysisRequest) -> ParsedPolicy | None:
    return read_policy_document(request.policy) if request.policy is not None else None


def _declared(request: AnalysisRequest) -> DeclaredTypes | None:
    return read_declared_types(read_named(request.types, "--types")) if request.types is not None else None


def _check_columns(config: AnalysisConfig, source: Source) -> None:
    """Before any row is read, which may take hours: the columns that the config names are there."""
    DataError.collect(missing_columns(config, source.column_names, code="DATA-COLUMN-MISSING"))


def _check_types(declared: DeclaredTypes | None, source: Source) -> None:
    if declared is not None:
        ConfigError.collect(unknown_columns(declared, source.column_names))


def _facet_columns(config: AnalysisConfig, source: Source) -> tuple[str, ...]:
    """The facets' columns; a name that is in no column stays as it is, and was told already."""
    references = [facet.name_or_index for facet in config.facets]
    return tuple(column_name(reference, source.column_names) or str(reference) for reference in references)


def read_documents(request: AnalysisRequest) -> tuple[ParsedConfig, Source]:
    """The config, known to be runnable here and naming columns only, and the data it names, listed but not read."""
    settings = request.settings
    parsed = read_config(request)
    config = parsed.config
    ensure_runnable(config, endpoint=settings.endpoint, model=settings.model)
    _ensure_reachable(config, settings)
    source, config = open_dataset(config, dataset_uri_of(config, request), csv_header=settings.csv_header)
    return replace(parsed, config=config), source


def _ensure_reachable(config: AnalysisConfig, settings: RunSettings) -> None:
    """Executors on other hosts cannot reach a scoring server on this machine's loopback address."""
    master = settings.spark_master or "local"
    if not config.needs_model or settings.endpoint is not None or master.startswith(MASTERS_HERE):
        return
    raise ConfigError(
        Problem(
            code="CFG-UNSUPPORTED",
            field="--spark-master",
            received=master,
            allowed="local[N] or a master on this machine, when the model is to be served from here",
            hint="serve the model where the executors can reach it and name it with --endpoint",
        )
    )


def read_config(request: AnalysisRequest) -> ParsedConfig:
    """The config document, parsed.

    Raises
    ------
    ConfigError
        With every problem of the document, or CFG-NOT-FOUND when there is none.
    """
    return parse_analysis_config(read_named(request.config, "CONFIG"), seed=request.seed)


def dataset_uri_of(config: AnalysisConfig, request: AnalysisRequest) -> str:
    """The URI of the data; the config's own wins over the one given beside it."""
    uri = config.dataset_uri or request.dataset_uri
    if uri is None:
        raise ConfigError(
            Problem(
                code="CFG-MISSING",
                field="dataset_uri",
                received="nothing",
                allowed="the URI of a file or folder, in the config or given with --dataset",
                hint="name the data to analyse",
            )
        )
    return uri


def _pinned(config: AnalysisConfig, settings: RunSettings) -> PinnedModel | None:
    if not config.needs_model or settings.endpoint is not None:
        return None
    from clarify.endpoints.deployment import pin_model  # brings MLflow along: seconds that only a model needs

    uri = settings.model or (config.predictor.model_name if config.predictor is not None else None)
    return pin_model(uri, tracking_uri=settings.tracking_uri) if uri is not None else None


def rerun_command(request: AnalysisRequest) -> str:
    """The command line that asks for the same analysis."""
    settings, shap, usual, shown = request.settings, request.shap, ShapOptions(), request.presentation
    options = [
        ("--dataset", request.dataset_uri),
        ("--output", request.output_uri),
        ("--model", settings.model),
        ("--endpoint", settings.endpoint),
        ("--engine", settings.engine),
        ("--spark-master", settings.spark_master),
        ("--seed", None if request.seed is None else str(request.seed)),
        ("--csv-header", settings.csv_header),
        ("--estimator", None if shap.estimator == usual.estimator else shap.estimator),
        ("--tolerance", None if shap.tolerance == usual.tolerance else repr(shap.tolerance)),
        ("--tree-path", None if shap.tree_path == usual.tree_path else shap.tree_path),
        *(("--group", group_option(name, columns)) for name, columns in shap.groups),
        ("--policy", request.policy),
        ("--types", request.types),
        *(("--cross", ",".join(facets)) for facets in request.cross),
        ("--suppress-below", str(shown.suppress_below) if shown.suppress_below else None),
    ]
    words = ["clarify", "analyze", request.config]
    words += [word for option, value in options if value is not None for word in (option, value)]
    words += ["--in-process-model"] if settings.in_process_model else []
    words += ["--group-one-hot"] if shap.group_one_hot else []
    words += ["--mask-names"] if shown.mask_names else []
    words += [] if shown.individual_rows else ["--no-individual-rows"]
    return shlex.join(words)
