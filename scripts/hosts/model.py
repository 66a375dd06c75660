"""What hosts are called: what the machine gets for set number 3 has `hf3` or `hfbr3` in its name, to be found by."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from .shell import HostsError

DEFAULT_PREFIX = "10.77"
WHEELS_PORT = 8077
USUAL_HOSTS = ("gw1", "gw2", "lb1", "redis1")
USUAL_VM = "vm1"
# First number of the addresses of each kind: gw1 is .11, lb1 .21.
KINDS = {"gw": 10, "lb": 20, "redis": 30, "vm": 40, "peer": 50}
GROUPS = {"gw": "gateways", "lb": "load_balancers", "redis": "redis"}
SET_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
HOST_NAME = re.compile(rf"({'|'.join(KINDS)})([1-9])")


@dataclass(frozen=True)
class Host:
    """One host: `number` is that of its set."""

    name: str
    number: int
    address: str
    folder: Path

    @property
    def kind(self) -> str:
        """Return what it is for: `gw` of `gw1`."""
        return self.name[:-1]

    @property
    def is_vm(self) -> bool:
        """Tell whether it is a virtual machine, with a kernel of its own."""
        return self.kind == "vm"

    @property
    def link(self) -> str:
        """Name its end at the bridge, its network namespace and its control group (15 characters at most)."""
        return f"hf{self.number}-{self.name}"

    @property
    def mac(self) -> str:
        """Return its hardware address, which a reboot keeps: nobody's ARP table gets stale."""
        return f"52:54:00:77:{self.number:02x}:{int(self.address.rpartition('.')[2]):02x}"

    @property
    def log(self) -> Path:
        """Return the file with what its console says."""
        return self.folder / "console.log"


@dataclass(frozen=True)
class HostSet:
    """Hosts that see each other, on a bridge of their own: `folder` has their files."""

    name: str
    number: int
    prefix: str
    folder: Path

    @property
    def bridge(self) -> str:
        """Name the bridge."""
        return f"hfbr{self.number}"

    @property
    def group(self) -> str:
        """Name the control group that all processes of the set are in."""
        return f"hf{self.number}"

    @property
    def gateway(self) -> str:
        """Return this machine's address on the bridge."""
        return f"{self.prefix}.{self.number}.1"

    @property
    def wheels_url(self) -> str:
        """Return where the hosts find wheels."""
        return f"http://{self.gateway}:{WHEELS_PORT}/"

    def host(self, name: str) -> Host:
        """Return the host of that name, there or not.

        Raises:
            HostsError: no host can have that name.
        """
        found = HOST_NAME.fullmatch(name)
        if found is None:
            kinds = ", ".join(f"{kind}1" for kind in KINDS)
            raise HostsError(f"`{name}` is no name of a test host: expected {kinds} and so on up to 9.")
        last = KINDS[found.group(1)] + int(found.group(2))
        return Host(name, self.number, f"{self.prefix}.{self.number}.{last}", self.folder / name)

    def every(self) -> list[Host]:
        """Return all hosts that there can be: they know each other's names before they are there."""
        return [self.host(f"{kind}{number}") for kind in KINDS for number in range(1, 10)]

    def made(self) -> list[Host]:
        """Return the hosts that have files, in order of their addresses: those that are up, or were when all broke."""
        names = [path.name for path in self.folder.iterdir()] if self.folder.is_dir() else []
        hosts = [self.host(name) for name in names if HOST_NAME.fullmatch(name)]
        return sorted(hosts, key=lambda host: int(host.address.rpartition(".")[2]))


def check_prefix(prefix: str) -> None:
    """Refuse what cannot be the first half of an address.

    Raises:
        HostsError: it is none.
    """
    try:
        IPv4Address(f"{prefix}.0.1")
    except ValueError:
        raise HostsError(f"--prefix: expected two numbers, as in `{DEFAULT_PREFIX}`, got `{prefix}`.") from None


def check_set_name(name: str) -> None:
    """Refuse a name that cannot be a folder.

    Raises:
        HostsError: it is none.
    """
    if not SET_NAME.fullmatch(name):
        raise HostsError(f"`{name}` is no name of a set: expected small letters, digits and dashes, as in `local`.")
