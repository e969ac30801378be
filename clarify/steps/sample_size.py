"""Before an analysis: the rows that a change of a metric needs to be seen, or the change that rows can show."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace

from clarify.bias.catalog import BY_NAME
from clarify.bias.parametric_tables import TABLE_METRICS
from clarify.bias.power import RowsNeeded, detectable_change, power_of, rows_needed, sizes, smallest_change
from clarify.bias.two_rates import TWO_RATES
from clarify.config.analysis import AnalysisConfig, BiasMethods, Methods
from clarify.config.policy import ParsedPolicy
from clarify.errors import ConfigError, Problem
from clarify.results import DetectableChange, FacetBias, Notice
from clarify.steps.choose_engine import open_engine
from clarify.steps.judge import read_policy_document
from clarify.steps.measure_bias import measure_post_training_bias, measure_pre_training_bias
from clarify.steps.plan import AnalysisPlan, AnalysisRequest, read_documents
from clarify.steps.validate_dataset import validate_dataset

LEVEL = 0.05
RATE = 0.5                                # where differences of rates are hardest to see
NEEDS_FLIPS_OR_STRATA = ("FT", "CDDL", "CDDPL")

Range = tuple[float | None, float | None]


@dataclass(frozen=True)
class SampleSizeRequest:
    """What a user asks of the planner; None: not said.

    ``effect``: true value of the metric that is to be called a VIOLATION; without it, the smallest such value is
    looked for. ``share``: of facet d in all rows; ``rate``: of facet a. ``allowed``: range of the metric; default the
    policy's, else equality alone. ``level`` and ``tests``: accepted chance of a wrong verdict, and among how many
    tests it is shared. ``analysis``: config and data to take sizes and rates from.
    """

    metric: str | None = None
    effect: float | None = None
    share: float | None = None
    rate: float | None = None
    allowed: Range | None = None
    power: float = 0.8
    level: float | None = None
    tests: int | None = None
    rows: int | None = None
    policy: str | None = None
    analysis: AnalysisRequest | None = None


@dataclass(frozen=True)
class RateDesign:
    """The rows behind one metric's two rates: how many, how they divide, what facet a's rate is.

    ``rows_per_row``: rows behind the rates for one row of the data, None when there are no data.
    """

    metric: str
    counted: str                          # who is counted: rows with a label, ...
    low: float | None
    high: float | None
    share_d: float | None = None
    rate_a: float | None = None
    rows_a: int | None = None
    rows_d: int | None = None
    facet: str | None = None
    group: str | None = None
    rows_per_row: float | None = None


@dataclass(frozen=True)
class ExpectedPower:
    """Chance of a VIOLATION when facet d's rate is ``rate_d``."""

    rate_d: float
    power: float


@dataclass(frozen=True)
class SampleSizeAnswer:
    """One metric of one group: rows needed, the chance with the rows there are, or the smallest visible change."""

    design: RateDesign
    needed: tuple[RowsNeeded, ...] = ()
    expected: tuple[ExpectedPower, ...] = ()
    detectable: DetectableChange | None = None

    @property
    def most_needed(self) -> RowsNeeded | None:
        """The direction that needs more rows; None when no direction can occur."""
        return max(self.needed, key=lambda one: math.inf if one.rows is None else one.rows, default=None)


@dataclass(frozen=True)
class SampleSizePlan:
    """The planner's answers and what they rest on."""

    effect: float | None
    power: float
    level: float
    tests: int
    answers: tuple[SampleSizeAnswer, ...]
    notices: tuple[Notice, ...] = ()


def plan_sample_size(request: SampleSizeRequest) -> SampleSizePlan:
    """Answer from the numbers given, or from a config and its data.

    Raises
    ------
    ConfigError, DataError, StorageError
        PLAN-...: every number that cannot be, or what is missing; else whatever reading the documents raises.
    """
    ConfigError.collect(_problems(request))
    policy = None if request.policy is None else read_policy_document(request.policy)
    designs, groups, notices = _designs(request, policy)
    level = _level(request, policy)
    tests = request.tests or (len(designs) if policy is not None and policy.policy.family == "holm" else 1)
    ConfigError.collect(_effect_problems(request.effect, designs))
    answers = tuple(
        _answer(request, design, bias, level / max(tests, 1)) for design, bias in zip(designs, groups, strict=True)
    )
    return SampleSizePlan(request.effect, request.power, level, tests, answers, notices)


