"""The first screen of a monitor's page: one sentence in fixed phrases, its promise, and the facts beside it."""

import math
import re
from dataclasses import replace

import pytest

from clarify.records import Status
from clarify.report.monitor.overview import began, overview_of
from clarify.report.monitor.page import monitor_page, page_of_monitor
from clarify.report.words import FORBIDDEN, plain
from clarify.results import Interval, Reason
from tests.unit.report import monitor_examples as examples
from tests.unit.report.outlines import Outline


def judged(*statuses, **more):
    found = [
        examples.series(group=str(i), findings=examples.findings(
            status, reason=Reason.TOO_FEW if status is Status.INCONCLUSIVE else None))
        for i, status in enumerate(statuses)
    ]  # fmt: skip
    return examples.record(bias=examples.only(*found, **more))


def lead(record):
    return plain(overview_of(record, (record,)).lead)


P, V, Q = Status.PASS, Status.VIOLATION, Status.INCONCLUSIVE


@pytest.mark.parametrize(("statuses", "expected"), [
    ((V, P, P, P, P, Q),
     "Of 6 series, 1 raised an alarm in the window of 3 Nov, 4 are quiet, and 1 cannot be decided."),
    ((P,), "Of 1 series, none raised an alarm in the window of 3 Nov, and 1 is quiet."),
    ((P, P), "Of 2 series, none raised an alarm in the window of 3 Nov, and 2 are quiet."),
    ((V, V), "Of 2 series, 2 raised an alarm in the window of 3 Nov, and none is quiet."),
    ((Q, Q), "None of 2 series can be decided in the window of 3 Nov."),
])  # fmt: skip
def test_the_sentence_counts_alarms_quiet_and_undecided_series(statuses, expected):
    assert lead(judged(*statuses)) == expected


def test_series_without_a_range_are_not_counted_and_said_to_be_left_out():
    found = [
        examples.series(group="1"),
        examples.series(group="2", findings=examples.findings(Q, reason=Reason.NO_REFERENCE)),
    ]
    record = examples.record(bias=examples.only(*found))

    overview = overview_of(record, (record,))

    assert plain(overview.lead).startswith("Of 1 series, none raised an alarm")
    assert "1 series has no allowed range." in [plain(one) for one in overview.not_looked_at]


def test_the_rule_of_the_monitor_decides_what_is_an_alarm():
    record = examples.record(rule="sagemaker", bias=replace(examples.bias(), rule="sagemaker"))

    assert "3 raised an alarm" in lead(record)                       # all findings of sagemaker are VIOLATION


def test_a_window_that_could_not_be_looked_at_says_why():
    failed = replace(examples.failed(), headline="the data fail their checks.")

    assert lead(failed) == "The window of 3 Nov could not be looked at: the data fail their checks."


@pytest.mark.parametrize(("budget", "expected"), [
    (1.0, "This monitor raises at most one false alarm a month on average, over all series together."),
    (2.5, "This monitor raises at most 2.5 false alarms a month on average, over all series together."),
    (None, ""),
])  # fmt: skip
def test_the_promise_holds_the_number_that_was_configured(budget, expected):
    record = judged(P, alarms_per_month=budget)

    assert plain(overview_of(record, (record,)).promise) == expected


def test_rules_that_keep_no_budget_promise_none():
    record = replace(judged(P), rule="sagemaker")

    assert overview_of(record, (record,)).promise == ()


# --- found ------------------------------------------------------------------------------------------------------------


def drifting(evidence_of_days, **more):
    """One series whose e-values speak as given for a change above the range, at one of four sizes."""
    def of_day(day):
        gained = evidence_of_days[day - 1]
        alarm = day == len(evidence_of_days)
        return [examples.series(
            log_e=(0.0, gained, 0.0, 0.0, 0.0, -gained, 0.0, 0.0), log_m=(0.0,) * 8, evidence=1.0 if alarm else 0.3,
            findings=examples.findings(V if alarm else P), **more,
        )]

    return examples.month(of_day, days=len(evidence_of_days))


