"""How a pinned MLflow model directory becomes trees: XGBoost's own format, read without running the model's code."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from clarify.endpoints.base import EndpointSpec
from clarify.endpoints.selection import positive_column
from clarify.endpoints.ubjson import parse_ubjson
from clarify.errors import ClarifyError, DataError, Problem
from clarify.explain.trees import TreeEnsemble

Link = Literal["identity", "logit"]

MAX_DESCRIPTION_BYTES = 4 * 1024 * 1024
MAX_MODEL_BYTES = 128 * 1024 * 1024
MAX_NODES = 1_000_000

# XGBoost's margin is the answer itself: so far as these objectives go, nothing is computed from it.
_IDENTITY_OBJECTIVES = (
    "reg:squarederror", "reg:squaredlogerror", "reg:pseudohubererror", "reg:absoluteerror", "reg:quantileerror",
    "binary:logitraw", "rank:ndcg", "rank:pairwise", "rank:map",
)  # fmt: skip
_LOGIT_OBJECTIVES = ("binary:logistic", "reg:logistic")
_CLASSIFIERS = ("xgboost.sklearn.XGBClassifier", "xgboost.sklearn.XGBRFClassifier")
_OTHER_CLASSES = (
    "xgboost.core.Booster", "xgboost.sklearn.XGBRegressor", "xgboost.sklearn.XGBRFRegressor",
    "xgboost.sklearn.XGBRanker",
)  # fmt: skip


@dataclass(frozen=True)
class TreeReading:
    """The trees behind a model's scores, or the reason why there are none.

    The margins of ``trees`` have the model's score columns, as ``select_predictions`` would pick them; ``link`` says
    how they are related: ``identity`` when the margin is the score, ``logit`` when it is the score's log-odds. With
    ``logit`` the values of the trees are those of the sampled game only where log-odds are explained and there is
    one baseline row: the sampled game averages scores over several, and only then takes the log-odds.
    """

    trees: TreeEnsemble | None
    link: Link = "identity"
    reason: str = ""


def read_trees(model_path: str, columns: Sequence[str], *, spec: EndpointSpec | None = None) -> TreeReading:
    """Read the trees of a pinned MLflow model of the xgboost flavour.

    Parameters
    ----------
    model_path : str
        A model directory, as ``pin_directory`` takes it.
    columns : sequence of str
        Feature names in the order of our matrix; every one must be a plain number (no vocabulary).
    spec : EndpointSpec, optional
        Which class is the positive one, and whether two classes are two scores.

    Returns
    -------
    TreeReading
        Whatever stands in the way is a ``reason``: another flavour, an objective whose scores are no sum of
        trees, splits by category, columns that do not fit, a damaged file.

    Notes
    -----
    Nothing is unpickled and none of the model's own code runs. XGBoost's two formats, JSON and Universal Binary JSON,
    are parsed here: its own parser aborts the whole process on a damaged file (3.2.0), and need not be installed.
    Trees behind the best iteration are dropped where prediction drops them: XGBoost's scikit-learn classes do after
    early stopping, its Booster does not.
    """
    try:
        described = _read_description(Path(model_path))
        document = _read_document(Path(model_path), described)
        learner = _Section(document, "model").section("learner")
        link = _link_of(learner, described)
        ensemble = _ensemble_of(learner, described, columns)
    except _NoTrees as found:
        return TreeReading(None, reason=str(found))
    except ClarifyError as error:
        return TreeReading(None, reason=f"the model file is damaged or of an unknown kind: {error}")
    return TreeReading(_scored(ensemble, described, spec or EndpointSpec()), link)


class _NoTrees(Exception):
    """A model we cannot read as trees; the message is the reason."""


# --- MLflow's description ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Description:
    """What ``MLmodel`` says: the model file, the class that will predict, the signature's columns (or none)."""

    data: str
    model_class: str
    columns: tuple[str, ...]

    @property
    def is_classifier(self) -> bool:
        return self.model_class in _CLASSIFIERS

    @property
    def stops_early(self) -> bool:
        return self.model_class != "xgboost.core.Booster"


