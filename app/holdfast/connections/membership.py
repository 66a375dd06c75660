"""What the broker is told of who is in a channel: presence, joins and leaves.

A client may leave a channel and come back while the broker still works at its leaving. For one client and channel the
broker is therefore told one thing after the other, in the order in which it happened here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

from holdfast.broker.base import Broker
from holdfast.connections.subscription import ANNOUNCED, PRESENT
from holdfast.protocol.messages import ClientInfo
from holdfast.telemetry.logs import get_logger

_log = get_logger(__name__)

Key = tuple[str, str]
_SETTLE_SECONDS = 0.02


class Membership:
    """Enters clients into channels and takes them out.

    A subscription in the making has the turn from before it enters until it is either there (`hand_on`) or given up
    (`undo`).

    Args:
        ttl: seconds a presence entry lives without a refresh.
    """

    def __init__(self, broker: Broker, ttl: float) -> None:
        self._broker = broker
        self._ttl = ttl
        # Present: somebody has the turn; None: nobody waits for it.
        self._turns: dict[Key, deque[asyncio.Future[None]] | None] = {}

    def __len__(self) -> int:
        """Return how many clients and channels are being worked at."""
        return len(self._turns)

    # Public methods: a subscription in the making

    async def take_turn(self, channel: str, client: str) -> None:
        """Return when those who came before are done; `hand_on` or `undo` must follow."""
        key = client, channel
        if key not in self._turns:
            self._turns[key] = None
            return
        queue = self._turns[key]
        if queue is None:
            queue = self._turns[key] = deque()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(turn)
        await turn

    async def enter(self, channel: str, info: ClientInfo) -> None:
        """Enter a client whose turn it is into presence.

        Raises:
            BrokerError: the broker would not, or did not say.
        """
        await self._broker.add_presence(channel, info.client, info, self._ttl)

    def hand_on(self, channel: str, client: str) -> None:
        """Give the turn to the next."""
        key = client, channel
        queue = self._turns[key]
        if queue:
            queue.popleft().set_result(None)
        else:
            del self._turns[key]

    async def undo(self, channel: str, client: str) -> None:
        """Take a client whose turn it is out of presence again, and hand on."""
        await self._remove(channel, client)
        self.hand_on(channel, client)

    # Public methods: a subscription that is there

    async def announce(self, channel: str, info: ClientInfo) -> None:
        """Tell the channel that a client joined; a broker that fails is logged, for the client is in all the same."""
        await self.take_turn(channel, info.client)
        await self._tell(self._broker.publish_join, channel, info)
        self.hand_on(channel, info.client)

    async def refresh(self, channel: str, info: ClientInfo, is_present: Callable[[], bool]) -> None:
        """Keep an entry alive, unless the client has left when its turn comes.

        Raises:
            BrokerError: the broker would not.
        """
        await self.take_turn(channel, info.client)
        try:
            if is_present():
                await self.enter(channel, info)
        finally:
            self.hand_on(channel, info.client)

    async def withdraw(self, channel: str, info: ClientInfo, flags: int, is_present: Callable[[], bool]) -> None:
        """Take a client out of what the flags of its subscription had it in, unless it is back in presence by then.

        A broker that fails is logged: the client is out all the same, and a presence entry ends by itself.
        """
        await self.take_turn(channel, info.client)
        if flags & PRESENT and not is_present():
            await self._remove(channel, info.client)
        if flags & ANNOUNCED:
            await self._tell(self._broker.publish_leave, channel, info)
        self.hand_on(channel, info.client)

    async def settle(self, seconds: float) -> None:
        """Return when the broker has been told of everybody, or after so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._turns:  # noqa: ASYNC110 - asked for once in a lifetime; an event would cost each turn
                    await asyncio.sleep(_SETTLE_SECONDS)

    # Private methods

    async def _remove(self, channel: str, client: str) -> None:
        try:
            await self._broker.remove_presence(channel, client)
        except Exception as error:  # the boundary to the broker: turns must be handed on, whatever happens there
            _log.warning("presence_not_removed", channel=channel, client=client, reason=str(error))

    async def _tell(
        self, publish: Callable[[str, ClientInfo], Awaitable[None]], channel: str, info: ClientInfo
    ) -> None:
        try:
            await publish(channel, info)
        except Exception as error:  # the same boundary
            _log.warning("join_or_leave_lost", channel=channel, client=info.client, reason=str(error))
