"""Attributions by group, drawn rows and chosen rows: from parts as workers leave them to the fields of the section."""

import json
import math
from dataclasses import replace

import jsonschema
import numpy as np
import pandas as pd
import pytest

from clarify.config.presentation import Presentation
from clarify.config.shap_options import ShapOptions
from clarify.data import storage
from clarify.data.dataset import cut, read_fragment
from clarify.data.feature_matrix import read_features
from clarify.endpoints.base import EndpointSpec
from clarify.engines.local import LocalEngine
from clarify.explain.budget import Outcome
from clarify.explain.drawn_rows import position_hashes
from clarify.explain.explainer import LocalAttributions
from clarify.explain.families import feature_groups
from clarify.explain.games import prepare_game
from clarify.report.document import extended_document, read_extended
from clarify.report.schema import extended_schema
from clarify.results import ExplanationSection, GlobalAttribution, ModelDescription, OutputExplanation
from clarify.steps import explained_rows, picked_rows, row_survey
from clarify.steps.baseline_rows import Baseline
from clarify.steps.explained_rows import with_rows
from clarify.steps.explanation_game import ExplanationGame
from clarify.steps.local_parts import LocalParts, local_table
from clarify.steps.predict import part_uri_of, to_parquet
from clarify.steps.provision_endpoint import LeasedEndpoint
from clarify.steps.validate_dataset import keep_rows
from tests.unit.report import attribution_examples

N = 700
EXPECTED = 0.4
CONFIG = {
    "label": "hired",
    "label_values_or_threshold": ["yes"],
    "facet": [
        {"name_or_index": "sex", "value_or_threshold": ["f"]},
        {"name_or_index": "age", "value_or_threshold": [40]},
    ],
    "methods": {"pre_training_bias": {"methods": ["CI"]}},
    "probability_threshold": 0.5,
}


def people(n=N, seed=3):
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "sex": np.where(np.arange(n) % 14 == 5, "f", "m"),
        "age": draw.integers(18, 70, n),
        "income": draw.normal(30, 9, n).round(2),
        "job": draw.choice(["clerk", "cook", "smith"], n, p=[0.6, 0.3, 0.1]),
        "hired": draw.choice(["yes", "no"], n),
    })
    frame.loc[draw.random(n) < 0.05, "sex"] = None
    frame.loc[draw.random(n) < 0.1, "income"] = np.nan
    return frame


def attributions(n=N, n_players=4, n_outputs=1, seed=8, error=0.01, failed=()):
    """Local attributions as an explainer leaves them; they sum to the score minus EXPECTED."""
    draw = np.random.default_rng(seed)
    values = draw.normal(size=(n, n_outputs, n_players)) * (0.4 ** np.arange(n_players)) * 0.1
    errors = np.full(values.shape, error)
    scores = EXPECTED + values.sum(axis=2)
    outcome = np.full(n, Outcome.BUDGET, dtype=np.uint8)
    rows = list(failed)
    values[rows], errors[rows], scores[rows], outcome[rows] = np.nan, np.nan, np.nan, Outcome.FAILED
    zeros = np.zeros(n)
    return LocalAttributions(values, errors, scores, outcome * 0, outcome, zeros, zeros.astype(np.int64))


def part_of(local, rows):
    return LocalAttributions(*(getattr(local, name)[rows] for name in (
        "values", "standard_errors", "scores", "estimator", "outcome", "relative_errors", "calls")))


