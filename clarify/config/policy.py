"""Policy documents: read, with every problem at once, and held against the analysis they are to judge."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

from clarify.config.analysis import AnalysisConfig
from clarify.config.columns import column_name, did_you_mean, listed
from clarify.config.documents import read_shaped
from clarify.config.json_text import Path, shown
from clarify.config.ranges import DISTANCES, LIMITS, AllowedRange, Policy, RangeRule
from clarify.config.shape_problems import KINDS, Shape, valid
from clarify.errors import Problem

__all__ = [
    "DISTANCES",
    "LIMITS",
    "RECOMMENDED",
    "AllowedRange",
    "ParsedPolicy",
    "Policy",
    "RangeRule",
    "facet_problems",
    "policy_problems",
    "policy_schema",
    "read_policy",
    "recommended",
]

RECOMMENDED: Final = files("clarify.config").joinpath("recommended_policy.yaml").read_text(encoding="utf-8")


@dataclass(frozen=True)
class ParsedPolicy:
    """A valid policy, and SHA-256 over the canonical JSON of the values that were written."""

    policy: Policy
    digest: str


@lru_cache(maxsize=1)
def recommended() -> ParsedPolicy:
    """The policy that comes with the library: ``--policy recommended``."""
    return read_policy(RECOMMENDED.encode())


def read_policy(content: bytes) -> ParsedPolicy:
    """Read a policy document.

    Parameters
    ----------
    content : bytes
        YAML or JSON, UTF-8.

    Raises
    ------
    ConfigError
        With every problem found: of keys by themselves, of metrics, of ranges, of several ranges together.

    Examples
    --------
    >>> read_policy(b"{version: 1.0, name: mine, ranges: [{metric: DPL, high: 0.1}]}").policy.level
    0.05
    >>> from clarify.errors import ConfigError
    >>> try:
    ...     read_policy(b"{version: 1.0, name: mine, ranges: [{metric: dpl, high: 0.1}]}")
    ... except ConfigError as error:
    ...     print(error.problems[0].code, error.problems[0].field, error.problems[0].hint)
    CFG-POLICY-METRIC ranges[0].metric did you mean DPL?
    """
    return ParsedPolicy(*read_shaped(content, POLICY, _problems_together))


def policy_problems(policy: Policy, config: AnalysisConfig, columns: Sequence[str] = ()) -> tuple[Problem, ...]:
    """What makes a policy useless for an analysis: no bias metric asked for, or facets that the config lacks.

    ``columns``: those of the data. Without them, and without ``headers`` in the config, facets that it names by
    position are not known, and nothing is said of facets.
    """
    if not config.bias_requested:
        return (
            _problem("NO-BIAS", (), policy.name, "an analysis with methods.pre_training_bias or post_training_bias",
                     "ask for bias metrics, or leave out --policy"),
        )
    names = [column_name(facet.name_or_index, columns or config.headers or ()) if isinstance(facet.name_or_index, int)
             else facet.name_or_index for facet in config.facets]
    known = [name for name in names if name is not None]
    return tuple(facet_problems(policy, known)) if len(known) == len(names) else ()


def facet_problems(policy: Policy, facets: Iterable[str]) -> Iterator[Problem]:
    """Ranges for facets that the analysis does not have; ``facets`` are column names."""
    names = tuple(dict.fromkeys(facets))
    for position, rule in enumerate(policy.ranges):
        if rule.facet is not None and rule.facet not in names:
            hint = did_you_mean(rule.facet, names, "name a facet of the analysis, or leave the key out")
            yield _problem("FACET", ("ranges", position, "facet"), shown(rule.facet), listed(names), hint)


def policy_schema() -> dict[str, Any]:
    """JSON Schema of a policy, for editors that complete and check while one types.

    It holds what single keys may be, and says nothing of ranges that cannot be.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:clarify:policy:1.0",
        **Policy.model_json_schema(),
        "title": "policy.yaml",
    }


# --- what a document has wrong --------------------------------------------------------------------------------


def _own_words(path: Path, complaint: str, received: Any) -> Problem | None:
    if path[-1:] == ("metric",) and complaint in (*KINDS, "string_too_short"):
        code, allowed = "TYPE" if complaint in KINDS else "VALUE", "the name of a metric, or a list of names"
        return _problem(code, path, shown(received), allowed, "write metric: DI")
    return None


