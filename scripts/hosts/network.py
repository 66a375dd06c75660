"""The network of a set: a bridge with this machine's address, and a namespace for each host with one link to it.

There is no route out: hosts reach each other and this machine's address on the bridge. What is made has the set's
number in its name and is removed by name.
"""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from ipaddress import IPv4Network, ip_network
from pathlib import Path

from .model import Host, HostSet
from .shell import HostsError, run, succeeds

# With it, packets between two ports of a bridge pass the rules for forwarded ones, which Docker sets to refuse.
BRIDGE_RULES = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
# A route to so much of the world is a way out, as those of a VPN to 0.0.0.0/1 and 128.0.0.0/1 are.
WAY_OUT_BITS = 7


def links(number: int) -> list[str]:
    """Return the names of all links of a set that this machine has, the bridge last."""
    names = [link["ifname"] for link in json.loads(run("ip", "-json", "link", "show"))]
    return [name for name in names if name.startswith(f"hf{number}-")] + [
        name for name in names if name == f"hfbr{number}"
    ]


def namespaces(number: int) -> list[str]:
    """Return the names of all network namespaces of a set."""
    names = [line.split()[0] for line in run("ip", "netns", "list").splitlines() if line.strip()]
    return [name for name in names if name.startswith(f"hf{number}-")]


def clash(hosts: HostSet) -> str:
    """Return what of this machine uses addresses of the set already, "" where nothing does."""
    wanted = IPv4Network(f"{hosts.prefix}.{hosts.number}.0/24")
    for link in json.loads(run("ip", "-4", "-json", "address", "show")):
        for one in link.get("addr_info", []):
            used = ip_network(f"{one['local']}/{one['prefixlen']}", strict=False)
            if link["ifname"] != hosts.bridge and used.overlaps(wanted):
                return f"{link['ifname']} has {one['local']}/{one['prefixlen']}"
    # Of all tables: those of a VPN stand in one of their own.
    for route in json.loads(run("ip", "-4", "-json", "route", "show", "table", "all")):
        target = ip_network("0.0.0.0/0" if route["dst"] == "default" else route["dst"])
        is_ours = target.prefixlen <= WAY_OUT_BITS or route.get("dev") == hosts.bridge
        if target.overlaps(wanted) and not is_ours:
            return f"there is a route to {target}" + (f" by {route['dev']}" if "dev" in route else "")
    return ""


def ensure_bridge(hosts: HostSet) -> None:
    """Make the bridge where it is missing, and let its hosts talk to each other.

    Raises:
        HostsError: its addresses are in use; nothing was made.
    """
    if hosts.bridge not in links(hosts.number):
        if used := clash(hosts):
            raise HostsError(
                f"The set `{hosts.name}` would take {hosts.prefix}.{hosts.number}.0/24, but {used} on this machine: "
                "choose other addresses, such as `test_hosts.py up --prefix 172.31`."
            )
        run("ip", "link", "add", hosts.bridge, "type", "bridge")
    run("ip", "address", "replace", f"{hosts.gateway}/24", "dev", hosts.bridge)
    run("ip", "link", "set", hosts.bridge, "up")
    rule = _rule(hosts.number)
    if _are_rules_in_the_way() and not succeeds("iptables", "-w", "-C", *rule):
        run("iptables", "-w", "-I", *rule)


def connect(host: Host) -> None:
    """Give a host a new network namespace, with the kernel's own settings: also at each of its reboots."""
    disconnect(host)
    inside = ("ip", "-netns", host.link)
    run("ip", "netns", "add", host.link)
    run(
        "ip", "link", "add", host.link, "type", "veth",
        "peer", "name", "eth0", "address", host.mac, "netns", host.link,
    )  # fmt: skip
    run("ip", "link", "set", host.link, "master", f"hfbr{host.number}", "up")
    run(*inside, "link", "set", "lo", "up")
    run(*inside, "address", "add", f"{host.address}/24", "dev", "eth0")
    run(*inside, "link", "set", "eth0", "up")


def disconnect(host: Host) -> None:
    """Remove a host's link and namespace, if there."""
    # The link by itself: a namespace lives for as long as a process is in it, and keeps its link.
    remove_link(host.link)
    with suppress(HostsError):
        run("ip", "netns", "delete", host.link)


def connect_vm(host: Host) -> None:
    """Give a virtual machine a link to the bridge; its own end is a device of QEMU's."""
    remove_link(host.link)
    run("ip", "tuntap", "add", host.link, "mode", "tap")
    run("ip", "link", "set", host.link, "master", f"hfbr{host.number}", "up")


def remove_link(name: str) -> None:
    """Remove a link, if there."""
    with suppress(HostsError):
        run("ip", "link", "delete", name)


def remove(number: int) -> list[str]:
    """Remove the links, namespaces and rules of a set, and return the names of what is left."""
    for name in links(number):
        remove_link(name)
    for name in namespaces(number):
        with suppress(HostsError):
            run("ip", "netns", "delete", name)
    while shutil.which("iptables") and succeeds("iptables", "-w", "-D", *_rule(number)):
        pass
    return links(number) + namespaces(number)


def _rule(number: int) -> list[str]:
    return ["FORWARD", "-i", f"hfbr{number}", "-o", f"hfbr{number}", "-j", "ACCEPT"]


def _are_rules_in_the_way(setting: Path = BRIDGE_RULES) -> bool:
    return setting.is_file() and setting.read_text().strip() == "1" and shutil.which("iptables") is not None
