"""Policies: what is refused and why, which range a group is held to, what comes with the library."""

import json
import math

import jsonschema
import pytest

from clarify.bias.catalog import METRICS
from clarify.config.parse import parse_analysis_config
from clarify.config.policy import (
    DISTANCES,
    LIMITS,
    RECOMMENDED,
    AllowedRange,
    facet_problems,
    policy_problems,
    policy_schema,
    read_policy,
    recommended,
)
from clarify.config.yaml_text import MAX_BYTES
from clarify.errors import ConfigError


def document(*ranges: str, head: str = "version: '1.0'\nname: ours") -> bytes:
    return "\n".join([head, "ranges:", *(f"  - {{{entry}}}" for entry in ranges)]).encode()


def problems_of(content: bytes) -> dict[str, tuple[str, ...]]:
    """Fields that are refused, each with its codes."""
    with pytest.raises(ConfigError) as refused:
        read_policy(content)
    found: dict[str, tuple[str, ...]] = {}
    for problem in refused.value.problems:
        found[problem.field] = (*found.get(problem.field, ()), problem.code.removeprefix("CFG-POLICY-"))
    return found


def only_problem(content: bytes):
    with pytest.raises(ConfigError) as refused:
        read_policy(content)
    (problem,) = refused.value.problems
    return problem


# --- what is read ---------------------------------------------------------------------------------------------


def test_what_is_left_out_has_the_stated_defaults():
    policy = read_policy(document("metric: DI, low: 0.8")).policy

    assert (policy.level, policy.family, policy.small_group, policy.description) == (0.05, "holm", 50, "")
    assert policy.ranges_of("sex", "f") == {"DI": AllowedRange(0.8, None)}


def test_the_same_values_in_yaml_and_in_json_have_the_same_digest():
    written = {"version": "1.0", "name": "ours", "level": 0.1, "ranges": [{"metric": ["RD", "AD"], "high": 1e-1}]}
    in_yaml = b"# ours\nname: ours\nversion: '1.0'\nlevel: .1\nranges:\n- metric: [RD, AD]\n  high: 1e-1\n"

    parsed = read_policy(json.dumps(written, indent="\t").encode())

    assert parsed == read_policy(in_yaml)
    assert len(parsed.digest) == 64
    assert parsed.digest != read_policy(in_yaml.replace(b"ours", b"mine")).digest


def test_an_unquoted_version_is_read_as_its_text():
    assert read_policy(document("metric: DI, low: 0.8", head="version: 1.0\nname: x")).policy.version == "1.0"


def test_the_range_of_the_group_wins_over_that_of_the_facet_and_of_the_metric_in_any_order():
    policy = read_policy(document(
        "metric: DPL, facet: sex, group: f, high: 0.3",
        "metric: [DPL, RD], high: 0.1",
        "metric: DPL, facet: sex, high: 0.2",
    )).policy

    highs = {place: policy.ranges_of(*place)["DPL"].high for place in [("sex", "f"), ("sex", "m"), ("age", "f")]}

    assert highs == {("sex", "f"): 0.3, ("sex", "m"): 0.2, ("age", "f"): 0.1}
    assert policy.ranges_of("sex", "f")["RD"].high == 0.1


def test_a_few_aliases_are_followed():
    content = b"version: '1.0'\nname: x\nranges:\n- &gap {metric: RD, low: -0.1, high: 0.1}\n- {<<: *gap, metric: AD}\n"

    assert read_policy(content).policy.ranges_of("f", "g")["AD"] == AllowedRange(-0.1, 0.1)


# --- what is refused ------------------------------------------------------------------------------------------


