"""Tests of scripts/cluster/processes.py, with small processes of the shell."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.source import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from cluster.processes import LONGEST_PAUSE_SECONDS, Service, StartError, Supervisor

FOREVER = ["sleep", "600"]


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[int]:
    """Open a descriptor for the processes to hold."""
    handle = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    yield handle
    os.close(handle)


def service(folder: Path, lock: int, name: str, command: list[str] = FOREVER, stage: int = 0) -> Service:
    """Return a service that is up once it runs."""
    return Service(name, command, lambda: True, folder / f"{name}.log", stage, lock)


def test_services_start_and_end_in_order(tmp_path: Path, lock: int) -> None:
    """What clients are at begins last and ends first."""
    order: list[str] = []

    def noting(name: str, stage: int) -> Service:
        command = ["sh", "-c", f"trap 'echo end {name} >> order; exit' TERM; while :; do sleep 0.05; done"]
        return Service(name, command, lambda: order.append(name) is None, tmp_path / f"{name}.log", stage, lock)

    cwd = Path.cwd()
    os.chdir(tmp_path)
    try:
        supervisor = Supervisor([noting("gateway", 0), noting("balancer", 1), noting("redis", 2)])
        supervisor.start()
        time.sleep(0.3)  # until the shells have set their traps
        supervisor.end()
    finally:
        os.chdir(cwd)

    assert order == ["redis", "balancer", "gateway"]
    assert (tmp_path / "order").read_text().split("\n")[:-1] == ["end gateway", "end balancer", "end redis"]
    assert list(tmp_path.glob("*.pid")) == []


def test_service_that_ended_is_started_again(tmp_path: Path, lock: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever kills it finds another process in its place, and is told."""
    one = service(tmp_path, lock, "gateway-1")
    supervisor = Supervisor([one], sleep=lambda seconds: time.sleep(0.01))
    supervisor.start()
    first = int(one.pid_file.read_text())
    os.kill(first, signal.SIGKILL)

    def watch_until(seconds: float) -> None:
        if one.process is not None and one.process.pid != first:
            supervisor.ask_to_end()
        time.sleep(0.01)

    supervisor._sleep = watch_until
    supervisor.watch()

    assert int(one.pid_file.read_text()) != first
    assert "gateway-1 ended (SIGKILL) and was started again." in capsys.readouterr().out
    supervisor.end()


def test_service_that_keeps_ending_is_started_ever_more_rarely(tmp_path: Path, lock: int) -> None:
    """No crash becomes a busy loop; who lived for a while comes back at once."""
    one = service(tmp_path, lock, "gateway-1", ["false"])
    now, pauses = 0.0, []
    one.start(now)
    for _ in range(7):
        one.process.wait()
        began = now
        while not one.start_again(now):
            now += 0.5
        pauses.append(now - began)
    one.process.wait()
    now += 60

    assert pauses == [0.5, 1, 2, 4, 8, LONGEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS]
    assert one.start_again(now)
    one.process.wait()


def test_service_rests(tmp_path: Path, lock: int) -> None:
    """A Redis that sentinels watch stays away until they have another master."""
    one = service(tmp_path, lock, "redis-1", ["false"])
    one.rest_seconds = 6
    one.start(0)
    one.process.wait()

    assert [one.start_again(now) for now in (60, 65, 66)] == [False, False, True]
    one.process.wait()


def test_service_that_was_stopped_is_seen_to_be_gone(tmp_path: Path, lock: int) -> None:
    """For three seconds there is neither a process nor a file with its number."""
    one = service(tmp_path, lock, "gateway-1", ["true"])
    one.start(0)
    one.process.wait()

    assert not one.start_again(60)
    assert not one.pid_file.exists()
    assert [one.start_again(now) for now in (62, 63)] == [False, True]
    assert one.pid_file.exists()
    one.process.wait()


def test_start_that_fails_is_explained(tmp_path: Path, lock: int) -> None:
    """With the end of what it said."""
    one = Service("redis", ["sh", "-c", "echo port is taken >&2; exit 1"], lambda: False, tmp_path / "log", 0, lock)

    with pytest.raises(StartError, match=r"redis did not start(?s:.*)port is taken"):
        Supervisor([one]).start()


def test_settings_of_the_shell_reach_no_instance(tmp_path: Path, lock: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """HOLDFAST_PORT of whoever starts it would give all instances one port."""
    monkeypatch.setenv("HOLDFAST_PORT", "1")
    one = service(tmp_path, lock, "gateway-1", ["sh", "-c", "env >&2"])
    one.start(0)
    one.process.wait()

    assert "HOLDFAST_" not in one.log.read_text()
