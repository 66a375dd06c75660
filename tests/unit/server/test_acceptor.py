"""Accepting by the pace that a crowd leaves time for."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import pytest

from holdfast.server.acceptor import SLICE_SECONDS, Acceptor
from holdfast.telemetry import metrics


class Bound:
    """A listening socket, or a duplicate of it."""

    def __init__(self) -> None:
        self.waiting = 0
        self.is_closed = False
        self.listened: list[int] = []
        self.duplicates: list[Bound] = []
        self.has_descriptors = True

    def dup(self) -> Bound:
        """Return another one, where there is a descriptor."""
        if not self.has_descriptors:
            raise OSError(24, "Too many open files")
        self.duplicates.append(Bound())
        return self.duplicates[-1]

    def listen(self, backlog: int) -> None:
        """Remember."""
        self.listened.append(backlog)

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        """Tell who waits, as the kernel does."""
        return struct.pack("@24xII", self.waiting, 4096)

    def close(self) -> None:
        """Remember."""
        self.is_closed = True


class Server:
    """What a loop makes of a socket."""

    def __init__(self) -> None:
        self.is_closed = False

    def close(self) -> None:
        """Accept no more."""
        self.is_closed = True


class Timer:
    """One call to come."""

    def __init__(self, at: float, call: Any) -> None:
        self.at, self.call, self.is_cancelled = at, call, False

    def cancel(self) -> None:
        """Never call."""
        self.is_cancelled = True


class Loop:
    """A loop whose time passes only when told to; tasks and callbacks run on the real one."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[Timer] = []
        real = asyncio.get_running_loop()
        self.call_soon, self.create_task = real.call_soon, real.create_task

    def time(self) -> float:
        """Return the time."""
        return self.now

    def call_at(self, at: float, call: Any) -> Timer:
        """Remember a call."""
        self.timers.append(Timer(at, call))
        return self.timers[-1]

    async def advance(self, seconds: float) -> None:
        """Let time pass, and everything run that is due."""
        self.now += seconds
        due = [timer for timer in self.timers if timer.at <= self.now]
        self.timers = [timer for timer in self.timers if timer.at > self.now]
        for timer in due:
            if not timer.is_cancelled:
                timer.call()
        for _ in range(5):
            await asyncio.sleep(0)


class World:
    """An acceptor and all around it."""

    def __init__(self) -> None:
        self.bound = Bound()
        self.loop = Loop()
        self.servers: list[Server] = []
        self.made = 0
        self.slow: asyncio.Event | None = None
        given: Any = (self.bound, 4096, self.factory, self.start, self.loop)
        self.acceptor = Acceptor(*given)

    def factory(self) -> Any:
        """Count a connection."""
        self.made += 1

    async def start(self, make: Any, duplicate: Any, backlog: int) -> Any:
        """Be the loop."""
        self.make = make
        if self.slow is not None:
            await self.slow.wait()
        self.servers.append(Server())
        return self.servers[-1]

    @property
    def is_accepting(self) -> bool:
        """Whether newcomers are accepted now."""
        return bool(self.servers) and not self.servers[-1].is_closed

    async def crowd(self, *, is_stale: bool = False) -> int:
        """Let all come that are accepted now, at most 500, or who had gone before; return how many those were."""
        before = self.made
        for _ in range(500):
            if not self.is_accepting:
                break
            self.make()
            if is_stale:
                self.acceptor.forgive()
            await asyncio.sleep(0)
        return self.made - before


@pytest.fixture
async def world() -> World:
    """An acceptor that is open."""
    world = World()
    await world.acceptor.open()
    return world


async def test_acceptor_has_no_bound_while_nobody_asks(world: World) -> None:
    """Whoever comes is accepted at once, and no timer runs."""
    assert await world.crowd() == 500
    assert (len(world.servers), world.loop.timers) == (1, [])


