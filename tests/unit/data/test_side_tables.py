"""Facets and predictions in tables of their own: rows find their partners, or the mismatch is counted and named."""

import json

import pyarrow as pa
import pytest

from clarify.config.columns import feature_columns
from clarify.config.parse import parse_analysis_config
from clarify.data import side_tables
from clarify.data.addressing import open_dataset
from clarify.data.dataset import iter_batches, stage
from clarify.data.profile import profile_source
from clarify.errors import ClarifyError, ConfigError, DataError

MAIN = b"id,age,approved\n1,30,0\n2,40,1\n3,50,1\n"


@pytest.fixture
def open_joined(write_file, tmp_path):
    """Write a dataset and side tables, and open what a config says of them."""

    def write_and_open(main=MAIN, facets=None, predictions=None, **keys):
        document = {
            "dataset_type": "text/csv",
            "label": "approved",
            "label_values_or_threshold": [1],
            "facet": [{"name_or_index": "sex", "value_or_threshold": ["f"]}],
            "methods": {"pre_training_bias": {"methods": "all"}},
            **keys,
        }
        for key, table in (("facet_dataset_uri", facets), ("predicted_label_dataset_uri", predictions)):
            if table is not None:
                document[key] = write(table, key)
        config = parse_analysis_config(json.dumps(document)).config
        return open_dataset(config, write(main, "main"))

    def write(table, name):
        if isinstance(table, bytes):
            return write_file(table, f"{name}.csv")
        for index, content in enumerate(table):
            write_file(content, f"{name}/{index}.csv")
        return str(tmp_path / name)

    return write_and_open


def rows_of(source, tmp_path):
    """The rows as the steps get them: typed and staged."""
    profile = profile_source(source)
    dataset = stage(profile.source, profile.kinds, str(tmp_path / "work"))
    return pa.Table.from_batches(list(iter_batches(dataset))).to_pydict()


def problem_of(action):
    with pytest.raises(ClarifyError) as caught:
        action()
    (problem,) = caught.value.problems
    return problem


# Row by row.


def test_single_files_are_joined_row_by_row(open_joined, tmp_path):
    source, config = open_joined(facets=b"sex\nf\nm\nf\n")

    assert rows_of(source, tmp_path) == {
        "id": [1, 2, 3], "age": [30, 40, 50], "approved": [0, 1, 1], "sex": ["f", "m", "f"],
    }  # fmt: skip
    assert config.facets[0].name_or_index == "sex"


def test_rows_stay_together_across_batches(open_joined, tmp_path, monkeypatch):
    from clarify.data import formats

    monkeypatch.setattr(formats, "BLOCK_BYTES", 64)
    main = b"id,age,approved\n" + b"".join(b"%d,30,%d\n" % (i, i % 2) for i in range(100))
    sexes = b"sex\n" + b"".join(b"f%d\n" % i for i in range(100))

    rows = rows_of(open_joined(main, sexes)[0], tmp_path)

    assert rows["sex"] == [f"f{i}" for i in rows["id"]]


@pytest.mark.parametrize(("sexes", "n_rows"), [(b"sex\nf\nm\n", 2), (b"sex\nf\nm\nf\nm\n", 4)])
def test_unequal_row_counts_are_refused_with_both_counts(open_joined, sexes, n_rows):
    source, _ = open_joined(facets=sexes)

    problem = problem_of(lambda: profile_source(source))

    assert (problem.code, problem.field) == ("DATA-JOIN-ROWS", "facet_dataset_uri")
    assert problem.received.startswith(f"{n_rows} rows in ")
    assert "3 rows in " in problem.received


def test_facets_and_predictions_are_both_joined(open_joined, tmp_path):
    source, config = open_joined(facets=b"sex\nf\nm\nf\n", predictions=b"predicted_label\n1\n0\n1\n")

    rows = rows_of(source, tmp_path)

    assert (rows["sex"], rows["predicted_label"]) == (["f", "m", "f"], [1, 0, 1])
    assert config.predicted_label == "predicted_label"


# By key.


def test_rows_find_their_partners_by_key_and_the_lonely_ones_are_counted(open_joined, tmp_path):
    main = MAIN + b",60,0\n9,70,0\n"

    source, _ = open_joined(main, b"sex,id\nm,3\nf,1\nm,7\n", joinsource_name_or_index="id")

    (notice,) = profile_source(source).notices
    assert rows_of(source, tmp_path) == {"id": [1, 3], "age": [30, 50], "approved": [0, 1], "sex": ["f", "m"]}
    assert (notice.code, notice.message.split()[0]) == ("DATA-JOIN-DROPPED", "3")


