"""The stock Python SDK: coming back after the network broke or the gateway restarted."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

from centrifuge import StreamPosition

from tests.sdk.clients import Clients
from tests.sdk.gateway import SdkGateway
from tests.sdk.support import Network, token, unique, until


def data(events: Any) -> list[Any]:
    """Return the payloads that arrived, in order."""
    return [ctx.pub.data for ctx in events.all["publication"]]


async def test_missed_publications_arrive_once(clients: Clients, sdk_gateway: SdkGateway) -> None:
    """After a dropped connection everything missed arrives in order, and nothing twice."""
    async with Network(sdk_gateway.ws_url) as network:
        sub, events = await clients.subscribed(unique("kept:"), network.url)
        sdk_gateway.api("publish", channel=sub.channel, data=1)
        await events.next("publication")
        network.refuse(True)
        await events.next("subscribing", lambda ctx: ctx.code == 1)
        for number in (2, 3, 4):
            sdk_gateway.api("publish", channel=sub.channel, data=number)
        network.refuse(False)
        back = await events.next("subscribed")
        await until(lambda: len(data(events)) >= 4, "all four")

        assert (back.was_recovering, back.recovered) == (True, True)
        assert data(events) == [1, 2, 3, 4]


async def test_unrecoverable_position_is_told(clients: Clients, sdk_gateway: SdkGateway) -> None:
    """Where history no longer reaches back, the client is told and gets nothing partial."""
    async with Network(sdk_gateway.ws_url) as network:
        sub, events = await clients.subscribed(unique("short:"), network.url)
        network.refuse(True)
        await events.next("subscribing", lambda ctx: ctx.code == 1)
        for number in range(1, 6):
            sdk_gateway.api("publish", channel=sub.channel, data=number)
        network.refuse(False)
        back = await events.next("subscribed")
        sdk_gateway.api("publish", channel=sub.channel, data=6)
        await events.next("publication")

        assert (back.was_recovering, back.recovered, back.stream_position.offset) == (True, False, 5)
        assert data(events) == [6]


async def test_get_state_is_asked_when_unrecoverable(clients: Clients, sdk_gateway: SdkGateway) -> None:
    """A subscription with get_state is refused with error 112 and loads its state anew."""
    channel = unique("short:")
    asked = 0

    async def get_state(_: str) -> StreamPosition:
        nonlocal asked
        asked += 1
        top = sdk_gateway.api("history", channel=channel)
        return StreamPosition(offset=top.get("offset", 0), epoch=top["epoch"])

    async with Network(sdk_gateway.ws_url) as network:
        _, events = await clients.subscribed(channel, network.url, get_state=get_state)
        network.refuse(True)
        await events.next("subscribing", lambda ctx: ctx.code == 1)
        for number in range(1, 6):
            sdk_gateway.api("publish", channel=channel, data=number)
        network.refuse(False)
        back = await events.next("subscribed")

        assert asked == 2
        assert back.recovered is True
        assert data(events) == []


async def test_server_side_subscription_recovers(clients: Clients, sdk_gateway: SdkGateway) -> None:
    """Subscriptions of the token recover what was missed as well."""
    channel = unique("kept:")
    async with Network(sdk_gateway.ws_url) as network:
        client, events = await clients.connected(network.url, token=token(channels=[channel]))
        await events.next("subscribed")
        sdk_gateway.api("publish", channel=channel, data=1)
        await events.next("publication")
        network.refuse(True)
        await events.next("connecting", lambda ctx: ctx.code == 1)
        sdk_gateway.api("publish", channel=channel, data=2)
        network.refuse(False)
        back = await events.next("subscribed")
        await client.ready(8)
        await until(lambda: len(data(events)) >= 2, "both")

        assert (back.was_recovering, back.recovered) == (True, True)
        assert data(events) == [1, 2]


def publish_for_sure(gateway: SdkGateway, channel: str, number: int) -> None:
    """Publish until it is acknowledged; the key makes a repeated try harmless."""
    while True:
        try:
            gateway.api("publish", channel=channel, data=number, idempotency_key=f"{channel}{number}")
            return
        except (OSError, AssertionError):
            time.sleep(0.02)


async def publish_over_a_restart(gateway: SdkGateway, channel: str, has_begun: Callable[[], Awaitable[None]]) -> int:
    """Publish 1, 2, ... before, during and after a restart that comes once it has begun; return the last number."""
    is_back = threading.Event()

    def publish() -> int:
        after, number = 0, 0
        while after < 10:
            after += is_back.is_set()
            number += 1
            publish_for_sure(gateway, channel, number)
            time.sleep(0.05)
        return number

    publishing = asyncio.create_task(asyncio.to_thread(publish))
    try:
        await has_begun()
        await asyncio.to_thread(gateway.restart)
    finally:
        is_back.set()
    return await publishing


async def test_crash_is_told(clients: Clients, sdk_gateway: SdkGateway) -> None:
    """After a crash history is gone, and the client is told so instead of being given a silent gap."""
    sub, events = await clients.subscribed(unique("kept:"))
    before = events.all["subscribed"][0].stream_position
    sdk_gateway.api("publish", channel=sub.channel, data=1)
    await events.next("publication")

    await asyncio.to_thread(sdk_gateway.kill)
    await asyncio.to_thread(sdk_gateway.start)
    await events.next("subscribing", lambda ctx: ctx.code == 1)
    back = await events.next("subscribed")

    assert (back.was_recovering, back.recovered) == (True, False)
    assert back.stream_position.epoch != before.epoch
    assert back.stream_position.offset == 0


async def test_restart_loses_and_doubles_nothing(clients: Clients, sdk_gateway: SdkGateway) -> None:
    """Numbered publications over a restart of the gateway: each arrives once, in the same epoch."""
    sub, events = await clients.subscribed(unique("kept:"))
    epoch = events.all["subscribed"][0].stream_position.epoch

    async def has_begun() -> None:
        await until(lambda: len(data(events)) >= 5, "the first publications")

    published = await publish_over_a_restart(sdk_gateway, sub.channel, has_begun)
    await until(lambda: len(data(events)) >= published, "all publications")
    await until(lambda: len(events.all["subscribed"]) >= 2, "the client's return")

    back = events.all["subscribed"][-1]
    assert (back.was_recovering, back.recovered, back.stream_position.epoch) == (True, True, epoch)
    assert data(events) == list(range(1, published + 1))