async def test_acceptor_leaves_the_crowd_in_the_queue(world: World) -> None:
    """After a pause a batch a slice is accepted, as long as somebody waits, and the socket itself stays open."""
    world.bound.waiting = 1000
    before = metrics.ACCEPT_PAUSES._value.get()
    world.acceptor.pause(0.5, 2 / SLICE_SECONDS)
    assert not world.is_accepting
    await world.loop.advance(0.4)
    assert not world.is_accepting

    await world.loop.advance(0.11)
    batches = []
    for _ in range(5):
        batches.append(await world.crowd())
        await world.loop.advance(SLICE_SECONDS * 1.01)

    assert batches == [2] * 5
    assert metrics.ACCEPT_PAUSES._value.get() == before + 6
    assert not world.bound.is_closed


async def test_acceptor_passes_over_those_who_had_gone(world: World) -> None:
    """Who gave up in the queue does not count for the batch, but not without end."""
    world.bound.waiting = 1000
    world.acceptor.pause(0.5, 2 / SLICE_SECONDS)
    await world.loop.advance(0.51)

    assert await world.crowd(is_stale=True) == 2 + 4 * 2
    await world.loop.advance(SLICE_SECONDS * 1.01)
    assert await world.crowd() == 2


async def test_acceptor_is_free_again_when_nobody_waits(world: World) -> None:
    """An empty queue behind a slice that was not used up ends the pace."""
    world.acceptor.pause(0.5, 2 / SLICE_SECONDS)
    await world.loop.advance(0.51)
    await world.loop.advance(SLICE_SECONDS * 1.01)

    assert await world.crowd() == 500
    assert world.loop.timers == []


async def test_acceptor_keeps_to_the_pace_while_a_slow_loop_leaves_some_waiting(world: World) -> None:
    """A slice in which the loop had no time for its batch is followed by a slice of one batch, not of all."""
    world.acceptor.pause(0.5, 2 / SLICE_SECONDS)
    world.bound.waiting = 1000
    await world.loop.advance(0.51)
    await world.loop.advance(SLICE_SECONDS * 1.01)

    assert await world.crowd() == 2
    assert len(world.servers) == 2


async def test_acceptor_pauses_overlap(world: World) -> None:
    """The latest end counts, also when it is asked for while the next slice begins."""
    world.acceptor.pause(0.1, 100)
    world.acceptor.pause(0.5, 100)
    world.acceptor.pause(0.2, 100)
    await world.loop.advance(0.3)
    assert not world.is_accepting
    world.slow = asyncio.Event()
    await world.loop.advance(0.21)
    world.acceptor.pause(1.0, 100)
    await world.loop.advance(SLICE_SECONDS * 1.01)
    world.slow.set()
    await world.loop.advance(0.5)
    assert not world.is_accepting
    assert len(world.servers) == 2  # the one that was being made

    await world.loop.advance(0.6)
    assert world.is_accepting


async def test_acceptor_without_descriptors_tries_again(world: World) -> None:
    """Where the duplicate cannot be made, the next slice tries once more."""
    world.acceptor.pause(0.1, 100)
    world.bound.has_descriptors = False
    await world.loop.advance(0.11)
    await world.loop.advance(SLICE_SECONDS * 1.01)
    assert not world.is_accepting

    world.bound.has_descriptors = True
    await world.loop.advance(SLICE_SECONDS * 1.01)
    assert world.is_accepting


@pytest.mark.parametrize("moment", ["open", "paused", "opening"])
async def test_acceptor_closes_at_any_moment(world: World, moment: str) -> None:
    """Neither socket nor timer nor server outlives it, and nothing opens it again."""
    if moment != "open":
        world.acceptor.pause(0.1, 100)
    if moment == "opening":
        world.slow = asyncio.Event()
        await world.loop.advance(0.11)
    world.acceptor.close()
    if world.slow is not None:
        world.slow.set()
    world.acceptor.pause(0.1, 100)
    await world.loop.advance(1)

    assert world.bound.is_closed
    assert not world.acceptor.is_open
    assert not world.is_accepting
    assert all(timer.is_cancelled for timer in world.loop.timers)


async def test_acceptor_whose_socket_cannot_be_listened_on() -> None:
    """The error reaches whoever opens it, and the duplicate is closed."""
    world = World()

    async def fail(*given: Any) -> Any:
        raise OSError("in use")

    given: Any = (world.bound, 4096, world.factory, fail, world.loop)
    with pytest.raises(OSError, match="in use"):
        await Acceptor(*given).open()
    assert world.bound.duplicates[0].is_closed
