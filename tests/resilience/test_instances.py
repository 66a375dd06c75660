"""Instances that share a Redis: restarted one by one, killed, added and taken away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts import require
from tests.redis_servers import RedisServer, running_redis
from tests.resilience.fleet import Fleet, running_fleet
from tests.resilience.lab import Size, running_lab
from tests.resilience.shared import settings_for, with_window

INSTANCES = 3
FEW, FEW_WINDOW = Size(clients=180), 3.0
FULL, FULL_WINDOW = Size(clients=6000, channels=200, interval=4.0, patience=120.0), 20.0
SIZES = pytest.mark.parametrize(
    ("size", "window"),
    [
        pytest.param(FEW, FEW_WINDOW, id="few"),
        pytest.param(FULL, FULL_WINDOW, id="full", marks=pytest.mark.proof),
    ],
)
MOST_IN_A_SECOND = 0.05
LATER_SECONDS = 2.0
SPREAD = 0.1
EVEN_SECONDS = 180.0

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(autouse=True)
def _parts() -> None:
    for part in ("haproxy", "redis", "npm:tests/sdk"):
        require(part)


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A Redis of the test's own."""
    with running_redis() as server:
        yield server


@SIZES
def test_rolling_restart_is_not_noticed(redis: RedisServer, tmp_path: Path, size: Size, window: float) -> None:
    """One after the other is stopped and started: nothing missing or doubled, nobody told, and no herd."""
    settings = with_window(settings_for("single", [redis.address]), window)
    with (
        running_fleet(tmp_path, INSTANCES, settings) as fleet,
        running_lab(tmp_path, "rolling-restart", fleet, size) as lab,
    ):
        lab.begin()
        for gateway in fleet.gateways:
            assert gateway.stop() == 0
            gateway.start()
            fleet.wait_until_seen(INSTANCES)
        report = lab.end()

    assert not report.faults()
    assert report.closes.keys() == {"shutdown"}
    assert report.plain_back["longest"] <= window + LATER_SECONDS
    if size is FULL:  # of a few, any second may have some by chance
        assert report.worst_second <= MOST_IN_A_SECOND


@SIZES
def test_killed_instance_is_replaced(redis: RedisServer, tmp_path: Path, size: Size, window: float) -> None:
    """An instance dies without a word: its clients come back spread, and nobody misses anything."""
    settings = with_window(settings_for("single", [redis.address]), window)
    with (
        running_fleet(tmp_path, INSTANCES, settings) as fleet,
        running_lab(tmp_path, "instance-killed", fleet, size) as lab,
    ):
        lab.begin()
        lost = fleet.connections()[0]
        fleet.gateways[0].kill()
        lab.settle()
        report = lab.end()

    assert not report.faults(without_a_word=True)
    assert report.lost_connections == lost > 0
    assert not report.closes


@pytest.mark.parametrize(
    ("size", "rate"),
    [pytest.param(Size(clients=240), 30.0, id="few"), pytest.param(FULL, 100.0, id="full", marks=pytest.mark.proof)],
)
def test_instances_are_added_and_taken_away(redis: RedisServer, tmp_path: Path, size: Size, rate: float) -> None:
    """From two to four, which get their share of those connected already, and back to two: nobody misses anything."""
    even_out = {"mode": "automatic", "tolerance": SPREAD / 2, "least": 1, "rate": rate, "settle": "2s"}
    settings = {**with_window(settings_for("single", [redis.address]), FEW_WINDOW), "rebalance": even_out}
    with (
        running_fleet(tmp_path, 4, settings, running=2) as fleet,
        running_lab(tmp_path, "scale", fleet, size) as lab,
    ):
        lab.begin()
        for gateway in fleet.gateways[2:]:
            gateway.start()
        fleet.wait_until_seen(4)
        wait_until_even(fleet, 4)
        for gateway in fleet.gateways[2:]:
            assert gateway.stop() == 0
        fleet.wait_until_seen(2)
        wait_until_even(fleet, 2)
        report = lab.end()

    assert not report.faults()
    assert report.closes.keys() == {"shutdown", "rebalanced"}


def wait_until_even(fleet: Fleet, running: int) -> None:
    """Wait until no instance has more or fewer connections than the mean and the spread allowed."""
    deadline = time.monotonic() + EVEN_SECONDS
    while True:
        counts = fleet.connections()
        mean = sum(counts) / running
        if len(counts) == running and all(abs(count - mean) <= SPREAD * mean for count in counts):
            return
        assert time.monotonic() < deadline, f"connections do not even out: {counts}"
        time.sleep(0.5)
