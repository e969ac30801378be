"""The values that metrics may take: ranges, the rules that say for whom they are, and the policy of all rules."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field

from clarify.config.parts import Part, Text, Version, lower

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


MetricName = Annotated[str, Field(min_length=1, json_schema_extra={"enum": sorted(LIMITS)})]
Limit = Annotated[float, Field(allow_inf_nan=False)]


class RangeRule(Part):
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


class Policy(Part):
    """Allowed ranges of bias metrics, and the chance of a wrong verdict that is accepted.

    Every PASS and VIOLATION of a report holds with a joint error of at most ``level`` under ``family: holm``; under
    ``none`` each one by itself does.
    """

    version: Version
    """Version of this document's form."""
    name: Annotated[str, Field(min_length=1, max_length=100)]
    """What reports call the policy."""
    description: str = ""
    """Why these ranges: whose decision they are and what they rest on."""
    level: Annotated[float, Field(gt=0.0, lt=0.5)] = 0.05
    """Accepted chance that any PASS or VIOLATION of a report is wrong."""
    family: Annotated[Literal["holm", "none"], BeforeValidator(lower)] = "holm"
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
