"""Every number that follows from a profile and a host: its formula, its unit, and the intents it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final


def _number(formula: str, unit: str, *intents: str) -> Any:
    return field(metadata={"formula": formula, "unit": unit, "intents": intents})


_FLEET: Final = ("gateway_hosts", "instances_per_host", "connections_per_instance", "headroom")
_STOP: Final = ("propagation_wait", "drain_window", "stop_flush", "stop_margin")
_PING: Final = ("idle_limits", "longest_ping")
_MEMORY: Final = (
    "connections_per_instance",
    "measured",
    "slow_reader_ratio",
    "queue_bytes",
    "notsent_lowat",
    "headroom",
)
_BACKLOG: Final = ("connections_per_instance", "reconnect_window", "accept_stall")


@dataclass(frozen=True, slots=True)
class Derived:
    """The calculated numbers of one host."""

    instances_per_host: int = _number("as intended", "instances", "instances_per_host")
    connections_per_instance: int = _number(
        "as intended; the gateway's admission.max_connections", "connections", "connections_per_instance"
    )
    connections_per_host: int = _number(
        "instances x connections", "connections", "instances_per_host", "connections_per_instance"
    )
    descriptors: int = _number(
        "of an instance: 2 x connections + slack, up to the next 1,024; at most the ceiling",
        "descriptors", "connections_per_instance", "descriptor_slack", "descriptor_ceiling",
    )  # fmt: skip
    nr_open: int = _number(
        "2 x the largest limit of a process, at least 1,048,576",
        "descriptors", "descriptor_slack", "descriptor_ceiling", *_FLEET,
    )  # fmt: skip
    file_max: int = _number(
        "4 x what all processes of a host may open, with one instance more during a roll",
        "files", "descriptor_slack", "descriptor_ceiling", *_FLEET,
    )  # fmt: skip
    backlog: int = _number(
        "what waits to be accepted: connections / reconnect window x stall, a power of two from 4,096 to 65,535",
        "connections", *_BACKLOG,
    )  # fmt: skip
    syn_backlog: int = _number("handshakes half done: as many as the backlog", "handshakes", *_BACKLOG)
    netdev_backlog: int = _number(
        "packets waiting for a core, the loopback's too: the backlog, at least 16,384", "packets", *_BACKLOG
    )
    port_range: str = _number("as intended: first and last port of outgoing connections", "ports", "outgoing_ports")
    reserved_ports: str = _number(
        "as intended, and the ports of all slots: never taken for an outgoing connection",
        "ports", "reserved_ports", "first_port", "first_internal_port", "instances_per_host",
    )  # fmt: skip
    outgoing_ports: int = _number(
        "ports of the range that are not reserved: connections from one address to one instance",
        "ports", "outgoing_ports", "reserved_ports", "first_port", "first_internal_port", "instances_per_host",
    )  # fmt: skip
    tcp_mem: tuple[int, int, int] = _number("parts of the host's memory", "pages", "tcp_memory_ratios")
    conntrack_max: int = _number(
        "2 x the connections a host sees, a power of two, at least 262,144", "entries", *_FLEET
    )
    conntrack_buckets: int = _number(
        "as many as entries: each stands in the table twice, so chains are two long when it is full",
        "buckets", *_FLEET,
    )  # fmt: skip
    max_orphans: int = _number(
        "a host's connections, a power of two; at most an eighth of its memory at 64 KiB each, at least 8,192",
        "connections", "instances_per_host", "connections_per_instance",
    )  # fmt: skip
    memory_max_bytes: int = _number(
        "of an instance: (empty + connections x measured + slow readers x (queue + unsent)) x (1 + headroom), "
        "up to the next 64 MiB",
        "bytes", *_MEMORY,
    )  # fmt: skip
    ping_interval: int = _number("the longest wanted, at most 0.45 of the smallest idle limit on the way", "s", *_PING)
    pong_timeout: int = _number("a third of the ping interval, from 1 to 8", "s", *_PING)
    poll_timeout: int = _number("how long a poll waits: the ping interval", "s", *_PING)
    poll_idle_timeout: int = _number("three polls, at least 60", "s", *_PING)
    propagation_wait: float = _number("as intended", "s", "propagation_wait")
    drain_window: float = _number("as intended", "s", "drain_window")
    flush: float = _number("twice as intended: for requests in flight, then for the snapshot", "s", "stop_flush")
    stop_seconds: float = _number("wait + drain window + flush + margin: what a stop takes at most", "s", *_STOP)
    termination_grace: int = _number("terminationGracePeriodSeconds: the next multiple of 5 above a stop", "s", *_STOP)
    stop_timeout: int = _number("TimeoutStopSec: 10 more than the grace of a pod", "s", *_STOP)
    hard_stop_after: int = _number(
        "HAProxy's: the patience with a reload, at least 60 more than the longest stop", "s", "reload_patience", *_STOP
    )
    proxy_idle_timeout: int = _number("HAProxy's timeouts: two pings and a pong, at least 60", "s", *_PING)
    haproxy_maxconn: int = _number("the clients of all gateways behind it x (1 + headroom)", "connections", *_FLEET)
    haproxy_server_maxconn: int = _number(
        "of one instance: connections x (1 + headroom), so that the gateway refuses first, and says why",
        "connections", "connections_per_instance", "headroom",
    )  # fmt: skip
    haproxy_descriptors: int = _number(
        "2 x maxconn + slack: two sockets a client", "descriptors", "descriptor_slack", *_FLEET
    )
    redis_maxclients: int = _number(
        "instances of the fleet, both slots, x connections to Redis x (1 + headroom) + 128, at least 10,000",
        "connections", "gateway_hosts", "instances_per_host", "redis_connections_per_instance", "headroom",
    )  # fmt: skip
    redis_maxmemory_bytes: int = _number(
        "the part of the host's memory that is meant for data", "bytes", "redis_memory_ratio"
    )
    redis_down_after: float = _number("as intended", "s", "redis_down_after")
    broker_unready_after: float = _number(
        "3 x redis_down_after, so that a failover makes no instance unready", "s", "redis_down_after"
    )
    keepalive_idle: int = _number("as intended", "s", "keepalive_idle")
    keepalive_interval: int = _number("as intended", "s", "keepalive_interval")
    keepalive_probes: int = _number("as intended", "questions", "keepalive_probes")
    user_timeout: int = _number("as intended", "s", "user_timeout")
    notsent_lowat: int = _number("as intended", "bytes", "notsent_lowat")
    handshake_rate: int = _number(
        "accepted by an instance: twice what a drain sends it, at most what the CPU ceiling pays for",
        "a second", "reconnect_rate", "cpu_ceiling", "measured",
    )  # fmt: skip
    handshake_burst: int = _number(
        "half a second of the handshake rate, at least 100", "handshakes", "reconnect_rate", "cpu_ceiling", "measured"
    )
    cpu_ratio: float = _number(
        "pings and messages as planned, at their measured cost",
        "of a core", "connections_per_instance", "message_rate", "measured",
    )  # fmt: skip
    alerts: Mapping[str, float] = _number(
        "thresholds by alert: parts of limits by alert_ratio, or numbers that follow from the plan",
        "by alert", "alert_ratio", "message_rate", "headroom", "slow_reader_ratio", "connections_per_instance",
        "reconnect_rate", "cpu_ceiling", "measured", *_STOP,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a calculated number is."""

    formula: str
    unit: str
    intents: tuple[str, ...]


MEANINGS: Final[Mapping[str, Meaning]] = {
    one.name: Meaning(one.metadata["formula"], one.metadata["unit"], tuple(dict.fromkeys(one.metadata["intents"])))
    for one in fields(Derived)
}
"""What each number is, by name."""
