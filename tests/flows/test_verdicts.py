"""Verdicts from a policy, all the way: the library, the command line, Prefect, MLflow and the documents."""

import json
import math
from dataclasses import replace
from pathlib import Path

import httpx
import jsonschema
import pandas as pd
import pytest
from typer.testing import CliRunner

from clarify.config.settings import RunSettings
from clarify.report.document import read_extended
from clarify.report.schema import extended_schema
from clarify.results import Reason, Verdict
from clarify.steps.line import run_analysis
from clarify.steps.plan import AnalysisRequest
from flows.cli import app
from tests.subjects import digests

# 60 of 200 women and 100 of 200 men are accepted: DPPL is 0.5 - 0.3 = 0.2, with a standard error of
# sqrt(0.3 * 0.7 / 200 + 0.5 * 0.5 / 200) = 0.048, so that 95 % of plausible values lie from about 0.11 to 0.29.
DPPL = 0.2
PEOPLE = [
    ("m", "yes", "yes", 80), ("m", "yes", "no", 20), ("m", "no", "yes", 20), ("m", "no", "no", 80),
    ("f", "yes", "yes", 50), ("f", "yes", "no", 30), ("f", "no", "yes", 10), ("f", "no", "no", 110),
]  # fmt: skip
ALLOWED = {Verdict.PASS: (-0.4, 0.4), Verdict.VIOLATION: (-0.05, 0.05), Verdict.INCONCLUSIVE: (-0.2, 0.2)}
STATES = {
    Verdict.PASS: "Completed",
    Verdict.VIOLATION: "CompletedWithViolations",
    Verdict.INCONCLUSIVE: "CompletedInconclusive",
}


