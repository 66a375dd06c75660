"""When a measured value is too much: thresholds that are entered and left at different values, and only after a while.

Pure: whoever measures says what and when.
"""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.monitoring.levels import Level


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where warning and critical begin, and what it takes to enter and to leave them.

    A level is entered when the value has been at it for `lasting` seconds, and left when it has been below
    `1 - hysteresis` of it for `settle` seconds.
    """

    warning: float
    critical: float
    lasting: float = 0.0
    hysteresis: float = 0.1
    settle: float = 0.0


class Latch:
    """One threshold: on above it, off below it, unmoved by what comes and goes.

    Between the value to leave at and the one to enter at nothing changes, and what has begun to count goes on.
    """

    __slots__ = ("_enter", "_leave", "_rules", "_since", "is_on")

    def __init__(self, enter: float, rules: Thresholds) -> None:
        self._enter = enter
        self._leave = enter * (1 - rules.hysteresis)
        self._rules = rules
        self._since: float | None = None
        self.is_on = False

    def update(self, value: float, now: float) -> bool:
        """Take a value and say whether the threshold counts as passed."""
        is_above, is_below = value >= self._enter, value < self._leave
        goes, comes_back = (is_below, is_above) if self.is_on else (is_above, is_below)
        if comes_back:
            self._since = None
        elif goes:
            self._since = now if self._since is None else self._since
            if now - self._since >= (self._rules.settle if self.is_on else self._rules.lasting):
                self.is_on, self._since = not self.is_on, None
        return self.is_on


class Watch:
    """The level of one value; `since` is when it was entered."""

    __slots__ = ("_critical", "_warning", "level", "since", "thresholds")

    def __init__(self, thresholds: Thresholds, now: float = 0.0) -> None:
        self.thresholds = thresholds
        self.level = Level.OK
        self.since = now
        self._clear()

    def update(self, value: float | None, now: float) -> bool:
        """Take a value and say whether the level changed; one that cannot be measured is none to worry about."""
        before = self.level
        if value is None:
            self._clear()
            self.level = Level.OK
        else:
            is_warning, is_critical = self._warning.update(value, now), self._critical.update(value, now)
            self.level = Level.CRITICAL if is_critical else Level.WARNING if is_warning else Level.OK
        if self.level is before:
            return False
        self.since = now
        return True

    def _clear(self) -> None:
        self._warning = Latch(self.thresholds.warning, self.thresholds)
        self._critical = Latch(self.thresholds.critical, self.thresholds)
