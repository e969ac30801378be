"""Policy: the values that somebody allows each metric to take, and how sure a verdict on them has to be."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from clarify.config.analysis import AnalysisConfig
from clarify.config.columns import closest, column_name, listed
from clarify.config.json_text import Path, canonical, field_path, has, shown, value_at
from clarify.config.translate import KINDS
from clarify.errors import ConfigError, Problem

ROOT: Final = "policy"
CODE: Final = "CFG-POLICY"
MOST_PROBLEMS: Final = 100

# The least and the greatest value each metric can have, and the distances, which cannot be negative. As in the
# catalogue of metrics, which this room may not read; a test holds the two together.
LIMITS: Final[Mapping[str, tuple[float, float]]] = MappingProxyType({
    **dict.fromkeys(("CI", "DPL", "CDDL"), (-1.0, 1.0)),
    **dict.fromkeys(("KL", "GE", "DI"), (0.0, math.inf)),
    "JS": (0.0, math.log(2)),
    "LP": (0.0, math.sqrt(2)),
    **dict.fromkeys(("TVD", "KS"), (0.0, 1.0)),
    **dict.fromkeys(("DPPL", "RD", "SD", "DAR", "DRR", "AD", "CDDPL", "FT"), (-1.0, 1.0)),
    **dict.fromkeys(("DCA", "DCR", "TE"), (-math.inf, math.inf)),
})
DISTANCES: Final = frozenset({"KL", "JS", "LP", "TVD", "KS"})


@dataclass(frozen=True)
class AllowedRange:
    """The values ``[low, high]`` that a metric may take; None for a side without a limit."""

    low: float | None
    high: float | None


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _as_version(value: object) -> object:
    """YAML reads an unquoted 1.0 as a number."""
    return "1.0" if type(value) is float and value == 1.0 else value


Text = Annotated[str, Field(min_length=1)]
MetricName = Annotated[str, Field(min_length=1, json_schema_extra={"enum": sorted(LIMITS)})]
Limit = Annotated[float, Field(allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


class RangeRule(_Part):
    """The allowed range of one or several metrics: everywhere, for one facet, or for one group of it."""

    metric: MetricName | Annotated[tuple[MetricName, ...], Field(min_length=1)]
    """Name of a metric, or a list of names."""
    low: Limit | None = None
    """Least allowed value; leave out for no limit."""
    high: Limit | None = None
    """Greatest allowed value; leave out for no limit."""
    facet: Text | None = None
    """Column of the facet that the range is for; leave out for every facet."""
    group: Text | None = None
    """Group of that facet, as the report writes it: "female", "a,b", "(40.0, 60.0]"; leave out for every group."""

    @property
    def metrics(self) -> tuple[str, ...]:
        return (self.metric,) if isinstance(self.metric, str) else tuple(dict.fromkeys(self.metric))

    @property
    def allowed(self) -> AllowedRange:
        return AllowedRange(self.low, self.high)

    def covers(self, facet: str, group: str) -> bool:
        return self.facet in (None, facet) and self.group in (None, group)

    @property
    def narrowness(self) -> int:
        """A range for a group wins over one for its facet, which wins over one for every facet."""
        return (self.facet is not None) + (self.group is not None)


class Policy(_Part):
    """Allowed ranges of bias metrics, and the chance of a wrong verdict that is accepted.

    Every PASS and VIOLATION of a report holds with a joint error of at most ``level`` under ``family: holm``; under
    ``none`` each one by itself does.
    """

    version: Annotated[Literal["1.0"], BeforeValidator(_as_version)]
    """Version of this document's form."""
    name: Annotated[str, Field(min_length=1, max_length=100)]
    """What reports call the policy."""
    description: str = ""
    """Why these ranges: whose decision they are and what they rest on."""
    level: Annotated[float, Field(gt=0.0, lt=0.5)] = 0.05
    """Accepted chance that any PASS or VIOLATION of a report is wrong."""
    family: Annotated[Literal["holm", "none"], BeforeValidator(_lower)] = "holm"
    """Hold the level over all verdicts of a report together (holm), or for each one alone (none)."""
    small_group: Annotated[int, Field(ge=0)] = 50
    """Reports point out groups with fewer rows than this."""
    ranges: Annotated[tuple[RangeRule, ...], Field(min_length=1)]
    """Allowed ranges; of several for the same metric the one for the group wins, then the one for the facet."""

    def ranges_of(self, facet: str, group: str) -> dict[str, AllowedRange]:
        """The allowed range of every metric that has one for a group of a facet, by the metric's name."""
        chosen = self.rules_of(facet, group)
        return {metric: self.ranges[rule].allowed for metric, rule in chosen.items()}

    def rules_of(self, facet: str, group: str) -> dict[str, int]:
        """Position in ``ranges`` of the rule that each metric of a group is held to."""
        covering = [position for position, rule in enumerate(self.ranges) if rule.covers(facet, group)]
        covering.sort(key=lambda position: self.ranges[position].narrowness)
        return {metric: position for position in covering for metric in self.ranges[position].metrics}


