"""Documents of every shape on Spark: the same bytes as on the local engine, closer looks and verdicts included."""

import json

import pandas as pd
import pytest

from clarify.config.settings import RunSettings
from clarify.report.document import read_extended
from clarify.steps.line import run_analysis
from clarify.steps.plan import AnalysisRequest
from tests.subjects import digests

# 300 people of two sexes in three regions; whether they are hired, and guessed to be, goes round by their number.
PEOPLE = pd.DataFrame({"id": [f"p{i}" for i in range(300)]}).assign(
    sex=lambda frame: ["f" if i % 2 else "m" for i in frame.index],
    region=lambda frame: [("north", "south", "east")[i % 3] for i in frame.index],
    hired=lambda frame: [int(i % 5 < 2) for i in frame.index],
    guessed=lambda frame: [int(i % 7 < 3 + i % 2) for i in frame.index],
)
CONFIG = {
    "label_values_or_threshold": [1],
    "facet": [{"name_or_index": "sex", "value_or_threshold": ["f"]}, {"name_or_index": "region"}],
    "methods": {"pre_training_bias": {"methods": "all"}, "post_training_bias": {"methods": "all"}},
}


def json_lines(folder):
    """Two files of records, columns found by path."""
    (folder / "data").mkdir()
    records = [
        json.dumps({"of": [row.sex, row.region], "hired": row.hired, "guess": {"is": row.guessed}})
        for row in PEOPLE.itertuples()
    ]
    for number, part in enumerate((records[:140], records[140:])):
        (folder / "data" / f"part-{number}.jsonl").write_text("\n".join(part))
    keys = {"headers": ["sex", "region", "hired", "guess"], "features": "of", "label": "hired",
            "predicted_label": "guess.is"}  # fmt: skip
    return {**CONFIG, **keys, "dataset_type": "application/jsonlines"}, folder / "data"


def facets_apart(folder):
    """A table, and its facets in another one in another order, joined by key."""
    PEOPLE[["id", "hired", "guessed"]].to_csv(folder / "data.csv", index=False)
    PEOPLE[["id", "sex", "region"]].iloc[::-1].to_csv(folder / "facets.csv", index=False)
    keys = {"label": "hired", "predicted_label": "guessed", "facet_dataset_uri": str(folder / "facets.csv"),
            "joinsource_name_or_index": "id"}  # fmt: skip
    return {**CONFIG, **keys, "dataset_type": "text/csv"}, folder / "data.csv"


@pytest.mark.parametrize("write", [json_lines, facets_apart])
def test_spark_gives_the_bytes_of_the_local_engine(write, tmp_path, spark_session):
    config, data = write(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config))

    runs = [
        run_analysis(
            AnalysisRequest(
                str(tmp_path / "config.json"), str(tmp_path / engine), RunSettings(engine=engine), str(data),
                policy="recommended", cross=(("sex", "region"),),
            )
        )
        for engine in ("local", "spark")
    ]  # fmt: skip

    local, spark = runs
    assert (local.engine, spark.engine) == ("local", "spark")
    assert set(digests(local.output_uri)) == {"analysis.json", "extended.json", "report.ipynb"}
    assert digests(spark.output_uri) == digests(local.output_uri)


def test_both_shapes_hold_the_same_people(tmp_path):
    found = []
    for write in (json_lines, facets_apart):
        folder = tmp_path / write.__name__
        folder.mkdir()
        config, data = write(folder)
        (folder / "config.json").write_text(json.dumps(config))
        settings = RunSettings(engine="local", workers=1)
        run_analysis(AnalysisRequest(str(folder / "config.json"), str(folder / "out"), settings, str(data),
                                     policy="recommended", cross=(("sex", "region"),)))  # fmt: skip
        found.append(read_extended((folder / "out" / "extended.json").read_bytes()))

    lines, table = found
    assert lines.intersections == table.intersections
    # Every sixth person has a sex and a region in common.
    assert {cell.groups: cell.rows for cell in lines.intersections[0].cells} == {
        (sex, region): 50 for sex in ("f", "rest") for region in ("north", "south", "east")
    }
    assert [judgement.verdict for judgement in lines.verdicts.judgements] == [
        judgement.verdict for judgement in table.verdicts.judgements
    ]
