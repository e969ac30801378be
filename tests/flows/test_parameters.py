"""The form of the flow: what a request becomes as parameters, and back."""

import json

import pytest
from pydantic import ValidationError

from clarify.config.presentation import Presentation
from clarify.config.settings import RunSettings
from clarify.config.shap_options import ShapOptions
from clarify.steps.plan import AnalysisRequest
from flows.analysis import AnalysisParameters

SHAP = ShapOptions(
    estimator="kriging",
    tolerance=0.1,
    tree_path="off",
    groups=(("place", ("lat", "lon")), ("job", ())),
    group_one_hot=True,
)


def test_a_request_comes_back_as_it_went_through_the_form():
    settings = RunSettings(tracking_uri="http://127.0.0.1:5000", workers=2)
    cross = (("sex", "region"), ("sex", "age", "region"))
    shown = Presentation(mask_names=True, suppress_below=10, individual_rows=False)
    request = AnalysisRequest(
        "config.json", "out", settings, "data.csv", 7, SHAP, "policy.yaml", "types.yaml", cross, shown
    )

    stored = json.loads(AnalysisParameters.of(request).model_dump_json())

    assert AnalysisParameters(**stored).request() == request


def test_a_form_left_empty_asks_for_the_usual():
    request = AnalysisParameters(config="config.json", output="out").request()

    assert request.shap == ShapOptions()
    assert (request.policy, request.types, request.cross) == (None, None, ())
    assert request.presentation == Presentation()


@pytest.mark.parametrize("changes", [{"estimator": "linear"}, {"tolerance": 0}, {"tolerance": 1}, {"tree_path": "on"}])
def test_the_form_refuses_what_cannot_be_asked_for(changes):
    with pytest.raises(ValidationError, match=next(iter(changes))):
        AnalysisParameters(config="config.json", output="out", **changes)


def test_every_parameter_is_explained():
    fields = AnalysisParameters.model_json_schema()["properties"]

    assert [name for name, field in fields.items() if not field.get("description")] == []
