"""RunSettings: where things run, and never what is measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, get_args
from urllib.parse import urlsplit

from clarify.errors import ConfigError, Problem

EngineChoice = Literal["auto", "local", "spark"]
CsvHeader = Literal["present", "absent", "guess"]

GIB = 1024**3
MOST_PROCESSES = 1024


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """Where an analysis runs; the same analysis under other settings gives the same numbers.

    Frozen and picklable: it is shipped to tasks as it is, and shown in Prefect's pages, so it holds no secret.

    Raises
    ------
    ConfigError
        With every problem, each under the name of its command-line option.

    Examples
    --------
    >>> RunSettings(engine="spark", spark_master="local[2]").engine
    'spark'
    """

    output_uri: str | None = None
    """Folder that receives the documents, where the request itself names none."""
    engine: EngineChoice = "auto"
    """auto: Spark when a master is given or the data exceed max_local_bytes, else local."""
    spark_master: str | None = None
    spark_conf: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    tracking_uri: str | None = None
    """MLflow tracking server or store; None: what MLflow's environment says."""
    csv_header: CsvHeader = "guess"
    in_process_model: bool = False
    """Load the model into this process: quicker to start, and no wall between its code and ours."""
    endpoint: str | None = None
    """A running endpoint, used instead of serving a model."""
    model: str | None = None
    """A model to serve instead of the one the config names."""
    server_processes: int | None = None
    """Processes of the scoring server; None: decided from the cores."""
    workers: int | None = None
    """Processes of the local engine; None: decided from the cores."""
    max_local_bytes: int = 64 * GIB
    """Data beyond this size go to Spark when the engine is auto."""

    def __post_init__(self) -> None:
        ConfigError.collect((*_choices(self), *_counts(self), *_places(self), *_together(self)))


def _choices(settings: RunSettings) -> Iterator[Problem]:
    for option, value, kind in (
        ("--engine", settings.engine, EngineChoice),
        ("--csv-header", settings.csv_header, CsvHeader),
    ):
        if value not in get_args(kind):
            yield Problem("RUN-VALUE", option, repr(value), " or ".join(get_args(kind)), "choose one of these")


def _counts(settings: RunSettings) -> Iterator[Problem]:
    for option, count, most in (
        ("--server-processes", settings.server_processes, MOST_PROCESSES),
        ("--workers", settings.workers, MOST_PROCESSES),
        ("--max-local-bytes", settings.max_local_bytes, 2**63 - 1),
    ):
        if count is not None and (type(count) is not int or not 1 <= count <= most):
            allowed = f"a whole number from 1 to {most:,}"
            yield Problem("RUN-VALUE", option, repr(count), allowed, "choose such a number, or leave the option out")


def _places(settings: RunSettings) -> Iterator[Problem]:
    if settings.output_uri is not None and not settings.output_uri.strip():
        yield Problem("RUN-VALUE", "--output", repr(settings.output_uri), "a folder or URI", "name the output folder")
    for option, uri in (
        ("--output", settings.output_uri),
        ("--tracking-uri", settings.tracking_uri),
        ("--endpoint", settings.endpoint),
        ("--model", settings.model),
    ):
        if uri is not None and _holds_password(uri):
            yield Problem("RUN-SECRET", option, "a URI with a password (not shown)", "a URI without credentials",
                          "settings are shown in Prefect's pages: pass credentials in the environment")
    if settings.endpoint is not None and not _is_web_address(settings.endpoint):
        yield Problem("RUN-VALUE", "--endpoint", repr(settings.endpoint), "http:// or https://, a host and a path",
                      "give the URL that answers predictions, such as http://127.0.0.1:8080/invocations")


def _together(settings: RunSettings) -> Iterator[Problem]:
    if settings.endpoint is not None and settings.model is not None:
        yield Problem("RUN-CONFLICT", "--endpoint", "beside --model", "one of the two",
                      "keep --endpoint for a model that already answers, --model for one to be served")
    if settings.endpoint is not None and settings.in_process_model:
        yield Problem("RUN-CONFLICT", "--in-process-model", "beside --endpoint", "one of the two",
                      "a running endpoint is never loaded into this process: remove one")
    if settings.engine == "local" and (settings.spark_master is not None or settings.spark_conf):
        yield Problem("RUN-CONFLICT", "--engine", "local, beside Spark options", "spark or auto",
                      "remove --spark-master and --spark-conf, or choose --engine spark")
    yield from _spark_conf(settings)


def _spark_conf(settings: RunSettings) -> Iterator[Problem]:
    keys = [key for key, _ in settings.spark_conf]
    for position, key in enumerate(keys):
        if not key.startswith("spark."):
            allowed = "keys that begin with spark."
            yield Problem("RUN-VALUE", "--spark-conf", repr(key), allowed, "write spark.<key>=<value>")
        elif key in keys[:position]:
            yield Problem("RUN-CONFLICT", "--spark-conf", repr(key), "each key once", "keep one of the two values")


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # a port that is no number, an unclosed IPv6 bracket
        return False


def _holds_password(uri: str) -> bool:
    try:
        return urlsplit(uri).password is not None
    except ValueError:
        return False
