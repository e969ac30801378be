"""Reading ahead changes nothing but the time it takes: same batches, same order, errors in their place."""

import threading

import pytest

from clarify.data.read_ahead import AHEAD, read_ahead
from clarify.errors import DataError, Problem


def test_batches_come_in_order_and_from_another_thread():
    readers = set()

    def batches():
        for number in range(20):
            readers.add(threading.get_ident())
            yield number

    assert list(read_ahead(batches())) == list(range(20))
    assert len(readers - {threading.get_ident()}) == len(readers) == 1


def test_never_more_than_two_batches_are_read_before_they_are_asked_for():
    read = []

    def batches():
        for number in range(10):
            read.append(number)
            yield number

    ahead = [len(read) - taken for taken, _ in enumerate(read_ahead(batches()), start=1)]

    assert max(ahead) <= AHEAD


def test_an_error_comes_after_the_batches_before_it():
    def batches():
        yield 1
        yield 2
        raise DataError(Problem("DATA-RAGGED", "rows.csv", "one row", "two fields"))

    ahead = read_ahead(batches())

    assert [next(ahead), next(ahead)] == [1, 2]
    with pytest.raises(DataError, match="DATA-RAGGED"):
        next(ahead)


def test_no_batch_is_no_batch():
    assert list(read_ahead(iter(()))) == []
