"""What a service manager is told, and when."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast.connections.drain import DrainStatus
from holdfast.server.notify import Notifier, Wanted
from holdfast.wiring_notify import LOOK_SECONDS, Supervision


class Heard(Notifier):
    """Remembers what was sent."""

    def __init__(self, watchdog: float = 0.0, address: str = "/run/notify") -> None:
        super().__init__(Wanted(address, watchdog))
        self.sent: list[dict[str, Any]] = []

    def send(self, **fields: str | int) -> None:
        """Remember."""
        self.sent.append(fields)


class World:
    """An instance whose status a test says, and whose time ends after some looks."""

    def __init__(self, heard: Heard, looks: int = 1) -> None:
        self.heard = heard
        self.status = DrainStatus("serving", 3)
        self.slept: list[float] = []
        self._looks = looks
        self.on_sleep: Any = lambda: None
        self.supervision = Supervision(
            heard, lambda: self.status, 5.0, sleep=self.sleep, monotonic_ns=lambda: 1_234_567_890
        )

    async def sleep(self, seconds: float) -> None:
        """End after the last look."""
        self.slept.append(seconds)
        self.on_sleep()
        if len(self.slept) == self._looks:
            raise asyncio.CancelledError

    async def run(self) -> None:
        """Run to the end."""
        with pytest.raises(asyncio.CancelledError):
            await self.supervision.run()


async def test_ready_comes_with_a_status_that_is_told_when_it_changes() -> None:
    """Nothing is sent where nothing changed and no watchdog waits."""
    world = World(Heard(), looks=3)

    def change() -> None:
        if len(world.slept) == 2:
            world.status = DrainStatus("serving", 4)

    world.on_sleep = change
    await world.run()

    assert world.heard.sent == [{"READY": 1, "STATUS": "serving 3 connections"}, {"STATUS": "serving 4 connections"}]
    assert world.slept == [LOOK_SECONDS] * 3


@pytest.mark.parametrize(("watchdog", "pause"), [(1.0, 0.5), (60.0, LOOK_SECONDS)])
async def test_watchdog_is_fed_twice_as_often_as_it_asks(watchdog: float, pause: float) -> None:
    """By the loop itself, so that a loop that hangs is found."""
    world = World(Heard(watchdog), looks=2)
    await world.run()

    assert world.heard.sent[1:] == [{"WATCHDOG": 1}, {"WATCHDOG": 1}]
    assert world.slept == [pause, pause]


async def test_stop_asks_for_the_time_that_it_needs() -> None:
    """A drain that takes longer than TimeoutStopSec is not cut off while it goes on."""
    world = World(Heard())

    async def drain() -> None:
        world.status = DrainStatus("stopping", 600, total=1000, seconds_left=100.0)
        await world.run()

    await world.supervision.around_drain(drain)()
    stopping, ready, look = world.heard.sent

    assert stopping == {"STOPPING": 1, "EXTEND_TIMEOUT_USEC": 15_000_000}
    assert ready["STATUS"] == "stopping: 400 of 1000 connections have left"
    assert look == {"EXTEND_TIMEOUT_USEC": 115_000_000}


async def test_stop_that_hangs_after_the_drain_asks_for_nothing_more() -> None:
    """It is ended when the time that was asked for last is over."""
    world = World(Heard())

    async def drain() -> None:
        world.status = DrainStatus("stopping", 0, total=1000, seconds_left=0.0)
        await world.run()

    await world.supervision.around_drain(drain)()

    assert not [one for one in world.heard.sent[1:] if "EXTEND_TIMEOUT_USEC" in one]


async def test_ordered_drain_is_a_status_alone() -> None:
    """Nobody stops the process."""
    world = World(Heard())
    world.status = DrainStatus("drained", 0, total=10)
    await world.run()

    assert world.heard.sent == [{"READY": 1, "STATUS": "drained: 10 of 10 connections have left"}]


def test_reload_is_told_before_and_after() -> None:
    """With the moment, by the clock that the service manager compares."""
    world = World(Heard())
    world.supervision.around_reload(lambda: world.heard.sent.append({"reload": 1}))()

    assert world.heard.sent == [{"RELOADING": 1, "MONOTONIC_USEC": 1_234_567}, {"reload": 1}, {"READY": 1}]


def test_reload_that_fails_is_over_too() -> None:
    """Else the service manager would wait for it and end the process."""
    world = World(Heard())

    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        world.supervision.around_reload(fail)()
    assert world.heard.sent[-1] == {"READY": 1}


async def test_nothing_runs_without_a_service_manager() -> None:
    """No task, no message."""
    quiet, heard = World(Heard(address="")), World(Heard())
    loop = asyncio.get_running_loop()
    quiet.supervision.begin(loop)
    heard.supervision.begin(loop)
    await asyncio.sleep(0)
    for one in (quiet, heard):
        one.supervision.end()

    assert not quiet.heard.sent
    assert heard.heard.sent[0]["READY"] == 1
