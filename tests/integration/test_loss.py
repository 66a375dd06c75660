"""Every transport through a network that cuts connections at random bytes: nothing lost, doubled or out of order.

By long polling a session outlives what happens to its requests, so nothing needs to be recovered there, and commands
are carried out once. All others lose their session with each cut, and recover from the last offset they saw.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import pytest

from tests.cutting_proxy import Cuts, CuttingProxy
from tests.gateway import Gateway, running
from tests.poll_session import PollSession
from tests.reference_client import OpenSession, ReferenceClient, Subscription
from tests.socket_session import SocketSession
from tests.stream_session import EVENTS, LINES, MESSAGES, StreamSession

PATIENCE_SECONDS = 60.0
NOT_LOST_BY_POLL, RECOVERED = "news-", "recover:"


@dataclass(frozen=True)
class Way:
    """A transport and what the client does on it; only the sessions of polls outlive a cut."""

    session: OpenSession
    path: str = ""
    outlives_cuts: bool = False

    @property
    def channel(self) -> str:
        """What the channel's name begins with: without recovery, what is lost on the way stays lost."""
        return NOT_LOST_BY_POLL if self.outlives_cuts else RECOVERED


WAYS = {
    "poll": Way(PollSession, "/connection/poll", outlives_cuts=True),
    "http_stream": Way(partial(StreamSession, dialect=LINES)),
    "http_stream_protobuf": Way(partial(StreamSession, dialect=MESSAGES)),
    "sse": Way(partial(StreamSession, dialect=EVENTS)),
    "websocket": Way(SocketSession),
}


@dataclass(frozen=True)
class Amount:
    """How much is published, how much a client sends where that is safe, and what is cut.

    The publisher is ahead of the client by `window` messages and a batch at most: what was missed must pass in one
    reply before the next cut, and more than `client.recovery_max_publication_limit` is not recovered.
    """

    count: int
    batch: int
    window: int
    commands: int
    cuts: Cuts


def payload(number: int) -> dict[str, Any]:
    """Return a message with this number; lengths of two bytes and characters of several are there to be cut."""
    return {"number": number, "text": "é€" * (number % 30)}


def has(sub: Subscription, count: int) -> bool:
    """Tell whether there is nothing to wait for: so many messages are here, or one never will be."""
    return len(sub.data) >= count or bool(sub.gaps)


class Publisher:
    """Publishes numbers by the server API, no faster than a subscriber takes them."""

    def __init__(self, gateway: Gateway, client: ReferenceClient, sub: Subscription) -> None:
        self._url = f"{gateway.internal_url}/api/batch"
        self._http = httpx.AsyncClient(headers={"X-API-Key": gateway.api_key}, trust_env=False)
        self._client = client
        self._sub = sub

    async def publish(self, amount: Amount) -> None:
        """Publish 0 to `count` - 1."""
        async with self._http:
            for start in range(0, amount.count, amount.batch):
                numbers = range(start, min(start + amount.batch, amount.count))
                commands = [{"publish": {"channel": self._sub.channel, "data": payload(one)}} for one in numbers]
                (await self._http.post(self._url, json={"commands": commands})).raise_for_status()
                least = start - amount.window
                await self._client.until(
                    lambda least=least: has(self._sub, least + 1), f"progress from {start}", PATIENCE_SECONDS
                )


async def send_all(client: ReferenceClient, channel: str, count: int) -> None:
    """Publish 0 to `count` - 1 by commands of the client, some at a time."""
    for start in range(0, count, 5):
        numbers = range(start, min(start + 5, count))
        await asyncio.gather(*(client.publish(channel, number) for number in numbers))


async def run(gateway: Gateway, way: Way, amount: Amount) -> dict[str, Any]:
    """Let one client take messages, and send commands by polls, through a cutting proxy; return what was seen."""
    name, began = uuid.uuid4().hex[:8], time.monotonic()
    async with (
        CuttingProxy("127.0.0.1", gateway.port, amount.cuts) as proxy,
        ReferenceClient(
            f"http://127.0.0.1:{proxy.port}{way.path}", way.session, token=gateway.token(name), delays=(0.005, 0.1)
        ) as client,
    ):
        await client.connect()
        pushed = await client.subscribe(f"{way.channel}{name}")
        work = [Publisher(gateway, client, pushed).publish(amount)]
        if way.outlives_cuts:
            sent = await client.subscribe(f"history:{name}")
            work.append(send_all(client, sent.channel, amount.commands))
        await asyncio.gather(*work)
        await client.until(lambda: has(pushed, amount.count), "last message", PATIENCE_SECONDS)
        if way.outlives_cuts:
            await client.until(lambda: has(sent, amount.commands), "last command", PATIENCE_SECONDS)
            assert sent.data == list(range(amount.commands))
            # The offset counts what was published, whoever heard of it: each command was carried out once.
            assert sent.offset == amount.commands
        return {
            "pushed": pushed,
            "sessions": len(client.all("connected")),
            "cuts": proxy.cuts,
            "connections": proxy.connections,
            "seconds": time.monotonic() - began,
        }


async def check(gateway: Gateway, name: str, amount: Amount) -> None:
    """Run it, and hold what was seen against what must be."""
    way = WAYS[name]
    seen = await run(gateway, way, amount)
    pushed: Subscription = seen["pushed"]

    assert pushed.gaps == []
    assert pushed.data == [payload(number) for number in range(amount.count)]
    assert seen["cuts"]["answer"] >= 10
    assert seen["cuts"]["request"] >= 1  # the requests that open a stream are few and short
    if way.outlives_cuts:
        assert seen["sessions"] == 1
    else:
        assert pushed.offset == amount.count
        assert [one for one in pushed.results[1:] if not one.get("recovered")] == []
        assert pushed.recoveries >= 5
    assert not [line for line in gateway.log().splitlines() if "Traceback" in line]
    print(
        f"{name}: {amount.count} messages, 0 lost, 0 doubled, {amount.commands if way.outlives_cuts else 0} commands, "
        f"cuts {dict(seen['cuts'])}, {seen['connections']} connections, {seen['sessions']} sessions, "
        f"{pushed.recoveries} recoveries, {seen['seconds']:.1f} s"
    )


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that lets a client send as fast as it can."""
    with running(tmp_path_factory.mktemp("loss"), {"client": {"command_rate": 0}}) as gateway:
        yield gateway


@pytest.mark.parametrize("name", WAYS)
async def test_cut_connections_lose_and_double_nothing(gateway: Gateway, name: str) -> None:
    """Some hundreds of messages, and commands by polls, arrive once each over dozens of cuts both ways."""
    await check(gateway, name, Amount(400, batch=3, window=6, commands=100, cuts=Cuts(1, mean_bytes=2000)))


@pytest.mark.proof
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", WAYS)
async def test_cut_connections_lose_and_double_nothing_at_length(gateway: Gateway, name: str) -> None:
    """100,000 messages by each transport, and 5,000 commands by polls, arrive once each."""
    await check(gateway, name, Amount(100_000, batch=10, window=30, commands=5_000, cuts=Cuts(3, mean_bytes=8000)))
