"""Where an instance stands between start and stop, and what that allows."""

from __future__ import annotations

from enum import IntEnum


class Phase(IntEnum):
    """The stages, in the order in which they are passed; a drain that is cancelled leads back to SERVING."""

    STARTING = 0
    SERVING = 1
    LEAVING = 2
    DRAINING = 3
    STOPPING = 4


class Lifecycle:
    """The instance's current stage."""

    __slots__ = ("phase",)

    def __init__(self) -> None:
        self.phase = Phase.STARTING

    def advance(self, phase: Phase) -> None:
        """Enter `phase` unless a later one has been reached."""
        self.phase = max(self.phase, phase)

    def resume(self) -> bool:
        """Serve again, unless the instance is stopping or never left; return whether anything changed."""
        if self.phase not in (Phase.LEAVING, Phase.DRAINING):
            return False
        self.phase = Phase.SERVING
        return True

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