@dataclass(frozen=True)
class ParsedPolicy:
    """A valid policy, and SHA-256 over the canonical JSON of the values that were written."""

    policy: Policy
    digest: str


RECOMMENDED: Final = """\
# yaml-language-server: $schema=policy.schema.json
# The line above lets editors complete and check this file while one types.
version: "1.0"
name: recommended
description: >-
  A first screen, to be replaced by ranges of your own. DI within 0.8 and 1.25 is the four-fifths screen of the
  US Uniform Guidelines on Employee Selection Procedures (29 CFR 1607.4 D) and its mirror image. The verdict is given
  on the interval, which is the screen's test for small samples: a ratio below 0.8 that rests on few rows is
  INCONCLUSIVE, never a VIOLATION. DPL asks the same of the labels before a model learns from them. RD asks how many
  of the positive labels are found, AD how many rows are decided rightly. A gap of 0.1 is ten people in a hundred;
  no law names it. DPPL is left out: it compares the same two shares as DI, and every range that is declared makes
  the others harder to decide.
level: 0.05
family: holm
small_group: 50
ranges:
  - metric: DI
    low: 0.8
    high: 1.25
  - metric: [DPL, RD, AD]
    low: -0.1
    high: 0.1
"""


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
    >>> try:
    ...     read_policy(b"{version: 1.0, name: mine, ranges: [{metric: dpl, high: 0.1}]}")
    ... except ConfigError as error:
    ...     print(error.problems[0].code, error.problems[0].field, error.problems[0].hint)
    CFG-POLICY-METRIC ranges[0].metric did you mean DPL?
    """
    from clarify.config.yaml_text import read_yaml  # PyYAML waits for its first document

    written, known = read_yaml(content, root=ROOT, prefix=CODE)
    if not isinstance(written, dict):
        raise ConfigError(_problem("TYPE", (), shown(written), "an object", "write version, name and ranges"))
    problems = list(known)
    policy = None
    try:
        policy = Policy.model_validate_json(json.dumps(written))
    except ValidationError as error:
        problems += _shape_problems(error, written)
    problems += _range_problems(_valid_rules(written))
    ConfigError.collect(problems[:MOST_PROBLEMS])
    if policy is None:
        raise ConfigError(_problem("TYPE", (), shown(written), "a policy", "mend the file"))
    return ParsedPolicy(policy, hashlib.sha256(canonical(written)).hexdigest())


def policy_problems(policy: Policy, config: AnalysisConfig) -> tuple[Problem, ...]:
    """What makes a policy useless for an analysis: no bias metric asked for, or facets that the config lacks.

    Facets that the config names by position without ``headers`` are known only with the data: see
    :func:`facet_problems`.
    """
    if not config.bias_requested:
        return (
            _problem("NO-BIAS", (), policy.name, "an analysis with methods.pre_training_bias or post_training_bias",
                     "ask for bias metrics, or leave out --policy"),
        )
    names = [column_name(facet.name_or_index, config.headers or ()) if isinstance(facet.name_or_index, int)
             else facet.name_or_index for facet in config.facets]
    known = [name for name in names if name is not None]
    return tuple(facet_problems(policy, known)) if len(known) == len(names) else ()


def facet_problems(policy: Policy, facets: Iterable[str]) -> Iterator[Problem]:
    """Ranges for facets that the analysis does not have; ``facets`` are column names."""
    names = tuple(dict.fromkeys(facets))
    for position, rule in enumerate(policy.ranges):
        if rule.facet is not None and rule.facet not in names:
            near = closest(rule.facet, names)
            hint = f"did you mean {near}?" if near else "name a facet of the analysis, or leave the key out"
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


def _shape_problems(error: ValidationError, written: Any) -> Iterator[Problem]:
    """One problem a field, in our words; of a value that could be several things the first complaint is told."""
    details: dict[Path, ErrorDetails] = {}
    for detail in error.errors(include_url=False, include_input=False):
        path = _real_path(detail, written)
        if detail["type"] != "too_short" or not value_at(written, path):    # told of a list whose items failed, too
            details.setdefault(path, detail)
    misspelt = {(*path[:-1], _meant(path)) for path, detail in details.items() if detail["type"] == "extra_forbidden"}
    for path, detail in details.items():
        if path not in misspelt:             # what a misspelt key means is not missing
            yield _shape_problem(path, detail, written)


def _meant(path: Path) -> str | None:
    return closest(str(path[-1]), _keys(path))


def _keys(path: Path) -> tuple[str, ...]:
    """The keys of the object that holds the one at ``path``."""
    return tuple((RangeRule if len(path) > 1 else Policy).model_fields)


def _real_path(detail: ErrorDetails, written: Any) -> Path:
    """The location without pydantic's names for the branches of a union."""
    path: Path = ()
    for part in detail["loc"]:
        if has(written, (*path, part)):
            path = (*path, part)
    return (*path, str(detail["loc"][-1])) if detail["type"] == "missing" else path


