"""Tests of holdfast.diagnostics.token_places."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from holdfast.diagnostics.findings import Finding
from holdfast.diagnostics.token_places import Presented, Reading, locate, look, shown

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJl"
URL = "wss://gateway.example/connection/websocket"


def looked(given: Presented, reading: Reading | None = None) -> dict[str, Finding]:
    """Return the findings by their check."""
    findings = look(given, reading or Reading())
    assert TOKEN not in repr(findings)
    return {one.check: one for one in findings}


@pytest.mark.parametrize(
    ("given", "cookie", "place"),
    [
        (Presented(token=TOKEN), "", "connect"),
        (Presented(headers=(("Authorization", f"Bearer {TOKEN}"),)), "", "header"),
        (Presented(url=f"{URL}?token={TOKEN}"), "", "query"),
        (Presented(cookies=f"a=b; jwt={TOKEN}"), "jwt", "cookie"),
        (Presented(headers=(("Cookie", f'jwt="{TOKEN}"'),)), "jwt", "cookie"),
        (Presented(url=f"{URL}?cf_connect={quote(json.dumps({'id': 1, 'connect': {'token': TOKEN}}))}"), "", "connect"),
    ],
)
def test_look_finds_the_token_where_the_gateway_does(given: Presented, cookie: str, place: str) -> None:
    """Each place that is read is named, and the other ones are absent."""
    reading = Reading(cookie)
    found = looked(given, reading)

    assert locate(given, reading).source == place
    assert "found" in found[f"place_{place}"].summary
    others = {"connect", "header", "query", "cookie"} - {place}
    assert all("absent" in found[f"place_{other}"].summary for other in others)
    assert {one.severity for one in found.values()} == {"ok"}


@pytest.mark.parametrize(
    ("given", "check", "words"),
    [
        (Presented(url=f"{URL}?access_token={TOKEN}"), "place_other_query", "'access_token'"),
        (Presented(url=f"{URL}?jwt={TOKEN}"), "place_other_query", "'jwt'"),
        (Presented(url=f"{URL}?Token={TOKEN}"), "place_other_query", "'Token'"),
        (Presented(url=f"{URL}?whatever={TOKEN}"), "place_other_query", "'whatever'"),
        (Presented(url=f"{URL}?{TOKEN}"), "place_other_query", "without a name"),
        (Presented(url=f"{URL}#token={TOKEN}"), "place_fragment", "behind #"),
        (Presented(url=f"{URL}#{TOKEN}"), "place_fragment", "behind #"),
        (Presented(url=f"{URL}/{TOKEN}"), "place_path", "path"),
        (Presented(url=f"wss://user:{TOKEN}@gateway.example/"), "place_userinfo", "@"),
        (Presented(headers=(("X-Auth-Token", TOKEN),)), "place_other_header", "'X-Auth-Token'"),
        (Presented(headers=(("Authorization", f"JWT {TOKEN}"),)), "place_header_scheme", "Authorization"),
        (Presented(headers=(("Authorization", TOKEN),)), "place_header_scheme", "Authorization"),
        (Presented(headers=(("Sec-WebSocket-Protocol", f"bearer, {TOKEN}"),)), "place_subprotocol", "Protocol"),
        (Presented(cookies=f"session={TOKEN}"), "place_other_cookie", "'session'"),
    ],
)
def test_look_finds_a_token_that_is_not_read(given: Presented, check: str, words: str) -> None:
    """A token in a place that the gateway does not read is critical, with the fix."""
    found = looked(given)[check]

    assert locate(given, Reading()).source == "none"
    assert found.severity == "critical"
    assert words in found.summary
    assert found.remedy


def test_look_names_known_schemes_alone() -> None:
    """The first word of an Authorization header may be a secret of its own."""
    known = looked(Presented(headers=(("Authorization", "Basic YTpi"),)))
    other = looked(Presented(headers=(("Authorization", "hunter2 x"),)))

    assert known["place_header_scheme"].evidence == "scheme Basic; only `Bearer` is read"
    assert "hunter2" not in repr(other)


def test_look_says_that_cookies_are_off() -> None:
    """The setting that would have read it is named, and the one that it needs."""
    found = looked(Presented(cookies=f"jwt={TOKEN}"))["place_other_cookie"]

    assert "token.cookie is off" in found.evidence
    assert "client.allowed_origins" in found.remedy
    other = looked(Presented(cookies=f"jwt={TOKEN}"), Reading("session"))["place_other_cookie"]
    assert "'session'" in other.evidence


def test_look_forgives_a_vain_place_beside_a_read_one() -> None:
    """What is not read does no harm where another place has the token."""
    found = looked(Presented(url=f"{URL}?token={TOKEN}&jwt={TOKEN}"))

    assert found["place_other_query"].severity == "ok"


@pytest.mark.parametrize(("text", "form"), [("", '""'), ("null", "null"), ("undefined", "undefined"), ("  ", "blanks")])
def test_look_names_the_form_of_an_empty_token(text: str, form: str) -> None:
    """An empty token and a missing one are two things, and the form tells which script made it."""
    found = looked(Presented(token=text))["place_connect"]

    assert found.severity == "critical"
    assert form in found.summary


def test_look_tells_a_second_token_that_is_not_used() -> None:
    """The first place wins, and another token in a later one is told from the same one."""
    first = Presented(token=TOKEN, url=f"{URL}?token=other")

    assert "another token" in looked(first)["place_query"].evidence
    assert "the same" in looked(Presented(token=TOKEN, url=f"{URL}?token={TOKEN}"))["place_query"].evidence


def test_look_warns_of_a_header_that_no_browser_sends() -> None:
    """What works in curl does not in a page."""
    header = (("Authorization", f"Bearer {TOKEN}"),)

    assert looked(Presented(headers=header))["place_header"].severity == "ok"
    assert looked(Presented(headers=header, is_browser=True))["place_header"].severity == "critical"


def test_look_leaves_the_header_to_the_backend() -> None:
    """A connect proxy that forwards Authorization has it for itself."""
    given = Presented(headers=(("Authorization", f"Bearer {TOKEN}"),))
    reading = Reading(owned_header="authorization")

    assert locate(given, reading).source == "none"
    assert "connect proxy" in looked(given, reading)["place_header"].evidence


def test_look_measures_the_url() -> None:
    """A URL beyond the limit never arrives."""
    assert (
        looked(Presented(url=f"{URL}?token={TOKEN}"), Reading(max_url_bytes=20))["url_too_long"].severity == "critical"
    )


def test_look_says_what_was_not_given() -> None:
    """Absent and not looked into are two things."""
    found = looked(Presented(token=TOKEN))

    assert "nothing was given" in found["place_query"].evidence
    assert looked(Presented(url=URL))["place_query"].evidence == ""


@pytest.mark.parametrize("url", ["http://[", "//", "wss://x:99999999/", "http://[::1]]/?token=a", "\0"])
def test_look_bears_impossible_urls(url: str) -> None:
    """An impossible URL has no token."""
    assert looked(Presented(url=url))["place_connect"].summary.endswith("absent")


@pytest.mark.parametrize("text", ["{", "[]", '{"connect": 7}', '{"connect": {"token": 7}}', "null"])
def test_look_bears_impossible_commands(text: str) -> None:
    """A connect command that is none has no token."""
    assert Presented(url=f"{URL}?cf_connect={quote(text)}").in_connect is None


def test_shown_hides_what_may_be_secret() -> None:
    """A name that is a token itself, or would upset a terminal, is only counted."""
    assert shown("access_token") == "'access_token'"
    assert TOKEN not in shown(TOKEN)
    assert shown("\x1b[2J") == "of 4 characters"
