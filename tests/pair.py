"""Two instances in one process: cores on one broker, which carries messages, tables and publications between them.

async def test_something(clock):
    pair = await Pair(clock).start()
    anna = pair.there.connect("anna")                              # at the second instance
    await pair.here.cluster.everywhere.disconnect(Target("anna"))  # ordered at the first
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Any

from holdfast.broker.base import BrokerHandler
from holdfast.broker.memory import MemoryBroker
from holdfast.connections.bus import Bus, Means
from holdfast.connections.bus_messages import VERSION
from holdfast.connections.core import Core
from holdfast.connections.nodes import Node
from holdfast.errors import BrokerError
from holdfast.monitoring.ledger import Ledger
from holdfast.protocol.messages import ClientInfo, Publication, StreamPosition
from holdfast.settings import Settings
from holdfast.telemetry.declare import REGISTRY
from holdfast.wiring_cluster import Cluster
from tests.brokers import Clock
from tests.live import World


class Exchange:
    """The broker behind all instances: an embedded one whose handler is everybody who has started."""

    def __init__(self, clock: Clock) -> None:
        self.memory = MemoryBroker(Settings(), clock=clock, wall_clock=clock)
        self.handlers: dict[str, list[BrokerHandler]] = {}
        self.sent: list[tuple[bytes, str]] = []
        self.cut_off: set[str] = set()
        self._is_started = False

    async def join(self, name: str, handler: BrokerHandler) -> None:
        """Let an instance hear what is published and sent."""
        self.handlers.setdefault(name, []).append(handler)
        if not self._is_started:
            self._is_started = True
            await self.memory.start(self)

    def heard_by(self, name: str = "") -> list[BrokerHandler]:
        """Return the handlers of an instance, or all, but for those that are cut off."""
        return [
            handler
            for found, handlers in self.handlers.items()
            if (not name or found == name) and found not in self.cut_off
            for handler in handlers
        ]

    def on_publication(
        self, channel: str, publication: Publication, position: StreamPosition, use_delta: bool = False
    ) -> None:
        """Hand on, a copy to each."""
        for handler in self.heard_by():
            copy = Publication(publication.data, publication.info, publication.offset, publication.tags)
            handler.on_publication(channel, copy, position, use_delta)

    def on_join(self, channel: str, info: ClientInfo) -> None:
        """Hand on."""
        for handler in self.heard_by():
            handler.on_join(channel, info)

    def on_leave(self, channel: str, info: ClientInfo) -> None:
        """Hand on."""
        for handler in self.heard_by():
            handler.on_leave(channel, info)

    def on_control(self, message: bytes) -> None:
        """Nothing comes this way."""

    def on_interrupted(self) -> None:
        """Nothing is interrupted."""

    def on_resumed(self, channels: Collection[str]) -> None:
        """Nothing is resumed."""


class PairBroker:
    """One instance's way to the exchange; all but life, messages and tables are the embedded broker's own."""

    is_shared = True

    def __init__(self, exchange: Exchange, name: str) -> None:
        self._exchange = exchange
        self._name = name
        self.sessions = exchange.memory.sessions
        self.counters = exchange.memory.counters

    def __getattr__(self, name: str) -> Any:
        return getattr(self._exchange.memory, name)

    @property
    def tables(self) -> PairBroker:
        """This, for it knows who is cut off."""
        return self

    async def start(self, handler: BrokerHandler) -> None:
        """Begin to hear."""
        await self._exchange.join(self._name, handler)

    async def stop(self) -> None:
        """Hear no more."""
        self._exchange.handlers.pop(self._name, None)

    async def send(self, message: bytes, instance: str = "") -> None:
        """Give a message to one or all, a turn of the loop later."""
        self._check()
        self._exchange.sent.append((message, instance))
        loop = asyncio.get_running_loop()
        for handler in self._exchange.heard_by(instance):
            loop.call_soon(handler.on_control, message)

    async def put(self, table: str, name: str, value: bytes, ttl: float) -> None:
        """Keep a value."""
        self._check()
        await self._exchange.memory.tables.put(table, name, value, ttl)

    async def remove(self, table: str, name: str) -> None:
        """Forget a value."""
        self._check()
        await self._exchange.memory.tables.remove(table, name)

    async def read(self, table: str) -> dict[str, bytes]:
        """Return a table."""
        self._check()
        return await self._exchange.memory.tables.read(table)

    def _check(self) -> None:
        if self._name in self._exchange.cut_off:
            raise BrokerError("broker_unavailable", "cut off", is_undone=True)


class Timers:
    """The loop's `call_later`, whose time is over when a test says so."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], object]] = []

    def call_later(self, seconds: float, call: Callable[[], object]) -> Timers._Timer:
        """Remember a call."""
        self.waiting.append(call)
        return self._Timer(self, call)

    def ring(self) -> int:
        """Let the time of all be over, and return of how many."""
        waiting, self.waiting = self.waiting, []
        for call in waiting:
            call()
        return len(waiting)

    class _Timer:
        def __init__(self, timers: Timers, call: Callable[[], object]) -> None:
            self._timers, self._call = timers, call

        def cancel(self) -> None:
            """Do not call."""
            if self._call in self._timers.waiting:
                self._timers.waiting.remove(self._call)


