"""Sheds what an instance has above the mean: at a bounded rate, clients chosen at random, moved where they can."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Final, Literal

from holdfast.connections.pacing import Lane
from holdfast.connections.rebalance_plan import Balancer, balance_of
from holdfast.errors import LifecycleError
from holdfast.telemetry.logs import get_logger

if TYPE_CHECKING:
    from holdfast.connections.connection import Connection
    from holdfast.connections.core import Core
    from holdfast.settings_rebalance import RebalanceSettings

_log = get_logger(__name__)

SLUG: Final = "rebalanced"
_LOOK_EVERY: Final = 1.0
_SHED_EVERY: Final = 0.1

Counts = Callable[[], Mapping[str, int]]
"""Returns how many connections each instance has that serves, by its name; may be seconds old."""
Emit = Callable[..., object]
Sleep = Callable[[float], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class RebalanceStatus:
    """Where it stands: `excess` connections are above the mean of `instances`, of a round's `total` some are `left`.

    `settled` is whether the numbers are at rest. What became of those sent away is counted since the start.
    """

    mode: Literal["off", "advise", "automatic"]
    state: Literal["idle", "shedding"]
    instances: Mapping[str, int]
    mean: float
    connections: int
    excess: int
    tolerance: float
    settled: bool
    total: int = 0
    left: int = 0
    rate: float = 0.0
    moved: int = 0
    overdue: int = 0
    closed: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return it as it is told."""
        return asdict(self)


@dataclass(slots=True)
class _Round:
    lane: Lane[Connection]
    started: float
    rate: float
    mean: float
    total: int
    told: int = 0


class Rebalance:
    """One for an instance.

    Args:
        core: of the instance, whose manager exists when it is used.
        settings: mode and bounds.
        counts: the numbers of all instances.
        emit: tells of events.
    """

    def __init__(
        self,
        core: Core,
        settings: RebalanceSettings,
        counts: Counts,
        emit: Emit,
        random: Random | None = None,
    ) -> None:
        self._core = core
        self._settings = settings
        self._counts = counts
        self._emit = emit
        self._random = random or Random()
        self._balancer = Balancer(settings, core.instance)
        self._round: _Round | None = None

    # Public methods: questions

    @property
    def excess(self) -> int:
        """How many connections are above the mean."""
        return balance_of(self._core.instance, self._numbers()).excess

    def status(self) -> RebalanceStatus:
        """Return where it stands."""
        numbers, current = self._numbers(), self._round
        found = balance_of(self._core.instance, numbers)
        return RebalanceStatus(
            self._settings.mode,
            "idle" if current is None else "shedding",
            numbers,
            round(found.mean, 1),
            found.own,
            found.excess,
            self._settings.tolerance,
            self._balancer.is_settled(self._core.clock()),
            *((current.total, current.total - current.told, current.rate) if current is not None else ()),
            **self._core.farewells.counted(SLUG),
        )

    # Public methods: work

    async def run(self, sleep: Sleep = asyncio.sleep) -> None:
        """Look after the numbers until cancelled."""
        while True:
            await sleep(_SHED_EVERY if self._round is not None else _LOOK_EVERY)
            try:
                self.turn()
            except Exception:  # the boundary of one turn: the next one may succeed
                _log.exception("rebalance_failed")

    def turn(self) -> None:
        """Go on with a round, or see whether one is due."""
        now, numbers = self._core.clock(), self._numbers()
        if self._core.lifecycle.is_leaving:  # everybody is sent away
            self._finish()
            return
        self._balancer.observe(now, numbers)
        if self._round is not None and len(numbers) == 1:  # nowhere to send anybody, as far as is known
            self._finish()
        elif self._round is not None:
            self._shed(self._round, now)
        elif self._settings.mode != "off" and (excess := self._balancer.decide(now, numbers)):
            self._balancer.begun(excess)
            if self._settings.mode == "automatic":
                self._begin(excess, self._settings.rate)
            else:
                self._advise(excess)

    def start(self, rate: float | None = None) -> bool:
        """Send what is above the mean away now, whatever the mode; return whether there was anything and none ran.

        Raises:
            LifecycleError: `shutting_down`, where a drain sends everybody away.
        """
        if self._core.lifecycle.is_leaving:
            raise LifecycleError("shutting_down", "a drain sends everybody away")
        if self._round is not None or not (excess := self.excess):
            return False
        self._begin(excess, rate or self._settings.rate)
        return True

    def cancel(self) -> bool:
        """Send nobody more away in this round; return whether there was one."""
        was_shedding = self._round is not None
        self._finish()
        self._core.farewells.forget(SLUG)
        return was_shedding

    # Private methods

    def _numbers(self) -> Mapping[str, int]:
        return {**self._counts(), self._core.instance: self._core.manager.count}

    def _begin(self, excess: int, rate: float) -> None:
        chosen = self._random.sample(list(self._core.manager.connections.values()), excess)
        mean = balance_of(self._core.instance, self._numbers()).mean
        self._round = _Round(Lane(chosen, excess / rate), self._core.clock(), rate, mean, excess)
        facts = {"excess": excess, "mean": round(mean, 1), "rate": rate}
        _log.info("rebalance_started", connections=self._core.manager.count, **facts)
        self._emit("rebalance.started", connections=self._core.manager.count, **facts)

    def _shed(self, current: _Round, now: float) -> None:
        taken = current.lane.take(now - current.started)
        for connection in taken:
            if self._core.manager.count - len(self._core.farewells) <= current.mean:  # others left by themselves
                self._finish()
                return
            self._core.farewells.say(connection, SLUG)
        current.told += len(taken)
        if not len(current.lane):
            self._finish()

    def _finish(self) -> None:
        current, self._round = self._round, None
        if current is not None:
            self._balancer.ended(self._core.clock())
            _log.info("rebalance_ended", told=current.told, connections=self._core.manager.count)
            self._emit("rebalance.ended", told=current.told)

    def _advise(self, excess: int) -> None:
        self._balancer.ended(self._core.clock())
        found = balance_of(self._core.instance, self._numbers())
        facts = {"connections": found.own, "mean": round(found.mean, 1), "excess": excess}
        _log.warning("rebalance_advised", **facts)
        self._emit("rebalance.advised", **facts)
