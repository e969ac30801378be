"""Hand-made records of monitors, of every kind and status, plain and hostile."""

import math
from dataclasses import replace

from clarify.records import (
    AttributionDrift,
    BiasDrift,
    ConstraintViolation,
    DataQuality,
    FeatureDistance,
    FeatureDrift,
    FeatureShare,
    ModelQuality,
    MonitorRecord,
    OutputDrift,
    QualityMetric,
    RuleFinding,
    SeriesDrift,
    Status,
    Window,
    WindowCounts,
)
from clarify.results import AwsValue, Interval, Notice, Reason

HOSTILE = '<script>window.pwn=1</script>"\'&`|*_[x](javascript:1)\n# h\x00\u202e{{ 7*7 }}'

COUNTS = WindowCounts(
    files=3, requests=190, rows=950, outside=4, undated=1, future=2, unreadable=5, duplicates=7, labels=960,
    unlabelled=50, orphan_labels=6, duplicate_labels=3, late_labels=8,
)  # fmt: skip


def window(day):
    return Window(f"2026-11-{day:02}T00:00:00Z", f"2026-11-{day + 1:02}T00:00:00Z")


def findings(decision=Status.PASS, overlap=Status.PASS, sagemaker=Status.VIOLATION, reason=None):
    return (
        RuleFinding("decision", decision, reason), RuleFinding("bootstrap_overlap", overlap),
        RuleFinding("sagemaker", sagemaker),
    )  # fmt: skip


def series(facet="sex", group="2", metric="DPPL", value=0.12, evidence=0.4, **more):
    usual = SeriesDrift(
        stage="post_training", facet=facet, value_or_threshold=group, metric=metric, value=value,
        aws=AwsValue(value), reference=AwsValue(0.05), interval=Interval(0.06, 0.18), low=-0.02, high=0.11,
        range_from="reference", blind_zone=0.065, evidence=evidence, pooled=Interval(0.07, 0.13), pooled_windows=4,
        pooled_rows=1234, findings=findings(),
    )  # fmt: skip
    return replace(usual, **more)


def bias(name="sex"):
    return BiasDrift(
        rule="decision",
        series=(
            series(name),
            series(name, metric="DI", value=None, evidence=0.0, interval=None, pooled=None,
                   findings=findings(Status.INCONCLUSIVE, reason=Reason.TOO_FEW)),
            series(name, metric="TE", value=math.inf, evidence=1.0, findings=findings(Status.VIOLATION)),
        ),
        counted=(), alarm_at=720.0, promise="On average at most one false alarm a month.",
        notices=(Notice("DRIFT-X", name, f"about {name}"),), alarms_per_month=1.0, windows_per_month=30.0,
    )  # fmt: skip


def only(*found, **more):
    """Bias drift of these series alone."""
    return replace(bias(), series=found, **more)


def attribution(name="status"):
    features = (
        FeatureDrift(name, 0.5, 0.2, 0.4, 0.001, True, Interval(0.3, 0.5)),
        FeatureDrift("age", 0.5, 0.8, None, None, False),
    )
    said = RuleFinding("sagemaker", Status.PASS, None, "0.99 is at least 0.9")
    says = (said, RuleFinding("decision", Status.VIOLATION))
    output = OutputDrift(name, 0.987, 0.991, 0.004, 0.3, 0.1, 0.0004, 1.2, features, says)
    return AttributionDrift("decision", (output,), 400, 4000, 0.0014, "At most one.", ())


def data_quality(name="income"):
    violation = ConstraintViolation(name, "completeness_check", f"Data of {name} is missing")
    distance = FeatureDistance(name, "numeric", 0.21, 0.18, "ks", 0.08, 0.001, "(10, 20]", findings(Status.VIOLATION))
    share = FeatureShare(name, "completeness_check", 1.0, 0.9, 950, 1.0, 0.002, None, findings(Status.VIOLATION))
    return DataQuality(
        "decision", (violation,), (distance,), (violation,), (RuleFinding("decision", Status.VIOLATION),), "Chance.",
        (), (share,),
    )  # fmt: skip


def model_quality(name="sex=2"):
    metrics = (
        QualityMetric("", "recall", 0.61, 0.01, Interval(0.58, 0.64), 0.66, "LessThanThreshold",
                      (RuleFinding("sagemaker", Status.VIOLATION), RuleFinding("decision", Status.VIOLATION))),
        QualityMetric(name, "auc", None, undefined_because=Reason.SINGLE_CLASS),
        QualityMetric("", "false_positive_rate", 0.2, None, None, 0.3, "GreaterThanThreshold",
                      (RuleFinding("sagemaker", Status.PASS),)),
    )  # fmt: skip
    violation = ConstraintViolation("recall", "LessThanThreshold", "Metric recall with 0.61 was LessThanThreshold 0.66")
    return ModelQuality(
        "decision", "BinaryClassification", 950, metrics, (violation,), (RuleFinding("decision", Status.VIOLATION),),
        "At most one.",
    )  # fmt: skip


PARTS = {
    "bias-drift": lambda name: {"bias": bias(name)},
    "attribution-drift": lambda name: {"attribution": attribution(name)},
    "data-quality": lambda name: {"data_quality": data_quality(name)},
    "model-quality": lambda name: {"model_quality": model_quality(name)},
}


def record(kind="bias-drift", status=Status.VIOLATION, *, day=3, name="credit", of="sex", reason=None, **more):
    usual = MonitorRecord(
        monitor=name, kind=kind, rule="decision", window=window(day), revision=1, status=status,
        headline=f"Of 3 series, 1 raised an alarm: {of}.", inputs_digest="a" * 64, data_digest="b" * 64,
        counts=COUNTS, reason=reason, **PARTS[kind](of),
    )  # fmt: skip
    return replace(usual, **more)


def failed(kind="bias-drift"):
    """A window that could not be looked at: no finding of any kind."""
    empty = {"bias": None, "attribution": None, "data_quality": None, "model_quality": None}
    return replace(record(kind, Status.ERROR, reason=Reason.FAILED), **empty, counts=WindowCounts())


def history(n=5, kind="bias-drift"):
    statuses = [Status.PASS, Status.INCONCLUSIVE, Status.VIOLATION, Status.ERROR]
    return [record(kind, statuses[i % 4], day=i + 1) for i in range(n)]


def month(of_day, days=20, **more):
    """One record a day; ``of_day`` makes the series of each day, None for a window without rows."""
    found = []
    for day in range(1, days + 1):
        series_of_day = of_day(day)
        drawn = None if series_of_day is None else only(*series_of_day)
        found.append(record(day=day, bias=drawn, **more))
    return found


def hostile(kind="bias-drift"):
    return record(
        kind, name=HOSTILE, of=HOSTILE, notices=(Notice(HOSTILE, HOSTILE, HOSTILE),),
        **({} if kind == "data-quality" else {"data_quality": data_quality(HOSTILE)}),
    )  # fmt: skip
