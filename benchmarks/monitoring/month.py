"""A month of traffic in half an hour: real servers, a real model, four monitors, and what came of each event.

    python benchmarks/monitoring/month.py --output .clarify/month

starts Prefect, MLflow and a worker of this checkout (as ``make up`` does; other work of theirs would be in the way),
squeezes each day into a minute, writes what an endpoint would capture, lets the schedules run the monitors, lets an
alarm retrain the model, and prints the table of the README. Ends with the worker stopped; ``make down`` stops the rest.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
from simulated import story
from simulated.outcome import days_of_feature, false_alarms, least_ndcg, seen, windows_in_alarm
from simulated.picture import KINDS, draw_month
from simulated.subject import forget, patients, register, served, train, write_analysis_config
from simulated.traffic import Day, patients_of, write_day

from clarify.records import MonitorRecord, Rule
from clarify.steps.record_store import find_records, read_note, windows_seen
from deployments.processes import stop
from deployments.services import Place, read_record, up, write_record

BASELINE_ROWS = 4_000
ALARMS = 1_000            # a month of 43,200 minutes has 1,440 simulated ones: 0.7 false alarms in each
TOLERANCE = 0.05          # how far a metric may leave what the baseline is known to
QUIET_DAYS = 8
HERE = Path(__file__).resolve().parent
RETRAINING = "simulated-retraining/month"
CONFIG, WATCHED = "analysis_config.json", "watched.json"


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--output", type=Path, default=Path(".clarify/month"))
    asked.add_argument("--day", type=int, default=60, help="seconds of a day, 60 or more")
    asked.add_argument("--report-only", action="store_true", help="print the table of the month that lies in --output")
    options = asked.parse_args()
    folder = options.output.resolve()
    if not options.report_only:
        _live_through(folder, timedelta(seconds=options.day))
    _report(folder)
    return 0


def _live_through(folder: Path, day_length: timedelta) -> None:
    folder.mkdir(parents=True)
    place = Place(Path.cwd())
    services = {process.name: process.address for process in up(place)}
    os.environ["PREFECT_API_URL"], os.environ["MLFLOW_TRACKING_URI"] = services["prefect"], services["mlflow"]
    population = patients()
    _prepare(folder, population, day_length)
    start = _next_tick(day_length, after=datetime.now(UTC) + timedelta(seconds=5))
    (folder / "start.json").write_text(json.dumps({"start": start.isoformat(), "day": day_length.total_seconds()}))
    versions: dict[int, str] = {}
    for number in range(1, story.DAYS + 1):
        day = Day(number, start + (number - 1) * day_length, day_length)
        _sleep_until(day.start + timedelta(seconds=1))
        versions[number] = _one_day(folder, day, population)
        (folder / "versions.json").write_text(json.dumps(versions))
        _worker(place, running=not story.on("outage", number))
        _release_late_labels(folder, number)
    _sleep_until(start + (story.DAYS + 3) * day_length)
    _wait_for_runs()
    for kind in KINDS:
        _clarify("monitor", "remove", f"month-{kind}", folder=folder)
    _stop_worker(place)


def _prepare(folder: Path, population: pd.DataFrame, day_length: timedelta) -> None:
    """Model, baseline analysis, reference, four monitors and the automation that retrains."""
    from simulated.notices import save_block, start_listening  # Prefect reads its address when it is imported

    tracking = os.environ["MLFLOW_TRACKING_URI"]
    forget(tracking)
    register(train(population), population, tracking_uri=tracking)
    drawn = np.random.default_rng(2026).integers(0, len(population), BASELINE_ROWS)
    population.iloc[drawn].to_csv(folder / "baseline.csv", index=False)
    write_analysis_config(folder / CONFIG, population)
    write_analysis_config(folder / WATCHED, population, before=["DPL"], after=["DPPL", "AD", "RD", "DAR"])
    _clarify("analyze", CONFIG, "--dataset", "baseline.csv", "--output", "baseline", folder=folder)
    _clarify("constraints", "suggest", "--from", "baseline", "--output", "reference", folder=folder)
    for kind in KINDS:
        path = folder / f"{kind}.yaml"
        path.write_text(_monitor(kind, folder, int(day_length.total_seconds())), encoding="utf-8")
        _clarify("monitor", "add", path.name, folder=folder)
    subprocess.run([sys.executable, str(HERE / "deploy_retraining.py")], check=True, cwd=Path.cwd())
    block = save_block(start_listening(folder / "notifications.jsonl"))
    _clarify("monitor", "automations", "install", "--notify", block, "--retrain", f"{RETRAINING}=month-bias-drift",
             "--pause-after", "0", folder=folder)


def _monitor(kind: str, folder: Path, seconds: int) -> str:
    lines = [
        'version: "1.0"',
        f"name: month-{kind}",
        f"kind: {kind}",
        f"schedule: {{interval: PT{seconds}S}}",
        f"window: {{uri: capture, layout: capture, length: PT{seconds}S}}",
        f"config: {WATCHED if kind == 'bias-drift' else CONFIG}",
        "reference: reference",
        f"output: monitors/{kind}",
        f"alarms_per_month: {ALARMS}",
    ]
    if kind in ("bias-drift", "model-quality"):
        lines.append(f"ground_truth: {{uri: truth, lateness: PT{4 * seconds}S}}")
    if kind == "attribution-drift":
        lines += ["model: models:/simulated-progression/1", "explained_rows: 300"]
    if kind == "bias-drift":
        lines += [f"tolerance: {TOLERANCE}"]
    return "\n".join(lines) + "\n"


def _one_day(folder: Path, day: Day, population: pd.DataFrame) -> str:
    """Write the day as whatever model serves now answers it; returns that model's version."""
    version, model = served(os.environ["MLFLOW_TRACKING_URI"])
    drawn = patients_of(day, population)
    write_day(day, drawn, model, capture=folder / "capture", truth=folder / "truth")
    recent = folder / "recent"
    recent.mkdir(exist_ok=True)
    drawn.to_csv(recent / f"day{day.number:02d}.csv", index=False)
    print(f"day {day.number:2d}, answered by version {version}", flush=True)
    return version


