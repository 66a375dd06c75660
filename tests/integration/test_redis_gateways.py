"""Two gateways on one Redis act as one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.gateway import Gateway
from tests.parts import require
from tests.redis_brokers import some_prefix
from tests.redis_servers import RedisServer, running_redis
from tests.reference_client import ReferenceClient
from tests.socket_session import SocketSession

require("redis")
SECONDS = 30
Start = Callable[[dict[str, Any]], Gateway]


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """Run one server."""
    with running_redis() as one:
        yield one


def settings_at(address: str, prefix: str = "", **redis: Any) -> dict[str, Any]:
    """Return the settings of an instance at a server."""
    redis = {"addresses": [address], "prefix": prefix or some_prefix(), **redis}
    return {"broker": {"type": "redis", "redis": redis, "unready_after": "1s"}}


@pytest.fixture
def two(server: RedisServer, start_gateway: Start) -> tuple[Gateway, Gateway]:
    """Run two gateways."""
    settings = settings_at(server.address)
    return start_gateway(settings), start_gateway(settings)


def client_of(gateway: Gateway, user: str = "ann") -> ReferenceClient:
    """Return a client of a gateway, over WebSocket."""
    return ReferenceClient(gateway.url, SocketSession, token=gateway.token(user))


def publish(gateway: Gateway, channel: str, *numbers: int) -> list[int]:
    """Publish numbers; return their offsets."""
    results = [gateway.call("publish", channel=channel, data={"n": number})["result"] for number in numbers]
    return [result.get("offset", 0) for result in results]


async def test_publication_at_one_is_delivered_at_the_other(two: tuple[Gateway, Gateway]):
    """Channels with and without history, published by the API and by a client."""
    one, other = two
    async with client_of(other) as client, client_of(one, "bob") as publisher:
        await client.connect()
        await publisher.connect()
        subs = [await client.subscribe(name) for name in ("full:a", "plain")]
        await publisher.subscribe("plain")
        await asyncio.to_thread(publish, one, "full:a", 1, 2, 3)
        await asyncio.to_thread(publish, one, "plain", 1)
        await publisher.publish("plain", {"n": 2})

        await client.until(lambda: [len(sub.data) for sub in subs] == [3, 2], "what was published")
        assert [[data["n"] for data in sub.data] for sub in subs] == [[1, 2, 3], [1, 2]]


async def test_client_recovers_at_another_instance(two: tuple[Gateway, Gateway]):
    """What was published meanwhile is recovered from the shared history."""
    one, other = two
    await asyncio.to_thread(publish, one, "recover:a", 1, 2)
    async with client_of(one) as client:
        await client.connect()
        sub = await client.subscribe("recover:a", recoverable=True)
        await asyncio.to_thread(publish, other, "recover:a", 3)
        await client.until(lambda: len(sub.data) == 1, "the publication")
        position = sub.position()
    await asyncio.to_thread(publish, other, "recover:a", 4, 5)
    async with client_of(other) as client:
        await client.connect()
        result = await client.call("subscribe", channel="recover:a", **position)

        assert result["recovered"]
        assert [one["data"]["n"] for one in result["publications"]] == [4, 5]


async def test_presence_is_of_both(two: tuple[Gateway, Gateway]):
    """Who is present at one is seen at the other."""
    one, other = two
    async with client_of(one) as ann, client_of(other, "bob") as bob:
        for client in (ann, bob):
            await client.connect()
            await client.subscribe("presence:a")
        found = (await ann.call("presence", channel="presence:a"))["presence"]

        assert sorted(info["user"] for info in found.values()) == ["ann", "bob"]


async def test_lost_link_is_not_noticed_by_clients(server: RedisServer, two: tuple[Gateway, Gateway]):
    """Whatever is published while the connections of pub/sub are killed comes in order, and once."""
    one, other = two
    async with client_of(other) as client:
        await client.connect()
        sub = await client.subscribe("recover:a", recoverable=True)
        for number in range(30):
            if number % 3 == 0:
                await asyncio.to_thread(server.ask, "CLIENT", "KILL", "TYPE", "pubsub")
            await asyncio.to_thread(publish, one, "recover:a", number)
        await client.until(lambda: len(sub.data) >= 30, "all publications")

        assert [data["n"] for data in sub.data] == list(range(30))
        assert len(client.all("connected")) == 1


def wait_ready(gateway: Gateway, status: int, text: str = "") -> str:
    """Wait until /readyz has a status and a text in it, and return all of it."""
    deadline = time.monotonic() + SECONDS
    while True:
        answer = gateway.get("/readyz")
        if answer.status_code == status and text in answer.text:
            return answer.text
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.1)


def test_gateway_starts_without_redis_and_says_why_it_is_not_ready(server: RedisServer, start_gateway: Start):
    """With the slug of the cause; it gets ready by itself, and the password is nowhere."""
    server.ask("CONFIG", "SET", "requirepass", "right-secret")
    gateway = start_gateway(settings_at(server.address, password="wrong-secret"))
    wait_ready(gateway, 503, "broker_auth_failed")
    refused = gateway.call("publish", channel="full:a", data={})["error"]
    assert (refused["code"], refused["message"]) == (100, "broker_auth_failed")
    assert gateway.metric("holdfast_broker_up") == 0
    assert gateway.metric("holdfast_broker_failures_total", slug="broker_auth_failed") > 0
    server.cli_options = ["-a", "right-secret", "--no-auth-warning"]
    server.ask("CONFIG", "SET", "requirepass", "wrong-secret")

    wait_ready(gateway, 200)
    assert publish(gateway, "full:a", 1) == [1]
    assert gateway.metric("holdfast_broker_up") == 1
    assert len([line for line in gateway.events("broker.failing") if line["slug"] == "broker_auth_failed"]) <= 2
    assert "wrong-secret" not in gateway.log()
    assert gateway.stop() == 0


def test_full_redis_is_not_ready(server: RedisServer, start_gateway: Start):
    """A Redis that takes no publication makes an instance not ready, with its slug."""
    gateway = start_gateway(settings_at(server.address))
    wait_ready(gateway, 200)
    server.ask("CONFIG", "SET", "maxmemory", "1mb")
    wait_ready(gateway, 503, "broker_out_of_memory")
    server.ask("CONFIG", "SET", "maxmemory", "0")
    wait_ready(gateway, 200)


def test_lost_ways_from_redis_are_named(server: RedisServer, start_gateway: Start):
    """Commands go on: without publications an instance is not ready after its patience, without messages it says so."""
    prefix = some_prefix()
    server.ask("ACL", "SETUSER", "gateway", "on", ">secret", "~*", "resetchannels", f"&{prefix}:*", "+@all")
    gateway = start_gateway(settings_at(server.address, prefix, user="gateway", password="secret"))
    assert wait_ready(gateway, 200).count('"ok"') == 5
    server.ask("ACL", "SETUSER", "gateway", "resetchannels", f"&{prefix}:{{*")
    wait_ready(gateway, 200, '"messages":"ok, although not for')
    assert "broker_permission_denied" in wait_ready(gateway, 200, '"broker":"ok"')
    assert gateway.metric("holdfast_broker_link_up", link="messages") == 0

    server.ask("ACL", "SETUSER", "gateway", f"&{prefix}:*", "-subscribe")
    server.ask("CLIENT", "KILL", "TYPE", "pubsub")
    wait_ready(gateway, 503, "Failing: broker: broker_permission_denied")
    assert gateway.metric("holdfast_broker_link_up", link="feed") == 0
    server.ask("ACL", "SETUSER", "gateway", "+subscribe")
    wait_ready(gateway, 200, '"broker":"ok","messages":"ok"')
    assert gateway.metric("holdfast_broker_link_up", link="feed") == 1
    assert len(gateway.events("broker.feed_failing")) == 1
