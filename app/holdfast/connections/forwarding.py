"""Requests of clients that came to another instance than that of their session: asked of that instance over the bus.

A client says itself which instance it means, so nothing is sent to a name that is not in the registry.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from holdfast.connections.bus import Bus
from holdfast.connections.bus_messages import VERSION, Message
from holdfast.connections.nodes import Node, Nodes
from holdfast.errors import BrokerError, DoorError, GatewayError
from holdfast.telemetry import metrics
from holdfast.telemetry.logs import get_logger

Result = TypeVar("Result")
Sleep = Callable[[float], Awaitable[object]]

# However many names are made up, the registry is not read more often for them.
_READ_SECONDS: Final = 0.1

_log = get_logger(__name__)


class Forwarder:
    """Finds the instance that a client names, and asks it.

    Args:
        bus: the way to others.
        nodes: who they are.
        clock: in seconds.
        sleep: as asyncio's.
    """

    def __init__(self, bus: Bus, nodes: Nodes, clock: Callable[[], float], sleep: Sleep = asyncio.sleep) -> None:
        self.bus = bus
        self._nodes = nodes
        self._clock = clock
        self._sleep = sleep
        self._may_read_at = 0.0
        self._listed_at = self._doubtful_until = clock()
        self._next_read: asyncio.Task[object] | None = None
        self._looking: Counter[str] = Counter()  # for which names, how many
        self.is_stopping = False
        self.when_listed: list[Callable[[], object]] = []
        """Called when the registry was read, as it is with each heartbeat."""
        self.when_lost: list[Callable[[], object]] = []
        """Called when answers may not come: messages may have been lost, or this instance stops."""

    # Public methods: questions

    def uid_of(self, name: str) -> str:
        """Return which process has a name; empty if none has."""
        node = self._nodes.known(name)
        return "" if node is None else node.uid

    async def ask(self, question: Message, name: str, result: Callable[[bytes], Result]) -> Result:
        """Return what the instance of this name answers; what is asked of it is sent in the order of the calls.

        Raises:
            DoorError: `unknown_session`; there is no such instance, or none that would understand.
            BrokerError: the broker is away, or `peer_unreachable`: no answer came in time.
            GatewayError: what the instance raised.
        """
        node = await self._find(name)
        if node is None:
            if self._is_in_doubt():
                raise BrokerError("peer_unreachable", "Instances have yet to find each other again.", is_undone=True)
            raise DoorError("unknown_session", "Its instance is not there.")
        if node.bus != VERSION:
            raise DoorError("unknown_session", "Its instance speaks another version.")
        try:
            return await self.bus.ask(question, name, result)
        except GatewayError as error:
            if error.slug == "method_not_found":
                raise DoorError("unknown_session", "Its instance takes nothing that is forwarded.") from None
            raise

    # Public methods: life

    async def on_beat(self) -> None:
        """Know that the registry was read."""
        if self._is_unheard():
            self._doubt()
        self._listed_at = self._clock()
        if not self._is_in_doubt():
            _call(self.when_listed)

    def on_resumed(self) -> None:
        """Know that messages may have been lost."""
        self._doubt()
        _call(self.when_lost)

    def stop(self) -> None:
        """Let nobody wait here for others any longer."""
        self.is_stopping = True
        _call(self.when_lost)

    # Private methods

    async def _find(self, name: str) -> Node | None:
        """Return an instance; for one that is not known the registry is read, since it may have just come."""
        if name not in self._looking and (node := self._nodes.known(name)) is not None:
            return node
        self._looking[name] += 1  # so that none that comes later overtakes those that wait
        try:
            await self._read()
        finally:
            self._looking[name] -= 1
            if not self._looking[name]:
                del self._looking[name]
        return self._nodes.known(name)

    # After an outage of the broker the entries of living instances may have expired, and come back with their next
    # heartbeat. Meanwhile no client is told that its session is gone.

    def _doubt(self) -> None:
        self._doubtful_until = self._clock() + self._nodes.ttl / 2

    def _is_unheard(self) -> bool:
        return self._clock() - self._listed_at > self._nodes.ttl

    def _is_in_doubt(self) -> bool:
        return self._is_unheard() or self._clock() < self._doubtful_until

    async def _read(self) -> None:
        """Wait for the next time the registry is read for anybody."""
        if self._next_read is None:
            self._next_read = asyncio.get_running_loop().create_task(self._read_next())
            self._next_read.add_done_callback(_notice)
        await asyncio.shield(self._next_read)

    async def _read_next(self) -> None:
        pause = self._may_read_at - self._clock()
        if pause > 0:
            await self._sleep(pause)
        self._may_read_at = self._clock() + _READ_SECONDS
        self._next_read = None  # who comes from here on may name one that this does not see
        await self._nodes.read()


def note(transport: str, name: str, outcome: str) -> None:
    """Count a request that was forwarded, and log it; `outcome` as the metric says it."""
    metrics.FORWARDED.labels(transport, outcome).inc()
    _log.debug("request_forwarded", transport=transport, to=name[:64], outcome=outcome)


def _call(calls: list[Callable[[], object]]) -> None:
    for call in calls:
        call()


def _notice(task: asyncio.Task[object]) -> None:
    """Take notice of a failure, for whoever waited for it may have left."""
    if not task.cancelled():
        task.exception()
