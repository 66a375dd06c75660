"""The way to Redis for commands and scripts: finds the server of a key, follows it when it moves, and heals by itself.

A command is repeated only where Redis certainly did not do it, for as long as an outage is young; in a longer one
every command fails at once with the cause of the outage, and the heartbeat alone knocks at the door.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from redis.asyncio.connection import Connection
from redis.exceptions import AskError, ClusterDownError, MovedError, NoScriptError, ReadOnlyError, RedisError

from holdfast.broker.redis_connect import Address, open_connection, read_info, server_of
from holdfast.broker.redis_errors import broker_error
from holdfast.broker.redis_keys import Keys
from holdfast.broker.redis_node import Node
from holdfast.broker.redis_outage import Outages
from holdfast.broker.redis_topology import Topology, make_topology
from holdfast.broker.redis_wire import Argument, Caller, Server, Wire
from holdfast.errors import BrokerError
from holdfast.resilience.backoff import full_jitter
from holdfast.settings_broker import RedisSettings
from holdfast.telemetry.logs import get_logger

_log = get_logger(__name__)

RUN = "\0run"
"""Stands in a script's arguments for the run of the server that it comes to."""
HEARTBEAT_SECONDS = 1.0
_BASE_SECONDS, _MOST_SECONDS = 0.02, 0.5
# Causes that a failover or a moving slot has, and the next try may not.
_PASSING = frozenset({"broker_unavailable", "broker_read_only", "broker_cluster_down"})
_Send = Callable[[Caller], Awaitable[Any]]


class Script:
    """A Lua script and the name that Redis gives it."""

    def __init__(self, source: str) -> None:
        self.source = source.encode()
        # Redis refuses such a one as a whole where nothing may be written; of others only what writes.
        self.is_write = source.startswith("#!lua")
        self.sha = hashlib.sha1(self.source, usedforsecurity=False).hexdigest().encode()


