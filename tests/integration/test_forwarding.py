"""Streams and polls behind a balancer without stickiness: two gateways act as one, also when one is killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.gateway import Gateway
from tests.parts import require
from tests.poll_session import PollSession
from tests.reference_client import ConnectionLost, OpenSession, ReferenceClient
from tests.stream_session import EVENTS, LINES, MESSAGES, StreamSession
from tests.two_gateways import Two, running_two

require("redis")
require("haproxy")

SESSIONS: dict[str, OpenSession] = {
    "http_stream": partial(StreamSession, dialect=LINES),
    "protobuf": partial(StreamSession, dialect=MESSAGES),
    "sse": partial(StreamSession, dialect=EVENTS),
    "poll": PollSession,
}
SECONDS = 40.0


POLL = {"poll": {"timeout": "15s"}}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    """Two gateways for all tests that let them live."""
    with running_two(tmp_path_factory.mktemp("both"), POLL) as two:
        yield two


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    """Two gateways of the test's own."""
    with running_two(tmp_path, POLL) as two:
        yield two


def client_at(two: Two, name: str, url: str = "") -> ReferenceClient:
    """Return a client behind the balancer."""
    path = "/connection/poll" if name == "poll" else ""
    token = two.gateways[0].token(name)
    return ReferenceClient((url or two.proxy.url) + path, SESSIONS[name], token=token, delays=(0.1, 1.0))


async def owner_of(two: Two, client: ReferenceClient) -> Gateway:
    """Return the gateway that has a client's session."""
    node = client.all("connected")[-1]["node"]
    return two.gateways[["one", "two"].index(node)]


@pytest.mark.parametrize("name", SESSIONS)
async def test_client_works_without_stickiness(both: Two, name: str):
    """What it sends arrives in order and once, and half of its requests were forwarded."""
    channel = f"recover:{name}"
    before = both.forwarded("poll" if name == "poll" else "emulation")
    async with client_at(both, name) as client:
        await client.connect()
        sub = await client.subscribe(channel, recoverable=True)
        for number in range(30):
            await client.publish(channel, number)
        await client.until(lambda: len(sub.data) >= 30, "all publications", SECONDS)

        assert (sub.data, sub.gaps) == (list(range(30)), [])
        assert len(client.all("connected")) == 1
    assert both.forwarded("poll" if name == "poll" else "emulation") > before + 5


@pytest.mark.parametrize("name", ["http_stream", "poll"])
async def test_client_recovers_when_its_instance_is_killed(two: Two, name: str):
    """Everything that was published meanwhile comes, in order and once."""
    async with client_at(two, name) as client:
        await client.connect()
        sub = await client.subscribe("recover:a", recoverable=True)
        owner = await owner_of(two, client)
        other = next(one for one in two.gateways if one is not owner)
        for number in range(60):
            if number == 20:
                await asyncio.to_thread(owner.kill)
            await asyncio.to_thread(other.call, "publish", channel="recover:a", data=number)
            await asyncio.sleep(0.02)
        await client.until(lambda: len(sub.data) >= 60, "all publications", SECONDS)

        assert (sub.data, sub.gaps) == (list(range(60)), [])
        assert (await owner_of(two, client)) is other


async def test_commands_of_a_killed_instance_are_not_carried_out_twice(two: Two):
    """Of a client that publishes by polls: each once, in order, or its loss is told."""
    async with client_at(two, "poll") as client, client_at(two, "poll") as watcher:
        for one in (client, watcher):
            await one.connect()
        sub = await watcher.subscribe("recover:b", recoverable=True)
        await client.subscribe("recover:b", recoverable=True)
        owner = await owner_of(two, client)
        acknowledged = []
        for number in range(40):
            if number == 10:
                await asyncio.to_thread(owner.kill)
            with contextlib.suppress(ConnectionLost):
                await asyncio.wait_for(client.publish("recover:b", number), SECONDS)
                acknowledged.append(number)
            await client.until(lambda: client.is_connected, "a connection", SECONDS)
        await watcher.until(lambda: acknowledged[-1:] == sub.data[-1:], "the last one", SECONDS)

        assert set(acknowledged) <= set(sub.data)
        assert sub.data == sorted(set(sub.data))