def test_an_alarm_says_since_when_by_how_much_and_where_it_is_now():
    month = drifting([-1.0, 0.5, -2.0, 1.0, 1.5, 2.0], high=0.11, pooled=Interval(0.12, 0.18), pooled_windows=3)

    (found,) = overview_of(month[-1], month).found

    # From 4 Nov on the log e-values add up to 4.5, more than from any other day.
    assert plain(found) == (
        "Positive decisions (DPPL), sex = 2: above 11.0 points, on the evidence of the windows since 4 Nov"
        " (95 % interval of the last 3 windows 12.0 to 18.0). Outside the range you allow."
    )


def test_evidence_before_an_alarm_is_not_counted_again():
    month = drifting([3.0, 3.0, 1.0, 1.0])
    again = replace(month[1], bias=examples.only(replace(month[1].bias.series[0], evidence=1.0)))
    month[1] = again

    since, _, _ = began(month[-1].bias.series[0], month)

    assert since == "3 Nov"


def test_a_change_below_the_range_is_said_to_be_below():
    month = drifting([-1.0, -1.0], low=-0.02)

    assert began(month[-1].bias.series[0], month) == ("1 Nov", -0.02, "below")


def test_records_without_e_values_tell_no_beginning():
    record = judged(V)

    assert began(record.bias.series[0], (record,)) is None
    assert "Outside the range you allow" in plain(overview_of(record, (record,)).found[0])


def test_a_quiet_window_names_what_is_nearest_to_an_alarm():
    record = judged(P, P)

    assert plain(overview_of(record, (record,)).found[0]).endswith("with evidence 0.40 of 1.")


def test_what_is_undecided_has_its_reason_and_the_rest_is_counted():
    record = judged(*[Q] * 5)

    undecided = [plain(one) for one in overview_of(record, (record,)).undecided]

    assert undecided[0].startswith("Positive decisions (DPPL), sex = 0: there are too few rows, 1,234 rows of the")
    assert undecided[-1] == "2 more series cannot be decided."


def test_the_table_of_the_first_screen_is_bounded_and_leaves_out_what_passes():
    found = [examples.series(group=str(i), findings=examples.findings(V if i % 2 else P)) for i in range(40)]

    now = page_of_monitor(examples.record(bias=examples.only(*found))).now

    rows = [row for group in now.groups for row in group.rows]
    assert len(rows) == 24
    assert sum(row.chip.word == "VIOLATION" for row in rows) == 20
    assert now.note == "16 more series in the table below, 16 of them PASS."


def test_more_than_the_view_is_an_arrow_head_and_the_named_group_is_right_when_it_has_less():
    wide = examples.series(metric="DI", low=0.8, high=1.25, value=0.1, interval=Interval(0.05, 0.2), pooled=None)

    (group,) = page_of_monitor(examples.record(bias=examples.only(wide))).now.groups

    glyph = group.rows[0].glyph
    assert glyph.arrows.startswith("M199 ")                          # DI far below 1: less for the named group
    assert glyph.mark == ""


def test_an_infinite_value_is_drawn_as_an_arrow_head():
    endless = examples.series(metric="TE", value=math.inf, interval=Interval(0.1, math.inf))

    page = monitor_page(examples.record(bias=examples.only(endless)))

    assert "infinity" in page
    assert not re.search(r' d="[^"]*(nan|inf)', page)


# --- other kinds ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "expected"), [
    ("data-quality",
     "Of 2 checks of the data in the window of 3 Nov, 2 are outside what you allow, and none is inside."),
    ("model-quality", "Of 1 metric in the window of 3 Nov, 1 is outside what you allow, and none is inside."),
    ("attribution-drift", "Of 2 features, 1 has moved in the window of 3 Nov: status."),
])  # fmt: skip
def test_every_kind_leads_with_its_count(kind, expected):
    of = "status" if kind == "attribution-drift" else "sex"
    record = examples.record(kind, of=of)
    if kind == "attribution-drift":                                  # p .001 counts where a test may spend .0067
        record = replace(record, attribution=replace(record.attribution, level=0.02))

    assert lead(record) == expected


def test_no_word_of_the_first_screen_judges():
    text = Outline(monitor_page(judged(V, P, Q))).text

    assert [word for word in FORBIDDEN if re.search(rf"\b{word}\b", text, re.IGNORECASE)] == []
