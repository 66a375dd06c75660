"""`make up` and `make down` for real: a new user's first start, a roll under numbered traffic, faults that are told."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from tests.contract.source import ROOT
from tests.gateway import SETTINGS
from tests.image.conftest import PROJECT, Image
from tests.image.engine import Docker, free_subnet
from tests.parts import require
from tests.proxies import free_port
from tests.resilience.lab import Door, Size, running_lab

UP_SECONDS = 400.0
SIZES = [
    pytest.param(Size(clients=200, patience=120.0), id="few"),
    pytest.param(Size(clients=2000, patience=180.0), id="full", marks=pytest.mark.proof),
]
OWN = {
    "channel": SETTINGS["channel"],
    "admission": {"ramp": 0},
    "client": {"reconnect_window": "3s"},
    "shutdown": {"propagation_wait": "3s", "drain_window": "5s", "timeout": "2s"},
}

pytestmark = [pytest.mark.timeout(1200), pytest.mark.slow]


class Machine:
    """A folder from which `make up` is called; stands where the lab expects a fleet."""

    def __init__(self, docker: Docker, folder: Path, services: str) -> None:
        self.docker, self.folder = docker, folder
        self.compose = folder / ".holdfast" / "compose"
        self.port, self.api_port = free_port(), free_port()
        self._environment = docker.environment | {
            "REDIS_IMAGE": services, "HAPROXY_IMAGE": services, "HOLDFAST_PROJECT": PROJECT,
            "GATEWAY_PORT": str(self.port), "API_PORT": str(self.api_port),
        }  # fmt: skip
        self._override = folder / "override.yaml"
        self._override.write_text(
            yaml.safe_dump({"networks": {"default": {"ipam": {"config": [{"subnet": free_subnet()}]}}}})
        )

    @property
    def ws_url(self) -> str:
        """Where clients connect to."""
        return f"ws://127.0.0.1:{self.port}/connection/websocket"

    @property
    def api_url(self) -> str:
        """Where publishers publish."""
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def gateways(self) -> tuple[Door]:
        """What opens them."""
        secrets = self.compose / "secrets"
        return (
            Door(yaml.safe_load((secrets / "api-keys").read_text())[0], (secrets / "token-hmac-secret").read_text()),
        )

    def run(self, command: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Do what `make up` or `make down` does."""
        # As the user who types it, without the settings of whoever runs the tests.
        environment = {
            k: v for k, v in self._environment.items() if not k.startswith("HOLDFAST_") or k.endswith("PROJECT")
        }
        words = [sys.executable, ROOT / "scripts" / "compose.py", command, "--override", self._override, *options]
        return subprocess.run(
            words, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=UP_SECONDS, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def images(self) -> dict[str, str]:
        """Return the image of each gateway that runs."""
        listed = self.docker.run(
            "ps", "--filter", f"name={PROJECT}-gateway", "--format", "{{.Names}} {{.Image}}"
        ).stdout
        return dict(line.split() for line in listed.splitlines())


@pytest.fixture(scope="module")
def machine(docker: Docker, image: Image, services: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A folder in which nothing was started yet, with settings whose drains are short."""
    require("compose")
    made = Machine(docker, tmp_path_factory.mktemp("machine"), services)
    made.compose.mkdir(parents=True)
    (made.compose / "own.yaml").write_text(yaml.safe_dump(OWN))
    yield made
    made.run("down")
    if os.geteuid() != 0:
        return
    for path in made.compose.rglob("*"):  # what was given to the containers' user, pytest removes as ours
        os.chown(path, 0, 0)


def test_up_leads_a_new_user_to_a_page(machine: Machine, image: Image) -> None:
    """One command, and there is a page; its login and the printed line that publishes work."""
    done = machine.run("up", "--image", image.tag)
    assert done.returncode == 0, done.stdout + done.stderr

    found = re.search(r"Demo: +(http://\S+) +Log in as (\w+) or \w+ with the password (\S+)", done.stdout)
    assert found is not None
    page = httpx.get(f"{found[1]}/", trust_env=False)
    login = httpx.post(
        f"http://127.0.0.1:{machine.port}/auth/login", json={"username": found[2], "password": found[3]},
        headers={"Origin": f"http://127.0.0.1:{machine.port}"}, trust_env=False,
    )  # fmt: skip
    line = next(one for one in done.stdout.splitlines() if "curl" in one)
    published = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=30, check=False)

    assert (page.status_code, login.status_code) == (200, 200), login.text
    assert "token" in login.json()
    assert '"error"' not in published.stdout
    assert "result" in published.stdout


def test_up_keeps_secrets_to_itself(machine: Machine) -> None:
    """Secrets are files of one user alone, and neither the file for Compose nor a container's settings have them."""
    secrets = [one for one in (machine.compose / "secrets").iterdir() if one.name != "redis-users"]
    told = (machine.compose / "compose.yaml").read_text() + (machine.compose / "holdfast.yaml").read_text()
    told += machine.docker.run("inspect", *machine.images()).stdout

    assert {stat.S_IMODE(one.stat().st_mode) for one in secrets} == {0o600}
    assert not [one.name for one in secrets if one.read_text().strip('[]"\n') in told]


@pytest.mark.parametrize("size", SIZES)
def test_up_again_is_not_noticed(machine: Machine, image: Image, tmp_path: Path, size: Size) -> None:
    """Another image comes to one gateway after the other: nothing lost or doubled."""
    require("npm:tests/sdk")
    newer = f"holdfast-test:{size.clients}"
    machine.docker.run("tag", image.tag, newer)
    with running_lab(tmp_path, f"compose-{size.clients}", machine, size) as lab:  # type: ignore[arg-type]  # as a fleet
        lab.begin()
        done = machine.run("up", "--image", newer)
        report = lab.end()

    assert done.returncode == 0, done.stdout + done.stderr
    assert set(machine.images().values()) == {newer}
    assert not report.faults()
    assert report.closes["shutdown"]
    # Two of the others a machine brings about that has no time for its clients; each has its name.
    assert report.closes.keys() <= {"shutdown", "no_pong", "pings_missing"}


def test_up_with_settings_that_cannot_be_used_changes_nothing(machine: Machine) -> None:
    """A fault in own.yaml is told before the first gateway is restarted."""
    before = machine.docker.run("ps", "--quiet", "--no-trunc").stdout
    (machine.compose / "own.yaml").write_text("client:\n  ping_interval: never\n")

    done = machine.run("up", "--image", "holdfast-test:1")

    assert done.returncode == 3
    assert "ping_interval" in done.stderr
    assert machine.docker.run("ps", "--quiet", "--no-trunc").stdout == before


def test_down_leaves_nothing_running(machine: Machine) -> None:
    """All containers go; what makes a next start go on stays."""
    done = machine.run("down")

    assert done.returncode == 0, done.stderr
    assert machine.images() == {}
    assert (machine.compose / "secrets" / "api-keys").exists()
