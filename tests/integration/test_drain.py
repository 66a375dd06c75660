"""Draining a running instance: what clients, balancers and operators see, and how it comes back.

Alone, and as one of two on a Redis behind a balancer, to which its clients go while numbered messages come.
"""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from functools import partial
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from tests.driven_client import Driver, driven_client
from tests.gateway import ADMIN_TOKEN, Gateway
from tests.parts import require
from tests.poll_session import PollSession
from tests.raw_client import RawClient
from tests.reference_client import OpenSession, ReferenceClient, Subscription
from tests.socket_session import SocketSession
from tests.stream_session import EVENTS, LINES, StreamSession
from tests.streams import KINDS, StreamClient
from tests.two_gateways import Two, running_two

SHUTDOWN = {"drain_window": "4s", "propagation_wait": "1s", "drain_min_rate": 0, "migrate_grace": "20s"}
SECONDS = 40.0
USER = "guest"
UNWANTED = {"disconnected", "error", "sub_error", "sub_gap"}
TRANSPORTS: dict[str, OpenSession] = {
    "websocket": SocketSession,
    "http_stream": partial(StreamSession, dialect=LINES),
    "sse": partial(StreamSession, dialect=EVENTS),
    "poll": PollSession,
}


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


def admin(url: str, method: str = "GET", order: Any = None) -> Any:
    """Return what the path behind `holdfast drain` answers: the command itself takes a second to start."""
    header = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    return httpx.request(method, f"{url}/admin/drain", json=order, headers=header, trust_env=False, timeout=30).json()


def drained(gateway: Gateway) -> Any:
    """Wait for the end of a drain and return its status."""
    wait_for(lambda: admin(gateway.url)["state"] == "drained")
    return admin(gateway.url)


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
    assert admin(gateway.url, "POST", {})["has_changed"] is False
    assert drain(gateway, "status")[0] == 1
    assert gateway.call("publish", channel="news", data=1) == {"result": {}}

    assert drain(gateway, "cancel")[1]["state"] == "serving"
    assert gateway.get("/readyz").status_code == 200
    with RawClient(gateway, "again") as client:
        admin(gateway.url, "POST", {"window": 30})
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


def connections(gateway: Gateway) -> float:
    """Return how many clients an instance has."""
    return gateway.metric("holdfast_connections")


def wait_for_balancer(two: Two, *names: str) -> None:
    """Wait until it sends newcomers to these instances, by turns, and to no other."""
    wait_for(lambda: {admin(two.proxy.url)["instance"] for _ in range(4)} == set(names))


@pytest.fixture(scope="module")
def shared_two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    """Two instances on one Redis, behind HAProxy with a readiness check."""
    for part in ("haproxy", "redis"):
        require(part)
    with running_two(tmp_path_factory.mktemp("two"), {"shutdown": SHUTDOWN}) as two:
        yield two


@pytest.fixture
def two(shared_two: Two) -> Iterator[Two]:
    """Both of them, serving and without clients, and so again behind the test."""
    yield shared_two
    for gateway in shared_two.gateways:
        admin(gateway.url, "DELETE")
    wait_for_balancer(shared_two, "one", "two")
    shared_two.gateways[0].call("disconnect", user=USER)  # a poll client whose process was ended would stay a minute
    wait_for(lambda: not any(connections(gateway) for gateway in shared_two.gateways))


@contextmanager
def all_at_the_first(two: Two) -> Iterator[None]:
    """Let everybody who connects in the block reach the first instance; behind it the other one serves again."""
    admin(two.gateways[1].url, "POST", {"window": 0})
    drained(two.gateways[1])
    wait_for_balancer(two, "one")
    yield
    admin(two.gateways[1].url, "DELETE")
    wait_for_balancer(two, "one", "two")


class Publisher:
    """Publishes the same numbers into channels, at both instances by turns, for the length of a block."""

    def __init__(self, two: Two, *channels: str) -> None:
        self.sent = 0
        self._two, self._channels = two, channels
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._refused: list[Any] = []

    def _run(self) -> None:
        while not self._is_over.wait(0.01):
            gateway = self._two.gateways[self.sent % 2]
            answer = gateway.call("broadcast", channels=self._channels, data=self.sent)
            if "error" in json.dumps(answer):
                self._refused.append(answer)
            self.sent += 1

    def __enter__(self) -> Publisher:
        self._thread.start()
        wait_for(lambda: self.sent >= 10)
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()
        assert not self._refused


def numbers(client: Driver, channel: str) -> list[Any]:
    """Return what a client's subscription got."""
    return [one["data"] for one in client.seen if one["event"] == "sub_publication" and one["channel"] == channel]


