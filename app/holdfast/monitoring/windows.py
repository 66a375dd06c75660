"""A measured value over time, at several resolutions: what trends are read from."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

RESOLUTIONS = ((1.0, 60), (10.0, 60), (60.0, 60))
"""Seconds of a step and how many are kept: a minute, ten minutes, an hour."""


class Step(NamedTuple):
    """What was measured within one step; `number` counts steps since the clock's zero."""

    number: int
    values: int
    total: float
    lowest: float
    highest: float

    @property
    def mean(self) -> float:
        """The mean of what was measured."""
        return self.total / self.values


@dataclass(frozen=True, slots=True)
class Trend:
    """Where a value went: `slope` is its change a second, over all steps of the window."""

    lowest: float
    mean: float
    highest: float
    slope: float
    seconds: float


class Window:
    """The last steps of one resolution; a step that is full goes on to `coarser`."""

    __slots__ = ("_coarser", "_kept", "_open", "seconds")

    def __init__(self, seconds: float, kept: int, coarser: Window | None = None) -> None:
        self.seconds = seconds
        self._kept: deque[Step] = deque(maxlen=kept)
        self._open: Step | None = None
        self._coarser = coarser

    def add(self, now: float, part: Step) -> None:
        """Take what was measured at a moment, or in the finer step that ended there."""
        number = int(now / self.seconds)
        current = self._open
        if current is None or current.number != number:
            if current is not None:
                self._kept.append(current)
                if self._coarser is not None:
                    self._coarser.add(current.number * self.seconds, current)
            self._open = part._replace(number=number)
            return
        self._open = Step(
            number,
            current.values + part.values,
            current.total + part.total,
            min(current.lowest, part.lowest),
            max(current.highest, part.highest),
        )

    def steps(self) -> list[Step]:
        """Return the steps, the one that is still open last."""
        return [*self._kept, self._open] if self._open is not None else []

    def trend(self) -> Trend | None:
        """Describe the window; None while it is empty."""
        steps = self.steps()
        if not steps:
            return None
        values = sum(one.values for one in steps)
        return Trend(
            min(one.lowest for one in steps),
            sum(one.total for one in steps) / values,
            max(one.highest for one in steps),
            _slope(steps) / self.seconds,
            (steps[-1].number - steps[0].number + 1) * self.seconds,
        )


class Series:
    """One value at every resolution."""

    __slots__ = ("windows",)

    def __init__(self) -> None:
        windows: list[Window] = []
        for seconds, kept in reversed(RESOLUTIONS):
            windows.insert(0, Window(seconds, kept, windows[0] if windows else None))
        self.windows = tuple(windows)

    def add(self, now: float, value: float) -> None:
        """Take what was measured at a moment, in seconds of a clock that never goes back."""
        self.windows[0].add(now, Step(0, 1, value, value, value))

    def trends(self) -> dict[str, Trend]:
        """Describe each window, by the length of its steps: `1s`, `10s`, `60s`; those without a value are absent."""
        found = {f"{window.seconds:g}s": window.trend() for window in self.windows}
        return {name: trend for name, trend in found.items() if trend is not None}


def _slope(steps: list[Step]) -> float:
    """Return the change a step of the line that fits best (least squares)."""
    middle = sum(one.number for one in steps) / len(steps)
    spread = sum((one.number - middle) ** 2 for one in steps)
    if not spread:
        return 0.0
    return sum((one.number - middle) * one.mean for one in steps) / spread
