from __future__ import annotations

import pytest

from clarify.endpoints.request_size import RequestSize, in_blocks

TWENTY_COLUMNS = 20


def size(**choices: object) -> RequestSize:
    return RequestSize(TWENTY_COLUMNS, False, **choices)


def answer(request_size: RequestSize, seconds_of: object, times: int = 60) -> None:
    """Full requests answered in the seconds a function gives for their rows."""
    for _ in range(times):
        request_size.answered(request_size.rows, seconds_of(request_size.rows))


def test_the_size_starts_at_4096_rows():
    assert size().next_rows(100_000, lanes=1) == 4096


def test_the_size_doubles_while_rows_per_second_improve():
    grows = size()

    # 20 ms a request and 1 us a row: 16,384 rows take 36 ms, 32,768 take 53 ms (36 % faster a row), 65,536 take 86 ms.
    answer(grows, lambda rows: 0.020 + 1e-6 * rows)

    assert grows.rows == 65_536


def test_the_size_goes_back_when_doubling_brings_less_than_8_percent():
    settles = size()

    # 1 us a row and 0.2 ms a request: 8,192 rows are (0.0043 / 4096) / (0.0084 / 8192) = 2.4 % faster a row.
    answer(settles, lambda rows: 0.0002 + 1e-6 * rows)

    assert settles.rows == 4096


def test_one_disturbed_measurement_out_of_three_decides_nothing():
    disturbed = size()

    for rows, seconds in [(4096, 0.1), (4096, 0.1), (4096, 1.9), (8192, 0.1), (8192, 0.1), (8192, 1.9)]:
        disturbed.answered(rows, seconds)

    assert disturbed.rows == 16_384


def test_the_size_does_not_double_into_the_time_limit():
    near = size()

    answer(near, lambda rows: 1.5 + rows * 1e-5)                     # 1.54 s now, an estimated 3.1 s if doubled

    assert near.rows == 4096


def test_a_request_that_took_too_long_lowers_the_size_at_once_and_for_good():
    slow = size()

    slow.answered(4096, 40.96)                                       # 10 ms a row: 200 rows fit into 2 s
    answer(slow, lambda rows: 0.001)

    assert slow.rows == 192                                          # the blocks of 64 that fit


def test_a_short_request_says_that_a_full_one_would_take_too_long():
    slow = size()

    slow.answered(64, 1.0)

    assert slow.rows == 128


def test_a_quick_short_request_says_nothing():
    untouched = size()

    untouched.answered(64, 0.05)                                     # latency, not the rows: 4,096 may well take 0.1 s

    assert untouched.rows == 4096


def test_a_refused_size_is_a_ceiling_for_good():
    refused = size()

    refused.refused(4096)
    answer(refused, lambda rows: 0.1)

    assert refused.rows == 2048


def test_no_request_holds_fewer_than_64_rows():
    refused = size()

    for _ in range(20):
        refused.refused(refused.rows)

    assert refused.rows == 64
    assert not refused.may_split(64)


def test_a_wide_table_starts_below_the_byte_limit():
    assert 8 * 1000 * RequestSize(1000, False).rows <= 16 * 1024 * 1024


def test_a_body_over_the_byte_limit_is_not_sent_and_the_rows_that_fit_are_remembered():
    text = RequestSize(20, True)

    outgrown = text.exceeds(4096, 11_000_000)                        # twice the 5.5 MB that containers take

    assert outgrown
    assert text.rows == 2048


def test_rows_are_shared_between_workers_that_answer_at_once():
    assert size().next_rows(4096, lanes=2) == 2048
    assert size().next_rows(4000, lanes=2) == 2048                   # whole blocks of 64
    assert size().next_rows(1500, lanes=2) == 1024                   # not worth a second request each


@pytest.mark.parametrize("happens", ["refused", "slow", "fast"])
def test_a_fixed_size_learns_nothing(happens):
    fixed = size(fixed=500)

    if happens == "refused":
        fixed.refused(500)
    answer(fixed, lambda rows: 100.0 if happens == "slow" else 0.01 + 1e-6 * rows)

    assert fixed.next_rows(100_000, lanes=4) == 500
    assert not fixed.may_split(500)
    assert not fixed.exceeds(500, 10**9)


@pytest.mark.parametrize(("rows", "expected"), [(0, 64), (63, 64), (64, 64), (127, 64), (128, 128), (4095, 4032)])
def test_blocks_are_of_64_rows(rows, expected):
    assert in_blocks(rows) == expected
