"""The trees read from a model directory have the served model's scores, and their values are the model's game."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clarify.endpoints.base import EndpointSpec
from clarify.endpoints.in_process import InProcessEndpoint
from clarify.endpoints.tree_reading import TreeReading, read_trees
from clarify.explain.explainer import explain_rows
from clarify.explain.games import prepare_game
from clarify.explain.players import Players
from clarify.explain.trees import explain_trees
from clarify.features import FeatureColumn, Features

xgboost = pytest.importorskip("xgboost")

NAMES = ("age", "income", "debts", "children", "years", "rate")
N_ROWS = 400


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    values = np.random.default_rng(0).normal(size=(N_ROWS, len(NAMES)))
    values[np.random.default_rng(1).random(values.shape) < 0.1] = np.nan
    return pd.DataFrame(values, columns=list(NAMES))


@pytest.fixture(scope="module")
def answers(frame) -> np.ndarray:
    filled = frame.fillna(0.0).to_numpy()
    return filled[:, 0] * filled[:, 1] + filled[:, 2] - 0.4 + 0.5 * np.sin(3 * filled[:, 3])


def trained(frame, label, *, rounds=20, **options):
    options = {"max_depth": 4, "nthread": 1, "seed": 0, "objective": "reg:squarederror"} | options
    return xgboost.train(options, xgboost.DMatrix(frame, label=label, enable_categorical=True), rounds)


def saved(model, path, *, frame=None, model_format="ubj") -> str:
    import mlflow.xgboost
    from mlflow.models import infer_signature

    signature = None if frame is None else infer_signature(frame)
    mlflow.xgboost.save_model(
        model, str(path / "model"), signature=signature, model_format=model_format, pip_requirements=[]
    )
    return str(path / "model")


def margins_of(booster, frame) -> np.ndarray:
    answer = booster.predict(xgboost.DMatrix(frame), output_margin=True)
    return answer.reshape(len(frame), -1).astype(np.float64)


def scores_of(path, frame, spec=None) -> np.ndarray:
    """What the served model answers, by the rules of every server."""
    columns = tuple(FeatureColumn(name, "float") for name in frame)
    endpoint = InProcessEndpoint.of_model(path, spec)
    return endpoint.predict(Features(columns, np.ascontiguousarray(frame.to_numpy()))).scores


def logit(scores):
    return np.log(scores) - np.log1p(-scores)


def close_to(expected):
    """Within XGBoost's single precision, which adds leaves of some size up to margins that may be near 0."""
    return pytest.approx(expected, rel=1e-5, abs=1e-5 * np.abs(expected).max())


@pytest.fixture(scope="module")
def classifier_path(frame, answers, tmp_path_factory) -> str:
    model = xgboost.XGBClassifier(n_estimators=30, max_depth=4, n_jobs=1).fit(frame, answers > 0)
    return saved(model, tmp_path_factory.mktemp("classifier"), frame=frame)


@pytest.fixture(scope="module")
def json_path(frame, answers, tmp_path_factory) -> str:
    return saved(trained(frame, answers), tmp_path_factory.mktemp("json"), frame=frame, model_format="json")


# --- the scores -------------------------------------------------------------------------------------------------------


def test_a_classifier_is_read_as_the_log_odds_of_its_positive_class(classifier_path, frame):
    reading = read_trees(classifier_path, NAMES)

    assert (reading.link, reading.reason) == ("logit", "")
    expected = logit(scores_of(classifier_path, frame))
    assert reading.trees.predict_margin(frame.to_numpy()) == close_to(expected)


@pytest.mark.parametrize(
    "spec",
    [EndpointSpec(positive_label=("0",)), EndpointSpec(positive_label=("1",)), EndpointSpec(label_headers=("a", "b"))],
    ids=["class 0", "class 1", "both"],
)
def test_the_outputs_are_the_score_columns_that_are_selected(classifier_path, frame, spec):
    reading = read_trees(classifier_path, NAMES, spec=spec)

    expected = logit(scores_of(classifier_path, frame, spec))
    assert reading.trees.predict_margin(frame.to_numpy()) == close_to(expected)


