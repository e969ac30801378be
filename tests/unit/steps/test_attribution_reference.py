"""From a published analysis to a reference, and from there to the attributions of a window explained alike."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clarify.drift.attribution_drift import attribution_status
from clarify.errors import ConstraintsError, DataError
from clarify.records import AttributionDrift, Status
from clarify.report.encoding import dump, from_plain, load, to_plain
from clarify.results import Reason
from clarify.steps.attribution_reference import (
    read_attribution_reference,
    write_attribution_reference,
    write_window_baseline,
)
from clarify.steps.check_attribution_drift import check_window_attributions
from clarify.steps.line import run_analysis
from clarify.steps.sample_window import draw, rows_to_explain, sample_window

SHAP = {"num_samples": 64, "save_local_shap_values": True}


def analysed(subject, folder, *, dataset=None, **shap):
    """Only SHAP, in this process."""
    folder.mkdir(parents=True, exist_ok=True)
    config = subject.config()
    config["methods"] = {"shap": {**SHAP, **shap}}
    request = subject.request(folder / "out", config=config, dataset=dataset, workers=1, in_process_model=True)
    return run_analysis(request).output_uri


@pytest.fixture(scope="module")
def analysis(subject, tmp_path_factory):
    return analysed(subject, tmp_path_factory.mktemp("reference-analysis"))


@pytest.fixture(scope="module")
def reference(analysis, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("reference"))
    assert write_attribution_reference(analysis, folder) is not None
    return folder


@pytest.fixture(scope="module")
def window(subject, reference, tmp_path_factory):
    """Forty of the rows again, their columns in another order, explained against the reference's background."""
    folder = tmp_path_factory.mktemp("window")
    rows = subject.frame.sample(40, random_state=3)
    rows[["approved", *sorted(subject.frame.columns.drop("approved"))]].to_csv(folder / "rows.csv", index=False)
    columns = sorted(subject.frame.columns.drop("approved"))
    baseline = write_window_baseline(read_attribution_reference(reference), columns, str(folder / "baseline.csv"))
    return analysed(subject, folder / "run", dataset=str(folder / "rows.csv"), baseline=baseline)


def check(analysis, reference, **options):
    options = {"rule": "decision", "alarms_per_month": 1, "windows_per_month": 30, "key": "k", **options}
    return check_window_attributions(analysis, reference, **options)


# --- writing ----------------------------------------------------------------------------------------------------------


def test_the_reference_holds_the_attributions_their_background_and_how_they_were_made(analysis, tmp_path):
    written = write_attribution_reference(analysis, str(tmp_path))

    assert written == ("attributions/baseline.csv", "attributions/local.parquet", "attributions/attributions.json")
    facts = json.loads((tmp_path / "attributions/attributions.json").read_text())
    extended = json.loads((Path(analysis) / "extended.json").read_text())
    assert (facts["rows"], facts["rows_explained"], facts["aggregation"]) == (240, 240, "mean_abs")
    assert facts["labels"] == ["label0"]
    assert facts["explainer"]["model_digest"] == extended["model"]["digest"]
    assert facts["explainer"]["seed"] == extended["seed"]
    assert (tmp_path / "attributions/baseline.csv").read_bytes() == (
        Path(analysis) / "explanations_shap/baseline.csv"
    ).read_bytes()


def test_attributions_come_back_as_they_were(analysis, reference):
    published = pd.read_parquet(Path(analysis) / "explanations_shap/out.parquet")

    read = read_attribution_reference(reference).attributions

    columns = [f"{feature}_label0" for feature in read.features]
    ours = pd.DataFrame(read.values[:, 0], columns=columns).sort_values(columns).to_numpy()
    assert np.array_equal(ours, published[columns].sort_values(columns).to_numpy())
    document = json.loads((Path(analysis) / "analysis.json").read_text())
    shown = document["explanations"]["kernel_shap"]["label0"]["global_shap_values"]
    assert dict(zip(read.features, read.global_values[0], strict=True)) == shown


