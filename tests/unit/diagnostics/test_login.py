"""Tests of holdfast.diagnostics.login."""

from __future__ import annotations

import asyncio
import json
import ssl
from typing import Any

import httpx
import pytest

from holdfast.diagnostics.login import MAX_ANSWER_BYTES, Login, LoginResult, is_login_url, log_in
from tests.unit.diagnostics.made_tokens import make, streamed

URL = "https://login.example/auth/login"
PASSWORD = "correct horse"


def login(answer: httpx.Response | Exception, url: str = URL, **options: Any) -> LoginResult:
    """Log in at a login that answers so; the password is in no finding."""
    asked: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if isinstance(answer, Exception):
            raise answer
        return streamed(answer)

    found = asyncio.run(log_in(Login(url, "anna", PASSWORD), transport=httpx.MockTransport(handle), **options))
    assert PASSWORD not in repr(found)
    assert not asked or json.loads(asked[0].content) == {"username": "anna", "password": PASSWORD}
    return found


def ok(fields: Any) -> httpx.Response:
    """Answer 200 with JSON."""
    return httpx.Response(200, json=fields)


def test_login_returns_the_token() -> None:
    """What a login should answer."""
    token = make()
    found = login(ok({"token": token, "expires_in": 60}))

    assert found.token == token
    assert [(one.check, one.severity) for one in found.findings] == [("login", "ok")]


@pytest.mark.parametrize(
    ("answer", "check"),
    [
        (httpx.Response(401), "login_refused"),
        (httpx.Response(403, json={}), "login_refused"),
        (httpx.Response(302, headers={"location": "/"}), "login_redirect"),
        (httpx.Response(429), "login_limited"),
        (httpx.Response(404), "login_status"),
        (httpx.Response(500), "login_status"),
        (httpx.Response(200, html="<!doctype html><html></html>"), "login_not_json"),
        (httpx.Response(200, content=b"\xff"), "login_not_json"),
        (httpx.Response(200, content=b"[" * 5000), "login_not_json"),
        (httpx.Response(200, content=b'{"token": "' + b"x" * MAX_ANSWER_BYTES), "login_too_large"),
        (ok([]), "login_no_token"),
        (ok({}), "login_no_token"),
        (ok({"access_token": "x"}), "login_no_token"),
        (ok({"token": None}), "login_no_token"),
        (ok({"token": 7}), "login_no_token"),
        (httpx.ConnectError("refused"), "login_unreachable"),
        (httpx.RemoteProtocolError("secret bytes of the answer"), "login_unreachable"),
        (TimeoutError(), "login_slow"),
        (httpx.InvalidURL("no"), "login_url"),
    ],
)
def test_login_names_what_went_wrong(answer: httpx.Response | Exception, check: str) -> None:
    """Each way a login fails is one finding with a remedy, and there is no token."""
    found = login(answer)

    assert found.token is None
    assert (found.findings[-1].check, found.findings[-1].severity) == (check, "critical")
    assert found.findings[-1].remedy
    assert "secret bytes" not in repr(found)


@pytest.mark.parametrize("token", ["", "null", "undefined", "  "])
def test_login_names_an_empty_token(token: str) -> None:
    """A login may succeed without a token; it is passed on, so that the answer to it is told too."""
    found = login(ok({"token": token, "expires_in": 60}))

    assert found.token == token
    assert found.findings[-1].check == "login_token_empty"


@pytest.mark.parametrize("fields", [{}, {"expires_in": "60"}, {"expires_in": True}, {"expires_in": 3600}])
def test_login_compares_expires_in(fields: dict[str, Any]) -> None:
    """A page that believes a wrong lifetime fetches its next token too late."""
    found = login(ok({"token": make(), **fields}))

    assert (found.findings[-1].check, found.findings[-1].severity) == ("login_expires_in", "warning")


def test_login_over_plain_http_is_told() -> None:
    """Not on loopback, where developers are."""
    fine = ok({"token": make(), "expires_in": 60})

    assert login(fine, "http://login.example/x").findings[0].check == "login_plain"
    assert login(fine, "http://127.0.0.1/x").findings[0].check == "login"


def test_login_that_is_slow_is_told() -> None:
    """The answer counts, with a warning."""
    moments = iter((0.0, 3.0))
    found = login(ok({"token": make(), "expires_in": 60}), clock=lambda: next(moments))

    assert [one.check for one in found.findings] == ["login_slow", "login"]


@pytest.mark.parametrize("url", ["", "x", "ftp://a/", "http://[", "https://", "http://\0/"])
def test_login_bears_impossible_urls(url: str) -> None:
    """A finding, no traceback."""
    found = asyncio.run(log_in(Login(url, "anna", PASSWORD), timeout=1))

    assert found.token is None
    assert found.findings[-1].severity == "critical"


def test_login_hides_the_password_and_what_may_be_secret_in_its_url() -> None:
    """Also where they are printed by mistake."""
    made = Login("https://u:p@login.example:8443/x?key=1", "anna", PASSWORD)

    assert PASSWORD not in repr(made)
    assert made.shown == "https://login.example:8443/x"


@pytest.mark.parametrize(
    ("reason", "check", "word"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "login_unreachable", "Connection refused"),
        (ExceptionGroup("all", [OSError(113, "No route to host")]), "login_unreachable", "No route to host"),
        (ssl.SSLCertVerificationError("unknown authority"), "login_tls", "--ca"),
        (ssl.SSLError("wrong version number"), "login_tls", "http://"),
    ],
)
def test_login_that_nothing_answers_says_why(reason: Exception, check: str, word: str) -> None:
    """The reason is deep inside what the library raises."""
    outer = httpx.ConnectError("All connection attempts failed")
    outer.__cause__ = OSError("All connection attempts failed")
    outer.__cause__.__cause__ = reason
    found = login(outer).findings[-1]

    assert found.check == check
    assert word in f"{found.evidence} {found.remedy}"


@pytest.mark.parametrize("url", ["", "x", "ftp://a/", "http://[", "https://", "http://a:0/", "http://a:x/"])
def test_url_of_no_login_is_seen(url: str) -> None:
    """Before anybody is asked for a password."""
    assert not is_login_url(url)
    assert is_login_url("https://a.test/login")
