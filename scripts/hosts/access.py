"""SSH to the hosts of a set: keys made for it, and files that `ssh -F`, Ansible and testinfra are given."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from pathlib import Path

from .guest import host_keys
from .model import GROUPS, HostSet
from .rootfs import USER
from .shell import HostsError, run, wait_until

CONFIG, KEY, KNOWN, INVENTORY = "ssh_config", "key", "known_hosts", "inventory.json"
CONNECT_SECONDS = 5
# What fails first where all hosts of the machine together, some ten each, use up the watches that one user may have.
WATCHES_HINT = (
    " Look at fs.inotify.max_user_instances of this machine: too many hosts run on it at once."
    " Take a set down, or raise it."
)


def public_key(hosts: HostSet) -> str:
    """Return the key that may log in, after having made it where it is missing."""
    key = hosts.folder / KEY
    if not key.is_file():
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"test hosts {hosts.name}", "-f", key)
    return key.with_suffix(".pub").read_text()


def make_host_key(hosts: HostSet, name: str) -> None:
    """Make the key that a host proves itself with, where it is missing."""
    key = host_keys(hosts, hosts.host(name)) / "ssh_host_ed25519_key"
    if not key.is_file():
        key.parent.mkdir(parents=True, exist_ok=True)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", key)


def write_files(hosts: HostSet) -> None:
    """Write ssh_config, known_hosts and the inventory for the hosts that the set has now."""
    known, blocks = [], []
    for host in hosts.made():
        key = (host_keys(hosts, host) / "ssh_host_ed25519_key.pub").read_text().split()
        known.append(f"{host.name},{host.address} {key[0]} {key[1]}\n")
        blocks.append(f"Host {host.name} {host.address}\n  HostName {host.address}\n")
    shared = {
        "User": USER, "IdentityFile": f'"{hosts.folder / KEY}"', "IdentitiesOnly": "yes",
        "UserKnownHostsFile": f'"{hosts.folder / KNOWN}"', "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes", "BatchMode": "yes", "LogLevel": "ERROR",
        "ConnectTimeout": CONNECT_SECONDS, "ServerAliveInterval": 5, "ServerAliveCountMax": 3,
    }  # fmt: skip
    blocks.append("Host *\n" + "".join(f"  {name} {value}\n" for name, value in shared.items()))
    (hosts.folder / KNOWN).write_text("".join(known))
    (hosts.folder / CONFIG).write_text("\n".join(blocks))
    (hosts.folder / INVENTORY).write_text(json.dumps(inventory(hosts), indent=2) + "\n")


def inventory(hosts: HostSet) -> dict[str, object]:
    """Return the inventory for Ansible: groups by what the hosts are for."""
    members: dict[str, dict[str, object]] = {}
    for host in hosts.made():
        group = GROUPS.get(host.kind, "others")
        members.setdefault(group, {"hosts": {}})["hosts"][host.name] = {"ansible_host": host.address}  # type: ignore[index] # a table of tables
    shared = {
        "ansible_user": USER, "ansible_become": True, "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_ssh_private_key_file": str(hosts.folder / KEY),
        "ansible_ssh_common_args": f"-F '{hosts.folder / CONFIG}'", "holdfast_wheels_url": hosts.wheels_url,
    }  # fmt: skip
    return {"all": {"children": members, "vars": shared}}


def command(hosts: HostSet, name: str, *words: str) -> list[str]:
    """Return the command that runs something on a host."""
    return ["ssh", "-F", str(hosts.folder / CONFIG), name, *words]


def on(hosts: HostSet, name: str, *words: str, timeout: float = 60) -> str:
    """Run something on a host as `deploy` and return what it printed.

    Raises:
        HostsError: it failed, or took longer than `timeout` seconds.
    """
    return run(*command(hosts, name, *words), timeout=timeout)


def wait(hosts: HostSet, name: str, seconds: float) -> None:
    """Wait until a host lets us in and has finished booting.

    Raises:
        HostsError: it did not in time, or some unit of it failed.
    """
    address = hosts.host(name).address
    if not wait_until(lambda: _greets(address), seconds) or not wait_until(lambda: _lets_in(hosts, name), seconds, 0.2):
        raise HostsError(f"{name} ({address}) did not let us in by SSH within {seconds:.0f} s.")
    asked = f"timeout {seconds:.0f} systemctl is-system-running --wait || systemctl --failed --no-legend --plain"
    said = on(hosts, name, asked, timeout=seconds + 10).strip()
    if said != "running":
        raise HostsError(
            f"{name} came up, but not as it should: expected `running`, got {' / '.join(said.split())}."
            + (WATCHES_HINT if "ask-password" in said else "")
        )


def boot_id(hosts: HostSet, name: str) -> str:
    """Return what the kernel gave this boot of the host."""
    return on(hosts, name, "cat", "/proc/sys/kernel/random/boot_id").strip()


def _greets(address: str) -> bool:
    with suppress(OSError), socket.create_connection((address, 22), 2) as connection:
        connection.settimeout(2)
        return connection.recv(4) == b"SSH-"
    return False


def _lets_in(hosts: HostSet, name: str) -> bool:
    with suppress(HostsError):
        on(hosts, name, "true", timeout=CONNECT_SECONDS + 5)
        return True
    return False


def config_of(folder: Path) -> Path:
    """Return the file for `ssh -F`."""
    return folder / CONFIG
