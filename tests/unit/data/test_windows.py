"""Moments, payloads and folders of live data, each by itself."""

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from clarify.data import storage
from clarify.data.dated_folders import dated_roots, files_between
from clarify.data.moments import UNDATED, read_moment, read_moments
from clarify.data.payloads import Payload, RecordPath, UnreadablePayload, csv_records, decode

# 2026-11-01T10:30:00Z: 20,758 days of 86,400 s since 1970, and 37,800 s.
SECONDS = 20_758 * 86_400 + 37_800


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-01T10:30:00Z", "2026-11-01T11:30:00+01:00", "20261101T103000Z", " 2026-11-01 10:30:00+00:00 ",
        SECONDS, float(SECONDS), str(SECONDS), SECONDS * 1_000, SECONDS * 1_000_000, SECONDS * 1_000_000_000,
    ],
)  # fmt: skip
def test_a_moment_is_read_in_every_spelling(value):
    assert read_moment(value) == (SECONDS * 1_000_000, False)


@pytest.mark.parametrize("value", [None, "", "soon", "2026-13-01", True, float("nan"), float("inf"), 1e30, [1]])
def test_what_is_no_moment_is_undated(value):
    assert read_moment(value) == (UNDATED, False)


def test_a_text_without_a_zone_is_utc_and_counted():
    assert read_moment("2026-11-01T10:30:00") == (SECONDS * 1_000_000, True)
    assert read_moment("20261101")[1] is True


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_arrow_timestamps_of_any_unit_and_zone_are_the_same_moment(unit, zone):
    column = pa.array([datetime(2026, 11, 1, 10, 30, tzinfo=UTC), None], pa.timestamp("us", "UTC"))
    typed = column.cast(pa.timestamp(unit, zone)) if zone else column.cast(pa.timestamp("us")).cast(pa.timestamp(unit))

    found = read_moments(pa.chunked_array([typed]))

    assert found.values.tolist() == [SECONDS * 1_000_000, UNDATED]
    assert found.without_zone == (0 if zone else 1)


def test_a_date_is_its_first_moment():
    found = read_moments(pa.chunked_array([pa.array([date(2026, 11, 1)])]))

    assert found.values.tolist() == [(SECONDS - 37_800) * 1_000_000]


@pytest.mark.parametrize(
    ("text", "records"),
    [
        ("1,a,\n2,,b\n", [["1", "a", None], ["2", None, "b"]]),
        ("1,a\r\n\r\n2,b", [["1", "a"], ["2", "b"]]),
        ("a\u2028b,\x0bc", [["a\u2028b", "\x0bc"]]),
        ('"a ""q"", b",""\n"x\ny",\n', [['a "q", b', ""], ["x\ny", None]]),
        ('1,"a"', [["1", "a"]]),
        ("", []),
    ],
)
def test_records_of_csv(text, records):
    assert csv_records(text) == records


@pytest.mark.parametrize("text", ['1,"a', '1,a"b', '"a"b,1'])
def test_a_quote_in_the_wrong_place_is_no_csv(text):
    with pytest.raises(UnreadablePayload, match="a quote inside a cell"):
        csv_records(text)


def test_base64_that_is_none_is_told():
    with pytest.raises(UnreadablePayload, match="base64"):
        decode(Payload("%%%", "BASE64", "text/csv"))


@pytest.mark.parametrize(
    ("path", "document", "values"),
    [
        ("instances[*].features", {"instances": [{"features": [1]}, {}]}, [[1], None]),
        ("instances", {"instances": [[1, 2], [3, 4]]}, [[1, 2], [3, 4]]),
        ("features", {"features": [1, 2]}, [[1, 2]]),
        ("row", {"row": {"a": 1}}, [{"a": 1}]),
        ("rows", {"rows": [{"a": 1}, {"a": 2}]}, [{"a": 1}, {"a": 2}]),
        ("nothing", {"features": [1]}, [None]),
    ],
)
def test_a_path_finds_an_item_for_each_record(path, document, values):
    assert RecordPath.of(path).values([document], False) == values


def at(hour, day=1):
    return datetime(2026, 11, day, hour, tzinfo=UTC)


@pytest.mark.parametrize("hours", [2, 12])
def test_folders_outside_the_hours_are_not_listed(hours, monkeypatch):
    root = f"memory://folders-{hours}"
    for hour in range(24):
        storage.write_bytes(f"{root}/e/v/2026/11/01/{hour:02d}/a.jsonl", b"{}")
    storage.write_bytes(f"{root}/e/v/2026/11/02/00/a.jsonl", b"{}")
    listed = []
    plain = storage.list_files
    monkeypatch.setattr(storage, "list_files", lambda uri: listed.append(uri) or plain(uri))

    found = files_between(dated_roots(root), at(4), at(4 + hours))

    assert [file.hour.hour for file in found] == list(range(4, 4 + hours))
    wanted = [f"{root}/e/v/2026/11/01"] if hours == 12 else [f"{root}/e/v/2026/11/01/{h:02d}" for h in (4, 5)]
    assert listed == wanted


def test_an_hour_that_ends_the_span_is_not_of_it():
    root = "memory://ends"
    for hour in (9, 10, 11):
        storage.write_bytes(f"{root}/2026/11/01/{hour:02d}/a.jsonl", b"{}")

    assert [file.hour.hour for file in files_between((root,), at(10), at(11))] == [10]


def test_folders_are_named_without_those_that_are_hidden(tmp_path):
    for name in ("b/x", "a", ".hidden", "_temporary"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "file").write_bytes(b"1")

    assert storage.list_folders(str(tmp_path)) == ("a", "b")
    assert storage.list_folders(str(tmp_path / "nothing")) == ()