def write_policy(folder, name, *ranges):
    path = Path(folder) / f"{name}.json"
    path.write_text(json.dumps({"version": "1.0", "name": name, "small_group": 0, "ranges": list(ranges)}))
    return str(path)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Data with predictions, a config, and one policy for each verdict."""
    folder = tmp_path_factory.mktemp("verdicts")
    rows = [(sex, label, said) for sex, label, said, n in PEOPLE for _ in range(n)]
    pd.DataFrame(rows, columns=["sex", "approved", "predicted_label"]).to_csv(folder / "data.csv", index=False)
    config = {
        "dataset_type": "text/csv",
        "label": "approved",
        "label_values_or_threshold": ["yes"],
        "predicted_label": "predicted_label",
        "facet": [{"name_or_index": "sex", "value_or_threshold": ["f"]}],
        "methods": {"pre_training_bias": {"methods": ["DPL"]}, "post_training_bias": {"methods": ["DPPL", "DI"]}},
    }
    (folder / "config.json").write_text(json.dumps(config))
    by_position = {**config, "facet": [{"name_or_index": 0, "value_or_threshold": ["f"]}]}
    (folder / "by_position.json").write_text(json.dumps(by_position))
    for verdict, (low, high) in ALLOWED.items():
        write_policy(folder, verdict, {"metric": "DPPL", "low": low, "high": high})
    return folder


def asked(place, output, policy=None, *, config="config.json", **settings):
    chosen = RunSettings(**{"engine": "local", "workers": 1, **settings})
    uri = None if policy is None else str(place / f"{policy}.json")
    return AnalysisRequest(str(place / config), str(output), chosen, str(place / "data.csv"), policy=uri)


@pytest.fixture(scope="module")
def judged(place, tmp_path_factory):
    """One analysis for each verdict."""
    folder = tmp_path_factory.mktemp("judged")
    return {verdict: run_analysis(asked(place, folder / verdict, verdict)) for verdict in ALLOWED}


def extended(published):
    return (Path(published.output_uri) / "extended.json").read_bytes()


# --- the library ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", ALLOWED)
def test_the_counts_decide_where_the_value_lies(judged, verdict):
    section = judged[verdict].result.verdicts

    (judgement,) = section.judgements
    place = (judgement.stage, judgement.facet, judgement.value_or_threshold, judgement.metric)
    assert place == ("post_training", "sex", "f", "DPPL")
    assert judgement.value == pytest.approx(DPPL, abs=1e-12)
    assert (judgement.evidence.low, judgement.evidence.high) == ALLOWED[verdict]
    assert (judgement.verdict, section.verdict) == (verdict, verdict)
    assert (section.policy, section.tests) == (verdict, 1)


def test_what_is_left_open_says_why_and_what_these_rows_could_have_shown(judged):
    (judgement,) = judged[Verdict.INCONCLUSIVE].result.verdicts.judgements

    assert judgement.reason is Reason.TOO_FEW
    # Seen four times in five: 1.96 + 0.84 standard errors beyond the limit, each about 0.048.
    assert judgement.detectable.above == pytest.approx(0.2 + 2.8 * 0.048, abs=0.015)


def test_without_a_policy_there_is_no_verdict_and_the_same_analysis_json(place, judged, tmp_path):
    run = run_analysis(asked(place, tmp_path / "out"))

    assert run.result.verdicts is None
    assert json.loads(extended(run))["verdicts"] is None
    assert digests(run.output_uri)["analysis.json"] == digests(judged[Verdict.PASS].output_uri)["analysis.json"]


@pytest.mark.parametrize("verdict", ALLOWED)
def test_extended_json_fits_its_schema_and_reads_back_as_the_same_verdicts(judged, verdict):
    content = extended(judged[verdict])

    jsonschema.validate(json.loads(content), extended_schema(), cls=jsonschema.Draft202012Validator)
    assert read_extended(content) == judged[verdict].result


TITLES = {
    Verdict.PASS: "No violation, none undecided",
    Verdict.VIOLATION: "1 violation, none undecided",
    Verdict.INCONCLUSIVE: "No violation, 1 undecided",
}


@pytest.mark.parametrize("verdict", ALLOWED)
def test_the_report_opens_with_the_verdict(judged, verdict):
    page = Path(judged[verdict].report_uri).read_text()

    assert f"<title>{TITLES[verdict]}: data.csv" in page


def test_two_workers_give_the_same_bytes_as_one(place, judged, tmp_path):
    run = run_analysis(asked(place, tmp_path / "out", Verdict.INCONCLUSIVE, workers=2))

    assert digests(run.output_uri) == digests(judged[Verdict.INCONCLUSIVE].output_uri)


def test_the_recommended_policy_says_which_of_its_ranges_nothing_was_computed_for(place, tmp_path):
    run = run_analysis(replace(asked(place, tmp_path / "out"), policy="recommended"))

    section = run.result.verdicts
    assert [judgement.metric for judgement in section.judgements] == ["DPL", "DI"]
    (notice,) = [notice for notice in section.notices if notice.code == "POLICY-UNMATCHED"]
    assert notice.field == "policy.ranges[1].metric"
    assert "not computed: RD, AD" in notice.message
    assert "not computed: RD, AD" in Path(run.report_uri).read_text()


def test_a_policy_names_the_facet_that_the_config_counts(place, judged, tmp_path):
    rules = write_policy(tmp_path, Verdict.VIOLATION, {"metric": "DPPL", "low": -0.05, "high": 0.05, "facet": "sex"})
    request = replace(asked(place, tmp_path / "out", config="by_position.json"), policy=rules)

    run = run_analysis(request)

    assert run.result.verdicts.judgements == judged[Verdict.VIOLATION].result.verdicts.judgements


# --- the command line -------------------------------------------------------------------------------------------


def analyze(place, output, *options, config="config.json"):
    """`clarify analyze` in this process."""
    words = ["analyze", place / config, "--dataset", place / "data.csv", "--output", output, "--workers", 1]
    return CliRunner().invoke(app, [str(word) for word in (*words, "--direct", "--quiet", *options)])


EXIT_CODES = {
    Verdict.PASS: {"violation": 0, "inconclusive": 0, "never": 0},
    Verdict.VIOLATION: {"violation": 1, "inconclusive": 1, "never": 0},
    Verdict.INCONCLUSIVE: {"violation": 0, "inconclusive": 3, "never": 0},
}


@pytest.mark.parametrize("fail_on", ["violation", "inconclusive", "never"])
@pytest.mark.parametrize("verdict", ALLOWED)
def test_the_exit_code_is_the_verdict_as_far_as_it_is_to_fail(place, tmp_path, verdict, fail_on):
    policy = place / f"{verdict}.json"

    answer = analyze(place, tmp_path / "out", "--policy", policy, "--fail-on", fail_on, "--json")

    assert answer.exit_code == EXIT_CODES[verdict][fail_on], answer.stderr
    assert json.loads(answer.stdout)["verdict"] == verdict
    assert (tmp_path / "out" / "manifest.json").exists()        # a verdict is a finding: everything is published


@pytest.mark.parametrize(("verdict", "code"), [(Verdict.PASS, 0), (Verdict.VIOLATION, 1), (Verdict.INCONCLUSIVE, 3)])
def test_a_violation_and_an_open_question_fail_unless_somebody_says_otherwise(place, tmp_path, verdict, code):
    answer = analyze(place, tmp_path / "out", "--policy", place / f"{verdict}.json")

    assert answer.exit_code == code, answer.stderr
    assert "Of 1 check" in answer.stdout or "None of 1 check" in answer.stdout


def test_without_a_policy_nothing_fails(place, tmp_path):
    answer = analyze(place, tmp_path / "out", "--json")

    assert answer.exit_code == 0, answer.stderr
    assert json.loads(answer.stdout)["verdict"] is None


def test_what_is_to_fail_is_checked_before_any_work(place, tmp_path):
    answer = analyze(place, tmp_path / "out", "--fail-on", "warning")

    assert answer.exit_code == 2
    assert "--fail-on: received 'warning'" in answer.stderr
    assert "violation or inconclusive or never" in answer.stderr
    assert not (tmp_path / "out").exists()


WRONG = {
    "a facet that is not there": (
        {"metric": "DPPL", "high": 0.1, "facet": "sx"},
        "CFG-POLICY-FACET",
        "policy.ranges[0].facet",
        "did you mean sex?",
    ),
    "a range that cannot be": (
        {"metric": "DPPL", "low": 1.5}, "CFG-POLICY-IMPOSSIBLE", "policy.ranges[0].low", "DPPL lies within [-1, 1]"
    ),
    "a metric misspelt": (
        {"metric": "dppl", "high": 0.1}, "CFG-POLICY-METRIC", "policy.ranges[0].metric", "did you mean DPPL?"
    ),
}  # fmt: skip


@pytest.mark.parametrize("config", ["config.json", "by_position.json"])
@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_policy_is_refused_and_nothing_is_published(place, tmp_path, fault, config):
    rule, code, field, words = WRONG[fault]
    policy = write_policy(tmp_path, "wrong", rule)

    answer = analyze(place, tmp_path / "out", "--policy", policy, "--json", config=config)

    assert answer.exit_code == 2
    (problem,) = json.loads(answer.stdout)["problems"]
    assert (problem["code"], problem["field"]) == (code, field)
    assert words in f"{problem['allowed']} {problem['hint']}"
    assert not (tmp_path / "out").exists()


def test_a_policy_that_is_not_there_is_refused_by_its_option(place, tmp_path):
    answer = analyze(place, tmp_path / "out", "--policy", tmp_path / "none.yaml")

    assert answer.exit_code == 2
    assert "--policy: received" in answer.stderr
    assert "none.yaml" in answer.stderr
    assert "[CFG-NOT-FOUND]" in answer.stderr
    assert not (tmp_path / "out").exists()


def test_a_refused_policy_leaves_earlier_results_as_they_were(place, tmp_path):
    analyze(place, tmp_path / "out")
    before = digests(tmp_path / "out")

    answer = analyze(place, tmp_path / "out", "--policy", tmp_path / "none.yaml")

    assert answer.exit_code == 2
    assert digests(tmp_path / "out") == before


# --- Prefect and MLflow -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=ALLOWED)
def flow_state(request, place, prefect_api, mlflow_server, tmp_path_factory):
    """One run of the flow for each verdict: the verdict, the state it ended in, and where its results are."""
    from flows.analysis import AnalysisParameters, clarify_analysis

    output = tmp_path_factory.mktemp("flow") / "out"
    parameters = AnalysisParameters.of(asked(place, output, request.param, tracking_uri=mlflow_server))
    return request.param, clarify_analysis(parameters, return_state=True), output


def test_a_flow_run_is_completed_and_named_after_its_verdict(flow_state, prefect_api):
    verdict, state, _ = flow_state

    assert (state.name, state.type.value) == (STATES[verdict], "COMPLETED")
    shown = httpx.get(f"{prefect_api}/flow_runs/{state.state_details.flow_run_id}").json()
    assert (shown["state_name"], shown["state_type"]) == (STATES[verdict], "COMPLETED")
    assert "1 check" in shown["state"]["message"]


def test_a_flow_run_gives_the_bytes_of_the_library(flow_state, judged):
    verdict, _, output = flow_state

    assert digests(output) == digests(judged[verdict].output_uri)


def test_a_flow_run_lists_its_verdicts(flow_state, prefect_api):
    verdict, state, _ = flow_state
    mine = {"flow_runs": {"id": {"any_": [str(state.state_details.flow_run_id)]}}}

    artifacts = httpx.post(f"{prefect_api}/artifacts/filter", json=mine).json()

    (table,) = [artifact["data"] for artifact in artifacts if artifact["key"].endswith("-verdicts")]
    row = (json.loads(table) if isinstance(table, str) else table)[0]
    assert (row["Verdict"], row["Check"], row["Facet"]) == (verdict, "Positive decisions (DPPL)", "`sex`")


def run_of(mlflow_server, output):
    """The MLflow run that says it wrote this output."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(mlflow_server)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    (found,) = client.search_runs(experiments, filter_string=f"tags.`clarify.output` = '{output}'")
    return found


