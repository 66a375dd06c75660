"""The resource monitor of a real gateway: what runs out is named, told, and comes back."""

from __future__ import annotations

import base64
import json
import os
import re
import resource
import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.backends import Backend, hang, respond
from tests.gateway import ADMIN_TOKEN, ROOT, Gateway, running
from tests.raw_client import RawClient
from tests.sockets import upgrade_request
from tests.wire import Wire

SECRET = "whsec_" + base64.b64encode(os.urandom(32)).decode()
PATIENCE_SECONDS = 30.0
StartGateway = Callable[..., Gateway]


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    """Return what a condition gives once it is true."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            if found := condition():
                return found
        except httpx.RemoteProtocolError:
            pass  # the instance had no descriptor left for the question: the event loop hangs up then
        time.sleep(0.05)
    raise AssertionError(f"never came: {what}")


def resources(gateway: Gateway) -> dict[str, Any]:
    """Ask the instance."""
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    answer = httpx.get(f"{gateway.internal_url}/admin/resources", headers=headers, trust_env=False, timeout=30)
    assert answer.status_code == 200
    return answer.json()


def webhooks(*urls: str, **more: Any) -> dict[str, Any]:
    """Return settings that tell these receivers."""
    return {"notifications": {"webhooks": [{"url": url, "secret": SECRET, **more} for url in urls]}}


def documented_verify() -> Callable[[str, dict[str, str], bytes], bool]:
    """Return the function that the documentation shows."""
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "monitoring.md").read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    return names["verify"]


def test_resources_are_for_operators(gateway: Gateway) -> None:
    """What is used, of which limit, at which level, and where it goes; nothing without the token."""
    told = wait_for(lambda: (one := resources(gateway))["trends"].get("loop_lag") and one, "a second look")

    assert {"memory", "descriptors", "cpu", "connections", "loop_lag"} <= told["resources"].keys()
    assert told["resources"]["memory"]["used"] > 10_000_000
    assert told["resources"]["accept_queue"]["limit"] > 0
    assert told["trends"]["memory"]["1s"]["highest"] >= told["resources"]["memory"]["used"] * 0.5
    assert gateway.get("/admin/resources").status_code == 401
    assert gateway.metric("holdfast_resource_used_ratio", resource="memory") > 0


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs prlimit(2), which is Linux's")
def test_descriptors_run_out_and_come_back(start_gateway: StartGateway) -> None:
    """Warning and critical are told with the numbers; when clients have left it is fine again."""
    gateway = start_gateway({"monitor": {"settle": "1s", "interval": "200ms"}})
    limit = len(os.listdir(f"/proc/{gateway.pid}/fd")) + 60  # the monitor's first look is from before it listened
    resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, (limit, limit))
    with ExitStack() as clients:
        for _ in range(58):
            clients.enter_context(socket.create_connection(("127.0.0.1", gateway.port)))
        wait_for(lambda: gateway.metric("holdfast_resource_level", resource="descriptors") == 2, "critical")
        told = wait_for(lambda: resources(gateway)["resources"]["descriptors"], "an answer")
    line = gateway.wait_for_event("resource_level", resource="descriptors", state="critical")

    assert told["limit"] == limit
    assert told["ratio"] >= 0.95
    assert f"of {limit}" in line["evidence"]
    wait_for(lambda: gateway.metric("holdfast_resource_level", resource="descriptors") == 0, "fine again")


def test_memory_limit_of_the_settings_is_reached(start_gateway: StartGateway) -> None:
    """A limit below what the process needs is critical at once, and says whose limit it is."""
    gateway = start_gateway({"monitor": {"memory_limit": 32 * 2**20, "memory": {"lasting": 0}}})
    line = gateway.wait_for_event("resource_level", resource="memory", state="critical")

    assert "of 32 MiB" in line["evidence"]
    assert "settings" in line["evidence"]
    assert resources(gateway)["level"] == "critical"


def test_loop_that_is_blocked_again_and_again_is_overloaded(start_gateway: StartGateway) -> None:
    """Stopped nine tenths of the time, the process finds itself late; running again, it is fine again."""
    gateway = start_gateway({"monitor": {"loop_lag": {"lasting": "2s"}, "settle": "1s"}})
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        gateway.signal(signal.SIGSTOP)
        time.sleep(1.8)
        gateway.signal(signal.SIGCONT)
        time.sleep(0.2)
        if any(
            line["resource"] == "loop_lag" and line["state"] == "critical" for line in gateway.events("resource_level")
        ):
            break
    gateway.wait_for_event("resource_level", resource="loop_lag", state="critical")

    wait_for(lambda: gateway.metric("holdfast_resource_level", resource="loop_lag") == 0, "fine again")


def test_loop_that_is_blocked_once_is_not_overloaded(start_gateway: StartGateway) -> None:
    """However long; the others had to wait once, and it is over."""
    gateway = start_gateway()
    time.sleep(1.0)
    gateway.signal(signal.SIGSTOP)
    time.sleep(6.0)
    gateway.signal(signal.SIGCONT)
    time.sleep(6.0)

    assert resources(gateway)["trends"]["loop_lag"]["1s"]["highest"] > 1.0
    assert not [line for line in gateway.events("resource_level") if line["state"] == "critical"]


def test_bytes_for_a_slow_reader_are_counted(start_gateway: StartGateway) -> None:
    """As long as it does not read; when it is gone nothing is left."""
    gateway = start_gateway({"client": {"queue_max_size": 64 * 2**20}})
    with Wire(gateway.port, receive_buffer=4096).upgrade().connect(gateway.token("slow")) as slow:
        slow.send_text({"id": 2, "subscribe": {"channel": "load"}})
        slow.read_replies()
        for _ in range(200):
            gateway.call("publish", channel="load", data="x" * 60_000)
        wait_for(lambda: gateway.metric("holdfast_queue_bytes") > 1_000_000, "bytes that wait")
        assert gateway.metric("holdfast_congested_connections") == 1
        wait_for(lambda: resources(gateway)["flows"]["queue_bytes"] > 1_000_000, "a look at them")

    wait_for(lambda: gateway.metric("holdfast_queue_bytes") == 0, "the end of it")
    assert gateway.metric("holdfast_congested_connections") == 0


def test_webhook_is_signed_as_documented(start_gateway: StartGateway, backend: Backend) -> None:
    """The receiver verifies each event by the function of the documentation; the secret is nowhere else."""
    backend.answers["/hook"] = respond(b"", 204)
    settings = webhooks(backend.url("/hook"))
    gateway = start_gateway({**settings, "monitor": {"memory_limit": 32 * 2**20, "memory": {"lasting": "1s"}}})
    wait_for(lambda: len(backend.asked("/hook")) >= 2, "two events")
    assert gateway.stop() == 0
    received = backend.asked("/hook")
    verify = documented_verify()

    kinds = [request.json["type"] for request in received]
    assert kinds == ["gateway.started", "resource.level", "drain.started", "drain.ended"]
    assert all(verify(SECRET, request.headers, request.body) for request in received)
    assert not verify(SECRET, received[0].headers, received[0].body + b" ")
    assert not verify("whsec_" + "A" * 44, received[0].headers, received[0].body)
    assert received[1].json["data"]["resource"] == "memory"
    assert SECRET not in gateway.log()
    assert SECRET[6:] not in gateway.log()


def test_webhook_is_tried_again(start_gateway: StartGateway, backend: Backend) -> None:
    """A receiver that is overwhelmed for a moment gets the event under the same id."""
    backend.answers["/hook"] = respond(b"", 503)
    gateway = start_gateway(webhooks(backend.url("/hook"), events=["gateway.started"]))
    wait_for(lambda: backend.asked("/hook"), "a first attempt")
    backend.answers["/hook"] = respond(b"{}")
    wait_for(lambda: gateway.metric("holdfast_notifications_total", result="delivered") == 1, "the delivery")

    assert len({request.headers["webhook-id"] for request in backend.asked("/hook")}) == 1
    assert gateway.metric("holdfast_retries_total", target="webhook", result="ok") == 1


def test_dead_receivers_harm_nothing(start_gateway: StartGateway, backend: Backend) -> None:
    """Refused, deaf, silent, not there: clients come, messages flow, another receiver is told, the end is soon."""
    backend.answers["/hangs"], backend.answers["/hook"] = hang, respond(b"{}")
    with closing(socket.socket()) as refusing, closing(socket.create_server(("127.0.0.1", 0), backlog=1)) as deaf:
        refusing.bind(("127.0.0.1", 0))
        ports = refusing.getsockname()[1], deaf.getsockname()[1]
        dead = [f"http://127.0.0.1:{port}/" for port in ports] + [backend.url("/hangs"), backend.url("/missing")]
        gateway = start_gateway(webhooks(*dead, backend.url("/hook")))
        wait_for(lambda: backend.asked("/hook") and backend.asked("/hangs"), "events")
        with closing(RawClient(gateway)) as client:
            client.subscribe("news")
            assert gateway.call("publish", channel="news", data=1) == {"result": {}}
            assert client.publications(1) == [1]
        began = time.monotonic()
        assert gateway.stop() == 0

    assert time.monotonic() - began < 8.0
    kinds = [json.loads(request.body)["type"] for request in backend.asked("/hook")]
    assert kinds == ["gateway.started", "drain.started", "drain.ended"]


@pytest.mark.parametrize("secret", ["", "short", "whsec_c2hvcnQ="])
def test_bad_secret_is_named_and_not_shown(start_gateway: StartGateway, tmp_path: Any, secret: str) -> None:
    """The gateway does not start."""
    gateway = Gateway(tmp_path, {"notifications": {"webhooks": [{"url": "https://a.example", "secret": secret}]}})
    gateway.start(is_ready=False)

    assert gateway.wait() == 3
    assert "notifications.webhooks[0].secret" in gateway.log()
    assert not secret or secret not in gateway.log()


def test_crowd_between_two_looks_leaves_descriptors(tmp_path: Path) -> None:
    """Newcomers count at once: those who come too many are told why, and operators still get an answer."""
    low_limit = ("sh", "-c", 'ulimit -n 100 && exec "$@"', "sh")
    settings = {"monitor": {"interval": "60s"}}
    with running(tmp_path, settings, prefix=low_limit) as gateway, ExitStack() as wires:
        told = wait_for(lambda: resources(gateway)["resources"].get("descriptors"), "a first look")
        statuses = []
        for _ in range(120):
            wire = wires.enter_context(Wire(gateway.port))
            wire.send(upgrade_request("/connection/websocket"))
            statuses.append(wire.read_response()[0])
        refused = gateway.metric("holdfast_handshakes_total", transport="websocket", slug="overload_descriptors")

    assert told["limit"] == 100
    assert statuses.count(101) + statuses.count(503) == 120
    assert refused == statuses.count(503) > 20
