"""Tests of holdfast.diagnostics.probe.answer_verdicts."""

from __future__ import annotations

import json

import pytest

from holdfast.codes import CODES
from holdfast.diagnostics.probe.answer_verdicts import Asked, not_http, refusal
from holdfast.diagnostics.probe.http import Answer
from tests.unit.diagnostics.probe.test_proxies import HAPROXY_503, NGINX_502

UPGRADE = Asked("/connection/websocket")
WITH_ORIGIN = Asked("/connection/websocket", origin="https://app.test")
STREAM = Asked("/connection/http_stream", is_upgrade=False)
SENT = {"Upgrade": "websocket", "Connection": "Upgrade"}


def of_gateway(slug: str, detail: str = "") -> Answer:
    """Return a refusal as a gateway of ours writes it."""
    code = CODES[slug]
    message = f"{code.meaning} {detail}".strip()
    body = {"code": code.number, "slug": slug, "message": message, "remedy": code.remedy}
    return Answer(code.http_status, "", [("content-type", "application/json")], json.dumps(body).encode())


@pytest.mark.parametrize(
    "slug",
    [
        "draining",
        "not_ready",
        "origin_not_allowed",
        "instance_connection_limit",
        "address_connection_limit",
        "accept_rate",
        "overload_memory",
        "breaker_open",
        "headers_too_large",
        "url_too_long",
        "not_found",
        "internal_error",
    ],
)
def test_gateways_own_refusal_is_believed(slug: str) -> None:
    """It names its cause, which no proxy does."""
    found = refusal(of_gateway(slug, "Came this."), UPGRADE)

    assert found.slug == slug
    assert "Came this. The gateway says so itself." in found.cause


def test_body_that_only_looks_like_a_refusal_is_not_believed() -> None:
    """Slug and number belong together."""
    body = json.dumps({"code": 1, "slug": "draining"}).encode()

    assert refusal(Answer(503, "", [], body), UPGRADE).slug == "upgrade_refused"
    assert refusal(Answer(503, "", [], b'{"slug": ["draining"], "code": 1911}'), UPGRADE).slug == "upgrade_refused"


@pytest.mark.parametrize(
    ("slug", "seen", "found"),
    [
        ("upgrade_required", None, "upgrade_stripped"),
        ("upgrade_required", {"host": "a", "connection": "close"}, "upgrade_stripped"),
        ("upgrade_required", SENT, "upgrade_required"),
        ("bad_handshake", None, "bad_handshake"),
        ("bad_handshake", {"Upgrade": "websocket", "connection": "close"}, "upgrade_stripped"),
        ("bad_handshake", SENT, "bad_handshake"),
    ],
)
def test_upgrade_that_was_sent_and_not_seen_was_stripped(slug: str, seen: dict[str, str] | None, found: str) -> None:
    """The gateway's word and the headers it saw decide."""
    assert refusal(of_gateway(slug), UPGRADE, seen).slug == found


def test_upgrade_that_was_not_sent_cannot_be_stripped() -> None:
    """A stream sends none."""
    assert refusal(of_gateway("upgrade_required"), STREAM).slug == "upgrade_required"


