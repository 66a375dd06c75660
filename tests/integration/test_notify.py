"""A real gateway under a service manager that only listens."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway import Gateway
from tests.raw_client import RawClient

PATIENCE_SECONDS = 60.0


class Manager:
    """What systemd is to a service: a datagram socket."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.heard: list[str] = []

    def wait_for(self, field: str, *, after: int = 0) -> int:
        """Return the place behind the first message that has a line which begins so."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            for place, message in enumerate(self.heard[after:], after):
                if any(line.startswith(field) for line in message.splitlines()):
                    return place + 1
            self._socket.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                self.heard.append(self._socket.recv(4096).decode())
            except TimeoutError:
                break
        raise AssertionError(f"no {field} in {self.heard}")

    def is_silent(self, seconds: float) -> bool:
        """Tell whether, once what is there was read, nothing comes for so long."""
        self._socket.settimeout(seconds)
        try:
            for _ in range(1000):
                self._socket.recv(4096)
        except TimeoutError:
            return True
        return False

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    """A service manager with either form of address."""
    one = Manager(str(tmp_path / "notify") if request.param == "path" else f"@holdfast-test-{os.getpid()}")
    yield one
    one.close()


def test_life_is_told(manager: Manager, tmp_path: Path) -> None:
    """Ready, watchdog, status, reload, stopping with the time it needs; children would inherit none of it."""
    prefix = ("env", f"NOTIFY_SOCKET={manager.address}", "WATCHDOG_USEC=1000000")
    gateway = Gateway(tmp_path, {"shutdown": {"drain_window": "1s"}}, prefix=prefix).start()
    try:
        place = manager.wait_for("READY=1")
        place = manager.wait_for("WATCHDOG=1", after=place)
        with RawClient(gateway):
            place = manager.wait_for("STATUS=serving 1 connections", after=place)
            gateway.signal(signal.SIGHUP)
            place = manager.wait_for("RELOADING=1", after=place)
            assert "MONOTONIC_USEC=" in manager.heard[place - 1]
            place = manager.wait_for("READY=1", after=place)
            gateway.signal()
            place = manager.wait_for("STOPPING=1", after=place)
            assert "EXTEND_TIMEOUT_USEC=" in manager.heard[place - 1]
        assert gateway.wait() == 0
    finally:
        gateway.kill()


def test_loop_that_hangs_is_silent(manager: Manager, tmp_path: Path) -> None:
    """The watchdog is fed by nothing but the loop: a process that stands still feeds it no more."""
    prefix = ("env", f"NOTIFY_SOCKET={manager.address}", "WATCHDOG_USEC=200000")
    gateway = Gateway(tmp_path, prefix=prefix).start()
    try:
        manager.wait_for("WATCHDOG=1", after=manager.wait_for("READY=1"))
        gateway.signal(signal.SIGSTOP)
        assert manager.is_silent(1.0)
    finally:
        gateway.signal(signal.SIGCONT)
        gateway.kill()
