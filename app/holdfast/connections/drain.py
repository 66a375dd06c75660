"""The drain of an instance: balancers are told, newcomers refused, and every client leaves at its own moment.

An operator orders it, after which the instance stays and can be brought back; or it is part of a stop, which goes on
from where an ordered one stands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Final, Literal

from holdfast.connections.lifecycle import Phase
from holdfast.connections.pacing import duration, lanes, pacing
from holdfast.errors import LifecycleError
from holdfast.telemetry.logs import get_logger

if TYPE_CHECKING:
    from holdfast.connections.connection import Connection
    from holdfast.connections.core import Core
    from holdfast.settings import ShutdownSettings

_log = get_logger(__name__)

STEP: Final = 0.02
# How long commands under way may still take when the window is over.
REPLY_GRACE: Final = 0.5
# How long a stop waits for clients who are between two polls to come for their goodbye.
FETCH_GRACE: Final = 1.0

State = Literal["serving", "leaving", "draining", "drained", "stopping"]
Emit = Callable[..., object]
Sleep = Callable[[float], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Order:
    """What an operator wants; without a window that of the settings."""

    window: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DrainStatus:
    """Where a drain stands; the numbers behind `total` are those of the drain, 0 where there is none.

    `connections` are still here, `asked` of them were asked to move. `rate` is clients a second, `seconds_left` until
    nobody is here. `has_peers` is whether clients have anywhere else to go.
    """

    state: State
    connections: int
    reason: str = ""
    total: int = 0
    rate: float = 0.0
    seconds_left: float = 0.0
    asked: int = 0
    moved: int = 0
    overdue: int = 0
    closed: int = 0
    has_peers: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return it as it is told."""
        return asdict(self)


@dataclass(slots=True)
class _Run:
    """A drain under way: moments are of the clock of connections, `ends_at` is known once clients are told."""

    window: float
    reason: str
    since: float
    wait: float
    before: Mapping[str, int]
    total: int = 0
    rate: float = 0.0
    ends_at: float | None = None
    is_over: bool = False
    task: asyncio.Task[None] | None = None