@pytest.fixture
def look(prepare, tmp_path):
    """The section of some rows and their attributions, looked at as an analysis does."""

    def looked(
        frame, local, *, rows_per_part=64, n_files=1, workers=1, options=None, reported=None, model="probability",
        spec=None, use_logit=False, config=CONFIG, shown=None,
        has_facets=True,
    ):  # fmt: skip
        plan, data = prepare(frame, config, n_files=n_files)
        plan = replace(plan, presentation=shown or Presentation())
        with LocalEngine(workers=workers) as engine:
            data = replace(data, dataset=keep_rows(data, engine))
            if not has_facets:
                data = replace(data, roles=replace(data.roles, facets=()))
            parts_uri = storage.join(data.work_uri, "explanations")
            fragments = tuple(cut(data.dataset, rows_per_part))
            for fragment in fragments:
                rows = slice(fragment.first_row, fragment.first_row + fragment.rows)
                storage.write_bytes(part_uri_of(parts_uri, fragment), to_parquet(local_table(part_of(local, rows))))
            head = read_features(read_fragment(fragments[0]), data.features)
            groups = feature_groups(head.names, options or ShapOptions())
            game = prepare_game(head.values[:1], lambda rows: rows[:, :1] * 0, players=groups.players, num_samples=4)
            settled = ExplanationGame(
                game, Baseline(head.with_values(head.values[:1]), "inline"), groups,
                tuple(f"label{k}" for k in range(local.values.shape[1])), "steady", None, (),
            )
            places = [(place, name) for place, name in enumerate(groups.names) if reported is None or name in reported]
            parts = LocalParts(fragments, parts_uri, settled.outputs, tuple(places))
            lease = LeasedEndpoint(spec or EndpointSpec(), ModelDescription("m", "m", "m", "1", "0", model))
            return with_rows(_section(parts, use_logit), plan, data, lease, settled, parts, engine)

    return looked


def _section(parts, use_logit):
    outputs = tuple(
        OutputExplanation(label, EXPECTED, tuple(
            GlobalAttribution(name, column.mean_abs, column.median, column.mean_sq, column.standard_error,
                              mean_abs_excess=column.mean_abs_excess)
            for (_, name), column in zip(parts.reported, columns, strict=True)
        ))
        for label, columns in zip(parts.outputs, parts.aggregate(), strict=True)
    )  # fmt: skip
    return ExplanationSection(
        outputs, "mean_abs", (("kernel", N),), 4, 4, N, 0, 4, 1, "inline", use_logit=use_logit, seed=0,
        local_values_saved=False,
    )


# --- groups -----------------------------------------------------------------------------------------------------------


def test_every_group_of_every_facet_is_compared_with_the_other_rows(look):
    frame, local = people(), attributions()

    section = look(frame, local)

    of_sex, of_age = section.by_facet
    assert (of_sex.output, of_sex.facet, of_sex.value_or_threshold) == ("label0", "sex", "f")
    assert of_age.value_or_threshold == "(40, 69]"
    assert (of_sex.rows_d, of_sex.rows_a) == ((frame.sex == "f").sum(), (frame.sex == "m").sum())
    assert [effect.feature for effect in of_sex.effects] == ["sex", "age", "income", "job"]
    income = of_sex.effects[2]
    values = local.values[:, 0, 2]
    assert income.mean_d == pytest.approx(values[frame.sex == "f"].mean(), abs=1e-15)
    assert income.gap == pytest.approx(values[frame.sex == "m"].mean() - values[frame.sex == "f"].mean(), abs=1e-15)
    assert income.interval.low < income.gap < income.interval.high


def test_rows_without_attributions_are_in_no_group_and_in_no_sample(look):
    frame = people()
    failed = np.flatnonzero(frame.sex == "f")[:5].tolist()

    section = look(frame, attributions(failed=failed))

    assert section.by_facet[0].rows_d == (frame.sex == "f").sum() - 5
    assert sum(stratum.rows for stratum in section.samples[0].strata) == N - 5


def test_a_group_that_cannot_be_compared_is_counted_and_not_named(look):
    frame = people()
    frame["sex"] = ["f"] + ["m"] * (N - 1)

    section = look(frame, attributions())

    assert [found.facet for found in section.by_facet] == ["age"]
    (notice,) = section.notices
    assert (notice.code, notice.field) == ("SHAP-GROUPS", "facet")
    assert notice.message.startswith("1 of 2 groups have fewer than 2 explained rows on one side")
    assert "sex" not in notice.message


