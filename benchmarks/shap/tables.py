"""What every SHAP benchmark prints: where it ran, and tables."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from games import GAMES, Files
from numpy.typing import NDArray

PACKAGES = ("numpy", "scipy", "xgboost-cpu", "scikit-learn", "shap", "shapiq", "lightgbm", "mlflow")


def describe_machine() -> str:
    cpu = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        names = [line.split(":")[1].strip() for line in information.read_text().splitlines() if "model name" in line]
        cpu = f"{names[0]}, {len(names)} cores" if names else cpu
    return f"{cpu}; Python {platform.python_version()}; {', '.join(_versions())}"


def _versions() -> Iterable[str]:
    for package in PACKAGES:
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            continue


def table_head(*columns: str) -> str:
    return f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}"


def table_line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def short(number: float) -> str:
    """Three significant digits, as a person would write them."""
    if not np.isfinite(number):
        return "-"
    if number == 0:
        return "0"
    if abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.1e}" if abs(number) < 1e-4 else f"{number:.3g}"


def spread(errors: NDArray[np.float64]) -> str:
    """Median (95th percentile; worst)."""
    return f"{short(float(np.median(errors)))} ({short(float(np.quantile(errors, 0.95)))}; {short(errors.max())})"


def options_of(description: str, games: Sequence[str]) -> argparse.ArgumentParser:
    """Options that all benchmarks of games share."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--german", type=Path, help="CSV of German Credit; the label is the last column")
    parser.add_argument("--adult", type=Path, help="CSV of Adult; the label is the last column")
    parser.add_argument("--games", nargs="+", choices=sorted(GAMES), default=list(games), metavar="GAME")
    parser.add_argument("--full", action="store_true", help="more rows and seeds: hours instead of minutes")
    parser.add_argument("--rows", type=int, help="rows of each game; default: few, with --full more")
    parser.add_argument("--seeds", type=int, nargs="+", help="seeds of the coalition design")
    return parser


def files_of(options: argparse.Namespace) -> Files:
    return Files(options.german, options.adult)
