"""How long a snapshot holds up the event loop, and what history costs in memory.

    python -m benchmarks.snapshot_stall [--channels 100000] [--publications 10] [--bytes 124] [--limit-ms 10]

A callback looks at the clock as often as the loop lets it while a snapshot is written and publications go on; the
longest time between two looks is the stall. The same is done beforehand without a snapshot: what the machine itself
lets the loop wait. `own` leaves out the time for which the loop was ready to run and the kernel gave the processor to
somebody else. Exit codes: 0 below the limit, 1 above it by our own doing, 4 above it because the machine is busy.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import tempfile
import time
from pathlib import Path

import psutil
from msgspec import Raw

from holdfast.broker.base import PublishOptions
from holdfast.broker.history import HistoryStore
from holdfast.broker.results import ResultCache
from holdfast.broker.sessions import MemorySessions
from holdfast.broker.snapshot import Kept, Snapshots
from holdfast.protocol.messages import Publication

LOOK_EVERY_SECONDS = 0.0005


class Looker:
    """Notes how long the loop left it waiting."""

    def __init__(self, store: HistoryStore, options: PublishOptions) -> None:
        self._store = store
        self._options = options
        self.gaps: list[float] = []
        self.own: list[float] = []
        self.running = True

    async def run(self) -> None:
        """Publish a little, sleep a little, note how much longer than that it took."""
        number = 0
        while self.running:
            before, queued = time.perf_counter(), queued_seconds()
            self._store.add(f"channel:{number % 1000}", Publication(Raw(b'{"late":1}')), self._options)
            number += 1
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            gap = time.perf_counter() - before - LOOK_EVERY_SECONDS
            self.gaps.append(gap)
            self.own.append(gap - (queued_seconds() - queued))


def queued_seconds() -> float:
    """Return how long this thread has waited for a processor so far; 0 where the kernel does not tell."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    except OSError:
        return 0.0


def fill(store: HistoryStore, channels: int, publications: int, size: int) -> dict[str, float]:
    """Fill the store and return what that cost in bytes."""
    options = PublishOptions(history_size=max(publications, 1), history_ttl=3600)
    process = psutil.Process()
    gc.collect()
    empty = process.memory_info().rss
    for number in range(channels):
        store.add(f"channel:{number}", Publication(Raw(b'"' + b"x" * (size - 2) + b'"')), options)
    one_each = process.memory_info().rss
    for number in range(channels):
        for _ in range(publications - 1):
            store.add(f"channel:{number}", Publication(Raw(b'"' + b"x" * (size - 2) + b'"')), options)
    full = process.memory_info().rss
    further = channels * (publications - 1)
    return {
        "bytes_per_channel_with_one": (one_each - empty) / channels,
        "bytes_per_further_publication": (full - one_each) / further if further else 0.0,
    }


async def measure(arguments: argparse.Namespace) -> dict[str, float]:
    """Fill a store, write a snapshot while looking, and return the figures."""
    store = HistoryStore(time.monotonic, meta_ttl=86400, max_streams=10_000_000)
    results = ResultCache(time.monotonic, 100_000)
    figures = fill(store, arguments.channels, arguments.publications, arguments.bytes)
    gc.collect()
    gc.freeze()  # as the gateway does
    options = PublishOptions(history_size=max(arguments.publications, 1), history_ttl=3600)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "snapshot"
        snapshots = Snapshots(
            path, Kept(store, results, MemorySessions(time.monotonic)), clock=time.monotonic, wall_clock=time.time
        )
        idle, busy = Looker(store, options), Looker(store, options)
        await look_during(idle, asyncio.sleep(2))
        started, cpu = time.perf_counter(), time.process_time()
        await look_during(busy, snapshots.write(clean=False))
        figures |= {
            "snapshot_seconds": time.perf_counter() - started,
            "snapshot_cpu_seconds": time.process_time() - cpu,
            "snapshot_bytes": path.stat().st_size,
        }
        snapshots.close()
    for name, looker in (("idle", idle), ("snapshot", busy)):
        gaps = sorted(looker.gaps)
        figures |= {f"{name}_looks": len(gaps), f"{name}_p99_ms": gaps[len(gaps) * 99 // 100] * 1000}
        figures |= {f"{name}_longest_ms": gaps[-1] * 1000, f"{name}_longest_own_ms": max(looker.own) * 1000}
    return figures


async def look_during(looker: Looker, work: object) -> None:
    """Look until the work is done."""
    looking = asyncio.ensure_future(looker.run())
    await work  # type: ignore[misc]  # whatever can be awaited
    looker.running = False
    await looking


def main() -> int:
    """Measure, print and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--channels", type=int, default=100_000)
    parser.add_argument("--publications", type=int, default=10)
    parser.add_argument("--bytes", type=int, default=124)
    parser.add_argument("--limit-ms", type=float, default=10.0)
    arguments = parser.parse_args()
    figures = asyncio.run(measure(arguments))
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}, indent=2))
    if figures["snapshot_longest_ms"] < arguments.limit_ms:
        return 0
    return 4 if figures["snapshot_longest_own_ms"] < arguments.limit_ms else 1


if __name__ == "__main__":
    sys.exit(main())
