"""`make run-cluster`, as somebody uses it: three instances, Redis and HAProxy, of whom one is killed."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.parts import ROOT, require

require("redis")
require("haproxy")

PATIENCE_SECONDS = 90.0
COMMAND = [sys.executable, str(ROOT / "scripts" / "run_cluster.py"), "--any-ports"]


class RunCluster:
    """The command, in a folder of its own, and what it has printed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._output = folder / "out"
        self.environment = {**os.environ, "INSTALL_PARTS": "no"}
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                COMMAND, cwd=folder, env=self.environment, stdout=output, stderr=output, start_new_session=True
            )
        self.until(lambda: "Ctrl-C ends all" in self.text)
        self.url = re.findall(r"^HAProxy +(\S+)", self.text, re.MULTILINE)[0]
        self.cluster = folder / ".holdfast" / "cluster"

    @property
    def text(self) -> str:
        """What it has printed."""
        return self._output.read_text()

    def until(self, check: Callable[[], object]) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not check():
            assert self.process.poll() is None, self.text
            assert time.monotonic() < deadline, self.text
            time.sleep(0.05)

    def paste(self, heading: str) -> str:
        """Run the line below a heading as a user would paste it, and return what it prints."""
        line = self.text.partition(heading)[2].split("\n")[1]
        done = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def pid(self, name: str) -> int:
        """Return the process id of one of its processes."""
        return int((self.cluster / f"{name}.pid").read_text())


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RunCluster]:
    """Run it, and see that nothing is left in the end."""
    cluster = RunCluster(tmp_path)
    children = psutil.Process(cluster.process.pid).children(recursive=True)
    try:
        yield cluster
    finally:
        if cluster.process.poll() is None:
            cluster.process.kill()
        for child in children:
            if child.is_running():
                child.kill()


def test_cluster_is_used_killed_and_ended(cluster: RunCluster) -> None:
    """What is published at one instance comes through the balancer; who is killed comes back, Redis with all
    that it had; Ctrl-C leaves nothing.
    """
    line = shlex.split(cluster.text.partition("Follow the channel")[2].split("\n")[1])
    with (cluster.folder / "seen").open("wb") as seen:
        follower = subprocess.Popen(line, stdout=seen, stderr=seen, cwd=cluster.folder)
    heard = cluster.folder / "seen"
    try:
        cluster.until(lambda: "news: subscribed" in heard.read_text())
        assert '"offset":1' in cluster.paste("Publish into it")
        cluster.until(lambda: 'news 1 {"text": "hello"}' in heard.read_text())
        assert httpx.get(f"{cluster.url}/demo/", trust_env=False).status_code == 200
        assert {"gateway-1", "gateway-2", "gateway-3"} <= set(cluster.paste("See which instances").split())

        first = cluster.pid("gateway-3")
        cluster.paste("Kill an instance")
        cluster.until(lambda: "gateway-3 ended (SIGKILL) and was started again." in cluster.text)
        assert cluster.pid("gateway-3") != first

        os.kill(cluster.pid("redis-1"), signal.SIGKILL)
        cluster.until(lambda: "redis-1 ended (SIGKILL) and was started again." in cluster.text)
        cluster.until(lambda: '"offset":2' in cluster.paste("Publish into it"))

        second = subprocess.run(COMMAND, cwd=cluster.folder, capture_output=True, text=True, timeout=60, check=False)
        assert (second.returncode, str(cluster.process.pid) in second.stderr) == (3, True), second.stderr
    finally:
        follower.kill()
        follower.wait()
    _end(cluster)


def _end(cluster: RunCluster) -> None:
    children = psutil.Process(cluster.process.pid).children(recursive=True)
    cluster.process.send_signal(signal.SIGINT)

    assert cluster.process.wait(PATIENCE_SECONDS) == 0, cluster.text
    assert [child for child in children if child.is_running()] == []
    assert len(children) == 5
    log = (cluster.cluster / "gateway-1.log").read_text()
    assert '"event": "stopped"' in log
    assert list(cluster.cluster.glob("*.pid")) == []
    assert {path.stat().st_mode & 0o077 for path in cluster.cluster.parent.rglob("*")} == {0}


def test_missing_programs_are_named(tmp_path: Path) -> None:
    """Without root nothing is installed, and the packages are named."""
    environment = {**os.environ, "INSTALL_PARTS": "no", "PATH": str(tmp_path)}
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import system_packages; system_packages.SBIN = '';"
        " import run_cluster; sys.exit(run_cluster.main([]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(ROOT / "scripts")],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 2
    assert "sudo apt-get install redis-server redis-tools haproxy" in done.stderr
    assert not (tmp_path / ".holdfast").exists()