_EXAMPLES: Final = {
    "version": 'version: "1.0"',
    "name": "name: our ranges",
    "ranges": "ranges: [{metric: DI, low: 0.8, high: 1.25}]",
    "metric": "metric: DI",
}


def _shape_problem(path: Path, detail: ErrorDetails, written: Any) -> Problem:
    kind = detail["type"]
    if kind == "missing":
        return _problem("MISSING", path, "nothing", _described(str(path[-1])), f"add {_EXAMPLES[str(path[-1])]}")
    if kind == "extra_forbidden":
        near = _meant(path)
        hint = f"did you mean {near}?" if near else "remove the key"
        return _problem("UNKNOWN-KEY", path, shown(path[-1]), ", ".join(_keys(path)), hint)
    received = shown(value_at(written, path))
    if path[-1:] == ("metric",) and kind in KINDS:
        return _problem("TYPE", path, received, "the name of a metric, or a list of names", "write metric: DI")
    if kind in KINDS:
        return _problem("TYPE", path, received, KINDS[kind], _hint(KINDS[kind], received))
    return _problem("VALUE", path, received, _allowed(detail), f"write {_allowed(detail)}")


def _described(key: str) -> str:
    model = Policy if key in Policy.model_fields else RangeRule
    return (model.model_fields[key].description or "a value").split(";")[0].rstrip(".")


def _hint(kind: str, received: str) -> str:
    if kind == "text":
        return "leave the key out" if received == "null" else "put it in quotes"
    return "write the number without quotes" if "number" in kind else f"write {kind}"


def _allowed(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "literal_error":
            return str(context["expected"]).replace("'", '"')
        case "greater_than":
            return f"more than {context['gt']:g}"
        case "less_than":
            return f"less than {context['lt']:g}"
        case "greater_than_equal":
            return f"at least {context['ge']:,}"
        case "finite_number":
            return "a finite number, or no such key for no limit"
        case "too_short":
            return "at least one item"
        case "string_too_short":
            return "text that is not empty"
        case "string_too_long":
            return f"at most {context['max_length']} characters"
        case _:
            return str(detail["msg"])


def _valid_rules(written: dict[str, Any]) -> Iterator[tuple[int, RangeRule]]:
    """The ranges that are valid by themselves, with their positions."""
    ranges = written.get("ranges")
    for position, item in enumerate(ranges if isinstance(ranges, list) else ()):
        try:
            yield position, RangeRule.model_validate_json(json.dumps(item))
        except ValidationError:
            continue                         # told with the other problems of shape


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
        near = closest(metric, LIMITS)
        hint = f"did you mean {near}?" if near else "name a bias metric"
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
    return Problem(f"{CODE}-{code}", field_path(path) if path else ROOT, received, allowed, hint)
