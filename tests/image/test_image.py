"""The image as `make image` builds it, run the way a cluster runs it: read-only, without capabilities, with a limit."""

from __future__ import annotations

import json
import re
import tarfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from holdfast import __version__
from holdfast.profile import load
from holdfast.profile.render.helm import helm_values
from tests.gateway import SECRET
from tests.image.conftest import MARK, NETWORK, Image
from tests.image.engine import Docker, descriptors
from tests.resilience.lab import Door

LIMIT_MIB = 120.0
# What the layers of python:3.13-slim take, rounded up; the tests' own base takes less.
SLIM_MIB = 50.0
GZIP_LEVEL = 6
# A layer that has folders alone.
EMPTY_BYTES = 1 << 20
READY_SECONDS, STOP_SECONDS = 60.0, 60.0
HOLDFAST = "/opt/holdfast/bin/holdfast"
LOCAL = load("local")
VALUES = helm_values(LOCAL, LOCAL.intents.reference.facts())

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]


class Container:
    """One that runs, or ran."""

    def __init__(self, docker: Docker, name: str) -> None:
        self.docker, self.name = docker, name

    @property
    def address(self) -> str:
        """Where it is reached from this machine."""
        networks = self.docker.inspect(self.name)["NetworkSettings"]["Networks"]
        return str(networks[NETWORK]["IPAddress"])

    def run(self, *words: str, check: bool = True) -> str:
        """Run something in it and return what it prints."""
        return self.docker.run("exec", self.name, *words, check=check).stdout

    def wait_ready(self) -> None:
        """Wait until it says that it wants clients."""
        deadline = time.monotonic() + READY_SECONDS
        while self.docker.run("exec", self.name, HOLDFAST, "health", check=False).returncode:
            assert time.monotonic() < deadline, self.docker.run("logs", self.name).stdout
            time.sleep(0.5)

    def wait_ended(self) -> int:
        """Wait until it has ended, and return its exit code."""
        return int(self.docker.run("wait", self.name, timeout=STOP_SECONDS).stdout)


@pytest.fixture
def start(docker: Docker, image: Image) -> Iterator[Callable[..., Container]]:
    """Return a function that starts the image; all are removed with the test."""
    started: list[str] = []
    limit = descriptors(VALUES["capacity"]["descriptorsPerPod"])

    def run(*options: str, command: tuple[str, ...] = (), **settings: str) -> Container:
        name = f"holdfast-test-{time.monotonic_ns()}"
        started.append(name)
        words = [word for key, value in settings.items() for word in ("--env", f"HOLDFAST_{key}={value}")]
        docker.run(
            "run", "--detach", "--name", name, "--network", NETWORK, "--read-only", "--cap-drop", "ALL",
            "--security-opt", "no-new-privileges", "--memory", str(VALUES["resources"]["limits"]["memory"]),
            "--ulimit", f"nofile={limit}:{limit}", *words, *options, image.tag, *command,
        )  # fmt: skip
        return Container(docker, name)

    yield run
    for name in started:
        docker.run("rm", "--force", name, check=False)


