"""One run of a monitor on captured traffic: what is published, what is looked at again, what is refused, what is said.

Nothing is replaced but the clock, which the line asks for.
"""

import json
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from clarify.records import Status
from clarify.results import Reason
from clarify.steps.monitor_line import News
from flows.cli import app
from tests.subjects import digests
from tests.subjects.monitored import (
    FACET,
    GROUP,
    KINDS,
    LABEL,
    POSITIVE,
    WINDOW_ROWS,
    Live,
    at,
    contents,
    the_one,
    window_of,
)

ASKED = {
    "bias-drift": {"analysis/analysis.json", "analysis/extended.json"},
    "attribution-drift": {"analysis/analysis.json", "analysis/explanations_shap/out.csv"},
    "data-quality": {"statistics.json"},
    "model-quality": {"statistics.json"},
}


def outcomes(run):
    """Outcome, why and start of every window of a run, in hours."""
    return [(c.outcome, c.due.why, round((c.due.window.starts - at(0)).total_seconds() / 3600)) for c in run.checked]


def sums(record):
    """Log e-values and their sums by series."""
    return {series.key: (series.log_e, series.log_m) for series in record.bias.series}


def codes(record):
    return {notice.code for notice in record.notices}


# --- every kind, end to end ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def looked(monitored, tmp_path_factory):
    """One window of traffic, looked at by a monitor of each kind."""
    live = Live(monitored, tmp_path_factory.mktemp("live"))
    live.traffic(0)
    for kind in KINDS:
        live.monitor(kind)
    return live, {kind: live.run(kind, 1) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_publishes_its_record_and_the_documents_of_aws(looked, kind):
    live, runs = looked

    record = the_one(runs[kind])
    (stored,) = live.records(kind, 0)
    vouched = set(digests(stored.folder_uri))                  # compares every file with the manifest
    assert {"record.json", "constraint_violations.json", *ASKED[kind]} <= vouched
    assert stored.record == record
    assert (record.kind, record.window, record.revision) == (kind, window_of(0), 1)
    assert record.status in (Status.PASS, Status.INCONCLUSIVE)
    violations = json.loads((Path(stored.folder_uri) / "constraint_violations.json").read_text())
    assert violations["violations"] == []


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_the_window_are_counted(looked, kind):
    counts = the_one(looked[1][kind]).counts

    assert (counts.requests, counts.rows, counts.outside, counts.unreadable) == (WINDOW_ROWS, WINDOW_ROWS, 0, 0)
    assert counts.join_rate == (1.0 if kind in ("bias-drift", "model-quality") else None)


def test_bias_is_that_of_the_windows_rows_counted_by_hand(looked):
    live, runs = looked
    people = live.patients(0)
    group, positive = people[FACET] == GROUP, people[LABEL] == POSITIVE
    predicted = people["score"].round(6) > 0.5

    found = {series.metric: series.value for series in the_one(runs["bias-drift"]).bias.series}

    assert found["DPL"] == pytest.approx(positive[~group].mean() - positive[group].mean(), abs=1e-12)
    assert found["DPPL"] == pytest.approx(predicted[~group].mean() - predicted[group].mean(), abs=1e-12)


@pytest.mark.parametrize("kind", ["bias-drift", "attribution-drift"])
def test_the_command_in_the_provenance_reproduces_the_windows_analysis(looked, kind, tmp_path):
    (stored,) = looked[0].records(kind, 0)
    analysis = Path(stored.analysis_uri)
    words = shlex.split(json.loads((analysis / "provenance.json").read_text())["run"]["command"])
    words[words.index("--output") + 1] = str(tmp_path / "again")

    said = CliRunner().invoke(app, [*words[1:], "--direct", "--workers", "1", "--quiet"])

    assert said.exit_code == 0, said.output
    assert digests(tmp_path / "again") == digests(analysis)


def test_what_lies_beside_the_window_is_an_ordinary_config_of_ordinary_rows(looked, tmp_path):
    (stored,) = looked[0].records("bias-drift", 0)
    config = Path(stored.folder_uri) / "data" / "analysis_config.json"

    said = CliRunner().invoke(app, ["analyze", str(config), "--output", str(tmp_path / "out"), "--direct", "--quiet"])

    assert said.exit_code == 0, said.output
    ours = (Path(stored.analysis_uri) / "analysis.json").read_bytes()
    assert (tmp_path / "out" / "analysis.json").read_bytes() == ours


def test_a_monitor_shows_a_page_and_numbers_of_its_newest_window(looked):
    output = Path(looked[0].output("bias-drift"))

    assert "m-bias-drift" in (output / "monitor.html").read_text()
    assert 'monitor="m-bias-drift"' in (output / "metrics.prom").read_text()


# --- the same window twice ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_look_at_the_same_data_changes_nothing(looked, kind):
    live, _ = looked
    before = contents(live.output(kind))

    run = live.run(kind, 1)

    assert outcomes(run) == [("already_done", "scheduled", 0)]
    assert (run.published, run.status) == ((), None)
    after = contents(live.output(kind))
    moment = {path for path in after if path.endswith("/seen.json")}         # when somebody looked last
    assert {path: after[path] for path in after if path not in moment} == before
    assert len(moment) == 1


def test_again_writes_a_second_revision_with_the_same_findings_beside_the_first(looked):
    live, runs = looked
    first = contents(live.records("model-quality", 0)[0].folder_uri)

    run = live.run("model-quality", 1, again=True)

    one, two = live.records("model-quality", 0)
    assert outcomes(run) == [("published", "scheduled", 0)]
    assert (two.record.revision, one.record) == (2, the_one(runs["model-quality"]))
    now = contents(one.folder_uri)
    assert {path: now[path] for path in first} == first
    assert two.record.model_quality == one.record.model_quality


# --- the same bytes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["bias-drift", "data-quality", "model-quality"])
def test_workers_files_and_order_of_the_records_change_no_byte(looked, monitored, kind, tmp_path):
    live = Live(monitored, tmp_path)
    people = live.patients(0)
    shuffled = people.sample(frac=1, random_state=3)
    live.capture(0, shuffled.iloc[:40], name="z.jsonl")
    live.capture(0, shuffled.iloc[40:], name="a.jsonl")
    live.label(1, shuffled.iloc[100:], name="z.jsonl")
    live.label(1, shuffled.iloc[:100], name="a.jsonl")
    live.monitor(kind)

    live.run(kind, 1, workers=2)

    ours, theirs = (contents(one.records(kind, 0)[0].folder_uri) for one in (live, looked[0]))
    record, expected = (json.loads(files["record.json"]) for files in (ours, theirs))
    assert record["counts"].pop("files") == expected["counts"].pop("files") + (1 if kind == "data-quality" else 2)
    assert record == expected
    for path in set(ours) & {"constraint_violations.json", "statistics.json", "analysis/analysis.json"}:
        assert ours[path] == theirs[path], path


def test_two_workers_give_the_bytes_of_one(looked, monitored, tmp_path):
    live = Live(monitored, tmp_path)
    live.traffic(0)
    live.monitor("bias-drift")

    live.run("bias-drift", 1, workers=2)

    ours, theirs = (digests(one.records("bias-drift", 0)[0].folder_uri) for one in (live, looked[0]))
    elsewhere = "analysis/extended.json"                       # it says where its rows lie
    assert ours.pop(elsewhere) != theirs.pop(elsewhere)
    assert ours == theirs


# --- labels that come late ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def late(monitored, tmp_path_factory):
    """Three windows; of the first a tenth of the labels is there in time for its run, the rest two hours later."""
    live = Live(monitored, tmp_path_factory.mktemp("late"))
    truth = {"uri": "truth", "lateness": "PT6H", "minimum_join_rate": 0.5}
    live.monitor("bias-drift", ground_truth=truth)
    people = live.traffic(0, labelled=0.1)
    runs = [live.run("bias-drift", 1)]
    first = contents(live.records("bias-drift", 0)[0].folder_uri)
    live.traffic(1)
    runs.append(live.run("bias-drift", 2))
    live.label(3, people.iloc[round(0.1 * WINDOW_ROWS) :], name="late.jsonl")
    live.traffic(2)
    runs.append(live.run("bias-drift", 3))
    return live, runs, first


@pytest.fixture(scope="module")
def punctual(monitored, tmp_path_factory):
    """The same three windows with all labels in time."""
    live = Live(monitored, tmp_path_factory.mktemp("punctual"))
    live.monitor("bias-drift", ground_truth={"uri": "truth", "lateness": "PT6H", "minimum_join_rate": 0.5})
    for hour in range(3):
        live.traffic(hour)
        live.run("bias-drift", hour + 1)
    return live


def test_a_window_with_a_tenth_of_its_labels_decides_nothing_yet(late):
    record = the_one(late[1][0])

    assert (record.status, record.reason) == (Status.INCONCLUSIVE, Reason.LOW_JOIN_RATE)
    assert record.counts.join_rate == pytest.approx(0.1)
    assert (record.counts.rows, record.counts.unlabelled) == (15, 135)


def test_labels_that_come_within_their_lateness_reopen_the_window_as_a_second_revision(late, punctual):
    live, runs, first = late

    one, two = live.records("bias-drift", 0)
    assert ("published", "reopened", 0) in outcomes(runs[2])
    assert (one.record.counts.join_rate, two.record.counts.join_rate) == (pytest.approx(0.1), 1.0)
    now = contents(one.folder_uri)
    assert {path: now[path] for path in first} == first        # what was found at first stays as it was
    (expected,) = punctual.records("bias-drift", 0)
    assert two.record.bias == expected.record.bias


def test_evidence_of_a_reopened_window_is_replaced_and_not_counted_twice(late, punctual):
    first, second = (sums(stored.record) for stored in late[0].records("bias-drift", 0))
    (between,), (last,) = ([sums(stored.record) for stored in late[0].records("bias-drift", hour)] for hour in (1, 2))
    expected = sums(punctual.records("bias-drift", 2)[0].record)

    for key, (log_e, log_m) in last.items():
        e0, e1, e2 = np.exp(second[key][0]), np.exp(between[key][0]), np.exp(log_e)
        # M <- (M + 1) E from nothing, three times over.
        np.testing.assert_allclose(np.exp(log_m), e0 * e1 * e2 + e1 * e2 + e2, rtol=1e-9)
        assert log_e == expected[key][0]                       # as if all labels had been there in time
        assert first[key][0] != second[key][0]                 # what had to be replaced was another number


def test_a_window_is_looked_at_again_without_a_revision_when_the_new_labels_are_not_its_own(late):
    _, runs, _ = late

    # Labels of window 1 lie in an hour in which labels of window 0 may still come.
    assert outcomes(runs[1]) == [("already_done", "reopened", 0), ("published", "scheduled", 1)]


def test_labels_after_their_lateness_are_counted_and_close_the_window(live):
    live.monitor("bias-drift", ground_truth={"uri": "truth", "lateness": "PT30M"})
    people = live.traffic(0)                                   # all labels are of the hour that begins at 1:00

    record = the_one(live.run("bias-drift", 1))

    # 1:00 is more than half an hour after what happened before 0:30: half of the rows.
    assert (record.counts.late_labels, record.counts.rows, record.counts.unlabelled) == (75, 75, 75)
    assert "WINDOW-LATE-LABELS" in codes(record)
    live.label(1, people.iloc[:10], name="later still.jsonl")  # labels of the same events, of the same hour
    assert outcomes(live.run("bias-drift", 2)) == [("already_done", "reopened", 0), ("published", "scheduled", 1)]
    live.label(1, people.iloc[:10], name="for ever.jsonl")
    assert 0 not in {hour for _, _, hour in outcomes(live.run("bias-drift", 3))}


@pytest.mark.parametrize("policy", ["first", "last"])
def test_of_two_labels_of_one_event_the_policy_chooses(live, policy):
    live.monitor("bias-drift", ground_truth={"uri": "truth", "lateness": "PT6H", "duplicates": policy})
    people = live.traffic(0)
    live.label(2, people.assign(**{LABEL: POSITIVE}), name="second.jsonl")       # an hour later: all are positive

    record = the_one(live.run("bias-drift", 1))

    found = {series.metric: series.value for series in record.bias.series}
    group, positive = people[FACET] == GROUP, people[LABEL] == POSITIVE
    expected = positive[~group].mean() - positive[group].mean() if policy == "first" else 0.0
    assert record.counts.duplicate_labels == WINDOW_ROWS
    assert found["DPL"] == pytest.approx(expected, abs=1e-12)


def test_two_labels_of_one_event_are_an_error_where_the_monitor_says_so(live):
    live.monitor("bias-drift", ground_truth={"uri": "truth", "lateness": "PT6H", "duplicates": "fail"})
    people = live.traffic(0)
    live.label(2, people.iloc[:1], name="second.jsonl")

    record = the_one(live.run("bias-drift", 1))

    assert (record.status, record.reason) == (Status.ERROR, Reason.FAILED)
    assert "WINDOW-DUPLICATE-LABEL" in codes(record)


# --- too little to decide -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_window_without_traffic_is_inconclusive(live, kind):
    live.monitor(kind)

    record = the_one(live.run(kind, 1))

    assert (record.status, record.reason) == (Status.INCONCLUSIVE, Reason.EMPTY_WINDOW)
    assert record.counts.rows == 0


@pytest.mark.parametrize(("kind", "reason"), [
    ("bias-drift", Reason.SINGLE_CLASS),                       # the one prediction is no positive one
    ("attribution-drift", Reason.TOO_FEW),
    ("data-quality", Reason.TOO_FEW),
    ("model-quality", Reason.NO_ROWS),                         # most rates have nobody behind them
])  # fmt: skip
def test_a_window_of_one_row_is_inconclusive(live, kind, reason):
    live.monitor(kind)
    live.traffic(0, n=1)

    record = the_one(live.run(kind, 1))

    assert (record.status, record.reason) == (Status.INCONCLUSIVE, reason), record.headline
    assert record.counts.rows == 1


@pytest.mark.parametrize("kind", ["bias-drift", "model-quality"])
def test_a_window_without_the_group_is_inconclusive_and_says_which(live, kind):
    live.monitor(kind)
    people = live.patients(0)
    live.capture(0, people[people[FACET] != GROUP])
    live.label(1, people[people[FACET] != GROUP], name="part.jsonl")

    record = the_one(live.run(kind, 1))

    assert record.status is Status.INCONCLUSIVE, record.headline
    if kind == "bias-drift":
        assert record.reason is Reason.EMPTY_FACET
        assert {series.says("decision").reason for series in record.bias.series} == {Reason.EMPTY_FACET}


@pytest.mark.parametrize("label", ["yes", "no"])
@pytest.mark.parametrize("kind", ["bias-drift", "model-quality"])
def test_a_window_of_one_class_alone_is_looked_at(live, kind, label):
    live.monitor(kind)
    people = live.patients(0, n=60)
    people = people[people[LABEL] == label]
    live.capture(0, people)
    live.label(1, people, name="part.jsonl")

    record = the_one(live.run(kind, 1))

    assert record.status is (Status.INCONCLUSIVE if kind == "bias-drift" else record.status), record.headline
    assert record.status is not Status.ERROR
    assert record.counts.rows == len(people)


def test_a_window_without_a_positive_label_says_so_and_carries_the_evidence_on(live):
    live.monitor("bias-drift")
    live.traffic(0)
    people = live.patients(1)
    people = people[people[LABEL] != POSITIVE]
    live.capture(1, people)
    live.label(2, people, name="of-01.jsonl")

    before, record = (the_one(live.run("bias-drift", hour)) for hour in (1, 2))

    assert (record.status, record.reason) == (Status.INCONCLUSIVE, Reason.SINGLE_CLASS)
    assert "DATA-NO-POSITIVE-LABEL" in codes(record)
    assert {key: m for key, (_, m) in sums(record).items()} == {key: m for key, (_, m) in sums(before).items()}
    assert not (Path(live.records("bias-drift", 1)[0].folder_uri) / "analysis").exists()


def test_a_silent_hour_carries_the_evidence_on(live):
    live.monitor("bias-drift")
    live.traffic(0)
    live.traffic(2)

    before, silent, after = (the_one(live.run("bias-drift", hour)) for hour in (1, 2, 3))

    assert silent.reason is Reason.EMPTY_WINDOW
    carried = {key: m for key, (_, m) in sums(silent).items()}
    assert carried == {key: m for key, (_, m) in sums(before).items()}
    assert {key: m for key, (_, m) in sums(after).items()} != carried


# --- clocks -------------------------------------------------------------------------------------------------------


def test_records_dated_in_the_future_are_left_out_and_counted(live):
    live.monitor("data-quality")
    people = live.patients(0)
    ahead = people.iloc[:20].assign(moment=[at(7)] * 20)
    live.capture(0, pd.concat([ahead, people.iloc[20:]]))

    record = the_one(live.run("data-quality", 1))

    assert (record.counts.future, record.counts.rows) == (20, WINDOW_ROWS - 20)
    assert "WINDOW-FUTURE" in codes(record)


def test_a_run_that_starts_before_its_moment_serves_that_moment(live):
    live.monitor("data-quality")
    live.traffic(0)

    run = live.run("data-quality", 1, clock=1 - 2 / 3600)      # the worker's clock is two seconds behind

    assert outcomes(run) == [("published", "scheduled", 0)]
    assert the_one(run).counts.rows == WINDOW_ROWS


def test_a_run_that_starts_late_serves_the_moment_it_was_scheduled_for(live):
    live.monitor("data-quality")
    live.traffic(0)
    live.traffic(1)

    run = live.run("data-quality", 1, clock=2.4)

    assert outcomes(run) == [("published", "scheduled", 0)]


# --- another schema -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_feature_fewer_is_an_error_and_the_next_window_is_judged_as_ever(live, kind):
    live.monitor(kind)
    live.capture(0, live.patients(0), columns=live.subject.features[:-1])
    live.label(1, live.patients(0), name="part.jsonl")
    live.traffic(1)

    record = the_one(live.run(kind, 1))
    later = live.run(kind, 2)

    assert (record.status, record.reason) == (Status.ERROR, Reason.FAILED)
    assert "WINDOW-FEATURES" in codes(record)
    assert outcomes(later)[-1] == ("published", "scheduled", 1)
    assert later.checked[-1].record.status in (Status.PASS, Status.INCONCLUSIVE)
    assert later.checked[-1].record.counts.rows == WINDOW_ROWS


def texts_for_numbers(people):
    """The client sends a word where a number was."""
    return people.assign(bmi="high")


@pytest.mark.parametrize(("kind", "status"), [
    ("data-quality", Status.VIOLATION),
    ("bias-drift", Status.ERROR),
    ("attribution-drift", Status.ERROR),
    ("model-quality", Status.ERROR),
])  # fmt: skip
def test_another_type_is_a_violation_of_data_quality_and_stops_all_other_kinds(live, kind, status):
    live.monitor(kind)
    people = live.patients(0)
    live.capture(0, texts_for_numbers(people))
    live.label(1, people, name="part.jsonl")
    live.traffic(1)

    record = the_one(live.run(kind, 1))

    assert (record.status, record.reason) == (status, Reason.DATA_QUALITY)
    assert "bmi" in record.headline
    assert [v.check for v in record.data_quality.blocking if v.subject == "bmi"][:1] == ["data_type_check"]
    (stored,) = live.records(kind, 0)
    assert not (Path(stored.folder_uri) / "analysis").exists()
    later = live.run(kind, 2)
    assert outcomes(later) == [("published", "scheduled", 1)]
    assert the_one(later).status in (Status.PASS, Status.INCONCLUSIVE)


def test_an_error_leaves_no_evidence(live):
    live.monitor("bias-drift")
    live.traffic(0)
    before = the_one(live.run("bias-drift", 1))
    live.capture(1, texts_for_numbers(live.patients(1)))
    live.label(2, live.patients(1), name="of-01.jsonl")
    live.traffic(2)

    wrong, right = (live.run("bias-drift", hour).checked[-1].record for hour in (2, 3))

    assert (wrong.status, wrong.bias) == (Status.ERROR, None)
    for key, (log_e, log_m) in sums(right).items():
        e0, e2 = np.exp(sums(before)[key][0]), np.exp(log_e)
        np.testing.assert_allclose(np.exp(log_m), e0 * e2 + e2, rtol=1e-9)      # M <- (M + 1) E, twice
    assert {series.pooled_windows for series in right.bias.series} == {2}


def test_a_renamed_column_of_a_table_is_an_error_until_the_table_is_mended(live):
    live.monitor("bias-drift", ground_truth=None,
                 window={"uri": "table", "layout": "table", "time_column": "moment", "length": "PT1H"},
                 attributes={"inference_attribute": "said"})
    live.folder.joinpath("table").mkdir()
    people = live.patients(0)
    table = people.drop(columns="score").assign(said=(people["score"] > 0.5).map({True: "yes", False: "no"}))
    table.rename(columns={"bmi": "BMI_kg"}).to_csv(live.folder / "table" / "part.csv", index=False)

    record = the_one(live.run("bias-drift", 1))
    table.to_csv(live.folder / "table" / "part.csv", index=False)
    later = live.run("bias-drift", 2)

    assert record.status is Status.ERROR
    assert "WINDOW-COLUMNS" in codes(record)
    assert "bmi" in record.headline
    assert outcomes(later) == [("published", "retried", 0), ("published", "scheduled", 1)]
    mended = later.checked[0].record
    assert (mended.revision, mended.status, mended.counts.rows) == (2, Status.INCONCLUSIVE, WINDOW_ROWS)


# --- outages ------------------------------------------------------------------------------------------------------


def test_after_an_outage_as_many_windows_as_allowed_are_made_up_for_in_order(live):
    live.monitor("data-quality", catch_up=3)
    for hour in (0, 4, 5, 6, 7):
        live.traffic(hour)
    live.run("data-quality", 1)

    run = live.run("data-quality", 8)

    assert outcomes(run) == [
        ("published", "missed", 4), ("published", "missed", 5), ("published", "missed", 6),
        ("published", "scheduled", 7),
    ]  # fmt: skip
    assert run.skipped == tuple(window_of(hour) for hour in (1, 2, 3))
    assert [record.window for record in run.published] == [window_of(hour) for hour in (4, 5, 6, 7)]
    assert live.run("data-quality", 9).skipped == ()           # said once


# --- telling ------------------------------------------------------------------------------------------------------


def test_a_finding_that_did_not_reach_everybody_is_told_again_by_the_next_run_once(live):
    live.monitor("data-quality")
    live.traffic(0)
    live.traffic(1)
    told = []

    def deaf(news: News) -> bool:
        told.append(("deaf", news.stored.record.window))
        return False

    def heard(news: News) -> bool:
        told.append(("heard", news.stored.record.window))
        return True

    run = live.run("data-quality", 1, tell=deaf)
    live.run("data-quality", 2, tell=heard)
    live.run("data-quality", 3, tell=heard)

    assert the_one(run).status is Status.PASS                  # who listens changes nothing about the finding
    assert told == [("deaf", window_of(0)), ("heard", window_of(0)), ("heard", window_of(1)), ("heard", window_of(2))]


def test_somebody_who_stays_away_is_tried_once_before_the_windows_that_are_due(live):
    live.monitor("data-quality")
    told = []

    def deaf(news: News) -> bool:
        told.append(news.stored.record.window)
        return False

    def heard(news: News) -> bool:
        return not deaf(news)

    for hour in range(3):
        live.traffic(hour)
        live.run("data-quality", hour + 1, tell=deaf)
    live.run("data-quality", 4, tell=heard)

    own = [0, 1, 2, 3]
    again = {1: [0], 2: [0], 3: [0, 1, 2]}
    assert told == [window_of(hour) for run in own for hour in (*again.get(run, ()), run)]


def test_a_finding_is_told_with_those_before_it_and_the_one_it_revises(live):
    live.monitor("bias-drift")
    live.traffic(0)
    people = live.traffic(1, labelled=0.2)
    told = []

    def heard(news: News) -> bool:
        record = news.stored.record
        told.append((record.window, record.revision, [(past.window, past.revision) for past in news.past]))
        return True

    live.run("bias-drift", 1, tell=heard)
    live.run("bias-drift", 2, tell=heard)
    live.label(3, people.iloc[30:], name="late.jsonl")
    live.run("bias-drift", 3, tell=heard)

    assert told == [
        (window_of(0), 1, []),
        (window_of(1), 1, [(window_of(0), 1)]),
        (window_of(1), 2, [(window_of(0), 1), (window_of(1), 1)]),
        (window_of(2), 1, [(window_of(0), 1), (window_of(1), 2)]),
    ]
