"""Finds silent loss: compares, at a low rate, how far a channel's stream came here with how far the broker is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING

from holdfast.channels.hub import Hub
from holdfast.connections import subscribing
from holdfast.connections.connection import Connection
from holdfast.connections.subscription import SERVER_SIDE, STREAM
from holdfast.errors import BrokerError
from holdfast.protocol.messages import StreamPosition

if TYPE_CHECKING:
    from collections.abc import Coroutine


# Channels checked before the loop turns: an embedded broker answers at once, and all channels may be due together.
_SLICE = 200
_OF_ONE_CHANNEL = frozenset({"broker_foreign_key"})


class Positions:
    """Checks each positioned channel about once an interval.

    What the broker has and this instance has not is a suspicion first: the publication may be on its way. Only if it
    has not arrived by the next check is it a loss, and `on_loss` is called with the channel; as long as nobody sets
    it, the channel's subscribers are told to start anew. What this instance had before the broker was asked and that
    has not is a loss at once: the broker went back.

    Args:
        read_top: returns where the broker's stream of a channel is.
        interval: seconds between two checks of a channel.
        spawn: runs a coroutine.
    """

    def __init__(
        self,
        hub: Hub,
        read_top: Callable[[str], Awaitable[StreamPosition]],
        interval: float,
        clock: Callable[[], float],
        spawn: Callable[[Coroutine[object, object, object]], object],
    ) -> None:
        self._hub = hub
        self._read_top = read_top
        self._interval = interval
        self._clock = clock
        self._spawn = spawn
        self._suspected: dict[str, StreamPosition] = {}
        self.on_loss: Callable[[str], None] = self.invalidate
        self.at_once = 1
        """How many channels are asked about at the same time; more than one where each answer takes a while."""

    async def check(self) -> None:
        """Check the channels whose turn has come."""
        now = self._clock()
        for channel, expected in list(self._suspected.items()):
            del self._suspected[channel]
            if not self._has_reached(channel, expected):
                self.on_loss(channel)
        channels = iter(self._hub.unchecked(now - self._interval))
        if self.at_once == 1:
            await self._compare(channels, now)
        else:
            await asyncio.gather(*(self._compare(channels, now) for _ in range(self.at_once)))

    def invalidate(self, channel: str) -> None:
        """Tell the channel's positioned subscribers that they missed something."""
        for subscriber in self._hub.subscribers(channel):
            if not isinstance(subscriber, Connection):
                continue
            found = subscriber.subs.get(channel)
            if found is None or not found.flags & STREAM:
                continue
            if found.flags & SERVER_SIDE:
                subscriber.close("insufficient_state")
            else:
                self._spawn(subscribing.cancel(subscriber, channel, "subscription_insufficient_state"))

    async def _compare(self, channels: Iterator[str], now: float) -> None:
        for count, channel in enumerate(channels, 1):
            if count % _SLICE == 0:
                await asyncio.sleep(0)
            before = self._hub.covered(channel)
            try:
                top = await self._read_top(channel)
            except BrokerError as error:
                if error.slug not in _OF_ONE_CHANNEL:
                    return  # the next check will tell
                self._hub.mark_checked(channel, now)
                continue
            self._hub.mark_checked(channel, now)
            if before is not None and before.epoch == top.epoch and before.offset > top.offset:
                self.on_loss(channel)
            elif not self._has_reached(channel, top):
                self._suspected[channel] = top

    def _has_reached(self, channel: str, expected: StreamPosition) -> bool:
        here = self._hub.covered(channel)
        if here is None:
            return True  # nobody follows it any more
        return here.epoch == expected.epoch and here.offset >= expected.offset