def test_many_files_are_joined_by_key(open_joined, tmp_path):
    mains = (b"id,age,approved\n1,30,0\n2,40,1\n", b"id,age,approved\n3,50,1\n2,60,0\n")

    source, _ = open_joined(mains, (b"id,sex\n3,m\n", b"id,sex\n2,f\n1,x\n"), joinsource_name_or_index="id")

    assert rows_of(source, tmp_path)["sex"] == ["x", "f", "m", "f"]


def test_a_key_given_by_position_is_found_by_name_first(open_joined, tmp_path):
    source, _ = open_joined(facets=b"sex,id\nm,3\nf,1\nx,2\n", joinsource_name_or_index=0)

    assert rows_of(source, tmp_path)["sex"] == ["f", "x", "m"]


def test_a_key_given_by_position_may_have_another_name_in_the_side_table(open_joined, tmp_path):
    source, _ = open_joined(facets=b"person,sex\n3,m\n1,f\n2,x\n", joinsource_name_or_index=0)

    assert source.column_names == ("id", "age", "approved", "sex")
    assert rows_of(source, tmp_path)["sex"] == ["f", "x", "m"]


def test_keys_are_compared_as_text(open_joined, tmp_path):
    source, _ = open_joined(facets=b"id,sex\n01,f\n2,m\n3,m\n", joinsource_name_or_index="id")

    assert rows_of(source, tmp_path)["id"] == [2, 3]


@pytest.mark.parametrize(
    ("facets", "received"),
    [
        (b"id,sex\n1,f\n2,m\n1,m\n2,f\n3,f\n", "2 keys more than once"),
        (b"id,sex\n1,f\n,m\n", "1 rows of "),
        (b"person,sex\n1,f\n", "'id', which facet_dataset_uri does not have"),
    ],
)
def test_a_key_that_is_missing_empty_or_not_unique_is_refused(open_joined, facets, received):
    problem = problem_of(lambda: open_joined(facets=facets, joinsource_name_or_index="id"))

    assert (problem.code, problem.field) == ("DATA-JOIN-KEY", "joinsource_name_or_index")
    assert received in problem.received


def test_several_files_without_a_key_are_refused(open_joined):
    with pytest.raises(ConfigError, match=r"joinsource_name_or_index: received nothing, with 2 files of the dataset"):
        open_joined((MAIN, MAIN), b"sex\nf\n")


def test_no_partner_for_any_row_is_told_so(open_joined):
    source, _ = open_joined(facets=b"id,sex\n7,f\n", joinsource_name_or_index="id")

    problem = problem_of(lambda: profile_source(source))

    assert problem.code == "DATA-EMPTY"
    assert "join key" in problem.hint


# Columns.


def test_side_columns_and_key_never_reach_the_model(open_joined):
    source, config = open_joined(
        facets=b"id,sex,region\n1,f,n\n2,m,n\n3,f,s\n",
        predictions=b"id,score,yhat\n1,.1,0\n2,.9,1\n3,.8,1\n",
        joinsource_name_or_index="id",
        predicted_label="yhat",
    )

    assert source.column_names == ("id", "age", "approved", "sex", "region", "score", "yhat")
    assert feature_columns(config, source.column_names) == ("age",)


def test_a_facet_position_counts_in_the_facet_table(open_joined):
    _, config = open_joined(
        facets=b"id,sex\n1,f\n2,m\n3,f\n", joinsource_name_or_index="id",
        facet=[{"name_or_index": 1, "value_or_threshold": ["f"]}],
    )  # fmt: skip

    assert config.facets[0].name_or_index == "sex"


def test_a_prediction_position_counts_in_the_prediction_table(open_joined):
    _, config = open_joined(predictions=b"score,yhat\n.1,0\n.9,1\n.8,1\n", predicted_label=1,
                            facet=[{"name_or_index": "age"}])  # fmt: skip

    assert config.predicted_label == "yhat"


