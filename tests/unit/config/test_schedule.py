"""Every worker finds the same moments for a schedule, in every zone, and the windows that belong to them."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from clarify.config.monitor import read_monitor
from clarify.config.schedule import (
    last_tick,
    overlap_problems,
    schedule_problems,
    shortest_gap,
    tick_of,
    ticks_between,
    window_of,
    windows_per_month,
)
from clarify.config.timing import Schedule, Window
from clarify.errors import ConfigError

HOUR = timedelta(hours=1)


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def times(schedule, after, until, most=1_000):
    return [tick.strftime("%d %H:%M") for tick in ticks_between(schedule, utc(after), utc(until), most=most)]


def window(**parts):
    return Window(uri="s3://live", layout="capture", **parts)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ({"cron": "0 * * * *"}, "2026-11-20T03:00:00"),
        ({"cron": "0 5 * * *"}, "2026-11-19T05:00:00"),
        ({"cron": "0 9 * * *", "timezone": "Europe/Berlin"}, "2026-11-19T08:00:00"),    # CET is UTC+1
        ({"cron": "0 0 1 1 *"}, "2026-01-01T00:00:00"),
        ({"cron": "0 0 29 2 *"}, "2024-02-29T00:00:00"),
        ({"interval": "PT1H"}, "2026-11-20T03:00:00"),
        ({"interval": "P1W"}, "2026-11-19T00:00:00"),       # 1970-01-01 was a Thursday, and so is this
        ({"interval": "PT7M"}, "2026-11-20T03:04:00"),      # 20,777 days and 184 minutes are 7 x 4,274,152 minutes
        ({"rrule": "FREQ=WEEKLY;BYDAY=MO;BYHOUR=6"}, "2026-11-16T06:00:00"),
        ({"rrule": "RRULE:FREQ=MONTHLY;BYDAY=-1FR"}, "2026-10-30T00:00:00"),
        ({"rrule": "FREQ=DAILY;UNTIL=20260301T000000Z"}, "2026-03-01T00:00:00"),
    ],
)
def test_the_last_tick_is_the_latest_moment_not_after_the_time(schedule, expected):
    assert last_tick(Schedule(**schedule), utc("2026-11-20T03:04:05.678901")) == utc(expected)


@pytest.mark.parametrize("schedule", [{"cron": "0 * * * *"}, {"interval": "PT1H"}, {"rrule": "FREQ=HOURLY"}])
def test_a_moment_is_its_own_last_tick_and_a_microsecond_earlier_it_is_not(schedule):
    tick = utc("2026-05-05T05:00:00")

    assert last_tick(Schedule(**schedule), tick) == tick
    assert last_tick(Schedule(**schedule), tick - timedelta(microseconds=1)) == tick - HOUR


def test_the_start_of_a_span_is_left_out_and_its_end_is_in():
    found = times(Schedule(cron="0 * * * *"), "2026-05-05T05:00:00", "2026-05-05T07:00:00")

    assert found == ["05 06:00", "05 07:00"]


@pytest.mark.parametrize(
    "schedule", [{"cron": "*/5 * * * *"}, {"interval": "PT5M"}, {"rrule": "FREQ=MINUTELY;INTERVAL=5"}]
)
def test_of_too_many_moments_the_latest_are_kept_in_order(schedule):
    found = times(Schedule(**schedule), "2020-05-05T05:00:00", "2026-05-05T05:12:00", most=3)

    assert found == ["05 05:00", "05 05:05", "05 05:10"]


@pytest.mark.parametrize("schedule", [{"cron": "30 2 * * *"}, {"rrule": "FREQ=WEEKLY;BYDAY=TU"}, {"interval": "P2D"}])
def test_moments_do_not_depend_on_where_the_span_begins(schedule):
    berlin = Schedule(timezone="Europe/Berlin", **schedule)
    whole = ticks_between(berlin, utc("2026-01-01T00:00:00"), utc("2027-01-01T00:00:00"), most=1_000)

    pieces = [ticks_between(berlin, a, a + 7 * HOUR, most=1_000)
              for a in (utc("2026-01-01T00:00:00") + n * 7 * HOUR for n in range(1_252))]

    assert tuple(tick for piece in pieces for tick in piece if tick <= utc("2027-01-01T00:00:00")) == whole


# Europe/Berlin: on 2026-03-29 the clock goes from 02:00 CET to 03:00 CEST (01:00 UTC), on 2026-10-25 from 03:00 CEST
# back to 02:00 CET (01:00 UTC).


def test_a_daily_time_stays_local_through_summer_time():
    daily = Schedule(cron="0 9 * * *", timezone="Europe/Berlin")

    assert times(daily, "2026-03-27T12:00:00", "2026-03-30T12:00:00") == ["28 08:00", "29 07:00", "30 07:00"]
    assert times(daily, "2026-10-23T12:00:00", "2026-10-26T12:00:00") == ["24 07:00", "25 08:00", "26 08:00"]


def test_every_hour_of_the_clock_change_has_its_tick():
    hourly = Schedule(cron="0 * * * *", timezone="Europe/Berlin")

    for day in ("2026-03-29", "2026-10-25"):
        ticks = ticks_between(hourly, utc(f"{day}T00:00:00"), utc(f"{day}T23:00:00"), most=100)
        assert len(ticks) == 23
        assert {later - earlier for earlier, later in pairwise(ticks)} == {HOUR}


def test_a_skipped_time_happens_when_the_clock_is_put_forward():
    nightly = Schedule(cron="30 2 * * *", timezone="Europe/Berlin")

    assert times(nightly, "2026-03-28T12:00:00", "2026-03-30T12:00:00") == ["29 01:00", "30 00:30"]


def test_a_skipped_time_of_a_rule_is_read_with_the_offset_before_the_gap():
    nightly = Schedule(rrule="FREQ=DAILY;BYHOUR=2,3;BYMINUTE=0,30", timezone="Europe/Berlin")

    # 02:00 and 02:30 become 03:00 and 03:30, which the rule names too: one moment each.
    assert times(nightly, "2026-03-28T12:00:00", "2026-03-29T12:00:00") == ["29 01:00", "29 01:30"]


@pytest.mark.parametrize("schedule", [{"cron": "30 2 * * *"}, {"rrule": "FREQ=DAILY;BYHOUR=2;BYMINUTE=30"}])
def test_a_repeated_time_happens_once_the_first_time(schedule):
    nightly = Schedule(timezone="Europe/Berlin", **schedule)

    assert times(nightly, "2026-10-24T12:00:00", "2026-10-26T12:00:00") == ["25 00:30", "26 01:30"]


def test_every_other_week_is_counted_from_the_first_week_of_2020():
    fortnightly = Schedule(rrule="FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR")

    # The week of 2020-01-01 began on Monday 2019-12-30; 332 weeks later is Monday 2026-05-11.
    assert times(fortnightly, "2026-05-01T00:00:00", "2026-05-30T00:00:00") == [
        "11 00:00", "15 00:00", "25 00:00", "29 00:00"
    ]


def test_every_third_month_is_counted_from_january():
    found = times(Schedule(rrule="FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=31"), "2026-01-01T00:00:00", "2027-01-01T00:00:00")

    assert found == ["31 00:00", "31 00:00", "31 00:00"]        # January, July, October; April has no 31st


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ({"cron": "0 * * * *"}, 720),
        ({"cron": "0 */6 * * *"}, 120),
        ({"cron": "* * * * *"}, 43_200),
        ({"cron": "0 9 * * 1"}, 30 / 7),
        ({"cron": "0 9-17 * * 1-5", "timezone": "Europe/Berlin"}, 9 * 5 * 30 / 7),
        ({"interval": "P1D"}, 30),
        ({"interval": "PT45M"}, 960),
        ({"rrule": "FREQ=WEEKLY;BYDAY=MO"}, 30 / 7),
        ({"rrule": "FREQ=WEEKLY;BYDAY=MO;UNTIL=20200301T000000"}, 30 / 7),
        ({"rrule": "FREQ=MINUTELY;INTERVAL=15"}, 2_880),
        ({"rrule": "FREQ=MINUTELY"}, 43_200),
    ],
)
def test_windows_per_month_are_the_ticks_in_thirty_days(schedule, expected):
    assert windows_per_month(Schedule(**schedule)) == pytest.approx(expected, rel=1e-12)


def test_the_first_of_the_month_comes_twelve_times_a_year():
    assert windows_per_month(Schedule(cron="0 0 1 * *")) == pytest.approx(12 * 30 / 365.25, rel=5e-3)


def test_aws_offsets_are_subtracted_from_the_run():
    rule = window(offset_start="-P8D", offset_end="-P1D")

    found = window_of(rule, utc("2020-01-09T13:00:00"))

    assert (found.start, found.end) == ("2020-01-01T13:00:00Z", "2020-01-08T13:00:00Z")
    assert tick_of(rule, found) == utc("2020-01-09T13:00:00")


@pytest.mark.parametrize(
    ("schedule", "shortest"),
    [
        ({"interval": "PT6H"}, 6 * HOUR),
        ({"cron": "0 9-17 * * 1-5"}, HOUR),
        ({"cron": "0 0 1 * *"}, timedelta(days=28)),
        ({"cron": "0 0 1,31 1,12 *"}, timedelta(days=1)),                              # New Year's Eve, New Year
        ({"cron": "0 9 * * *", "timezone": "Europe/Berlin"}, 23 * HOUR),
        ({"cron": "30 1,2 * * *", "timezone": "Europe/Berlin"}, HOUR / 2),             # 01:30 CET, 03:00 CEST
        ({"cron": "0 * * * *", "timezone": "Europe/Berlin"}, HOUR),
    ],
)
def test_the_shortest_gap_counts_summer_time(schedule, shortest):
    assert shortest_gap(Schedule(**schedule))[0] == shortest


def test_windows_that_touch_do_not_overlap():
    assert not list(overlap_problems(Schedule(cron="0 * * * *", timezone="Europe/Berlin"), window(length="PT1H")))


def test_windows_that_share_time_are_refused_with_the_closest_runs():
    (problem,) = overlap_problems(Schedule(cron="0 9 * * *", timezone="Europe/Berlin"), window(length="P1D"))

    assert problem.received == "1 d long, while two runs can be 23 h apart, as on 2025-03-30T07:00:00Z"
    assert problem.hint == "shorten the window to 23 h or less, or run less often, or write timezone: UTC"


def monitor(**changes):
    return json.dumps({
        "version": "1.0", "name": "loans", "kind": "bias-drift", "schedule": {"interval": "PT1H"},
        "window": {"uri": "u", "layout": "capture", "length": "PT2H"}, "ground_truth": {"uri": "g"},
        "config": "c", "reference": "r", "output": "o", **changes,
    }).encode()  # fmt: skip


def test_a_bias_monitor_with_a_budget_needs_windows_that_share_no_time():
    with pytest.raises(ConfigError, match=r"window: received 2 h long, while two runs can be 1 h apart  \[CFG-MONITOR"):
        read_monitor(monitor())


def test_the_other_rules_may_look_at_overlapping_windows():
    assert read_monitor(monitor(rule="sagemaker")).monitor.rule == "sagemaker"
    assert read_monitor(monitor(rule="bootstrap_overlap")).monitor.rule == "bootstrap_overlap"


@pytest.mark.parametrize(
    ("schedule", "field", "received"),
    [
        ({"cron": "61 * * * *"}, "schedule.cron", "61 * * * * (Bad minute)"),
        ({"cron": "0 0 30 2 *"}, "schedule.cron", "0 0 30 2 * (Bad day-of-month)"),
        ({"rrule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}, "schedule.rrule", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"),
        ({"rrule": "FREQ=SOMETIMES"}, "schedule.rrule", "FREQ=SOMETIMES ('SOMETIMES')"),
        ({"rrule": "FREQ=DAILY;BYDAY=XX"}, "schedule.rrule", "FREQ=DAILY;BYDAY=XX (invalid 'BYDAY': XX)"),
        ({"rrule": "FREQ=DAILY;COUNT=3"}, "schedule.rrule", "FREQ=DAILY;COUNT=3"),
        ({"rrule": "FREQ=SECONDLY"}, "schedule.rrule", "FREQ=SECONDLY"),
    ],
)
def test_a_schedule_that_cannot_be_read_or_never_comes_is_told(schedule, field, received):
    (problem,) = schedule_problems(Schedule(**schedule))

    assert (problem.code, problem.field, problem.received) == ("CFG-MONITOR-VALUE", field, received)


def test_a_time_before_the_first_moment_has_no_last_tick():
    with pytest.raises(ConfigError, match=r"schedule.rrule: received no moment before 2020-01-01"):
        last_tick(Schedule(rrule="FREQ=DAILY;UNTIL=19000101T000000"), utc("2020-01-01T00:00:00"))
