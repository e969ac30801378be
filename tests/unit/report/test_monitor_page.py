"""The page of a monitor's window: every kind and status is drawn, says what it must, and stays inert."""

import base64
import hashlib
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from clarify.records import Status
from clarify.report.monitor.page import KINDS, monitor_markdown, monitor_page, page_of_monitor
from clarify.report.monitor.rules import MEASURED
from clarify.report.monitor.strips import MOST_WINDOWS, last_windows
from clarify.report.monitor.tables import MOST_ROWS
from clarify.report.words import FORBIDDEN, plain
from clarify.results import Reason
from tests.unit.report import monitor_examples as examples
from tests.unit.report.outlines import Outline

EVERY = [(kind, status) for kind in KINDS for status in Status]


def page_of(kind, status):
    reason = Reason.TOO_FEW if status is Status.INCONCLUSIVE else None
    one = examples.failed(kind) if status is Status.ERROR else examples.record(kind, status, day=6, reason=reason)
    return monitor_page(one, examples.history(5, kind))


@pytest.mark.parametrize(("kind", "status"), EVERY)
def test_every_kind_and_status_is_a_whole_page_that_leads_with_the_verdict(kind, status):
    page = page_of(kind, status)

    outline = Outline(page)
    ids = [value for name, value in outline.attributes if name == "id"]
    assert outline.is_balanced
    assert outline.open == []
    assert len(ids) == len(set(ids))
    assert re.search(rf'<p class="lead"><span class="chip {status.value.lower()}">', page)
    title = re.search(r"<title>(.*?)</title>", page)[1]
    assert title.endswith(": credit, 6 Nov 2026" if status is not Status.ERROR else ": credit, 3 Nov 2026")
    assert title.startswith("1 alarm, 1 quiet, 1 undecided" if kind == "bias-drift" and status is not Status.ERROR
                            else status.value)
    links = {value.removeprefix("#") for name, value in outline.attributes if name == "href"}
    assert links <= set(ids)


@pytest.mark.parametrize(("kind", "status"), EVERY)
def test_no_page_holds_a_forbidden_word_or_an_unfinished_number(kind, status):
    text = Outline(page_of(kind, status)).text

    assert [word for word in FORBIDDEN if re.search(rf"\b{word}\b", text, re.IGNORECASE)] == []
    assert not {"nan", "None", "inf"} & set(re.findall(r"\w+", text))


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_runs_nothing_and_loads_nothing(kind):
    page = page_of(kind, Status.VIOLATION)
    outline = Outline(page)

    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'; base-uri 'none'" in page
    assert not {"script", "img", "link", "iframe", "object", "embed", "form", "base"} & {tag for tag, _ in outline.tags}
    loading = {"src", "srcset", "action", "formaction", "data", "poster", "background", "xlink:href", "style"}
    assert not [name for name, _ in outline.attributes if name.startswith("on") or name in loading]
    assert {value[0] for name, value in outline.attributes if name == "href"} == {"#"}
    assert "http:" not in page
    assert "https:" not in page


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_names_are_inert_in_html(kind):
    page = monitor_page(examples.hostile(kind), [examples.hostile(kind)])
    outline = Outline(page)

    assert "<script" not in page
    assert "{{ 7*7 }}" in outline.text                               # placed as text, never evaluated
    assert "\x00" not in page
    assert "\u202e" not in page
    assert outline.is_balanced
    assert not [name for name, _ in outline.attributes if name.startswith("on")]


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_names_are_inert_in_markdown(kind):
    text = monitor_markdown(examples.hostile(kind))

    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text, flags=re.DOTALL)
    assert not re.search(r"<|\]\(|javascript|pwn", outside)
    assert [line for line in text.splitlines() if line.startswith("#")] == [text.splitlines()[0]]
    assert "|" not in text


def test_the_page_shows_every_number_of_a_series_and_what_every_rule_says():
    text = Outline(monitor_page(examples.record())).text

    for expected in (
        "0.120", "0.060 to 0.180", "0.050", "−0.020 to 0.110", "0.40", "0.070 to 0.130 4 windows, 1,234 rows",
        "decision, this monitor's", "bootstrap_overlap", "On average at most one false alarm a month.",
        "15 false alarms of a series in 30 windows", "1.2 to 1.8 false alarms of a series in 30 windows",
    ):
        assert expected in text
    # An infinite value has its word, an undefined one its dash and reason.
    assert "infinity" in text
    assert "there are too few rows" in text


def test_rows_are_counted_and_what_was_left_out_is_said_by_reason():
    text = Outline(monitor_page(examples.record())).text

    # 950 of 950 + 50 rows have their label.
    assert "95.0 % of the rows have their label" in text
    for reason, count in (("before or after the window", 4), ("event that was there already", 7), ("came too late", 8)):
        assert f"{reason} {count}" in text


def test_attribution_shows_both_thresholds_and_three_p():
    text = Outline(monitor_page(examples.record("attribution-drift"))).text

    assert "0.987 0.90 fixed, 0.991 calibrated 0.004" in text
    assert "under 0.001" in text                                     # of the shares
    assert "50.0 % to 20.0 % – 0.001" in text
    assert "0.300 to 0.500" in text


def test_model_quality_says_threshold_undefined_and_violation():
    text = Outline(monitor_page(examples.record("model-quality"))).text

    assert "Metric recall with 0.61 was LessThanThreshold 0.66" in text
    assert "below 0.660" in text
    assert "above 0.300" in text
    assert "undefined: all labels, or all predicted labels, are alike" in text