def _read_description(directory: Path) -> _Description:
    import yaml

    text = _bounded_bytes(directory / "MLmodel", MAX_DESCRIPTION_BYTES)
    try:
        # Plain text only: no merge keys, which a hostile file could nest until the memory is full.
        document = yaml.load(text, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise _NoTrees(f"MLmodel cannot be read: {type(error).__name__}") from error
    flavours = _Section(document, "MLmodel").section("flavors")
    if "xgboost" not in flavours.values:
        raise _NoTrees("the model is not of MLflow's xgboost flavour")
    flavour, pyfunc = flavours.section("xgboost"), flavours.section("python_function")
    if pyfunc.values.get("loader_module") != "mlflow.xgboost":
        raise _NoTrees("the model is served by other code than MLflow's xgboost flavour")
    model_class = flavour.values.get("model_class", "xgboost.core.Booster")
    if not isinstance(model_class, str) or model_class not in (*_CLASSIFIERS, *_OTHER_CLASSES):
        raise _NoTrees("the class that predicts is not one of XGBoost's own that are known here")
    data = flavour.values.get("data")
    if not isinstance(data, str):
        raise _NoTrees("MLmodel names no model file")
    if not (directory / data).resolve().is_relative_to(directory.resolve()):
        raise _NoTrees("the model file lies outside the model directory")
    return _Description(data, model_class, _signature_names(document))


def _signature_names(document: object) -> tuple[str, ...]:
    signature = _Section(document, "MLmodel").values.get("signature")
    inputs = signature.get("inputs") if isinstance(signature, dict) else None
    columns = _parsed(inputs) if isinstance(inputs, str) else None
    if not isinstance(columns, list) or not all(isinstance(column, dict) for column in columns):
        return ()
    return tuple(str(column["name"]) for column in columns if "name" in column)


# --- XGBoost's document -----------------------------------------------------------------------------------------------


def _read_document(directory: Path, described: _Description) -> object:
    file = directory / described.data
    content = _bounded_bytes(file, MAX_MODEL_BYTES)
    # Both formats begin with a brace; in the binary one the type of a length follows, never a quote or white space.
    if content[:1] == b"{" and content[1:2] in (b'"', b" ", b"\n", b"\r", b"\t"):
        return _parsed(content)
    return parse_ubjson(content)


def _bounded_bytes(file: Path, most: int) -> bytes:
    try:
        if file.stat().st_size > most:
            raise _NoTrees(f"{file.name} is larger than {most} bytes")
        return file.read_bytes()
    except OSError as error:
        raise _NoTrees(f"{file.name} cannot be read: {error.strerror}") from error


def _parsed(text: str | bytes) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _damaged("model", f"{type(error).__name__}: {error}", "JSON") from error


@dataclass(frozen=True)
class _Section:
    """A JSON object of unknown content, read key by key; what does not fit is a DataError that names the place."""

    document: object
    place: str

    @property
    def values(self) -> Mapping[str, object]:
        if not isinstance(self.document, dict):
            raise _damaged(self.place, type(self.document).__name__, "an object")
        return cast("Mapping[str, object]", self.document)

    def section(self, key: str) -> _Section:
        return _Section(self.values.get(key, {}), f"{self.place}.{key}")

    def sections(self, key: str) -> Iterator[_Section]:
        found = self.values.get(key, [])
        if not isinstance(found, list):
            raise _damaged(f"{self.place}.{key}", type(found).__name__, "a list")
        return (_Section(item, f"{self.place}.{key}[{position}]") for position, item in enumerate(found))

    def count(self, key: str) -> int:
        """A whole number, which XGBoost writes as text."""
        found = self.values.get(key, "0")
        try:
            return int(str(found))
        except ValueError as error:
            raise _damaged(f"{self.place}.{key}", repr(found), "a whole number") from error

    def numbers(self, key: str) -> NDArray[np.float64]:
        """A flat list of numbers or booleans; none when the key is absent."""
        found = self.values.get(key, [])
        if isinstance(found, np.ndarray):
            return found.astype(np.float64)
        if not isinstance(found, list) or not all(isinstance(value, int | float) for value in found):
            raise _damaged(f"{self.place}.{key}", type(found).__name__, "a list of numbers")
        try:
            return np.array(found, dtype=np.float64)
        except OverflowError as error:
            raise _damaged(f"{self.place}.{key}", "a number beyond float64", "a list of numbers") from error

    def positions(self, key: str) -> NDArray[np.int32]:
        """A flat list of whole numbers of 32 bits."""
        found = self.numbers(key)
        limits = np.iinfo(np.int32)
        if not ((found == np.rint(found)) & (found >= limits.min) & (found <= limits.max)).all():
            raise _damaged(f"{self.place}.{key}", "a number that is no position", "whole numbers of 32 bits")
        return found.astype(np.int32)


def _link_of(learner: _Section, described: _Description) -> Link:
    objective = str(learner.section("objective").values.get("name", ""))
    if objective in _LOGIT_OBJECTIVES:
        return "logit"
    if described.is_classifier or objective not in _IDENTITY_OBJECTIVES:
        raise _NoTrees(f"the scores of objective {objective} are no sum of trees, nor the inverse logit of one")
    return "identity"


def _ensemble_of(learner: _Section, described: _Description, columns: Sequence[str]) -> TreeEnsemble:
    booster = learner.section("gradient_booster")
    name = booster.values.get("name")
    if name != "gbtree":
        raise _NoTrees(f"the booster is {name}, not gbtree")
    trees, outputs = _trees_used(learner, booster.section("model"), described)
    parameters = learner.section("learner_model_param")
    n_outputs = max(1, parameters.count("num_class"), parameters.count("num_target"))
    if n_outputs > max(1, len(trees)):
        raise _damaged("learner_model_param", f"{n_outputs} outputs", "no more outputs than trees")
    order = _column_order(learner, parameters.count("num_feature"), described, columns)
    nodes = _Nodes.of_trees(trees, len(order))
    thresholds = nodes.conditions.astype(np.float32)
    return TreeEnsemble(
        children=nodes.children,
        columns=np.where(nodes.is_leaf, 0, order[nodes.features]).astype(np.int32),
        thresholds=thresholds,
        missing_left=nodes.missing_left,
        leaf_values=np.where(nodes.is_leaf, thresholds, 0).astype(np.float64),
        roots=nodes.roots,
        outputs=outputs,
        base_scores=_base_margins(learner, parameters, n_outputs),
        n_columns=len(columns),
    )


def _trees_used(
    learner: _Section, model: _Section, described: _Description
) -> tuple[list[_Section], NDArray[np.int32]]:
    """The trees that take part in a prediction, and the output each of them adds to."""
    trees, outputs = list(model.sections("trees")), model.positions("tree_info")
    if len(outputs) != len(trees):
        raise _damaged("tree_info", f"{len(outputs)} entries", f"{len(trees)}, one a tree")
    attributes = learner.section("attributes").values
    if not described.stops_early or "best_iteration" not in attributes:
        return trees, outputs
    n_iterations = learner.section("attributes").count("best_iteration") + 1
    ends = model.positions("iteration_indptr")
    if not 0 < n_iterations < len(ends):
        raise _NoTrees("the best iteration is not among the iterations the file describes")
    n_used = int(ends[n_iterations])
    if not 0 <= n_used <= len(trees):
        raise _damaged("iteration_indptr", str(n_used), f"0 to {len(trees)}")
    return trees[:n_used], outputs[:n_used]


def _column_order(
    learner: _Section, n_features: int, described: _Description, columns: Sequence[str]
) -> NDArray[np.int32]:
    """Where each of the booster's features sits in our matrix."""
    if n_features != len(columns):
        raise _NoTrees(f"the model has {n_features} features, the data {len(columns)}")
    kinds = learner.values.get("feature_types") or []
    if not isinstance(kinds, list) or "c" in kinds:
        raise _NoTrees("the model has features that are categories")
    known = learner.values.get("feature_names") or []
    names = tuple(str(name) for name in known) if isinstance(known, list) else ()
    if names and described.columns and names != described.columns:
        # Our server sends a matrix in the signature's order, which XGBoost would take for its own.
        raise _NoTrees("the features of the booster and the columns of the signature differ")
    names = names or described.columns or tuple(columns)
    position = {name: place for place, name in enumerate(columns)}
    if len(names) != len(columns) or set(names) != set(position):
        raise _NoTrees("the features of the model and the columns of the data differ")
    return np.array([position[name] for name in names], dtype=np.int32)


def _base_margins(learner: _Section, parameters: _Section, n_outputs: int) -> NDArray[np.float64]:
    """The margin before the first tree: XGBoost writes it on the scale of the score, as ``5E-1`` or ``[5E-1]``."""
    written = _parsed(str(parameters.values.get("base_score", "")))
    found = written if isinstance(written, list) else [written]
    if not found or not all(isinstance(value, int | float) for value in found) or len(found) not in (1, n_outputs):
        raise _damaged("learner_model_param.base_score", repr(written), f"1 or {n_outputs} numbers")
    scores = np.broadcast_to(np.array(found, dtype=np.float64), (n_outputs,))
    if learner.section("objective").values.get("name") not in _LOGIT_OBJECTIVES:
        return scores.copy()
    if not ((scores > 0) & (scores < 1)).all():
        raise _damaged("learner_model_param.base_score", repr(written), "probabilities between 0 and 1")
    margins: NDArray[np.float64] = np.log(scores) - np.log1p(-scores)
    return margins


@dataclass(frozen=True)
class _Nodes:
    """The nodes of all trees, one after the other; children count from the first node of all."""

    children: NDArray[np.int32]
    features: NDArray[np.int32]
    conditions: NDArray[np.float64]
    missing_left: NDArray[np.bool_]
    roots: NDArray[np.int32]

    @property
    def is_leaf(self) -> NDArray[np.bool_]:
        return self.children[:, 0] < 0

    @classmethod
    def of_trees(cls, trees: Sequence[_Section], n_features: int) -> _Nodes:
        if not trees:
            raise _NoTrees("the model has no trees")
        sizes, parts = [0], []
        for tree in trees:
            part = _tree_nodes(tree, sizes[-1], n_features)
            sizes.append(sizes[-1] + len(part[0]))
            if sizes[-1] > MAX_NODES:
                raise _NoTrees(f"the model has more than {MAX_NODES} nodes")
            parts.append(part)
        children, features, conditions, missing_left = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return cls(children, features, conditions, missing_left, np.array(sizes[:-1], dtype=np.int32))


def _tree_nodes(
    tree: _Section, start: int, n_features: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64], NDArray[np.bool_]]:
    if tree.section("tree_param").count("size_leaf_vector") > 1:
        raise _NoTrees("the leaves of the model hold a vector each (multi_strategy)")
    if (tree.numbers("split_type") != 0).any():
        raise _NoTrees("the model splits by category")
    left, right = tree.positions("left_children"), tree.positions("right_children")
    features, conditions = tree.positions("split_indices"), tree.numbers("split_conditions")
    missing_left = tree.numbers("default_left") != 0
    n_nodes = len(left)
    if n_nodes == 0 or any(len(part) != n_nodes for part in (right, features, conditions, missing_left)):
        raise _damaged(tree.place, f"{n_nodes} left children and other lists of other lengths", "lists of one length")
    if (np.abs(conditions[np.isfinite(conditions)]) > np.finfo(np.float32).max).any():
        raise _damaged(f"{tree.place}.split_conditions", "a number beyond float32", "numbers of single precision")
    children = np.column_stack([left, right])
    is_inner = (children >= 0).any(axis=1)
    if (children >= n_nodes).any() or ((features < 0) | (features >= n_features))[is_inner].any():
        raise _damaged(tree.place, "a child or a feature that does not exist", "positions inside the model")
    return (
        np.where(children < 0, -1, children + start).astype(np.int32),
        np.where(is_inner, features, 0).astype(np.int32), conditions, missing_left,
    )


# --- the scores the model answers -------------------------------------------------------------------------------------


def _scored(ensemble: TreeEnsemble, described: _Description, spec: EndpointSpec) -> TreeEnsemble:
    """The margins of the score columns: a classifier answers both classes, of which ``selection`` keeps one or two."""
    if not described.is_classifier:
        return ensemble
    if len(spec.label_headers) == 2:
        return ensemble.with_signs((-1, 1))
    return ensemble if positive_column(("0", "1"), spec.positive_label) == 1 else ensemble.with_signs((-1,))


def _damaged(place: str, received: str, allowed: str) -> DataError:
    return DataError(Problem("TREES-FILE", place, received, allowed, "the file is damaged or of an unknown version"))
