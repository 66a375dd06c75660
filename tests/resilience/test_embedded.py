"""One instance with the embedded broker, under traffic: restarted, killed, stopped while clients come."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway import Gateway
from tests.parts import require
from tests.resilience.fleet import Fleet, running_fleet
from tests.resilience.lab import Size, running_lab

FEW = Size(clients=120)
FULL = Size(clients=2000, channels=100, interval=1.5)
SIZES = pytest.mark.parametrize(
    "size", [pytest.param(FEW, id="few"), pytest.param(FULL, id="full", marks=pytest.mark.proof)]
)
LATE_SECONDS = 60.0
HALT_SECONDS = 0.05  # until a signal has surely arrived
MOST_SNAPSHOTS = 20
BALLAST = {"channels": 400, "messages": 30, "bytes": 2000}

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(autouse=True)
def _parts() -> None:
    for part in ("haproxy", "npm:tests/sdk"):
        require(part)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """A single instance that keeps its history, behind HAProxy."""
    settings = {"broker": {"snapshot_path": str(tmp_path / "snapshot"), "snapshot_interval": "1s"}}
    with running_fleet(tmp_path, 1, settings) as fleet:
        yield fleet


def add_ballast(gateway: Gateway) -> None:
    """Fill histories, so that a snapshot takes a while."""
    channels = [f"history:ballast-{number}" for number in range(BALLAST["channels"])]
    for _ in range(BALLAST["messages"]):
        answer = gateway.call("broadcast", channels=channels, data="x" * BALLAST["bytes"])
        assert "result" in answer, answer


def wait_for_file(path: Path) -> None:
    """Return as soon as a file is there, in less than the time that it takes to fill it."""
    deadline = time.monotonic() + LATE_SECONDS
    while not os.path.exists(path):
        assert time.monotonic() < deadline, f"{path} does not appear"


def stop_within_snapshot(gateway: Gateway, path: Path) -> None:
    """Halt the gateway while it writes a snapshot, and another one is there already."""
    wait_for_file(path)
    unfinished = path.with_name(f"{path.name}.tmp")
    for _ in range(MOST_SNAPSHOTS):
        wait_for_file(unfinished)
        gateway.signal(signal.SIGSTOP)
        time.sleep(HALT_SECONDS)
        if unfinished.exists():
            return
        gateway.signal(signal.SIGCONT)
    raise AssertionError(f"{MOST_SNAPSHOTS} snapshots were finished before the gateway halted")


@SIZES
def test_embedded_instance_restarts_under_traffic(fleet: Fleet, tmp_path: Path, size: Size) -> None:
    """Clients miss nothing and are told of nothing, publishers wait, and each connection ended with a reason."""
    (gateway,) = fleet.gateways
    with running_lab(tmp_path, "embedded-restart", fleet, size) as lab:
        lab.begin()
        before = lab.acknowledged
        assert gateway.stop() == 0
        gateway.start()
        report = lab.end()

    assert not report.faults()
    assert report.acknowledged > before
    assert report.closes["shutdown"] == size.clients


@SIZES
def test_embedded_instance_killed_during_its_snapshot(fleet: Fleet, tmp_path: Path, size: Size) -> None:
    """What died with it is told as insufficient state, to everybody, and nothing else is missing."""
    (gateway,) = fleet.gateways
    add_ballast(gateway)
    with running_lab(tmp_path, "embedded-killed", fleet, size) as lab:
        lab.begin()
        stop_within_snapshot(gateway, tmp_path / "snapshot")
        gateway.kill()
        gateway.start()
        report = lab.end()

    assert not report.faults(without_a_word=True, told=True)
    assert report.told == 2 * size.clients
    assert report.lost_connections == size.clients


@SIZES
def test_sigterm_during_handshakes(fleet: Fleet, tmp_path: Path, size: Size) -> None:
    """Whoever is on the way in when the instance stops comes in when it is back; nobody is cut off."""
    (gateway,) = fleet.gateways
    with running_lab(tmp_path, "sigterm-handshakes", fleet, _arriving_in(size, 4.0)) as lab:
        lab.open()
        lab.run(2.0)
        assert gateway.stop() == 0
        gateway.start()
        lab.wait_until_open()
        lab.publish()
        report = lab.end()

    assert not report.faults()
    assert 0 < report.closes["shutdown"] < size.clients


@SIZES
def test_second_sigterm_ends_it_at_once(fleet: Fleet, tmp_path: Path, size: Size) -> None:
    """The rest are told to leave at once, and the history is kept all the same."""
    (gateway,) = fleet.gateways
    with running_lab(tmp_path, "sigterm-twice", fleet, size) as lab:
        lab.begin()
        gateway.signal(signal.SIGTERM)
        gateway.wait_for_event("phase", phase="draining")
        gateway.signal(signal.SIGTERM)
        assert gateway.wait() == 0
        gateway.start()
        report = lab.end()

    assert not report.faults()
    assert report.closes["shutdown"] == size.clients


@SIZES
def test_sigkill_at_the_grace_limit(fleet: Fleet, tmp_path: Path, size: Size) -> None:
    """Who was not told to leave yet has lost its connection, and hears of what is gone."""
    (gateway,) = fleet.gateways
    with running_lab(tmp_path, "sigkill-at-the-limit", fleet, size) as lab:
        lab.begin()
        gateway.signal(signal.SIGTERM)
        gateway.wait_for_event("phase", phase="draining")
        lab.run(0.7)
        gateway.kill()
        gateway.start()
        report = lab.end()

    assert not report.faults(without_a_word=True, told=True)
    assert report.closes["shutdown"] + report.lost_connections == size.clients


def _arriving_in(size: Size, seconds: float) -> Size:
    """Return the same crowd, which takes so long to arrive."""
    return Size(**{**vars(size), "per_second": size.clients / 2 / seconds})
