"""Which engine runs an analysis: Spark when it is asked for or the data are too large for one machine."""

from __future__ import annotations

from clarify.config.settings import RunSettings
from clarify.engines.base import Engine, ReportProgress, be_silent


def open_engine(settings: RunSettings, *, dataset_bytes: int, report: ReportProgress = be_silent) -> Engine:
    """The engine the settings name; ``auto`` is Spark with a master or beyond ``max_local_bytes``, else local."""
    wants_spark = settings.engine == "spark"
    if settings.engine == "auto":
        wants_spark = settings.spark_master is not None or dataset_bytes > settings.max_local_bytes
    if wants_spark:
        from clarify.engines.spark import SparkEngine

        return SparkEngine(master=settings.spark_master, conf=settings.spark_conf, report=report)
    from clarify.engines.local import LocalEngine

    return LocalEngine(workers=settings.workers, report=report)
