import math
import statistics as plain

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clarify.data import column_statistics
from clarify.data.column_statistics import Against, merge_statistics, read_file_statistics
from clarify.data.quality_summary import distributions, inferred_type, suggest, summarise
from clarify.data.source import open_source
from clarify.data.value_histogram import CAPACITY, ValueHistogram, merged
from clarify.errors import DataError


def count(source, **against):
    return merge_statistics(source, [read_file_statistics(source, against, file) for file in source.files])


@pytest.fixture
def count_csv(open_csv):
    def counted(content, **against):
        return count(open_csv(content, csv_header="present"), **against)

    return counted


def test_numbers_have_the_mean_sum_and_deviation_worked_out_by_hand(count_csv):
    feature = summarise(count_csv(b"x,y\n1,0\n2,0\n,0\n6,0\n")).of("x")

    found = feature.numerical
    assert (feature.inferred_type, feature.present, feature.missing) == ("Integral", 3, 1)
    assert (found.mean, found.total, found.minimum, found.maximum) == (3.0, 9.0, 1.0, 6.0)
    assert found.std_dev == pytest.approx(math.sqrt((4 + 1 + 9) / 3))
    assert [(b.lower, b.upper) for b in found.buckets][::9] == [(1.0, 1.5), (5.5, 6.0)]
    assert [b.count for b in found.buckets] == [1, 0, 1, 0, 0, 0, 0, 0, 0, 1]
    assert found.sketch == ((1.0, 2.0, 6.0),)


@pytest.mark.parametrize(
    ("values", "kind"),
    [("1\n2", "Integral"), ("1\n2.5", "Fractional"), ("a\n1", "String"), ("True\nfalse", "String"), ("\n", "Unknown")],
)
def test_types_are_inferred_in_aws_words(count_csv, values, kind):
    found = count_csv(f"x,y\n{values.splitlines()[0]},1\n{[*values.splitlines(), ''][1]},1\n".encode())

    assert inferred_type(found.of("x")) == kind


def test_whole_numbers_are_counted_however_they_are_written(count_csv):
    found = count_csv(b"x\n5\n5.0\n-5e0\n5.5\nfive\n").of("x")

    assert (found.numbers, found.whole, found.negative, found.present) == (4, 3, 1, 5)


def test_truth_values_are_one_text_however_they_are_written(count_csv):
    found = count_csv(b"x\nTrue\ntrue\nFALSE\nyes\n", x=Against(listed=("true", "false"))).of("x")

    assert found.texts == (("false", 1), ("true", 2), ("yes", 1))
    assert found.listed == (2, 1)


def test_the_sum_of_a_column_is_exact_in_any_order(count_csv):
    (feature,) = summarise(count_csv(b"x\n1e16\n1.0\n1.0\n-1e16\n0.5\n")).features

    assert feature.numerical.total == 2.5


def test_parts_in_any_order_give_the_statistics_of_the_whole(write_file):
    generator = np.random.default_rng(3)
    rows = [
        f"{generator.normal():.17g},{generator.integers(0, 9)},{'abcdé'[generator.integers(0, 5)]},"
        f"{generator.choice(['', '7', 'x'])}"
        for _ in range(3_000)
    ]
    against = {"x": Against(cuts=(-1.0, 0.0, 1.0)), "t": Against(listed=("a", "é"))}
    head = "x,k,t,m\n"
    whole = open_source(write_file((head + "\n".join(rows)).encode(), "whole.csv"), dataset_type="text/csv")
    shuffled = [rows[i] for i in generator.permutation(3_000)]
    for place, part in enumerate((shuffled[:10], shuffled[10:2_000], shuffled[2_000:])):
        write_file((head + "\n".join(part)).encode(), f"parts/{place}.csv")
    parts = open_source(str(write_file(b"", "parts/.keep")).rsplit("/", 1)[0], dataset_type="text/csv")

    one, three = count(whole, **against), count(parts, **against)

    assert len(parts.files) == 3
    assert one.columns == three.columns
    assert (summarise(one), suggest(one), distributions(one)) == (
        summarise(three), suggest(three), distributions(three)
    )


def test_counts_against_cuts_are_those_of_a_histogram(count_csv):
    values = np.random.default_rng(4).normal(size=500).round(1)
    content = ("x\n" + "\n".join(map(repr, values.tolist()))).encode()

    found = count_csv(content, x=Against(cuts=(-0.5, 0.0, 0.7))).of("x")

    expected = [np.sum(values < -0.5), np.sum((values >= -0.5) & (values < 0)), np.sum((values >= 0) & (values < 0.7)),
                np.sum(values >= 0.7)]
    assert list(found.bins) == expected


def test_numbers_are_counted_by_name_where_texts_are_expected(tmp_path):
    pq.write_table(pa.table({"code": [1, 2, 2]}), tmp_path / "w.parquet")
    source = open_source(str(tmp_path / "w.parquet"), dataset_type="application/x-parquet")

    assert count(source, code=Against(listed=("2", "3"))).of("code").listed == (2, 0)


