"""Outages of Redis as this instance sees them: their causes, how long they last, one line in the log at each end.

A way on which Redis sends by itself may be broken while commands are answered, and has a state of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Hashable

from holdfast.broker.base import Way
from holdfast.errors import BrokerError
from holdfast.telemetry import metrics
from holdfast.telemetry.logs import get_logger

_log = get_logger(__name__)
# What concerns one channel or one publication is no outage.
_SINGLE = frozenset({"broker_foreign_key", "durability_not_met"})
# Redis answers, but refuses whatever writes: no other answer ends this.
_OF_WRITES = frozenset({"broker_out_of_memory", "broker_read_only"})


# Soon after an outage, late failures of what was under way alternate with answers: nothing that is worth a line.
_LATE_SECONDS = 1.0


class _One:
    __slots__ = ("is_told", "since", "slug")

    def __init__(self, since: float) -> None:
        self.since = since
        self.slug = ""
        self.is_told = True


class Outages:
    """Each place (a server; None for finding one) is out from its first failure until it answers again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._places: dict[Hashable, _One] = {}
        self._ended: dict[Hashable, tuple[str, float]] = {}
        metrics.BROKER_UP.set(1)

    def __bool__(self) -> bool:
        return bool(self._places)

    @property
    def slug(self) -> str:
        """The cause of the outage that lasts longest; empty where there is none."""
        return next((one.slug for one in self._places.values()), "")

    def fail(self, place: Hashable, error: BrokerError) -> None:
        """Know of a failure; another cause than before is told too."""
        metrics.BROKER_FAILURES.labels(error.slug).inc()
        if error.slug in _SINGLE:
            _log.warning("broker.refused", slug=error.slug, detail=error.detail)
            return
        one = self._places.get(place)
        now = self._clock()
        if one is None:
            one = self._places[place] = _One(now)
            metrics.BROKER_UP.set(0)
            slug, ended = self._ended.get(place, ("", 0.0))
            if slug == error.slug and now - ended < _LATE_SECONDS:
                one.slug, one.is_told = slug, False
        if one.slug != error.slug or (not one.is_told and now - one.since >= _LATE_SECONDS):
            one.slug, one.is_told = error.slug, True
            _log.error("broker.failing", slug=error.slug, server=_name(place), detail=error.detail)

    def answer(self, place: Hashable, *, is_write: bool = False) -> None:
        """Know of an answer without an error."""
        one = self._places.get(place)
        if one is not None and (is_write or one.slug not in _OF_WRITES):
            self._end(place)

    def keep(self, places: Collection[Hashable]) -> None:
        """End the outages of servers that are not needed any more."""
        for place in [place for place in self._places if place is not None and place not in places]:
            self._end(place)
        self._ended = {place: end for place, end in self._ended.items() if place is None or place in places}

    def age(self, place: Hashable) -> float:
        """Return for how many seconds a place is out; 0 where it is not."""
        one = self._places.get(place)
        return 0.0 if one is None else self._clock() - one.since

    def _end(self, place: Hashable) -> None:
        one, now = self._places.pop(place), self._clock()
        self._ended[place] = one.slug, now
        if one.is_told:
            _log.warning("broker.back", slug=one.slug, server=_name(place), seconds=round(now - one.since, 3))
        metrics.BROKER_UP.set(0 if self._places else 1)


class WayState:
    """Whether one way brings what it should, and why not."""

    def __init__(self, way: Way) -> None:
        self._up = metrics.BROKER_LINK_UP.labels(way)
        self._up.set(1)
        self._failure: BrokerError | None = None

    @property
    def failure(self) -> BrokerError | None:
        """The cause as an error of the caller's own; None where nothing is wrong."""
        failure = self._failure
        return None if failure is None else BrokerError(failure.slug, failure.detail)

    def fail(self, error: BrokerError) -> bool:
        """Know of a failure; return whether it has another cause than the one before."""
        metrics.BROKER_FAILURES.labels(error.slug).inc()
        self._up.set(0)
        before, self._failure = self._failure, error
        return before is None or before.slug != error.slug

    def answer(self) -> None:
        """Know that the way is open."""
        self._failure = None
        self._up.set(1)


def _name(place: Hashable) -> str:
    return "" if place is None else str(place)
