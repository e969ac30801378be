"""The Spark engine runs the same functions on the same fragments and gives the same results."""

from pathlib import Path

import pytest
from jobs import Slice, die_once, refuse, square

from clarify.engines.spark import SparkEngine
from clarify.errors import DataError


@pytest.fixture(scope="module")
def engine(spark_session):
    with SparkEngine() as engine:
        # `jobs` is this folder's: the workers must be sent it. Functions of `clarify` need no such help.
        engine.session.sparkContext.addPyFile(str(Path(__file__).parent / "jobs.py"))
        yield engine


def test_a_session_that_runs_is_joined_and_left_open(engine, spark_session):
    assert engine.session is spark_session
    engine.close()
    assert spark_session.range(3).count() == 3


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
