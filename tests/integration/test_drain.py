"""Draining a running instance: what clients, balancers and operators see, and how it comes back."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from tests import proxies
from tests.driven_client import Driver, driven_client
from tests.gateway import ADMIN_TOKEN, Gateway
from tests.parts import require
from tests.raw_client import RawClient

# Instances that know nothing of each other, but believe in peers: clients may be asked to move.
SHARED = "from holdfast.broker.memory import MemoryBroker\nMemoryBroker.is_shared = True\n"
SHUTDOWN = {"drain_window": "4s", "propagation_wait": "1500ms", "drain_min_rate": 0, "migrate_grace": "20s"}
BALANCER = """\
    balance leastconn
    default-server check inter 200ms fall 1 rise 1
    server one 127.0.0.1:{one}
    server two 127.0.0.1:{two}
"""


def drain(gateway: Gateway, *arguments: str) -> tuple[int, Any]:
    """Run `holdfast drain` and return its exit code and what it printed."""
    command = [sys.executable, "-m", "holdfast", "drain", *arguments, "--json"]
    where = ["--url", gateway.internal_url, "--admin-token", ADMIN_TOKEN]
    done = subprocess.run([*command, *where], capture_output=True, timeout=60, check=False, text=True)
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def wait_for(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_ordered_drain_and_the_way_back(start_gateway: Callable[..., Gateway]) -> None:
    """Not ready, all closed with 3001, newcomers refused, the process stays; cancelled it serves, stopped it ends."""
    gateway = start_gateway()
    staying = [RawClient(gateway, f"user-{number}") for number in range(5)]
    assert drain(gateway, "status")[0] == 0
    code, status = drain(gateway, "start", "--window", "1", "--reason", "kernel", "--wait")

    assert (code, status["state"], status["closed"], status["has_peers"]) == (0, "drained", 5, False)
    assert {client.closed() for client in staying} == {(3001, "shutdown")}
    assert gateway.get("/readyz").status_code == 503
    assert gateway.get("/livez").status_code == 200
    assert gateway.metric("holdfast_farewells_total", slug="shutdown", outcome="closed") == 5
    with pytest.raises(InvalidStatus) as refused:
        RawClient(gateway, "too-late")
    assert refused.value.response.status_code == 503
    assert drain(gateway, "start")[1]["has_changed"] is False
    assert drain(gateway, "status")[0] == 1
    assert gateway.call("publish", channel="news", data=1) == {"result": {}}

    assert drain(gateway, "cancel")[1]["state"] == "serving"
    assert gateway.get("/readyz").status_code == 200
    with RawClient(gateway, "again") as client:
        drain(gateway, "start", "--window", "30")
        gateway.signal(signal.SIGTERM)
        assert client.closed() == (3001, "shutdown")
    for one in staying:
        one.close()
    assert gateway.wait() == 0
    assert [line["reason"] for line in gateway.events("drained")] == ["kernel", ""]
    assert [line["phase"] for line in gateway.events("phase")] == [
        *("leaving", "draining", "serving"),
        *("leaving", "draining", "stopping"),
    ]


def test_lone_poll_gets_its_goodbye(start_gateway: Callable[..., Gateway]) -> None:
    """A client that is between two requests when the instance stops finds its last word at the next one."""
    gateway = start_gateway()
    with httpx.Client(base_url=gateway.url, trust_env=False, timeout=30) as http:
        connect = {"commands": [{"id": 1, "connect": {"token": gateway.token("poller")}}]}
        opened = http.post("/connection/poll", json=connect).json()
        gateway.signal(signal.SIGTERM)
        gateway.wait_for_event("phase", phase="draining")
        time.sleep(0.4)  # behind the window, before the process ends
        ask = {"session": opened["session"], "node": opened["node"], "seq": 1, "ack": len(opened["messages"])}
        answer = http.post("/connection/poll", json=ask).json()

    assert answer["messages"][-1] == {"push": {"disconnect": {"code": 3001, "reason": "shutdown"}}}
    assert gateway.wait() == 0


class Cluster:
    """Two instances behind HAProxy."""

    def __init__(self, instances: list[Gateway], balancer: proxies.Proxy) -> None:
        self.instances = instances
        self.balancer = balancer

    @property
    def ws_url(self) -> str:
        """Where clients connect."""
        return f"ws://127.0.0.1:{self.balancer.port}/connection/websocket"

    def of(self, user: str) -> Gateway:
        """Return the instance that a user is connected to."""
        found: list[Gateway] = []

        def look() -> bool:
            found[:] = [one for one in self.instances if one.call("connections", user=user)["result"]["connections"]]
            return bool(found)

        wait_for(look)
        return found[0]

    def publish(self, channel: str, data: object) -> None:
        """Publish at both: they know nothing of each other."""
        for one in self.instances:
            one.call("publish", channel=channel, data=data)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Two instances that believe in peers, behind HAProxy with a readiness check."""
    require("haproxy")
    (tmp_path / "sitecustomize.py").write_text(SHARED)
    with ExitStack() as stack:
        instances = []
        for name in ("one", "two"):
            folder = tmp_path / name
            folder.mkdir()
            settings = {"instance": name, "shutdown": SHUTDOWN}
            instance = Gateway(folder, settings, prefix=("env", f"PYTHONPATH={tmp_path}")).start()
            stack.callback(instance.kill)
            instances.append(instance)
        ports = BALANCER.format(one=instances[0].port, two=instances[1].port)
        (tmp_path / "haproxy").mkdir()
        line = f"    server one 127.0.0.1:{instances[0].port} check inter 1s\n"
        balancer = proxies.start("haproxy", instances[0].port, tmp_path / "haproxy", {line: ports})
        stack.callback(balancer.stop)
        yield Cluster(instances, balancer)


