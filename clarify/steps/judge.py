"""From a policy's URI to verdicts: the document is read and checked before the data, the counts are judged after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from clarify.config.analysis import AnalysisConfig
from clarify.config.policy import (
    AllowedRange,
    ParsedPolicy,
    policy_problems,
    read_policy,
    recommended,
)
from clarify.errors import ConfigError
from clarify.results import BiasSection, VerdictSection
from clarify.steps.named_document import read_named
from clarify.verdicts import decide

RECOMMENDED_NAME = "recommended"


def read_policy_document(uri: str) -> ParsedPolicy:
    """The policy at a URI, or the one that comes with the library, by the name ``recommended``.

    Raises
    ------
    ConfigError
        With every problem of the document, or CFG-NOT-FOUND when there is none.
    """
    if uri == RECOMMENDED_NAME:
        return recommended()
    hint = f'name the policy file to read, or "{RECOMMENDED_NAME}"'
    return read_policy(read_named(uri, "--policy", hint=hint))


def check_policy(parsed: ParsedPolicy | None, config: AnalysisConfig, columns: Sequence[str]) -> None:
    """Before any row is read: the analysis asks for bias metrics and has the facets that the policy names.

    Raises
    ------
    ConfigError
        CFG-POLICY-NO-BIAS, CFG-POLICY-FACET.
    """
    if parsed is not None:
        ConfigError.collect(policy_problems(parsed.policy, config, columns))


def allowed_ranges(parsed: ParsedPolicy | None, facet: str, group: str) -> Mapping[str, AllowedRange] | None:
    """What ``evaluate`` takes as ``ranges`` for one group; None without a policy."""
    return None if parsed is None else parsed.policy.ranges_of(facet, group)


def judge(parsed: ParsedPolicy | None, pre: BiasSection | None, post: BiasSection | None) -> VerdictSection | None:
    """The verdicts on both stages, judged as one family; None without a policy."""
    if parsed is None:
        return None
    return decide(parsed.policy, parsed.digest, [section for section in (pre, post) if section is not None])
