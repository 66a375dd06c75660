"""The resource monitor: measures at an interval, remembers, judges, and tells whoever must know."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import get_args

from holdfast.monitoring.events import Events
from holdfast.monitoring.evidence import describe
from holdfast.monitoring.levels import CALM, Level, Pressure, Resource, Scarcity
from holdfast.monitoring.sampling import Sample, Usage
from holdfast.monitoring.thresholds import Thresholds, Watch
from holdfast.monitoring.windows import Series, Trend
from holdfast.settings_monitor import LagThresholds, MonitorSettings, RatioThresholds
from holdfast.telemetry.logs import get_logger

_log = get_logger(__name__)

PRESSING: tuple[Resource, ...] = get_args(Resource)
"""What keeps newcomers out while it is critical."""
# Refusing a crowd takes CPU too, so that a breaker opened for `cpu` would stay open for as long as the crowd knocks.
TRIPPING: tuple[Resource, ...] = tuple(name for name in PRESSING if name != "cpu")


class ResourceMonitor:
    """Knows how scarce everything is.

    Args:
        settings: `monitor`.
        take: measures everything once.
        events: told of each change of a level.
        trip: told the cause while a critical level lasts, which opens the breaker; the slug of the refusals it makes.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        settings: MonitorSettings,
        take: Callable[[], Sample],
        events: Events,
        trip: Callable[[str], object],
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._take = take
        self._events = events
        self._trip = trip
        self._clock = clock
        self.sample = Sample({}, {})
        self.watches = {name: Watch(rules, clock()) for name, rules in _thresholds(settings).items()}
        self._series: dict[str, Series] = {}
        self._pressure = CALM

    # Public methods

    async def run(self, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        """Measure at the interval, for ever."""
        while True:
            try:
                self.measure()
            except Exception:  # the boundary of one look: the next one may succeed
                _log.exception("resources_not_measured")
            await sleep(self._settings.interval)

    def measure(self) -> None:
        """Look once, and tell what changed."""
        sample = self.sample = self._take()
        now = self._clock()
        for name, usage in sample.usages.items():
            self._remember(name, now, usage.used)
        for name, amount in sample.flows.items():
            self._remember(name, now, amount)
        for name, watch in self.watches.items():
            before = watch.level
            if watch.update(_judged(name, sample.usages.get(name)), now):
                self._tell(name, before, watch.level)
        self._pressure = Pressure({name: self._scarcity(name) for name in PRESSING if self.watches[name].level})
        self._trip_if_lasting(now)

    def pressure(self) -> Pressure:
        """Return what is scarce right now."""
        return self._pressure

    def levels(self) -> Mapping[str, Level]:
        """Return the level of everything that is watched."""
        return {name: watch.level for name, watch in self.watches.items()}

    def level_seconds(self, name: str) -> float:
        """Return for how long a resource has been at its level."""
        return self._clock() - self.watches[name].since

    def ratios(self) -> Mapping[str, float]:
        """Return which part of its limit each resource uses."""
        return {name: ratio for name, usage in self.sample.usages.items() if (ratio := usage.ratio) is not None}

    def limits(self) -> Mapping[str, float]:
        """Return the limit of each resource that has one."""
        return {name: usage.limit for name, usage in self.sample.usages.items() if usage.limit is not None}

    def trends(self) -> Mapping[str, Mapping[str, Trend]]:
        """Return where everything that is measured went, by resolution."""
        return {name: series.trends() for name, series in self._series.items()}

    # Private methods

    def _remember(self, name: str, now: float, amount: float) -> None:
        series = self._series.get(name)
        if series is None:
            series = self._series[name] = Series()
        series.add(now, amount)

    def _scarcity(self, name: str) -> Scarcity:
        usage = self.sample.usages.get(name)
        return Scarcity(self.watches[name].level, describe(name, usage) if usage is not None else "")

    def _tell(self, name: str, before: Level, level: Level) -> None:
        self._events.emit(
            "resource.level",
            resource=name,
            level=level.name.lower(),
            before=before.name.lower(),
            evidence=self._scarcity(name).evidence,
        )

    def _trip_if_lasting(self, now: float) -> None:
        for name in TRIPPING:
            watch = self.watches[name]
            if watch.level is Level.CRITICAL and now - watch.since >= self._settings.trip_after:
                self._trip(f"overload_{name}")


def _judged(name: str, usage: Usage | None) -> float | None:
    """Return what thresholds are compared with: seconds of lag, else the part of the limit."""
    if usage is None:
        return None
    return usage.used if name == "loop_lag" else usage.ratio


def _thresholds(settings: MonitorSettings) -> dict[str, Thresholds]:
    given: dict[str, RatioThresholds | LagThresholds] = {
        "loop_lag": settings.loop_lag,
        "memory": settings.memory,
        "cpu": settings.cpu,
        "descriptors": settings.descriptors,
        "socket_memory": settings.socket_memory,
        "conntrack": settings.conntrack,
    }
    return {
        name: Thresholds(one.warning, one.critical, one.lasting, settings.hysteresis, settings.settle)
        for name, one in given.items()
    }
