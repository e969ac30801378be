"""What a page keeps off when it grows too large: in a fixed order, and said."""

from dataclasses import replace

from clarify.report.explanations.dependence import dependence_of
from clarify.report.page_limits import DEFAULT, LADDER, Limits, not_drawn, shared_by
from clarify.report.view import names_of
from clarify.report.words import plain
from clarify.results import OutputExplanation
from tests.unit.report import attribution_examples as examples
from tests.unit.report import dependence_examples as dependence


def told(result, limits):
    return {plain(found.what): found.how_many for found in not_drawn(result, limits)}


def crowded():
    """400 dots, 14 groups, 6 rows, 10 features of partial dependence and one that failed."""
    varied = tuple(replace(dependence.age(), feature=f"f{i}") for i in range(10))
    section = replace(
        examples.drawn_section(), by_facet=(examples.by_facet(),) * 14,
        selected=tuple(examples.selected_row(i) for i in range(6)),
    )  # fmt: skip
    return replace(dependence.dependence_result(*varied, dependence.notes()), explanations=section)


def test_dots_go_first_then_panels_then_rows():
    assert [(step.beeswarm_rows, step.dependence_features, step.selected_rows) for step in LADDER] == [
        (400, 8, 5), (200, 8, 5), (100, 8, 5), (100, 4, 5), (100, 4, 2),
    ]  # fmt: skip
    assert LADDER[0] == DEFAULT == Limits()


def test_what_does_not_fit_is_counted():
    # 14 - 12 groups, 6 - 5 rows, 10 - 8 features; 400 dots fit.
    assert told(crowded(), DEFAULT) == {
        "Groups whose attributions are not drawn": "2",
        "Selected rows not drawn": "1",
        "Features whose partial dependence is not drawn": "2",
    }


def test_the_smallest_page_leaves_out_more_and_says_how_much():
    assert told(crowded(), LADDER[-1]) == {
        "Drawn rows without a dot": "300",
        "Groups whose attributions are not drawn": "2",
        "Selected rows not drawn": "4",
        "Features whose partial dependence is not drawn": "6",
    }


def test_a_small_result_leaves_nothing_out():
    assert not_drawn(examples.explained_result(examples.drawn_section())) == ()
    assert not_drawn(replace(dependence.dependence_result(), explanations=None)) == ()


def test_several_outputs_share_groups_alone():
    assert shared_by(Limits(), 3) == Limits(400, 8, 5, 4)
    assert shared_by(Limits(), 1) == Limits()
    assert shared_by(Limits(), 20).facet_groups == 2
    assert shared_by(Limits(facet_groups=1), 6).facet_groups == 1


def test_groups_of_several_outputs_are_counted_by_their_share():
    outputs = tuple(OutputExplanation(label, 0.5, examples.estimated_features()) for label in ("label0", "label1"))
    section = replace(examples.drawn_section(), outputs=outputs, by_facet=(examples.by_facet(),) * 8)

    # Eight groups of label0; two outputs share twelve, six each.
    assert told(examples.explained_result(section), DEFAULT) == {"Groups whose attributions are not drawn": "2"}


def test_the_limits_decide_how_many_panels_of_partial_dependence_are_drawn():
    view = dependence_of(crowded(), names_of(crowded()), LADDER[-1])

    assert len(view.outputs[0].panels) == 4
    assert view.rest == "Drawn: 4 of 10 features; 6 more features in extended.json."
