"""Clients, gateway and backend as three parties: what each proxy asks, and what its answers do."""

from __future__ import annotations

import time
from typing import Any

from tests import backends
from tests.backends import Backend, Request
from tests.raw_client import RawClient

CONNECT = "/connect"


def connect_settings(backend: Backend, **over: Any) -> dict[str, Any]:
    """Return settings whose connects are answered by the backend."""
    proxy = {"enabled": True, "endpoint": backend.url(CONNECT), **over}
    return {"client": {"proxy": {"connect": proxy}}}


def test_connect_is_answered_by_the_backend(backend, start_gateway):
    """A client without a token becomes who the backend says, with its data and channels; with a token nobody asks."""
    backend.answers[CONNECT] = backends.result(
        user="anna", data={"hello": 1}, info={"name": "Anna"}, channels=["full:a"], subs={"full:b": {"data": {"b": 2}}}
    )
    gateway = start_gateway(connect_settings(backend, http_headers=["Cookie", "X-Real-Ip", "Authorization"]))

    headers = {
        "Cookie": "session=1",
        "X-Other": "no",
        "Authorization": "Bearer for-the-backend",
        "X-Real-Ip": "6.6.6.6",
    }
    with RawClient(gateway, token="", additional_headers=headers) as client, RawClient(gateway, "bert"):
        reply = client.connected["connect"]
        present = gateway.call("presence", channel="full:a")["result"]["presence"]

    assert reply["data"] == {"hello": 1}
    assert sorted(reply["subs"]) == ["full:a", "full:b"]
    assert reply["subs"]["full:b"]["data"] == {"b": 2}
    assert [(one["user"], one["conn_info"]) for one in present.values()] == [("anna", {"name": "Anna"})]
    (asked,) = backend.asked(CONNECT)
    assert asked.json == {"client": client.id, "transport": "websocket", "protocol": "json", "encoding": "json"}
    assert asked.headers["cookie"] == "session=1"
    assert asked.headers["authorization"] == "Bearer for-the-backend"
    assert asked.headers["x-real-ip"] == "127.0.0.1"
    assert asked.headers["content-type"] == "application/json"
    assert "x-other" not in asked.headers


def test_session_is_refreshed_and_ended_by_the_backend(backend, start_gateway):
    """The server asks at the session's end; a client whose user is gone is told to come back as somebody."""
    lives = iter([2, 2, -1])

    def prolong(request: Request) -> dict[str, Any]:
        return {"result": {"user": "anna", "expire_at": int(time.time()) + next(lives), "meta": {"login": 7}}}

    backend.answers[CONNECT] = backend.answers["/refresh"] = backends.decide(prolong)
    refresh = {"enabled": True, "endpoint": backend.url("/refresh"), "include_connection_meta": True}
    settings = connect_settings(backend)
    settings["client"]["proxy"]["refresh"] = refresh
    gateway = start_gateway(settings)
    with RawClient(gateway, token="") as client:
        connected = client.connected["connect"]
        closed = client.closed()

    assert "expires" not in connected
    assert closed == (3005, "connection_expired")
    first, second = backend.asked("/refresh")
    assert (first.json["user"], first.json["client"], first.json["meta"]) == ("anna", connected["client"], {"login": 7})
    assert second.json == first.json


def test_api_rpc_is_answered_as_a_clients_call(backend, start_gateway):
    """With the backend's result, its error, and the same refusals; alone, in a batch and as a line."""
    backend.answers["/rpc"] = backends.decide(
        lambda request: (
            {"result": {"data": request.json["data"]}}
            if request.json["method"] == "echo"
            else {"error": {"code": 404, "message": "no such method"}}
        )
    )
    rpc = {"proxy": {"endpoint": backend.url("/rpc")}, "without_namespace": {"proxy_enabled": True}}
    gateway = start_gateway({"rpc": rpc})

    assert gateway.call("rpc", method="echo", params={"a": 1}) == {"result": {"data": {"a": 1}}}
    assert gateway.call("rpc", method="who")["error"]["message"] == "no such method"
    assert gateway.call("rpc", method="who:x")["error"]["code"] == 104
    batch = gateway.call("batch", commands=[{"rpc": {"method": "echo", "data": 2}}])
    assert batch == {"replies": [{"rpc": {"data": 2}}]}
    assert backend.asked("/rpc")[0].json["transport"] == "api"


def test_api_rpc_without_a_proxy_is_not_available(gateway):
    """As for clients."""
    assert gateway.call("rpc", method="m")["error"]["code"] == 108