@pytest.mark.timeout(240)
def test_clients_that_can_move_notice_nothing(two: Two) -> None:
    """Ours move to the other instance, told by an event `migrated` alone; each number comes once, in order."""
    require("npm:tests/sdk")
    channels = ("recover:moving", "moving")
    token, url = two.gateways[0].token(USER), f"{two.proxy.url.replace('http', 'ws', 1)}/connection/websocket"
    with ExitStack() as stack:
        with all_at_the_first(two):
            clients = [
                stack.enter_context(driven_client(url, token=token, transports=[transport])) for transport in TRANSPORTS
            ]
            for client in clients:
                client.do("connect")
                for channel in channels:
                    client.do("subscribe", channel=channel)
                    client.next("sub_state", to="subscribed", channel=channel)
        with Publisher(two, *channels) as publisher:
            started = admin(two.gateways[0].url, "POST", {"window": 10})
            for client in clients:
                client.next("migrated")
            status = drained(two.gateways[0])
        two.gateways[0].call("broadcast", channels=channels, data="last")
        for client in clients:
            for channel in channels:
                if "last" not in numbers(client, channel):
                    client.next("sub_publication", channel=channel, data="last")

        assert (started["has_peers"], started["connections"]) == (True, len(TRANSPORTS))
        assert (status["moved"], status["overdue"], status["closed"]) == (len(TRANSPORTS), 0, 0)
        assert [connections(one) for one in two.gateways] == [0, len(TRANSPORTS)]
        expected = [*range(publisher.sent), "last"]
        for client, transport in zip(clients, TRANSPORTS, strict=True):
            assert [numbers(client, channel) for channel in channels] == [expected, expected], transport
            states = [event["to"] for event in client.seen if event["event"] == "state"]
            assert states == ["connecting", "connected"], transport
            assert not [one for one in client.seen if one["event"] in UNWANTED], transport


@pytest.mark.timeout(240)
async def test_plain_clients_are_closed_at_their_moment(two: Two) -> None:
    """Who cannot move gets 3001 in the window, finds the other instance, and recovers: each number once, in order."""
    channel, token = "recover:plain", two.gateways[0].token(USER)
    async with AsyncExitStack() as stack:
        clients = []
        with all_at_the_first(two):
            for transport, session in TRANSPORTS.items():
                url = two.proxy.url + ("/connection/poll" if transport == "poll" else "")
                client = await stack.enter_async_context(ReferenceClient(url, session, token=token))
                await client.connect()
                await client.subscribe(channel, recoverable=True)
                clients.append(client)
        with Publisher(two, channel) as publisher:
            await asyncio.to_thread(admin, two.gateways[0].url, "POST", {"window": 2})
            status = await asyncio.to_thread(drained, two.gateways[0])
            for client in clients:
                await client.until(partial(getattr, client, "is_connected"), "a connection", SECONDS)
        for client in clients:
            await client.until(partial(_has, client.subs[channel], publisher.sent), "all numbers", SECONDS)

        assert [client.subs[channel].data for client in clients] == [[*range(publisher.sent)]] * len(clients)
        assert [client.subs[channel].gaps for client in clients] == [[]] * len(clients)
        goodbyes = [one for client in clients for one in client.all("connecting")]
        assert [(one["code"], one["reason"]) for one in goodbyes] == [(3001, "shutdown")] * len(clients)
        assert (status["closed"], status["moved"], status["overdue"]) == (len(clients), 0, 0)
    (ended,) = two.gateways[0].events("drained")[-1:]
    assert 1 + 2 * 3 / 4 <= ended["seconds"] < 1 + 2 + 3


def _has(sub: Subscription, count: int) -> bool:
    return len(sub.data) >= count


@pytest.mark.parametrize("kind", KINDS)
def test_stream_that_was_asked_and_stays_is_closed(two: Two, kind: str) -> None:
    """It gets the same frame as a WebSocket, and the same goodbye when its time is over."""
    old = two.gateways[0]
    command = {"id": 1, "connect": {"token": old.token(USER), "holdfast": {"version": "1", "can_migrate": True}}}
    with StreamClient(old.port, kind, commands=json.dumps(command)) as client:
        client.connect()
        admin(old.url, "POST", {"window": 1})
        asked = client.push()

        assert asked == {"holdfast": {"migrate": {"after_ms": 0}}}
        assert client.goodbye() == (3001, "shutdown")
    assert drained(old)["overdue"] == 1


def test_poll_that_was_asked_and_stays_is_closed(two: Two) -> None:
    """The other instance, where its polls arrive, hands both on."""
    old, other = two.gateways
    ask = f"{other.url}/connection/poll"
    with httpx.Client(trust_env=False, timeout=SECONDS) as http:
        connect = {"token": old.token(USER), "holdfast": {"version": "1", "can_migrate": True}}
        opened = http.post(f"{old.url}/connection/poll", json={"commands": [{"id": 1, "connect": connect}]}).json()
        admin(old.url, "POST", {"window": 1})
        names, ack, came = {"session": opened["session"], "node": opened["node"]}, len(opened["messages"]), []
        while not came or "disconnect" not in came[-1].get("push", {}):
            answer = http.post(ask, json={**names, "seq": len(came) + 1, "ack": ack + len(came)}).json()
            came += answer["messages"]

    assert came == [
        {"push": {"holdfast": {"migrate": {"after_ms": 0}}}},
        {"push": {"disconnect": {"code": 3001, "reason": "shutdown"}}},
    ]
    assert drained(old)["overdue"] == 1