def _level(request: SampleSizeRequest, policy: ParsedPolicy | None) -> float:
    if request.level is not None:
        return request.level
    return LEVEL if policy is None else policy.policy.level


def _answer(
    request: SampleSizeRequest, design: RateDesign, bias: FacetBias | None, level: float
) -> SampleSizeAnswer:
    if request.effect is None:
        return SampleSizeAnswer(design, detectable=_smallest(design, bias, level, request.power))
    share_d, rate_a = design.share_d, design.rate_a
    if share_d is None or rate_a is None:             # nobody is behind a rate
        return SampleSizeAnswer(design)
    needed = rows_needed(
        design.metric, value=request.effect, rate_a=rate_a, share_d=share_d, low=design.low, high=design.high,
        level=level, power=request.power,
    )
    return SampleSizeAnswer(design, needed, tuple(_expected(design, needed, level)))


def _expected(design: RateDesign, needed: tuple[RowsNeeded, ...], level: float) -> Iterator[ExpectedPower]:
    if design.rows_a is None or design.rows_d is None or design.rate_a is None:
        return
    for one in needed:
        power = power_of(
            design.metric, rows_a=design.rows_a, rows_d=design.rows_d, rate_a=design.rate_a, rate_d=one.rate_d,
            low=design.low, high=design.high, level=level,
        )
        yield ExpectedPower(one.rate_d, power)


def _smallest(design: RateDesign, bias: FacetBias | None, level: float, power: float) -> DetectableChange | None:
    if bias is not None:
        return detectable_change(design.metric, bias.counts, design.low, design.high, level=level, power=power)
    if design.rows_a is None or design.rows_d is None or design.rate_a is None:
        return None
    return smallest_change(
        design.metric, rows_a=design.rows_a, rows_d=design.rows_d, rate_a=design.rate_a, low=design.low,
        high=design.high, level=level, power=power,
    )


# --- where sizes and rates come from --------------------------------------------------------------------------


def _designs(
    request: SampleSizeRequest, policy: ParsedPolicy | None
) -> tuple[tuple[RateDesign, ...], tuple[FacetBias | None, ...], tuple[Notice, ...]]:
    if request.analysis is None:
        return (_design_of_numbers(request, policy),), (None,), ()
    groups, notices = measured_groups(request.analysis)
    pairs = [(metric, bias) for bias in groups for metric in _metrics(request, policy, bias)]
    return tuple(_design_of_data(request, policy, *pair) for pair in pairs), tuple(bias for _, bias in pairs), notices


def _design_of_numbers(request: SampleSizeRequest, policy: ParsedPolicy | None) -> RateDesign:
    metric = request.metric or "DPPL"
    share_d = 0.5 if request.share is None else request.share
    rows_a, rows_d = (None, None) if request.rows is None else sizes(request.rows, share_d)
    low, high = _allowed(request, policy, metric, "", "")
    rate_a = RATE if request.rate is None else request.rate
    return RateDesign(metric, TWO_RATES[metric].denominator, low, high, share_d, rate_a, rows_a, rows_d)


def _design_of_data(
    request: SampleSizeRequest, policy: ParsedPolicy | None, metric: str, bias: FacetBias
) -> RateDesign:
    low, high = _allowed(request, policy, metric, bias.facet, bias.value_or_threshold)
    design = RateDesign(metric, "rows", low, high, facet=bias.facet, group=bias.value_or_threshold)
    if metric not in TWO_RATES:
        return replace(design, rows_a=bias.counts.a.rows, rows_d=bias.counts.d.rows)
    kind = TWO_RATES[metric]
    (count_a, rows_a), (_, rows_d) = kind.rate(bias.counts.a), kind.rate(bias.counts.d)
    rows = bias.counts.a.rows + bias.counts.d.rows + bias.counts.unknown.rows
    design = replace(design, counted=kind.denominator, rows_a=rows_a, rows_d=rows_d)
    if rows_a == 0 or rows_d == 0:
        return design
    share_d = rows_d / (rows_a + rows_d) if request.share is None else request.share
    rate_a = (count_a + 0.5) / (rows_a + 1) if request.rate is None else request.rate
    return replace(design, share_d=share_d, rate_a=rate_a, rows_per_row=(rows_a + rows_d) / rows)


