"""The main job, run once for all tests that look at its results."""

import pytest

from clarify.steps.line import run_analysis


@pytest.fixture(scope="session")
def published(subject, tmp_path_factory):
    """An undisturbed analysis on the local engine, served by our own scoring server."""
    return run_analysis(subject.request(tmp_path_factory.mktemp("local") / "out", workers=2))
