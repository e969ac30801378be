"""What the way to our own scoring server costs: formats, request sizes, and requests in flight.

    python benchmarks/endpoints/transport.py [--repeats 9] [--rows 500 4000 20000] [--features 20 61] [--many 160000]

First table: one request of all the rows in each format, against the same batch predicted in this process by the same
code without a socket (``InProcessEndpoint``); all contenders interleaved within every repeat. Second table: many rows
through servers of one and two worker processes, by how many requests are in flight and how rows are cut. A ratio is
the median of the ratios of the repeats, with their range; rows per second are of the median time. The server and
this process hold BLAS and OpenMP to one thread.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd
import xgboost
from sklearn.datasets import make_classification

from clarify.endpoints.base import EndpointSpec
from clarify.endpoints.http import HttpEndpoint
from clarify.endpoints.in_process import InProcessEndpoint
from clarify.endpoints.lease import LeaseRecord, close_lease, open_lease
from clarify.endpoints.pinning import pin_directory
from clarify.features import FeatureColumn, Features

TRANSPORTS = ("tensor", "arrow", "csv", "json")
SEED = 0


def save_model(folder: Path, n_features: int) -> tuple[str, Features]:
    """XGBoost, 100 trees of depth 6, as an MLflow model, and rows to ask it about."""
    import mlflow.xgboost
    from mlflow.models import infer_signature

    matrix, labels = make_classification(
        20_000, n_features, n_informative=n_features // 2, random_state=SEED, shuffle=False
    )
    frame = pd.DataFrame(matrix, columns=[f"f{j}" for j in range(n_features)])
    model = xgboost.XGBClassifier(n_estimators=100, max_depth=6, n_jobs=1, random_state=SEED).fit(frame, labels)
    path = folder / f"xgboost-{n_features}"
    mlflow.xgboost.save_model(model, str(path), signature=infer_signature(frame, labels), pip_requirements=[])
    columns = tuple(FeatureColumn(name, "float") for name in frame.columns)
    return str(path), Features(columns, np.ascontiguousarray(matrix))


@contextmanager
def leased(path: str, folder: Path, n_workers: int) -> Iterator[LeaseRecord]:
    lease = open_lease(pin_directory(path), state_dir=str(folder / f"state-{n_workers}"), n_workers=n_workers)
    try:
        yield lease
    finally:
        close_lease(lease)


def interleaved(contenders: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Seconds of every contender in every repeat, after one round that warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for repeat in range(repeats + 1):
        for name, run in contenders.items():
            start = perf_counter()
            run()
            if repeat:
                seconds[name].append(perf_counter() - start)
    return seconds


def ratio(numerators: list[float], denominators: list[float]) -> str:
    ratios = np.array(numerators) / np.array(denominators)
    return f"{np.median(ratios):.2f} ({ratios.min():.2f}-{ratios.max():.2f})"


def rate(n_rows: int, seconds: list[float]) -> str:
    return f"{n_rows / np.median(seconds):,.0f}"


def format_lines(options: argparse.Namespace, folder: Path) -> Iterator[str]:
    names = " | ".join(f"{name}: ratio | rows/s" for name in TRANSPORTS)
    yield f"| features | rows | in process, rows/s | {names} |"
    yield "|---" * (3 + 2 * len(TRANSPORTS)) + "|"
    for n_features in options.features:
        path, rows = save_model(folder, n_features)
        with leased(path, folder, 1) as lease:
            spec = EndpointSpec(rows_per_request=max(options.rows))
            served = {name: HttpEndpoint(lease.spec(replace(spec, transport=name))) for name in TRANSPORTS}
            inside = InProcessEndpoint.of_model(path)
            for n_rows in options.rows:
                part = rows.with_values(rows.values[:n_rows])
                runs = {name: asking(endpoint, part) for name, endpoint in {"inside": inside, **served}.items()}
                for name, endpoint in served.items():
                    same = np.array_equal(endpoint.predict(part).scores, inside.predict(part).scores)
                    assert same, f"{name} answers other bytes"
                seconds = interleaved(runs, options.repeats)
                cells = [f"{ratio(seconds[n], seconds['inside'])} | {rate(n_rows, seconds[n])}" for n in TRANSPORTS]
                yield f"| {n_features} | {n_rows:,} | {rate(n_rows, seconds['inside'])} | {' | '.join(cells)} |"
            for endpoint in served.values():
                endpoint.close()


def asking(endpoint: HttpEndpoint | InProcessEndpoint, rows: Features) -> Callable[[], object]:
    return lambda: endpoint.predict(rows)


FLIGHTS = {
    "4,096 rows, one in flight": EndpointSpec(rows_per_request=4096, max_in_flight=1),
    "4,096 rows, two in flight": EndpointSpec(rows_per_request=4096, max_in_flight=2),
    "by experiment, two in flight": EndpointSpec(max_in_flight=2),
}


def flight_lines(options: argparse.Namespace, folder: Path) -> Iterator[str]:
    yield "| features | workers | requests | seconds / in process | rows/s | rows per request found |"
    yield "|---|---|---|---|---|---|"
    for n_features in options.features:
        path, rows = save_model(folder / "many", n_features)
        many = rows.with_values(np.tile(rows.values, (options.many // len(rows), 1)))
        with leased(path, folder, 1) as one, leased(path, folder, 2) as two:
            endpoints = {
                (n, name): HttpEndpoint(lease.spec(spec))
                for n, lease in ((1, one), (2, two)) for name, spec in FLIGHTS.items()
            }
            inside = InProcessEndpoint.of_model(path)
            runs = {"inside": asking(inside, many)} | {
                f"{n} {name}": asking(endpoint, many) for (n, name), endpoint in endpoints.items()
            }
            seconds = interleaved(runs, max(3, options.repeats // 2))
            yield f"| {n_features} | - | in process | 1 | {rate(len(many), seconds['inside'])} | - |"
            for (n, name), endpoint in endpoints.items():
                mine = seconds[f"{n} {name}"]
                found = ", ".join(str(size.rows) for size in endpoint.sizes.values())
                yield (
                    f"| {n_features} | {n} | {name} | {ratio(mine, seconds['inside'])}"
                    f" | {rate(len(many), mine)} | {found} |"
                )
                endpoint.close()


def describe_machine() -> str:
    cpu = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        names = [line.split(":")[1].strip() for line in information.read_text().splitlines() if "model name" in line]
        cpu = f"{names[0]}, {len(names)} cores" if names else cpu
    names = ("numpy", "pyarrow", "orjson", "httpx", "uvicorn", "xgboost-cpu", "mlflow")
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    packages = ", ".join(f"{name} {version(name)}" for name in names)
    return f"{cpu}, load {load} before; Python {platform.python_version()}; {packages}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--rows", type=int, nargs="+", default=[500, 4000, 20_000])
    parser.add_argument("--features", type=int, nargs="+", default=[20, 61])
    parser.add_argument("--many", type=int, default=160_000)
    options = parser.parse_args()
    print(describe_machine() + "\n")
    with tempfile.TemporaryDirectory() as name:
        for lines in (format_lines, flight_lines):
            for line in lines(options, Path(name)):
                print(line, flush=True)
            print()


if __name__ == "__main__":
    main()