def numbers(client: Driver) -> list[int]:
    """Return what a client's subscription got."""
    return [event["data"] for event in client.seen if event["event"] == "sub_publication"]


def test_client_that_can_move_notices_nothing(cluster: Cluster) -> None:
    """Our client moves to the other instance, of which it is told by an event `migrated` alone."""
    require("npm:tests/sdk")
    token = cluster.instances[0].token("mover")
    with driven_client(cluster.ws_url, token=token) as client:
        client.do("connect")
        client.next("connected")
        client.do("subscribe", channel="news")
        client.next("sub_state", to="subscribed")
        old = cluster.of("mover")
        cluster.publish("news", 1)
        client.next("sub_publication", data=1)
        code, started = drain(old, "start", "--window", "1")
        assert (code, started["has_peers"]) == (0, True)
        client.next("migrated")
        wait_for(lambda: drain(old, "status")[1]["state"] == "drained")
        cluster.publish("news", 2)
        client.next("sub_publication", data=2)

        assert numbers(client) == [1, 2]
        assert [event["to"] for event in client.seen if event["event"] == "state"] == ["connecting", "connected"]
        assert not [event for event in client.seen if event["event"] in {"disconnected", "error", "sub_error"}]
    status = drain(old, "status")[1]
    assert (status["moved"], status["overdue"], status["closed"]) == (1, 0, 0)


def test_plain_client_is_closed_at_its_moment(cluster: Cluster) -> None:
    """A client that cannot move is closed with 3001 within the window, finds the other instance, and is well there."""
    old = cluster.instances[0]
    clients = [RawClient(old, f"plain-{number}") for number in range(10)]
    drain(old, "start", "--window", "2")
    started = time.monotonic()

    assert {client.closed() for client in clients} == {(3001, "shutdown")}
    assert time.monotonic() - started < 2 + 1.5 + 5
    for client in clients:
        client.close()
    wait_for(lambda: drain(old, "status")[1]["state"] == "drained")
    assert drain(old, "status")[1]["closed"] == 10
    answer = httpx.get(f"{cluster.balancer.url}/readyz", trust_env=False, timeout=30)
    assert answer.status_code == 200


def test_stream_is_asked_to_move_too(cluster: Cluster) -> None:
    """Streams and polls get the same frame as WebSockets, and the same goodbye when they stay."""
    old = cluster.instances[0]
    hello = {"version": "1", "can_migrate": True}
    command = json.dumps({"id": 1, "connect": {"token": old.token("streamer"), "holdfast": hello}})
    with httpx.stream(
        "POST", f"{old.url}/connection/http_stream", content=command, trust_env=False, timeout=60
    ) as said:
        assert said.status_code == 200
        lines = (json.loads(line) for line in said.iter_lines() if line.strip("{} \n"))
        assert "connect" in next(lines)
        drain(old, "start", "--window", "1")
        pushes = [line["push"] for line in lines]

    assert pushes == [
        {"holdfast": {"migrate": {"after_ms": 0}}},
        {"disconnect": {"code": 3001, "reason": "shutdown", "reconnect": True}},
    ]
    wait_for(lambda: drain(old, "status")[1]["state"] == "drained")
    assert drain(old, "status")[1]["overdue"] == 1
