"""Global attributions on the page: the drawing equals the numbers, and the table says what analysis.json holds."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from clarify.report.charts import ATTRIBUTION_FRAME, attribution_glyph, attribution_interval
from clarify.report.document import analysis_document
from clarify.report.explanations.outputs import explanations_of, size_of, strongest, unit_of
from clarify.report.html import render_report
from clarify.report.view import names_of
from clarify.results import GlobalAttribution, Interval, OutputExplanation
from clarify.steps.lineage import lineage_of
from clarify.steps.summarise import explanation_table
from clarify.steps.write_report import PublishedAnalysis
from tests.unit.report import attribution_examples as examples
from tests.unit.report.outlines import Outline
from tests.unit.report.report_examples import example_provenance
from tests.unit.report.style_sheets import colour, contrast

HALF_A_DECIMAL = 0.05 + 1e-9                  # coordinates have one decimal


def shown(section):
    result = examples.explained_result(section)
    return explanations_of(result, names_of(result))


def page(section):
    return render_report(examples.explained_result(section), example_provenance())


def places(path):
    """x of every vertical and horizontal end of a bar: the line's two, then each cap's."""
    return [float(x) for x in re.findall(r"[MH]([\d.]+)", path)]


def at(value, top):
    """Where a value lies: 288 units of 300 between two margins of 6."""
    return 6 + 288 * min(max(value / top, 0.0), 1.0)


@pytest.mark.parametrize("seed", range(100))
def test_dot_bar_and_caps_lie_where_the_numbers_say(seed):
    draw = np.random.default_rng(seed)
    value, top = draw.uniform(0, 1), draw.uniform(1, 3)
    found = Interval(max(value - draw.uniform(0, 0.5), 0.0), value + draw.uniform(0, 0.5))

    drawn = attribution_glyph(value, found, top)

    low, high, first_cap, second_cap = places(drawn.bar)
    assert float(drawn.dot) == pytest.approx(at(value, top), abs=HALF_A_DECIMAL)
    assert low == first_cap == pytest.approx(at(found.low, top), abs=HALF_A_DECIMAL)
    assert high == second_cap == pytest.approx(at(found.high, top), abs=HALF_A_DECIMAL)
    assert low <= float(drawn.dot) <= high
    assert drawn.stem == f"M{ATTRIBUTION_FRAME.margin} {ATTRIBUTION_FRAME.y}H{drawn.dot}"


def test_every_drawn_row_lies_where_its_printed_numbers_say():
    # The axis ends at the round number above the highest limit: 0.30 + 0.0196 is 32 points, so 40.
    (output,) = shown(examples.section()).outputs

    for row in output.rows:
        low, high = (float(text) for text in row.interval.split(" to "))
        limits = places(row.glyph.bar)[:2]
        assert float(row.glyph.dot) == pytest.approx(at(float(row.value), 40.0), abs=0.05 / 40 * 288 + HALF_A_DECIMAL)
        assert limits == pytest.approx([at(low, 40.0), at(high, 40.0)], abs=0.05 / 40 * 288 + HALF_A_DECIMAL)


def test_rows_are_sorted_by_size_without_excess_and_print_it_with_its_interval():
    (output,) = shown(examples.section()).outputs

    assert [(row.feature, row.value, row.interval) for row in output.rows] == [
        ("income", "30.0", "28.0 to 32.0"),
        ("months", "10.0", "8.0 to 12.0"),
        ("age", "9.0", "7.0 to 11.0"),
        ("phone", "2.0", "0.04 to 4.0"),     # 2.00 - 1.96: a limit keeps a digit rather than become 0
    ]


@pytest.mark.parametrize(("certain", "divided"), [(None, []), (0, []), (1, ["months"]), (3, ["phone"]), (4, [])])
def test_the_dashed_line_lies_above_the_first_feature_whose_order_is_not_certain(certain, divided):
    view = shown(examples.section(certain_order=certain)).outputs[0]

    assert [row.feature for row in view.rows if row.opens] == divided
    assert ("dashed line" in view.caption) == bool(divided)


@pytest.mark.parametrize("section", [examples.exact_section(), replace(examples.section(), probe="noisy")])
def test_no_line_divides_exact_or_noisy_attributions(section):
    assert not any(row.opens for row in shown(section).outputs[0].rows)


def test_exact_attributions_have_no_bar_no_interval_and_a_short_table():
    (output,) = shown(examples.exact_section()).outputs

    assert not output.has_intervals
    assert {(row.interval, row.glyph.bar) for row in output.rows} == {("", "")}
    assert [column.heading for column in output.columns] == ["Mean absolute", "Median", "Mean square"]
    assert output.caption.endswith("analysis.json holds the same mean, in units of the score.")


def test_the_table_holds_the_raw_mean_what_errors_add_and_the_interval_without():
    (output,) = shown(examples.section()).outputs

    headings = [column.heading for column in output.columns]
    assert headings == ["Mean absolute", "Added by errors", "95 % interval", "Median", "Mean square"]
    assert output.listed[0].feature == "income"
    assert output.listed[0].cells == ("0.310000", "0.010000", "0.280400 to 0.319600", "−0.155000", "0.096100")


def test_an_excess_too_small_to_print_is_not_printed_as_nought():
    small = (replace(examples.estimated_features()[0], mean_abs_excess=4e-13),)

    assert shown(examples.section(small)).outputs[0].listed[0].cells[1] == "under 0.000001"


@pytest.mark.parametrize(
    ("aggregation", "heading"), [("mean_abs", "Mean absolute"), ("median", "Median"), ("mean_sq", "Mean square")]
)
def test_the_column_marked_as_published_is_the_one_analysis_json_holds(aggregation, heading):
    section = replace(examples.section(), aggregation=aggregation)

    (output,) = shown(section).outputs

    (place,) = [i for i, column in enumerate(output.columns) if column.is_published]
    assert place == 0
    document = json.loads(analysis_document(examples.explained_result(section)))
    published = document["explanations"]["kernel_shap"]["label0"]["global_shap_values"]
    assert output.columns[place].heading == heading
    assert {row.feature: float(row.cells[place].replace("−", "-")) for row in output.listed} == pytest.approx(published)


def test_the_caption_says_when_analysis_json_holds_another_number():
    captions = {kind: shown(replace(examples.section(), aggregation=kind)).outputs[0].caption
                for kind in ("mean_abs", "median")}  # fmt: skip

    assert "analysis.json holds the mean with it" in captions["mean_abs"]
    assert "analysis.json holds another number, the median of attributions" in captions["median"]


def test_the_drawing_shows_sizes_whatever_the_aggregation():
    kinds = ("mean_abs", "median", "mean_sq")

    first, second, third = (shown(replace(examples.section(), aggregation=kind)).outputs[0].rows for kind in kinds)

    assert first == second == third


def test_a_size_is_never_below_nought_but_keeps_its_place_in_the_order():
    noise = GlobalAttribution("noise", 0.01, 0.0, 0.0, 0.01, False, 0.02, Interval(0.0, 0.0096))
    nothing = GlobalAttribution("nothing", 0.0, 0.0, 0.0, 0.0, False, 0.0, Interval(0.0, 0.0))

    assert size_of(noise) == 0.0
    assert strongest(OutputExplanation("label0", 0.5, (noise, nothing)), most=2) == (nothing, noise)


def test_an_interval_is_made_from_the_standard_error_where_the_document_has_none():
    # 0.31 - 0.01 = 0.30, and 1.96 standard errors of 0.01 are 0.0196.
    older = replace(examples.estimated_features()[0], interval=None)

    found = attribution_interval(older)

    assert (found.low, found.high) == pytest.approx((0.2804, 0.3196), abs=1e-6)


def test_the_rest_of_many_features_adds_up_to_about_their_sizes():
    # Twelve of 0.30, 0.29 ... 0.19: the last two are 0.20 and 0.19, 39 points together.
    many = tuple(GlobalAttribution(f"f{i}", 0.30 - 0.01 * i, 0.0, 0.0) for i in range(12))

    (output,) = shown(examples.section(many)).outputs

    assert output.rest == "10 of 12 features; the other 2 add up to about 39.0."


def test_the_rest_of_exact_features_is_not_about():
    many = tuple(GlobalAttribution(f"f{i}", 0.30 - 0.01 * i, 0.0, 0.0, 0.0, True) for i in range(11))

    assert shown(examples.section(many)).outputs[0].rest == "10 of 11 features; the other one has 20.0."


def test_features_that_are_not_reported_are_counted():
    some = replace(examples.section(), n_features=20)

    assert shown(some).outputs[0].rest == "4 of 20 features are reported, as configured."


def test_log_odds_are_not_percentage_points():
    assert unit_of(examples.explained_result(replace(examples.section(), use_logit=True))).factor == 1.0


def test_the_page_holds_the_sentences_of_the_section():
    rendered = page(replace(examples.adaptive_section(), probe="batch_variant"))

    text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", rendered))
    assert "The model&#39;s answers depend on company." in text
    assert "The place of the first feature is certain within the errors of the estimate" in text
    assert "180 rows reached the ceiling of 2,056 coalitions first" in text
    assert "3 rows have no attributions" in text


def test_the_page_of_a_steady_model_warns_of_nothing():
    assert 'class="warning"' not in page(examples.section())


def test_hostile_names_of_features_groups_columns_and_estimators_stay_text():
    rendered = page(examples.hostile_section())

    assert "<script>window" not in rendered
    assert "onload=alert(1)>" not in rendered
    assert rendered.count("</style>") == 1
    assert "{{7*7}}" in rendered
    assert "n" * 61 not in rendered
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b-\x1f\ud800-\udfff]", rendered)


def test_columns_of_a_group_that_look_alike_are_told_apart():
    alike = replace(examples.section(), groups=(("income", ("x" * 100, "x" * 100 + "y")),))

    assert "x" * 59 + "… #2" in page(alike)


def test_a_tracking_server_is_told_what_the_attributions_cost():
    result = examples.explained_result(examples.adaptive_section())

    metrics = dict(lineage_of(PublishedAnalysis(result, "out", ()), engine="local").metrics)

    assert {name: metrics[f"shap.{name}"] for name in
            ("calls", "rows_exact", "rows_within_tolerance", "rows_at_ceiling", "rows_failed")} == {
        "calls": 900_000, "rows_exact": 213, "rows_within_tolerance": 607, "rows_at_ceiling": 180, "rows_failed": 3,
    }  # fmt: skip


def test_the_table_of_a_run_has_the_aggregate_and_the_interval_of_the_mean():
    first, *_ = explanation_table(examples.section())

    assert first["mean_abs"] == 0.31
    assert (first["mean_abs, 95 % from"], first["mean_abs, 95 % to"]) == pytest.approx((0.2804, 0.3196))


DRAWN = {
    "one output": examples.drawn_section(),
    "two outputs": replace(
        examples.drawn_section(),
        outputs=(*examples.section().outputs, OutputExplanation("label1", 0.5, examples.estimated_features())),
    ),
    "hostile": examples.hostile_section(),
    "one feature": replace(examples.section(examples.exact_features()[:1], 1), samples=(examples.sample(("income",)),)),
    "no rows": replace(examples.drawn_section(), samples=(), selected=()),
    "rows only": replace(examples.drawn_section(), samples=(), by_facet=()),
}


@pytest.fixture(scope="module")
def drawn_pages():
    return {name: page(section) for name, section in DRAWN.items()}


def explained(rendered):
    return re.search(r'<section id="explanations">.*?(?=<section id=)', rendered, re.DOTALL).group(0)


@pytest.mark.parametrize("name", DRAWN)
def test_every_tag_of_the_section_is_closed_and_nothing_is_styled_or_scripted_in_place(name, drawn_pages):
    outline = Outline(drawn_pages[name])

    assert outline.is_balanced
    assert outline.open == []
    assert not [a for a, _ in outline.attributes if a.startswith("on") or a == "style"]
    assert not {"script", "img", "iframe"} & {tag for tag, _ in outline.tags}


@pytest.mark.parametrize("name", DRAWN)
def test_every_drawing_is_hidden_from_readers_aloud_and_stands_in_a_table_with_a_caption(name, drawn_pages):
    section = Outline(explained(drawn_pages[name]))
    tags = [tag for tag, _ in section.tags]

    hidden = [attrs for tag, attrs in section.tags if tag == "svg" and attrs.get("aria-hidden") == "true"]
    in_axis = explained(drawn_pages[name]).count('class="at axis"')
    assert tags.count("svg") == len(hidden) + in_axis
    assert tags.count("table") == tags.count("caption")


@pytest.mark.parametrize("name", DRAWN)
def test_no_coordinate_is_unfinished_or_finer_than_a_tenth(name, drawn_pages):
    paths = re.findall(r' (?:d|cx|x|transform)="([^"]*)"', explained(drawn_pages[name]))

    assert paths
    assert not [path for path in paths if re.search(r"nan|inf|None|e-|\.\d\d", path)]


@pytest.mark.parametrize("name", DRAWN)
def test_closed_parts_are_at_most_two_levels_deep(name, drawn_pages):
    depth = deepest = 0
    for tag in re.findall(r"</?details", explained(drawn_pages[name])):
        depth += -1 if "/" in tag else 1
        deepest = max(deepest, depth)

    assert deepest in (1, 2)


def test_several_outputs_close_groups_and_rows_and_keep_the_rest_open(drawn_pages):
    text = Outline(drawn_pages["two outputs"]).text

    assert "By group and single rows: label0" in text
    assert "By group and single rows: label1" not in text       # nothing was drawn of it


def test_hostile_names_in_samples_groups_and_rows_stay_text(drawn_pages):
    section = explained(drawn_pages["hostile"])

    assert "<script>window" not in section
    assert "onload=alert(1)>" not in section
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b-\x1f\ud800-\udfff]", section)
    assert "n" * 61 not in section


def test_words_of_a_category_that_look_alike_are_told_apart():
    alike = examples.sample(("income", "age"), 20, words=("x" * 100, "x" * 100 + "y", "z"))

    assert "x" * 59 + "… #2" in page(replace(examples.section(), samples=(alike,)))


def test_everything_drawn_of_ten_features_and_twelve_groups_stays_small():
    names = tuple(f"feature {i}" for i in range(100))
    features = tuple(replace(examples.estimated_features()[0], feature=name) for name in names)
    section = replace(
        examples.section(features), samples=(examples.sample(names),),
        by_facet=tuple(examples.by_facet("age", str(i), names) for i in range(43)),
        selected=tuple(examples.selected_row(i) for i in range(5)),
    )  # fmt: skip

    # Dots 10 x 4.8 kB; groups 12 x (40 features x 300 B + 8 rows x 700 B + 3 kB); rows 5 x 6 kB; words and tables.
    assert len(explained(page(section)).encode()) < 48_000 + 12 * 20_600 + 30_000 + 60_000


@pytest.mark.parametrize("scheme", [0, 1])
def test_every_shade_stands_out_from_the_page_by_three_to_one(scheme, drawn_pages):
    roots = [dict(re.findall(r"--([\w-]+):(#\w+)", root)) for root in
             re.findall(r":root\{(.*?)\}", drawn_pages["one output"])]  # fmt: skip
    page_colours, shades = roots[scheme], next(r for i, r in enumerate(roots) if "lower" in r and i % 2 == scheme)

    for shade in ("low", "lower", "middle", "higher", "high"):
        assert contrast(colour(shades[shade]), colour(page_colours["bg"])) >= 3.0