def test_what_exceeds_the_bounds_is_said(look, monkeypatch):
    monkeypatch.setattr(explained_rows, "MOST_GROUPS", 1)
    monkeypatch.setattr(explained_rows, "MOST_COMPARED", 2)
    monkeypatch.setattr(explained_rows, "MOST_OUTPUTS", 1)

    section = look(people(), attributions(n_outputs=2), model="score")

    (found,) = section.by_facet
    assert [effect.feature for effect in found.effects] == ["sex", "age"]            # the two largest
    assert section.notices[0].message == (
        "1 of 2 groups beyond the first 1 are not compared; only the 2 strongest of 4 features are compared; only the"
        " first 1 of 2 outputs are compared"
    )


def test_without_facets_all_rows_are_one_stratum_and_nothing_is_compared(look):
    local = attributions()

    section = look(people(), local, has_facets=False)

    assert (section.by_facet, section.notices) == ((), ())
    assert [(s.facet, s.value_or_threshold, s.rows, s.drawn) for s in section.samples[0].strata] == [("", "", N, 400)]
    assert section.selected[2].row == np.abs(local.scores[:, 0] - 0.5).argmin()
    assert section.selected[2].groups == ()


# --- the sample -------------------------------------------------------------------------------------------------------


def test_a_small_group_is_drawn_whole_and_large_ones_stand_for_more_rows(look):
    frame = people()

    (sample,) = look(frame, attributions()).samples

    women, others = (frame.sex == "f").sum(), (frame.sex != "f").sum()
    assert [(s.facet, s.value_or_threshold, s.rows, s.drawn) for s in sample.strata] == [
        ("sex", "f", women, women), ("", "", others, 400 - women),
    ]
    assert all(len(feature.attributions) == len(feature.codes) == 400 for feature in sample.features)


def test_the_strongest_feature_comes_first_and_its_rows_are_those_of_the_data(look):
    frame, local = people(), attributions()

    (sample,) = look(frame, local).samples

    assert [feature.feature for feature in sample.features] == ["sex", "age", "income", "job"]
    by_name = {feature.feature: feature for feature in sample.features}
    women = np.flatnonzero(frame.sex == "f")
    drawn = np.array(by_name["income"].attributions[: len(women)])
    assert drawn == pytest.approx(local.values[women, 0, 2], rel=1e-5)
    assert all(value == float(f"{value:.6g}") for value in drawn)
    assert by_name["job"].words == ("clerk", "cook", "smith")
    jobs = [by_name["job"].words[code] for code in by_name["job"].codes[: len(women)]]
    assert jobs == frame.job[women].tolist()


def test_numbers_are_in_fifths_by_rank_and_missing_ones_apart(look):
    frame = people()

    (sample,) = look(frame, attributions()).samples

    income = next(feature for feature in sample.features if feature.feature == "income")
    women = frame.income[frame.sex == "f"]
    codes = np.array(income.codes[: len(women)])
    assert ((codes == -1) == women.isna().to_numpy()).all()
    ranks = frame.income.rank(pct=True)[frame.sex == "f"]
    assert np.abs(codes - (5 * ranks).to_numpy())[codes >= 0].max() < 1.3      # fifths are of the rows drawn
    assert set(income.codes) == {-1, 0, 1, 2, 3, 4}
    assert income.words == ()


def test_all_outputs_show_the_same_rows(look):
    local = attributions(n_outputs=3)

    samples = look(people(), local, model="score").samples

    assert [sample.output for sample in samples] == ["label0", "label1", "label2"]
    assert len({sample.strata for sample in samples}) == 1
    codes = [{feature.feature: feature.codes for feature in sample.features} for sample in samples]
    assert codes[0] == codes[1] == codes[2]


def test_one_hot_columns_are_one_feature_whose_words_are_the_columns(look):
    frame = people()
    frame = frame.drop(columns="job").join(pd.get_dummies(frame.job, prefix="job", dtype=int))

    section = look(frame, attributions(), options=ShapOptions(groups=(("job", ()),)))

    job = next(feature for feature in section.samples[0].features if feature.feature == "job")
    assert job.words == ("job_clerk", "job_cook", "job_smith")
    contribution = next(found for found in section.selected[0].contributions if found.feature == "job")
    row = frame.iloc[section.selected[0].row]
    assert row[contribution.value] == 1


