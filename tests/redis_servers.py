"""Redis servers of one's own for tests: one, a master with replicas and sentinels, a cluster; on ports of 127.0.0.1.

Nothing is written to a disk unless asked for. Each server is a process of the test's; all end with the block.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.parts import system_program
from tests.proxies import free_port

START_SECONDS = 60.0
DOWN_AFTER_MS = 1000
NODE_TIMEOUT_MS = 2000
MASTER = "mymaster"


@dataclass(frozen=True)
class Tls:
    """Files of servers that speak nothing else, with their clients and with each other."""

    ca: Path
    cert: Path
    key: Path

    def options(self, port: int) -> dict[str, str]:
        """Return what redis.conf says of it; clients need no certificate."""
        return {
            "port": "0",
            "tls-port": str(port),
            "tls-ca-cert-file": str(self.ca),
            "tls-cert-file": str(self.cert),
            "tls-key-file": str(self.key),
            "tls-auth-clients": "no",
            "tls-replication": "yes",
        }

    @property
    def of_cli(self) -> list[str]:
        """What redis-cli has to be told."""
        return ["--tls", "--cacert", str(self.ca)]


class RedisServer:
    """A server process; `options` are those of redis.conf, kept over a restart."""

    def __init__(
        self, folder: Path, port: int, options: Mapping[str, str] | None = None, tls: Tls | None = None
    ) -> None:
        self.folder = folder
        self.port = port
        self.options = {
            "port": str(port),
            "bind": "127.0.0.1",
            "dir": str(folder),
            "save": '""',
            "appendonly": "no",
            "repl-diskless-sync-delay": "0",
            **(tls.options(port) if tls else {}),
            **(options or {}),
        }
        self.is_sentinel = False
        self.cli_options: list[str] = tls.of_cli if tls else []
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """What it has said."""
        return (self.folder / "log").read_text()

    def start(self, *, wait: bool = True) -> RedisServer:
        """Start it, and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "redis.conf"
        if not (self.is_sentinel and config.exists()):  # a sentinel keeps what it knows in its own file
            config.write_text("".join(f"{name} {value}\n" for name, value in self.options.items()))
        command = [system_program("redis-server"), str(config), *(["--sentinel"] if self.is_sentinel else [])]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        if wait:
            wait_until(self.is_up, self)
        return self

    def is_up(self) -> bool:
        """Tell whether it answers, if only that it wants a password."""
        assert self._process is not None
        assert self._process.poll() is None, self.log
        return self.ask("PING").startswith(("PONG", "NOAUTH", "LOADING"))

    def ask(self, *command: str) -> str:
        """Return redis-cli's answer to a command; empty where nobody answers."""
        base = [system_program("redis-cli"), "-h", "127.0.0.1", "-p", str(self.port), *self.cli_options]
        done = subprocess.run([*base, *command], capture_output=True, text=True, timeout=30, check=False)
        return done.stdout.strip()

    def info(self) -> dict[str, str]:
        """Return INFO by its names."""
        pairs = (line.partition(":") for line in self.ask("INFO", "everything").splitlines() if ":" in line)
        return {name: value for name, _, value in pairs}

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
            self._process = None


@dataclass
class Sentinels:
    """A master, its replicas, and the sentinels that watch them."""

    servers: list[RedisServer]
    sentinels: list[RedisServer] = field(default_factory=list)

    @property
    def addresses(self) -> list[str]:
        """host:port of each sentinel."""
        return [one.address for one in self.sentinels]

    def master(self) -> RedisServer:
        """Return the server that the sentinels call the master."""
        port = self.sentinels[0].ask("SENTINEL", "get-master-addr-by-name", MASTER).split()[1]
        return next(one for one in self.servers if str(one.port) == port)

    def is_whole(self) -> bool:
        """Tell whether each sentinel knows the others and every replica, and all replicas are connected."""
        for one in self.sentinels:
            state = one.ask("SENTINEL", "master", MASTER).split()
            facts = dict(zip(state[::2], state[1::2], strict=False))
            if facts.get("num-other-sentinels") != str(len(self.sentinels) - 1) or facts.get("flags") != "master":
                return False
            if facts.get("num-slaves") != str(len(self.servers) - 1):
                return False
        return self.master().info().get("connected_slaves") == str(len(self.servers) - 1)

    def failover(self) -> None:
        """Ask a sentinel for another master and wait until there is one."""
        before = self.master()
        wait_until(lambda: self.sentinels[0].ask("SENTINEL", "failover", MASTER) == "OK")
        wait_until(lambda: self.master() is not before and self.is_whole())