def test_a_capped_reference_is_a_draw_of_the_same_rows_whatever_their_order(subject, analysis, tmp_path):
    subject.frame.sample(frac=1, random_state=7).to_csv(tmp_path / "shuffled.csv", index=False)
    shuffled = analysed(subject, tmp_path / "run", dataset=str(tmp_path / "shuffled.csv"))

    write_attribution_reference(analysis, str(tmp_path / "one"), most_rows=50)
    write_attribution_reference(shuffled, str(tmp_path / "two"), most_rows=50)

    for name in ("local.parquet", "attributions.json", "baseline.csv"):
        one, two = (tmp_path / side / "attributions" / name for side in ("one", "two"))
        assert one.read_bytes() == two.read_bytes(), name
    assert len(pd.read_parquet(tmp_path / "one/attributions/local.parquet")) == 50


def test_an_analysis_without_local_attributions_gives_no_reference(subject, tmp_path):
    without = analysed(subject, tmp_path / "run", save_local_shap_values=False)

    assert write_attribution_reference(without, str(tmp_path / "reference")) is None
    assert not (tmp_path / "reference").exists()


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["", "attributions"])
def test_a_reference_is_found_in_its_own_folder_and_in_the_one_above(reference, place):
    assert read_attribution_reference(str(Path(reference) / place)).rows == 240


def test_a_folder_without_a_reference_is_refused_with_its_name(tmp_path):
    with pytest.raises(ConstraintsError, match=rf"reference: received {tmp_path}  \[DRIFT-REFERENCE\]"):
        read_attribution_reference(str(tmp_path))


def test_an_analysis_json_without_explanations_is_refused(tmp_path):
    (tmp_path / "analysis.json").write_text('{"version": "1.0", "pre_training_bias_metrics": {}}')

    with pytest.raises(ConstraintsError, match=r"analysis.json: received KeyError: 'explanations'  \[DRIFT-REFERENCE"):
        read_attribution_reference(str(tmp_path))


def test_rows_that_are_not_those_of_the_document_are_refused(reference, tmp_path):
    for file in (Path(reference) / "attributions").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    pd.read_parquet(tmp_path / "local.parquet").head(10).to_parquet(tmp_path / "local.parquet")

    with pytest.raises(ConstraintsError, match=r"received version 1.0, 10 rows  \[DRIFT-REFERENCE\]"):
        read_attribution_reference(str(tmp_path))


# --- a window ---------------------------------------------------------------------------------------------------------


def test_the_window_is_explained_against_the_background_of_the_reference(analysis, window):
    theirs, ours = (pd.read_csv(Path(uri) / "explanations_shap/baseline.csv") for uri in (analysis, window))

    pd.testing.assert_frame_equal(ours[theirs.columns], theirs)
    expected = [
        json.loads((Path(uri) / "analysis.json").read_text())["explanations"]["kernel_shap"]["label0"]["expected_value"]
        for uri in (analysis, window)
    ]
    assert expected[0] == expected[1]


def test_rows_of_the_reference_itself_are_no_drift_and_nothing_else_differs(window, reference):
    drift = check(window, reference)

    status, _, _ = attribution_status(drift)
    assert status is not Status.VIOLATION
    assert (drift.rows, drift.reference_rows, drift.level) == (40, 240, 1 / 30)
    assert [notice.code for notice in drift.notices] == ["DRIFT-REFERENCE-SMALL"]


def test_what_was_found_survives_its_document(window, reference):
    drift = check(window, reference)

    assert from_plain(AttributionDrift, load(dump(to_plain(drift)), field="record"), field="record") == drift


def test_a_window_of_other_people_is_a_violation_that_names_what_moved(subject, reference, tmp_path):
    moved = subject.frame.assign(age=subject.frame["age"] * 3)
    moved.to_csv(tmp_path / "rows.csv", index=False)
    columns = list(subject.frame.columns.drop("approved"))
    baseline = write_window_baseline(read_attribution_reference(reference), columns, str(tmp_path / "baseline.csv"))
    analysis = analysed(subject, tmp_path / "run", dataset=str(tmp_path / "rows.csv"), baseline=baseline)

    status, reason, headline = attribution_status(check(analysis, reference))

    assert (status, reason) == (Status.VIOLATION, Reason.DRIFT)
    assert headline.startswith("'age' has")