@pytest.mark.parametrize(
    ("objective", "link", "options"),
    [
        ("reg:squarederror", "identity", {}),
        ("reg:squarederror", "identity", {"base_score": 7.0}),
        ("reg:squarederror", "identity", {"num_parallel_tree": 3, "subsample": 0.5}),
        ("reg:absoluteerror", "identity", {}),
        ("reg:pseudohubererror", "identity", {}),
        ("reg:quantileerror", "identity", {"quantile_alpha": [0.2, 0.8]}),
        ("rank:ndcg", "identity", {}),
        ("binary:logitraw", "identity", {"base_score": 0.3}),
        ("binary:logistic", "logit", {}),
        ("binary:logistic", "logit", {"base_score": 0.3}),
        ("reg:logistic", "logit", {"tree_method": "exact"}),
    ],
)
def test_margins_of_a_booster_equal_its_own(frame, answers, tmp_path, objective, link, options):
    is_graded = objective.startswith(("binary", "rank")) or link == "logit"
    booster = trained(frame, (answers > 0).astype(int) if is_graded else answers, objective=objective, **options)

    reading = read_trees(saved(booster, tmp_path), NAMES)

    assert reading.link == link, reading.reason
    assert reading.trees.predict_margin(frame.to_numpy()) == close_to(margins_of(booster, frame))


def test_several_regression_outputs_are_read(frame, answers, tmp_path):
    labels = np.column_stack([answers, 3 - answers, answers**2])
    model = xgboost.XGBRegressor(n_estimators=8, max_depth=3, n_jobs=1).fit(frame, labels)

    reading = read_trees(saved(model, tmp_path, frame=frame), NAMES)

    assert reading.trees.predict_margin(frame.to_numpy()) == close_to(model.predict(frame).astype(np.float64))


def test_columns_are_found_by_name_in_any_order(json_path, frame):
    order = [3, 0, 5, 1, 4, 2]
    names = [NAMES[place] for place in order]

    reading = read_trees(json_path, names)

    expected = read_trees(json_path, NAMES).trees.predict_margin(frame.to_numpy())
    assert np.array_equal(reading.trees.predict_margin(frame[names].to_numpy()), expected)


def test_a_booster_without_names_takes_those_of_the_signature(frame, answers, tmp_path):
    booster = trained(frame.to_numpy(), answers)
    path = saved(booster, tmp_path, frame=frame)

    reading = read_trees(path, NAMES[::-1])

    expected = booster.predict(xgboost.DMatrix(frame.to_numpy()), output_margin=True).astype(float)[:, None]
    assert reading.trees.predict_margin(frame.to_numpy()[:, ::-1]) == close_to(expected)


@pytest.fixture(scope="module")
def stopped_early(frame, answers):
    model = xgboost.XGBClassifier(n_estimators=40, max_depth=4, n_jobs=1, early_stopping_rounds=8)
    model.fit(frame[100:], answers[100:] > 0, eval_set=[(frame[:100], answers[:100] > 0.3)], verbose=False)
    assert model.best_iteration + 1 < model.get_booster().num_boosted_rounds()
    return model


def test_a_classifier_that_stopped_early_is_read_up_to_its_best_iteration(stopped_early, frame, tmp_path):
    path = saved(stopped_early, tmp_path, frame=frame)

    reading = read_trees(path, NAMES)

    assert len(reading.trees.roots) == stopped_early.best_iteration + 1
    assert reading.trees.predict_margin(frame.to_numpy()) == close_to(logit(scores_of(path, frame)))


