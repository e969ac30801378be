import json

import pytest

from clarify.drift.quality_documents import (
    constraints_document,
    distributions_document,
    statistics_document,
)
from clarify.drift.quality_reading import read_constraints, read_distributions, read_statistics
from clarify.drift.quality_reference import aws_distributions
from clarify.drift.quality_values import (
    Bucket,
    Constraints,
    Distribution,
    FeatureConstraints,
    FeatureStatistics,
    MonitoringOptions,
    NumericalStatistics,
    Statistics,
    StringStatistics,
)
from clarify.errors import ConstraintsError

STATISTICS = Statistics(
    6,
    (
        FeatureStatistics("age", "Integral", 5, 1, NumericalStatistics(
            30.0, 150.0, 10.0, 20.0, 45.0, (Bucket(20.0, 32.5, 3), Bucket(32.5, 45.0, 2)), ((20.0,), (30.0, 45.0))
        )),
        FeatureStatistics("city", "String", 6, 0, string=StringStatistics(2, (("Köln", 4), ("Bonn", 2)))),
        FeatureStatistics("gap", "Unknown", 0, 6, string=StringStatistics(0)),
    ),
)

# As AWS's container writes it: decimals for counts, "Robust", thresholds of 1.0.
AWS_CONSTRAINTS = {
    "version": 0.0,
    "features": [
        {"name": "age", "inferred_type": "Integral", "completeness": 1.0, "num_constraints": {"is_non_negative": True}},
        {"name": "city", "inferred_type": "String", "completeness": 0.97, "string_constraints": {"domains": ["A", "B"]},
         "monitoringConfigOverrides": {"distribution_constraints": {"categorical_comparison_threshold": 0.3}}},
    ],
    "monitoring_config": {
        "evaluate_constraints": "Enabled",
        "emit_metrics": "Enabled",
        "datatype_check_threshold": 1.0,
        "domain_content_threshold": 0.9,
        "distribution_constraints": {
            "perform_comparison": "Enabled",
            "comparison_threshold": 0.2,
            "comparison_method": "Robust",
            "categorical_comparison_threshold": 0.1,
            "categorical_drift_method": "LInfinity",
        },
    },
}


def bytes_of(document):
    return json.dumps(document).encode()


def test_statistics_survive_the_way_to_bytes_and_back():
    assert read_statistics(statistics_document(STATISTICS)) == STATISTICS


def test_statistics_have_aws_keys():
    age = json.loads(statistics_document(STATISTICS))["features"][0]

    assert list(age["numerical_statistics"]) == ["common", "mean", "sum", "std_dev", "min", "max", "distribution"]
    assert age["numerical_statistics"]["common"] == {"num_present": 5, "num_missing": 1}
    kll = age["numerical_statistics"]["distribution"]["kll"]
    assert kll["buckets"][0] == {"lower_bound": 20.0, "upper_bound": 32.5, "count": 3}
    assert kll["sketch"] == {"parameters": {"c": 0.64, "k": 2048.0}, "data": [[20.0], [30.0, 45.0]]}


def test_an_infinite_deviation_survives():
    wide = NumericalStatistics(0.0, 0.0, float("inf"), -1e308, 1e308, (Bucket(-1e308, 1e308, 2),))
    statistics = Statistics(2, (FeatureStatistics("x", "Fractional", 2, 0, wide),))

    assert read_statistics(statistics_document(statistics)) == statistics


def test_aws_counts_written_as_decimals_are_counts():
    document = json.loads(statistics_document(STATISTICS))
    document["features"][1]["string_statistics"]["distinct_count"] = 2.0

    assert read_statistics(bytes_of(document)) == STATISTICS


def test_constraints_survive_the_way_to_bytes_and_back():
    options = MonitoringOptions(comparison_method="Simple", comparison_threshold=0.25, perform_comparison=False)
    own = MonitoringOptions(datatype_threshold=0.5)
    constraints = Constraints(
        (
            FeatureConstraints("age", "Fractional", 0.99, True, None, options),
            FeatureConstraints("city", "String", 1.0, False, ("A", "Ä"), own),
            FeatureConstraints("gap", "Unknown", None, False, None, options),
        ),
        options,
    )

    assert read_constraints(constraints_document(constraints)) == constraints


