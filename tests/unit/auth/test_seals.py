from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.auth.seals import Seals

SEALS = Seals(b"s" * 32)


def test_device_is_known_to_its_account_alone() -> None:
    """Another account on the same device is a stranger there."""
    text = SEALS.device("alice")

    assert SEALS.read_device(text, "alice") != ""
    assert SEALS.read_device(text, "alice") == SEALS.read_device(text, "alice")
    assert SEALS.read_device(text, "bob") == ""
    assert SEALS.read_device(SEALS.device("alice"), "alice") != SEALS.read_device(text, "alice")


def test_logs_cookie_says_user_and_session() -> None:
    """And nothing that would open more."""
    assert SEALS.read_session(SEALS.session("ä user", "0" * 32)) == ("ä user", "0" * 32)


@pytest.mark.parametrize(
    "other", [Seals(b"o" * 32).session("alice", "1"), SEALS.device("alice"), "", "..", "a.b.c", "é.b.c"]
)
def test_what_others_made_does_not_count(other: str) -> None:
    """Another key, another purpose, or garbage."""
    assert SEALS.read_session(other) is None


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    """Whatever comes as a cookie."""
    assert SEALS.read_device(text, "alice") == ""