def test_a_booster_that_stopped_early_is_read_to_its_end(stopped_early, frame, tmp_path):
    path = saved(stopped_early.get_booster(), tmp_path, frame=frame)

    reading = read_trees(path, NAMES)

    assert len(reading.trees.roots) == stopped_early.get_booster().num_boosted_rounds()
    assert reading.trees.predict_margin(frame.to_numpy()) == close_to(logit(scores_of(path, frame)))


# --- the game ---------------------------------------------------------------------------------------------------------


def far_apart(ours, theirs):
    """Largest relative distance of a row's values."""
    return (np.linalg.norm(ours - theirs, axis=1) / np.linalg.norm(theirs, axis=1)).max()


@pytest.mark.parametrize("groups", [(), ((0, 4), (1, 2))])
def test_values_equal_the_enumeration_of_all_mixtures(classifier_path, frame, groups):
    booster = xgboost.Booster(model_file=str(Path(classifier_path) / "model.ubj"))
    rows, baseline = frame.to_numpy()[:20], frame.to_numpy()[-3:]
    players = Players.grouped(groups, len(NAMES))

    def margin(values):
        return booster.inplace_predict(pd.DataFrame(values, columns=list(NAMES)), predict_type="margin")[:, None]

    ours = explain_trees(read_trees(classifier_path, NAMES).trees, rows, baseline, players)[:, 0]

    enumerated = explain_rows(prepare_game(baseline, margin, players=players), rows, margin).values[:, 0]
    assert far_apart(ours, enumerated) < 1e-5


@pytest.mark.parametrize("n_baseline", [1, 6])
def test_values_equal_interventional_tree_shap(classifier_path, frame, n_baseline):
    shap = pytest.importorskip("shap")
    booster = xgboost.Booster(model_file=str(Path(classifier_path) / "model.ubj"))
    rows, baseline = frame.to_numpy(), frame.to_numpy()[-n_baseline:]

    ours = explain_trees(read_trees(classifier_path, NAMES).trees, rows, baseline, Players.single(len(NAMES)))[:, 0]

    theirs = shap.TreeExplainer(booster, data=baseline, feature_perturbation="interventional").shap_values(rows)
    differs = np.abs(theirs).sum(axis=1) > 0
    assert far_apart(ours[differs], theirs[differs]) < 1e-5
    assert not ours[~differs].any()


# --- where there is no tree path --------------------------------------------------------------------------------------


def refused(reading: TreeReading) -> str:
    assert reading.trees is None
    return reading.reason


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"objective": "multi:softprob", "num_class": 2}, "objective multi:softprob"),
        ({"objective": "count:poisson"}, "objective count:poisson"),
        ({"objective": "binary:hinge"}, "objective binary:hinge"),
        ({"booster": "dart"}, "dart, not gbtree"),
        ({"booster": "gblinear", "max_depth": None}, "gblinear, not gbtree"),
    ],
)
def test_a_booster_whose_scores_are_no_sum_of_trees_is_refused(frame, answers, tmp_path, options, reason):
    options = {key: value for key, value in options.items() if value is not None}
    booster = trained(frame, (answers > 0).astype(int), **options)

    assert reason in refused(read_trees(saved(booster, tmp_path), NAMES))


def test_a_classifier_of_three_classes_is_refused(frame, answers, tmp_path):
    model = xgboost.XGBClassifier(n_estimators=3, n_jobs=1).fit(frame, np.digitize(answers, [-0.5, 0.5]))

    assert "multi:softprob" in refused(read_trees(saved(model, tmp_path, frame=frame), NAMES))


def test_leaves_of_vectors_are_refused(frame, answers, tmp_path):
    labels = np.column_stack([answers, -answers])
    model = xgboost.XGBRegressor(n_estimators=3, n_jobs=1, multi_strategy="multi_output_tree").fit(frame, labels)

    assert "multi_strategy" in refused(read_trees(saved(model, tmp_path, frame=frame), NAMES))


