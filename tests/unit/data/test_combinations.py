"""Combinations of values: counted as written, added in any order, typed afterwards, given up when too many."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from clarify.data import combinations
from clarify.data.combinations import CombinationTally, add_combinations
from clarify.data.profile import merge_profiles, profile_file, profile_source
from clarify.data.source import open_source


def count(batches, names=("sex", "label")):
    """Count tables as the profile hands them over: as codes of dictionaries."""
    tally = CombinationTally(names)
    for batch in batches:
        tally.add({name: batch[name].combine_chunks().dictionary_encode() for name in batch.column_names})
    return tally.combinations()


def found(counted) -> Counter:
    rows = zip(*(counted.values[name].to_pylist() for name in counted.columns), strict=True)
    return Counter(dict(zip(rows, counted.counts.tolist(), strict=True)))


def test_each_combination_is_counted_with_missing_values_as_values():
    table = pa.table({"sex": ["f", "m", "f", None, None], "label": [1, 1, 1, 0, None], "age": [1, 2, 3, 4, 5]})

    counted = count([table])

    assert found(counted) == {("f", 1): 2, ("m", 1): 1, (None, 0): 1, (None, None): 1}
    assert counted.rows == 5


def test_batches_and_parts_add_up_to_the_whole():
    draw = np.random.default_rng(0)
    table = pa.table({"sex": draw.choice(["f", "m", "x"], 1_000), "label": draw.integers(0, 3, 1_000)})
    pieces = [table.slice(start, 130) for start in range(0, 1_000, 130)]

    whole, batched = count([table]), count(pieces)
    added = add_combinations(count(pieces[4:]), count(pieces[:4]))

    by_hand = Counter(zip(table["sex"].to_pylist(), table["label"].to_pylist(), strict=True))
    assert found(whole) == found(batched) == found(added) == by_hand


def test_more_combinations_than_are_kept_give_none_for_good(monkeypatch):
    monkeypatch.setattr(combinations, "MOST_COMBINATIONS", 3)
    four = pa.table({"sex": ["f", "m", "f", "m"], "label": [1, 1, 0, 0]})

    assert count([four.slice(0, 3)]).rows == 3
    assert count([four]) is None
    assert count([four.slice(0, 2), four.slice(2, 2), four.slice(0, 1)]) is None
    assert add_combinations(count([four.slice(0, 2)]), count([four.slice(2, 2)])) is None


def test_a_column_with_too_many_values_for_a_dictionary_ends_the_count():
    tally = CombinationTally(("sex",))
    tally.add({"sex": pa.array(["f"]).dictionary_encode()})

    tally.add({"sex": None})
    tally.add({"sex": pa.array(["f"]).dictionary_encode()})

    assert tally.combinations() is None


def test_a_profile_counts_what_it_is_asked_for_over_all_files(write_file, tmp_path):
    write_file(b"sex,label,age\nf,1,30\nm,0,40\n", "in/a.csv")
    write_file(b"sex,label,age\nf,1,50\n,0,60\n", "in/b.csv")
    source = open_source(str(tmp_path / "in"), dataset_type="text/csv")
    parts = [profile_file(source, file, combined=("label", "sex")) for file in source.files]

    profile = merge_profiles(source, parts[::-1])

    assert found(profile.combinations) == {("f", "1"): 2, ("m", "0"): 1, (None, "0"): 1}
    assert found(profile.combinations.typed(profile.kinds)) == {("f", 1): 2, ("m", 0): 1, (None, 0): 1}
    assert profile_source(source).combinations is None


@pytest.mark.parametrize("n_values", [1_000, 1_001])
def test_a_column_of_more_than_a_thousand_values_is_not_combined(open_csv, n_values):
    source = open_csv(b"code,label\n" + b"".join(f"c{i},1\n".encode() for i in range(n_values)))

    counted = profile_file(source, source.files[0], combined=("code",)).combinations

    assert (counted is None) == (n_values > 1_000)
