"""Health paths and the two ports of a real gateway."""

from __future__ import annotations

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.raw_client import RawClient


def fetch(url: str, method: str = "GET") -> httpx.Response:
    """Ask without any proxy in between."""
    return httpx.request(method, url, trust_env=False)


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/startupz"])
def test_health_paths(gateway, path):
    """A running gateway is alive, started and ready, also for HEAD."""
    answer = gateway.get(path)
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")

    head = fetch(gateway.url + path, "HEAD")
    assert (head.status_code, head.content) == (200, b"")


def test_metrics_path(gateway):
    """The metrics say what is running."""
    text = gateway.get("/metrics").text

    assert "holdfast_build_info{" in text
    assert "process_resident_memory_bytes" in text
    assert "\nholdfast_connections " in text


@pytest.mark.parametrize("path", ["/", "/nothing", "/livez/x", "/%00", "/connection"])
def test_unknown_path(gateway, path):
    """Nothing is there, and the body says so like every other refusal."""
    answer = fetch(gateway.url + path)

    assert answer.status_code == 404
    assert set(answer.json()) == {"code", "slug", "message", "remedy", "attempt"}
    assert answer.json()["slug"] == "not_found"


def test_other_method(gateway):
    """A method that a path does not take is 405 with the ones it takes."""
    answer = fetch(gateway.url + "/livez", "DELETE")
    assert (answer.status_code, answer.headers["allow"], answer.json()["slug"]) == (
        405,
        "GET, HEAD",
        "method_not_allowed",
    )

    answer = fetch(gateway.url + "/api/publish")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_plain_http_on_websocket_path(gateway):
    """Plain HTTP is told to upgrade."""
    answer = fetch(gateway.url + "/connection/websocket")

    assert (answer.status_code, answer.headers["upgrade"]) == (426, "websocket")


def test_internal_port(start_gateway):
    """With an internal port API, health and metrics are there alone, and clients on the public one alone."""
    gateway = start_gateway({"internal_port": 0})
    assert gateway.internal_port not in (0, gateway.port)
    for path in ("/livez", "/readyz", "/startupz", "/metrics"):
        assert fetch(gateway.internal_url + path).status_code == 200
        assert fetch(gateway.url + path).status_code == 404
    headers = {"X-API-Key": gateway.api_key}
    assert httpx.post(f"{gateway.url}/api/info", json={}, headers=headers, trust_env=False).status_code == 404
    assert "result" in gateway.call("info")

    with RawClient(gateway) as client:
        client.subscribe("news")
    with (
        pytest.raises(InvalidStatus) as caught,
        connect(gateway.ws_url.replace(str(gateway.port), str(gateway.internal_port)), proxy=None),
    ):
        pass
    assert caught.value.response.status_code == 404


def test_start_line(gateway):
    """One line says what started, with which loop, versions and limits, and on which port."""
    line = gateway.wait_for_event("started")

    assert line["port"] == gateway.port
    assert line["loop"] == "uvloop"
    assert line["descriptors"] == line["descriptors_hard"]
    assert {"version", "python", "uvicorn", "uvloop", "instance"} <= set(line)
