"""Bias of very many rows: seconds and memory of a whole analysis without a model, every metric with its interval.

    python benchmarks/bias/many_rows.py --rows 10000000 [--format parquet] [--engine local] [--folder /tmp/many-rows]

Rows are written once into the folder, seeded and streamed, as Parquet files of five row groups of a million rows (or as
CSV files of as many rows), and are left there for the next run. The analysis runs in a process of its own, with
everything that needs: its imports count, and so does the report. Memory is the largest sum of the resident sets of
all of its processes, looked at ten times a second; pages that two of them share count twice.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

ROW_GROUP = 1_000_000
FILE_ROWS = 5 * ROW_GROUP
LOOKS_PER_SECOND = 10
GIB = 1024**3

CONFIG = {
    "label": "label",
    "label_values_or_threshold": [1],
    "predicted_label": "predicted",
    "facet": [{"name_or_index": "sex", "value_or_threshold": ["f"]}],
    "group_variable": "region",
    "methods": {
        "pre_training_bias": {"methods": "all"},
        "post_training_bias": {"methods": "all"},
        "report": {"name": "report", "title": "Many rows"},
    },
}
DATASET_TYPES = {"parquet": "application/x-parquet", "csv": "text/csv"}


def row_groups(rows: int, seed: int = 0) -> Iterator[pa.Table]:
    """Facet, label, predicted label, group and two numbers; each million rows has a seed of its own."""
    for start in range(0, rows, ROW_GROUP):
        n, draw = min(ROW_GROUP, rows - start), np.random.default_rng([seed, start])
        female = draw.random(n) < 0.3
        label = draw.random(n) < np.where(female, 0.35, 0.45)
        predicted = np.where(draw.random(n) < 0.8, label, draw.random(n) < 0.5)
        region = pa.DictionaryArray.from_arrays(draw.integers(0, 8, n), [f"region {i}" for i in range(8)])
        yield pa.table(
            {
                "sex": pa.DictionaryArray.from_arrays(female.astype(np.int32), ["m", "f"]).dictionary_decode(),
                "label": label.astype(np.int64),
                "predicted": predicted.astype(np.int64),
                "region": region.dictionary_decode(),
                "age": draw.integers(18, 80, n),
                "income": draw.normal(3e4, 1e4, n).round(2),
            }
        )


def write_rows(folder: Path, rows: int, kind: str) -> None:
    """Files of five million rows, never more than one row group in memory."""
    folder.mkdir(parents=True)
    writer, path = None, folder
    for place, table in enumerate(row_groups(rows)):
        if place % (FILE_ROWS // ROW_GROUP) == 0:
            if writer is not None:
                writer.close()
            path = folder / f"part-{place:05d}.{kind}"
            open_file = pa.parquet.ParquetWriter if kind == "parquet" else pa.csv.CSVWriter
            writer = open_file(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def resident_bytes(root: int) -> tuple[int, int]:
    """The resident sets of the processes below ``root`` (and of itself), added up, and how many they are."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(path.parent.name)] = int(fields[1])
    found = {root}
    while more := {process for process, parent in parents.items() if parent in found} - found:
        found |= more
    return sum(resident(process) for process in found), len(found)


def resident(process: int) -> int:
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * resource.getpagesize()


def measure(command: list[str]) -> tuple[float, float, int, int]:
    """Seconds, seconds of CPU, the largest sum of memory and the most processes of a command."""
    start, most, processes = time.perf_counter(), 0, 0
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while running.poll() is None:
        held, count = resident_bytes(running.pid)
        most, processes = max(most, held), max(processes, count)
        time.sleep(1 / LOOKS_PER_SECOND)
    seconds = time.perf_counter() - start
    if running.returncode:
        raise SystemExit(f"the analysis ended with exit code {running.returncode}")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, used.ru_utime + used.ru_stime, most, processes


def analysis(config: str, output: str, engine: str, master: str | None) -> None:
    """One analysis in this process; prints the seconds of its steps."""
    from clarify.config.settings import RunSettings
    from clarify.steps.line import call_directly, run_analysis
    from clarify.steps.plan import AnalysisRequest

    def timed(step, *args):
        start = time.perf_counter()
        answer = call_directly(step, *args)
        print(f"    {step.__name__:28s} {time.perf_counter() - start:7.2f} s", file=sys.stderr)
        return answer

    settings = RunSettings(engine=engine, spark_master=master)
    run_analysis(AnalysisRequest(config, output, settings), call=timed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--format", choices=("parquet", "csv"), default="parquet")
    parser.add_argument("--engine", choices=("local", "spark"), default="local")
    parser.add_argument("--spark-master")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "many-rows")
    parser.add_argument("--analyse", nargs=2, metavar=("CONFIG", "OUTPUT"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.analyse:
        analysis(*asked.analyse, asked.engine, asked.spark_master)
        return
    data = asked.folder / f"{asked.format}-{asked.rows}"
    if not data.exists():
        write_rows(data, asked.rows, asked.format)
    with tempfile.TemporaryDirectory() as name:
        config = Path(name) / "config.json"
        document = {**CONFIG, "dataset_type": DATASET_TYPES[asked.format], "dataset_uri": str(data)}
        config.write_text(json.dumps(document))
        options = ["--engine", asked.engine, *(["--spark-master", asked.spark_master] if asked.spark_master else [])]
        command = [sys.executable, __file__, *options, "--analyse", str(config), str(Path(name) / "output")]
        seconds, cpu, most, processes = measure(command)
    size = sum(path.stat().st_size for path in data.iterdir())
    print(f"{platform.machine()}, Python {platform.python_version()}: {asked.rows:,} rows, {asked.format}, "
          f"{size / GIB:.2f} GiB in {len(list(data.iterdir()))} files, engine {asked.engine}")
    print(f"{seconds:.1f} s, {cpu:.1f} s of CPU, at most {most / GIB:.2f} GiB in {processes} processes")


if __name__ == "__main__":
    main()
