"""Fifty monitors on one machine: do scheduler and worker keep up, and how long from the tick to the verdict?

    python benchmarks/monitoring/fleet.py --output .clarify/fleet

needs ``make up`` (the worker takes as many runs at once as its --limit says), registers the monitors on one schedule,
writes the traffic of each window, waits for two ticks, prints the table of the README and removes the monitors.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from simulated.subject import patients, scores, train, write_analysis_config
from simulated.traffic import Day, write_day

from clarify.steps.record_store import latest, read_note, windows_seen
from deployments.services import Place, up

TICKS = 2
BASELINE_ROWS, ROWS = 2_000, 400


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--output", type=Path, default=Path(".clarify/fleet"))
    asked.add_argument("--monitors", type=int, default=50)
    asked.add_argument("--period", type=int, default=600, help="seconds between two ticks")
    options = asked.parse_args()
    folder, period = options.output.resolve(), timedelta(seconds=options.period)
    folder.mkdir(parents=True)
    services = {process.name: process.address for process in up(Place(Path.cwd()))}
    os.environ["PREFECT_API_URL"], os.environ["MLFLOW_TRACKING_URI"] = services["prefect"], services["mlflow"]
    population = patients()
    model = train(population)
    _prepare(folder, model)
    names = [f"fleet-{number:02d}" for number in range(options.monitors)]
    first = _next_tick(period, after=datetime.now(UTC) + timedelta(seconds=2 * options.monitors))
    for number in range(TICKS):
        day = Day(number + 1, first + (number - 1) * period, period)
        rows = population.iloc[np.random.default_rng([7, number]).integers(0, len(population), ROWS)]
        write_day(day, rows.reset_index(drop=True), model, capture=folder / "capture", truth=folder / "truth")
    _register(folder, names, period)
    ticks = [first + number * period for number in range(TICKS)]
    _wait(folder, names, until=ticks[-1] + 3 * period)
    _report(folder, names, ticks)
    _remove(names)
    return 0


def _prepare(folder: Path, model: object) -> None:
    """A baseline whose predictions are a column, so that no server is needed, and its reference."""
    frame = patients()
    drawn = frame.iloc[np.random.default_rng(1).integers(0, len(frame), BASELINE_ROWS)].reset_index(drop=True)
    drawn["predicted"] = np.where(scores(model, drawn) > 0.5, "yes", "no")
    drawn.to_csv(folder / "baseline.csv", index=False)
    write_analysis_config(folder / "analysis_config.json", drawn, predicted="predicted")
    clarify = str(Path(sys.executable).parent / "clarify")
    analyze = ["analyze", "analysis_config.json", "--dataset", "baseline.csv", "--output", "baseline", "--direct"]
    subprocess.run([clarify, *analyze], check=True, cwd=folder)
    subprocess.run([clarify, "constraints", "suggest", "--from", "baseline", "--output", "reference"],
                   check=True, cwd=folder)


def _register(folder: Path, names: list[str], period: timedelta) -> None:
    from clarify.steps.monitor_plan import read_monitor_document
    from deployments.monitors import register_monitor

    seconds = int(period.total_seconds())
    for name in names:
        path = folder / f"{name}.yaml"
        path.write_text(
            f'version: "1.0"\nname: {name}\nkind: bias-drift\nschedule: {{interval: PT{seconds}S}}\n'
            f"window: {{uri: capture, layout: capture, length: PT{seconds}S}}\n"
            f"ground_truth: {{uri: truth, lateness: PT{seconds}S}}\nconfig: analysis_config.json\n"
            f"reference: reference\noutput: monitors/{name}\n",
            encoding="utf-8",
        )
        register_monitor(read_monitor_document(str(path)).monitor, str(path))


def _remove(names: list[str]) -> None:
    from deployments.monitors import remove_monitor

    for name in names:
        remove_monitor(name)


def _wait(folder: Path, names: list[str], *, until: datetime) -> None:
    """Until every monitor has a record of every tick, or the time is over."""
    while datetime.now(UTC) < until:
        if all(len(windows_seen(str(folder / "monitors" / name))) >= TICKS for name in names):
            break
        time.sleep(5)
    time.sleep(30)                             # the last of them are being published


def _report(folder: Path, names: list[str], ticks: list[datetime]) -> None:
    print("\n| tick | monitors with a verdict | seconds to the verdict: median | 90 % | last | looking, median |")
    print("|---|---|---|---|---|---|")
    for tick in ticks:
        late, looking = [], []
        for name in names:
            output = str(folder / "monitors" / name)
            stored = [latest(output, window) for window in windows_seen(output) if window.ends == tick]
            for note in (read_note(one) for one in stored if one is not None):
                late.append((datetime.fromisoformat(note.finished_at) - tick).total_seconds())
                looking.append(note.seconds or 0.0)
        if late:
            ninth = statistics.quantiles(late, n=10)[-1] if len(late) > 1 else late[0]
            print(f"| {tick:%H:%M:%S} | {len(late)} of {len(names)} | {statistics.median(late):.0f} | {ninth:.0f} | "
                  f"{max(late):.0f} | {statistics.median(looking):.1f} |")


def _next_tick(period: timedelta, *, after: datetime) -> datetime:
    seconds = period.total_seconds()
    return datetime.fromtimestamp(-(-after.timestamp() // seconds) * seconds, UTC)


if __name__ == "__main__":
    sys.exit(main())
