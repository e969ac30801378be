"""Masked names: one number for each name everywhere, and nothing from outside left to read."""

from dataclasses import asdict, replace

import pytest

from clarify.config.presentation import Presentation
from clarify.report.html import render_report
from clarify.report.notes import provenance_facts
from clarify.report.shielding.masked import COMMAND_HIDDEN, masked
from clarify.report.shielding.shielded import shielded, shielded_provenance
from clarify.report.shielding.suppressed import WITHHELD_CODE, suppressed
from clarify.report.view import names_of
from clarify.report.views.junit import junit_document
from clarify.report.views.notebook import notebook_html, text_view
from clarify.report.views.pull_request import pull_request_markdown
from clarify.report.views.summary import findings, markdown_summary, metric_rows
from clarify.report.words import plain
from clarify.results import (
    AttributionSample,
    BiasSection,
    CellBias,
    ClassBias,
    ClassSection,
    ColumnSummary,
    Contribution,
    ExplainedRow,
    FacetAttributions,
    GlobalAttribution,
    Intersection,
    Notice,
    OutputExplanation,
    SampledFeature,
    SegmentBias,
)
from tests.unit.report import dependence_examples, report_examples
from tests.unit.report.every_field import filled_result
from tests.unit.report.report_examples import example_provenance

MASKED = Presentation(mask_names=True)
EVERYTHING, MARKERS = filled_result()
CREDIT = report_examples.credit_result()


def provenance_of_markers():
    plain_one = example_provenance()
    run = replace(plain_one.run, command="clarify analyze MkCommand", host="MkHost")
    return replace(plain_one, dataset_uri="s3://MkData/x.csv", model_uri="models:/MkModel/3", run=run)


def test_the_default_shows_the_very_same_result():
    provenance = example_provenance()

    assert shielded(CREDIT, Presentation()) is CREDIT
    assert shielded_provenance(provenance, Presentation()) is provenance


def test_no_text_of_any_field_is_left():
    """A field that is added later holds a marker here, and is hidden until a rule says otherwise."""
    shown = repr(shielded(EVERYTHING, MASKED))

    assert len(MARKERS) > 300
    assert [marker for marker in MARKERS if marker in shown] == []


@pytest.mark.parametrize(
    "view", ["page", "markdown", "findings", "rows", "provenance", "notebook", "text", "pull request", "build"]
)
def test_no_view_holds_a_name(view):
    views = {
        "page": render_report,
        "markdown": lambda result, _: markdown_summary(result),
        "findings": lambda result, _: " ".join(findings(result)),
        "rows": lambda result, _: " ".join(str(asdict(row)) for row in metric_rows(result)),
        "provenance": lambda result, p: str([plain(f.text) for f in provenance_facts(result, p, names_of(result))]),
    }
    views |= {
        "notebook": lambda result, _: notebook_html(result),
        "text": lambda result, _: text_view(result),
        "pull request": lambda result, _: pull_request_markdown(result, report_uri="r"),
        "build": lambda result, _: junit_document(result).decode(),
    }
    full = views[view](EVERYTHING, provenance_of_markers())

    shown = views[view](shielded(EVERYTHING, MASKED), shielded_provenance(provenance_of_markers(), MASKED))

    assert "Mk" in full
    assert "Mk" not in shown


@pytest.mark.parametrize("view", [
    notebook_html, text_view, markdown_summary, findings, metric_rows, junit_document,
    lambda result: render_report(result, example_provenance()),
])  # fmt: skip
def test_every_view_copes_with_a_result_in_which_all_is_withheld(view):
    few, _ = filled_result(7)

    assert view(shielded(few, Presentation(mask_names=True, suppress_below=10)))


def test_a_real_report_holds_none_of_its_names():
    names = ("foreign_worker", "A201", "(18, 25]", "credit", "german", "status", "purpose", "radio/tv", "models:/")
    result = replace(CREDIT, partial_dependence=(dependence_examples.age(), dependence_examples.purpose()))

    page = render_report(shielded(result, MASKED), shielded_provenance(example_provenance(), MASKED))

    assert [name for name in names if name in page] == []


# --- one number for each name ----------------------------------------------------------------------------------


def columns(*names):
    return tuple(ColumnSummary(name, "int", "declared", 1000, 0, 5, 1.0, 9.0) for name in names)


def test_a_facet_that_is_a_feature_has_one_number():
    result = masked(CREDIT)

    assert [facet.facet for facet in result.post_training.facets] == ["facet 1", "facet 2"]
    features = [feature.feature for feature in result.explanations.outputs[0].features]
    assert features[7] == "facet 2"              # age
    assert features[0] == "feature 01"
    assert len(set(features)) == len(features) == 13


