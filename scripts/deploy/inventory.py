"""The inventory as Ansible reads it: which hosts there are, for what, and how they are reached."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .playbooks import BIN, environment
from .problems import DeployError, Exit
from .target import ANSIBLE, Target

GROUPS = ("gateways", "load_balancers", "redis")
# RFC 2606 and RFC 6761: names and endings that never exist.
EXAMPLES = (".example", ".example.net", ".example.com", ".example.org", ".invalid")


@dataclass(frozen=True)
class Inventory:
    """Hosts by group, and their variables, unresolved."""

    groups: dict[str, list[str]] = field(default_factory=dict)
    variables: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def hosts(self) -> list[str]:
        """Return every host of the three groups once."""
        return list(dict.fromkeys(host for group in GROUPS for host in self.groups.get(group, [])))

    def address(self, host: str) -> str:
        """Return where a host is reached by SSH."""
        return str(self.variables.get(host, {}).get("ansible_host") or host)

    @property
    def examples(self) -> list[str]:
        """Return the hosts whose addresses are those of the shipped example."""
        return [host for host in self.hosts if self.address(host).endswith(EXAMPLES)]

    @property
    def profiles(self) -> list[str]:
        """Return the profiles that hosts name."""
        named = (self.variables.get(host, {}).get("holdfast_profile", "") for host in self.hosts)
        return list(dict.fromkeys(str(name) for name in named))


def read(target: Target) -> Inventory:
    """Return the inventory of a target.

    Raises:
        DeployError: Ansible cannot read it, it has no gateways, or it is the example.
    """
    words = [BIN / "ansible-inventory", *(f"-i{path}" for path in target.inventories), "--list"]
    done = subprocess.run(
        words, cwd=ANSIBLE, env=environment(Path("/dev/null")), stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=120, check=False,
    )  # fmt: skip
    if done.returncode or "Unable to parse" in done.stderr or "Failed to parse" in done.stderr:
        raise DeployError(
            f"Ansible cannot read the inventory {', '.join(map(str, target.inventories))}",
            Exit.USAGE,
            evidence=done.stderr.strip().splitlines()[-8:],
            following="correct the file, then " + target.command("doctor"),
        )  # fmt: skip
    return checked(found_in(json.loads(done.stdout)), target)


def found_in(listed: dict[str, Any]) -> Inventory:
    """Return what `ansible-inventory --list` says."""
    groups = {group: list(_hosts_of(listed, group)) for group in GROUPS}
    return Inventory(groups, dict(listed.get("_meta", {}).get("hostvars", {})))


def checked(found: Inventory, target: Target) -> Inventory:
    """Return an inventory that can be worked with.

    Raises:
        DeployError: it has no gateways, or it is the example.
    """
    place = " ".join(map(str, target.inventories))
    if not found.groups["gateways"]:
        raise DeployError(
            f"the inventory {place} has no host in the group `gateways`", Exit.USAGE,
            following="put your hosts into the groups gateways, load_balancers and redis (docs/make-deploy.md)",
        )  # fmt: skip
    if found.examples:
        raise DeployError(
            f"the inventory {place} still names the shipped example hosts: {', '.join(found.examples)}",
            Exit.USAGE,
            following="put your own hosts there, or name another: " + target.command("doctor", "INVENTORY=..."),
        )  # fmt: skip
    return found


def _hosts_of(listed: dict[str, Any], group: str) -> list[str]:
    own = listed.get(group, {})
    below = [host for child in own.get("children", []) for host in _hosts_of(listed, child)]
    return list(dict.fromkeys([*own.get("hosts", []), *below]))