def test_all_problems_are_told_at_once_each_with_its_path():
    content = document(
        "metric: dpl, low: 0.2, high: 0.1",
        "metric: [DI, RATIO], high: -1",
        "metric: TVD, low: 0.1, high: 0.2",
        "metric: RD",
        "metric: KS, low: 0, high: 1.5",
        "metric: AD, low: 1.5",
        "metric: AD, low: -0.1, group: f",
        "metric: SD, high: .inf",
        "metric: [SD, SD], high: 0.1, low: '0'",
        head="version: '1.0'\nnam: x\nlevel: 0.5\nfamily: bonferroni\nsmall_group: -1",
    )

    assert problems_of(content) == {
        "nam": ("UNKNOWN-KEY",),
        "level": ("VALUE",),
        "family": ("VALUE",),
        "small_group": ("VALUE",),
        "ranges[0].low": ("RANGE",),
        "ranges[0].metric": ("METRIC",),
        "ranges[1].high": ("IMPOSSIBLE",),
        "ranges[1].metric": ("METRIC",),
        "ranges[2].low": ("DISTANCE",),
        "ranges[3]": ("OPEN",),
        "ranges[4]": ("OPEN",),
        "ranges[5].low": ("IMPOSSIBLE",),
        "ranges[6].group": ("GROUP",),
        "ranges[7].high": ("VALUE",),
        "ranges[8].low": ("TYPE",),
    }


def test_an_unknown_metric_is_named_with_the_closest_one():
    problem = only_problem(document("metric: dppl, high: 0.1"))

    assert (problem.field, problem.received, problem.hint) == ("ranges[0].metric", '"dppl"', "did you mean DPPL?")


def test_a_misspelt_key_is_told_once_and_not_as_missing_too():
    problem = only_problem(document("metric: DI, low: 0.8", head="version: '1.0'\nnames: x"))

    assert (problem.field, problem.hint) == ("names", "did you mean name?")


def test_a_range_that_is_declared_twice_for_the_same_groups_is_refused():
    twice = document("metric: [DI, RD], facet: sex, low: 0.1", "metric: DI, low: 0.1", "metric: RD, facet: sex, low: 0")

    problem = only_problem(twice)

    assert (problem.code, problem.field) == ("CFG-POLICY-DUPLICATE", "ranges[2].metric")
    assert problem.hint == "ranges[0] has it already: keep one of the two"


def test_a_group_that_yaml_reads_as_a_boolean_is_to_be_quoted():
    problem = only_problem(document("metric: DI, facet: country, group: no, low: 0.8"))

    assert (problem.field, problem.allowed, problem.hint) == ("ranges[0].group", "text", "put it in quotes")


@pytest.mark.parametrize("content", [
    document("metric: DI, low: 0.8, low: 0.7"),
    b'{"version": "1.0", "name": "x", "ranges": [{"metric": "DI", "low": 0.8, "low": 0.7}]}',
])
def test_a_repeated_key_is_refused_in_both_languages(content):
    problem = only_problem(content)

    assert (problem.code, problem.field) == ("CFG-POLICY-DUPLICATE-KEY", "ranges[0].low")


BOMB = b"a: &a [x]\n" + b"".join(b"b%d: &b%d [%s]\n" % (i, i, b", ".join([b"*a"] * 9)) for i in range(9))


@pytest.mark.parametrize(("content", "received"), [
    (BOMB, "more than 20 aliases"),
    (b"a: &a [*a]", "an anchor that contains itself"),
    (b"[" * 5_000, "more than 16 nested levels"),
    (b"[" * 40 + b"]" * 40, "more than 16 nested levels"),
    (b"x" * (MAX_BYTES + 1), f"{MAX_BYTES + 1:,} bytes"),
    (b"\xff\xfe", "byte 0 is not UTF-8"),
    (b"!!python/object/apply:os.getcwd []", "the tag tag:yaml.org,2002:python/object/apply:os.getcwd"),
    (b"? [a]\n: 1", "a key that is no text at line 1"),
    (b"name: x\n  level: 1", "mapping values are not allowed here at line 2, column 8"),
    (b"name: 1\n--- 2", "but found another document at line 2, column 1"),
    (b"level: " + b"9" * 5_000, "Exceeds the limit (4300 digits)"),
])
def test_a_document_that_cannot_be_read_is_refused_as_a_whole(content, received):
    problem = only_problem(content)

    assert (problem.code, problem.field) == ("CFG-POLICY-SYNTAX", "policy")
    assert problem.received.startswith(received)


