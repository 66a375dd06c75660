"""Tests of holdfast.diagnostics.probe.token_facts."""

from __future__ import annotations

import jwt
import pytest

from holdfast.diagnostics.probe.token_facts import (
    clock_difference,
    damage_told,
    misplaced_told,
    times_told,
    token_facts,
)

NOW = 1_800_000_000.0
SECRET = "a-secret-of-more-than-thirty-two-bytes"


def token(**claims: float) -> str:
    """Return a token with these claims."""
    return jwt.encode({"sub": "anna", **claims}, SECRET, algorithm="HS256")


@pytest.mark.parametrize(
    ("given", "told"),
    [(None, "none was given"), ("", 'empty: ""'), ("  ", "empty: blanks"), ("undefined", "empty: undefined")],
)
def test_token_that_is_none_is_told_by_its_form(given: str | None, told: str) -> None:
    """A missing one and each kind of empty one."""
    assert token_facts(given, NOW) == {"token": told}


def test_times_of_a_token_are_told_and_nothing_else() -> None:
    """Neither user nor token."""
    facts = token_facts(token(exp=NOW + 60, iat=NOW - 5, nbf=NOW), NOW)

    assert facts == {"token": "given", "exp_in_seconds": 60.0, "nbf_in_seconds": 0.0, "iat_in_seconds": -5.0}


@pytest.mark.parametrize("given", ["garbage", "a.b.c", "x" * 100_000, "eyJ.eyJ.", "\x00"])
def test_token_that_cannot_be_read_is_given(given: str) -> None:
    """The gateway says what is wrong with it."""
    assert token_facts(given, NOW) == {"token": "given"}


@pytest.mark.parametrize(
    ("date", "difference"),
    [
        ("Fri, 15 Jan 2027 08:00:00 GMT", 0.0),
        ("Fri, 15 Jan 2027 08:10:00 GMT", 600.0),
        ("", None),
        ("yesterday", None),
        ("Fri, 99 Jan 99999 99:00:00 GMT", None),
    ],
)
def test_date_header_tells_the_servers_clock(date: str, difference: float | None) -> None:
    """Where it says something."""
    assert clock_difference(date, NOW) == difference


@pytest.mark.parametrize(
    ("facts", "difference", "words"),
    [
        ({"exp_in_seconds": -7.0}, None, "expired 7 s ago"),
        ({"exp_in_seconds": 60.0}, 600.0, "600 s ahead of"),
        ({"nbf_in_seconds": 30.0}, -600.0, "600 s behind"),
        ({"iat_in_seconds": 30.0}, None, "iat is 30 s in the future"),
    ],
)
def test_times_have_to_do_with_a_refusal(facts: dict[str, float], difference: float | None, words: str) -> None:
    """Which clock is wrong is for the reader to see."""
    assert words in times_told(facts, difference)


def test_times_that_are_fine_are_not_told() -> None:
    """A Date header has whole seconds only."""
    assert times_told({"token": "given", "exp_in_seconds": 60.0, "iat_in_seconds": -1.0}, -1.4) == ""


@pytest.mark.parametrize(
    ("token", "slug", "words"),
    [
        ("Bearer a.b.c", "token_not_base64", ("A prefix such as `Bearer ` is part of it.", "send the bare token")),
        ('"a.b.c"', "token_malformed", ("Quotes or other marks", "JSON.parse")),
        ("a.b.c", "token_malformed", ("", "")),
        ("Bearer a.b.c", "token_expired", ("", "")),
        (None, "token_missing", ("", "")),
    ],
)
def test_damage_on_the_way_is_told(token: str | None, slug: str, words: tuple[str, str]) -> None:
    """Where the token's form is why it was refused, what happened to it is the cause, and its cure the fix."""
    told = damage_told(token, slug)

    assert all(word in text for word, text in zip(words, told, strict=True))
    assert bool(told[0]) is bool(words[0])


@pytest.mark.parametrize(
    ("target", "headers", "told", "fix"),
    [
        ("/connection/websocket?cid=1", (("Cookie", f"session={token()}"),), "Cookie 'session'", "token.cookie"),
        (f"/connection/websocket?access_token={token()}&cid=1", (), "URL parameter 'access_token'", "`token`"),
        ("/connection/websocket?cid=1", (("X-Auth-Token", token()),), "Header 'X-Auth-Token'", "Bearer"),
    ],
)
def test_token_in_a_place_that_is_not_read_is_told(
    target: str, headers: tuple[tuple[str, str], ...], told: str, fix: str
) -> None:
    """Whoever sent one is not helped by hearing that there is none."""
    cause, remedy = misplaced_told(target, headers)

    assert cause.startswith(f"{told}: a token, which the gateway does not read there.")
    assert fix in remedy
    assert token() not in cause + remedy


def test_request_without_a_token_anywhere_tells_nothing_more() -> None:
    """Other headers and parameters are no tokens."""
    assert misplaced_told("/connection/websocket?cid=1", (("Cookie", "theme=dark"), ("X-Id", "7"))) == ("", "")
