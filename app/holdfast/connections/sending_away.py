"""Sends chosen clients away at a bounded rate, for an operator: those of a user or an address, wherever they are.

They are not kept out: an SDK comes back at once, through the balancer. Who shall stay away is revoked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from holdfast.connections.bus import Bus, reader
from holdfast.connections.bus_messages import SendAwayOrder
from holdfast.connections.pacing import Lane
from holdfast.telemetry.logs import get_logger

if TYPE_CHECKING:
    from holdfast.connections.connection import Connection
    from holdfast.connections.core import Core

_log = get_logger(__name__)

SLUG: Final = "sent_away"
_STEP: Final = 0.1

What = Literal["look", "start", "cancel"]
Sleep = Callable[[float], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Choice:
    """Whose connections are meant: those of any of these users, and those of any of these addresses."""

    users: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


class Standing(msgspec.Struct, kw_only=True):
    """How it stands on one instance: of its `connections` so many are `chosen` and would leave.

    Of a round's `total` some are `left`; `has_changed` is whether the order did anything. What became of those that
    were sent away is counted since the start.
    """

    connections: int
    chosen: int = 0
    state: Literal["idle", "sending"] = "idle"
    total: int = 0
    left: int = 0
    has_changed: bool = False
    moved: int = 0
    overdue: int = 0
    closed: int = 0


@dataclass(slots=True)
class _Round:
    lane: Lane[Connection]
    started: float
    total: int


class SendingAway:
    """At most one round at a time on an instance; each instance has its own part of an order.

    Args:
        core: of the instance, whose manager exists when it is used.
        bus: to the others.
    """

    def __init__(self, core: Core, bus: Bus, *, sleep: Sleep = asyncio.sleep, random: Random | None = None) -> None:
        self._core = core
        self._bus = bus
        self._sleep = sleep
        self._random = random or Random()
        self._round: _Round | None = None
        bus.answer(SendAwayOrder, self._on_order)

    # Public methods

    async def everywhere(self, what: What, choice: Choice, rate: float = 0.0) -> tuple[dict[str, Standing], list[str]]:
        """Do it on all instances; return how each stands, by name, and which did not answer.

        Args:
            what: only look, start, or cancel what is under way.
            choice: whose connections.
            rate: clients a second that all instances together send away.

        Raises:
            BrokerError: the others could not be asked; here it may be done.
        """
        window = 0.0
        if what == "start":
            standings, _ = await self.everywhere("look", choice)
            window = sum(one.chosen for one in standings.values()) / rate
        found = {self._core.instance: self.here(what, choice, window)}
        order = SendAwayOrder(what=what, users=list(choice.users), addresses=list(choice.addresses), window=window)
        survey = await self._bus.survey(order, reader(Standing))
        return found | survey.answers, survey.silent

    def here(self, what: What, choice: Choice, window: float = 0.0) -> Standing:
        """Do it on this instance alone, over `window` seconds."""
        has_changed = False
        if what == "start":
            has_changed = self._start(self._find(choice), window)
        elif what == "cancel":
            has_changed = self._cancel()
        return self._standing(choice, has_changed=has_changed)

    # Private methods

    async def _on_order(self, order: SendAwayOrder) -> Standing:
        choice = Choice(tuple(order.users), tuple(order.addresses))
        return self.here(order.what, choice, order.window)  # type: ignore[arg-type]  # what it does not know it looks at

    def _find(self, choice: Choice) -> list[Connection]:
        manager = self._core.manager
        found = {one: None for user in choice.users for one in manager.by_user(user)}
        for address in choice.addresses:
            found |= dict.fromkeys(manager.by_address(address))
        return [one for one in found if not one.closed]

    def _start(self, chosen: list[Connection], window: float) -> bool:
        if self._round is not None or not chosen:
            return False
        self._random.shuffle(chosen)
        self._round = _Round(Lane(chosen, window), self._core.clock(), len(chosen))
        _log.info(
            "sending_away_started", chosen=len(chosen), seconds=round(window, 3), connections=self._core.manager.total
        )
        self._core.spawn(self._work(self._round))
        return True

    def _cancel(self) -> bool:
        was_sending = self._round is not None
        self._round = None
        self._core.farewells.forget(SLUG)
        return was_sending

    async def _work(self, current: _Round) -> None:
        while self._round is current:
            for connection in current.lane.take(self._core.clock() - current.started):
                self._core.farewells.say(connection, SLUG)
            if not len(current.lane):
                self._round = None
                break
            await self._sleep(_STEP)
        told = current.total - len(current.lane)
        _log.info("sending_away_ended", told=told, connections=self._core.manager.total)

    def _standing(self, choice: Choice, *, has_changed: bool) -> Standing:
        current = self._round
        counts: dict[str, Any] = self._core.farewells.counted(SLUG)
        return Standing(
            connections=self._core.manager.total,
            chosen=len(self._find(choice)),
            state="idle" if current is None else "sending",
            total=0 if current is None else current.total,
            left=0 if current is None else len(current.lane),
            has_changed=has_changed,
            **counts,
        )