@dataclass
class Cluster:
    """Three masters with a replica each."""

    servers: list[RedisServer]

    @property
    def addresses(self) -> list[str]:
        """host:port of each node."""
        return [one.address for one in self.servers]

    def masters(self) -> list[RedisServer]:
        """Return the nodes that are masters now."""
        return [one for one in self.servers if one.info().get("role") == "master"]

    def is_whole(self) -> bool:
        """Tell whether every node serves all slots and every replica is connected."""
        alive = [one for one in self.servers if one.ask("PING") == "PONG"]
        if len(alive) < len(self.servers) or any("cluster_state:ok" not in one.ask("CLUSTER", "INFO") for one in alive):
            return False
        links = [one.info() for one in alive]
        replicas = [one for one in links if one.get("role") == "slave"]
        return len(replicas) == len(alive) // 2 and all(one.get("master_link_status") == "up" for one in replicas)


def wait_until(check: object, *servers: RedisServer) -> None:
    """Wait until `check()` is true; say what the servers said where that takes too long."""
    assert callable(check)
    deadline = time.monotonic() + START_SECONDS
    while not check():
        assert time.monotonic() < deadline, "\n".join(one.log for one in servers) or "it did not come to pass"
        time.sleep(0.05)


@contextmanager
def running_redis(options: Mapping[str, str] | None = None) -> Iterator[RedisServer]:
    """Run one server for the length of a block."""
    with _folder() as folder, _ending() as servers:
        server = RedisServer(folder / "redis", free_port(), options)
        servers.append(server)
        yield server.start()


@contextmanager
def running_sentinels(
    options: Mapping[str, str] | None = None, replicas: int = 2, tls: Tls | None = None
) -> Iterator[Sentinels]:
    """Run a master with replicas, and three sentinels of whom two must agree."""
    with _folder() as folder, _ending() as servers:
        master = RedisServer(folder / "0", free_port(), options, tls)
        servers.append(master)
        master.start()
        for number in range(1, replicas + 1):
            follows = {"replicaof": f"127.0.0.1 {master.port}", **(options or {})}
            replica = RedisServer(folder / str(number), free_port(), follows, tls)
            servers.append(replica)
            replica.start()
        setup = Sentinels(list(servers))
        for number in range(3):
            sentinel = _make_sentinel(folder / f"sentinel-{number}", master.port, tls)
            servers.append(sentinel)
            setup.sentinels.append(sentinel.start())
        wait_until(setup.is_whole, *servers)
        yield setup


@contextmanager
def running_cluster(options: Mapping[str, str] | None = None, tls: Tls | None = None) -> Iterator[Cluster]:
    """Run a cluster of three masters with a replica each."""
    with _folder() as folder, _ending() as servers:
        for number in range(6):
            own = {
                "cluster-enabled": "yes",
                "cluster-node-timeout": str(NODE_TIMEOUT_MS),
                "cluster-port": str(free_port()),
                **({"tls-cluster": "yes"} if tls else {}),
                **(options or {}),
            }
            servers.append(RedisServer(folder / str(number), free_port(), own, tls))
        for server in servers:
            server.start()
        addresses = [one.address for one in servers]
        cli = [system_program("redis-cli"), *(tls.of_cli if tls else [])]
        made = [*cli, "--cluster", "create", *addresses, "--cluster-replicas", "1", "--cluster-yes"]
        done = subprocess.run(made, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        cluster = Cluster(list(servers))
        wait_until(cluster.is_whole, *servers)
        yield cluster


def _make_sentinel(folder: Path, master: int, tls: Tls | None) -> RedisServer:
    sentinel = RedisServer(folder, free_port(), tls=tls)
    sentinel.is_sentinel = True
    sentinel.options = {
        "port": str(sentinel.port),
        "bind": "127.0.0.1",
        "dir": str(sentinel.folder),
        **(tls.options(sentinel.port) if tls else {}),
        "sentinel monitor": f"{MASTER} 127.0.0.1 {master} 2",
        "sentinel down-after-milliseconds": f"{MASTER} {DOWN_AFTER_MS}",
        "sentinel failover-timeout": f"{MASTER} 5000",
    }
    return sentinel


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="holdfast-redis-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _ending() -> Iterator[list[RedisServer]]:
    """Give a list whose servers end with the block."""
    servers: list[RedisServer] = []
    with ExitStack() as stack:
        stack.callback(lambda: [one.kill() for one in servers])
        yield servers
