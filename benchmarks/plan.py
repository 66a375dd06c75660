"""What one run measures: numbers of connections, rounds, publications and windows."""

from __future__ import annotations

from dataclasses import dataclass

# The two sides of the idle bar.
IDLE_EVERY_ROUND = ("holdfast", "stock")


@dataclass(frozen=True, slots=True)
class Deliveries:
    """How many publications each delivery scenario sends at one number of connections."""

    paced: int
    paced_interval_seconds: float
    batches: int
    singles: int


@dataclass(frozen=True, slots=True)
class Plan:
    """One run: every server at every size, round by round, so that drift hits all alike."""

    sizes: tuple[int, ...]
    rounds: int
    idle_seconds: float
    ping_seconds: float = 25.0
    pong_seconds: float = 8.0
    is_judged: bool = True
    settle_seconds: float = 2.0
    batch_size: int = 10

    def deliveries(self, size: int) -> Deliveries:
        """Return fewer publications for more connections: the deliveries are what counts."""
        if size >= 5_000:
            return Deliveries(paced=8, paced_interval_seconds=1.0, batches=3, singles=12)
        return Deliveries(paced=60, paced_interval_seconds=0.05, batches=10, singles=100)

    def measures_idle(self, server: str, size: int, round_number: int) -> bool:
        """Idle CPU is a long window: it is read at the largest size, every round only where a bar hangs on it."""
        if self.idle_seconds <= 0 or size != max(self.sizes):
            return False
        return round_number == 0 or server in IDLE_EVERY_ROUND


# The idle window is one ping interval: every connection is pinged exactly once in it.
FULL = Plan(sizes=(1_000, 10_000), rounds=3, idle_seconds=25.0)
QUICK = Plan(
    sizes=(250, 500),
    rounds=1,
    idle_seconds=5.0,
    ping_seconds=5.0,
    pong_seconds=3.0,
    is_judged=False,
    settle_seconds=0.5,
)
