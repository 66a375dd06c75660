"""Who may open a connection: origins, and addresses behind proxies."""

from __future__ import annotations

import json
from contextlib import contextmanager

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect


@contextmanager
def handshake(gateway, **headers):
    """Open a WebSocket with extra headers."""
    with connect(gateway.ws_url, additional_headers=headers, proxy=None) as socket:
        yield socket


def refused(gateway, **headers):
    """Return status, headers and body of a handshake that must be refused."""
    with pytest.raises(InvalidStatus) as caught, handshake(gateway, **headers):
        pass
    response = caught.value.response
    return response.status_code, response.headers, json.loads(response.body)


def test_same_origin(gateway):
    """The gateway's own pages may connect, and so may what is no browser."""
    with handshake(gateway, Origin=gateway.url), handshake(gateway):
        pass


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "garbage"])
def test_foreign_origin(gateway, origin):
    """Another page is refused before the handshake, by name, counted and logged."""
    labels = {"transport": "websocket", "slug": "origin_not_allowed"}
    before = gateway.metric("holdfast_handshakes_total", **labels)
    status, _, body = refused(gateway, Origin=origin)

    assert (status, body["slug"]) == (403, "origin_not_allowed")
    assert set(body) == {"code", "slug", "message", "remedy", "attempt"}
    assert gateway.metric("holdfast_handshakes_total", **labels) == before + 1
    detail = f"Origin {origin!r} is neither that of Host '127.0.0.1:{gateway.port}' nor in the list"
    assert gateway.wait_for_event("handshake_refused", detail=detail)["slug"] == "origin_not_allowed"


def test_listed_origin(start_gateway):
    """A listed page may connect, its neighbours may not."""
    gateway = start_gateway({"client": {"allowed_origins": ["https://*.example.com"]}})
    with handshake(gateway, Origin="https://app.example.com"):
        pass

    assert refused(gateway, Origin="https://example.com.evil.example")[0] == 403
    assert refused(gateway, Origin="http://app.example.com")[0] == 403


def test_cookie_token_needs_origins(start_gateway):
    """A token in a cookie without a list of origins is a fault of the settings: cross-site hijacking would be easy."""
    with pytest.raises(AssertionError, match=r"ended with 3[\s\S]*client\.allowed_origins"):
        start_gateway({"token": {"cookie": "session"}})


def test_cookie_token(start_gateway):
    """With a list, a listed page connects by its cookie and a foreign one never gets that far."""
    gateway = start_gateway(
        {"token": {"cookie": "session"}, "client": {"allowed_origins": ["https://app.example.com"]}}
    )
    cookie = f"session={gateway.token('cookie-user')}"
    with handshake(gateway, Origin="https://app.example.com", Cookie=cookie) as socket:
        socket.send('{"id":1,"connect":{}}')
        assert "client" in json.loads(socket.recv(10))["connect"]

    assert refused(gateway, Origin="https://evil.example", Cookie=cookie)[0] == 403


def test_forwarded_address(start_gateway):
    """Behind a trusted proxy the client's own address is logged, and without trust the peer's."""
    forwarded = {"X-Forwarded-For": "6.6.6.6, 198.51.100.7", "Origin": "https://evil.example"}
    believing = start_gateway({"http": {"trusted_proxies": ["127.0.0.0/8"]}})
    refused(believing, **forwarded)
    assert believing.wait_for_event("handshake_refused")["address"] == "198.51.100.7"

    doubting = start_gateway()
    refused(doubting, **forwarded)
    assert doubting.wait_for_event("handshake_refused")["address"] == "127.0.0.1"
