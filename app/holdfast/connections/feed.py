"""Which channels the broker delivers to this instance: each as long as somebody here follows it."""

from __future__ import annotations

import asyncio

from holdfast.broker.base import Broker


class _Use:
    """How often a channel is in use, and whether the broker delivers it already."""

    __slots__ = ("count", "delivered", "lock")

    def __init__(self) -> None:
        self.count = 0
        self.delivered = False
        self.lock = asyncio.Lock()


class Feed:
    """Counts the users of channels and asks the broker for the first, no more after the last."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._uses: dict[str, _Use] = {}

    def __len__(self) -> int:
        """Return how many channels are in use."""
        return len(self._uses)

    async def acquire(self, channel: str) -> None:
        """Return once the broker delivers the channel; `release` must follow.

        Raises:
            BrokerError: the broker would not; there is nothing to release.
        """
        use = self._uses.get(channel)
        if use is None:
            use = self._uses[channel] = _Use()
        use.count += 1
        if use.delivered:
            return
        try:
            await self._settle(channel, use)
        except BaseException:
            await self.release(channel)
            raise

    async def release(self, channel: str) -> None:
        """Give up one use of a channel."""
        use = self._uses.get(channel)
        if use is None:
            return
        use.count -= 1
        if use.count <= 0:
            await self._settle(channel, use)

    async def _settle(self, channel: str, use: _Use) -> None:
        """Bring the broker to what the count asks for, one change at a time per channel."""
        async with use.lock:
            if use.count > 0 and not use.delivered:
                await self._broker.subscribe(channel)
                use.delivered = True
            elif use.count <= 0:
                try:
                    if use.delivered:
                        use.delivered = False
                        await self._broker.unsubscribe(channel)
                finally:
                    self._forget(channel, use)

    def _forget(self, channel: str, use: _Use) -> None:
        # Whoever came meanwhile waits for the lock and needs it still.
        if use.count <= 0 and self._uses.get(channel) is use:
            del self._uses[channel]
