"""Tests of holdfast.diagnostics.probe.link."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.diagnostics.probe.http import Answer
from holdfast.diagnostics.probe.link import EndedError, RefusedError, StrangeError, replies_of


def test_replies_are_objects_one_a_line() -> None:
    """Empty lines are none."""
    assert replies_of(b'{"id":1}\n\n{}\n') == [{"id": 1}, {}]
    assert replies_of(b"") == []


@pytest.mark.parametrize(
    "text", [b"0{}", b"[1]", b"1", b"\xff", b"hello", b"[" * 100_000, b'{"a":' * 100_000, b"{}\nx"]
)
def test_what_is_no_reply_is_told(text: bytes) -> None:
    """Another protocol, or garbage."""
    with pytest.raises(StrangeError, match="expected replies"):
        replies_of(text)


@given(st.binary(max_size=200))
def test_any_bytes_are_replies_or_told(data: bytes) -> None:
    """Nothing else is raised."""
    try:
        assert all(isinstance(reply, dict) for reply in replies_of(data))
    except StrangeError:
        pass


def test_ends_say_what_came() -> None:
    """Code and reason, or the answer."""
    assert (EndedError(3001, "shutdown").code, EndedError(3001, "shutdown").reason) == (3001, "shutdown")
    assert RefusedError(Answer(403)).answer.status == 403
