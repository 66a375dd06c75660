"""A chat on the stock Centrifuge SDK: prints what others say and who comes and goes, and says what you type."""

from __future__ import annotations

import asyncio
import os
import sys

from centrifuge import (
    CentrifugeError,
    Client,
    ClientEventHandler,
    ConnectedContext,
    ConnectingContext,
    DisconnectedContext,
    JoinContext,
    LeaveContext,
    PublicationContext,
    SubscribedContext,
    Subscription,
    SubscriptionEventHandler,
    UnsubscribedContext,
)

URL = os.environ.get("CHAT_URL", "ws://127.0.0.1:8000/connection/websocket")
TOKEN = os.environ.get("CHAT_TOKEN", "")
CHANNEL = os.environ.get("CHAT_CHANNEL", "news")


def say(text: str) -> None:
    """Print one line at once."""
    print(text, flush=True)


class ClientEvents(ClientEventHandler):
    """Says how the connection is."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self.code = 0

    async def on_connecting(self, ctx: ConnectingContext) -> None:
        """Say why the client is connecting, again or for the first time."""
        say(f"connecting: {ctx.reason} ({ctx.code})")

    async def on_connected(self, ctx: ConnectedContext) -> None:
        """Say who the gateway takes this client for."""
        say(f"connected as client {ctx.client}")

    async def on_disconnected(self, ctx: DisconnectedContext) -> None:
        """Say why the connection ended for good."""
        say(f"disconnected: {ctx.reason} ({ctx.code})")
        self.code = ctx.code
        self.ended.set()


class RoomEvents(SubscriptionEventHandler):
    """Says what happens in the channel."""

    async def on_subscribed(self, ctx: SubscribedContext) -> None:
        """Say where we are, and whether something was missed."""
        say(f"subscribed to {ctx.channel}")
        if ctx.was_recovering and not ctx.recovered:
            say("some messages were missed: load them from your backend")

    async def on_unsubscribed(self, ctx: UnsubscribedContext) -> None:
        """Say why the subscription ended for good."""
        say(f"unsubscribed: {ctx.reason} ({ctx.code})")

    async def on_publication(self, ctx: PublicationContext) -> None:
        """Say who said what."""
        say(f"{ctx.pub.info.user if ctx.pub.info else 'backend'}: {ctx.pub.data['text']}")

    async def on_join(self, ctx: JoinContext) -> None:
        """Say who came."""
        say(f"+ {ctx.info.user}")

    async def on_leave(self, ctx: LeaveContext) -> None:
        """Say who went."""
        say(f"- {ctx.info.user}")


async def show_presence(room: Subscription) -> None:
    """Say who is in the channel."""
    present = await room.presence()
    say("here now: " + ", ".join(sorted(info.user for info in present.clients.values())))


async def publish_lines(room: Subscription) -> None:
    """Publish what is typed until the end of input."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        try:
            await room.publish({"text": line.rstrip("\n")})
        except CentrifugeError as error:
            say(f"not sent: {error}")


async def main() -> int:
    """Chat until the input or the connection ends."""
    if not TOKEN:
        print("Set CHAT_TOKEN to a connection token; `holdfast token create alice` makes one.", file=sys.stderr)
        return 3
    events = ClientEvents()
    # An application gives `get_token` instead of `token`: the SDK then fetches fresh ones by itself.
    client = Client(URL, events=events, token=TOKEN)
    room = client.new_subscription(CHANNEL, events=RoomEvents(), join_leave=True)
    await client.connect()
    await room.subscribe()
    typing = asyncio.create_task(chat(client, room))
    await events.ended.wait()
    typing.cancel()
    return 0 if events.code == 0 else 2


async def chat(client: Client, room: Subscription) -> None:
    """Show who is there, say what is typed, then leave."""
    await room.ready()
    await show_presence(room)
    await publish_lines(room)
    await client.disconnect()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
