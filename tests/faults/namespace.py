"""A far place: a network namespace behind a virtual cable, with a resolver that knows no name.

    with Namespace() as place:
        place.connect(port)         # a socket that lives over there, connected to this side
        place.cut()                 # nothing passes any more, and nobody is told

What it has: `near` is this side's address, `far` answers as hosts do, to `void` packets go and none come back. The
names of what is made begin with `hf` and this process's id; all of it is gone at the end, and what a run that was
killed left behind at the beginning of the next.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path
from typing import Self

TIMEOUT_SECONDS = 10.0
_CLONE_NEWNET = 0x40000000
_NXDOMAIN = b"\x81\x83"  # RFC 1035, 4.1.1: an answer, recursion available, RCODE 3


class Namespace:
    """One namespace; only root may make it, see `tests.parts`."""

    def __init__(self) -> None:
        self.name = f"hf{os.getpid()}"
        # 198.18.0.0/15 is for tests of networks (RFC 2544); 8192 of its /29 in turn, so that two runs seldom meet.
        third, fourth = divmod(os.getpid() % 8192 * 8, 256)
        self.near, self.far, self.void = (f"198.18.{third}.{fourth + last}" for last in (1, 2, 3))
        self._cable = f"{self.name}a"
        self._resolver = _Resolver()
        self._configuration = Path("/etc/netns") / self.name

    def __enter__(self) -> Self:
        """Make it."""
        for left in Path("/run/netns").glob("hf*"):
            if left.name[2:].isdigit() and not Path("/proc", left.name[2:]).exists():
                _remove(left.name)
        try:
            self._make()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Take it away."""
        self._remove()

    # Public methods

    def command(self, *words: str) -> list[str]:
        """Return a command that runs over there."""
        return ["ip", "netns", "exec", self.name, *words]

    def connect(self, port: int) -> socket.socket:
        """Return a socket of over there, connected to a port of `near`."""
        made: list[socket.socket] = []

        def enter() -> None:
            # A thread may live in another namespace than its process, and a socket stays where it was made.
            with (Path("/run/netns") / self.name).open() as place:
                if ctypes.CDLL(None, use_errno=True).setns(place.fileno(), _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            made.append(socket.socket())

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join(TIMEOUT_SECONDS)
        made[0].settimeout(TIMEOUT_SECONDS)
        made[0].connect((self.near, port))
        return made[0]

    def cut(self) -> None:
        """Pull the cable out."""
        self._ip("link", "set", self._cable, "down")

    def mend(self) -> None:
        """Put it in again."""
        self._ip("link", "set", self._cable, "up")

    # Private methods

    def _make(self) -> None:
        self._ip("netns", "add", self.name)
        self._ip("link", "add", self._cable, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        self._ip("address", "add", f"{self.near}/29", "dev", self._cable)
        self._ip("link", "set", self._cable, "up")
        self._over_there("link", "set", "lo", "up")
        for address in (self.far, self.void):
            self._over_there("address", "add", f"{address}/29", "dev", "eth0")
        self._over_there("link", "set", "eth0", "up")
        self._over_there("rule", "add", "from", self.void, "blackhole")
        # `ip netns exec` shows this file in place of the machine's own.
        self._configuration.mkdir(parents=True)
        (self._configuration / "resolv.conf").write_text(f"nameserver {self.near}\noptions timeout:2 attempts:2\n")
        self._resolver.start(self.near)

    def _remove(self) -> None:
        self._resolver.stop()
        _remove(self.name)

    def _over_there(self, *words: str) -> None:
        self._ip("-n", self.name, *words)

    def _ip(self, *words: str) -> None:
        done = subprocess.run(["ip", *words], capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
        assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr}"


def _remove(name: str) -> None:
    shutil.rmtree(Path("/etc/netns") / name, ignore_errors=True)
    subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)
    # Goes with the namespace, but only once the last socket in it is closed.
    subprocess.run(["ip", "link", "delete", f"{name}a"], capture_output=True, check=False)


class _Resolver:
    """Answers each question with "no such name"."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._thread = threading.Thread(target=self._answer, daemon=True)

    def start(self, address: str) -> None:
        """Listen on the usual port."""
        self._socket.bind((address, 53))
        self._socket.settimeout(0.2)
        self._thread.start()

    def stop(self) -> None:
        """Fall silent."""
        self._socket.close()
        if self._thread.is_alive():
            self._thread.join(TIMEOUT_SECONDS)

    def _answer(self) -> None:
        while True:
            try:
                question, peer = self._socket.recvfrom(512)
                # Id, flags, one question and no records, then the question as it came.
                self._socket.sendto(question[:2] + _NXDOMAIN + question[4:6] + bytes(6) + question[12:], peer)
            except TimeoutError:
                continue
            except OSError:
                return
