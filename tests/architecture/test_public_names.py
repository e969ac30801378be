"""What `clarify` offers by name is there, and is what is visible."""

import clarify


def test_every_public_name_exists():
    assert all(getattr(clarify, name).__name__ == name for name in clarify.__all__)


def test_what_is_visible_is_what_is_public():
    assert sorted(dir(clarify)) == sorted(clarify.__all__)