def test_a_background_may_be_parquet(subject, reference, tmp_path):
    columns = list(subject.frame.columns.drop("approved"))
    subject.frame.head(40).to_parquet(tmp_path / "rows.parquet")
    baseline = write_window_baseline(read_attribution_reference(reference), columns, str(tmp_path / "baseline.parquet"))
    config = subject.config(dataset_type="application/x-parquet")
    config["methods"] = {"shap": {**SHAP, "baseline": baseline}}
    request = subject.request(
        tmp_path / "out", config=config, dataset=str(tmp_path / "rows.parquet"), workers=1, in_process_model=True
    )

    drift = check(run_analysis(request).output_uri, reference)

    assert "DRIFT-BACKGROUND" not in {notice.code for notice in drift.notices}


def test_another_background_is_told(subject, reference, tmp_path):
    subject.frame.head(40).to_csv(tmp_path / "rows.csv", index=False)
    baseline = subject.frame.drop(columns="approved").tail(2)
    baseline.to_csv(tmp_path / "baseline.csv", index=False)
    own = analysed(subject, tmp_path / "run", dataset=str(tmp_path / "rows.csv"),
                   baseline=str(tmp_path / "baseline.csv"))

    assert "DRIFT-BACKGROUND" in {notice.code for notice in check(own, reference).notices}


def test_other_means_of_explaining_are_told(subject, reference, tmp_path):
    subject.frame.head(40).to_csv(tmp_path / "rows.csv", index=False)
    own = analysed(subject, tmp_path / "run", dataset=str(tmp_path / "rows.csv"), num_samples=128)

    (notice,) = [notice for notice in check(own, reference).notices if notice.code == "DRIFT-EXPLAINER"]
    assert "num_samples 128 instead of 64" in notice.message


def test_log_odds_are_not_compared_with_probabilities(subject, reference, tmp_path):
    subject.frame.head(40).to_csv(tmp_path / "rows.csv", index=False)
    own = analysed(subject, tmp_path / "run", dataset=str(tmp_path / "rows.csv"), use_logit=True)

    with pytest.raises(DataError, match=r"received log-odds \(use_logit\)  \[DRIFT-UNITS\]"):
        check(own, reference)


def test_a_window_without_local_attributions_cannot_be_checked(subject, reference, tmp_path):
    subject.frame.head(40).to_csv(tmp_path / "rows.csv", index=False)
    own = analysed(subject, tmp_path / "run", dataset=str(tmp_path / "rows.csv"), save_local_shap_values=False)

    with pytest.raises(DataError, match=r"\[DRIFT-NO-LOCAL-VALUES\]"):
        check(own, reference)


def test_a_background_of_other_columns_is_refused(reference, tmp_path):
    with pytest.raises(DataError, match=r"features: received age, height  \[DRIFT-FEATURES\]"):
        write_window_baseline(read_attribution_reference(reference), ["age", "height"], str(tmp_path / "baseline.csv"))


def test_an_analysis_json_of_the_service_is_enough_for_its_rule(analysis, window, tmp_path):
    document = json.loads((Path(analysis) / "analysis.json").read_text())
    values = document["explanations"]["kernel_shap"]["label0"]["global_shap_values"]
    least, *_, most = sorted(values, key=values.get)
    values[least], values[most] = values[most], values[least]
    (tmp_path / "analysis.json").write_text(json.dumps(document))

    drift = check(window, str(tmp_path / "analysis.json"), rule="sagemaker")

    value = drift.outputs[0].ndcg
    assert value < 0.9
    assert attribution_status(drift) == (
        Status.VIOLATION, Reason.DRIFT, f"Feature attribution drift {value} exceeds threshold 0.9"
    )
    undecided = attribution_status(replace(drift, rule="decision"))
    assert undecided[:2] == (Status.INCONCLUSIVE, Reason.NO_REFERENCE)


# --- rows to explain --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reference_rows", "asked", "expected"),
    [(20_000, None, 2_000), (299, None, 30), (20_000, 77, 77), (0, None, 2_000)],
)
def test_a_tenth_of_the_reference_is_explained_unless_asked_otherwise(reference_rows, asked, expected):
    assert rows_to_explain(reference_rows, asked) == expected


