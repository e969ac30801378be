"""Where our definitions meet those of scikit-learn (always) and fairlearn (if an interpreter has it), they agree.

CLARIFY_FAIRLEARN_PYTHON names the interpreter; the numbers come from rows here and from counts there.
"""

import json
import os
import subprocess
from pathlib import Path
from random import Random

import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, precision_score, recall_score

from clarify.bias.catalog import BY_NAME
from clarify.bias.contingency import ContingencyTable
from clarify.bias.evaluate import estimate

FAIRLEARN = os.environ.get("CLARIFY_FAIRLEARN_PYTHON")
TABLES = 300
RATES = (("RD", "TPR"), ("SD", "FPR"), ("AD", "accuracy"), ("DAR", "precision"), ("DPPL", "selection"))


def random_rows(seed):
    """Rows of both facets, each with positive and negative labels and predictions: every rate exists."""
    draw = Random(seed)
    rows = [(facet, label, predicted) for facet in "ad" for label in (0, 1) for predicted in (0, 1)]
    rows += [(draw.choice("aaad"), draw.randint(0, 1), int(draw.random() < 0.4)) for _ in range(draw.randint(0, 60))]
    facet, label, predicted = zip(*rows, strict=True)
    return {"facet": list(facet), "label": list(label), "predicted": list(predicted)}


def of_facet(rows, facet):
    chosen = [place for place, value in enumerate(rows["facet"]) if value == facet]
    return [rows["label"][place] for place in chosen], [rows["predicted"][place] for place in chosen]


def confusion(rows, facet):
    (tn, fp), (fn, tp) = confusion_matrix(*of_facet(rows, facet))
    return int(tp), int(fp), int(fn), int(tn)


def ours(rows, name):
    table = ContingencyTable.from_confusion(a=confusion(rows, "a"), d=confusion(rows, "d"))
    return estimate(BY_NAME[name], table.known()).value


@pytest.mark.parametrize(
    ("name", "score"),
    [
        ("RD", recall_score),
        ("DAR", precision_score),
        ("AD", accuracy_score),
        ("SD", lambda y, p: -recall_score(y, p, pos_label=0)),              # d minus a
        ("DRR", lambda y, p: -precision_score(y, p, pos_label=0)),          # d minus a
        ("DPL", lambda y, p: sum(y) / len(y)),
        ("DPPL", lambda y, p: sum(p) / len(p)),
        ("DCA", lambda y, p: sum(y) / sum(p)),
    ],
)
def test_a_difference_is_that_of_scikit_learns_scores_by_group(name, score):
    for seed in range(40):
        rows = random_rows(seed)

        expected = score(*of_facet(rows, "a")) - score(*of_facet(rows, "d"))

        assert ours(rows, name) == pytest.approx(expected, abs=1e-12)


@pytest.mark.skipif(FAIRLEARN is None, reason="CLARIFY_FAIRLEARN_PYTHON names no interpreter with fairlearn")
def test_parity_and_odds_are_fairlearns():
    tables = [random_rows(seed) for seed in range(TABLES)]
    script = Path(__file__).with_name("fairlearn_peer.py")

    question = json.dumps(tables)
    done = subprocess.run([FAIRLEARN, str(script)], input=question, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr[-2000:]
    for rows, theirs in zip(tables, json.loads(done.stdout), strict=True):
        assert abs(ours(rows, "DPPL")) == pytest.approx(theirs["parity_difference"], abs=1e-12)
        assert min(ours(rows, "DI"), 1 / ours(rows, "DI")) == pytest.approx(theirs["parity_ratio"], abs=1e-12)
        odds = max(abs(ours(rows, "RD")), abs(ours(rows, "SD")))
        assert odds == pytest.approx(theirs["odds_difference"], abs=1e-12)
        groups = theirs["by_group"]
        for name, rate in RATES:
            assert ours(rows, name) == pytest.approx(groups[rate]["a"] - groups[rate]["d"], abs=1e-12)
