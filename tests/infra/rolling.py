"""Hosts under a roll: what is deployed to them, what runs on them, and traffic through their load balancer."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.gateway import SECRET, SETTINGS, merged
from tests.infra.playbooks import ANSIBLE, ROOT, Hosts, Run
from tests.resilience.lab import Door

API_KEY = "test-api-key-of-the-hosts"
SECRETS = {
    "token_hmac_secret": SECRET,
    "api_key": API_KEY,
    "admin_token": "test-admin-token-of-the-hosts",
    "redis_password": "test-password-of-redis",
}
# Short windows: longer than HAProxy needs to see that an instance is not ready, and no more.
SETTINGS_OF_TESTS: dict[str, Any] = {
    "channel": SETTINGS["channel"],
    "admission": SETTINGS["admission"],
    "client": {"reconnect_window": "3s"},
    "shutdown": {"propagation_wait": "3s", "drain_window": "4s", "timeout": "2s"},
}


@dataclass
class Rolling:
    """A set of hosts and what is rolled out to it; stands where the lab expects a fleet."""

    hosts: Hosts
    folder: Path
    wheel: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    inventory: Path | None = None
    before: Mapping[str, str] = field(default_factory=dict)  # what was on the hosts, for the way back
    gateways: tuple[Door, ...] = (Door(API_KEY),)

    @property
    def balancer(self) -> str:
        """Return the address of the load balancer."""
        group = self.hosts.inventory()["all"]["children"]["load_balancers"]["hosts"]
        return next(iter(group.values()))["ansible_host"]

    @property
    def ws_url(self) -> str:
        """Where clients connect to."""
        return f"ws://{self.balancer}/connection/websocket"

    @property
    def api_url(self) -> str:
        """Where publishers publish."""
        return f"http://{self.balancer}:9000"

    def variables(self, **more: Any) -> list[str]:
        """Return the options of a playbook that say what to roll out."""
        wheels = self.hosts.inventory()["all"]["vars"]["holdfast_wheels_url"]
        trusted = wheels.removeprefix("http://").split(":")[0]
        given = {
            "holdfast_profile": "local",
            "holdfast_secrets": SECRETS,
            "gateway_wheel": str(self.wheel),
            "gateway_requirements": str(ROOT / "requirements" / "runtime.txt"),
            "gateway_pip_options": ["--no-index", "--find-links", wheels, "--trusted-host", trusted],
            "gateway_settings": merged(SETTINGS_OF_TESTS, self.settings),
            "gateway_steady_seconds": 2,
            "gateway_ready_timeout": 90,
            "load_balancer_slowstart": 2,
        } | more
        path = self.folder / "variables.json"
        path.write_text(json.dumps(given))
        return ["-e", f"@{path}"]

    def play(self, playbook: str, *options: str, **more: Any) -> Run:
        """Run a playbook."""
        return self.hosts.play(playbook, *self.variables(**more), *options, inventory=self.inventory)

    def begin(self, playbook: str, output: Path, **more: Any) -> subprocess.Popen[bytes]:
        """Start a playbook, by name or by path, in a process group of its own."""
        command = [
            Path(sys.executable).with_name("ansible-playbook"), "-i", "inventories/local",
            "-i", self.inventory or self.hosts.folder / "inventory.json", playbook, *self.variables(**more),
        ]  # fmt: skip
        environment = os.environ | {"ANSIBLE_HOME": str(ROOT / ".cache" / "ansible"), "ANSIBLE_NOCOLOR": "1"}
        with output.open("wb") as file:
            return subprocess.Popen(
                command, cwd=ANSIBLE, env=environment, stdout=file, stderr=file, start_new_session=True
            )

    def running(self, host: str) -> dict[str, str]:
        """Return the running slots of a host, each with the version that its process runs."""
        listed = self.hosts.on(host, "systemctl list-units --plain --no-legend holdfast@*")
        units = re.findall(r"holdfast@(\w+)\.service +loaded +(?:active|activating|deactivating)", listed)
        links = {unit: self.hosts.on(host, f"readlink /opt/holdfast/slots/{unit}").strip() for unit in units}
        return {unit: link.rpartition("/")[2].rpartition("-")[0] for unit, link in links.items()}

    def enabled(self, host: str) -> list[str]:
        """Return the slots that come back after a reboot."""
        folder = "/etc/systemd/system/multi-user.target.wants"
        return sorted(re.findall(r"holdfast@(\w+)\.service", self.hosts.on(host, f"ls {folder}")))
