"""Where an instance stands between start and stop, and what that allows."""

from __future__ import annotations

from enum import IntEnum


class Phase(IntEnum):
    """The stages, in the only order in which they are passed."""

    STARTING = 0
    SERVING = 1
    LEAVING = 2
    DRAINING = 3
    STOPPING = 4


class Lifecycle:
    """The instance's current stage; it never goes back."""

    __slots__ = ("phase",)

    def __init__(self) -> None:
        self.phase = Phase.STARTING

    def advance(self, phase: Phase) -> None:
        """Enter `phase` unless a later one has been reached."""
        self.phase = max(self.phase, phase)

    @property
    def is_started(self) -> bool:
        """Whether everything needed to serve is up (and stays true while stopping)."""
        return self.phase >= Phase.SERVING

    @property
    def is_leaving(self) -> bool:
        """Whether balancers are told to send nobody here any more."""
        return self.phase >= Phase.LEAVING

    @property
    def refuses_handshakes(self) -> bool:
        """Whether newcomers are turned away."""
        return self.phase >= Phase.DRAINING

    @property
    def refuses_publications(self) -> bool:
        """Whether the server API takes no more publications, because a snapshot would miss them."""
        return self.phase >= Phase.STOPPING
