"""Run playbooks against test hosts as `make deploy` does, and read what they say."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.parts import hosts_program

ROOT = Path(__file__).resolve().parent.parent.parent
ANSIBLE = ROOT / "ansible"
HEADING = re.compile(r"^(?:TASK|RUNNING HANDLER) \[(?:holdfast\.gateway\.)?(.*?)\] \**$")
CHANGED = re.compile(r"^changed: \[(\w+)\](?: => \(item=(.*)\))?")
RECAP = re.compile(r"^(\w+) +: .*changed=(\d+) +unreachable=(\d+) +failed=(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """What a playbook said."""

    code: int
    text: str

    @property
    def changed(self) -> set[tuple[str, str, str]]:
        """Return host, task and item of everything that changed or would change."""
        found, task = set(), ""
        for line in self.text.splitlines():
            if heading := HEADING.match(line):
                task = heading.group(1)
            elif change := CHANGED.match(line):
                found.add((change.group(1), task, change.group(2) or ""))
        return found

    @property
    def diff(self) -> list[str]:
        """Return the lines of all diffs, sorted: hosts answer in any order."""
        return sorted(
            line for line in self.text.splitlines() if re.match(r"(---|\+\+\+|@@|\+|-|remove |restore )", line)
        )

    @property
    def recap(self) -> dict[str, tuple[int, int, int]]:
        """Return changed, unreachable and failed by host."""
        return {host: (int(changed), int(gone), int(bad)) for host, changed, gone, bad in RECAP.findall(self.text)}


@dataclass(frozen=True)
class Hosts:
    """A set of test hosts that is up; emulated ones need more patience."""

    name: str
    patience: float = 300

    @property
    def folder(self) -> Path:
        """Return where its files are."""
        return hosts_program().parent.parent / ".cache" / "hosts" / self.name

    def manage(self, *arguments: str) -> None:
        """Let the program of the test hosts do something with the set."""
        command, *rest = arguments
        subprocess.run(
            [sys.executable, hosts_program(), command, "--set", self.name, *rest], check=True, timeout=3 * self.patience
        )

    def on(self, host: str, command: str) -> str:
        """Run a command as root and return what it prints."""
        ssh = ["ssh", "-F", self.folder / "ssh_config", host, "sudo", "sh", "-c", f"'{command}'"]
        return subprocess.run(ssh, check=True, capture_output=True, text=True, timeout=self.patience / 5).stdout

    def inventory(self) -> dict:
        """Return the set's inventory."""
        return json.loads((self.folder / "inventory.json").read_text())

    def play(self, playbook: str, *options: str, inventory: Path | None = None) -> Run:
        """Run a playbook of the collection, against the set or against another inventory."""
        hosts = inventory or self.folder / "inventory.json"
        command = [
            Path(sys.executable).with_name("ansible-playbook"), "-i", "inventories/local", "-i", hosts,
            f"holdfast.gateway.{playbook}", *options,
        ]  # fmt: skip
        environment = os.environ | {"ANSIBLE_HOME": str(ROOT / ".cache" / "ansible"), "ANSIBLE_NOCOLOR": "1"}
        done = subprocess.run(
            command, cwd=ANSIBLE, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=self.patience, check=False,
        )  # fmt: skip
        return Run(done.returncode, done.stdout)
