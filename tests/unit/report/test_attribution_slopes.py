"""The slope chart of attribution drift: shares then and now, what moved by name, three tests in words."""

import re
from dataclasses import replace
from itertools import pairwise

import pytest

from clarify.records import FeatureDrift, RuleFinding, Status
from clarify.report.monitor.page import monitor_page, page_of_monitor
from clarify.report.monitor.slopes import moved_features, moved_sentence, slopes_of, words_of_tests
from clarify.report.words import plain
from clarify.results import Interval
from tests.unit.report import monitor_examples as examples
from tests.unit.report.outlines import Outline

LEVEL = 0.03                                                          # .01 for each test


def feature(name, then, now, p=0.5, *, material=True, change=None):
    ratio = now / then if then else None
    return FeatureDrift(name, then, now, ratio, p, material, None, change)


def drift_of(*features, status=Status.VIOLATION, **more):
    drift = examples.attribution()
    findings = (RuleFinding("decision", status, None, "as told"),)
    output = replace(drift.outputs[0], features=features, findings=findings, **more)
    return replace(drift, outputs=(output,), level=LEVEL)


def chart_of(drift):
    return slopes_of(drift.outputs[0], drift, anchor="s")


def sentence(drift):
    return plain(moved_sentence(drift.outputs[0], drift))


def test_a_feature_has_moved_when_its_change_is_rare_and_large_enough():
    drift = drift_of(
        feature("small", 0.3, 0.3, p=0.001, material=False), feature("chance", 0.3, 0.4, p=0.02),
        feature("moved", 0.2, 0.1, p=0.01),
    )  # fmt: skip

    assert [one.feature for one in moved_features(drift.outputs[0], drift)] == ["moved"]
    assert sentence(drift) == "Of 3 features, 1 has moved: moved."


def test_what_moved_is_named_largest_change_first_and_bounded():
    drift = drift_of(*(feature(f"f{i}", 0.1, 0.1 + i / 100, p=0.001) for i in range(1, 6)))

    assert sentence(drift) == "Of 5 features, 5 have moved: f5, f4, f3 and 2 more."


def test_two_are_joined_by_a_word():
    drift = drift_of(feature("a", 0.1, 0.4, p=0.001), feature("b", 0.4, 0.2, p=0.001))

    assert sentence(drift) == "Of 2 features, 2 have moved: a and b."


@pytest.mark.parametrize(("status", "p", "expected"), [
    (Status.PASS, 0.5, "None of 1 feature is seen to have moved."),
    (Status.VIOLATION, 0.5, "No single one of 1 feature has moved beyond chance; taken together they have."),
    (Status.INCONCLUSIVE, None, "None of 1 feature was tested: there are no rows of both sides to compare."),
])  # fmt: skip
def test_what_it_means_that_none_moved_is_said(status, p, expected):
    assert sentence(drift_of(feature("a", 0.5, 0.5, p=p), status=status)) == expected


def test_the_chart_has_the_eight_largest_and_counts_the_rest():
    drift = drift_of(*(feature(f"f{i}", i / 100, i / 100) for i in range(11)))

    chart = chart_of(drift)

    assert sorted(slope.label for slope in chart.slopes) == sorted(f"f{i}" for i in range(3, 11))
    assert chart.note == "3 more features in the table."


def test_lines_run_from_the_share_then_to_the_share_now_on_an_axis_by_rule():
    chart = chart_of(drift_of(feature("a", 0.10, 0.20)))

    # 25 % is the first end that holds 20 %; the axis runs from 216 up to 34, 182 units: .10 is 143.2, .20 is 70.4.
    assert chart.end == "25 %"
    assert chart.slopes[0].line == "M62 143.2L214 70.4"


def test_the_bar_is_the_interval_of_the_change_at_the_windows_end():
    chart = chart_of(drift_of(feature("a", 0.10, 0.20, change=Interval(0.05, 0.15))))

    # Between .15 and .25 of an axis that ends at .25.
    assert chart.slopes[0].bar == "M214 34V106.8"


def test_a_feature_without_an_interval_has_no_bar():
    assert chart_of(drift_of(feature("a", 0.1, 0.2))).slopes[0].bar == ""


