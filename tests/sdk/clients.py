"""Makes clients that end with their test: of the stock Python SDK, and such as speak the protocol by hand."""

from __future__ import annotations

import asyncio
from typing import Any

from centrifuge import Client
from websockets.asyncio.client import connect

from tests.sdk.support import PATIENCE_SECONDS, Peer, client_events, subscription_events, token


class Clients:
    """Clients of one test; delays are short, everything else is the SDK's default."""

    def __init__(self, url: str, kind: type[Client] = Client) -> None:
        self._url = url
        self._kind = kind
        self._made: list[Client] = []

    def make(self, url: str = "", **options: Any) -> tuple[Client, Any]:
        """Return a client that is not connected yet, and the recorder of its events."""
        events = client_events()
        options = {"token": token(), "max_reconnect_delay": 0.3, "proxy": None} | options
        client = self._kind(url or self._url, events=events, **options)
        self._made.append(client)
        return client, events

    async def connected(self, url: str = "", **options: Any) -> tuple[Client, Any]:
        """Return a connected client and the recorder of its events."""
        client, events = self.make(url, **options)
        await client.connect()
        await client.ready(8)
        return client, events

    async def subscribed(
        self, channel: str, url: str = "", claims: dict[str, Any] | None = None, **options: Any
    ) -> tuple[Any, Any]:
        """Return a subscription of a client of its own, subscribed, and the recorder of its events."""
        client, _ = await self.connected(url, token=token(**(claims or {})))
        events = subscription_events()
        sub = client.new_subscription(channel, events=events, **options)
        await sub.subscribe()
        await events.next("subscribed")
        return sub, events

    async def close(self) -> None:
        """Disconnect them all."""
        for client in self._made:
            await client.disconnect()
        # The SDK closes its sockets in the background; the loop must not end before.
        left = asyncio.all_tasks() - {asyncio.current_task()}
        if left:
            await asyncio.wait(left, timeout=PATIENCE_SECONDS)


class Peers:
    """Clients of one test that speak the protocol by hand."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._made: list[Peer] = []

    async def open(self) -> Peer:
        """Return a client that has sent nothing yet."""
        self._made.append(Peer(await connect(self._url, proxy=None)))
        return self._made[-1]

    async def connected(self, given: str | None = None, **fields: Any) -> Peer:
        """Return a client with an open session; `fields` go into the connect command."""
        return await (await self.open()).connect(given, **fields)

    async def close(self) -> None:
        """End them all."""
        for peer in self._made:
            await peer.socket.close()
