"""How long each stage may take, so that the whole walk has an end. Pure."""

from __future__ import annotations

from typing import Final

from holdfast.codes_stages import Stage

DEFAULT_SECONDS: Final = 9.0
"""With the start of the program less than the ten seconds that a probe may take."""

# Moments by which a stage has to be over, as shares of the whole. So a stage has its own share and whatever those
# before it left, and none is ever without time because another was slow.
_ENDS: Final[dict[Stage, float]] = {
    "dns": 0.16,
    "tcp": 0.36,
    "tls": 0.52,
    "upgrade": 0.68,
    "admission": 0.68,
    "origin": 0.68,
    "token": 0.74,
    "connect": 0.84,
    "subscribe": 0.89,
    "message": 0.93,
    "idle": 0.93,
    "close": 0.96,
}


class Budget:
    """The moments of one walk, by the clock that `started` is of."""

    def __init__(self, started: float, seconds: float) -> None:
        self._started = started
        self._seconds = seconds
        self._idle = 0.0

    def end_of(self, stage: Stage) -> float:
        """Return by when a stage has to be over."""
        return self._started + self._seconds * _ENDS[stage] + self._idle

    def end_of_aftermath(self, now: float) -> float:
        """Return by when all that follows a failure has to be over: at the latest with the whole."""
        whole = self._started + self._seconds + self._idle
        return min(whole, now + self._seconds * 0.25)

    def add_idle(self, seconds: float) -> None:
        """Put the time of the idle stage on top."""
        self._idle += seconds