def test_parquet_keeps_its_declared_types_and_its_infinities_apart(tmp_path):
    columns = {"f": [1.0, math.inf, None, 3.0], "t": ["1", "2", None, "3"], "b": [True, None, False, True]}
    pq.write_table(pa.table(columns), tmp_path / "w.parquet")

    found = count(open_source(str(tmp_path / "w.parquet"), dataset_type="application/x-parquet"))

    assert [inferred_type(column) for column in found.columns] == ["Fractional", "String", "String"]
    assert (found.of("f").numbers, found.of("f").moments.mean, found.of("f").maximum) == (3, 2.0, 3.0)
    assert (found.of("t").numbers, found.of("b").texts) == (0, (("false", 1), ("true", 2)))


def test_files_that_declare_a_column_differently_are_refused(tmp_path):
    pq.write_table(pa.table({"x": [1]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"x": ["1"]}), tmp_path / "b.parquet")

    with pytest.raises(DataError, match=r"x: received int in one file, text in another  \[DATA-SCHEMA\]"):
        count(open_source(str(tmp_path), dataset_type="application/x-parquet"))


def test_a_dataset_without_rows_is_refused(open_csv):
    with pytest.raises(DataError, match="DATA-EMPTY"):
        count(open_csv(b"x,y\n", csv_header="present"))


def test_too_many_texts_are_no_longer_listed_and_still_counted(count_csv, monkeypatch):
    monkeypatch.setattr(column_statistics, "LISTED_TEXTS", 3)
    found = count_csv(b"x\na\nb\nc\nd\n", x=Against(listed=("a",))).of("x")

    assert (found.texts, found.listed, found.distinct_count) == (None, (1,), 4)


# --- histograms -------------------------------------------------------------------------------------------------------


def test_a_histogram_of_few_values_is_exact_and_in_their_order():
    found = ValueHistogram.of(np.array([3.5, -0.0, -2.0, 0.0, math.inf, -math.inf, 3.5]))

    assert found.is_exact
    assert found.values.tolist() == [-math.inf, -2.0, 0.0, 3.5, math.inf]
    assert found.weights.tolist() == [1, 1, 2, 2, 1]


def test_a_histogram_of_many_values_is_the_same_for_any_cutting():
    values = np.random.default_rng(6).normal(size=3 * CAPACITY)

    whole = ValueHistogram.of(values)
    parts = merged([ValueHistogram.of(part) for part in np.array_split(values[::-1], 7)])

    assert not whole.is_exact
    assert len(whole.values) <= CAPACITY
    assert parts == whole


def test_bins_of_a_coarse_histogram_count_exactly_between_their_edges():
    values = np.random.default_rng(6).normal(size=3 * CAPACITY)
    found = ValueHistogram.of(values)

    place = len(found.values) // 3
    assert found.weights[:place].sum() == np.sum(values < found.values[place])


# --- documents --------------------------------------------------------------------------------------------------------


def test_bins_hold_a_twentieth_each_and_their_counts_add_up(count_csv):
    values = np.random.default_rng(9).normal(size=2_000)
    found = count_csv(("x\n" + "\n".join(map(repr, values.tolist())) + "\n").encode())

    (distribution,) = distributions(found)

    assert len(distribution.cuts) == 19
    assert distribution.counts == (100,) * 20
    assert distribution.counts[0] == np.sum(values < distribution.cuts[0])


def test_ties_are_merged_and_values_beyond_frequent_ends_have_a_bin(count_csv):
    (distribution,) = distributions(count_csv(b"x\n" + b"0\n" * 30 + b"1\n" * 70))

    assert (distribution.cuts, distribution.counts) == ((0.0, 1.0, 2.0), (0, 30, 70, 0))


def test_categories_are_the_most_frequent_and_rare_ones_are_other(count_csv):
    (distribution,) = distributions(count_csv(b"x\n" + b"a\n" * 6 + b"b\n" * 9 + b"Ann Smith\n" + b"7\n" + b"\"\"\n"))

    assert distribution.categories == ("b", "a")
    assert distribution.counts == (9, 6, 3)
    assert distribution.numbers == 1


def test_suggested_constraints_hold_of_the_data_they_come_from(count_csv):
    rows = b"".join(b"%d,%d,%s,\n" % (i % 7, i - 20, b"ab"[i % 2 : i % 2 + 1] if i else b"") for i in range(40))

    n, signed, text, empty = suggest(count_csv(b"n,signed,text,empty\n" + rows)).features

    assert (n.inferred_type, n.completeness, n.is_non_negative) == ("Integral", 1.0, True)
    assert (signed.is_non_negative, text.domains, text.completeness) == (False, ("a", "b"), 39 / 40)
    assert (empty.inferred_type, empty.completeness) == ("Unknown", 0.0)


def test_a_column_with_many_texts_seen_once_has_no_domain(count_csv):
    (feature,) = suggest(count_csv(b"x\na\na\nb\nc\n")).features

    assert feature.domains is None


def test_the_sketch_weighs_every_value_once_and_keeps_the_quantiles(count_csv):
    values = np.random.default_rng(10).permutation(10_007)
    (feature,) = summarise(count_csv(("x\n" + "\n".join(map(str, values)) + "\n").encode())).features

    sketch = feature.numerical.sketch
    assert sum(len(level) << place for place, level in enumerate(sketch)) == 10_007
    assert len(sketch[-1]) <= 2_048
    # The value in the middle of the n-th run of 8 ranks is 8 n + 4, for these values are their own ranks.
    assert sketch[-1][:3] == (4.0, 12.0, 20.0)
    assert plain.median(sketch[-1]) == pytest.approx(5_003, abs=8)