@pytest.mark.parametrize("content", [b"", b"[]", b"DI"])
def test_a_document_that_is_no_mapping_is_refused(content):
    assert only_problem(content).code == "CFG-POLICY-TYPE"


def test_a_hundred_problems_are_enough():
    with pytest.raises(ConfigError) as refused:
        read_policy(document(*["metric: X, high: 0.1, low: 0.2"] * 300))

    assert len(refused.value.problems) == 100


# --- against an analysis --------------------------------------------------------------------------------------


def config(**keys):
    body = {
        "dataset_type": "text/csv",
        "label": "hired",
        "label_values_or_threshold": [1],
        "facet": [{"name_or_index": "sex", "value_or_threshold": ["f"]}],
        "methods": {"pre_training_bias": {"methods": "all"}},
        **keys,
    }
    return parse_analysis_config(json.dumps(body)).config


def test_a_facet_that_the_analysis_lacks_is_refused_with_the_closest_name():
    policy = read_policy(document("metric: DPL, high: 0.1", "metric: DPL, facet: Sex, high: 0.2")).policy

    (problem,) = policy_problems(policy, config())

    assert (problem.code, problem.field) == ("CFG-POLICY-FACET", "ranges[1].facet")
    assert (problem.received, problem.allowed, problem.hint) == ('"Sex"', "'sex'", "did you mean sex?")


def test_a_facet_named_by_position_is_found_in_the_headers():
    policy = read_policy(document("metric: DPL, facet: sex, high: 0.1")).policy
    by_position = {"facet": [{"name_or_index": 0, "value_or_threshold": ["f"]}]}

    assert policy_problems(policy, config(**by_position, headers=["sex", "hired"])) == ()
    (problem,) = policy_problems(policy, config(**by_position, headers=["age", "hired"]))
    assert problem.field == "ranges[0].facet"


def test_a_facet_named_by_position_without_headers_waits_for_the_data():
    policy = read_policy(document("metric: DPL, facet: sex, high: 0.1")).policy
    by_position = config(facet=[{"name_or_index": 0, "value_or_threshold": ["f"]}])

    assert policy_problems(policy, by_position) == ()
    assert [problem.field for problem in facet_problems(policy, ["age"])] == ["ranges[0].facet"]
    assert list(facet_problems(policy, ["age", "sex"])) == []


def test_a_policy_for_an_analysis_without_bias_metrics_is_refused():
    explained = config(methods={"shap": {}}, predictor={"model_name": "m"})

    (problem,) = policy_problems(recommended().policy, explained)

    assert (problem.code, problem.received) == ("CFG-POLICY-NO-BIAS", "recommended")


# --- what comes with the library ------------------------------------------------------------------------------


def test_the_limits_are_those_of_the_catalogue():
    assert {metric.name: (metric.low, metric.high) for metric in METRICS} == dict(LIMITS)
    assert {metric.name for metric in METRICS if metric.kind == "distance"} == DISTANCES


def test_the_recommended_policy_judges_four_metrics():
    gap = AllowedRange(-0.1, 0.1)

    ranges = recommended().policy.ranges_of("any", "group")

    assert ranges == {"DI": AllowedRange(0.8, 1.25), "DPL": gap, "RD": gap, "AD": gap}


def test_the_recommended_policy_says_why():
    description = recommended().policy.description

    assert "four-fifths" in description
    assert "few rows is INCONCLUSIVE, never a VIOLATION" in description


def test_the_shipped_example_tells_editors_where_its_schema_is():
    assert RECOMMENDED.splitlines()[0].startswith("# yaml-language-server: $schema=")


def test_the_schema_knows_the_recommended_policy_and_refuses_a_misspelt_one():
    schema = policy_schema()
    body = {"version": "1.0", "name": "x", "ranges": [{"metric": "DI", "low": 0.8}]}

    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(body, schema)

    assert schema["$id"] == "urn:clarify:policy:1.0"
    for change in ({"level": 0.5}, {"ranges": [{"metric": "dppl"}]}, {"ranges": []}, {"rules": []}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**body, **change}, schema)


def test_limits_without_bounds_are_infinite():
    assert LIMITS["TE"] == (-math.inf, math.inf)