def measured_groups(request: AnalysisRequest) -> tuple[tuple[FacetBias, ...], tuple[Notice, ...]]:
    """The groups of every facet with their counts, of labels and of predictions that are in the data; asks no model.

    Raises
    ------
    ConfigError
        PLAN-NO-BIAS when the config asks for no bias metric; whatever reading it raises.
    DataError, StorageError
        As an analysis does.
    """
    parsed, source = read_documents(request)
    config = _without_model(parsed.config)
    with tempfile.TemporaryDirectory() as work, open_engine(request.settings, dataset_bytes=source.bytes) as engine:
        plan = AnalysisPlan(config, parsed.digest, source, work, request.settings, parsed.seed)
        data = validate_dataset(plan, engine)
        if config.post_training_metrics:
            return measure_post_training_bias(plan, data, None, engine).facets, ()
        groups = measure_pre_training_bias(plan, data, engine).facets
    return groups, tuple(_without_predictions(parsed.config))


def _without_model(config: AnalysisConfig) -> AnalysisConfig:
    """The config that only counts: one metric of predictions when these are in the data, else one of labels."""
    if not config.bias_requested:
        raise ConfigError(
            Problem("PLAN-NO-BIAS", "methods", "no bias metrics", "pre_training_bias or post_training_bias",
                    "ask for bias metrics, or plan with --share and --rate instead of a config")
        )
    if config.predicted_label is not None or config.predicted_label_dataset_uri is not None:
        methods = Methods(post_training_bias=BiasMethods(methods=("DPPL",)))
    else:
        methods = Methods(pre_training_bias=BiasMethods(methods=("DPL",)))
    return config.model_copy(update={"methods": methods})


def _without_predictions(config: AnalysisConfig) -> Iterator[Notice]:
    if config.needs_predictions:
        yield Notice("PLAN-LABELS-ONLY", "predicted_label",
                     "the data hold no predictions and no model was asked: metrics of labels are planned")


def _metrics(request: SampleSizeRequest, policy: ParsedPolicy | None, bias: FacetBias) -> tuple[str, ...]:
    """The metrics to plan for a group: the one named, those with a range, or those of the stage's counts."""
    has_predictions = bias.stage == "post_training"
    if request.metric is not None:
        ConfigError.collect(_prediction_problems(request.metric, has_predictions))
        return (request.metric,)
    if request.effect is not None:
        return ("DPPL" if has_predictions else "DPL",)
    known = (*TWO_RATES, *(name for name in TABLE_METRICS if name not in NEEDS_FLIPS_OR_STRATA))
    if policy is not None:
        ranged = policy.policy.ranges_of(bias.facet, bias.value_or_threshold)
        return tuple(name for name in known if name in ranged and _is_counted(name, has_predictions))
    usual = ("DPL", "DPPL", "DI", "RD", "SD", "AD")
    return tuple(name for name in usual if _is_counted(name, has_predictions))


def _is_counted(metric: str, has_predictions: bool) -> bool:
    return has_predictions or BY_NAME[metric].stage == "pre_training"


def _allowed(
    request: SampleSizeRequest, policy: ParsedPolicy | None, metric: str, facet: str, group: str
) -> Range:
    """The range given, the policy's, or equality alone."""
    if request.allowed is not None:
        return request.allowed
    ranged = {} if policy is None else policy.policy.ranges_of(facet, group)
    if metric in ranged:
        return ranged[metric].low, ranged[metric].high
    return BY_NAME[metric].ideal, BY_NAME[metric].ideal


# --- what cannot be -------------------------------------------------------------------------------------------


