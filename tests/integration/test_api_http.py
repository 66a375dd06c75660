"""The server API over real HTTP: doors, limits and error modes."""

from __future__ import annotations

import json
import socket

import httpx
import pytest

from tests.raw_client import RawClient


def raw_request(port: int, request: bytes, *, chunks: int = 0, chunk: bytes = b"") -> bytes:
    """Send bytes and read until the gateway closes; a reset after the answer is an end too."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as sock:
        received = b""
        try:
            sock.sendall(request)
            for _ in range(chunks):
                sock.sendall(chunk)
        except OSError:
            pass
        try:
            while data := sock.recv(65536):
                received += data
        except ConnectionResetError:
            pass
        return received


@pytest.mark.parametrize(
    ("headers", "status", "slug"),
    [
        ({"X-API-Key": "test-api-key"}, 200, None),
        ({"Authorization": "apikey test-api-key"}, 200, None),
        ({"X-API-Key": "wrong"}, 401, "api_key_invalid"),
        ({}, 401, "api_key_missing"),
    ],
)
def test_api_key_headers(gateway, headers, status, slug):
    """Either header opens, a wrong or missing key is refused by name."""
    answer = httpx.post(f"{gateway.url}/api/info", json={}, headers=headers, trust_env=False)

    assert answer.status_code == status
    assert answer.json().get("slug") == slug


def test_api_key_not_in_url(gateway):
    """A key in the URL opens nothing: URLs end up in logs."""
    answer = httpx.post(f"{gateway.url}/api/info?api_key=test-api-key", json={}, trust_env=False)

    assert answer.status_code == 401


def test_api_second_key(start_gateway):
    """Several keys open at the same time, so that one can be replaced."""
    gateway = start_gateway({"api": {"keys": ["old-key", "new-key"]}})
    for key in ("old-key", "new-key"):
        gateway.api_key = key
        assert "result" in gateway.call("info")


def test_api_without_keys(start_gateway):
    """Without configured keys the API is closed, not open."""
    gateway = start_gateway({"api": {"keys": []}})

    assert gateway.post("info", {}).status_code == 401


def test_api_keep_alive(gateway):
    """Many calls go over one connection."""
    with httpx.Client(base_url=gateway.url, headers={"X-API-Key": gateway.api_key}, trust_env=False) as client:
        for number in range(20):
            answer = client.post("/api/publish", json={"channel": "keepalive", "data": number})
            assert answer.json() == {"result": {}}
            assert answer.headers.get("connection") != "close"


def test_api_transport_error_mode(start_gateway):
    """Asked for by header or by setting, errors are told by status."""
    gateway = start_gateway()
    asked = {"X-Centrifugo-Error-Mode": "transport"}
    request = {"channel": "nowhere:x", "data": 1}
    assert gateway.post("publish", request).status_code == 200
    assert gateway.post("publish", request, **asked).status_code == 404
    assert gateway.post("presence", {"channel": "news"}, **asked).status_code == 400

    by_setting = start_gateway({"api": {"error_mode": "transport"}})
    answer = by_setting.post("publish", request)
    assert (answer.status_code, answer.json()["slug"]) == (404, "unknown_channel")


def test_api_errors_are_counted(gateway):
    """A failed call shows in metric and log by the same slug."""
    before = gateway.metric("holdfast_api_errors_total", slug="unknown_channel")
    gateway.call("publish", channel="nowhere:counted", data=1)

    assert gateway.metric("holdfast_api_errors_total", slug="unknown_channel") == before + 1
    assert gateway.wait_for_event("api_call_failed", slug="unknown_channel")["method"] == "publish"


def test_api_body_declared_too_large(gateway):
    """A gigabyte is refused from its declaration alone, with the connection."""
    head = b"POST /api/publish HTTP/1.1\r\nHost: x\r\nX-API-Key: test-api-key\r\nContent-Length: 1000000000\r\n\r\n"
    answer = raw_request(gateway.port, head)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer.lower()
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["slug"] == "body_too_large"


def test_api_body_expect_continue(gateway):
    """A client that asks before sending is told 413 and never 100."""
    head = (
        b"POST /api/publish HTTP/1.1\r\nHost: x\r\nX-API-Key: test-api-key\r\n"
        b"Content-Length: 1000000000\r\nExpect: 100-continue\r\n\r\n"
    )

    assert raw_request(gateway.port, head).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("is_declared", [True, False])
def test_api_body_streamed_too_large(start_gateway, is_declared):
    """A body that keeps coming is refused as it passes the limit; it is never held in memory."""
    gateway = start_gateway({"api": {"max_body_bytes": 100_000}})
    before = gateway.metric("process_resident_memory_bytes")
    length = b"Content-Length: 1000000000\r\n" if is_declared else b"Transfer-Encoding: chunked\r\n"
    head = b"POST /api/publish HTTP/1.1\r\nHost: x\r\nX-API-Key: test-api-key\r\n" + length + b"\r\n"
    data = b"x" * 65536
    chunk = data if is_declared else b"10000\r\n" + data + b"\r\n"
    answer = raw_request(gateway.port, head, chunks=1600, chunk=chunk)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert gateway.metric("process_resident_memory_bytes") < before + 20_000_000
    assert gateway.call("publish", channel="after", data=1) == {"result": {}}


def test_api_client_leaves_in_the_middle(gateway):
    """Half a body and then silence leaves nothing behind."""
    head = b"POST /api/publish HTTP/1.1\r\nHost: x\r\nX-API-Key: test-api-key\r\nContent-Length: 1000\r\n\r\n{"
    with socket.create_connection(("127.0.0.1", gateway.port)) as sock:
        sock.sendall(head)

    assert gateway.call("publish", channel="after", data=1) == {"result": {}}
    assert "Traceback" not in gateway.log()


@pytest.mark.parametrize(
    "data", [{"text": "höher"}, [1, 2.5, None, True], "line\nbreak", 0, None, {"a": {"b": {"c": "\u2028"}}}]
)
def test_api_data_arrives_as_sent(gateway, data):
    """Whatever JSON is published is what a subscriber gets."""
    with RawClient(gateway) as client:
        client.subscribe("arrives")
        assert gateway.call("publish", channel="arrives", data=data) == {"result": {}}

        assert client.push()["pub"].get("data") == data


def test_api_pretty_printed_data(gateway):
    """Line breaks in a request's JSON do not break the lines of the client protocol."""
    with RawClient(gateway) as client:
        client.subscribe("pretty")
        body = b'{\n  "channel": "pretty",\n  "data": {\n    "a": [\n      1\n    ]\n  }\n}'
        httpx.post(f"{gateway.url}/api/publish", content=body, headers={"X-API-Key": gateway.api_key}, trust_env=False)

        assert client.push()["pub"]["data"] == {"a": [1]}


def test_api_batch_leaves_in_one_message_each(gateway):
    """The publications of a batch reach a subscriber in order."""
    with RawClient(gateway) as client:
        client.subscribe("batched")
        commands = [{"publish": {"channel": "batched", "data": number}} for number in range(10)]
        for parallel in (False, True):
            replies = gateway.call("batch", commands=commands, parallel=parallel)["replies"]
            assert replies == [{"publish": {}}] * 10
            assert client.publications(10) == list(range(10))


def test_api_tags_arrive(gateway):
    """Tags go with the publication, to subscribers and into history."""
    with RawClient(gateway) as client:
        client.subscribe("history:tags")
        gateway.call("publish", channel="history:tags", data=1, tags={"kind": "x"})

        assert client.push()["pub"]["tags"] == {"kind": "x"}
    kept = gateway.call("history", channel="history:tags", limit=-1)["result"]["publications"]
    assert kept == [{"data": 1, "offset": 1, "tags": {"kind": "x"}}]
