"""An MLmodel file is read as plain text; what is no mapping is refused with the model's name."""

import pytest

from clarify.endpoints.pinning import pin_directory, read_mlmodel
from clarify.errors import ConfigError


def pinned(folder, content: bytes):
    (folder / "MLmodel").write_bytes(content)
    return pin_directory(str(folder), uri="models:/loans/3")


def test_values_are_texts_and_merge_keys_are_not_followed(tmp_path):
    described = read_mlmodel(pinned(tmp_path, b"run_id: 0123\nbase: &b {x: 1}\nmore: {<<: *b}\n"))

    assert described == {"run_id": "0123", "base": {"x": "1"}, "more": {"<<": {"x": "1"}}}


@pytest.mark.parametrize(
    ("content", "received"),
    [
        (b"a: [", "while parsing"),
        (b"- a", "list"),
        (b"", "NoneType"),
        (b"\xff", "invalid start byte"),
        (b"[" * 5_000, "recursion"),
    ],
)
def test_what_is_no_mapping_is_refused_with_the_model(tmp_path, content, received):
    with pytest.raises(ConfigError) as refused:
        read_mlmodel(pinned(tmp_path, content))

    (problem,) = refused.value.problems
    assert (problem.code, problem.field) == ("MODEL-UNREADABLE", "--model")
    assert received in problem.received
    assert problem.hint == "save models:/loans/3 again"