def odd_rows(n):
    """Numbers, texts that need quotes, missing cells, empty texts, copies."""
    random = np.random.default_rng(2)
    frame = pd.DataFrame({"x": random.normal(size=n).round(3), "k": random.integers(0, 5, n)})
    frame["text"] = random.choice(['a "b", c', "line\nbreak", "ümlaut", "NA"], n)
    frame.loc[frame.index % 7 == 0, "x"] = np.nan
    return pd.concat([frame, frame.head(n // 4)], ignore_index=True)


def lines(frame):
    return sorted(map(str, frame.astype(object).where(frame.notna(), None).to_numpy().tolist()))


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_another_order_of_the_rows_gives_the_same_bytes(suffix, tmp_path):
    frame = odd_rows(200)
    for name, rows in (("one", frame), ("two", frame.sample(frac=1, random_state=1))):
        write = rows.to_csv if suffix == "csv" else rows.to_parquet
        write(tmp_path / f"{name}.{suffix}", index=False)

    counts = [
        sample_window(str(tmp_path / f"{name}.{suffix}"), 60, str(tmp_path / f"{name}-cut.{suffix}"))
        for name in ("one", "two")
    ]

    assert counts == [(60, 250), (60, 250)]
    assert (tmp_path / f"one-cut.{suffix}").read_bytes() == (tmp_path / f"two-cut.{suffix}").read_bytes()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_fewer_rows_than_allowed_are_all_kept_as_they_are(suffix, tmp_path):
    frame = odd_rows(40)
    (frame.to_csv if suffix == "csv" else frame.to_parquet)(tmp_path / f"rows.{suffix}", index=False)

    counts = sample_window(str(tmp_path / f"rows.{suffix}"), 100, str(tmp_path / f"cut.{suffix}"))

    read = (pd.read_csv if suffix == "csv" else pd.read_parquet)(tmp_path / f"cut.{suffix}")
    assert counts == (50, 50)
    again = (pd.read_csv if suffix == "csv" else pd.read_parquet)(tmp_path / f"rows.{suffix}")
    assert lines(read) == lines(again)


def test_a_file_without_a_header_stays_without(tmp_path):
    (tmp_path / "rows.csv").write_text("1,a\n2,b\n3,c\n")

    sample_window(str(tmp_path / "rows.csv"), 3, str(tmp_path / "cut.csv"), csv_header="absent")

    assert sorted((tmp_path / "cut.csv").read_text().replace('"', "").split()) == ["1,a", "2,b", "3,c"]


def test_dates_and_short_integers_of_parquet_are_drawn_too(tmp_path):
    frame = pd.DataFrame({"at": pd.date_range("2026-01-01", periods=90, freq="h"), "n": np.arange(90, dtype=np.int16)})
    frame.to_parquet(tmp_path / "rows.parquet")

    kept, total = sample_window(str(tmp_path / "rows.parquet"), 20, str(tmp_path / "cut.parquet"))

    assert (kept, total) == (20, 90)
    assert pd.read_parquet(tmp_path / "cut.parquet").dtypes.tolist() == frame.dtypes.tolist()


def test_a_window_without_rows_is_an_error(tmp_path):
    (tmp_path / "rows.csv").write_text("x,y\n")

    with pytest.raises(DataError, match=r"rows.csv: received no rows  \[DATA-EMPTY\]"):
        sample_window(str(tmp_path / "rows.csv"), 5, str(tmp_path / "cut.csv"))


def test_copies_of_a_row_are_drawn_one_by_one():
    hashes = np.repeat(np.array([5, 9], dtype=np.uint64), 500)

    drawn = draw(hashes, 200)

    # 200 of 1,000, half of them copies of each: hypergeometric, mean 100, standard deviation 6.3
    assert abs((hashes[drawn] == 5).sum() - 100) < 5 * 6.3


def test_every_row_has_the_same_chance():
    hashes = np.arange(40_000, dtype=np.uint64)

    drawn = draw(hashes, 4_000)

    # of the first half: mean 2,000, standard deviation 30
    assert abs((drawn < 20_000).sum() - 2_000) < 5 * 30
    assert len(set(drawn.tolist())) == 4_000
