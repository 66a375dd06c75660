"""A fleet as a person at the Makefile has it: commands, and what they printed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.contract.source import ROOT

COMMAND_SECONDS = 900


@dataclass
class Deployment:
    """The fleet of one set of test hosts."""

    name: str
    first: subprocess.CompletedProcess[str] | None = None

    @property
    def folder(self) -> Path:
        """Return where `make deploy` keeps its files."""
        return ROOT / ".cache" / "deploy" / self.name

    @property
    def hosts_folder(self) -> Path:
        """Return where the hosts' files are."""
        return ROOT / ".cache" / "hosts" / self.name

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables of a shell in which runbooks are followed for this fleet."""
        return {
            **os.environ, "ENV": "local", "SET": self.name, "HOST": "gw1", "BALANCER": "lb1",
            "DEPLOYS": str(self.folder), "MAKEFLAGS": "",
        }  # fmt: skip

    def line(self, line: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a line of a shell in the checkout."""
        return subprocess.run(
            ["bash", "-c", line], cwd=ROOT, env=self.environment | more, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=COMMAND_SECONDS, check=False,
        )  # fmt: skip

    def make(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a target for this fleet."""
        return self.line(f"make {' '.join(words)}")

    def on(self, host: str, command: str) -> str:
        """Run a command as root on a host and return what it printed."""
        ssh = ["ssh", "-F", self.hosts_folder / "ssh_config", host, "sudo", "sh", "-s"]
        return subprocess.run(ssh, input=command, check=True, capture_output=True, text=True, timeout=60).stdout

    def inventory(self, path: Path, hosts: Mapping[str, Mapping[str, Any]], **variables: Any) -> Path:
        """Write an inventory of these hosts with other variables, as somebody with hosts of their own has one."""
        found = json.loads((self.hosts_folder / "inventory.json").read_text())
        found["all"]["vars"] |= json.loads((self.folder / "variables.json").read_text())
        found["all"]["vars"] |= {"holdfast_profile": "local", **variables}
        for group in found["all"]["children"].values():
            for host, own in group["hosts"].items():
                own |= hosts.get(host, {})
        path.write_text(json.dumps(found))
        return path

    def take_down(self) -> None:
        """Remove hosts and files."""
        program = [sys.executable, ROOT / "scripts" / "test_hosts.py", "down", "--set", self.name]
        subprocess.run(program, check=True, timeout=120)
        shutil.rmtree(self.folder, ignore_errors=True)