class Drain:
    """At most one at a time.

    Args:
        core: of the instance, whose manager exists when it is used.
        shutdown: the settings.
        emit: tells of events.
    """

    def __init__(
        self,
        core: Core,
        shutdown: ShutdownSettings,
        emit: Emit,
        *,
        sleep: Sleep = asyncio.sleep,
        random: Random | None = None,
    ) -> None:
        self._core = core
        self._settings = shutdown
        self._emit = emit
        self._sleep = sleep
        self._random = random or Random()
        self._run: _Run | None = None
        self._is_stopping = False
        self.on_phase: Callable[[], object] = lambda: None
        """Called at each stage, for those who tell other instances of it."""

    # Public methods: questions

    @property
    def rate(self) -> float:
        """How many clients a second are told to leave now."""
        run = self._run
        return run.rate if run is not None and not run.is_over else 0.0

    def status(self) -> DrainStatus:
        """Return where it stands."""
        connections, has_peers = self._core.manager.total, self._core.broker.is_shared
        run = self._run
        if run is None:
            return DrainStatus(self._state(), connections, has_peers=has_peers)
        now = self._core.clock()
        ends_at = run.ends_at if run.ends_at is not None else run.since + run.wait + run.window
        return DrainStatus(
            self._state(),
            connections,
            run.reason,
            run.total or connections,
            round(run.rate, 3),
            0.0 if run.is_over else round(max(0.0, ends_at - now), 3),
            self._core.farewells.asked,
            **self._counted(run),
            has_peers=has_peers,
        )

    # Public methods: orders

    def start(self, order: Order) -> bool:
        """Begin, unless one is under way or done, which goes on as it is; return whether it began.

        Raises:
            LifecycleError: `shutting_down`.
        """
        self._check_running()
        if self._run is not None:
            return False
        wait, usual = pacing(self._settings, is_shared=self._core.broker.is_shared)
        run = self._begin(wait, usual if order.window is None else order.window, order.reason)
        run.task = self._core.loop.create_task(self._ordered(run))
        return True

    async def cancel(self) -> bool:
        """Serve again, whether it is under way or done; return whether there was one.

        Raises:
            LifecycleError: `shutting_down`.
        """
        self._check_running()
        run = self._run
        if run is None:
            return False
        await self._interrupt(run)
        self._check_running()  # a stop may have begun meanwhile, and another order have been faster
        if self._run is not run:
            return False
        self._run = None
        self._core.farewells.forget("shutdown")
        if self._core.lifecycle.resume():
            self._tell_phase()
        _log.info("drain_cancelled", connections=self._core.manager.total, reason=run.reason)
        self._emit("drain.cancelled", connections=self._core.manager.total)
        return True

    async def stop(self) -> None:
        """Let everybody leave before the instance stops, from where an ordered drain stands.

        Cancelled by an operator in a hurry, it says all goodbyes at once.
        """
        self._is_stopping = True
        wait, window = pacing(self._settings, is_shared=self._core.broker.is_shared)
        run = self._run
        try:
            if run is None:
                run = self._begin(wait, window, "stop")
            else:
                await self._interrupt(run)
                run.window = self._rest(run, window)
            await self._work(run)
            await self._until(lambda: not self._core.unfetched_goodbyes(), FETCH_GRACE)
        finally:
            self._enter(Phase.STOPPING)
            for connection in self._core.manager.everybody():
                connection.close("shutdown")
            if run is not None:
                self._end(run)

    # Private methods

    def _check_running(self) -> None:
        if self._is_stopping:
            raise LifecycleError("shutting_down", "the instance is stopping, and its drain with it")

    def _state(self) -> State:
        phase = self._core.lifecycle.phase
        if phase >= Phase.STOPPING or self._is_stopping:
            return "stopping"
        if phase == Phase.DRAINING:
            return "drained" if self._run is not None and self._run.is_over else "draining"
        return "leaving" if phase == Phase.LEAVING else "serving"

    def _begin(self, wait: float, window: float, reason: str) -> _Run:
        before = self._core.farewells.counted("shutdown")
        run = self._run = _Run(window, reason, self._core.clock(), wait, before)
        self._enter(Phase.LEAVING)
        connections = self._core.manager.total
        facts = {"connections": connections, "seconds": wait + window, "reason": reason}
        _log.info("drain_started", **facts)
        self._emit("drain.started", **facts)
        return run

    def _rest(self, run: _Run, window: float) -> float:
        """Return over which window a stop goes on with an ordered drain."""
        rest = run.window if run.ends_at is None else max(0.0, run.ends_at - self._core.clock())
        return min(window, rest)

    async def _interrupt(self, run: _Run) -> None:
        task, run.task = run.task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _ordered(self, run: _Run) -> None:
        try:
            await self._work(run, self._settings.drain_max_rate)
        except Exception:  # the boundary of the task: nobody waits for it, and a second order must find a true state
            _log.exception("drain_failed")

    async def _work(self, run: _Run, most: float = 0.0) -> None:
        """Wait for balancers, refuse newcomers, and send everybody away."""
        self._enter(Phase.LEAVING)
        if (left := run.since + run.wait - self._core.clock()) > 0:
            await self._sleep(left)
        self._enter(Phase.DRAINING)
        await self._send_away(run, most)
        self._end(run)

    def _end(self, run: _Run) -> None:
        if not run.is_over:
            run.is_over = True
            seconds = round(self._core.clock() - run.since, 3)
            _log.info("drained", connections=run.total, seconds=seconds, reason=run.reason, **self._counted(run))
            self._emit("drain.ended", connections=run.total)

    def _counted(self, run: _Run) -> dict[str, int]:
        counted = self._core.farewells.counted("shutdown")
        return {name: number - run.before[name] for name, number in counted.items()}

    async def _send_away(self, run: _Run, most: float) -> None:
        core = self._core
        total = core.manager.total
        run.total = max(run.total, total)
        seconds = duration(total, run.window, least=self._settings.drain_min_rate, most=most)
        run.ends_at = core.clock() + seconds
        run.rate = total / seconds if seconds else float(total)
        await self._tell(seconds, run.ends_at + REPLY_GRACE)
        # Who was let in before, and connected meanwhile.
        for connection in core.manager.everybody():
            core.farewells.say(connection, "shutdown", core.clock() + REPLY_GRACE)
        core.farewells.advance()
        await self._until(lambda: not core.manager.total, REPLY_GRACE)
        for connection in core.manager.everybody():
            connection.close("shutdown")

    async def _tell(self, seconds: float, until: float) -> None:
        """Tell everybody at its own moment, and give those who were asked to move the time that is left."""
        core, started = self._core, self._core.clock()
        queues = lanes(*self._in_random_order(), seconds, self._settings.migrate_grace)
        while core.manager.total:
            elapsed = core.clock() - started
            for lane in queues:
                for connection in lane.take(elapsed):
                    core.farewells.say(connection, "shutdown", until)
            core.farewells.advance()
            if elapsed >= seconds:
                return
            await self._sleep(STEP)

    def _in_random_order(self) -> tuple[list[Connection], list[Connection]]:
        """Return those who can move, and the others."""
        everybody = self._core.manager.everybody()
        self._random.shuffle(everybody)
        can_migrate = self._core.farewells.can_migrate
        return [one for one in everybody if can_migrate(one)], [one for one in everybody if not can_migrate(one)]

    async def _until(self, condition: Callable[[], bool], seconds: float) -> None:
        """Wait for a condition, but no longer than that."""
        ends_at = self._core.clock() + seconds
        while not condition() and self._core.clock() < ends_at:
            await self._sleep(STEP)
            self._core.farewells.advance()

    def _enter(self, phase: Phase) -> None:
        if self._core.lifecycle.phase < phase:
            self._core.lifecycle.advance(phase)
            self._tell_phase()

    def _tell_phase(self) -> None:
        self.on_phase()
        _log.info("phase", phase=self._core.lifecycle.phase.name.lower(), connections=self._core.manager.total)