def test_mlflow_holds_the_verdict_as_tags_that_can_be_searched(flow_state, mlflow_server, judged):
    verdict, _, output = flow_state

    run = run_of(mlflow_server, output)

    why = " (too_few)" if verdict is Verdict.INCONCLUSIVE else ""
    assert run.info.status == "FINISHED"
    assert run.data.tags["clarify.status"] == verdict.lower()
    assert run.data.tags["clarify.policy"] == verdict
    assert run.data.tags["clarify.policy_digest"] == judged[verdict].result.verdicts.policy_digest
    assert run.data.tags["clarify.verdict.sex-f/DPPL"] == f"{verdict}{why}"
    assert run.data.tags["clarify.violations"] == str(int(verdict is Verdict.VIOLATION))
    assert run.data.tags["clarify.inconclusive"] == str(int(verdict is Verdict.INCONCLUSIVE))
    codes = {Verdict.PASS: 1.0, Verdict.INCONCLUSIVE: 0.0, Verdict.VIOLATION: -1.0}
    assert run.data.metrics["clarify/sex-f/DPPL/verdict_code"] == codes[verdict]


def test_a_refused_policy_is_a_failed_run_without_a_verdict(place, prefect_api, mlflow_server, tmp_path):
    from flows.analysis import AnalysisParameters, clarify_analysis

    parameters = AnalysisParameters.of(asked(place, tmp_path / "out", "none", tracking_uri=mlflow_server))

    state = clarify_analysis(parameters, return_state=True)

    assert (state.name, state.type.value) == ("Failed", "FAILED")
    run = run_of(mlflow_server, tmp_path / "out")
    assert run.info.status == "FAILED"
    assert "clarify.status" not in run.data.tags
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def extreme(mlflow_server, tmp_path_factory):
    """Nobody outside the groups is accepted, so ratios have no upper limit; two names of groups look alike."""
    folder = tmp_path_factory.mktemp("extreme")
    groups = ["a b", "a-b", "other"]
    rows = [(group, "yes" if i % 2 else "no", "yes" if group == "a b" and i < 5 else "no")
            for group in groups for i in range(20)]  # fmt: skip
    pd.DataFrame(rows, columns=["group", "approved", "predicted_label"]).to_csv(folder / "data.csv", index=False)
    config = {
        "dataset_type": "text/csv",
        "label": "approved",
        "label_values_or_threshold": ["yes"],
        "predicted_label": "predicted_label",
        "facet": [{"name_or_index": "group", "value_or_threshold": [group]} for group in groups[:2]],
        "methods": {"post_training_bias": {"methods": "all"}},
    }
    (folder / "config.json").write_text(json.dumps(config))
    policy = write_policy(folder, "floor", {"metric": "DI", "low": 0.1}, {"metric": "DPPL", "low": -0.9})
    words = ("--policy", policy, "--tracking-uri", mlflow_server, "--fail-on", "never")
    answer = analyze(folder, folder / "out", *words)
    assert answer.exit_code == 0, answer.output
    return folder / "out"


