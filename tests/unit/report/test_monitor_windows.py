"""Strips of a monitor's windows: placed by time, scaled by rule, with evidence, gaps, alarms and blind zone."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from clarify.records import RuleFinding, SeriesDrift, Status, Window
from clarify.report.monitor.axis import axis_of, missed, named, span, ticks_of
from clarify.report.monitor.page import monitor_page, page_of_monitor
from clarify.report.monitor.scales import blind_ends, blind_zone_words, quantity, view_of
from clarify.report.monitor.strips import MOST_MULTIPLES, SMALL, WIDE, timeline_of
from clarify.report.names import clean
from clarify.report.words import plain
from clarify.results import AwsValue, Interval, Reason
from tests.unit.report import monitor_examples as examples
from tests.unit.report.outlines import Outline

START = datetime(2026, 10, 28, tzinfo=UTC)


def windows(*hours, length=24):
    return [Window.between(START + timedelta(hours=h), START + timedelta(hours=h + length)) for h in hours]


def records(*hours, **more):
    return [replace(examples.record(**more), window=one) for one in windows(*hours)]


def strips(month):
    return page_of_monitor(month[-1], month).drawn


def only_strip(month):
    (strip,) = strips(month).strips
    return strip


def starts(path):
    """Where the parts of a path begin."""
    return [(float(x), float(y)) for x, y in re.findall(r"M(-?[\d.]+) (-?[\d.]+)", path)]


# --- time -------------------------------------------------------------------------------------------------------------


def test_windows_lie_where_they_lie_in_time():
    axis = axis_of(windows(0, 24, 120), left=0, right=600)           # days 1, 2 and 6 of six

    assert [axis.middle(one) for one in windows(0, 24, 120)] == pytest.approx([50, 150, 550])


def test_a_stop_of_the_schedule_is_a_gap_and_is_named():
    daily = windows(0, 24, 48, 120)

    assert missed(daily) == ((daily[2], daily[3]),)
    words = timeline_of(records(0, 24, 48, 120)).words
    assert words == "No window was looked at between those of 30 Oct and 2 Nov."


def test_windows_that_are_never_adjacent_leave_no_gap():
    hour_of_each_day = windows(0, 24, 48, 72, length=1)

    assert missed(hour_of_each_day) == ()


@pytest.mark.parametrize("frame", [WIDE, SMALL])
@pytest.mark.parametrize(
    ("n", "hours"), [(2, 1), (60, 1), (24, 6), (7, 24), (60, 24), (60, 168), (60, 730), (30, 8766)]
)
def test_labels_of_the_axis_never_touch_and_stay_inside(frame, n, hours):
    axis = axis_of(windows(*range(0, n * hours, hours), length=hours), left=frame.left, right=frame.right)

    ticks = ticks_of(axis, width=frame.width)

    half = [len(tick.text) * 7.5 / 2 for tick in ticks]              # 13 px on paper: 7.5 a letter is ample
    places = [float(tick.x) for tick in ticks]
    assert ticks
    assert all(b - h_b > a + h_a for a, b, h_a, h_b in zip(places, places[1:], half, half[1:], strict=False))
    assert places[0] - half[0] >= 0
    assert places[-1] + half[-1] <= frame.width


def test_days_are_not_cut_into_hours_by_a_daily_monitor():
    axis = axis_of(windows(0, 24, 48), left=0, right=860)

    assert [tick.text for tick in ticks_of(axis, width=880)] == ["29 Oct", "30 Oct"]   # no room at the ends


def test_months_are_named_with_their_year():
    axis = axis_of(windows(*range(0, 60 * 168, 168), length=168), left=58, right=860)

    texts = [tick.text for tick in ticks_of(axis, width=880)]
    # 28 of 420 days are 53 of 802 units, and a label of 8 letters asks for 72: every third month.
    assert texts[:2] == ["Jan 2027", "Apr 2027"]


def test_windows_are_named_as_people_do():
    assert named(windows(0)[0]) == "28 Oct"
    assert named(windows(14, length=1)[0]) == "28 Oct, 14:00"
    assert span(windows(0)[0]) == "28 Oct 2026, UTC"
    assert span(windows(0, length=48)[0]) == "28 Oct 2026 to 29 Oct 2026, UTC"
    assert span(windows(14, length=1)[0]) == "28 Oct 2026, 14:00 to 28 Oct 2026, 15:00 UTC"


# --- values -----------------------------------------------------------------------------------------------------------


def test_the_view_is_the_range_and_1_45_widths_on_either_side_whatever_the_values_are():
    quiet, wild = examples.series(low=-0.1, high=0.1, value=0.0), examples.series(low=-0.1, high=0.1, value=0.9)

    view = view_of(quiet)

    # .1 + 1.45 x .2 = .39
    assert (view.low, view.high) == pytest.approx((-0.39, 0.39))
    assert view_of(wild) == view


def test_a_ratio_is_seen_on_a_logarithm():
    view = view_of(examples.series(metric="DI", low=0.8, high=1.25))

    # log 1.25 - log .8 = .446; 1.45 of that beyond .8 is .8 / 1.91 = .419
    assert view.logarithmic
    assert view.low == pytest.approx(0.8 * (0.8 / 1.25) ** 1.45)
    assert view.share(1.0) == pytest.approx(0.5)


def test_a_distance_is_not_seen_below_0():
    view = view_of(examples.series(metric="TVD", low=None, high=0.1))

    assert (view.low, view.high) == pytest.approx((0.0, 0.245))      # .1 + 1.45 x .1


def test_two_runs_of_one_range_have_one_scale_and_a_wide_value_gets_an_arrow_head():
    narrow = [examples.series(value=0.05, interval=Interval(0.04, 0.06))]
    wide = [examples.series(value=0.05, interval=Interval(-0.9, 0.9))]

    first, second = (only_strip(examples.month(lambda day, s=s: s, days=2)) for s in (narrow, wide))

    assert first.scale == second.scale
    assert first.arrows == ""
    assert second.arrows.count("M") == 4                             # both ends of two windows


def test_the_scale_prints_the_edges_in_true_units_without_two_labels_at_one_height():
    strip = only_strip(examples.month(lambda day: [examples.series(low=-0.02, high=0.11)], days=2))

    heights = sorted(float(label.y) for label in strip.scale if label.text not in ("alarm", "0"))
    assert {"−0.02", "0.11"} <= {label.text for label in strip.scale}
    assert all(b - a >= 11 for a, b in pairwise(heights))
    assert all(float(label.x) < WIDE.left for label in strip.scale)  # beside the first window, never on it


def test_a_range_that_changes_is_drawn_as_it_was_in_each_window():
    def of_day(day):
        return [examples.series(low=-0.1, high=0.1 if day < 3 else 0.2)]

    strip = only_strip(examples.month(of_day, days=4))

    assert strip.bands.count("M") == 2


def test_the_named_shapes_of_every_status():
    statuses = [Status.PASS, Status.INCONCLUSIVE, Status.VIOLATION]

    def of_day(day):
        return [examples.series(findings=examples.findings(statuses[day - 1]))]

    strip = only_strip(examples.month(of_day, days=3))

    assert {mark.state: mark.path.count("M") for mark in strip.marks} == {
        "pass": 1, "inconclusive": 1, "violation": 1
    }
    assert [label.text for label in strip.dates] == ["3 Nov"]


def test_dates_of_alarms_keep_apart_and_the_newest_has_one():
    alarm = examples.series(findings=examples.findings(Status.VIOLATION))

    strip = only_strip(examples.month(lambda day: [alarm], days=28))

    places = [float(label.x) for label in strip.dates]
    assert strip.dates[-1].text == "28 Nov"
    assert all(b - a >= 48 for a, b in pairwise(places))


def test_a_window_that_was_looked_at_again_says_so():
    month = examples.month(lambda day: [examples.series(findings=examples.findings(Status.PASS))], days=3)
    month[1] = replace(month[1], revision=2)

    strip = only_strip(month)

    assert [label.text for label in strip.revisions] == ["r2"]
    assert "r2" in plain(strip.values.rows[1].what)
    assert [label.text for label in page_of_monitor(month[-1], month).timeline.revisions] == ["r2"]


# --- evidence, resets, blind zone ------------------------------------------------------------------------------------


def test_evidence_is_a_column_that_touches_the_line_at_an_alarm():
    levels = {1: 0.0, 2: 0.5, 3: 1.0}

    strip = only_strip(examples.month(lambda day: [examples.series(evidence=levels[day])], days=3))

    heights = [float(height) for height in re.findall(r"M[\d.]+ 93v-([\d.]+)h", strip.levels + strip.alarms)]
    assert heights == [0.8, 7.0, 14.0]                               # a hair for none, half of 14, all of it
    assert strip.alarms.count("M") == 1


def test_the_windows_since_the_last_reset_are_those_of_the_record():
    strip = only_strip(examples.month(lambda day: [examples.series(since_reset=41)], days=3))

    assert "41 windows since the last reset" in strip.facts


def test_a_record_that_does_not_say_has_its_reset_counted_from_the_windows_at_hand():
    def of_day(day):
        return [examples.series(evidence=1.0 if day == 3 else 0.2)]

    assert "2 windows since the last reset" in only_strip(examples.month(of_day, days=5)).facts
    assert "at least 2 windows since the last reset" in only_strip(examples.month(of_day, days=2)).facts


def test_the_blind_zone_is_said_in_points_and_drawn_around_the_reference():
    one = examples.series(reference=AwsValue(0.05), blind_zone=0.045)

    assert blind_zone_words(one) == "blind zone ±4.5 points"
    assert blind_ends(one) == pytest.approx((0.005, 0.095))
    assert only_strip(examples.month(lambda day: [one], days=2)).blind


def test_a_distance_has_its_blind_zone_on_one_side():
    one = examples.series(metric="TVD", low=None, high=0.1, reference=AwsValue(0.04), blind_zone=0.03)

    assert blind_ends(one) == pytest.approx((0.04, 0.07))
    assert blind_zone_words(one) == "blind zone +0.030"


def test_a_declared_range_has_no_blind_zone():
    one = examples.series(range_from="policy", blind_zone=None)

    assert blind_zone_words(one) == "no blind zone: the range is declared"
    assert only_strip(examples.month(lambda day: [one], days=2)).blind == ""


def test_one_point_is_not_points():
    assert quantity("DPPL", 0.01) == "1.0 point"
    assert quantity("DPPL", -0.123) == "−12.3 points"
    assert quantity("DI", 0.83) == "0.830"


# --- many series ------------------------------------------------------------------------------------------------------


def many(n, **more):
    return [examples.series(group=str(i), evidence=i / n, **more) for i in range(n)]


def test_up_to_twelve_series_have_a_strip_of_their_own():
    drawn = strips(examples.month(lambda day: many(12), days=2))

    assert not drawn.are_small
    assert len(drawn.strips) == 12


def test_more_are_small_multiples_by_evidence_and_those_left_out_are_counted():
    drawn = strips(examples.month(lambda day: many(50), days=2))

    assert drawn.are_small
    assert len(drawn.strips) == MOST_MULTIPLES
    assert [plain(strip.heading)[-2:] for strip in drawn.strips[:3]] == ["49", "48", "47"]
    assert drawn.note.startswith("36 of 50 series drawn")


def test_a_series_without_a_range_comes_last_and_says_so():
    nothing = (RuleFinding("decision", Status.INCONCLUSIVE, Reason.NO_REFERENCE),)
    loose = examples.series(group="loose", low=None, high=None, evidence=0.0, findings=nothing)

    drawn = strips(examples.month(lambda day: [loose, *many(3)], days=2))

    assert drawn.strips[-1].chip.word == "NO RANGE"
    assert drawn.strips[-1].facts == ("no allowed range",)
    assert not drawn.strips[-1].has_evidence


def test_sixty_windows_of_two_hundred_series_stay_under_2_mb():
    series = many(200, reference=AwsValue(0.05))
    record = examples.record(bias=examples.only(*series))
    history = [replace(record, window=one) for one in windows(*range(0, 1440, 24))]

    page = monitor_page(history[-1], history)

    assert len(page.encode()) < 2_000_000
    assert "36 of 200 series drawn" in page


# --- reading without seeing -------------------------------------------------------------------------------------------


def test_every_strip_has_a_title_a_finding_and_a_closed_table_of_its_values():
    month = examples.month(lambda day: [examples.series(), examples.series(metric="RD")], days=3)

    outline = Outline(monitor_page(month[-1], month))

    drawn = [attrs for tag, attrs in outline.tags if tag == "svg" and "aria-labelledby" in attrs]
    ids = {value for name, value in outline.attributes if name == "id"}
    assert len(drawn) == 2
    assert all(attrs["role"] == "img" and set(attrs["aria-labelledby"].split()) <= ids for attrs in drawn)
    assert "PASS in the window of 3 Nov: value 0.120 (95 % interval 0.060 to 0.180)" in outline.text_of("desc")
    assert not [attrs for tag, attrs in outline.tags if tag == "details" and "open" in attrs]
    assert outline.text.count("every window drawn, the newest first") == 2


def test_hostile_names_are_inert_in_drawings():
    month = [replace(examples.hostile(), window=examples.window(day)) for day in (1, 2)]

    page = monitor_page(month[-1], month)

    outline = Outline(page)
    assert "<script" not in page
    assert outline.is_balanced
    assert clean(examples.HOSTILE) in outline.text_of("desc") or clean(examples.HOSTILE) in outline.text_of("title")
    assert not [name for name, _ in outline.attributes if name.startswith("on")]
    assert not {"\x00", "\u202e"} & set(page)


def test_records_in_another_order_give_the_same_page():
    month = examples.month(lambda day: [examples.series(since_reset=day)], days=5)

    assert monitor_page(month[-1], month) == monitor_page(month[-1], tuple(reversed(month)))


def test_a_series_that_the_catalogue_does_not_know_is_drawn():
    odd: SeriesDrift = examples.series(metric="NEW")

    strip = only_strip(examples.month(lambda day: [odd], days=2))

    assert plain(strip.heading) == "NEW, sex = 2"