def test_the_gate_is_shown_where_it_stopped_another_kind():
    one = examples.record(status=Status.INCONCLUSIVE, reason=Reason.DATA_QUALITY, bias=None,
                          data_quality=examples.data_quality())  # fmt: skip

    text = Outline(monitor_page(one)).text

    assert "The data did not pass their checks, so nothing else was looked at." in text
    assert "Data, checked before anything else" in text
    assert "(10, 20]" in text


def dots(path):
    """How many separate marks a path draws: circles move once, a cross twice."""
    return path.count("M")


def test_the_timeline_has_one_mark_a_window_and_the_worst_series_first():
    past = examples.history(5)

    page = page_of_monitor(examples.record(day=6), past)

    drawn = {mark.state: dots(mark.path) for mark in page.timeline.marks}
    assert drawn == {"pass": 2, "inconclusive": 1, "violation": 2, "error": 2}       # one cross, two strokes
    assert page.timeline.label == "6 windows: 2 PASS, 2 VIOLATION, 1 INCONCLUSIVE, 1 ERROR"
    assert plain(page.drawn.strips[0].heading).endswith("(TE), sex = 2")
    assert len(page.drawn.strips) == 3


def strip_named(page, metric):
    return next(strip for strip in page.drawn.strips if f"({metric})" in plain(strip.heading))


def test_a_window_that_could_not_be_looked_at_is_a_cross_and_no_value():
    past = [examples.record(day=1), replace(examples.failed(), window=examples.window(2))]

    strip = strip_named(page_of_monitor(examples.record(day=3), past), "DPPL")

    assert sum(dots(mark.path) for mark in strip.marks) == 2
    assert dots(strip.crosses) == 2
    assert strip.gaps == ""
    assert dots(strip.levels) == 2                                   # evidence of two windows, none of the third


def test_a_window_without_rows_is_a_tick_and_not_a_zero():
    def of_day(day):
        return [examples.series(**({"value": None, "interval": None} if day == 2 else {}))]

    month = examples.month(of_day, days=3)

    strip = strip_named(page_of_monitor(month[-1], month), "DPPL")

    assert dots(strip.gaps) == 1
    assert sum(dots(mark.path) for mark in strip.marks) == 2
    assert dots(strip.levels) == 2
    assert "1 without a value" in strip.finding


def test_of_several_revisions_the_latest_counts_and_later_windows_do_not():
    old, new = examples.record(day=1), replace(examples.record(day=1, status=Status.PASS), revision=2)
    later, other = examples.record(day=9), examples.record(day=2, name="another")

    found = last_windows(examples.record(day=3), [new, old, later, other])

    assert [(one.window, one.revision) for one in found] == [(examples.window(1), 2), (examples.window(3), 1)]


def test_the_history_is_bounded():
    days = [examples.Window(f"20{i:02}-01-01T00:00:00Z", f"20{i:02}-01-02T00:00:00Z") for i in range(26)]
    starts = [replace(day, start=f"{day.start[:11]}{hour:02}:00:00Z") for day in days for hour in range(5)]
    many = [replace(examples.record(), window=window) for window in starts]

    assert len(last_windows(examples.record(day=28), many)) == MOST_WINDOWS


def test_a_first_window_has_no_timeline():
    page = page_of_monitor(examples.record())

    assert page.timeline is None
    assert page.drawn.strips == ()


def test_evidence_is_a_bar_from_nothing_to_an_alarm():
    page = page_of_monitor(examples.record())

    (table,) = page.sections[0].closed
    meters = {row.cells[3].text: (row.cells[3].path, row.cells[3].full) for row in table.rows}
    assert meters == {                                               # .40 of 48 units is 19.2
        "1.00": ("M0 0H48V10H0z", True), "0.40": ("M0 0H19.2V10H0z", False), "0.00": ("", False)
    }  # fmt: skip


def test_a_table_of_many_series_is_cut_and_says_so():
    many = tuple(examples.series(group=str(i)) for i in range(MOST_ROWS + 5))

    page = page_of_monitor(examples.record(bias=replace(examples.bias(), series=many)))

    (table,) = page.sections[0].closed
    assert len(table.rows) == MOST_ROWS
    assert table.note == "200 of 205 rows shown; all of them are in record.json."


def test_every_drawing_is_well_formed():
    page = monitor_page(examples.record(day=6), examples.history(5))

    drawings = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(drawings) > 4
    for drawing in drawings:
        ElementTree.fromstring(drawing)
        assert "nan" not in drawing
        assert "inf" not in re.sub(r'aria-label="[^"]*"|<(text|title|desc)[^>]*>[^<]*', "", drawing)


def test_the_same_record_gives_the_same_text():
    assert page_of("bias-drift", Status.PASS) == page_of("bias-drift", Status.PASS)


def test_every_kind_says_what_was_measured_of_its_rules():
    for kind, rules in MEASURED.items():
        assert set(rules) == {"decision", "sagemaker"} | ({"bootstrap_overlap"} if kind == "bias-drift" else set())


def test_markdown_tells_verdict_window_series_and_rows():
    text = monitor_markdown(examples.record())

    assert text.startswith("# VIOLATION: `credit`\n")
    assert "2026-11-03T00:00:00Z to 2026-11-04T00:00:00Z" in text
    assert "950 rows, 95.0 % with a label" in text
    assert "**VIOLATION**" in text
    assert "rows of an event that was there already 7" in text


@pytest.mark.parametrize("kind", KINDS)
def test_markdown_of_a_failed_window_is_short_and_says_so(kind):
    text = monitor_markdown(examples.failed(kind))

    assert text.startswith("# ERROR: `credit`")
    assert "The window could not be looked at" in text
