"""Docker for the tests: the one that is here, or as root one of our own, which touches neither firewall nor forwarding.

Ours keeps its data in `.cache/image`, so that a second run builds what has changed alone. Its containers reach each
other and this machine, and nothing else.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.contract.source import ROOT
from tests.parts import answer, system_program

sys.path.insert(0, str(ROOT / "scripts"))
from containers.builders import Builder, find
from containers.problem import ContainerError

CACHE = ROOT / ".cache" / "image"
START_SECONDS, STOP_SECONDS, RUN_SECONDS = 60.0, 30.0, 120.0


@dataclass(frozen=True)
class Docker:
    """A Docker that builds and runs."""

    program: str
    host: str

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs to speak to it."""
        return os.environ | ({"DOCKER_HOST": self.host} if self.host else {})

    def run(
        self, *words: str | Path, check: bool = True, timeout: float = RUN_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of the client."""
        done = subprocess.run(
            [self.program, *map(str, words)], env=self.environment, capture_output=True, text=True, check=False,
            timeout=timeout, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0 or not check, f"{words}: {done.stdout}{done.stderr}"
        return done

    def inspect(self, what: str) -> dict[str, Any]:
        """Return what it knows of an image or a container."""
        return json.loads(self.run("inspect", what).stdout)[0]


def is_here() -> bool:
    """Tell whether there is one, or one can be started."""
    return _usable() is not None or (os.geteuid() == 0 and _own_programs() is not None)


@contextmanager
def running() -> Iterator[Docker]:
    """Use the Docker of this machine, or run one for the length of a block."""
    if (builder := _usable()) is not None:
        yield Docker(builder.program, os.environ.get("DOCKER_HOST", ""))
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with _own_daemon() as host:
            program = _client(host)
            assert program is not None, "no client here builds with BuildKit"
            yield Docker(program, host)


def descriptors(wanted: int) -> int:
    """Return a limit that a container can have: this machine may allow less than what is wanted."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)


def free_subnet() -> str:
    """Return a network that nothing on this machine has: a run in another checkout may have its own beside ours."""
    routes = Path("/proc/net/route")
    lines = routes.read_text().splitlines()[1:] if routes.exists() else []
    taken = {bytes.fromhex(line.split()[1])[::-1][:3] for line in lines}
    first = os.getpid() % 200
    numbers = (number % 200 for number in range(first, first + 200))
    return next(f"10.79.{number}.0/24" for number in numbers if bytes((10, 79, number)) not in taken)


def _usable() -> Builder | None:
    try:
        return find("docker")
    except ContainerError:
        return None


def _own_programs() -> tuple[str, str] | None:
    daemon = system_program("dockerd")
    client = "/usr/bin/docker"
    has_all = os.path.isabs(daemon) and os.path.exists(client) and shutil.which("runc") and shutil.which("setpriv")
    return (daemon, client) if has_all else None


def _client(host: str) -> str | None:
    before = os.environ.get("DOCKER_HOST")
    os.environ["DOCKER_HOST"] = host
    try:
        builder = _usable()
    finally:
        del os.environ["DOCKER_HOST"]
        if before is not None:
            os.environ["DOCKER_HOST"] = before
    return builder.program if builder else None


@contextmanager
def _own_daemon() -> Iterator[str]:
    folder = Path("/run") / f"holdfast-docker-{os.getpid()}"
    folder.mkdir(mode=0o700)
    host = f"unix://{folder}/docker.sock"
    limit = descriptors(1 << 20)
    words: Sequence[str] = [
        # Ends with this process, however that ends, and its containers with it.
        "setpriv", "--pdeathsig", "TERM", system_program("dockerd"), "--host", host,
        "--data-root", str(CACHE / "docker"),
        "--exec-root", str(folder / "exec"), "--pidfile", str(folder / "pid"),
        "--exec-opt", "native.cgroupdriver=cgroupfs", "--bridge", "none",
        # A machine that runs tests has a firewall and bridges of its own.
        "--iptables=false", "--ip-forward=false", "--ip-masq=false",
        "--default-ulimit", f"nofile={limit}:{limit}", "--log-level", "error",
    ]  # fmt: skip
    with (CACHE / "docker.log").open("wb") as log:
        daemon = subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + START_SECONDS
        while answer("/usr/bin/docker", "--host", host, "info") is None:
            is_up = daemon.poll() is None and time.monotonic() < deadline
            assert is_up, (CACHE / "docker.log").read_text()
            time.sleep(0.2)
        yield host
    finally:
        daemon.terminate()
        try:
            daemon.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()
        shutil.rmtree(folder, ignore_errors=True)