def test_features_are_numbered_in_the_order_of_the_data():
    data = columns("label", "telephone", "age", "status", "id", "month")
    result = replace(CREDIT, validation=replace(CREDIT.validation, columns=data))

    shown = masked(result)

    numbers = {raw.feature: found.feature for raw, found in zip(
        result.explanations.outputs[0].features, shown.explanations.outputs[0].features, strict=True)}
    assert (numbers["telephone"], numbers["status"], numbers["month"]) == ("feature 01", "feature 02", "feature 03")
    assert [column.name for column in shown.validation.columns] == [
        "column 1", "feature 01", "facet 2", "feature 02", "column 2", "feature 03",
    ]  # fmt: skip


def test_groups_are_numbered_within_their_facet():
    facet = CREDIT.post_training.facets[0]
    facets = tuple(replace(facet, facet=f, value_or_threshold=v) for f, v in (("s", "A"), ("s", "B"), ("t", "A")))
    shown = masked(replace(CREDIT, pre_training=None, post_training=BiasSection("post_training", "y", "1", facets)))

    assert [(f.facet, f.value_or_threshold) for f in shown.post_training.facets] == [
        ("facet 1", "group 1.1"), ("facet 1", "group 1.2"), ("facet 2", "group 2.1"),
    ]  # fmt: skip


def test_the_thresholds_of_a_facet_are_hidden():
    assert masked(CREDIT).post_training.facets[1].value_or_threshold == "group 2.1"


def test_ten_groups_make_numbers_of_two_digits():
    facet = CREDIT.post_training.facets[0]
    facets = tuple(replace(facet, facet="s", value_or_threshold=str(i)) for i in range(10))
    shown = masked(replace(CREDIT, pre_training=None, post_training=BiasSection("post_training", "y", "1", facets)))

    assert [f.value_or_threshold for f in shown.post_training.facets][::9] == ["group 1.01", "group 1.10"]


def test_label_and_its_positive_class_have_no_name():
    assert (masked(CREDIT).pre_training.label, masked(CREDIT).pre_training.label_value_or_threshold) == (
        "label", "positive class",
    )  # fmt: skip


def test_classes_are_numbered_alike_in_label_and_model():
    classes = ClassSection((ClassBias("no", 10), ClassBias("yes", 20)), ())
    model = replace(CREDIT.model, classes=("yes", "no"))
    section = replace(CREDIT.pre_training, label_value_or_threshold="yes")

    shown = masked(replace(CREDIT, classes=classes, model=model, pre_training=section))

    assert [found.label_value for found in shown.classes.classes] == ["class 1", "class 2"]
    assert shown.model.classes == ("class 2", "class 1")
    assert shown.pre_training.label_value_or_threshold == "class 2"


@pytest.mark.parametrize(("version", "shown"), [("7", "7"), ("prod-anna", None), (None, None)])
def test_the_number_of_a_model_version_stays(version, shown):
    model = masked(replace(CREDIT, model=replace(CREDIT.model, version=version))).model

    assert (model.name, model.uri, model.pinned_uri, model.version) == ("model", "model", "model", shown)


def test_digests_stay_because_they_prove_what_was_looked_at():
    shown = masked(CREDIT)

    assert (shown.dataset.digest, shown.model.digest) == (CREDIT.dataset.digest, CREDIT.model.digest)
    assert shown.config_digest == CREDIT.config_digest


def test_title_and_file_name_are_the_usual_ones():
    shown = masked(replace(CREDIT, report_title="Loans of Anna", report_name="anna"))

    assert (shown.report_title, shown.report_name) == ("Analysis Report", "report")


# --- words and values ------------------------------------------------------------------------------------------


def test_categories_are_numbered_alike_in_curves_and_clouds():
    facet = replace(CREDIT.post_training.facets[0], facet="purpose", value_or_threshold="repairs")
    section = replace(CREDIT.post_training, facets=(facet,))
    cloud = SampledFeature("purpose", (0.1,), (0,), ("radio/tv", "boat"))
    explanations = replace(CREDIT.explanations, samples=(AttributionSample("label0", (), (cloud,)),))
    result = replace(CREDIT, pre_training=None, post_training=section, explanations=explanations,
                     partial_dependence=(dependence_examples.purpose(),))

    shown = masked(result)

    assert shown.partial_dependence[0].categories == ("value 1", "value 2", "group 1.1")
    assert shown.explanations.samples[0].features[0].words == ("value 2", "value 4")


