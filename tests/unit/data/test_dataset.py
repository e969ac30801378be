"""Staging, cutting and reading back: same rows, same bytes, in any process."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clarify.data.dataset import (
    ROW_GROUP_ROWS,
    SLAB_ROWS,
    counted_dataset,
    cut,
    fragment_batches,
    iter_batches,
    read_fragment,
    source_dataset,
    stage,
)
from clarify.data.profile import profile_source
from clarify.data.source import open_source
from clarify.errors import DataError


@pytest.fixture
def stage_csv(open_csv, tmp_path):
    """Profile and stage one CSV file; gives the dataset."""

    def do(content, *, work="work", name="rows.csv", **options):
        profile = profile_source(open_csv(content, name, **options))
        return stage(profile.source, profile.kinds, str(tmp_path / work))

    return do


def numbered(n):
    return ("i,half,sex\n" + "".join(f"{i},{i / 2},{'mf'[i % 2]}\n" for i in range(n))).encode()


def rows_of(fragments):
    return pa.concat_tables([read_fragment(fragment) for fragment in fragments])


def parquet_bytes(folder):
    found = {}
    for root, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(root, name), "rb") as stream:
                found[name] = stream.read()
    return found


def test_staged_rows_are_typed_and_in_order(stage_csv):
    dataset = stage_csv(b'age,rate,hired,zip\n39,1,True,007\n,0.5,,""\n41,,false,\n')

    rows = read_fragment(cut(dataset, 100)[0])

    assert rows.schema.types == [pa.int64(), pa.float64(), pa.bool_(), pa.string()]
    assert rows.to_pydict() == {
        "age": [39, None, 41], "rate": [1.0, 0.5, None], "hired": [True, None, False], "zip": ["007", "", None]
    }
    assert rows.schema.equals(dataset.schema)


def test_staged_rows_lie_in_row_groups_of_8192(stage_csv):
    dataset = stage_csv(numbered(20_000))

    assert [fragment.rows for fragment in dataset.fragments] == [8192, 8192, 20_000 - 2 * 8192]
    assert [fragment.first_row for fragment in dataset.fragments] == [0, 8192, 16_384]
    assert dataset.rows == 20_000


@pytest.mark.parametrize("rows_per_fragment", [1000, 8192, 50_000])
def test_fragments_cover_every_row_once_in_order_and_stay_within_a_row_group(stage_csv, rows_per_fragment):
    dataset = stage_csv(numbered(20_000))

    fragments = cut(dataset, rows_per_fragment)

    assert rows_of(fragments)["i"].to_pylist() == list(range(20_000))
    assert [fragment.index for fragment in fragments] == list(range(len(fragments)))
    assert all(fragment.rows <= min(rows_per_fragment, ROW_GROUP_ROWS) for fragment in fragments)
    for fragment in fragments:
        assert read_fragment(fragment, ["i"])["i"][0].as_py() == fragment.first_row


def test_fragments_of_a_prefix_are_the_same_whatever_lies_around_them(stage_csv):
    short = cut(stage_csv(numbered(9_000), work="short", name="a.csv"), 500)
    long = cut(stage_csv(numbered(30_000), work="long", name="b.csv"), 500)

    places = [(f.row_group, f.offset, f.rows, f.first_row) for f in long]
    assert [(f.row_group, f.offset, f.rows, f.first_row) for f in short[:17]] == places[:17]


def test_columns_are_chosen_and_ordered(stage_csv):
    fragment = cut(stage_csv(numbered(10)), 4)[1]

    assert read_fragment(fragment, ["sex", "i"]).to_pydict() == {"sex": ["m", "f", "m", "f"], "i": [4, 5, 6, 7]}
    with pytest.raises(DataError, match=r"(?s)columns: received 'Sex'  \[DATA-COLUMN-MISSING\].*'i', 'half', 'sex'"):
        read_fragment(fragment, ["Sex"])


def test_batches_bring_all_rows_in_order(stage_csv):
    batches = list(iter_batches(stage_csv(numbered(20_000)), ["i"]))

    assert pa.Table.from_batches(batches)["i"].to_pylist() == list(range(20_000))
    assert max(batch.num_rows for batch in batches) == 8192


def test_staging_twice_from_nothing_gives_the_same_bytes(stage_csv, tmp_path):
    stage_csv(numbered(20_000), work="one")
    stage_csv(numbered(20_000), work="two")

    assert parquet_bytes(tmp_path / "one") == parquet_bytes(tmp_path / "two") != {}


def test_a_finished_file_is_not_written_again(stage_csv, tmp_path):
    dataset = stage_csv(numbered(9_000))
    times = {fragment.uri: os.stat(fragment.uri).st_mtime_ns for fragment in dataset.fragments}

    again = stage_csv(numbered(9_000))

    assert again == dataset
    assert {uri: os.stat(uri).st_mtime_ns for uri in times} == times


def test_an_unfinished_file_is_staged_again(stage_csv, tmp_path):
    dataset = stage_csv(numbered(9_000))
    part = dataset.fragments[0].uri
    os.unlink(os.path.join(os.path.dirname(part), "parts.json"))
    with open(part, "wb") as stream:
        stream.write(b"half")

    assert rows_of(stage_csv(numbered(9_000)).fragments).num_rows == 9_000


def test_changed_content_is_staged_under_another_name(stage_csv):
    one = stage_csv(numbered(10))
    two = stage_csv(numbered(10).replace(b"9,4.5,f", b"9,4.5,m"))

    assert one.digest != two.digest
    assert read_fragment(one.fragments[0])["sex"][9].as_py() == "f"
    assert read_fragment(two.fragments[0])["sex"][9].as_py() == "m"


def test_the_same_content_read_as_other_kinds_is_staged_under_another_name(open_csv, tmp_path):
    profile = profile_source(open_csv(b"a,b\n1,x\n2,y\n"))

    whole = stage(profile.source, {"a": "int", "b": "text"}, str(tmp_path / "work"))
    text = stage(profile.source, {"a": "text", "b": "text"}, str(tmp_path / "work"))

    assert read_fragment(whole.fragments[0])["a"].to_pylist() == [1, 2]
    assert read_fragment(text.fragments[0])["a"].to_pylist() == ["1", "2"]


def rows_of_parts(dataset) -> list[int]:
    """How many rows each staged Parquet file has, in order."""
    rows: dict[str, int] = {}
    for fragment in dataset.fragments:
        rows[fragment.uri] = rows.get(fragment.uri, 0) + fragment.rows
    return list(rows.values())


def test_parts_of_a_long_file_end_with_whole_row_groups(stage_csv):
    n = SLAB_ROWS + 10_000

    dataset = stage_csv(b"a\n" + b"7\n" * n, csv_header="present")

    assert rows_of_parts(dataset) == [SLAB_ROWS, 10_000]
    assert dataset.rows == n
    assert dataset.fragments[-1].first_row + dataset.fragments[-1].rows == n


def test_wide_rows_make_parts_of_bounded_size(stage_csv, monkeypatch):
    monkeypatch.setattr("clarify.data.dataset.SLAB_BYTES", 2_000_000)

    parts = rows_of_parts(stage_csv(b"a,b\n" + (b"1," + b"x" * 200 + b"\n") * 34_000))

    assert len(parts) > 1                       # about 7 MB in all
    assert all(rows % ROW_GROUP_ROWS == 0 for rows in parts[:-1])
    assert sum(parts) == 34_000


def test_rows_that_were_only_counted_cannot_be_read_as_if_there_were_none(open_csv):
    profile = profile_source(open_csv(b"a,b\n1,x\n2,y\n"))
    counted = counted_dataset(profile.source, profile.kinds, profile.rows)

    assert counted.describe().rows == 2
    with pytest.raises(DataError, match=r"(?s)only counted.*\[DATA-NOT-KEPT\]"):
        cut(counted, 10)
    with pytest.raises(DataError, match=r"DATA-NOT-KEPT"):
        next(iter_batches(counted))


def test_a_file_that_changed_its_type_after_profiling_is_refused(open_csv, write_file, tmp_path):
    profile = profile_source(open_csv(b"age,sex\n39,m\n"))
    write_file(b"age,sex\nold,m\n")

    with pytest.raises(DataError, match=r"(?s)^age: .*old.*\[DATA-CONVERSION\].*changed since"):
        stage(profile.source, profile.kinds, str(tmp_path / "work"))


def test_many_files_are_one_dataset_in_the_order_of_their_names(write_file, tmp_path):
    for i in range(12):
        write_file(f"i,s\n{2 * i},x\n{2 * i + 1},y\n".encode(), f"in/part-{i:02d}.csv")
    write_file(b"i,s\n", "in/part-05b.csv")
    profile = profile_source(open_source(str(tmp_path / "in"), dataset_type="text/csv"))

    dataset = stage(profile.source, profile.kinds, str(tmp_path / "work"))

    assert rows_of(cut(dataset, 1))["i"].to_pylist() == list(range(24))
    assert [fragment.first_row for fragment in cut(dataset, 1)] == list(range(24))


def write_parquet(path):
    n = 100_000
    table = pa.table(
        {
            "i": pa.array(range(n), pa.int32()),
            "rate": pa.array(np.where(np.arange(n) % 3 == 0, np.nan, 0.5).astype(np.float32)),
            "sex": pa.array([None if i % 5 == 0 else "mf"[i % 2] for i in range(n)]).dictionary_encode(),
        }
    )
    pq.write_table(table, path, row_group_size=80_000)
    return profile_source(open_source(str(path), dataset_type="application/x-parquet"))


def test_parquet_is_read_in_place_with_the_rows_staging_would_give(tmp_path):
    profile = write_parquet(tmp_path / "rows.parquet")

    in_place = source_dataset(profile.source, profile)
    staged = stage(profile.source, profile.kinds, str(tmp_path / "work"))

    assert [fragment.rows for fragment in in_place.fragments] == [80_000, 20_000]
    assert in_place.digest == staged.digest
    assert in_place.schema == staged.schema
    assert rows_of(cut(in_place, 30_000)).equals(rows_of(staged.fragments))
    assert read_fragment(staged.fragments[0]).slice(0, 2).to_pydict() == {
        "i": [0, 1], "rate": [None, 0.5], "sex": [None, "f"]
    }


def test_a_fragment_across_the_batches_of_a_large_row_group_is_whole(tmp_path):
    profile = write_parquet(tmp_path / "rows.parquet")

    fragment = cut(source_dataset(profile.source, profile), 60_000)[1]

    assert (fragment.offset, fragment.rows) == (60_000, 20_000)
    assert read_fragment(fragment, ["i"])["i"].to_pylist() == list(range(60_000, 80_000))


def test_a_large_fragment_comes_in_small_batches(tmp_path):
    profile = write_parquet(tmp_path / "rows.parquet")
    fragment = source_dataset(profile.source, profile).fragments[0]

    batches = list(fragment_batches(fragment, ["i"]))

    assert [batch.num_rows for batch in batches] == [65_536, 80_000 - 65_536]
    assert pa.Table.from_batches(batches).equals(read_fragment(fragment, ["i"]))


def test_csv_is_not_read_in_place(open_csv):
    profile = profile_source(open_csv(b"a,b\n1,x\n"))

    with pytest.raises(DataError, match=r"received csv  \[DATA-FORMAT\]"):
        source_dataset(profile.source, profile)


def test_the_description_names_what_the_user_named(stage_csv, tmp_path):
    content = numbered(10)

    described = stage_csv(content).describe()

    assert (described.uri, described.format) == (str(tmp_path / "rows.csv"), "csv")
    assert (described.rows, described.n_columns, described.bytes) == (10, 3, len(content))


def test_a_fragment_is_read_in_a_process_started_afresh_somewhere_else(stage_csv, tmp_path):
    fragment = cut(stage_csv(numbered(1_000)), 300)[3]
    program = (
        "import pickle, sys; from clarify.data.dataset import read_fragment\n"
        "print(read_fragment(pickle.load(sys.stdin.buffer), ['i'])['i'].to_pylist())"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], input=pickle.dumps(fragment), cwd=tmp_path, check=True, capture_output=True
    )

    assert done.stdout.decode().strip() == str(list(range(900, 1_000)))
