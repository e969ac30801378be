"""Partial dependence in the documents and the report: AWS's layout, the schema, drawings that say what was found."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import jsonschema
import pytest

from clarify.report.document import analysis_document, extended_document, read_extended
from clarify.report.html import render_report
from clarify.report.schema import extended_schema
from clarify.report.words import FORBIDDEN
from clarify.results import ModelDescription, PartialDependence
from tests.unit.report import dependence_examples as examples
from tests.unit.report.report_examples import credit_result, example_provenance

SCHEMA = extended_schema()


class Section(HTMLParser):
    """Text and paths of the section on partial dependence."""

    def __init__(self, result):
        super().__init__(convert_charrefs=True)
        page = render_report(result, example_provenance())
        found = re.search(r'<section id="dependence">(.*?)</section>', page, re.DOTALL)
        self.html = found.group(1) if found else ""
        self.paths, self.circles, self.text, self.tags = {}, [], "", []
        self.feed(self.html)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        if tag == "path":
            self.paths.setdefault(attrs.get("class"), []).append(attrs["d"])
        if tag == "circle":
            self.circles.append(float(attrs["cx"]))

    handle_startendtag = handle_starttag

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def section():
    return Section(examples.dependence_result())


def pdp_of(result):
    return json.loads(analysis_document(result))["explanations"]["pdp"]


def test_a_numerical_feature_has_awss_keys_in_awss_order_with_shares_of_all_rows():
    number = pdp_of(examples.dependence_result())[0]

    assert list(number) == [
        "feature_name", "data_type", "feature_values", "model_predictions", "data_distribution", "label_headers",
    ]  # fmt: skip
    assert number == {
        "feature_name": "age",
        "data_type": "numerical",
        "feature_values": [26.0, 40.0, 54.0, 68.0],
        "model_predictions": [[0.3, 0.5, 0.6, 0.55]],
        "data_distribution": [0.5, 0.3, 0.192, 0.005],
        "label_headers": ["label0"],
    }


def test_a_categorical_feature_lists_its_words():
    _, words, _ = pdp_of(examples.dependence_result())

    assert (words["data_type"], words["feature_values"]) == ("categorical", ["car", "radio/tv", "repairs"])


def test_a_feature_that_cannot_be_varied_has_an_error_and_no_numbers():
    assert pdp_of(examples.dependence_result())[2] == {
        "feature_name": "notes",
        "data_type": "free_text",
        "error": "Detected data type is not supported for PDP. PDP can only be computed for numerical or categorical"
        " columns",
    }


def test_without_shap_the_explanations_are_pdp_alone():
    document = json.loads(analysis_document(replace(examples.dependence_result(), explanations=None)))

    assert list(document["explanations"]) == ["pdp"]


def test_a_run_without_pdp_has_no_such_key():
    assert "pdp" not in json.loads(analysis_document(credit_result()))["explanations"]


@pytest.mark.parametrize(
    "result",
    [examples.dependence_result(), examples.sampled_result(), examples.hostile_dependence()],
    ids=["all rows", "sample", "hostile"],
)
def test_the_extended_document_fits_its_schema_and_is_read_back_equal(result):
    content = extended_document(result)

    jsonschema.validate(json.loads(content)["partial_dependence"], {**SCHEMA, **part_of_schema()})
    assert read_extended(content) == result


def part_of_schema():
    """Only this part: the other sections have tests of their own."""
    wanted = SCHEMA["properties"]["partial_dependence"]
    return {"type": "array", "properties": {}, "required": [], "additionalProperties": True, **wanted}


def test_the_line_lies_where_the_numbers_are(section):
    # Score 0..1 from y = 128 up to 6; four centres from x = 40 to 264: 68, 124, 180, 236.
    # The last bucket holds 5 of 997 rows, under 0.75 %: dotted from 180 on.
    ys = [f"{128 - 122 * mean:.1f}" for mean in (0.3, 0.5, 0.6, 0.55)]
    ys = [y.removesuffix(".0") for y in ys]

    assert f"M68 {ys[0]}L124 {ys[1]}L180 {ys[2]}" in section.paths["mean"]
    assert section.paths["mean few"] == [f"M180 {ys[2]}L236 {ys[3]}"]


def test_the_wide_band_goes_from_the_5th_to_the_95th_percentile_and_the_narrow_one_lies_inside(section):
    def ys(path):
        return [float(point.split()[1]) for point in path.strip("Mz").split("L")]

    wide, narrow = ys(section.paths["most"][-1]), ys(section.paths["half"][-1])

    assert wide[0] == pytest.approx(128 - 122 * 0.5, abs=0.06)      # 0.3 + 0.2 above, 0.3 - 0.2 below
    assert wide[-1] == pytest.approx(128 - 122 * 0.1, abs=0.06)
    assert narrow[0] == pytest.approx(128 - 122 * 0.4, abs=0.06)


def test_the_strip_is_as_high_as_the_rows_are_many(section):
    heights = [float(height) for height in re.findall(r"v-([\d.]+)h", section.paths["rows"][-1])]

    assert heights == pytest.approx([28, 28 * 300 / 500, 28 * 192 / 500, 28 * 5 / 500], abs=0.06)


def test_categories_are_dots_on_the_same_scale_the_most_frequent_first(section):
    # Means 0.3, 0.4333, 0.5667 on an axis from 4 to 116.
    assert section.circles == pytest.approx([4 + 112 * mean for mean in (0.3, 0.4333, 0.5667)], abs=0.06)
    assert section.text.index("car") < section.text.index("radio/tv") < section.text.index("repairs")


def test_the_words_give_the_extremes_the_missing_rows_the_basis_and_the_limits(section):
    assert "The mean score is lowest, 30.0 %, at 26 and highest, 60.0 %, at 54. 3 rows have no value." in section.text
    assert "Means over all 1,000 rows, equal ones asked once." in section.text
    assert "combinations that do not occur" in section.text
    assert examples.FREE_TEXT in section.text


def test_a_sample_says_how_many_rows_it_stands_for_and_shows_intervals():
    text = Section(examples.sampled_result()).text

    assert "Means over 50,000 different rows chosen by a hash of their values" in text
    assert "they stand for 60,000 of 900,000 rows" in text
    assert "29.0 % to 31.0 %" in text


def test_whole_numbers_asked_in_place_of_fractions_are_said():
    result = examples.dependence_result(replace(examples.age(), rounded=True))

    assert "The model refuses fractions here and was asked at whole numbers." in Section(result).text


def test_a_score_that_is_no_probability_has_an_axis_of_its_own():
    model = ModelDescription("m", "m", "m", "1", None, "score")
    result = replace(examples.dependence_result(examples.age()), model=model)

    ticks = re.findall(r'class="tick last"[^>]*>([^<]+)<', Section(result).html)

    assert ticks[:3] == ["0", "0.4", "0.8"]         # 0.6 + 0.2 is the highest value drawn
    assert "0.300" in Section(result).text


def test_a_feature_with_one_value_is_a_dot():
    lonely = PartialDependence(
        "constant", "numerical", (7.0,), (), (10,), (examples.output((0.4,)),), None, 0, 10, 10, 1
    )

    section = Section(examples.dependence_result(lonely))

    assert section.circles == pytest.approx([4 + 112 * 0.4], abs=0.06)
    assert "The mean score stays at 40.0 %." in section.text


def test_a_fine_grid_is_drawn_with_at_most_two_hundred_points():
    n = 10_001
    fine = replace(
        examples.age(), feature_values=tuple(float(i) for i in range(n)), counts=(1,) * n, rows=n,
        outputs=(examples.output((0.5,) * n),),
    )  # fmt: skip

    html = Section(examples.dependence_result(fine)).html

    assert len(html) < 30_000
    assert f"of {n} values shown" in html


def test_eight_features_are_drawn_and_the_rest_is_named():
    many = tuple(replace(examples.age(), feature=f"f{i}") for i in range(10))

    section = Section(examples.dependence_result(*many))

    assert [f"f{i}" in section.text for i in range(10)] == [True] * 8 + [False] * 2
    assert "Drawn: 8 of 10 features; 2 more features in extended.json." in section.text


def test_hostile_names_are_inert():
    section = Section(examples.hostile_dependence())

    tags = {tag for tag, _ in section.tags}
    assert not {"script", "img", "style"} & tags
    assert not [name for _, attrs in section.tags for name in attrs if name.startswith("on") or name == "style"]
    assert "&lt;script&gt;window.pwn=1&lt;/script&gt;" in section.html
    assert "{{7*7}}" in section.html
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b-\x1f\ud800-\udfff]", section.html)


def test_no_sentence_judges(section):
    assert not [word for word in FORBIDDEN if re.search(rf"\b{word}\b", section.text.lower())]


def test_a_run_of_pdp_alone_has_a_verdict_sentence_of_its_own():
    alone = replace(examples.dependence_result(), explanations=None, pre_training=None, post_training=None)

    page = render_report(alone, example_provenance())

    assert "Mean scores were computed as <strong>3 features</strong> vary one by one" in page


def with_threshold(result, threshold=0.5, n_outputs=1):
    explanations = replace(
        credit_result().explanations, threshold=threshold, outputs=credit_result().explanations.outputs * n_outputs
    )
    return replace(result, explanations=explanations)


def test_the_threshold_is_a_dashed_line_on_the_scale_of_the_score():
    section = Section(with_threshold(examples.dependence_result()))

    # y = 128 - 122 * 0.5 in the panel; x = 4 + 112 * 0.5 in each of three rows; one in the legend.
    assert section.paths["limit"] == ["M1 6H29", "M40 67H264"] + ["M60-9V40"] * 3
    assert "decision threshold, 50.0 %" in section.text


def test_no_threshold_in_log_odds_is_drawn_on_the_scale_of_the_score():
    result = with_threshold(examples.dependence_result())
    result = replace(result, explanations=replace(result.explanations, use_logit=True))

    assert "limit" not in Section(result).paths


@pytest.mark.parametrize(("threshold", "n_outputs"), [(None, 1), (0.5, 2), (3.0, 1)])
def test_no_threshold_is_drawn_that_is_unknown_decides_among_several_or_lies_off_the_scale(threshold, n_outputs):
    section = Section(with_threshold(examples.dependence_result(), threshold, n_outputs))

    assert "limit" not in section.paths
    assert "decision threshold" not in section.text


def test_categories_say_how_many_rows_have_them(section):
    cells = re.findall(r'</svg></td><td class="num">[^<]*</td><td class="num">([^<]*)</td>', section.html)

    assert cells == ["300", "290", "280"]


def test_the_legend_says_where_the_line_is_dotted(section):
    assert "dotted beyond the range that holds 98.5 % of rows" in section.text


def test_withheld_counts_are_not_printed_as_nought():
    words, number = (
        replace(found, counts=(0,) * len(found.counts), missing=0, fewer_than=10)
        for found in (examples.purpose(), examples.age())
    )

    section = Section(examples.dependence_result(words, number))

    assert section.text.count("Its counts of rows are not shown: one is below 10, or would tell one that is.") == 2
    assert not re.search(r"(?<![\d.])0\.0 %", section.text)
    assert re.findall(r'</svg></td><td class="num">[^<]*</td><td class="num">([^<]*)</td>', section.html) == ["–"] * 3
