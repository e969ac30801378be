"""MonitorConfig: which live data are compared with which reference, when, and by which rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field

from clarify.config.documents import read_shaped
from clarify.config.json_text import Path, shown
from clarify.config.parts import Part, Text, Version
from clarify.config.schedule import overlap_problems, schedule_problems
from clarify.config.shape_problems import KINDS, Shape, valid
from clarify.config.timing import SHORTEST_INTERVAL_SECONDS, Duration, Schedule, Window, seconds_of
from clarify.errors import Problem
from clarify.records import Kind, Rule


class GroundTruth(Part):
    """The labels that are learnt later, and how they find their predictions."""

    uri: Text
    """Prefix of the labels, in folders by the hour they were collected in."""
    lateness: Duration = "PT0S"
    """How long after its prediction a label may come."""
    duplicates: Literal["first", "last", "fail"] = "fail"
    """Which of several labels for one prediction counts, or whether that ends the run."""
    minimum_join_rate: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the window's rows that must have their label; with fewer the window is INCONCLUSIVE until more come."""

    @property
    def lateness_seconds(self) -> int:
        """How many seconds after its prediction a label may come."""
        return seconds_of(self.lateness)


class Attributes(Part):
    """Where features, predictions and labels are in captured records; the names are AWS's, all of them optional.

    What is left out follows from the analysis config: ``features``, ``predictor.label``, ``predictor.probability``.
    """

    features_attribute: Text | None = None
    """JMESPath of the features in a captured request of JSON or JSON Lines."""
    inference_attribute: Text | None = None
    """Index or JMESPath of the predicted label in the answer; CSV without it: the answer is one score."""
    probability_attribute: Text | None = None
    """Index or JMESPath of the score or scores in the answer."""
    probability_threshold_attribute: Annotated[float, Field(allow_inf_nan=False)] = 0.5
    """A score above it is a predicted 1."""
    ground_truth_attribute: Text | None = None
    """Index or JMESPath of the label in a label's record."""
    exclude_features_attribute: Text | None = None
    """Features left out, by index or name, separated by commas."""


class MonitorConfig(Part):
    """One scheduled comparison of live data with a reference."""

    version: Version
    """Version of this document's form."""
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")]
    """What deployments, metrics and alarms call the monitor."""
    kind: Kind
    """What is compared."""
    schedule: Schedule
    """When the monitor runs."""
    window: Window
    """Which of the live data one run looks at."""
    ground_truth: GroundTruth | None = None
    """Labels that are learnt after the prediction."""
    attributes: Attributes = Attributes()
    """Where features, predictions and labels are in captured records."""
    duplicates: Literal["first", "last", "fail"] = "first"
    """Which of several captured records of one event counts, or whether that ends the run."""
    config: Text
    """URI of the analysis_config.json that says what columns mean."""
    reference: Text
    """URI of the reference: the folder of `clarify constraints suggest`, AWS's analysis.json or constraints.json."""
    rule: Rule = "decision"
    """How a difference becomes a violation: as the service compares, as the KDD'21 paper does, or with a budget."""
    policy: Text | None = None
    """URI of the allowed ranges that a bias monitor keeps, besides the reference."""
    model: Text | None = None
    """Model to serve for explanations."""
    endpoint: Text | None = None
    """Running endpoint to ask for explanations."""
    alarms_per_month: Annotated[float, Field(gt=0, le=1_000)] = 1.0
    """False alarms that the rule "decision" may raise a month, on average, while nothing changes."""
    tolerance: Annotated[float, Field(ge=0, le=1)] = 0.0
    """How far a metric may leave what the reference is known to, with the rule "decision"."""
    explained_rows: Annotated[int, Field(ge=30, le=100_000)] | None = None
    """Most rows of a window that are explained, drawn by their values; left out: a tenth of the reference's."""
    in_process_model: bool = False
    """Load the model into the flow's own process, without a wall around it."""
    catch_up: Annotated[int, Field(ge=0, le=1_000)] = 24
    """Missed windows that are made up for after an outage, the oldest of them first; older ones are left out."""
    output: Text
    """Folder that receives a report per run."""
    work_pool: Text | None = None
    """Prefect work pool that the runs wait in."""