def _problems(request: SampleSizeRequest) -> Iterator[Problem]:
    yield from _metric_problems(request)
    yield from _range_problems(request)
    for option, value, least, most in (
        ("--share", request.share, 0.0, 1.0), ("--rate", request.rate, 0.0, 1.0),
        ("--level", request.level, 0.0, 0.5), ("--power", request.power, 0.0, 1.0),
        ("--effect", request.effect, 0.0, math.inf),
    ):
        if value is not None and not least < value < most:
            allowed = "a number above 0" if most == math.inf else f"a number between {least:g} and {most:g}"
            yield Problem("PLAN-VALUE", option, f"{value:g}", allowed, _VALUE_HINTS[option])
    for option, count, fewest in (("--tests", request.tests, 1), ("--rows", request.rows, 2)):
        if count is not None and count < fewest:
            yield Problem("PLAN-VALUE", option, str(count), f"{fewest} or more", "give a count")
    yield from _missing_problems(request)


_VALUE_HINTS = {
    "--share": "write 0.05 for a facet d of 5 % of the rows",
    "--rate": "write 0.3 when 30 % of facet a are positive",
    "--level": "0.05 is usual",
    "--power": "0.8 is usual",
    "--effect": "give the size: a difference is planned in both directions",
}


def _range_problems(request: SampleSizeRequest) -> Iterator[Problem]:
    low, high = request.allowed or (None, None)
    if low is not None and high is not None and low > high:
        yield Problem("PLAN-RANGE", "--allowed", f"{low:g},{high:g}", "low at most high", "swap the two")
    elif request.metric == "DI" and low is not None and low < 0:
        yield Problem("PLAN-RANGE", "--allowed", shown_range(low, high), "a range of a ratio, which is never negative",
                      "write both sides: 0.8,1.25")


def _missing_problems(request: SampleSizeRequest) -> Iterator[Problem]:
    if request.analysis is None and request.effect is None and request.rows is None:
        yield Problem("PLAN-NOTHING", "--effect", "nothing", "--effect, --rows or --config",
                      "--effect 0.05 asks for the rows it needs; --rows 10000 asks what they can show")
    if request.analysis is not None and request.rows is not None:
        yield Problem("PLAN-CONFLICT", "--rows", str(request.rows), "no --rows beside --config",
                      "the data say how many rows there are; leave one of the two out")
    elif request.analysis is not None and request.effect is None:
        for option, value in (("--share", request.share), ("--rate", request.rate)):
            if value is not None:
                yield Problem("PLAN-CONFLICT", option, f"{value:g}", f"no {option} beside --config without --effect",
                              "what the rows there are can show depends on the data's own shares and rates")


def _metric_problems(request: SampleSizeRequest) -> Iterator[Problem]:
    metric = request.metric
    if metric is None or metric in TWO_RATES:
        return
    from_data = request.analysis is not None and request.effect is None
    known = [*TWO_RATES, *(name for name in TABLE_METRICS if name not in NEEDS_FLIPS_OR_STRATA)]
    allowed = known if from_data else list(TWO_RATES)
    if metric not in allowed:
        hint = "name another metric" if metric not in known else "with --config and without --effect it can be planned"
        yield Problem("PLAN-METRIC", "--metric", metric, f"one of {', '.join(allowed)}", hint)


def _prediction_problems(metric: str, has_predictions: bool) -> Iterator[Problem]:
    if not _is_counted(metric, has_predictions):
        yield Problem("PLAN-PREDICTIONS", "--metric", metric, "a metric of labels: the data hold no predictions",
                      "name their column in predicted_label, or plan with --share and --rate instead of --config")


def _effect_problems(effect: float | None, designs: tuple[RateDesign, ...]) -> Iterator[Problem]:
    """An effect that is allowed is nothing to be seen."""
    for design in designs if effect is not None else ():
        if effect is not None and _is_allowed(effect, design):
            yield Problem("PLAN-EFFECT-INSIDE", "--effect", f"{effect:g}",
                          f"a value outside the allowed range {shown_range(design.low, design.high)}",
                          "give the true value of the metric, not its distance from the range, or narrow --allowed")
            return


def _is_allowed(effect: float, design: RateDesign) -> bool:
    """Whether the range holds the effect in every direction it can have."""
    kind = TWO_RATES[design.metric]
    low, high = kind.edges(design.low, design.high)
    return all(
        (low is None or signed >= low) and (high is None or signed <= high) for signed in kind.signed_values(effect)
    )


def shown_range(low: float | None, high: float | None) -> str:
    return f"[{'-inf' if low is None else format(low, 'g')}, {'inf' if high is None else format(high, 'g')}]"
