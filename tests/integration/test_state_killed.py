"""A SIGKILL while state is written: there is the old file or the new one, whole, and it can be imported."""

from __future__ import annotations

import random
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from holdfast.broker.state_summary import summarize
from tests.gateway import Gateway
from tests.integration.test_login import holdfast
from tests.integration.test_redis_gateways import settings_at
from tests.parts import require
from tests.redis_servers import RedisServer, running_redis

require("redis")

PREFIX = "killed"
CHANNELS = 300
RATE = 1500  # keys a second, of which each channel has two: some 0.4 s of writing
PATIENCE = 60.0
Start = Callable[[dict[str, Any]], Gateway]


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """Run one server."""
    with running_redis() as one:
        yield one


def fill(gateway: Gateway) -> None:
    """Publish what takes many writes to a file."""
    for first in range(0, CHANNELS, 50):
        names = [f"recover:{number}" for number in range(first, first + 50)]
        answer = gateway.call("broadcast", channels=names, data=secrets.token_hex(4096))
        assert "error" not in answer


def publish(gateway: Gateway) -> None:
    """Publish one more, so that the next file is another one."""
    assert "error" not in gateway.call("publish", channel="recover:0", data="more")


def moment_of(path: Path) -> int:
    """Return when a file was written to last, 0 where there is none."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def whole_files(path: Path) -> list[Path]:
    """Return what stands under names of snapshots, the oldest first."""
    return sorted(path.parent.glob(f"{path.name}-*Z"))


def half_files(path: Path) -> list[Path]:
    """Return what is being written, or was."""
    return list(path.parent.glob(f"{path.name}-*.tmp"))


def streams_in(path: Path) -> int:
    """Return how many histories a file has, which is whole."""
    return summarize(path, time.time()).counts["streams"]


def wait_until(check: Callable[[], object]) -> None:
    """Wait until something has come to pass, with short looks in between."""
    deadline = time.monotonic() + PATIENCE
    while not check():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.002)


def check_import(server: RedisServer, gateway: Gateway, file: Path) -> None:
    """Bring a file back into a Redis that has lost everything, when no instance is there."""
    gateway.kill()
    assert server.ask("FLUSHALL") == "OK"
    done = holdfast(gateway, "state", "import", str(file), "--yes")
    assert done.returncode == 0, done.stderr
    assert len(server.ask("KEYS", f"{PREFIX}:*:s").split()) == CHANNELS


@pytest.mark.timeout(300)
def test_export_killed_leaves_the_old_file_or_the_new_one(
    server: RedisServer, start_gateway: Start, tmp_path: Path
) -> None:
    """At whatever moment; and whatever the last one left behind does not keep the next one from writing."""
    gateway = start_gateway(settings_at(server.address, PREFIX))
    fill(gateway)
    file = tmp_path / "state"
    temporary = tmp_path / "state.tmp"
    config = tmp_path / "operator.yaml"
    config.write_text(yaml.safe_dump(gateway.settings))
    words = ("state", "export", str(file), "--force-overwrite", "--rate", str(RATE), "--config", str(config))

    def export(seconds: float = PATIENCE) -> float:
        """Export, killed so long after it began to write; return how long it wrote."""
        left_over = moment_of(temporary)
        with subprocess.Popen([sys.executable, "-m", "holdfast", *words], stdout=subprocess.DEVNULL) as process:
            wait_until(lambda: moment_of(temporary) > left_over or process.poll() is not None)
            began = time.monotonic()
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
        return time.monotonic() - began

    usual = export()
    broken_off = 0
    for turn in range(4):
        publish(gateway)
        old = file.read_bytes()
        export(usual * (turn + random.random()) / 4)

        broken_off += file.read_bytes() == old
        assert streams_in(file) == CHANNELS
    assert broken_off >= 1, "hardly one was killed in the middle"
    check_import(server, gateway, file)


@pytest.mark.proof
@pytest.mark.timeout(300)
def test_instance_killed_while_it_writes_leaves_whole_files(
    server: RedisServer, start_gateway: Start, tmp_path: Path
) -> None:
    """The scheduled ones: half a file is never under a name of them, and goes with the next one that is written."""
    path = tmp_path / "files" / "state"
    path.parent.mkdir()
    shared = {"snapshot_path": str(path), "snapshot_interval": "1s", "snapshot_rate": RATE, "snapshot_keep": 100}
    gateway = start_gateway({"instance": "one", **settings_at(server.address, PREFIX, **shared)})
    fill(gateway)
    wait_until(lambda: whole_files(path) and streams_in(whole_files(path)[-1]) == CHANNELS)
    broken_off = 0
    for turn in range(3):
        wait_until(lambda: not half_files(path))
        wait_until(lambda: half_files(path))
        time.sleep(0.4 * (turn + random.random()) / 3)
        gateway.kill()

        broken_off += bool(half_files(path))
        assert [streams_in(one) for one in whole_files(path)][-1] == CHANNELS
        gateway.start()
    assert broken_off >= 1, "none was killed in the middle"
    wait_until(lambda: not half_files(path))
    check_import(server, gateway, whole_files(path)[-1])