def test_categories_are_refused(frame, answers, tmp_path):
    mixed = frame.assign(children=pd.Categorical.from_codes(np.arange(N_ROWS) % 5, list("vwxyz")))
    booster = trained(mixed, answers)

    assert "categories" in refused(read_trees(saved(booster, tmp_path), NAMES))


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        (NAMES[:-1], "6 features, the data 5"),
        ((*NAMES, "extra"), "6 features, the data 7"),
        ((*NAMES[:-1], "other"), "columns of the data differ"),
    ],
)
def test_other_columns_are_refused(json_path, columns, reason):
    assert reason in refused(read_trees(json_path, columns))


def test_a_signature_in_another_order_than_the_booster_is_refused(frame, answers, tmp_path):
    path = saved(trained(frame, answers), tmp_path, frame=frame[list(NAMES[::-1])])

    assert "signature differ" in refused(read_trees(path, NAMES))


def test_another_flavour_is_refused(tmp_path):
    import mlflow.pyfunc

    class Sum(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input.sum(axis=1)

    mlflow.pyfunc.save_model(str(tmp_path / "sum"), python_model=Sum(), pip_requirements=[])

    assert "not of MLflow's xgboost flavour" in refused(read_trees(str(tmp_path / "sum"), NAMES))


def test_xgboost_need_not_be_installed(classifier_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "xgboost", None)

    assert read_trees(classifier_path, NAMES).trees is not None


def test_json_and_binary_are_the_same_trees(frame, answers, tmp_path):
    booster = trained(frame, answers)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    as_json = read_trees(saved(booster, tmp_path / "a", model_format="json"), NAMES).trees
    as_binary = read_trees(saved(booster, tmp_path / "b"), NAMES).trees

    values = frame.to_numpy()
    assert np.array_equal(as_json.predict_margin(values), as_binary.predict_margin(values))


# --- hostile files ----------------------------------------------------------------------------------------------------


def altered(json_path, tmp_path, change) -> str:
    path = tmp_path / "altered"
    shutil.copytree(json_path, path)
    file = path / "model.json"
    document = json.loads(file.read_text())
    change(document["learner"])
    file.write_text(json.dumps(document))
    return str(path)


def first_tree(learner):
    return learner["gradient_booster"]["model"]["trees"][0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda learner: first_tree(learner)["left_children"].__setitem__(1, 0), "two parents"),
        (lambda learner: first_tree(learner)["left_children"].__setitem__(0, 10**6), "does not exist"),
        (lambda learner: first_tree(learner)["left_children"].__setitem__(0, 10**12), "no position"),
        (lambda learner: first_tree(learner)["left_children"].__setitem__(0, -1), "one child"),
        (lambda learner: first_tree(learner)["left_children"].pop(), "lists of one length"),
        (lambda learner: first_tree(learner)["split_indices"].__setitem__(0, 6), "does not exist"),
        (lambda learner: first_tree(learner)["split_indices"].__setitem__(0, "age"), "a list of numbers"),
        (lambda learner: first_tree(learner)["split_conditions"].__setitem__(0, float("nan")), "missing threshold"),
        (lambda learner: first_tree(learner)["split_conditions"].__setitem__(0, 10**400), "beyond float64"),
        (lambda learner: first_tree(learner)["split_conditions"].__setitem__(0, 1e300), "beyond float32"),
        (lambda learner: first_tree(learner)["split_conditions"].__setitem__(-1, float("inf")), "not finite"),
        (lambda learner: learner["gradient_booster"]["model"]["tree_info"].pop(), "one a tree"),
        (lambda learner: learner["gradient_booster"]["model"]["tree_info"].__setitem__(0, 3), "outputs 3"),
        (lambda learner: learner["gradient_booster"]["model"].update(trees={}), "a list"),
        (lambda learner: learner["learner_model_param"].update(num_class=str(10**12)), "no more outputs than trees"),
        (lambda learner: learner["learner_model_param"].update(base_score="half"), "JSON"),
        (lambda learner: learner["learner_model_param"].update(base_score="[1, 2]"), "1 or 1 numbers"),
        (lambda learner: learner.update(objective={"name": "binary:logistic"}), "probabilities between 0 and 1"),
        (lambda learner: learner.update(gradient_booster=[]), "an object"),
    ],
)
def test_a_hostile_model_file_is_refused_with_its_reason(json_path, tmp_path, change, reason):
    def with_wide_base_score(learner):
        learner["learner_model_param"]["base_score"] = "2E0"
        change(learner)

    assert reason in refused(read_trees(altered(json_path, tmp_path, with_wide_base_score), NAMES))