@dataclass(frozen=True)
class ParsedMonitor:
    """A valid monitor, and SHA-256 over the canonical JSON of what was written."""

    monitor: MonitorConfig
    digest: str


def read_monitor(content: bytes) -> ParsedMonitor:
    """Read a monitor document, YAML or JSON in UTF-8.

    Raises
    ------
    ConfigError
        With every problem found: of keys by themselves and of keys together.

    Examples
    --------
    >>> from clarify.errors import ConfigError
    >>> try:
    ...     read_monitor(b"{version: 1.0, name: m, kind: bias-drift, schedule: {}, config: c, reference: r, output: o}")
    ... except ConfigError as error:
    ...     for problem in error.problems:
    ...         print(problem.code, problem.field)
    CFG-MONITOR-MISSING window
    CFG-MONITOR-MISSING schedule
    """
    return ParsedMonitor(*read_shaped(content, MONITOR, _problems_together))


def monitor_schema() -> dict[str, Any]:
    """JSON Schema of a monitor, for editors that complete and check while one types.

    It holds what single keys may be, and says nothing of keys that need each other.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:clarify:monitor:1.0",
        **MonitorConfig.model_json_schema(),
        "title": "monitor.yaml",
    }


# --- keys by themselves -----------------------------------------------------------------------------------------------

_ISO = "an ISO 8601 duration of weeks, days, hours, minutes, seconds"
_PATTERNS: Final = {
    "name": ("letters, digits, _ and -, at most 63", "shorten or rename the monitor"),
    "cron": ("five fields: minute, hour, day of month, month, day of week", 'write "0 * * * *"'),
    "rrule": ("a rule of RFC 5545", "write FREQ=WEEKLY;BYDAY=MO, say"),
    "interval": (_ISO, "write PT1H for an hour, P1D for a day"),
    "length": (_ISO, "write PT1H for an hour, P1D for a day"),
    "lateness": (_ISO, "write PT1H for an hour, P1D for a day"),
    "offset_start": (_ISO, "write -P8D for eight days before the run"),
    "offset_end": (_ISO, "write -P1D for a day before the run"),
}


def _own_words(path: Path, complaint: str, received: Any) -> Problem | None:
    key = str(path[-1]) if path else ""
    if complaint == "string_pattern_mismatch":
        is_aws = key == "cron" and str(received).startswith("cron(")
        allowed, hint = _PATTERNS[key]
        hint = "AWS writes six fields in cron(...): leave out the last, and write * for ?" if is_aws else hint
        return _problem("VALUE", path, shown(received), allowed, hint)
    if key == "alarms_per_month" and complaint not in KINDS:
        hint = "write how many false alarms a month are bearable, such as 1"
        return _problem("VALUE", path, shown(received), "more than 0 and at most 1,000", hint)
    return None


MONITOR: Final = Shape(MonitorConfig, "monitor", "CFG-MONITOR", whole="version, name and kind", own=_own_words)


# --- keys together ----------------------------------------------------------------------------------------------------


def _problems_together(written: dict[str, Any]) -> Iterator[Problem]:
    """What is wrong between keys; a part that is wrong by itself is passed over."""
    schedule = valid(written.get("schedule"), Schedule)
    window = valid(written.get("window"), Window)
    wrong_times: list[Problem] = []
    if schedule is not None:
        wrong_times += _schedule_problems(schedule)
    if window is not None:
        wrong_times += _window_problems(window)
    yield from wrong_times
    kind = written.get("kind")
    needs_disjoint = kind == "bias-drift" and written.get("rule", "decision") == "decision"
    if schedule is not None and window is not None and not wrong_times and needs_disjoint:
        yield from overlap_problems(schedule, window)
    if isinstance(kind, str) and kind in get_args(Kind):
        yield from _truth_problems(kind, window, "ground_truth" in written)
        yield from _kind_problems(kind, written)
    if "model" in written and "endpoint" in written:
        yield _problem("CONFLICT", ("endpoint",), "beside model", "one of the two", "keep the one that is to be asked")


def _schedule_problems(schedule: Schedule) -> Iterator[Problem]:
    given = [name for name in ("cron", "interval", "rrule") if getattr(schedule, name) is not None]
    one = "one of cron, interval, rrule"
    if not given:
        yield _problem("MISSING", ("schedule",), "none of them", one, 'add cron: "0 * * * *" for every hour')
    elif len(given) > 1:
        yield _problem("CONFLICT", ("schedule",), " and ".join(given), one, "keep one")
    if schedule.interval is not None and seconds_of(schedule.interval) < SHORTEST_INTERVAL_SECONDS:
        yield _problem("VALUE", ("schedule", "interval"), schedule.interval, "a minute or more", "write PT1H, say")
    try:
        ZoneInfo(schedule.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):    # ValueError: a path; OSError: a folder of the database
        yield _problem("VALUE", ("schedule", "timezone"), shown(schedule.timezone), "a zone of the IANA database",
                       "write UTC or Europe/Berlin, say")
        return
    yield from schedule_problems(schedule)


def _window_problems(window: Window) -> Iterator[Problem]:
    if window.length is None and window.offset_start is None:
        yield _problem("MISSING", ("window",), "neither length nor offset_start", "one of the two",
                       "add length: PT1H for the last hour")
    elif window.length is not None and window.offset_start is not None:
        yield _problem("CONFLICT", ("window", "length"), "beside offset_start", "one of the two",
                       "keep length, or both offsets")
    elif window.start_seconds >= window.end_seconds:
        received = f"from {window.start_seconds:,} s to {window.end_seconds:,} s after the run"
        yield _problem("VALUE", ("window",), received, "a start before the end", "lengthen the window")
    if window.layout == "table" and window.time_column is None:
        yield _problem("MISSING", ("window", "time_column"), "nothing, with layout table",
                       "the column that says when a row happened", "add time_column")
    if window.layout != "table" and window.time_column is not None:
        yield _problem("CONFLICT", ("window", "time_column"), f"beside layout {window.layout}",
                       "time_column with layout table only", "remove the key: the records carry their time")


def _truth_problems(kind: str, window: Window | None, has_truth: bool) -> Iterator[Problem]:
    needs_labels = kind in ("bias-drift", "model-quality")
    if has_truth and not needs_labels:
        yield _problem("CONFLICT", ("ground_truth",), f"beside kind {kind}", "no labels: this kind compares none",
                       "remove the key")
    if needs_labels and not has_truth and window is not None and window.layout != "table":
        yield _problem("MISSING", ("ground_truth",), f"nothing, with kind {kind} and layout {window.layout}",
                       "where the labels arrive: captured traffic has none", "add ground_truth: {uri: ...}")


def _kind_problems(kind: str, written: dict[str, Any]) -> Iterator[Problem]:
    if kind != "bias-drift" and written.get("rule") == "bootstrap_overlap":
        yield _problem("CONFLICT", ("rule",), f"bootstrap_overlap, beside kind {kind}", "sagemaker or decision",
                       "the paper's rule is about bias metrics: choose another")
    if kind != "bias-drift" and "policy" in written:
        yield _problem("CONFLICT", ("policy",), f"beside kind {kind}", "a policy with kind bias-drift only",
                       "remove the key: ranges are of bias metrics")
    if kind == "attribution-drift" and "model" not in written and "endpoint" not in written:
        yield _problem("MISSING", ("model",), "neither model nor endpoint", "who explains the live data",
                       "add model: models:/name/version, or endpoint")
    if "alarms_per_month" in written and written.get("rule", "decision") != "decision":
        yield _problem("CONFLICT", ("alarms_per_month",), f"beside rule {shown(written['rule'])}", "rule decision",
                       "remove the key: the other rules keep no such promise")


def _problem(code: str, path: Path, received: str, allowed: str, hint: str) -> Problem:
    return MONITOR.problem(code, path, received, allowed, hint)
