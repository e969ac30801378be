"""The progress of the attributions in Prefect: only theirs, and never at the cost of the run."""

import json
import logging

import pytest

from clarify.config.settings import RunSettings
from clarify.engines.base import Progress
from clarify.steps.plan import AnalysisRequest

NOWHERE = "http://127.0.0.1:9/api"


@pytest.fixture
def shown(tmp_path):
    from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    from tasks.artifacts import ShownProgress

    (tmp_path / "config.json").write_text(json.dumps({"dataset_type": "text/csv", "label": "y"}))
    with temporary_settings({PREFECT_API_URL: NOWHERE, PREFECT_CLIENT_MAX_RETRIES: 0}):
        yield ShownProgress(AnalysisRequest(str(tmp_path / "config.json"), "out", RunSettings(), "data.csv"))


def gave_up(caplog):
    return [record for record in caplog.records if "not shown any more" in record.message]


def test_a_server_that_is_away_costs_one_line_and_no_run(shown, caplog):
    logging.getLogger("prefect").propagate = True
    with caplog.at_level(logging.WARNING):
        shown(Progress("explaining", 10, 20, 1.0))
        shown(Progress("explaining", 20, 20, 2.0))

    assert len(gave_up(caplog)) == 1


def test_other_passes_are_not_shown(shown, caplog):
    logging.getLogger("prefect").propagate = True
    with caplog.at_level(logging.WARNING):
        shown(Progress("predicting", 20, 20, 1.0))

    assert gave_up(caplog) == []