def test_points_of_a_numerical_grid_are_numbered():
    (age,) = masked(replace(CREDIT, partial_dependence=(dependence_examples.age(),))).partial_dependence

    assert (age.feature, age.feature_values) == ("facet 2", (1.0, 2.0, 3.0, 4.0))


def test_values_and_place_of_an_explained_row_are_hidden():
    groups, status = (("age", "(18, 25]"),), Contribution("status", 0.1, 0.0, "A14")
    row = ExplainedRow("label0", 3107, "lowest", groups, 0.4, (status,), 0.0, 0.0, 0)
    later = replace(row, row=17)
    (shown, other) = masked(
        replace(CREDIT, explanations=replace(CREDIT.explanations, selected=(row, later)))
    ).explanations.selected

    assert (shown.row, other.row) == (1, 2)
    assert shown.groups == (("facet 2", "group 2.1"),)
    assert [(c.feature, c.value) for c in shown.contributions] == [("feature 01", "")]


def test_extremes_of_a_column_are_hidden():
    (column,) = masked(CREDIT).validation.columns

    assert (column.minimum, column.maximum, column.reading) == (None, None, "")


def test_cells_of_a_crossing_are_named_by_their_facets():
    cell = CellBias(("A201", "rest"), 20, replace(CREDIT.pre_training.facets[0], facet="foreign_worker × age"))
    (shown,) = masked(replace(CREDIT, intersections=(Intersection(("foreign_worker", "age"), (cell,)),))).intersections

    assert shown.facets == ("facet 1", "facet 2")
    assert shown.cells[0].groups == ("group 1.1", "rest")
    assert shown.cells[0].pre_training.facet == "facet 1 × facet 2"
    assert shown.cells[0].pre_training.value_or_threshold == "group 1.1 × rest"


def test_segments_are_numbered_and_the_rest_of_them_stays_the_rest():
    def segment(name, alias=""):
        return SegmentBias("by region", "region", name, alias, 10)

    shown = masked(replace(CREDIT, segments=(segment("north", "N"), segment("__default__", "others")))).segments

    assert [(s.config_name, s.column, s.segment, s.alias) for s in shown] == [
        ("segments 1", "column 1", "segment 1.1", "segment 1.1"), ("segments 1", "column 1", *["__default__"] * 2),
    ]  # fmt: skip


def test_joined_columns_have_one_number_and_their_members_others():
    features = (GlobalAttribution("income", 0.3, 0.3, 0.1), GlobalAttribution("age", 0.2, 0.2, 0.1))
    section = replace(CREDIT.explanations, outputs=(OutputExplanation("yes", 0.5, features),),
                      groups=(("income", ("income_a", "income_b")),),
                      by_facet=(FacetAttributions("yes", "age", "(18, 25]", 10, 20, ()),))

    shown = masked(replace(CREDIT, explanations=section)).explanations

    assert [f.feature for f in shown.outputs[0].features] == ["feature 1", "facet 2"]
    assert shown.groups == (("feature 1", ("column 1", "column 2")),)
    assert shown.outputs[0].label == shown.by_facet[0].output == "output 1"
    assert (shown.by_facet[0].facet, shown.by_facet[0].value_or_threshold) == ("facet 2", "group 2.1")


@pytest.mark.parametrize(("field", "shown"), [("age", "facet 2"), ("types.columns.age", "analysis")])
def test_a_notice_keeps_its_code_and_the_number_of_its_column(field, shown):
    (notice,) = masked(replace(CREDIT, notices=(Notice("DATA-NULLS", field, "3 rows have no age"),))).notices

    assert (notice.code, notice.field) == ("DATA-NULLS", shown)
    assert "age" not in notice.message


# --- both at once ----------------------------------------------------------------------------------------------


def test_what_was_withheld_is_said_under_masked_names_too():
    both = shielded(CREDIT, Presentation(mask_names=True, suppress_below=10))       # foreign_worker: 3, 1 and 1 rows

    told = [notice for notice in both.notices if notice.code == WITHHELD_CODE]
    assert told[0].field == "facet 1"
    assert "below 10" in told[0].message
    assert both.post_training.facets[0].counts.d.fewer_than == 10
    assert both.post_training.facets[0].facet == "facet 1"
    assert both.post_training.facets[1].counts == suppressed(CREDIT, 10).post_training.facets[1].counts


def test_provenance_keeps_digests_and_times_only():
    shown = shielded_provenance(provenance_of_markers(), MASKED)

    assert (shown.dataset_uri, shown.model_uri, shown.run.command, shown.run.host) == (
        "data", "model", COMMAND_HIDDEN, None,
    )  # fmt: skip
    assert shown.dataset_digest == example_provenance().dataset_digest
    assert shown.run.started_at == example_provenance().run.started_at
