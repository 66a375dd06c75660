"""How fast clients are sent away: the rate of a drain, and whose turn it is when. Pure: no clock, no chance."""

from __future__ import annotations

from typing import Final, Generic, TypeVar

from holdfast.settings import ShutdownSettings

Member = TypeVar("Member")

# The longest window of an instance without peers, whatever the settings say.
ALONE_WINDOW: Final = 2.0


def quota(total: int, elapsed: float, window: float) -> int:
    """Return how many of `total` clients should have been told to leave after `elapsed` of `window` seconds."""
    if elapsed >= window:
        return total
    return int(total * elapsed / window)


def pacing(shutdown: ShutdownSettings, *, is_shared: bool) -> tuple[float, float]:
    """Return how long a stop waits for balancers and over which window it says goodbye, in seconds.

    Without peers clients have nowhere else to go: the sooner it is over, the sooner they are back.
    """
    if is_shared:
        return shutdown.propagation_wait, shutdown.drain_window
    return 0.0, min(shutdown.drain_window, ALONE_WINDOW)


def duration(total: int, window: float, *, least: float = 0.0, most: float = 0.0) -> float:
    """Return over how many seconds `total` clients are told to leave.

    That is the window, unless it made for less than `least` or more than `most` clients a second; 0 is no bound.
    """
    if total == 0:
        return 0.0
    seconds = min(window, total / least) if least else window
    return max(seconds, total / most) if most else seconds


class Lane(Generic[Member]):
    """Members who are told one after the other, evenly over `seconds`; nobody is kept beyond his turn."""

    def __init__(self, members: list[Member], seconds: float) -> None:
        self._members = members
        self._total = len(members)
        self._seconds = seconds

    def __len__(self) -> int:
        """Return how many have not had their turn."""
        return len(self._members)

    def take(self, elapsed: float) -> list[Member]:
        """Return whose turn has come `elapsed` seconds after the start."""
        left = self._total - quota(self._total, elapsed, self._seconds)
        taken = self._members[left:]
        del self._members[left:]
        return taken


def lanes(
    movers: list[Member], others: list[Member], seconds: float, grace: float
) -> tuple[Lane[Member], Lane[Member]]:
    """Return the order of those who can move and of those who cannot, so that after `seconds` nobody is left.

    Who can move is told early enough to have `grace` before the end, or half of the time where that is short.
    """
    return Lane(movers, max(seconds - grace, seconds / 2)), Lane(others, seconds)