class Instance(World):
    """A world that has a name, a ledger, and others beside it."""

    def __init__(self, clock: Clock, exchange: Exchange, name: str, **settings: Any) -> None:
        super().__init__(clock, wrap=lambda memory: PairBroker(exchange, name), instance=name, **settings)
        self.name = name
        self.ledger = self.core.recorder = Ledger(self.settings.ledger)
        self.timers = Timers()
        self.describe_as: dict[str, Any] = {}
        self.cluster = Cluster(self.settings, self.core, self.describe, self.timers.call_later)

    def describe(self) -> Node:
        """Return what is told of this instance."""
        facts = {"version": "1", "bus": VERSION, "phase": "serving", "connections": self.manager.count}
        return Node(**{**facts, **self.describe_as})

    async def start(self) -> Instance:
        """Start the broker and join the others."""
        await self.broker.start(self.core.delivery)
        await self.cluster.start()
        return self


class Pair:
    """Two instances, `here` and `there`; more may `join`."""

    def __init__(self, clock: Clock, **settings: Any) -> None:
        self.exchange = Exchange(clock)
        self.clock = clock
        self._settings = settings
        self.here = self._make("here")
        self.there = self._make("there")

    async def start(self) -> Pair:
        """Start both."""
        await self.here.start()
        await self.there.start()
        await self.here.cluster.nodes.beat()
        return self

    async def join(self, name: str, **settings: Any) -> Instance:
        """Start one more."""
        return await self._make(name, **settings).start()

    def kill(self, instance: Instance) -> None:
        """Let an instance hear and say nothing more; its entry stays until it expires."""
        self.exchange.cut_off.add(instance.name)

    async def until_timers(self, instance: Instance, work: asyncio.Task[Any]) -> Any:
        """Return what comes of work that waits for an answer in vain, its time being over."""
        for _ in range(20):
            await asyncio.sleep(0)
        assert not work.done(), "it did not wait"
        assert instance.timers.ring() > 0
        return await work

    def _make(self, name: str, **settings: Any) -> Instance:
        return Instance(self.clock, self.exchange, name, **{**self._settings, **settings})


def forwarded(transport: str, outcome: str) -> float:
    """Return how many requests were forwarded so far, by all instances."""
    labels = {"transport": transport, "outcome": outcome}
    return REGISTRY.get_sample_value("holdfast_forwarded_requests_total", labels) or 0.0


class NoPeers:
    """A registry without others."""

    async def others(self) -> Mapping[str, Node]:
        """Return none."""
        return {}

    def is_known(self, name: str) -> bool:
        """Return that it is not."""
        return False

    def on_double(self, uid: str) -> None:
        """Do nothing."""


def lone_bus(core: Core) -> Bus:
    """Return the bus of an instance whose broker is its own."""
    return Bus(core.broker, core.instance, NoPeers(), Means(1.0, core.spawn, Timers().call_later))


def lone_cluster(world: World) -> Cluster:
    """Return the cluster of an instance whose broker is its own."""
    return Cluster(world.settings, world.core, lambda: Node(version="1", bus=VERSION, phase="serving"))
