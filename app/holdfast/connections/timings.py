"""How long each stage of a handshake took: a histogram for the metrics, and the latest handshakes for percentiles.

The moments are noted in the `Handshake`, which is dropped once connect is answered; here they become durations.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Mapping
from typing import Final, NamedTuple

from holdfast.connections.transport import Handshake
from holdfast.telemetry.histogram import Distribution
from holdfast.telemetry.metrics import HANDSHAKE_SECONDS

STAGES: Final = ("upgrade", "first_command", "token", "connect")
"""From the accepted socket to the answered handshake, to the first connect command, to a token that was believed, to
the reply."""
# Enough for a p99 that does not hang on a single handshake, and 0.3 MB at most.
REMEMBERED: Final = 2000

_BOUNDS: Final = HANDSHAKE_SECONDS.bounds


class StageSeconds(NamedTuple):
    """One connect that was answered."""

    upgrade: float
    first_command: float
    token: float
    connect: float


class StageTimings:
    """Counts the stages of every answered connect."""

    __slots__ = ("_counts", "_recent", "_sums")

    def __init__(self) -> None:
        self._counts = [[0] * (len(_BOUNDS) + 1) for _ in STAGES]
        self._sums = [0.0] * len(STAGES)
        self._recent: deque[StageSeconds] = deque(maxlen=REMEMBERED)

    def note(self, handshake: Handshake, came_at: float, replied_at: float) -> None:
        """Count a connect whose command came at `came_at` and was answered at `replied_at`, by the exact clock."""
        accepted_at, passed = handshake.accepted_at, handshake.timings
        if not accepted_at:
            return
        upgrade, token = passed["upgrade"], passed["token"]
        seconds = StageSeconds(
            upgrade,
            passed["command"] - upgrade,
            token - (came_at - accepted_at),
            replied_at - accepted_at - token,
        )
        self._recent.append(seconds)
        sums = self._sums
        for index, value in enumerate(seconds):
            self._counts[index][bisect_left(_BOUNDS, value)] += 1
            sums[index] += value

    def distributions(self) -> Mapping[str, Distribution]:
        """Return what the histogram says, by stage."""
        return {
            stage: Distribution(tuple(counts), total)
            for stage, counts, total in zip(STAGES, self._counts, self._sums, strict=True)
        }

    @property
    def answered(self) -> int:
        """How many connects were answered since the start."""
        return sum(self._counts[-1])

    def recent(self) -> tuple[StageSeconds, ...]:
        """Return the latest handshakes."""
        return tuple(self._recent)
