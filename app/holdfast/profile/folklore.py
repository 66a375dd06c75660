"""Recipes that are copied from page to page and do harm or nothing, each refused with the reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from holdfast.profile.faults import Fault

MADE_BY_US: Final = "Made from the profile"
"""How a text that is rendered from a profile begins, behind its comment mark."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants a key to be.

    Args:
        value: as the kernel or the unit has it.
        mode: exact, min, max or report.
        is_calculated: for this machine, and not copied.
    """

    value: str
    mode: str = "exact"
    is_calculated: bool = False

    @property
    def number(self) -> float:
        """The last number of it; 0 where there is none."""
        found = re.findall(r"-?\d+(?:\.\d+)?", self.value)
        return float(found[-1]) if found else 0.0


@dataclass(frozen=True, slots=True)
class Folk:
    """A recipe: the keys it is about, when it is one, why not."""

    name: str
    keys: str
    is_so: Callable[[Wanted], bool]
    reason: str


def _always(_: Wanted) -> bool:
    return True


def _is(*values: str) -> Callable[[Wanted], bool]:
    return lambda wanted: wanted.value.strip().lower() in values


RECIPES: Final = (
    Folk(
        "folklore_tw_recycle", r"net\.ipv4\.tcp_tw_recycle", _always,
        "gone since Linux 4.12, and before that it dropped clients behind one address; leave it out",
    ),
    Folk(
        "folklore_no_effect", r"net\.ipv4\.tcp_(low_latency|fack)", _always,
        "the kernel reads it no more; leave it out",
    ),
    Folk(
        "folklore_timestamps_off", r"net\.ipv4\.tcp_timestamps", _is("0"),
        "without timestamps old packets reach new connections, and tcp_tw_reuse does not work; leave 1",
    ),
    Folk(
        "folklore_sack_off", r"net\.ipv4\.tcp_(sack|window_scaling)", _is("0"),
        "each loss then costs a round trip or a window of 64 KiB; leave 1",
    ),
    Folk(
        "folklore_file_max_fixed", r"fs\.file-max", lambda one: one.mode == "exact" and not one.is_calculated,
        "systemd has raised it to the maximum, so a fixed number lowers it; use mode min",
    ),
    Folk(
        "folklore_tcp_mem_fixed", r"net\.ipv4\.tcp_mem", lambda one: one.mode != "report" and not one.is_calculated,
        "pages for one size of machine starve a larger one and drown a smaller one; use the formula tcp_mem",
    ),
    Folk(
        "folklore_default_buffers", r"net\.core\.[rw]mem_default", lambda one: one.number > 1048576,
        "TCP does not look at it, and every UDP socket may take that much; leave it out",
    ),
    Folk(
        "folklore_rmem_lowered", r"net\.ipv4\.tcp_rmem", lambda one: one.mode == "exact" and one.number < 33554432,
        "newer kernels allow 32 MiB by themselves, so the number lowers what fast clients get; leave it out",
    ),
    Folk(
        "folklore_tw_buckets_lowered", r"net\.ipv4\.tcp_max_tw_buckets", lambda one: one.number < 131072,
        "the kernel's manual forbids to lower it: connections then skip TIME_WAIT; use mode min with 262144",
    ),
    Folk(
        "folklore_syncookies", r"net\.ipv4\.tcp_syncookies", _is("0", "2"),
        "2 is for tests and makes every connection lose options, 0 leaves the door to a flood; use 1",
    ),
    Folk(
        "folklore_nofile_infinity", r"LimitNOFILE", _is("infinity", "unlimited", "1073741824"),
        "it is 2^30 on newer systems, and programs that loop over their descriptors stand still; use the formula "
        "descriptors",
    ),
    Folk(
        "folklore_limits_conf", r"/etc/security/limits.*", _always,
        "systemd units do not read it; set LimitNOFILE in the unit",
    ),
    Folk(
        "folklore_ip_forward_off", r"net\.ipv4\.(ip_forward|conf\.all\.forwarding)", _is("0"),
        "a Kubernetes node or a container host loses its pods' network; leave it to whoever needs it",
    ),
    Folk(
        "folklore_map_count", r"vm\.max_map_count", _always,
        "a socket is no memory map; it is for databases. Leave it out",
    ),
    Folk(
        "folklore_optmem", r"net\.core\.optmem_max", lambda one: one.mode != "report" and one.number > 1048576,
        "it bounds control messages of a socket, of which a gateway sends none; leave it out",
    ),
    Folk(
        "folklore_busy_poll", r"net\.core\.busy_(poll|read)", lambda one: one.number > 0,
        "a core burns for sockets that are quiet; leave 0",
    ),
)  # fmt: skip


def refused(settings: Mapping[str, Wanted], backlog: int | None = None) -> list[Fault]:
    """Return every recipe among settings by key.

    Args:
        settings: what is wanted, by key.
        backlog: what the gateway asks for; None where that is not known.
    """
    return [
        *(
            Fault(one.name, f"{key} = {wanted.value}: {one.reason}", (key,))
            for key, wanted in settings.items()
            for one in RECIPES
            if re.fullmatch(one.keys, key) and one.is_so(wanted)
        ),
        *_ports(settings),
        *_backlog(settings, backlog),
    ]


def _ports(settings: Mapping[str, Wanted]) -> Iterator[Fault]:
    wanted = settings.get("net.ipv4.ip_local_port_range")
    first = re.match(r"\s*(\d+)", wanted.value) if wanted else None
    if wanted and first and int(first[1]) < 10240 and not settings.get("net.ipv4.ip_local_reserved_ports"):
        yield Fault(
            "folklore_ports_unreserved",
            f"net.ipv4.ip_local_port_range = {wanted.value}: outgoing connections take the ports of services, which "
            "then cannot start; begin at 10240, or name them in net.ipv4.ip_local_reserved_ports",
            ("net.ipv4.ip_local_port_range",),
        )


def _backlog(settings: Mapping[str, Wanted], backlog: int | None) -> Iterator[Fault]:
    wanted = settings.get("net.core.somaxconn")
    if wanted and backlog is not None and wanted.mode != "report" and wanted.number > backlog:
        yield Fault(
            "folklore_somaxconn_alone",
            f"net.core.somaxconn = {wanted.value}: the smaller of it and the program's own backlog counts, and the "
            f"gateway asks for {backlog}; use the formula backlog, which sets both",
            ("net.core.somaxconn",),
        )


def read_sysctl(text: str) -> dict[str, Wanted]:
    """Return what a file of sysctl.d sets; the last line of a key counts. Lines that are none are left out."""
    ours = MADE_BY_US in text.partition("\n")[0]
    found: dict[str, Wanted] = {}
    for line in text.splitlines():
        match = re.fullmatch(r"\s*-?\s*([A-Za-z0-9_][^=\s]*)\s*=\s*(.*?)\s*", line)
        if match and not line.lstrip().startswith(("#", ";")):
            key = match[1] if "." in match[1].partition("/")[0] else match[1].replace("/", ".")
            found[key] = Wanted(match[2], is_calculated=ours)
    return found