@pytest.fixture(scope="module")
def saved(docker: Docker, image: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image as a file."""
    path = tmp_path_factory.mktemp("saved") / "image.tar"
    docker.run("save", "--output", path, image.tag)
    return path


def test_image_is_small(image: Image, saved: Path) -> None:
    """With the base that the Dockerfile names it is below 120 MiB in a registry, and it adds one layer with content."""
    said = re.search(r"is built in \d+ s: (\d+) MiB compressed", image.said)
    with tarfile.open(saved) as archive:
        sizes = {one.name: one.size for one in archive.getmembers()}
        manifest = archive.extractfile("manifest.json")
        assert manifest is not None
        _, *ours = json.load(manifest)[0]["Layers"]
    large = [one for one in ours if sizes[one] > EMPTY_BYTES]

    assert said is not None
    assert float(said[1]) < LIMIT_MIB
    assert len(large) == 1
    assert _compressed_mib(saved, large[0]) + SLIM_MIB < LIMIT_MIB


def test_image_says_what_it_is(docker: Docker, image: Image) -> None:
    """User, entry point, check, ports and labels are those that a cluster and a registry look for."""
    config = docker.inspect(image.tag)["Config"]
    labels = {key.rpartition(".")[2]: value for key, value in config["Labels"].items()}

    assert config["User"] == "10001:10001"
    assert (config["Entrypoint"], config["Cmd"]) == ([HOLDFAST], ["serve"])
    assert config["Healthcheck"]["Test"] == ["CMD", HOLDFAST, "health"]
    assert set(config["ExposedPorts"]) == {"8000/tcp", "9000/tcp"}
    assert (labels["version"], labels["licenses"]) == (__version__, "MIT")
    assert re.fullmatch(r"[0-9a-f]{40}(-changed)?|unknown", labels["revision"])


def test_image_keeps_no_secret_of_its_build(docker: Docker, image: Image, saved: Path) -> None:
    """The index that packages came from, and who signed it, are in neither its history, its settings nor its files."""
    known = docker.run("history", "--no-trunc", image.tag).stdout + json.dumps(docker.inspect(image.tag))

    assert MARK not in known
    assert MARK.encode() not in saved.read_bytes()


def test_image_runs_as_a_cluster_runs_it(start: Callable[..., Container]) -> None:
    """Read-only, without a capability, below its limit of memory, it is ready; process 1 is the gateway itself."""
    container = start()
    container.wait_ready()
    status = container.run("/opt/holdfast/bin/python3", "-c", "print(open('/proc/1/status').read())")
    command = container.run("/opt/holdfast/bin/python3", "-c", "print(open('/proc/1/cmdline').read())")

    assert re.search(r"^Uid:\s+10001\s+10001", status, re.MULTILINE)
    assert re.search(r"^CapEff:\s+0+$", status, re.MULTILINE)
    assert HOLDFAST in command
    assert httpx.get(f"http://{container.address}:9000/readyz", trust_env=False).status_code == 200


def test_image_holds_itself_against_the_profile(start: Callable[..., Container]) -> None:
    """`holdfast profile check` says of a pod what it says of a host."""
    container = start()
    container.wait_ready()

    found = json.loads(container.run(HOLDFAST, "profile", "check", "--json", "--profile", "local", check=False))

    states = {one["id"]: one["status"] for one in found["results"]}
    assert states["hf-accept-003"] == "ok"  # the listening socket of process 1
    assert states["hf-fd-004"] in {"ok", "drift"}  # its limit, which was read


def test_image_lets_clients_leave_when_it_is_stopped(start: Callable[..., Container]) -> None:
    """SIGTERM reaches the gateway: each client is told why it has to go, then it exits 0."""
    container = start(TOKEN__HMAC_SECRET=SECRET)
    container.wait_ready()
    with connect(f"ws://{container.address}:8000/connection/websocket", proxy=None) as client:
        client.send(json.dumps({"id": 1, "connect": {"token": Door().token("one")}}))
        assert "connect" in json.loads(client.recv())
        container.docker.run("kill", "--signal", "TERM", container.name)
        with pytest.raises(ConnectionClosed) as closed:
            list(iter(lambda: client.recv(timeout=STOP_SECONDS), None))

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.reason == "shutdown"
    assert container.wait_ended() == 0


def test_image_ends_at_once_when_told_twice(start: Callable[..., Container]) -> None:
    """A second SIGTERM cuts a drain short."""
    # With Redis, which is waited for, an instance has peers, and so a wait before its drain.
    wait = {
        "BROKER__TYPE": "redis",
        "SHUTDOWN__PROPAGATION_WAIT": "120s",
        "BROKER__REDIS__ADDRESSES": '["127.0.0.1:1"]',
    }
    container = start(**wait)
    deadline = time.monotonic() + READY_SECONDS
    while "listening" not in container.docker.run("logs", container.name).stdout + _errors(container):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    started = time.monotonic()
    for _ in range(2):
        container.docker.run("kill", "--signal", "TERM", container.name)
        time.sleep(1)

    assert container.wait_ended() == 0
    assert time.monotonic() - started < STOP_SECONDS


def test_image_leaves_its_last_word(start: Callable[..., Container], tmp_path: Path) -> None:
    """Settings that cannot be used are told where Kubernetes looks, by a user without rights on a read-only root."""
    word = tmp_path / "termination-log"
    word.touch()
    word.chmod(0o666)
    container = start(
        "--volume", f"{word}:/dev/termination-log", PORT="many", TERMINATION_MESSAGE_PATH="/dev/termination-log"
    )

    assert container.wait_ended() == 3
    assert word.read_text().startswith("settings_invalid: ")
    assert "HOLDFAST_PORT" in word.read_text()


def _errors(container: Container) -> str:
    return container.docker.run("logs", container.name).stderr


def _compressed_mib(saved: Path, layer: str) -> float:
    """Return what a layer of a saved image takes in a registry."""
    with tarfile.open(saved) as archive:
        content = archive.extractfile(layer)
        assert content is not None
        return len(zlib.compress(content.read(), GZIP_LEVEL)) / (1 << 20)
