"""What no file of the repository holds: a drawer without a name, a private path, an index to install from."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DRAWERS = ("util", "helper", "common", "misc", "manager")

# Put together here, so that this file does not hold them itself.
PRIVATE_PATH = "/".join(["", "work", ""])
INDEX_HOSTS = tuple(
    ".".join(parts)
    for parts in [
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("maven", "org"),
        ("anaconda", "org"),
        ("golang", "org"),
        ("crates", "io"),
        ("docker", "io"),
        ("ghcr", "io"),
        ("quay", "io"),
    ]
)


def tracked_files() -> list[str]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listing.stdout.split("\0") if (ROOT / name).is_file()]


def lines_with(text: str) -> list[str]:
    found = []
    for name in tracked_files():
        content = (ROOT / name).read_bytes()
        if b"\0" in content:
            continue  # not text
        lines = content.decode("utf-8").splitlines()
        found += [f"{name}:{number} {line.strip()[:100]}" for number, line in enumerate(lines, 1) if text in line]
    return found


def test_no_module_is_a_drawer():
    found = [name for name in tracked_files() for drawer in DRAWERS if drawer in name and name.endswith(".py")]

    assert not found, "\n".join(["", *found])


@pytest.mark.parametrize("text", [PRIVATE_PATH, *INDEX_HOSTS])
def test_no_file_names_a_private_path_or_an_index(text):
    assert lines_with(text) == []


def test_the_search_of_lines_finds_what_is_there():
    assert any(line.startswith("LICENSE:") for line in lines_with("Apache License"))


def test_every_constraint_is_a_name_and_a_version():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()

    wrong = [line for line in lines if line.count("==") != 1 or any(c in line for c in "/@ ;:")]
    assert len(lines) > 100
    assert wrong == []
