"""The registry of instances: each says at intervals that it lives and how it is; one that is silent is forgotten."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import Final

import msgspec

from holdfast.broker.base import TableStore
from holdfast.errors import BrokerError
from holdfast.telemetry.logs import get_logger

_log = get_logger(__name__)

TABLE: Final = "nodes"
# So that two heartbeats may be lost; and never all instances at once.
_BEATS_PER_TTL: Final = 3
_JITTER: Final = 0.2
# After one that failed; and no two that were hurried follow each other sooner.
_SOON: Final = 0.5

_encode = msgspec.msgpack.Encoder().encode


class Node(msgspec.Struct, kw_only=True):
    """An instance and how it is; `bus` is the version of messages it speaks, `cpu` percent of a core since its start.

    Moments are Unix seconds by its own clock. Fields may be added: what an older one does not write is its default.
    """

    name: str = ""
    uid: str = ""
    version: str = ""
    bus: int = 0
    beat: int = 0
    phase: str = ""
    started_at: float = 0.0
    uptime: float = 0.0
    connections: int = 0
    users: int = 0
    subscriptions: int = 0
    channels: int = 0
    cpu: float = 0.0
    resident_bytes: int = 0


_decode = msgspec.msgpack.Decoder(Node).decode


class Nodes:
    """This instance's entry, and what is known of the others.

    Args:
        tables: where entries are.
        describe: returns what is to be said of this instance.
        ttl: how long an entry lives without a heartbeat, in seconds.
        random: for the jitter.
    """

    def __init__(
        self, tables: TableStore, describe: Callable[[], Node], ttl: float, random: Random | None = None
    ) -> None:
        self._tables = tables
        self._describe = describe
        self.ttl = ttl
        self._random = random or Random()
        self._known: dict[str, Node] = {}
        self._is_cut_off = False
        self._beats = 0
        self._double = ""  # the uid of another process with our name
        self._calm = 0  # heartbeats since it was last seen
        self._hurry = asyncio.Event()
        self.name = ""
        self.uid = ""
        self.on_beat: list[Callable[[], Awaitable[object]]] = []
        """Called after each heartbeat, for what has to be caught up or kept alive."""

    # Public methods: questions

    async def read(self) -> dict[str, Node]:
        """Return all instances by name, this one as it is now.

        Raises:
            BrokerError: the broker does not say.
        """
        rows = await self._tables.read(TABLE)
        self._look_for_double(rows.get(self.name))
        found = {name: _read(name, row) for name, row in sorted(rows.items())}
        found[self.name] = self.own()
        self._note(found)
        return found

    async def others(self) -> Mapping[str, Node]:
        """Return all other instances; see `Peers`."""
        found = await self.read()
        del found[self.name]
        return found

    def is_known(self, name: str) -> bool:
        """Tell whether another instance was in the registry when it was last read."""
        return name in self._known and name != self.name

    def known(self, name: str) -> Node | None:
        """Return what the registry had of another instance when it was last read; None if it was not there."""
        return None if name == self.name else self._known.get(name)

    def own(self) -> Node:
        """Return what is to be said of this instance."""
        node = self._describe()
        node.name, node.uid, node.beat = self.name, self.uid, self._beats
        return node

    def by_phase(self) -> Counter[str]:
        """Return how many instances there were in each phase, when the registry was last read."""
        return Counter(node.phase for node in self._known.values())

    def serving(self) -> dict[str, int]:
        """Return how many connections each instance had that served at the last heartbeat; none if that failed."""
        if self._is_cut_off:
            return {}
        return {name: node.connections for name, node in self._known.items() if node.phase == "serving"}

    # Public methods: life

    async def beat(self) -> None:
        """Renew the entry, and see who else is there.

        Raises:
            BrokerError: the broker did not take it.
        """
        found = await self.read()
        self._calm += 1
        if self._double and self._calm > 2 * _BEATS_PER_TTL:
            self._double = ""
            _log.info("instance_name_free", name=self.name)
        self._beats += 1
        found[self.name].beat = self._beats
        await self._tables.put(TABLE, self.name, _encode(found[self.name]), self.ttl)

    def hurry(self) -> None:
        """Renew the entry soon: something in it has changed that others should know."""
        self._hurry.set()

    async def run(self) -> None:
        """Renew the entry until cancelled; a broker that is away delays it only."""
        pause = self._pause()
        while True:
            try:
                async with asyncio.timeout(pause):  # wait_for of Python 3.11 may swallow a cancellation
                    await self._hurry.wait()
            except TimeoutError:
                pass
            self._hurry.clear()
            pause = self._pause() if await self.try_beat() else _SOON * (1 + self._random.random())
            if self._hurry.is_set():
                await asyncio.sleep(_SOON * self._random.random())

    async def try_beat(self) -> bool:
        """Renew the entry and do what goes with that; tell whether the broker took part in all of it."""
        try:
            await self.beat()
            self._is_cut_off = False
            for call in self.on_beat:
                await call()
        except BrokerError as error:
            _log.debug("heartbeat_failed", slug=error.slug, detail=error.detail)
            self._is_cut_off = True
            return False
        except Exception:  # the boundary of one heartbeat: without the next one others would forget us
            _log.exception("heartbeat_failed")
            return False
        return True

    async def leave(self) -> None:
        """Take the entry away.

        Raises:
            BrokerError: the broker did not; the entry ends by itself.
        """
        if not self._double:
            await self._tables.remove(TABLE, self.name)

    def on_double(self, uid: str) -> None:
        """Know that another process has this instance's name, and say so once."""
        self._calm = 0
        if uid == self._double:
            return
        self._double = uid
        _log.error(
            "instance_name_taken",
            name=self.name,
            detail="Two processes have this name, and get what is meant for the other; give each its own `instance`.",
        )

    # Private methods

    def _pause(self) -> float:
        return self.ttl / _BEATS_PER_TTL * self._random.uniform(1 - _JITTER, 1)

    def _look_for_double(self, row: bytes | None) -> None:
        if not self._beats or row is None:
            return  # what was there before our first heartbeat is that of a process that was killed
        uid = _read(self.name, row).uid
        if uid not in {self.uid, ""}:
            self.on_double(uid)

    def _note(self, found: dict[str, Node]) -> None:
        if self._known:
            for name in sorted(found.keys() - self._known.keys()):
                _log.info("instance_joined", name=name, version=found[name].version)
            for name in sorted(self._known.keys() - found.keys()):
                _log.info("instance_gone", name=name)
        self._known = found.copy()


def _read(name: str, row: bytes) -> Node:
    """Return an entry; one that cannot be read is that of an instance of which only the name is known."""
    try:
        node = _decode(row)
    except (msgspec.DecodeError, UnicodeDecodeError):
        node = Node()
    node.name = name
    return node
