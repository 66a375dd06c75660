"""What one run measures: suites of servers, numbers of connections, rounds, publications and windows."""

from __future__ import annotations

from dataclasses import dataclass, replace

from benchmarks.load.payloads import Payload, document, publication


@dataclass(frozen=True, slots=True)
class Deliveries:
    """How many publications each delivery scenario sends at one number of connections."""

    paced: int
    paced_interval_seconds: float
    batches: int
    singles: int


FEW = Deliveries(paced=8, paced_interval_seconds=1.0, batches=3, singles=12)
MANY = Deliveries(paced=60, paced_interval_seconds=0.05, batches=10, singles=100)
# Shorter rounds, since there are more of them.
OFTEN = Deliveries(paced=4, paced_interval_seconds=0.75, batches=3, singles=12)
# A document is as much work for the load client as sixteen messages.
HEAVY = Deliveries(paced=4, paced_interval_seconds=1.5, batches=1, singles=6)


@dataclass(frozen=True, slots=True)
class Suite:
    """Servers that are measured side by side, one after the other, round by round."""

    name: str
    title: str
    servers: tuple[str, ...]
    sizes: tuple[int, ...]
    rounds: int
    # Rounds go on up to this many while noise hides what a bar asks.
    most_rounds: int = 0
    # Idle CPU is a long window: read in the first round, and in every round of the servers that a bar hangs on.
    measures_idle: bool = False
    idle_every_round: tuple[str, ...] = ()
    # Read in another suite already.
    idle_elsewhere: tuple[str, ...] = ()
    payload: Payload = publication
    few: Deliveries = FEW
    many: Deliveries = MANY
    # Counted in instructions of a fixed workload, not measured in time.
    is_counted: bool = False

    def deliveries(self, size: int) -> Deliveries:
        """Return fewer publications for more connections: the deliveries are what counts."""
        return self.few if size >= 5_000 else self.many

    def idles(self, server: str, size: int, round_number: int) -> bool:
        """Tell whether the idle window is spent on this measurement: at the largest size only."""
        if not self.measures_idle or size != max(self.sizes) or server in self.idle_elsewhere:
            return False
        return round_number == 0 or server in self.idle_every_round

    def order(self, round_number: int) -> tuple[str, ...]:
        """Return the servers of a round: every second one goes backwards, so that drift hits both sides of a ratio."""
        return self.servers if round_number % 2 == 0 else self.servers[::-1]


@dataclass(frozen=True, slots=True)
class Plan:
    """One run: its suites, and the windows that are the same for all of them."""

    suites: tuple[Suite, ...]
    # The idle window is one ping interval: every connection is pinged exactly once in it.
    idle_seconds: float = 25.0
    ping_seconds: float = 25.0
    pong_seconds: float = 8.0
    monitor_seconds: float = 1.0
    is_judged: bool = True
    settle_seconds: float = 2.0
    batch_size: int = 10


SERVERS = Suite(
    "servers",
    "this gateway and other servers",
    ("holdfast", "stock", "stock-bare", "node", "uwebsockets"),
    sizes=(1_000, 10_000),
    rounds=2,
    measures_idle=True,
    idle_every_round=("holdfast", "stock"),
)
BEFORE = Suite(
    "before",
    "this gateway and an earlier commit of it, in turn",
    ("before", "holdfast"),
    sizes=(10_000,),
    rounds=6,
    most_rounds=10,
    few=OFTEN,
)
INSTRUCTIONS = Suite(
    "instructions",
    "the same two under valgrind, which counts instead of measuring",
    ("before", "holdfast"),
    # From the two of them follows what it is at 10,000.
    sizes=(500, 1_500),
    rounds=1,
    is_counted=True,
)
TRANSPORTS = Suite(
    "transports",
    "the ways to connect to this gateway",
    ("holdfast", "holdfast-stream", "holdfast-sse", "holdfast-poll"),
    sizes=(10_000,),
    rounds=2,
    measures_idle=True,
    idle_elsewhere=("holdfast",),
    few=OFTEN,
)
DOCUMENTS = Suite(
    "documents",
    "a document of 2,000 bytes of which 50 change with each publication: whole, as a delta, compressed",
    ("holdfast", "holdfast-delta", "holdfast-deflate"),
    # With one subscriber a delivery costs what its publication costs.
    sizes=(1, 10_000),
    rounds=1,
    payload=document,
    few=HEAVY,
)
FULL = Plan((SERVERS, BEFORE, INSTRUCTIONS, TRANSPORTS, DOCUMENTS))


def quick(suite: Suite) -> Suite:
    """Return the suite small enough to show within seconds that everything in it works."""
    if suite.is_counted:
        return replace(suite, sizes=(50, 100))
    sizes = tuple(sorted({max(size // 20, 1) for size in suite.sizes}))
    few = Deliveries(paced=5, paced_interval_seconds=0.1, batches=2, singles=10)
    return replace(suite, sizes=sizes, rounds=1, most_rounds=0, few=few, many=few)


QUICK = Plan(
    tuple(quick(suite) for suite in FULL.suites),
    idle_seconds=5.0,
    ping_seconds=5.0,
    pong_seconds=3.0,
    is_judged=False,
    settle_seconds=0.5,
)