def test_any_other_group_of_columns_has_no_categories(look):
    section = look(people(), attributions(n_players=3), options=ShapOptions(groups=(("both", ("age", "income")),)))

    both = next(feature for feature in section.samples[0].features if feature.feature == "both")
    assert (both.words, set(both.codes)) == (("2 columns",), {0})
    values = {found.feature: found.value for row in section.selected for found in row.contributions}
    assert values["both"] == ""


# --- single rows ------------------------------------------------------------------------------------------------------


def test_rows_are_chosen_by_their_scores(look):
    frame, local = people(), attributions(seed=10)

    section = look(frame, local)

    scores = pd.Series(local.scores[:, 0])
    distance = (scores - 0.5).abs()
    lowest, highest, near_f, near_old = section.selected
    assert (lowest.row, highest.row) == (scores.idxmin(), scores.idxmax())
    assert (near_f.row, near_old.row) == (distance[frame.sex == "f"].idxmin(), distance[frame.age > 40].idxmin())
    assert [row.chosen_because for row in section.selected] == ["lowest", "highest", *["nearest_threshold"] * 2]
    assert near_f.groups[0] == ("sex", "f")
    assert section.threshold == 0.5


def test_a_row_is_chosen_once(look):
    frame = people()
    local = attributions()
    best = int(np.abs(local.scores[:, 0] - 0.5).argmin())
    frame.loc[best, ["sex", "age"]] = ["f", 60]

    rows = [row.row for row in look(frame, local).selected]

    assert rows.count(best) == 1
    assert len(rows) == 3


def test_equal_scores_are_settled_by_a_hash_and_not_by_position(look):
    local = attributions()
    local.scores[:] = 0.7

    (lowest, *others) = look(people(), local).selected

    # Of N equal rows the one with the smallest hash is lowest, highest and nearest at once.
    assert lowest.row == position_hashes(np.arange(N), 0).argmin() != 0
    assert lowest.chosen_because == "lowest"
    assert lowest.row not in [row.row for row in others]
    assert {row.chosen_because for row in others} <= {"nearest_threshold"}


def test_expected_value_contributions_and_rest_add_up_to_the_score(look):
    config = {**CONFIG, "facet": CONFIG["facet"][:1]}
    frame = people().assign(**{f"x{k}": np.random.default_rng(k).normal(size=N) for k in range(8)})

    section = look(frame, attributions(n_players=12), config=config)

    for row in section.selected:
        parts = [found.attribution for found in row.contributions]
        assert math.fsum([EXPECTED, *parts, row.rest]) == pytest.approx(row.score, abs=1e-12)
        assert (len(parts), row.n_rest) == (8, 4)
        assert [abs(part) for part in parts] == sorted((abs(part) for part in parts), reverse=True)
        assert row.rest_standard_error == pytest.approx(0.02)              # four errors of 0.01
        assert 0 <= row.first_swaps <= 1 - row.order_holds


def test_features_that_are_not_reported_are_in_the_rest(look):
    section = look(people(), attributions(), reported={"income", "job"})

    for row in section.selected:
        assert {found.feature for found in row.contributions} == {"income", "job"}
        assert row.n_rest == 2
        parts = [found.attribution for found in row.contributions]
        assert math.fsum([EXPECTED, *parts, row.rest]) == pytest.approx(row.score, abs=1e-12)
    assert {feature.feature for feature in section.samples[0].features} == {"income", "job"}


def test_values_are_told_in_words(look):
    frame = people()

    section = look(frame, attributions())

    for row in section.selected:
        told = {found.feature: found.value for found in row.contributions}
        data = frame.iloc[row.row]
        assert told["age"] == str(data.age)
        assert told["job"] == data.job
        assert told["income"] == ("missing" if pd.isna(data.income) else f"{data.income:g}")


def test_exact_rows_have_no_stability(look):
    section = look(people(), attributions(error=0.0))

    assert {(row.order_holds, row.first_swaps) for row in section.selected} == {(None, None)}