def test_what_moved_is_a_triangle_and_lies_on_top():
    chart = chart_of(drift_of(feature("moved", 0.5, 0.1, p=0.001), feature("still", 0.4, 0.4)))

    assert [slope.state for slope in chart.slopes] == ["", "violation"]
    assert chart.slopes[0].marks.count("a3.2") == 4                  # two circles of two arcs
    assert chart.slopes[1].marks.count("a3.2") == 2                  # one, and a triangle


def test_labels_of_equal_shares_keep_apart_and_inside():
    chart = chart_of(drift_of(*(feature(f"f{i}", 0.01, 0.01) for i in range(8))))

    for heights in (sorted(float(s.then_y) for s in chart.slopes), sorted(float(s.now_y) for s in chart.slopes)):
        assert all(b - a >= 13.9 for a, b in pairwise(heights))
        assert heights[0] > 20
        assert heights[-1] <= chart.height


def test_three_tests_are_told_with_what_chance_does_and_ndcg_never_alone():
    drift = drift_of(feature("status", 0.5, 0.2, p=0.001), ndcg=0.987, ndcg_threshold=0.991, p_ndcg=0.004,
                     share_distance=0.3, share_threshold=0.1, p_share=0.35)  # fmt: skip

    order, shares, single = map(plain, words_of_tests(drift.outputs[0], drift))

    assert order == (
        "Order of the features. nDCG is 0.987; rows drawn alike reach 0.991 at least. Random splits of the rows go as"
        " far 4 in 1,000 times: rarer than the 10 in 1,000 times that count. The service's fixed threshold is 0.90;"
        " nDCG alone sees no change that keeps the order."
    )
    assert shares.endswith("go as far 350 in 1,000 times: not rarer than the 10 in 1,000 times that count.")
    assert "The clearest change is that of status, 50.0 % then and 20.0 % now." in single
    assert "all features counted" in single


def test_an_ndcg_below_1_is_never_rounded_to_1():
    drift = drift_of(feature("a", 0.5, 0.5), ndcg=0.99996, ndcg_threshold=None)

    order, *_ = map(plain, words_of_tests(drift.outputs[0], drift))

    assert "nDCG is 0.99996" in order


def test_without_rows_the_tests_say_that_they_were_not_made():
    drift = drift_of(feature("a", 0.5, 0.5, p=None), p_ndcg=None, p_share=None, ndcg_threshold=None,
                     share_threshold=None)  # fmt: skip

    for told in map(plain, words_of_tests(drift.outputs[0], drift)):
        assert "It was not tested" in told


def test_the_chart_stands_on_the_first_screen_with_title_and_finding():
    record = examples.record("attribution-drift", attribution=drift_of(feature("status", 0.5, 0.2, p=0.001)))

    page = monitor_page(record)

    text = Outline(page).text
    assert page.index('class="slope"') < page.index('id="output-0"')
    assert 'aria-labelledby="slopes-0-t slopes-0-d"' in page
    assert "Of 1 feature, 1 has moved: status. status: 50.0 % to 20.0 %." in text
    assert page.count('class="slope"') == 1


def test_every_further_output_has_a_chart_in_its_own_section():
    drift = drift_of(feature("a", 0.5, 0.5), status=Status.PASS)
    worse = replace(drift.outputs[0], label="second", findings=(RuleFinding("decision", Status.VIOLATION),))
    record = examples.record("attribution-drift", attribution=replace(drift, outputs=(*drift.outputs, worse)))

    page = page_of_monitor(record)

    assert page.drift.chart.title.endswith("output second")
    assert [section.drift is None for section in page.sections] == [False, True]


def test_hostile_feature_names_are_inert_and_bounded():
    moved = feature(examples.HOSTILE * 9, 0.5, 0.2, p=0.001)
    record = examples.record("attribution-drift", attribution=drift_of(moved))

    page = monitor_page(record)

    assert "<script" not in page
    assert Outline(page).is_balanced
    assert max(map(len, re.findall(r'<text class="name[^>]*>([^<]*)', page))) < 24 + 60     # entities count
