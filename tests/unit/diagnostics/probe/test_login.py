"""Tests of holdfast.diagnostics.probe.login."""

from __future__ import annotations

import ssl

import pytest

from holdfast.diagnostics.probe import login
from holdfast.diagnostics.probe.dial import ResolveError
from holdfast.diagnostics.probe.login import Login, log_in
from holdfast.diagnostics.probe.verdict import FailedError
from holdfast.diagnostics.probe.way import Way
from holdfast.diagnostics.probe.wire import Wire
from tests.probing import ADDRESS, FakeStream, http, target

WHO = Login(target("https://auth.test/login?x=1"), "anna", "hunter2")


@pytest.fixture
def answering(monkeypatch):
    """Let the login's server answer with what a test says."""

    def install(found: bytes | Exception) -> FakeStream:
        stream = FakeStream(found if isinstance(found, bytes) else b"")

        async def resolve(host: str, port: int):
            if isinstance(found, ResolveError):
                raise found
            return [ADDRESS]

        async def open_wire(way: Way) -> Wire:
            if isinstance(found, OSError):
                raise found
            return Wire(stream)

        monkeypatch.setattr(login, "resolve", resolve)
        monkeypatch.setattr(Way, "open", open_wire)
        return stream

    return install


async def test_login_gives_the_token(answering) -> None:
    """By POST of name and password."""
    stream = answering(http(200, {"token": "t", "expires_in": 60}))

    assert await log_in(WHO, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) == "t"
    assert stream.sent.startswith(b"POST /login?x=1 HTTP/1.1\r\nHost: auth.test\r\n")
    assert stream.sent.endswith(b'{"username": "anna", "password": "hunter2"}')


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (http(401, {"error": "no"}), "answered 401"),
        (http(200, {"token": ""}), "without a token"),
        (http(200, b"<html>"), "without a token"),
        (http(302, b"", "Location: /login"), "answered 302"),
        (b"SSH-2.0", "HTTP/"),
        (b"", "closed"),
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (ResolveError(-2, "Name or service not known"), "Name or service"),
    ],
)
async def test_login_that_fails_is_told_without_the_password(answering, found, words: str) -> None:
    """Where and how."""
    answering(found)

    with pytest.raises(FailedError) as caught:
        await log_in(WHO, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    verdict = caught.value.judge({})
    assert (verdict.slug, verdict.stage) == ("login_failed", "token")
    assert words in verdict.cause
    assert "https://auth.test/login" in verdict.cause
    assert "hunter2" not in verdict.cause + repr(WHO)
