"""The Spark engine runs the same functions on the same fragments and gives the same results."""

from pathlib import Path

import pytest
from jobs import Slice, die_once, refuse, square

from clarify.engines.spark import SparkEngine
from clarify.errors import DataError


@pytest.fixture(scope="module")
def engine():
    # `jobs` is this folder's, so the workers' path must have it; functions of `clarify` need no such help.
    path = ("spark.executorEnv.PYTHONPATH", str(Path(__file__).parent))
    with SparkEngine(master="local[2,4]", conf=[path]) as engine:
        yield engine


def test_results_keep_the_order_of_the_fragments(engine):
    assert engine.map(square, [Slice(i) for i in range(20)], stage="squares") == [i**2 for i in range(20)]


def test_no_fragments_are_no_job(engine):
    assert engine.map(square, [], stage="squares") == []


def test_an_error_of_ours_arrives_with_its_problems(engine):
    with pytest.raises(DataError, match=r"column x: received 3 .*\[DATA-TEST\]"):
        engine.map(refuse, [Slice(i) for i in range(4)], stage="refused")


def test_a_killed_python_worker_is_replaced(engine, tmp_path):
    fragments = [Slice(i, marker=str(tmp_path / "died")) for i in range(6)]

    assert engine.map(die_once, fragments, stage="killed") == list(range(6))
    assert (tmp_path / "died").exists()
