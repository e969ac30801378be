"""From a monitor's document to everything that is decided before any live data are read."""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from clarify.config.analysis import AnalysisConfig
from clarify.config.monitor import MonitorConfig, ParsedMonitor, read_monitor
from clarify.config.monitored import parse_monitored_config
from clarify.config.parse import ParsedConfig
from clarify.config.policy import ParsedPolicy
from clarify.config.ranges import AllowedRange
from clarify.config.schedule import last_tick, windows_per_month
from clarify.config.settings import RunSettings
from clarify.data import storage
from clarify.drift.constraints import BiasReference
from clarify.errors import ClarifyError, ConfigError, Problem
from clarify.steps.judge import allowed_ranges, check_policy, read_policy_document
from clarify.steps.named_document import read_named
from clarify.steps.reference import Reference, read_reference
from clarify.steps.together import attempt, together

# Raised whenever the same window gives another record than before; windows that were looked at stay as they are.
MONITOR_VERSION = 1


@dataclass(frozen=True)
class MonitorRequest:
    """One run of a monitor: its document, the scheduled moment, and where to run.

    ``at``: the moment the run was scheduled for; None: now. ``again``: look at the window even if it was looked at.
    """

    monitor: str
    at: datetime | None = None
    again: bool = False
    settings: RunSettings = field(default_factory=RunSettings)


@dataclass(frozen=True)
class MonitorPlan:
    """A monitor with all its documents read, and the tick of its schedule that is to be served."""

    monitor: MonitorConfig
    config: AnalysisConfig
    reference: Reference
    part_uri: str                      # where the reference has what this kind is compared with
    policy: ParsedPolicy | None
    settings: RunSettings
    digest: str                        # SHA-256 over everything but the live data
    tick: datetime
    now: datetime
    windows_per_month: float
    again: bool = False

    @property
    def bias_reference(self) -> BiasReference:
        """What the reference says of bias.

        Raises
        ------
        ConfigError
            CFG-MONITOR-REFERENCE, when it says nothing.
        """
        if self.reference.bias is None:
            raise ConfigError(_no_part(self.monitor))
        return self.reference.bias

    def allowed(self, facet: str, group: str, metric: str) -> AllowedRange | None:
        """The range that the policy declares for one metric of one group."""
        ranges = allowed_ranges(self.policy, facet, group)
        return None if ranges is None else ranges.get(metric)


def plan_monitor(request: MonitorRequest, *, now: datetime | None = None) -> MonitorPlan:
    """Read the monitor and every document it names, and see that they fit each other.

    Raises
    ------
    ConfigError, DataError
        With every problem of all documents at once.
    StorageError
        When a document cannot be read.
    """
    now = now or datetime.now(UTC)
    parsed = read_monitor_document(request.monitor)
    monitor = parsed.monitor
    errors: list[ClarifyError] = []
    config = attempt(errors, lambda: _config(monitor), document="config")
    reference = attempt(errors, lambda: read_reference(monitor.reference), document="reference")
    policy = attempt(errors, lambda: _policy(monitor), document="policy")
    if config is not None and policy is not None:
        columns = config.config.headers or ()
        attempt(errors, lambda: check_policy(policy, config.config, columns), document="policy")
    if errors or config is None or reference is None:
        raise together(errors)
    return MonitorPlan(
        monitor=monitor,
        config=config.config,
        reference=reference,
        part_uri=_part_of(monitor, reference),
        policy=policy,
        settings=settings_of(monitor, request.settings),
        digest=_digest(parsed, config, reference, policy),
        tick=last_tick(monitor.schedule, request.at or now),
        now=max(now, request.at or now),
        windows_per_month=windows_per_month(monitor.schedule),
        again=request.again,
    )


def read_monitor_document(uri: str) -> ParsedMonitor:
    """A monitor whose places are spelt in full: relative ones are seen from the document's own folder.

    Raises
    ------
    ConfigError
        With every problem of the document, or CFG-NOT-FOUND when there is none.
    """
    parsed = read_monitor(read_named(uri, "MONITOR"))
    folder = posixpath.dirname(storage.normalise(uri))
    return ParsedMonitor(_placed(parsed.monitor, folder), parsed.digest)


def _placed(monitor: MonitorConfig, folder: str) -> MonitorConfig:
    truth = monitor.ground_truth
    changes = {
        name: _from(folder, uri)
        for name in ("config", "reference", "policy", "model", "output")
        if (uri := getattr(monitor, name)) is not None and not (name == "policy" and uri == "recommended")
    }
    return monitor.model_copy(
        update={
            **changes,
            "window": monitor.window.model_copy(update={"uri": _from(folder, monitor.window.uri)}),
            "ground_truth": truth and truth.model_copy(update={"uri": _from(folder, truth.uri)}),
        }
    )


def _from(folder: str, uri: str) -> str:
    """A relative path seen from a folder; addresses (``s3://``, ``models:/``) and absolute paths stay."""
    is_placed = uri.startswith("/") or re.match(r"^[A-Za-z][A-Za-z0-9+.-]*:/", uri) is not None
    return uri if is_placed else storage.join(folder, uri)


def _config(monitor: MonitorConfig) -> ParsedConfig:
    return parse_monitored_config(read_named(monitor.config, "config"), monitor.kind)


def _policy(monitor: MonitorConfig) -> ParsedPolicy | None:
    return read_policy_document(monitor.policy) if monitor.policy is not None else None


def _part_of(monitor: MonitorConfig, reference: Reference) -> str:
    uri = {
        "bias-drift": reference.uri if reference.bias is not None else None,
        "attribution-drift": reference.attributions_uri,
        "data-quality": reference.data_quality_uri,
        "model-quality": reference.model_quality_uri,
    }[monitor.kind]
    if uri is None:
        raise ConfigError(_no_part(monitor))
    return uri


def _no_part(monitor: MonitorConfig) -> Problem:
    return Problem(
        "CFG-MONITOR-REFERENCE", "reference", f"{monitor.reference}, which has nothing about {monitor.kind}",
        f"a reference with a part for {monitor.kind}",
        "write one with `clarify constraints suggest --from ANALYSIS --output FOLDER`",
    )


def settings_of(monitor: MonitorConfig, settings: RunSettings) -> RunSettings:
    """Where the window's analysis runs: the run's own settings with the model that the monitor names."""
    return replace(
        settings,
        model=monitor.model or settings.model,
        endpoint=monitor.endpoint or settings.endpoint,
        in_process_model=monitor.in_process_model or settings.in_process_model,
        csv_header="present",
    )


def _digest(
    parsed: ParsedMonitor, config: ParsedConfig, reference: Reference, policy: ParsedPolicy | None
) -> str:
    parts = {
        "version": MONITOR_VERSION,
        "monitor": parsed.digest,
        "config": config.digest,
        "reference": reference.digest,
        "policy": policy.digest if policy is not None else None,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
