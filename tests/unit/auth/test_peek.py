from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from holdfast.auth.peek import bounded, peek

Maker = Callable[..., str]


def test_peek_reads_without_believing(make_token: Maker) -> None:
    """A token signed by anybody shows its header and the claims that are no secret."""
    said = peek(make_token({"sub": "42", "exp": 5, "info": {"name": "private"}}, key="x" * 32, kid="k"), 1000)

    assert (said.text("alg"), said.text("kid")) == ("HS256", "k")
    assert said.shown() == {"sub": "42", "exp": 5}
    assert said.number("exp") == 5
    assert said.number("sub") is None


def test_peek_of_rubbish_is_empty(forge_token: Maker) -> None:
    """What cannot be read is left out, and the readable part stays."""
    assert peek("rubbish", 1000) == ({}, {})
    assert peek("a" * 2000, 1000) == ({}, {})
    assert peek(forge_token(b"\xff", {"sub": "1"}), 1000).claims == {"sub": "1"}
    assert peek(forge_token({"alg": ["x"]}, b"[]"), 1000).claims == {}
    assert peek(forge_token({"alg": ["x"]}, b"[]"), 1000).text("alg") == ""


def test_bounded_cuts_what_a_line_cannot_bear() -> None:
    """Long texts and lists are cut, other structures named by their type."""
    assert bounded("x" * 1000) == "x" * 128
    assert bounded(["a", 1, {"b": 2}] * 10) == ["a", "int", "dict", "a", "int", "dict", "a", "int"]
    assert bounded({"a": 1}) == "dict"
    assert bounded(10**50) == "int"
    assert bounded(None) is None


def test_bounded_text_can_be_printed() -> None:
    """Half a surrogate pair, which JSON can name, breaks neither a terminal nor an answer in JSON."""
    assert bounded("a\ud800").encode() == b"a?"  # type: ignore[attr-defined]  # it is a text


@given(st.text(max_size=200))
def test_peek_never_raises(text: str) -> None:
    """Any text is read or not, silently."""
    peek(text, 150).shown()