@pytest.mark.parametrize(
    ("answer", "asked", "slug"),
    [
        (Answer(502, "Bad Gateway", [("server", "nginx")], NGINX_502), UPGRADE, "upgrade_no_gateway"),
        (Answer(504, "Gateway Time-out", [], b""), UPGRADE, "upgrade_no_gateway"),
        (Answer(503, "Service Unavailable", [], HAPROXY_503), UPGRADE, "upgrade_no_gateway"),
        (Answer(503, "", [("server", "envoy")], b"no healthy upstream"), UPGRADE, "upgrade_no_gateway"),
        (
            Answer(503, "", [("server", "nginx")], b"<h1>503 Service Temporarily Unavailable</h1>"),
            UPGRADE,
            "upgrade_refused",
        ),
        (Answer(404, "Not Found", [("server", "nginx")], b""), UPGRADE, "path_not_found"),
        (Answer(410, "Gone", [], b""), UPGRADE, "path_not_found"),
        (Answer(404, "Not Found", [], b""), STREAM, "path_not_found"),
        (Answer(301, "", [("location", "https://a.test/connection/websocket")], b""), UPGRADE, "upgrade_redirected"),
        (Answer(308, "", [], b""), UPGRADE, "upgrade_redirected"),
        (Answer(426, "Upgrade Required", [], b""), UPGRADE, "upgrade_stripped"),
        (Answer(400, "", [("sec-websocket-version", "13")], b"Bad Request\n"), UPGRADE, "upgrade_stripped"),
        (Answer(400, "", [], b'{"code":0,"message":"Transport unknown"}'), UPGRADE, "upgrade_refused"),
        (Answer(400, "", [], b'Can "Upgrade" only to "WebSocket".'), UPGRADE, "upgrade_stripped"),
        (Answer(400, "", [], b"The plain HTTP request was sent to HTTPS port"), UPGRADE, "tls_required"),
        (Answer(400, "", [], b"Client sent an HTTP request to an HTTPS server.\n"), UPGRADE, "tls_required"),
        (Answer(403, "Forbidden", [("sec-websocket-version", "13")], b""), WITH_ORIGIN, "origin_not_allowed"),
        (Answer(403, "Forbidden", [("sec-websocket-version", "13")], b""), UPGRADE, "upgrade_refused"),
        (Answer(403, "Forbidden", [("server", "nginx")], b""), WITH_ORIGIN, "upgrade_refused"),
        (Answer(401, "Unauthorized", [], b""), UPGRADE, "upgrade_refused"),
        (Answer(429, "", [], b""), UPGRADE, "upgrade_refused"),
        (Answer(200, "OK", [], b"<!doctype html>"), UPGRADE, "upgrade_refused"),
        (Answer(500, "", [], b""), UPGRADE, "upgrade_refused"),
        (Answer(999, "", [], b""), STREAM, "upgrade_refused"),
    ],
)
def test_answer_of_somebody_else_is_told_by_what_it_shows(answer: Answer, asked: Asked, slug: str) -> None:
    """Proxies, web servers and other gateways."""
    assert refusal(answer, asked).slug == slug


def test_answer_names_who_gave_it() -> None:
    """A proxy that gives itself away, else the server."""
    assert "nginx answered 502 Bad Gateway" in refusal(Answer(502, "Bad Gateway", [], NGINX_502), UPGRADE).cause
    assert "The server answered 500." in refusal(Answer(500, "", [], b""), UPGRADE).cause


def test_redirect_names_where_to_without_secrets() -> None:
    """Its query and its user may hold some."""
    location = "https://u:hunter2@b.test:8443/connection/websocket?token=hunter2"
    found = refusal(Answer(302, "", [("location", location)], b""), UPGRADE)

    assert "https://b.test:8443/connection/websocket" in found.cause
    assert found.fix == "Connect to wss://b.test:8443/connection/websocket."
    assert "hunter2" not in found.cause + found.fix


@pytest.mark.parametrize(
    "location", ["", "/login", "//", "http://[::1", "https://a.test:99999/", "\x00", "javascript:alert(1)"]
)
def test_redirect_to_anywhere_is_told(location: str) -> None:
    """A server may send what it likes."""
    assert refusal(Answer(307, "", [("location", location)], b""), UPGRADE).slug == "upgrade_redirected"


@pytest.mark.parametrize(
    ("first", "is_secure", "slug"),
    [
        (b"\x15\x03\x01\x00\x02\x02\x50", False, "tls_required"),
        (b"\x15\x03\x01\x00\x02\x02\x50", True, "upgrade_invalid"),
        (b"SSH-2.0-x", False, "upgrade_invalid"),
        (b"", False, "upgrade_invalid"),
    ],
)
def test_answer_that_is_no_http_is_told(first: bytes, is_secure: bool, slug: str) -> None:
    """A TLS record for an answer to plain HTTP says that TLS is wanted."""
    assert not_http(first, "the answer is none", is_secure=is_secure).slug == slug
