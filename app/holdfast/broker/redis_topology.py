"""Which server has which key: the one there is, the master that sentinels name, or the masters of a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Protocol

from redis.asyncio import Sentinel
from redis.exceptions import RedisError

from holdfast.broker.redis_connect import Address, make_sentinel, parse_address
from holdfast.broker.redis_errors import broker_error
from holdfast.broker.redis_keys import SLOTS, slot_of
from holdfast.errors import BrokerError
from holdfast.settings_broker import RedisSettings

Ask = Callable[[Address, str], Awaitable[Any]]
"""Sends a command (words with blanks between) to a server and returns its answer, or raises `BrokerError`."""


class Topology(Protocol):
    """Which server has which key, as far as is known."""

    is_sharded: bool

    def address_of(self, key: bytes) -> Address | None:
        """Return the server that has a key, None where that has to be found out by `refresh`."""

    def addresses(self) -> Collection[Address]:
        """Return all servers that have keys."""

    def forget(self, address: Address) -> None:
        """Know that a server is not there, or not what it was."""

    def move(self, slot: int, address: Address) -> None:
        """Know what a server said of another one."""

    async def refresh(self) -> None:
        """Find out; raises `BrokerError`, nothing being done."""

    async def recheck(self) -> Address | None:
        """Return a server to leave, though it has said nothing, for others have put another one in its place."""

    async def close(self) -> None:
        """Let go of everything."""


class SingleTopology:
    """One server, wherever its name leads."""

    is_sharded = False

    def __init__(self, settings: RedisSettings) -> None:
        self._address = parse_address(settings.addresses[0])

    def address_of(self, key: bytes) -> Address | None:
        """Return the one server."""
        return self._address

    def addresses(self) -> Collection[Address]:
        """Return the one server."""
        return (self._address,)

    def forget(self, address: Address) -> None:
        """Do nothing; there is no other."""

    def move(self, slot: int, address: Address) -> None:
        """Do nothing: such an answer comes from a cluster, which is another mode."""

    async def refresh(self) -> None:
        """Do nothing."""

    async def recheck(self) -> Address | None:
        """Return none; there is no other."""
        return None

    async def close(self) -> None:
        """Do nothing."""


class SentinelTopology:
    """The master that sentinels name; asked again when it is not there or no master any more."""

    is_sharded = False

    def __init__(self, settings: RedisSettings) -> None:
        self._name = settings.master_name
        self._sentinel: Sentinel = make_sentinel(settings)
        self._address: Address | None = None
        self._asking = asyncio.Lock()

    def address_of(self, key: bytes) -> Address | None:
        """Return the master."""
        return self._address

    def addresses(self) -> Collection[Address]:
        """Return the master, if it is known."""
        return () if self._address is None else (self._address,)

    def forget(self, address: Address) -> None:
        """Ask before the next command."""
        if address == self._address:
            self._address = None

    def move(self, slot: int, address: Address) -> None:
        """Do nothing; see `SingleTopology.move`."""

    async def refresh(self) -> None:
        """Ask the sentinels, once for all who wait."""
        async with self._asking:
            if self._address is not None:
                return
            self._address = await self._discover()

    async def recheck(self) -> Address | None:
        """Go where the sentinels' newest decision says, and return what was the master before.

        After a failover that somebody ordered the old master goes on as one for some ten seconds, and would take
        publications that it then forgets.
        """
        before = self._address
        asked = (one.sentinel_masters() for one in self._sentinel.sentinels)
        answers = await asyncio.gather(*asked, return_exceptions=True)
        states = [answer[self._name] for answer in answers if isinstance(answer, dict) and self._name in answer]
        if before is None or before != self._address or not states:
            return None
        newest = max(states, key=lambda state: int(state["config-epoch"]))
        named = Address(str(newest["ip"]), int(newest["port"]))
        if named == before:
            return None
        self._address = named
        return before

    async def _discover(self) -> Address:
        """Return the master that a sentinel names as one that is up; that one is asked first the next time.

        Raises:
            BrokerError: none does, with what became of each question.
        """
        slug, reasons = "broker_unavailable", []
        sentinels = self._sentinel.sentinels
        for number, sentinel in enumerate(sentinels):
            try:
                masters: Any = await sentinel.sentinel_masters()  # by name; the library's type has other answers too
                state = masters.get(self._name)
            except (TimeoutError, RedisError, OSError) as error:
                cause = broker_error(error)
                slug = cause.slug if cause.slug != "broker_timeout" else slug
                reason = cause.detail
            else:
                if state and self._sentinel.check_master_state(state, self._name):
                    sentinels[0], sentinels[number] = sentinel, sentinels[0]
                    return Address(str(state["ip"]), int(state["port"]))
                reason = "it calls the master down" if state else "it knows no such name"
            where = sentinel.connection_pool.connection_kwargs
            reasons.append(f"{where['host']}:{where['port']}: {reason}")
        raise BrokerError(slug, f"no sentinel names a master {self._name!r}: {'; '.join(reasons)}", is_undone=True)

    async def close(self) -> None:
        """Close the connections to the sentinels."""
        await self._sentinel.aclose()


class ClusterTopology:
    """The masters of a cluster by slot, as any of its nodes tells."""

    is_sharded = True

    def __init__(self, settings: RedisSettings, ask: Ask) -> None:
        self._seeds = [parse_address(one) for one in settings.addresses]
        self._ask = ask
        self._slots: list[Address | None] = [None] * SLOTS
        self._masters: set[Address] = set()
        self._suspects: set[Address] = set()  # another may be in their place
        self._is_whole = False
        self._answers = 0
        self._asking = asyncio.Lock()

    def address_of(self, key: bytes) -> Address | None:
        """Return the master of the key's slot; None while that may be another by now."""
        address = self._slots[slot_of(key)]
        return None if address in self._suspects else address

    def addresses(self) -> Collection[Address]:
        """Return the masters."""
        return frozenset(self._masters)

    def forget(self, address: Address) -> None:
        """Ask before the next command for one of its slots; the others go on."""
        self._suspects.add(address)

    def move(self, slot: int, address: Address) -> None:
        """Take a slot's new master from a redirection; others may have moved too, which they will tell."""
        self._slots[slot] = address
        self._masters.add(address)

    async def refresh(self) -> None:
        """Ask one node after the other until one answers, once for all who wait; suspects last."""
        answers = self._answers
        async with self._asking:
            if self._answers != answers or (self._is_whole and not self._suspects):
                return
            failure = BrokerError("broker_cluster_down", "no node of the cluster is known", is_undone=True)
            trusted = [one for one in (*self._masters, *self._seeds) if one not in self._suspects]
            for address in dict.fromkeys([*trusted, *self._masters, *self._seeds]):
                try:
                    self._take(await self._ask(address, "CLUSTER SLOTS"), address)
                except BrokerError as error:
                    failure = error
                    continue
                self._answers += 1
                return
            raise BrokerError(failure.slug, failure.detail, is_undone=True)

    async def recheck(self) -> Address | None:
        """Return none: a master that lost its slots says so itself."""
        return None

    async def close(self) -> None:
        """Do nothing; the connections are the link's."""

    def _take(self, ranges: Any, asked: Address) -> None:
        slots: list[Address | None] = [None] * SLOTS
        for first, last, master, *_ in ranges:
            host = master[0].decode() if master[0] else asked.host  # empty: where the question went
            slots[first : last + 1] = [Address(host, int(master[1]))] * (last + 1 - first)
        self._slots, self._is_whole = slots, None not in slots
        self._masters = {address for address in slots if address is not None}
        self._suspects.clear()


def make_topology(settings: RedisSettings, ask: Ask) -> Topology:
    """Return what finds the servers in the configured mode."""
    if settings.mode == "sentinel":
        return SentinelTopology(settings)
    if settings.mode == "cluster":
        return ClusterTopology(settings, ask)
    return SingleTopology(settings)