class RedisLink:
    """Connections to all servers of one setup. Every failure is a `BrokerError` with the cause's slug.

    Args:
        settings: where Redis is.
        pick: numbers from 0 up to 1, for jitter.
    """

    def __init__(self, settings: RedisSettings, pick: Callable[[], float] = random.random) -> None:
        self.settings = settings
        self.keys = Keys(settings.prefix)
        self.topology: Topology = make_topology(settings, self._ask)
        self.outages = Outages()
        self.on_run: Callable[[], object] = lambda: None
        """Called when a server's run is another than before: a failover, or a restart."""
        self.on_distrust: Callable[[Address], object] = lambda address: None
        """Called when a server is no master any more: whatever is connected to it has to look for another."""
        self._pick = pick
        self._nodes: dict[tuple[Address, str], Node[Wire]] = {}
        self._runs: dict[Address, bytes] = {}
        self._heartbeat: asyncio.Task[None] | None = None

    # Public methods: life

    async def start(self) -> None:
        """Connect; where that fails, go on trying. Nothing is raised: an instance starts without Redis too."""
        self._heartbeat = asyncio.get_running_loop().create_task(self._beat_forever())
        await self._beat()

    async def stop(self) -> None:
        """Close everything."""
        if self._heartbeat is not None:
            self._heartbeat.cancel()
            await asyncio.gather(self._heartbeat, return_exceptions=True)
        await asyncio.gather(*(node.close() for node in self._nodes.values()), return_exceptions=True)
        self._nodes.clear()
        await self.topology.close()

    # Public methods: commands

    async def run(self, key: bytes, *command: Argument, lane: str = "") -> Any:
        """Run a command at the server that has `key` and return its answer.

        What goes through one lane to one server is done in the order of the calls; another lane does not wait for it.
        """
        return await self.attempt(key, lane, lambda wire: wire.call(*command))

    async def run_script(
        self, script: Script, keys: Sequence[bytes], args: Sequence[Argument] = (), *, lane: str = ""
    ) -> Any:
        """Run a script at the server that has its keys, which are of one slot; `RUN` in `args` is filled in."""
        return await self.attempt(
            keys[0], lane, lambda wire: self.evaluate(wire, script, keys, args), is_write=script.is_write
        )

    async def evaluate(self, wire: Caller, script: Script, keys: Sequence[bytes], args: Sequence[Argument]) -> Any:
        """Run a script on a connection; errors are those of `Wire.call`."""
        rest = (len(keys), *keys, *(wire.server.run if one is RUN else one for one in args))
        try:
            return await wire.call("EVALSHA", script.sha, *rest)
        except NoScriptError:  # flushed, or a server that is new; EVAL keeps it there
            return await wire.call("EVAL", script.source, *rest)

    @property
    def runs(self) -> frozenset[bytes]:
        """The runs of all servers that there are, as far as is known."""
        return frozenset(self._runs[one] for one in self.topology.addresses() if one in self._runs)

    @property
    def publish_command(self) -> str:
        """The command that publishes, in this mode."""
        return "SPUBLISH" if self.topology.is_sharded else "PUBLISH"

    async def publish(self, channel: bytes, message: bytes) -> int:
        """Send a message to whoever listens to a pub/sub channel, and return how many listen there."""
        return int(await self.run(channel, self.publish_command, channel, message))

    async def masters(self) -> list[Address]:
        """Return the servers that have keys."""
        await self.locate(b"")
        return sorted(self.topology.addresses())

    async def call_at(self, address: Address, *command: Argument, lane: str = "") -> Any:
        """Run a command at one server and return its answer; nothing is repeated."""
        return await self._send(address, lane, lambda wire: wire.call(*command))

    async def connect(self, address: Address) -> tuple[Connection, Server]:
        """Open a connection of the caller's own to a master, for pub/sub."""
        connection, server = await open_connection(self.settings, address)
        if not server.is_master and not self.topology.is_sharded:
            await connection.disconnect(nowait=True)
            raise BrokerError("broker_read_only", f"{address} is a replica", is_undone=True)
        return connection, server

    async def locate(self, key: bytes) -> Address:
        """Return the server that has a key, after finding out where that is not known."""
        address = self.topology.address_of(key)
        if address is None:
            await self.topology.refresh()
            address = self.topology.address_of(key)
        if address is None:
            raise BrokerError("broker_cluster_down", "no node serves the slot", is_undone=True)
        return address

    async def attempt(self, key: bytes, lane: str, send: _Send, *, is_write: bool = False) -> Any:
        """Call `send` with the connection for a key, again for as long as it certainly did nothing and may yet.

        Raises:
            BrokerError: what the last attempt failed of.
        """
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + self.settings.connect_timeout
        attempt = 0
        while True:
            place: Address | None = None
            try:
                place = await self.locate(key)
                answer = await self._send(place, lane, send)
            except BrokerError as error:
                is_last = self._is_last(error, place) or loop.time() > give_up_at
                if is_last or error.slug != "broker_cluster_down":  # that one is mostly the way to another server
                    self.outages.fail(place, error)
                if error.slug == "broker_foreign_key":
                    detail = f"a key beside {key.decode('utf-8', 'replace')!r}: {error.detail}"
                    raise BrokerError(error.slug, detail, is_undone=error.is_undone) from None
                if is_last:
                    raise
                attempt += 1
                await asyncio.sleep(full_jitter(attempt, _BASE_SECONDS, _MOST_SECONDS, self._pick))
            else:
                if self.outages:
                    self.outages.answer(place, is_write=is_write)
                return answer

    # Private methods

    def _is_last(self, error: BrokerError, place: Address | None) -> bool:
        is_old = self.outages.age(place) > self.settings.connect_timeout
        return is_old or not error.is_undone or error.slug not in _PASSING

    async def _send(self, address: Address, lane: str, send: _Send) -> Any:
        try:
            wire = await self._node(address, lane).wire()
        except BrokerError:
            self.topology.forget(address)
            raise
        try:
            return await send(wire)
        except MovedError as error:
            self.topology.move(error.slot_id, _address(error, address))
            raise broker_error(error) from None
        except AskError as error:
            return await self._ask_there(_address(error, address), lane, send)
        except (ReadOnlyError, ClusterDownError) as error:
            self._distrust(address)
            raise broker_error(error) from None
        except RedisError as error:
            raise broker_error(error) from None

    async def _ask_there(self, address: Address, lane: str, send: _Send) -> Any:
        """Send to the server that a slot is just moving to, which it does for once."""
        try:
            return await send(_Asking(await self._node(address, lane).wire()))
        except RedisError as error:
            raise broker_error(error) from None

    def _node(self, address: Address, lane: str = "") -> Node[Wire]:
        node = self._nodes.get((address, lane))
        if node is None:
            node = self._nodes[address, lane] = Node(lambda: self._open(address), self._pick)
        return node

    async def _open(self, address: Address) -> Wire:
        connection, server = await self.connect(address)
        self._learn(address, server.run)
        return Wire(connection, server, self.settings.timeout)

    def _learn(self, address: Address, run: bytes) -> None:
        before = self._runs.get(address)
        self._runs[address] = run
        if before != run:
            self.on_run()

    def _distrust(self, address: Address) -> None:
        """Give up the connections to a server that is no master any more; its run will be another when it is again."""
        self.topology.forget(address)
        self.on_distrust(address)
        cause = BrokerError("broker_unavailable", f"{address} is no master any more")
        for (known, _), node in self._nodes.items():
            if known == address:
                node.drop(cause)

    async def _ask(self, address: Address, words: str) -> Any:
        try:
            return await (await self._node(address).wire()).call(*words.split())
        except RedisError as error:
            raise broker_error(error) from None

    async def _beat_forever(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS * (0.5 + self._pick()))
            try:
                await self._beat()
            except Exception:  # the boundary of one heartbeat: without others no outage would be seen to end
                _log.exception("broker.heartbeat_failed")

    async def _beat(self) -> None:
        """See that every server is there and what it was; this also keeps the way open and finds a dead one."""
        try:
            await self.topology.refresh()
            await self.locate(b"")
        except BrokerError as error:
            self.outages.fail(None, error)
            return
        self.outages.answer(None)
        addresses = self.topology.addresses()
        self.outages.keep(addresses)
        await asyncio.gather(self._recheck(), *(self._look_at(address) for address in addresses))

    async def _recheck(self) -> None:
        left = await self.topology.recheck()
        if left is not None:
            self._distrust(left)

    async def _look_at(self, address: Address) -> None:
        try:
            server = server_of(read_info(await self._ask(address, "INFO replication")))
        except BrokerError as error:
            self.outages.fail(address, error)
            self.topology.forget(address)
            return
        self.outages.answer(address)
        if not server.is_master or server.run != self._runs.get(address):
            self._distrust(address)


class _Asking:
    """A connection to where a slot is just moving: each command is asked for by itself, or it is sent back."""

    def __init__(self, wire: Wire) -> None:
        self.server = wire.server
        self._wire = wire

    def call(self, *command: Argument) -> asyncio.Future[Any]:
        """Send a command; see `Wire.call`."""
        self._wire.call("ASKING")
        return self._wire.call(*command)


def _address(error: AskError, asked: Address) -> Address:
    return Address(error.host or asked.host, error.port)
