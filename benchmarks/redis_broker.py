"""What a shared Redis costs: its CPU per publication, the time that it adds, the time to catch up after a lost link.

    python -m benchmarks.redis_broker [--publications 100000] [--channels 1000] [--seconds 10]

A Redis of its own runs on the loopback, nothing of it on a disk. `script_us` is its CPU for one publication with
history, sent by redis-benchmark, 16 in one write, as publications of one turn are; `broker_us` and
`commands_per_publication` the same from an instance's own broker with another instance subscribed. `added_*_ms` is from
the call to the delivery at the other instance, less the same with the embedded broker, one publication after the other.
`catch_up_seconds` is for reading publications that an instance missed, equally many in each channel, and handing them
on in order. Exit codes: 0 within the bars, 1 above one of them, 4 there is no Redis.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from msgspec import Raw

from holdfast.broker.base import Broker, PublishOptions
from holdfast.broker.memory import MemoryBroker
from holdfast.broker.redis import RedisBroker
from holdfast.broker.redis_scripts import PUBLISH
from holdfast.connections.catch_up import CatchUp
from holdfast.protocol.messages import ClientInfo, Publication, StreamPosition
from holdfast.server.runtime import loop_factory
from holdfast.settings import Settings
from holdfast.settings_broker import BrokerSettings, RedisSettings
from tests.parts import find_part, system_program
from tests.redis_servers import RedisServer, running_redis

# A little above 1, for an instance runs a script now and then for other reasons than a publication.
BARS = {"script_us": 50.0, "commands_per_publication": 1.01, "catch_up_seconds": 2.0}
OPTIONS = PublishOptions(history_size=1000, history_ttl=300, history_meta_ttl=3600)
DATA = Raw(b'{"text":"' + b"x" * 113 + b'"}')
AT_ONCE = 100
PAUSE_SECONDS = 0.002
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Amounts:
    """How much is measured."""

    publications: int
    channels: int
    seconds: float


class Audience:
    """The hub and the subscribers of an instance, as far as the broker sees them: how far each channel has come."""

    def __init__(self) -> None:
        self.positions: dict[str, StreamPosition] = {}
        self.delivered = 0
        self.is_in_order = True
        self.on_delivery: Callable[[], object] = lambda: None

    def position(self, name: str) -> StreamPosition | None:
        """Return the last position that came."""
        return self.positions.get(name)

    covered = position

    def forget_position(self, name: str) -> None:
        """Forget it."""
        self.positions.pop(name, None)

    def on_publication(self, channel: str, publication: Publication, position: StreamPosition, _: bool = False) -> None:
        """Count it, and look whether it is the next one."""
        before = self.positions.get(channel)
        self.is_in_order &= before is None or publication.offset == before.offset + 1
        self.positions[channel] = position
        self.delivered += 1
        self.on_delivery()

    def on_join(self, channel: str, info: ClientInfo) -> None:
        """Nobody joins."""

    def on_leave(self, channel: str, info: ClientInfo) -> None:
        """Nobody leaves."""

    def on_control(self, message: bytes) -> None:
        """Nothing is controlled."""

    def on_interrupted(self) -> None:
        """The link is never cut; see `catch_up`."""

    def on_resumed(self, channels: object) -> None:
        """Nothing is resumed."""


def make_broker(server: RedisServer, name: str) -> RedisBroker:
    """Return an instance's broker."""
    redis = RedisSettings(addresses=(server.address,))
    return RedisBroker(Settings(broker=BrokerSettings(type="redis", redis=redis)), name)


def script_us(server: RedisServer, count: int) -> float:
    """Return Redis' CPU per publication in microseconds, by redis-benchmark on the script."""
    sha = server.ask("SCRIPT", "LOAD", PUBLISH.source.decode())
    keys = ["holdfast:{bench}:s", "holdfast:{bench}:m"]
    record, times = bytes(DATA).decode(), ["1000", "300000", "3600000"]
    arguments = [
        record,
        "holdfast:{bench}",
        "PUBLISH",
        "run",
        "epoch",
        *times,
        "0",
        "0",
        "",
        "300000",
        "0",
        "",
        "0",
        "",
    ]
    command = [
        system_program("redis-benchmark"),
        "-p",
        str(server.port),
        "-n",
        str(count),
        "-c",
        "10",
        "-P",
        "16",
        "-q",
    ]
    before = cpu_seconds(server)
    subprocess.run([*command, "EVALSHA", sha, "2", *keys, *arguments], check=True, capture_output=True, timeout=600)
    # A little more than it was told, so that every write is full.
    return (cpu_seconds(server) - before) / int(server.ask("HGET", keys[1], "o")) * 1e6


def cpu_seconds(server: RedisServer) -> float:
    """Return the CPU that a server has used."""
    facts = server.info()
    return float(facts["used_cpu_user"]) + float(facts["used_cpu_sys"])


def scripts_run(server: RedisServer) -> int:
    """Return how many scripts a server has run."""
    stats = server.info().get("cmdstat_evalsha", "calls=0,")
    return int(stats.partition("calls=")[2].partition(",")[0])


