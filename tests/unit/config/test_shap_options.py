"""ShapOptions and how the command line writes them."""

import pytest

from clarify.config.shap_options import ShapOptions, group_option, parse_groups
from clarify.errors import ConfigError


@pytest.mark.parametrize(
    ("option", "group"),
    [
        ("job", ("job", ())),
        ("place=lat,lon", ("place", ("lat", "lon"))),
        (" place = lat, lon", ("place", ("lat", "lon"))),
        ("job=job=clerk,job=cook", ("job", ("job=clerk", "job=cook"))),
        ('job="clerk, senior","5"" pipe"', ("job", ("clerk, senior", '5" pipe'))),
        ("one=age", ("one", ("age",))),
    ],
)
def test_a_group_is_read_from_its_option(option, group):
    assert parse_groups([option]) == (group,)


@pytest.mark.parametrize(
    "group",
    [("job", ()), ("place", ("lat", "lon")), ("job", ("job=clerk", "clerk, senior", '5" pipe')), ("one", ("age",))],
)
def test_a_written_group_is_read_again(group):
    assert parse_groups([group_option(*group)]) == (group,)


@pytest.mark.parametrize("option", ["", " ", "=lat,lon", "place=", "place=lat,,lon", "place=lat,"])
def test_a_group_with_a_gap_is_refused(option):
    with pytest.raises(ConfigError) as caught:
        parse_groups(["fine=age", option])

    (problem,) = caught.value.problems
    assert (problem.code, problem.field, problem.received) == ("RUN-VALUE", "--group", repr(option))
    assert problem.allowed == "NAME or NAME=COLUMN,COLUMN,..."


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"estimator": "linear"}, r"--estimator: received 'linear'  \[RUN-VALUE\]\n  allowed: auto or kernel or krig"),
        ({"tree_path": "on"}, r"--tree-path: received 'on'  \[RUN-VALUE\]\n  allowed: auto or off"),
        ({"tolerance": 0.0}, r"--tolerance: received 0.0  \[RUN-VALUE\]\n  allowed: a number between 0 and 1"),
        ({"tolerance": float("nan")}, r"--tolerance: received nan  \[RUN-VALUE\]"),
        ({"groups": (("a=b", ("x",)),)}, r"--group: received 'a=b'  \[RUN-VALUE\]\n  allowed: NAME or NAME=COLUMN"),
        ({"groups": (("a", ("x",)), ("a", ("y",)))}, r"--group: received 'a'  \[RUN-CONFLICT\]"),
        ({"groups": (("a", ("x", "y")), ("b", ("y",)))}, r"--group: received y  \[RUN-CONFLICT\]"),
        ({"groups": (("a", ("x", "x")),)}, r"--group: received x  \[RUN-CONFLICT\]"),
    ],
)
def test_a_wrong_option_is_told_under_its_name(changes, message):
    with pytest.raises(ConfigError, match=message):
        ShapOptions(**changes)
