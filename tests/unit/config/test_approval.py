"""The record of a decision: read as written, or refused with every problem."""

import pytest

from clarify.config.approval import Approval, read_approval
from clarify.errors import ConfigError


def test_every_key_is_a_text_and_a_date_may_be_written_bare():
    written = b"name: A. Officer\nrole: Model risk\ndate: 2026-11-23\ndecision: approved\nconditions: for a year\n"

    assert read_approval(written) == Approval("A. Officer", "Model risk", "2026-11-23", "approved", "for a year")


def test_what_is_left_out_is_a_line_to_write_on():
    assert read_approval(b'{"name": "A. Officer", "conditions": null}') == Approval("A. Officer")


def test_unknown_keys_and_other_types_are_told_together():
    with pytest.raises(ConfigError) as refused:
        read_approval(b"nme: A. Officer\ndecision: [approved]\n")

    found = [(problem.code, problem.field) for problem in refused.value.problems]
    assert found == [("CFG-APPROVAL-KEY", "approval.nme"), ("CFG-APPROVAL-TYPE", "approval.decision")]
    assert "did you mean name?" in refused.value.problems[0].hint


@pytest.mark.parametrize("content", [b"- a\n- b\n", b"", b"{name: "])
def test_what_is_no_object_is_refused(content):
    with pytest.raises(ConfigError):
        read_approval(content)
