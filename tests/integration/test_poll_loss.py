"""Long polling through a network that cuts connections at random bytes: nothing lost, doubled or out of order."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import httpx
import pytest

from tests.cutting_proxy import Cuts, CuttingProxy
from tests.gateway import Gateway
from tests.poll_client import PollClient, Subscription

PATIENCE_SECONDS = 60.0
# How far the publisher may be ahead; more would be a slow consumer, who is ended.
WINDOW = 1000


class Publisher:
    """Publishes numbers by the server API, no faster than a subscriber takes them."""

    def __init__(self, gateway: Gateway, client: PollClient, sub: Subscription) -> None:
        self._url = f"{gateway.internal_url}/api/batch"
        self._http = httpx.AsyncClient(headers={"X-API-Key": gateway.api_key}, trust_env=False)
        self._client = client
        self._sub = sub

    async def publish(self, count: int, batch: int) -> None:
        """Publish 0 to `count` - 1."""
        async with self._http:
            for start in range(0, count, batch):
                numbers = range(start, min(start + batch, count))
                commands = [{"publish": {"channel": self._sub.channel, "data": number}} for number in numbers]
                (await self._http.post(self._url, json={"commands": commands})).raise_for_status()
                await self._client.until(
                    lambda start=start: len(self._sub.data) > start - WINDOW, "progress", PATIENCE_SECONDS
                )


async def send_all(client: PollClient, channel: str, count: int) -> None:
    """Publish 0 to `count` - 1 by commands of the client, some at a time."""
    for start in range(0, count, 5):
        numbers = range(start, min(start + 5, count))
        await asyncio.gather(*(client.publish(channel, number) for number in numbers))


async def run(gateway: Gateway, count: int, *, commands: int, batch: int, cuts: Cuts) -> dict[str, Any]:
    """Let one client take `count` messages and send `commands` through a cutting proxy; return what was seen."""
    name = uuid.uuid4().hex[:8]
    async with (
        CuttingProxy("127.0.0.1", gateway.port, cuts) as proxy,
        PollClient(
            f"http://127.0.0.1:{proxy.port}/connection/poll", token=gateway.token(name), delays=(0.005, 0.1)
        ) as client,
    ):
        await client.connect()
        # Channels without recovery: what is lost between gateway and client stays lost.
        pushed = await client.subscribe(f"news-{name}")
        sent = await client.subscribe(f"history:{name}")
        publisher = Publisher(gateway, client, pushed)
        await asyncio.gather(publisher.publish(count, batch), send_all(client, sent.channel, commands))
        await client.until(lambda: len(pushed.data) >= count, "last message", PATIENCE_SECONDS)
        await client.until(lambda: len(sent.data) >= commands, "last command", PATIENCE_SECONDS)
        return {
            "pushed": pushed.data,
            "sent": sent.data,
            "offset": sent.offset,
            "sessions": len(client.all("connected")),
            "cuts": proxy.cuts,
        }


async def check(gateway: Gateway, count: int, *, commands: int, batch: int, cuts: Cuts) -> None:
    """Run it, and hold what was seen against what must be."""
    seen = await run(gateway, count, commands=commands, batch=batch, cuts=cuts)

    assert seen["pushed"] == list(range(count))
    assert seen["sent"] == list(range(commands))
    # The offset counts what was published, whoever heard of it: each command was carried out once.
    assert seen["offset"] == commands
    assert seen["sessions"] == 1
    assert min(seen["cuts"]["request"], seen["cuts"]["answer"]) >= 10
    assert not [line for line in gateway.log().splitlines() if "Traceback" in line]
    print(f"{count} messages, {commands} commands, cuts: {dict(seen['cuts'])}")


@pytest.fixture
def gateway(start_gateway: Any) -> Gateway:
    """A gateway that lets a client send as fast as it can."""
    return start_gateway({"client": {"command_rate": 0}})


@pytest.mark.parametrize("seed", [1, 2])
async def test_poll_loses_and_doubles_nothing(gateway: Gateway, seed: int) -> None:
    """Some hundreds of messages and commands arrive once each, in one session, over dozens of cuts both ways."""
    await check(gateway, 400, commands=100, batch=3, cuts=Cuts(seed, mean_bytes=1500))


@pytest.mark.proof
@pytest.mark.timeout(1800)
async def test_poll_loses_and_doubles_nothing_at_length(gateway: Gateway) -> None:
    """100,000 messages and 5,000 commands arrive once each."""
    await check(gateway, 100_000, commands=5_000, batch=10, cuts=Cuts(3, mean_bytes=6000))