async def broker_cost(server: RedisServer, count: int) -> dict[str, float]:
    """Publish from one instance to another, so many at once, and return what that cost Redis."""
    one, other, audience = make_broker(server, "one"), make_broker(server, "other"), Audience()
    await one.start(Audience())
    await other.start(audience)
    await other.subscribe("busy")
    await one.publish("busy", Publication(DATA), OPTIONS)
    cpu, scripts = cpu_seconds(server), scripts_run(server)
    for _ in range(count // AT_ONCE):
        await asyncio.gather(*(one.publish("busy", Publication(DATA), OPTIONS) for _ in range(AT_ONCE)))
    await until(lambda: audience.delivered == 1 + count // AT_ONCE * AT_ONCE)
    used, run = cpu_seconds(server) - cpu, scripts_run(server) - scripts
    await one.stop()
    await other.stop()
    done = count // AT_ONCE * AT_ONCE
    return {"broker_us": used / done * 1e6, "commands_per_publication": run / done}


async def latencies(publisher: Broker, subscriber: Broker, seconds: float) -> list[float]:
    """Return how long publications took from the call to the delivery, sorted, in milliseconds."""
    audience = Audience()
    arrived = asyncio.Event()
    audience.on_delivery = arrived.set
    await subscriber.start(audience)
    if publisher is not subscriber:
        await publisher.start(Audience())
    await subscriber.subscribe("paced")
    took = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        arrived.clear()
        began = time.perf_counter()
        await publisher.publish("paced", Publication(DATA), OPTIONS)
        await arrived.wait()
        took.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(PAUSE_SECONDS)
    await subscriber.stop()
    await publisher.stop()
    return sorted(took)


async def added_latency(server: RedisServer, seconds: float) -> dict[str, float]:
    """Return what Redis adds to the way of a publication."""
    memory = MemoryBroker(Settings())
    embedded = await latencies(memory, memory, seconds / 2)
    shared = await latencies(make_broker(server, "one"), make_broker(server, "other"), seconds / 2)
    return {
        f"added_p{share}_ms": shared[len(shared) * share // 100] - embedded[len(embedded) * share // 100]
        for share in (50, 99)
    }


async def catch_up(server: RedisServer, amounts: Amounts) -> dict[str, float]:
    """Return how long it takes to get what was missed."""
    broker, audience = make_broker(server, "late"), Audience()
    tasks: set[asyncio.Task[object]] = set()

    def spawn(coroutine: object) -> None:
        tasks.add(asyncio.ensure_future(coroutine))  # type: ignore[arg-type]  # a coroutine

    await broker.start(audience)
    names = [f"missed-{number}" for number in range(amounts.channels)]
    for name in names:
        result = await broker.publish(name, Publication(DATA), OPTIONS)
        audience.positions[name] = result.position
    for _ in range(amounts.publications // amounts.channels):
        await asyncio.gather(*(broker.publish(name, Publication(DATA), OPTIONS) for name in names))
    audience.delivered = 0
    filler = CatchUp(broker, audience, audience, print, lambda _: 3600.0, spawn)  # type: ignore[arg-type]  # hub
    began, cpu = time.perf_counter(), time.process_time()
    filler.on_resumed(names)
    await until(lambda: not len(filler))
    took, used = time.perf_counter() - began, time.process_time() - cpu
    wanted = amounts.publications // amounts.channels * amounts.channels
    assert audience.delivered == wanted, f"{audience.delivered} of {wanted} were handed on"
    assert audience.is_in_order
    await broker.stop()
    return {"catch_up_seconds": took, "catch_up_cpu_seconds": used}


async def until(check: Callable[[], bool]) -> None:
    """Return when it has come to pass."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not check():  # noqa: ASYNC110 - it comes from another process
            await asyncio.sleep(0.002)


def measure(amounts: Amounts) -> dict[str, float]:
    """Return all figures."""
    with running_redis() as server, asyncio.Runner(loop_factory=loop_factory()) as runner:
        return {
            "script_us": script_us(server, amounts.publications),
            **runner.run(broker_cost(server, amounts.publications)),
            **runner.run(added_latency(server, amounts.seconds)),
            **runner.run(catch_up(server, amounts)),
        }


def above(figures: dict[str, float]) -> list[str]:
    """Return which bars the figures are above."""
    return [
        f"{name}: {figures[name]:.3g}, expected at most {bar:g}" for name, bar in BARS.items() if figures[name] > bar
    ]


def main() -> int:
    """Measure, print and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--publications", type=int, default=100_000)
    parser.add_argument("--channels", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    part = find_part("redis")
    arguments = parser.parse_args()
    if not part.is_there():
        print(f"not measured: {part.name} is missing; install it with: {part.how}")
        return 4
    figures = measure(Amounts(arguments.publications, arguments.channels, arguments.seconds))
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}, indent=2))
    faults = above(figures)
    print("\n".join(faults) or "within the bars")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
