"""A server process alone on one core: started, read (CPU, memory) and stopped."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# Read before anything is pinned: a child is born with the cores of its parent.
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE = 0
CLIENT_CORE = 1
PAGE_BYTES = os.sysconf("SC_PAGESIZE")
START_SECONDS = 30.0
STOP_SECONDS = 20.0


class BenchmarkError(Exception):
    """A measurement that could not be made; the text says what was expected and what came."""


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pin(pid: int, core: int) -> None:
    """Keep a process on one core, or on the last one of a machine with fewer."""
    os.sched_setaffinity(pid, {CORES[min(core, len(CORES) - 1)]})


def raise_descriptor_limit() -> int:
    """Raise the soft descriptor limit of this process (and its children) to the hard one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


@dataclass(slots=True)
class ServerProcess:
    """One started server; `cpu_seconds` and `resident_bytes` are read from the process itself."""

    argv: Sequence[str]
    environ: Mapping[str, str]
    port: int
    log: Path
    start_seconds: float = START_SECONDS
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start the server on its core and return once it accepts connections."""
        self.launch()
        self.wait_started()

    def launch(self, core: int = SERVER_CORE) -> None:
        """Start the server on a core and do not wait for it."""
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                self.argv,
                env={**os.environ, **self.environ},
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=lambda: pin(0, core),
            )

    def wait_started(self) -> None:
        """Return once a launched server accepts connections."""
        deadline = time.monotonic() + self.start_seconds
        while not self._accepts():
            if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise BenchmarkError(f"{self.argv} did not start:\n{self.tail()}")
            time.sleep(0.05)

    def _accepts(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    @property
    def pid(self) -> int:
        """The process id of a started server."""
        if self._process is None:
            raise BenchmarkError("the server was not started")
        return self._process.pid

    def cpu_seconds(self) -> float:
        """Return the CPU time of all threads of the server so far, in nanosecond steps."""
        # The per-process CPU clock id as clock_getcpuclockid(3) makes it; dead threads count too.
        return time.clock_gettime((~self.pid << 3) | 2)

    def resident_bytes(self) -> int:
        """Return the resident memory of the server."""
        fields = Path(f"/proc/{self.pid}/statm").read_text().split()
        return int(fields[1]) * PAGE_BYTES

    def stop(self) -> None:
        """End the server: politely first, then by force."""
        if self._process is None or self._process.poll() is not None:
            return
        for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
            self._process.send_signal(number)
            try:
                self._process.wait(seconds)
                return
            except subprocess.TimeoutExpired:
                continue

    def tail(self) -> str:
        """Return the last lines that the server wrote."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
