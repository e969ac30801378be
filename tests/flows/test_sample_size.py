"""The planner: from numbers or from a config and its data to rows, powers and smallest changes."""

import json

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from clarify.bias.power import power_of
from clarify.config.settings import RunSettings
from clarify.errors import ConfigError
from clarify.steps.plan import AnalysisRequest
from clarify.steps.sample_size import SampleSizeRequest, plan_sample_size
from clarify.steps.sample_size_text import as_json, as_text
from flows.planning import plan


@pytest.fixture(scope="module")
def app():
    app = typer.Typer()
    app.command()(plan)
    return app


@pytest.fixture
def analysis(tmp_path):
    """1,000 rows: of 800 men half are accepted, of 200 women 70; a config without a model."""
    rows = [("m", 1)] * 400 + [("m", 0)] * 400 + [("f", 1)] * 70 + [("f", 0)] * 130
    frame = pd.DataFrame(rows, columns=["sex", "accepted"])
    frame.assign(predicted=frame["accepted"], age=range(1_000)).to_csv(tmp_path / "data.csv", index=False)

    def request(**changes):
        config = {
            "dataset_type": "text/csv", "label": "accepted", "label_values_or_threshold": [1],
            "facet": [{"name_or_index": "sex", "value_or_threshold": ["f"]}],
            "methods": {"pre_training_bias": {"methods": "all"}}, **changes,
        }
        (tmp_path / "config.json").write_text(json.dumps(config))
        return AnalysisRequest(str(tmp_path / "config.json"), "", RunSettings(engine="local"),
                               str(tmp_path / "data.csv"))

    return request


def test_rows_that_an_effect_needs_are_said_in_words():
    text = as_text(plan_sample_size(SampleSizeRequest("DPL", effect=0.05, share=0.5, rate=0.3)))

    # (1.96 + .8416)^2 (.3 * .7 + .35 * .65) / .05^2 = 1,374 a group by the textbook
    assert "DPL, true value 0.05, allowed [0, 0]" in text
    assert "facet d at 35.0%: 2,75" in text
    assert "needed for a chance of 80% to be called a VIOLATION: 2,75" in text
    assert "Assumes independent rows" in text


def test_rows_that_there_are_give_the_smallest_change_that_they_show():
    planned = plan_sample_size(SampleSizeRequest("DPPL", share=0.2, rows=500, allowed=(-0.1, 0.1)))

    # 400 and 100 rows at a rate of .5
    assert planned.answers[0].detectable.above == pytest.approx(0.2475, abs=1e-4)
    assert "above the range: 0.2475 or beyond is called a VIOLATION with a chance of 80%" in as_text(planned)


def test_effect_and_rows_together_give_the_chance():
    planned = plan_sample_size(SampleSizeRequest("DPPL", 0.25, 0.2, 0.3, (-0.1, 0.1), rows=500))

    # facet d at .05: .985 in the table of expected values
    chances = {round(one.rate_d, 2): one.power for one in planned.answers[0].expected}
    assert chances[0.05] == pytest.approx(0.985, abs=5e-4)


def test_tests_share_the_level():
    one, many = (
        plan_sample_size(SampleSizeRequest("DPL", 0.2, rows=1_000, tests=tests)).answers[0] for tests in (1, 20)
    )

    assert many.most_needed.rows > one.most_needed.rows
    assert many.expected[0].power == power_of(
        "DPL", rows_a=500, rows_d=500, rate_a=0.5, rate_d=many.expected[0].rate_d, low=0.0, high=0.0, level=0.0025
    )


def test_shares_rates_and_rows_come_from_the_data_of_a_config(analysis):
    planned = plan_sample_size(SampleSizeRequest(effect=0.15, allowed=(-0.1, 0.1), analysis=analysis()))
    design = planned.answers[0].design

    assert (design.metric, design.facet, design.group) == ("DPL", "sex", "f")
    assert (design.rows_a, design.rows_d, design.share_d, design.rows_per_row) == (800, 200, 0.2, 1.0)
    assert design.rate_a == 400.5 / 801
    # the table of expected values at pa = .5: .1678 needs n_d 500, .1482 needs 1,000
    assert 500 < planned.answers[0].most_needed.rows_d < 1_000


def test_without_an_effect_a_config_gives_one_smallest_change_a_group(analysis):
    planned = plan_sample_size(SampleSizeRequest(allowed=(-0.1, 0.1), analysis=analysis()))

    # pa = .5, n_d 200: .2060
    assert [answer.design.metric for answer in planned.answers] == ["DPL"]
    assert planned.answers[0].detectable.above == pytest.approx(0.2060, abs=1e-4)


def test_predictions_in_the_data_bring_their_metrics(analysis):
    request = analysis(predicted_label="predicted", methods={"post_training_bias": {"methods": "all"}})

    planned = plan_sample_size(SampleSizeRequest(allowed=(-0.1, 0.1), metric="RD", analysis=request))

    # behind recall are 400 and 70 rows with a positive label
    design = planned.answers[0].design
    assert (design.rows_a, design.rows_d, design.counted) == (400, 70, "rows with a positive label")