@pytest.mark.parametrize(
    "content",
    [
        b'{"learner": ', b'{"learner"' + b":[" * 100_000, b"", b"\x80\x04.", b"{L\x00", b"[" * 100_000,
        b"{L\x7f\xff\xff\xff\xff\xff\xff\xff", b"[$d#L\x7f\xff\xff\xff\xff\xff\xff\xff", b"[$d#i\xff",
        b"{U\x01aZU\x01aZ}", b"{}{}", b"{U\x01\xffZ}", b"{d\x00\x00\x00\x00", b"[$d]", b"Q",
    ],
)  # fmt: skip
def test_a_file_that_is_no_model_is_refused(json_path, tmp_path, content):
    shutil.copytree(json_path, tmp_path / "model")
    (tmp_path / "model" / "model.json").write_bytes(content)

    assert "damaged" in refused(read_trees(str(tmp_path / "model"), NAMES))


def test_a_binary_file_cut_anywhere_is_refused(classifier_path, tmp_path):
    shutil.copytree(classifier_path, tmp_path / "model")
    file = tmp_path / "model" / "model.ubj"
    content = file.read_bytes()

    for end in np.linspace(0, len(content) - 1, 60).astype(int):
        file.write_bytes(content[:end])

        assert "damaged" in refused(read_trees(str(tmp_path / "model"), NAMES))


@pytest.mark.parametrize("seed", range(3))
def test_a_binary_file_with_flipped_bytes_is_read_or_refused(classifier_path, tmp_path, seed):
    shutil.copytree(classifier_path, tmp_path / "model")
    file = tmp_path / "model" / "model.ubj"
    content = np.frombuffer(file.read_bytes(), dtype=np.uint8)
    rng = np.random.default_rng(seed)

    for _ in range(30):
        changed = content.copy()
        changed[rng.integers(len(content), size=20)] = rng.integers(256, size=20)
        file.write_bytes(changed.tobytes())

        reading = read_trees(str(tmp_path / "model"), NAMES)

        assert (reading.trees is None) == bool(reading.reason)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("data: model.json", "data: ../elsewhere.json", "outside the model directory"),
        ("data: model.json", "data: gone.json", "gone.json cannot be read"),
        ("loader_module: mlflow.xgboost", "loader_module: my_code", "other code"),
        ("model_class: xgboost.core.Booster", "model_class: my.Booster", "XGBoost's own"),
        ("flavors:", "flavors: [", "MLmodel cannot be read"),
        ("flavors:", "other:", "xgboost flavour"),
    ],
)
def test_a_hostile_description_is_refused_with_its_reason(json_path, tmp_path, old, new, reason):
    shutil.copytree(json_path, tmp_path / "model")
    file = tmp_path / "model" / "MLmodel"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))

    assert reason in refused(read_trees(str(tmp_path / "model"), NAMES))


def test_a_description_of_nested_merges_is_read_in_no_time(json_path, tmp_path):
    shutil.copytree(json_path, tmp_path / "model")
    file = tmp_path / "model" / "MLmodel"
    lines = ["l0: &l0 {a: b}"]
    lines += [f"l{n}: &l{n} {{<<: [{', '.join([f'*l{n - 1}'] * 10)}]}}" for n in range(1, 12)]
    file.write_text("\n".join([*lines, file.read_text()]))

    assert read_trees(str(tmp_path / "model"), NAMES).trees is not None