@pytest.mark.parametrize(
    ("use_logit", "model", "outputs", "headers", "threshold", "shown"),
    [
        (False, "probability", 1, (), 0.5, "label0"),
        (True, "probability", 1, (), 0.0, "label0"),
        (False, "probability", 2, ("no", "yes"), 0.5, "label1"),
        (False, "score", 2, (), None, "label0"),
        (False, "probability", 3, (), None, "label0"),
    ],
)
def test_the_threshold_is_in_the_unit_of_the_attributions(look, use_logit, model, outputs, headers, threshold, shown):
    spec = EndpointSpec(label_headers=headers, positive_label=("yes",))

    section = look(people(), attributions(n_outputs=outputs), model=model, spec=spec, use_logit=use_logit)

    assert section.threshold == threshold
    assert {row.output for row in section.selected} == {shown}
    assert ("nearest_threshold" in {row.chosen_because for row in section.selected}) == (threshold is not None)


def test_no_single_row_leaves_when_the_presentation_forbids_it(look):
    section = look(people(), attributions(), shown=Presentation(individual_rows=False))

    assert (section.samples, section.selected) == ((), ())
    assert len(section.by_facet) == 2
    assert section.threshold == 0.5


# --- the same everywhere ----------------------------------------------------------------------------------------------


def found_in(section):
    return section.by_facet, section.samples, section.selected


@pytest.mark.parametrize("rows_per_part", [7, 256])
def test_parts_of_any_size_give_the_same_bytes(look, rows_per_part):
    frame, local = people(), attributions()

    assert found_in(look(frame, local, rows_per_part=rows_per_part)) == found_in(look(frame, local))


def test_files_and_stretches_give_the_same_bytes(look, monkeypatch):
    frame, local = people(), attributions()
    whole = look(frame, local)
    monkeypatch.setattr(row_survey, "ROWS_PER_STRETCH", 128)
    monkeypatch.setattr(row_survey, "CELLS_PER_BATCH", 300)

    assert found_in(look(frame, local, n_files=3)) == found_in(whole)


def test_the_sample_is_settled_by_the_seed(look, monkeypatch):
    monkeypatch.setattr(explained_rows, "MOST_DRAWN", 50)
    frame, local = people(), attributions()

    one, same = (look(frame, local).samples for _ in range(2))

    assert one == same
    assert sum(stratum.drawn for stratum in one[0].strata) == 50


def test_only_row_groups_with_wanted_rows_are_read(look, monkeypatch):
    read = []
    fetch_rows = picked_rows.fetch_rows

    def watched(wanted, **options):
        read.append(len(wanted.positions))
        return fetch_rows(wanted, **options)

    monkeypatch.setattr(picked_rows, "fetch_rows", watched)
    section = look(people(), attributions(), n_files=4)

    n_selected = len(section.selected)
    assert sum(read) == 400 + n_selected
    assert len(read) <= 4 + n_selected


# --- the document -----------------------------------------------------------------------------------------------------


def test_the_document_holds_all_of_it_and_fits_its_schema(look):
    result = attribution_examples.explained_result(look(people(), attributions()))

    document = extended_document(result)

    assert read_extended(document) == result
    jsonschema.validate(json.loads(document), extended_schema(), cls=jsonschema.Draft202012Validator)


def test_a_sample_of_twenty_features_and_its_rows_stay_below_their_share_of_the_document(look):
    frame = people().assign(**{f"x{k}": np.random.default_rng(k).normal(size=N) for k in range(16)})
    section = look(frame, attributions(n_players=20))

    size = len(extended_document(attribution_examples.explained_result(section)))
    bare = replace(section, by_facet=(), samples=(), selected=())

    assert (len(section.samples[0].features), len(section.samples[0].features[0].codes)) == (20, 400)
    assert size - len(extended_document(attribution_examples.explained_result(bare))) < 400_000


@pytest.mark.parametrize("kind", [
    "GroupEffect", "FacetAttributions", "SampleStratum", "SampledFeature", "AttributionSample", "Contribution",
    "ExplainedRow",
])  # fmt: skip
def test_the_schema_says_what_every_new_type_holds(kind):
    described = extended_schema()["$defs"][kind]

    told = [field["description"] for field in described["properties"].values() if "description" in field]
    assert described["description"].endswith(".")
    assert told
    assert all(text.endswith(".") for text in told)