def test_mlflow_is_told_nothing_infinite(extreme, mlflow_server):
    run = run_of(mlflow_server, extreme)

    result = read_extended((extreme / "extended.json").read_bytes())
    metrics = {metric.name: metric for metric in result.post_training.facets[0].metrics}
    assert metrics["DI"].interval.high == math.inf              # the case is the one that is meant
    assert all(math.isfinite(value) for value in run.data.metrics.values())


def test_groups_whose_names_look_alike_keep_a_verdict_each(extreme, mlflow_server):
    tags = run_of(mlflow_server, extreme).data.tags

    told = {name for name in tags if name.startswith("clarify.verdict.") and name.endswith("/DPPL")}
    assert told == {"clarify.verdict.group-a-b/DPPL", "clarify.verdict.group-a-b-2/DPPL"}


def test_the_registered_model_bears_the_verdict_and_leads_to_the_run(subject, mlflow_server, tmp_path):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(mlflow_server)
    source = client.create_run(client.create_experiment("where the judged model comes from"))
    client.log_artifacts(source.info.run_id, subject.model, "model")
    client.create_registered_model("judged")
    client.create_model_version("judged", f"{source.info.artifact_uri}/model", source.info.run_id)
    client.update_model_version("judged", "1", "Trained by Ann.")
    methods = {"post_training_bias": {"methods": ["DPPL"]}}
    config = subject.config(methods=methods, predictor={"model_name": "models:/judged/1"})
    request = subject.request(tmp_path / "out", config=config)
    policy = write_policy(tmp_path, "unreachable", {"metric": "DPPL", "low": 0.9})     # hardly any gap is so wide

    words = ["analyze", request.config, "--dataset", subject.data, "--output", str(tmp_path / "out"), "--direct",
             "--quiet", "--in-process-model", "--workers", "1", "--tracking-uri", mlflow_server, "--policy", policy]
    answer = CliRunner().invoke(app, words)  # fmt: skip

    assert answer.exit_code == 1, answer.output
    version, run = client.get_model_version("judged", "1"), run_of(mlflow_server, tmp_path / "out")
    assert version.tags["clarify.status"] == "violation"
    assert version.tags["clarify.run_id"] == run.info.run_id
    assert version.description.startswith("Trained by Ann.\n\n<!--")
    assert "**VIOLATION**: Of 4 checks, " in version.description
    place = f"#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}/artifacts/report/report.html"
    assert f"[Report]({mlflow_server}/{place})" in version.description
