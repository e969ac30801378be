"""Where enumeration fits, our values are those of interventional TreeSHAP and of KernelSHAP with every coalition."""

import numpy as np
import pytest

from clarify.explain.estimators.base import Estimator
from clarify.explain.explainer import explain_rows
from clarify.explain.games import prepare_game


@pytest.fixture(scope="module")
def shap():
    return pytest.importorskip("shap")


@pytest.fixture(scope="module")
def training_data():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(600, 10))
    answers = features[:, 0] * features[:, 1] + np.sin(3 * features[:, 2]) + features[:, 3:].sum(axis=1) ** 2 / 10
    return features, answers


def explain_tree(shap, tree, rows, baseline):
    def value(x):
        return tree.predict(x)[:, None]

    ours = explain_rows(prepare_game(baseline, value, num_samples=2**10), rows, value)
    theirs = shap.TreeExplainer(tree, data=baseline, feature_perturbation="interventional").shap_values(rows)
    assert (ours.estimator == Estimator.EXACT).all()
    return ours.values[:, 0], theirs


def fitted_tree(training_data, max_depth):
    from sklearn.tree import DecisionTreeRegressor

    features, answers = training_data
    features = features.astype(np.float32).astype(np.float64)     # scikit-learn trees round features to float32
    return DecisionTreeRegressor(max_depth=max_depth, random_state=0).fit(features, answers), features


def test_a_tree_equals_interventional_tree_shap(shap, training_data):
    tree, features = fitted_tree(training_data, max_depth=3)
    # shap adds differences of leaves in float32: its own values miss additivity by 2e-7 unless the leaves are dyadic.
    tree.tree_.value[:] = np.round(tree.tree_.value * 64) / 64

    ours, theirs = explain_tree(shap, tree, features[:40], features[-1:])

    assert ours == pytest.approx(theirs, abs=1e-9)


def test_a_deep_tree_equals_interventional_tree_shap_up_to_its_single_precision(shap, training_data):
    tree, features = fitted_tree(training_data, max_depth=8)

    ours, theirs = explain_tree(shap, tree, features[:40], features[-1:])

    assert (np.linalg.norm(ours - theirs, axis=1) <= 1e-6 * np.linalg.norm(theirs, axis=1)).all()
    scores = tree.predict(features[:40]) - tree.predict(features[-1:])
    assert ours.sum(axis=1) == pytest.approx(scores, abs=1e-12)


def test_the_margin_of_boosted_trees_equals_interventional_tree_shap(shap, training_data):
    xgboost = pytest.importorskip("xgboost")
    features, answers = training_data
    booster = xgboost.train(
        {"max_depth": 5, "objective": "binary:logistic", "nthread": 1, "seed": 0},
        xgboost.DMatrix(features, label=answers > 0.5),
        num_boost_round=60,
    )
    rows, baseline = features[:40], features[-1:]

    def margin(x):
        return booster.inplace_predict(x, predict_type="margin").astype(np.float64)[:, None]

    ours = explain_rows(prepare_game(baseline, margin, num_samples=2**10), rows, margin)
    theirs = shap.TreeExplainer(booster, data=baseline, feature_perturbation="interventional").shap_values(rows)

    distances = np.linalg.norm(ours.values[:, 0] - theirs, axis=1)
    assert (distances <= 1e-5 * np.linalg.norm(theirs, axis=1)).all()


def test_enumeration_equals_kernel_shap_with_every_coalition(shap, training_data):
    features, _ = training_data
    rows, baseline = features[:5, :8], features[-3:, :8]

    def value(x):
        return np.column_stack([np.tanh(x[:, 0] * x[:, 1] + x[:, 2:].sum(axis=1)), np.cos(x).prod(axis=1)])

    ours = explain_rows(prepare_game(baseline, value, num_samples=2**10), rows, value)
    explainer = shap.KernelExplainer(value, baseline)
    theirs = explainer.shap_values(rows, nsamples=2**8, l1_reg=False, silent=True)

    assert ours.values == pytest.approx(np.asarray(theirs).transpose(0, 2, 1), abs=1e-9)
    assert prepare_game(baseline, value).expected_values == pytest.approx(explainer.expected_value, abs=1e-12)