def test_a_facet_of_the_dataset_itself_may_be_named_beside_a_facet_table(open_joined):
    _, config = open_joined(facets=b"sex\nf\nm\nf\n", facet=[{"name_or_index": "age"}, {"name_or_index": "sex"}])

    assert [facet.name_or_index for facet in config.facets] == ["age", "sex"]


def test_columns_without_any_name_get_names_of_their_own(open_joined):
    source, config = open_joined(
        b"1,30,0\n2,40,1\n", b"0,5\n1,6\n", b"1\n0\n", label=2,
        facet=[{"name_or_index": 0, "value_or_threshold": [0]}],
    )  # fmt: skip

    assert source.column_names == ("column_0", "column_1", "column_2", "facet_0", "facet_1", "predicted_label")
    assert (config.facets[0].name_or_index, config.predicted_label) == ("facet_0", "predicted_label")


def test_headers_of_a_side_table_name_its_columns(open_joined, tmp_path):
    source, _ = open_joined(facets=b"1,f\n2,m\n3,f\n", facet_headers=["id", "sex"], joinsource_name_or_index="id")

    assert rows_of(source, tmp_path)["sex"] == ["f", "m", "f"]


def test_a_name_in_both_tables_is_refused_naming_both(open_joined):
    problem = problem_of(lambda: open_joined(facets=b"sex,age\nf,1\nm,2\nf,3\n"))

    assert (problem.code, problem.field) == ("DATA-DUPLICATE-COLUMN", "facet_dataset_uri")
    assert "'age' in " in problem.received
    assert "facet_dataset_uri.csv" in problem.received
    assert "main.csv" in problem.received


@pytest.mark.parametrize(
    ("keys", "field", "hint"),
    [
        ({"facet": [{"name_or_index": "sec"}]}, "facet[0].name_or_index", "did you mean 'sex'?"),
        ({"facet": [{"name_or_index": 5}]}, "facet[0].name_or_index", "Unable to locate the facet."),
        ({"facet": [{"name_or_index": "id"}]}, "facet[0].name_or_index", "Unable to locate the facet."),
        ({"label": 4}, "label", "count the columns from 0"),
        ({"group_variable": 3}, "group_variable", "count the columns from 0"),
        ({"excluded_columns": [3]}, "excluded_columns[0]", "count the columns from 0"),
    ],
)
def test_a_column_that_is_not_there_is_told(open_joined, keys, field, hint):
    facets = b"id,sex\n1,f\n2,m\n3,f\n"

    problem = problem_of(lambda: open_joined(facets=facets, joinsource_name_or_index="id", **keys))

    assert (problem.code, problem.field) == ("DATA-COLUMN-MISSING", field)
    assert hint in problem.hint


def test_predictions_without_the_usual_name_must_be_named(open_joined):
    facet, predictions = [{"name_or_index": "age"}], b"yhat,score\n0,.1\n1,.8\n1,.9\n"

    problem = problem_of(lambda: open_joined(predictions=predictions, facet=facet))

    assert (problem.field, problem.received) == ("predicted_label", '"predicted_label"')


# Content.


def test_the_digest_of_the_data_covers_the_side_tables(open_joined):
    digests = {
        profile_source(open_joined(facets=facets)[0]).digest
        for facets in (b"sex\nf\nm\nf\n", b"sex\nf\nm\nm\n", b"sex\nf\nm\nf\n")
    }

    assert len(digests) == 2


def test_a_side_table_that_changes_meanwhile_is_refused(open_joined, write_file):
    source, _ = open_joined(facets=b"sex\nf\nm\nf\n")
    write_file(b"sex\nm\nm\nm\n", "facet_dataset_uri.csv")

    with pytest.raises(DataError, match="DATA-JOIN-CHANGED"):
        profile_source(source)


def test_a_side_table_beyond_the_limit_is_refused(open_joined, monkeypatch):
    monkeypatch.setattr(side_tables, "MAX_BYTES", 1_000)

    with pytest.raises(DataError, match=r"facet_dataset_uri: received over 1,000 bytes.*DATA-SIDE-SIZE"):
        open_joined(facets=b"sex\n" + b"f\n" * 1_000)


def test_every_join_is_told(open_joined):
    source, _ = open_joined(facets=b"sex\nf\nm\nf\n")

    (notice,) = (notice for notice in source.notices if notice.code == "DATA-JOINED")
    assert notice.message.startswith("'sex' joined row by row from 3 rows of ")
