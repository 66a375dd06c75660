"""Redis in trouble under a fleet: links cut, a silent server, failovers. Clients notice nothing, or are told."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from os import kill
from pathlib import Path

import pytest

from tests.parts import require
from tests.redis_servers import (
    Cluster,
    RedisServer,
    Sentinels,
    running_cluster,
    running_redis,
    running_sentinels,
    wait_until,
)
from tests.resilience.fleet import running_fleet
from tests.resilience.lab import Lab, Size, running_lab
from tests.resilience.report import Report
from tests.resilience.shared import DURABLE, SAFE, settings_for

INSTANCES = 3
FEW = Size(clients=90, channels=30)
FULL = Size(clients=1500, channels=150, interval=1.0)
PAUSE_SECONDS = 10.0
BETWEEN_SECONDS = 5.0  # for a readiness probe to see that all is well, or two pauses are one that is too long
ASYNCHRONOUS = "recover"

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(autouse=True)
def _parts() -> None:
    for part in ("haproxy", "redis", "npm:tests/sdk"):
        require(part)


def sizes(few: int, many: int) -> pytest.MarkDecorator:
    """Return the two sizes with how often the trouble comes."""
    return pytest.mark.parametrize(
        ("size", "times"),
        [pytest.param(FEW, few, id="few"), pytest.param(FULL, many, id="full", marks=pytest.mark.proof)],
    )


def sizes_with(namespace: str) -> pytest.MarkDecorator:
    """Return one kill with few clients in that namespace; 20 with many, with durability and without."""
    full = [pytest.param(FULL, 20, one, id=f"full-{one}", marks=pytest.mark.proof) for one in (DURABLE, ASYNCHRONOUS)]
    return pytest.mark.parametrize(("size", "times", "namespace"), [pytest.param(FEW, 1, namespace, id="few"), *full])


@contextmanager
def traffic(folder: Path, scenario: str, mode: str, addresses: list[str], size: Size) -> Iterator[Lab]:
    """Run a fleet on these servers, with everybody there and messages on their way."""
    settings = settings_for(mode, addresses)
    with running_fleet(folder, INSTANCES, settings) as fleet, running_lab(folder, scenario, fleet, size) as lab:
        lab.begin()
        yield lab


@sizes(8, 100)
def test_cut_subscriptions_are_not_noticed(tmp_path: Path, size: Size, times: int) -> None:
    """Redis cuts the instances' pub/sub links again and again: nothing missing, nobody told, nobody disconnected."""
    with (
        running_redis() as server,
        traffic(tmp_path, "pubsub-killed", "single", [server.address], size) as lab,
    ):
        cut = 0
        for _ in range(times):
            cut += int(server.ask("CLIENT", "KILL", "TYPE", "pubsub"))
            lab.run(random.uniform(0.2, 1.0))
        report = lab.end()

    assert cut >= times
    assert not report.faults()
    assert not report.closes


@sizes(1, 3)
def test_paused_redis_is_waited_for(tmp_path: Path, size: Size, times: int) -> None:
    """Redis says nothing for 10 s: publishers repeat, clients stay, everything arrives in order, all stay ready."""
    with (
        running_redis() as server,
        traffic(tmp_path, "redis-paused", "single", [server.address], size) as lab,
    ):
        for _ in range(times):
            kill(server.pid, signal.SIGSTOP)
            try:
                lab.run(PAUSE_SECONDS)
                ready = [one.get("/readyz").status_code for one in lab.fleet.gateways]
            finally:
                kill(server.pid, signal.SIGCONT)
            assert ready == [200] * INSTANCES
            lab.run(BETWEEN_SECONDS)
        report = lab.end()

    assert not report.faults()
    assert not report.closes
    assert report.repeated


@sizes_with(DURABLE)
def test_sentinel_masters_killed(tmp_path: Path, size: Size, times: int, namespace: str) -> None:
    """The master dies again and again: nothing is missing silently, whether a replica had confirmed it or not."""
    size = replace(size, namespace=namespace)
    with (
        running_sentinels(SAFE if namespace == DURABLE else None) as servers,
        traffic(tmp_path, f"sentinel-{namespace}", "sentinel", servers.addresses, size) as lab,
    ):
        report = _again_and_again(lab, times, lambda: _kill_the_master(servers))

    _judge(report)


@sizes(1, 20)
def test_sentinel_failovers(tmp_path: Path, size: Size, times: int) -> None:
    """An operator asks for another master again and again: whatever the old one still took is told as lost."""
    with (
        running_sentinels() as servers,
        traffic(tmp_path, "sentinel-asked", "sentinel", servers.addresses, size) as lab,
    ):
        report = _again_and_again(lab, times, servers.failover)

    _judge(report)


@sizes_with(ASYNCHRONOUS)
def test_cluster_masters_killed(tmp_path: Path, size: Size, times: int, namespace: str) -> None:
    """A master of the cluster dies again and again: nothing is missing silently, confirmed by a replica or not."""
    size = replace(size, namespace=namespace)
    with (
        running_cluster(SAFE if namespace == DURABLE else None) as cluster,
        traffic(tmp_path, f"cluster-{namespace}", "cluster", cluster.addresses, size) as lab,
    ):
        report = _again_and_again(lab, times, lambda: _kill_a_master(cluster))

    _judge(report)


def _again_and_again(lab: Lab, times: int, trouble: Callable[[], object]) -> Report:
    """Bring trouble about under traffic, each time after the last one is over."""
    for _ in range(times):
        trouble()
        lab.run(1.0)
    return lab.end()


def _judge(report: Report) -> None:
    """Nothing is missing silently, and nobody is disconnected; what is gone was told to who had not got it."""
    assert not report.faults(told=True)
    assert not report.closes


def _kill_the_master(servers: Sentinels) -> None:
    """Kill it, wait until the sentinels have another one, and let it come back as a replica."""
    dead = servers.master()
    dead.kill()
    wait_until(lambda: servers.master() is not dead, *servers.sentinels)
    dead.options["replicaof"] = f"127.0.0.1 {servers.master().port}"
    dead.start()
    wait_until(servers.is_whole, *servers.servers)


def _kill_a_master(cluster: Cluster) -> None:
    """Kill one, wait for its replica to take over, and let it come back as a replica."""
    masters = cluster.masters()
    dead: RedisServer = random.choice(masters)
    dead.kill()
    alive = [one for one in cluster.servers if one is not dead]
    wait_until(lambda: all("cluster_state:ok" in one.ask("CLUSTER", "INFO") for one in alive), *alive)
    wait_until(lambda: sum(one.info().get("role") == "master" for one in alive) == len(masters), *alive)
    dead.start()
    wait_until(cluster.is_whole, *cluster.servers)