def _release_late_labels(folder: Path, number: int) -> None:
    """Labels that were held back become known on their day."""
    for held in sorted((folder / "truth" / ".later").rglob("*.jsonl")):
        if int(held.name[3:5]) + story.LABEL_DELAY_DAYS < number:
            target = folder / "truth" / held.relative_to(folder / "truth" / ".later")
            target.parent.mkdir(parents=True, exist_ok=True)
            held.rename(target)


def _worker(place: Place, *, running: bool) -> None:
    """Stop the worker, or start it if it does not run."""
    if running:
        up(place)
    else:
        _stop_worker(place)


def _stop_worker(place: Place) -> None:
    services = list(read_record(place))
    for process in [process for process in services if process.name == "worker"]:
        stop(process)
        services.remove(process)
    write_record(place, tuple(services))


def _wait_for_runs(deadline_seconds: float = 900) -> None:
    """Until no flow run of a monitor is running or late."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
    from prefect.client.schemas.objects import StateType

    wanted = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING, StateType.PENDING]))
    )
    until = time.monotonic() + deadline_seconds
    with get_client(sync_client=True) as client:
        while client.read_flow_runs(flow_run_filter=wanted) and time.monotonic() < until:
            time.sleep(5)


def _clarify(*arguments: str, folder: Path) -> None:
    subprocess.run([str(Path(sys.executable).parent / "clarify"), *arguments], check=True, cwd=folder)


def _next_tick(length: timedelta, *, after: datetime) -> datetime:
    seconds = length.total_seconds()
    return datetime.fromtimestamp(math.ceil(after.timestamp() / seconds) * seconds, UTC)


def _sleep_until(moment: datetime) -> None:
    time.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()))


# --- what came of it --------------------------------------------------------------------------------------------------


def _report(folder: Path) -> None:
    records = sorted(_records(folder), key=lambda pair: (pair[0], KINDS.index(pair[1].kind), pair[1].revision))
    versions = {int(day): version for day, version in json.loads((folder / "versions.json").read_text()).items()}
    retrained_on = min((day for day, version in versions.items() if version != "1"), default=None)
    wrong = false_alarms(records, retrained_on=retrained_on)
    print("\n| event | days | monitor | alarm on day | delay (days) | status |\n|---|---|---|---|---|---|")
    for item in seen(records, retrained_on=retrained_on):
        episode = item.episode
        print(f"| {episode.event}: {episode.what} | {episode.first} to {episode.last} | {item.kind} | "
              f"{item.alarm_day or 'none'} | {'' if item.delay is None else item.delay} | {item.status} |")
    print("\n| monitor | windows | PASS | INCONCLUSIVE | VIOLATION | ERROR | revisions | false alarms |")
    print("|---|---|---|---|---|---|---|---|")
    for kind in KINDS:
        mine = [record for _, record in records if record.kind == kind]
        counts = [sum(record.status == status for record in mine)
                  for status in ("PASS", "INCONCLUSIVE", "VIOLATION", "ERROR")]
        false = sum(record.kind == kind for _, record in wrong)
        revised = sum(record.revision > 1 for record in mine)
        windows = len({record.window for record in mine})
        print(f"| {kind} | {windows} | {' | '.join(map(str, counts))} | {revised} | {false} |")
    print(f"\nretrained model answers from day {retrained_on}")
    rules: tuple[Rule, ...] = ("sagemaker", "bootstrap_overlap", "decision")
    quiet = [f"{rule} {windows_in_alarm(records, rule, until=QUIET_DAYS)}" for rule in rules]
    print(f"windows of bias drift in alarm on days 1 to {QUIET_DAYS}, by rule: {', '.join(quiet)}")
    print(f"days on which s5 weighs 1.5 times as much: {days_of_feature(records, 's5', factor=1.5)}; "
          f"lowest nDCG of the month {least_ndcg(records):.4f}")
    for kind in KINDS:
        waits, looks = zip(*_seconds(folder, kind), strict=True)
        print(f"seconds from tick to verdict, {kind}: median {median(waits):.0f}, longest {max(waits):.0f}; "
              f"at the window itself: median {median(looks):.0f}, longest {max(looks):.0f}")
    for day, record in records:
        print(f"day {day:2d} r{record.revision} {record.kind:18s} {record.status:12s} {record.headline}")
    draw_month(records, folder / "month.png", retrained_on=retrained_on,
               false={(day, record.kind) for day, record in wrong})
    print(f"\npicture: {folder / 'month.png'}")


def _seconds(folder: Path, kind: str) -> Iterator[tuple[float, float]]:
    """Of each window's first revision: from the tick to the verdict, and what the look itself took."""
    output = str(folder / "monitors" / kind)
    for window in windows_seen(output):
        for stored in find_records(output, window)[:1]:
            note = read_note(stored)
            ended = datetime.fromisoformat(note.finished_at)
            yield (ended - datetime.fromisoformat(str(note.scheduled_at))).total_seconds(), note.seconds or 0.0


def _records(folder: Path) -> Iterator[tuple[int, MonitorRecord]]:
    began = json.loads((folder / "start.json").read_text())
    start = datetime.fromisoformat(began["start"])
    for kind in KINDS:
        output = str(folder / "monitors" / kind)
        for window in windows_seen(output):
            day = 1 + round((window.starts - start).total_seconds() / began["day"])
            if 1 <= day <= story.DAYS:
                yield from ((day, stored.record) for stored in find_records(output, window))


if __name__ == "__main__":
    sys.exit(main())