async def test_rolling_restart_loses_nothing(two: Two):
    """While the instance that forwards is restarted a session at the other goes on; behind its own it recovers."""
    first, second = two.gateways
    async with client_at(two, "poll", second.url) as client:
        await client.connect()
        session: Any = client._session
        client._url = session._url = f"{two.proxy.url}/connection/poll"
        sub = await client.subscribe("recover:c", recoverable=True)
        for number in range(60):
            if number == 20:
                assert await asyncio.to_thread(first.stop) == 0
            if number == 40:
                await asyncio.to_thread(first.start)
            await asyncio.to_thread(second.call, "publish", channel="recover:c", data=number)
            await asyncio.sleep(0.02)
        await client.until(lambda: len(sub.data) >= 60, "all publications", SECONDS)

        assert len(client.all("connected")) == 1
        stopped = asyncio.ensure_future(asyncio.to_thread(second.stop))
        for number in range(60, 90):
            await asyncio.to_thread(first.call, "publish", channel="recover:c", data=number)
            await asyncio.sleep(0.02)
        await client.until(lambda: len(sub.data) >= 90, "all publications", SECONDS)

        assert (sub.data, sub.gaps) == (list(range(90)), [])
        assert await stopped == 0
        assert client.all("connecting")[0]["reason"] == "shutdown"
    assert "Traceback" not in two.log()


async def test_session_outlives_an_outage_of_redis(two: Two):
    """Longer than entries of instances live: nobody is told that the session is gone, and nothing is lost."""
    first, _ = two.gateways
    async with client_at(two, "poll") as client:
        await client.connect()
        sub = await client.subscribe("recover:d", recoverable=True)
        await asyncio.to_thread(first.call, "publish", channel="recover:d", data=0)
        os.kill(two.redis.pid, signal.SIGSTOP)
        await asyncio.sleep(6)  # the time to live is 4
        os.kill(two.redis.pid, signal.SIGCONT)
        number = 1
        while number < 20:
            answer = await asyncio.to_thread(first.call, "publish", channel="recover:d", data=number)
            number += "error" not in answer
        await client.until(lambda: len(sub.data) >= 20, "all publications", SECONDS)

        assert (sub.data, sub.gaps) == (list(range(20)), [])
        assert len(client.all("connected")) == 1
    assert two.forwarded("poll") > 1


def wait_for_gone(gateway: Gateway, before: float) -> None:
    """Wait until a gateway knows that the client of a poll has left."""
    deadline = time.monotonic() + SECONDS
    while gateway.metric("holdfast_polls_total", outcome="gone") <= before:
        assert time.monotonic() < deadline, "the poll is not freed"
        time.sleep(0.05)


async def test_client_that_hangs_up_at_one_frees_its_poll_at_the_other(both: Two):
    """The session's idle time begins, so that one that does not come back ends."""
    first, second = both.gateways
    url = "/connection/poll"
    commands = [{"id": 1, "connect": {"token": first.token("ann")}}]
    async with (
        httpx.AsyncClient(base_url=second.url, trust_env=False, timeout=SECONDS) as far,
        httpx.AsyncClient(base_url=first.url, trust_env=False) as near,
    ):
        opened = (await far.post(url, json={"commands": commands})).json()
        names = {"session": opened["session"], "node": opened["node"]}
        gone = second.metric("holdfast_polls_total", outcome="gone")
        with contextlib.suppress(httpx.ReadTimeout):
            await near.post(url, json={**names, "seq": 1, "ack": 1}, timeout=1.0)
        await asyncio.to_thread(wait_for_gone, second, gone)
        waiting = asyncio.ensure_future(near.post(url, json={**names, "seq": 2, "ack": 1}, timeout=SECONDS))
        await asyncio.sleep(0.5)
        newer = await far.post(url, json={**names, "seq": 3, "ack": 1, "commands": [{"id": 2, "ping": {}}]})

        assert (await waiting).json() == {"superseded": True, "messages": []}
        assert [one["id"] for one in newer.json()["messages"]] == [2]
        for node in ("*", "all", "three", "two\r\nPUBLISH", "two" * 2000):
            refused = await near.post(url, json={**names, "node": node, "seq": 4, "ack": 1})
            assert (refused.status_code, refused.json()["slug"]) == (404, "unknown_session")