def test_no_model_is_asked_and_that_is_said(analysis):
    methods = {"post_training_bias": {"methods": "all"}}
    request = analysis(methods=methods, predictor={"model_name": "models:/nobody/1"})

    planned = plan_sample_size(SampleSizeRequest(allowed=(-0.1, 0.1), analysis=request))

    assert [notice.code for notice in planned.notices] == ["PLAN-LABELS-ONLY"]
    assert planned.answers[0].design.metric == "DPL"


def test_a_policy_brings_ranges_and_the_number_of_tests(analysis):
    planned = plan_sample_size(SampleSizeRequest(policy="recommended", analysis=analysis()))

    # of DI, DPL, RD and AD only DPL can be counted from labels
    assert [(a.design.metric, a.design.low, a.design.high) for a in planned.answers] == [("DPL", -0.1, 0.1)]
    assert planned.tests == 1


@pytest.mark.parametrize(("request_", "code", "sentence"), [
    (SampleSizeRequest(), "PLAN-NOTHING", "--effect: received nothing"),
    (SampleSizeRequest(effect=0.05, allowed=(-0.1, 0.1)), "PLAN-EFFECT-INSIDE", "--effect: received 0.05"),
    (SampleSizeRequest(effect=-0.05), "PLAN-VALUE", "--effect: received -0.05"),
    (SampleSizeRequest(effect=0.05, share=5.0), "PLAN-VALUE", "--share: received 5"),
    (SampleSizeRequest(rows=1), "PLAN-VALUE", "--rows: received 1"),
    (SampleSizeRequest(effect=0.05, tests=0), "PLAN-VALUE", "--tests: received 0"),
    (SampleSizeRequest("CDDL", effect=0.05), "PLAN-METRIC", "--metric: received CDDL"),
    (SampleSizeRequest("GE", effect=0.05), "PLAN-METRIC", "--metric: received GE"),
    (SampleSizeRequest(effect=0.3, allowed=(0.1, -0.1)), "PLAN-RANGE", "--allowed: received 0.1,-0.1"),
    (SampleSizeRequest("DI", effect=0.7, allowed=(-0.8, 0.8)), "PLAN-RANGE", r"--allowed: received \[-0.8, 0.8\]"),
])
def test_what_cannot_be_planned_is_said(request_, code, sentence):
    with pytest.raises(ConfigError, match=rf"{sentence}  \[{code}\]"):
        plan_sample_size(request_)


def test_every_problem_is_told_at_once():
    with pytest.raises(ConfigError) as raised:
        plan_sample_size(SampleSizeRequest("CDDL", -1.0, 2.0))

    assert {problem.field for problem in raised.value.problems} == {"--metric", "--effect", "--share"}


@pytest.mark.parametrize(("changes", "code"), [
    ({"rows": 10}, "PLAN-CONFLICT"), ({"share": 0.1}, "PLAN-CONFLICT"), ({"metric": "RD"}, "PLAN-PREDICTIONS"),
])
def test_what_a_config_settles_is_not_given_beside_it(analysis, changes, code):
    with pytest.raises(ConfigError, match=rf"\[{code}\]"):
        plan_sample_size(SampleSizeRequest(analysis=analysis(), **changes))


def test_a_config_without_bias_metrics_is_refused(analysis):
    request = analysis(methods={"shap": {}}, predictor={"model_name": "models:/nobody/1"})

    with pytest.raises(ConfigError, match=r"methods: received no bias metrics  \[PLAN-NO-BIAS\]"):
        plan_sample_size(SampleSizeRequest(analysis=request))


def test_what_cannot_happen_is_told_apart_from_what_cannot_be_seen():
    text = as_text(plan_sample_size(SampleSizeRequest("DPL", rows=500, share=0.2, rate=0.08, allowed=(-0.1, 0.1))))
    unseen = as_text(plan_sample_size(SampleSizeRequest("DPL", rows=60, share=0.5, rate=0.12, allowed=(-0.1, 0.1))))

    assert "above the range: cannot happen" in text
    assert "above the range: cannot be seen with a chance of 80%" in unseen


def test_the_document_is_json_with_every_answer():
    document = json.loads(as_json(plan_sample_size(SampleSizeRequest("DI", 0.7, 0.1, allowed=(0.8, 1.25)))))

    assert document["status"] == "planned"
    assert document["answers"][0]["needed"][0]["rate_d"] == pytest.approx(0.35)


def test_the_command_prints_the_plan(app):
    answer = CliRunner().invoke(app, ["--effect", "0.3", "--allowed", "0.1", "--share", "0.2"])

    assert answer.exit_code == 0, answer.output
    assert "DPPL, true value 0.3, allowed [-0.1, 0.1]" in answer.output


@pytest.mark.parametrize(("words", "code"), [
    (["--effect", "0.3", "--allowed", "x"], "PLAN-RANGE"),
    (["--effect", "0.3", "--allowed", ","], "PLAN-RANGE"),
    (["--effect", "0.3", "--allowed", "nan,1"], "PLAN-RANGE"),
    (["--effect", "0.3", "--dataset", "data.csv"], "PLAN-DATASET"),
])
def test_the_command_refuses_with_exit_code_2(app, words, code):
    answer = CliRunner().invoke(app, [*words, "--json"])

    assert answer.exit_code == 2
    assert json.loads(answer.stdout)["problems"][0]["code"] == code
