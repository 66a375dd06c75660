"""Redaction: nothing secret in a line, nothing harmless lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.telemetry.redaction import HIDDEN, redact, redact_text

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "key", ["token", "Token", "authorization", "secret", "hmac_secret", "api_key", "X-API-Key", "cookie", "log_token"]
)
def test_redact_hides_by_key(key: str) -> None:
    """What stands under a secret's name is hidden, whatever it looks like and however deep."""
    assert redact(None, "info", {key: "geheim"}) == {key: HIDDEN}
    assert redact(None, "info", {"headers": [{key: "geheim"}]}) == {"headers": [{key: HIDDEN}]}


@pytest.mark.parametrize("value", [None, "", True, False])
def test_redact_shows_that_nothing_is_there(value: object) -> None:
    """Whether there was a token at all may be said."""
    assert redact(None, "info", {"token": value}) == {"token": value}


def test_redact_leaves_durations() -> None:
    """The time that the check of a token took is no secret, though it stands under that name."""
    assert redact(None, "info", {"timings": {"token": 0.25}}) == {"timings": {"token": 0.25}}


@pytest.mark.parametrize(
    "text",
    [
        f"token {JWT}",
        JWT.rpartition(".")[0],
        f'"{JWT}" at the end',
        "GET /connection/websocket?token=geheim&cid=1",
        "GET /connection/sse?cf_connect=%7B%22token%22%3A%22geheim%22%7D",
        "https://x/?access_token=geheim",
        "Authorization: Bearer geheim-geheim",
        "authorization: apikey geheim-geheim",
        "Basic Z2VoZWltOmdlaGVpbQ==",
        "redis://user:geheim@host:6379",
        "api_key=geheim",
        "password=geheim",
    ],
)
def test_redact_text_hides_by_looks(text: str) -> None:
    """Tokens, keys and passwords are found inside texts."""
    clean = redact_text(text)

    assert HIDDEN in clean
    assert not any(part in clean for part in ("geheim", "Z2VoZ", *JWT.split(".")))


@pytest.mark.parametrize(
    "text", ["", "hello", "https://app.example/path?cid=7", "eyJ", "tokens=7 of 9", "a bearer of news", "n=5"]
)
def test_redact_text_leaves_the_rest(text: str) -> None:
    """Ordinary texts are not touched."""
    assert redact_text(text) == text


def test_redact_reads_what_is_no_text() -> None:
    """Bytes, collections and objects are looked into as well."""

    class Thing:
        def __str__(self) -> str:
            return f"thing with {JWT}"

    event = redact(
        None, "info", {"raw": JWT.encode() + b"\xff", "set": {JWT}, "thing": Thing(), "n": 5, "map": {1: "x"}}
    )

    assert JWT not in str(event)
    assert (event["n"], event["map"]) == (5, {"1": "x"})


def test_redact_stops_at_a_depth() -> None:
    """Endless nesting ends."""
    loop: list[object] = []
    loop.append(loop)

    assert "…" in str(redact(None, "info", {"loop": loop}))


@given(st.text(max_size=30), st.sampled_from((" ", "\t", "\u00a0", "\u2003")))
def test_redact_text_knows_every_blank_behind_a_scheme(before: str, blank: str) -> None:
    """A credential is hidden whatever blank stands before it; the quick look at plain texts does not pass it."""
    assert "dXNlcjpwYXNz" not in redact_text(f"{before} Bearer{blank}dXNlcjpwYXNz")


@given(st.text(max_size=30), st.text(max_size=30))
def test_redact_text_hides_a_token_anywhere(before: str, after: str) -> None:
    """Whatever stands around it, a token's signature never comes through."""
    assert JWT.rpartition(".")[2] not in redact_text(f"{before} {JWT} {after}")