def test_aws_constraints_are_read_with_their_overrides():
    constraints = read_constraints(bytes_of(AWS_CONSTRAINTS))

    age, city = constraints.features
    assert (age.is_non_negative, age.completeness, age.options.comparison_threshold) == (True, 1.0, 0.2)
    assert (city.domains, city.options.categorical_threshold, city.options.domain_threshold) == (("A", "B"), 0.3, 0.9)


@pytest.mark.parametrize(("written", "read"), [("linf_simple", "Simple"), ("linf_robust", "Robust")])
def test_documented_names_of_the_method_are_read(written, read):
    document = json.loads(json.dumps(AWS_CONSTRAINTS))
    document["monitoring_config"]["distribution_constraints"]["comparison_method"] = written

    assert read_constraints(bytes_of(document)).options.comparison_method == read


@pytest.mark.parametrize(
    ("change", "field", "received"),
    [
        ({"features": []}, "constraints.features", "nothing"),
        ({"features": [{"name": "a", "inferred_type": "Text"}]}, "constraints.features[0].inferred_type", "Text"),
        ({"features": [{"name": "a", "inferred_type": "String", "completeness": 1.5}]},
         "constraints.features[0].completeness", "1.5"),
        ({"monitoring_config": {"evaluate_constraints": "On"}},
         "constraints.monitoring_config.evaluate_constraints", "On"),
    ],
)
def test_a_misfit_names_its_field_and_what_was_received(change, field, received):
    with pytest.raises(ConstraintsError) as caught:
        read_constraints(bytes_of({**AWS_CONSTRAINTS, **change}))

    assert [(p.code, p.field, p.received) for p in caught.value.problems] == [("DQ-FIELD", field, received)]


def test_what_is_no_json_object_is_refused_by_name():
    with pytest.raises(ConstraintsError, match=r"statistics.json: received .*DQ-UNREADABLE"):
        read_statistics(b"[1, 2]")


def test_distributions_survive_the_way_to_bytes_and_back():
    found = (
        Distribution("age", "numeric", (0, 3, 2), 1, (20.0, 32.5)),
        Distribution("city", "categorical", (4, 2), 0, categories=("Köln",), numbers=1),
    )

    assert read_distributions(distributions_document(found)) == found


def test_counts_that_do_not_fit_the_cuts_are_refused():
    document = json.loads(distributions_document([Distribution("age", "numeric", (3, 2), 1, (20.0,))]))
    document["features"][0]["counts"] = [3]

    with pytest.raises(ConstraintsError, match=r"distributions.features\[0\].counts: received 1 counts"):
        read_distributions(bytes_of(document))


def test_aws_buckets_become_bins_with_open_ends_and_texts_become_categories():
    age, city = aws_distributions(STATISTICS)

    assert (age.cuts, age.counts, age.missing) == ((32.5,), (3, 2), 1)
    assert (city.categories, city.counts) == (("Köln", "Bonn"), (4, 2, 0))


def test_buckets_without_width_are_one_bin():
    same = NumericalStatistics(7.0, 35.0, 0.0, 7.0, 7.0, tuple(Bucket(7.0, 7.0, 5 * (i == 9)) for i in range(10)))
    (constant,) = aws_distributions(Statistics(5, (FeatureStatistics("c", "Integral", 5, 0, same),)))

    assert (constant.cuts, constant.counts) == ((7.0,), (0, 5))


def test_bins_have_names_for_people():
    numeric = Distribution("age", "numeric", (0, 3, 2), 0, (20.0, 32.5))
    texts = Distribution("city", "categorical", (4, 2), 0, categories=("Köln",))

    assert numeric.bins == ("below 20", "[20, 32.5)", "from 32.5")
    assert texts.bins == ("'Köln'", "all other values")