POLICY: Final = Shape(
    Policy,
    "policy",
    "CFG-POLICY",
    whole="version, name and ranges",
    examples={
        "version": '"1.0"',
        "name": "our ranges",
        "ranges": "[{metric: DI, low: 0.8, high: 1.25}]",
        "metric": "DI",
    },
    hints={"a finite number": "write one, or leave the key out for no limit"},
    own=_own_words,
)


def _problems_together(written: dict[str, Any]) -> Iterator[Problem]:
    """What is wrong with metrics, ranges, and several ranges together."""
    return _range_problems(_valid_rules(written))


def _valid_rules(written: dict[str, Any]) -> Iterator[tuple[int, RangeRule]]:
    """The ranges that are valid by themselves, with their positions."""
    ranges = written.get("ranges")
    for position, item in enumerate(ranges if isinstance(ranges, list) else ()):
        rule = valid(item, RangeRule)
        if rule is not None:
            yield position, rule


def _range_problems(rules: Iterable[tuple[int, RangeRule]]) -> Iterator[Problem]:
    seen: dict[tuple[str, str | None, str | None], int] = {}
    for position, rule in rules:
        here: Path = ("ranges", position)
        if rule.group is not None and rule.facet is None:
            yield _problem("GROUP", (*here, "group"), shown(rule.group), "a group together with its facet",
                           "add facet: the column that the group belongs to")
        yield from _limit_problems(rule, here)
        for metric in rule.metrics:
            yield from _metric_problems(metric, rule, here)
            first = seen.setdefault((metric, rule.facet, rule.group), position)
            if first != position:
                yield _problem("DUPLICATE", (*here, "metric"), metric, "one range for the same metric and group",
                               f"ranges[{first}] has it already: keep one of the two")


def _limit_problems(rule: RangeRule, here: Path) -> Iterator[Problem]:
    if rule.low is None and rule.high is None:
        yield _problem("OPEN", here, "neither low nor high", "low, high or both", "say what is allowed")
    elif rule.low is not None and rule.high is not None and rule.low > rule.high:
        yield _problem("RANGE", (*here, "low"), f"low {rule.low:g} above high {rule.high:g}", "low at most high",
                       "swap the two")


def _metric_problems(metric: str, rule: RangeRule, here: Path) -> Iterator[Problem]:
    if metric not in LIMITS:
        hint = did_you_mean(metric, LIMITS, "name a bias metric")
        yield _problem("METRIC", (*here, "metric"), shown(metric), ", ".join(sorted(LIMITS)), hint)
        return
    least, greatest = LIMITS[metric]
    possible = f"{metric} lies within {_interval(least, greatest)}"
    if rule.high is not None and rule.high < least:
        yield _problem("IMPOSSIBLE", (*here, "high"), f"{rule.high:g}", possible, "allow a value that can occur")
    if rule.low is not None and rule.low > greatest:
        yield _problem("IMPOSSIBLE", (*here, "low"), f"{rule.low:g}", possible, "allow a value that can occur")
    elif rule.low is not None and rule.low > 0 and metric in DISTANCES:
        yield _problem("DISTANCE", (*here, "low"), f"{rule.low:g}", f"0, or no low: {metric} is 0 at equality",
                       "a distance has only an upper limit; remove low")
    if (rule.low, rule.high) != (None, None) and _allows_all(rule, least, greatest):
        yield _problem("OPEN", here, f"{metric} within {_interval(rule.low, rule.high)}",
                       f"a range that some value can leave: {possible}", "choose a narrower range, or remove it")


def _allows_all(rule: RangeRule, least: float, greatest: float) -> bool:
    return (rule.low is None or rule.low <= least) and (rule.high is None or rule.high >= greatest)


def _interval(low: float | None, high: float | None) -> str:
    return f"[{-math.inf if low is None else low:g}, {math.inf if high is None else high:g}]"


def _problem(code: str, path: Path, received: str, allowed: str, hint: str) -> Problem:
    return POLICY.problem(code, path, received, allowed, hint)
