"""Ways from this machine to a port that listens elsewhere on its own: a program holds each open, until it is ended."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from holdfast.cli.failure import CliError, Exit

OPEN_SECONDS: Final = 20
SOCKET: Final = "tunnel"
_PAUSE_SECONDS: Final = 0.1
_SHOWN: Final = 300


class Reached(Protocol):
    """What a tunnel leads to."""

    name: str

    def remedy(self) -> str:
        """Return what to try when it is not reached."""

    def absent(self) -> CliError:
        """Return the error of a program that is not installed here."""


class Tunnel(ABC):
    """The program; `name` is the host and port of the URL of whoever goes through it."""

    def __init__(self, host: Reached, command: list[str], name: str) -> None:
        self.name = name
        self._host = host
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def open(self, sleep: Callable[[float], object] = time.sleep) -> None:
        """Open it, if it is not.

        Raises:
            CliError: it did not come about.
        """
        if self._process is not None and self._process.poll() is None:
            return
        try:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
        except FileNotFoundError:
            raise self._host.absent() from None
        for _ in range(round(OPEN_SECONDS / _PAUSE_SECONDS)):
            if self._process.poll() is not None:
                break
            if self._is_listening():
                return
            sleep(_PAUSE_SECONDS)
        said = self._end()
        raise CliError(f"{self._host.name}: no tunnel: {said}\n  {self._host.remedy()}", Exit.UNKNOWN)

    def close(self) -> None:
        """Close it, and leave nothing."""
        self._end()

    @abstractmethod
    def _is_listening(self) -> bool: ...

    def _end(self) -> str:
        process, self._process = self._process, None
        if process is None:
            return ""
        process.terminate()
        try:
            _, said = process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            _, said = process.communicate()
        return (said or b"").decode(errors="replace").strip()[-_SHOWN:]


class SocketTunnel(Tunnel):
    """One that ends here in a socket in a folder of its user's own."""

    def __init__(self, host: Reached, command: list[str], folder: Path) -> None:
        super().__init__(host, command, "")
        self.socket = str(folder / SOCKET)
        self._folder = folder

    def close(self) -> None:
        """Close it, and leave nothing."""
        super().close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _is_listening(self) -> bool:
        with socket.socket(socket.AF_UNIX) as one:
            one.settimeout(1)
            return one.connect_ex(self.socket) == 0


class PortTunnel(Tunnel):
    """One that ends here in a port of this machine's loopback, for programs that know nothing else."""

    def __init__(self, host: Reached, command: list[str], port: int) -> None:
        super().__init__(host, command, f"127.0.0.1:{port}")
        self._port = port

    def _is_listening(self) -> bool:
        with socket.socket() as one:
            one.settimeout(1)
            return one.connect_ex(("127.0.0.1", self._port)) == 0


def free_port() -> int:
    """Return a port of this machine's loopback that nobody has."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
