"""Every number that follows from a profile and a host, with its formula."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Derived:
    """The calculated numbers. Seconds are whole unless said otherwise."""

    instances_per_host: int
    """Intent. Each runs in one of two slots."""
    connections_per_instance: int
    """Intent; also the gateway's `admission.max_connections`."""
    connections_per_host: int
    """Instances x connections."""
    descriptors: int
    """Of an instance: 2 x connections + slack, rounded up to 1,024; at most the ceiling."""
    nr_open: int
    """2 x the largest limit of a process, at least 1,048,576: what LimitNOFILE may be."""
    file_max: int
    """4 x what all processes of a host may open together, one instance more during a roll."""
    backlog: int
    """Connections that wait to be accepted: connections / reconnect window x stall, a power of two, 4,096 to 65,535."""
    syn_backlog: int
    """Handshakes half done: as many as the backlog."""
    netdev_backlog: int
    """Packets waiting for a core, the loopback's too: as the backlog, at least 16,384."""
    port_range: str
    """Intent: first and last port of outgoing connections."""
    reserved_ports: str
    """Intent and the ports of all slots: never taken for an outgoing connection."""
    outgoing_ports: int
    """Ports of the range that are not reserved: connections from one address to one instance."""
    tcp_mem: tuple[int, int, int]
    """Pages for TCP: parts of memory by intent."""
    conntrack_max: int
    """2 x the connections a host sees, as a power of two, at least 262,144."""
    conntrack_buckets: int
    """As many as entries: each is in the table twice, so chains are 2 long when it is full."""
    max_orphans: int
    """Connections nobody holds any more: a host's, as a power of two; at most an eighth of memory at 64 KiB each."""
    memory_max_bytes: int
    """Of an instance: (base + connections x measured + slow readers x (queue + unsent)) x (1 + headroom)."""
    ping_interval: int
    """The longest wanted, at most 0.45 of the smallest idle limit on the way."""
    pong_timeout: int
    """A third of the ping interval, at most 8 and at least 1 (0.5 would be none)."""
    poll_timeout: int
    """How long a poll waits: the ping interval."""
    propagation_wait: float
    """Intent."""
    drain_window: float
    """Intent."""
    flush: float
    """Twice the intent: for requests in flight, then for the snapshot."""
    stop_seconds: float
    """Wait + drain window + flush + margin: what a stop takes at most."""
    termination_grace: int
    """terminationGracePeriodSeconds: the next multiple of 5 above that."""
    stop_timeout: int
    """TimeoutStopSec: 10 above the grace of a pod, so that it is the same everywhere and above the sum."""
    hard_stop_after: int
    """HAProxy's: the patience with a reload, and at least 60 above the longest stop."""
    proxy_idle_timeout: int
    """HAProxy's timeouts: two pings and a pong, at least 60."""
    haproxy_maxconn: int
    """All clients of the gateways behind it x (1 + headroom)."""
    haproxy_server_maxconn: int
    """Of one instance: its connections x (1 + headroom), so that the gateway refuses first, and says why."""
    haproxy_descriptors: int
    """2 x maxconn + slack: two sockets a client."""
    redis_maxclients: int
    """Instances of the fleet, both slots, x connections to Redis x (1 + headroom) + 128, at least 10,000."""
    redis_maxmemory_bytes: int
    """Intent's part of memory; the rest is for copies while Redis forks."""
    keepalive_idle: int
    """Intent."""
    keepalive_interval: int
    """Intent."""
    keepalive_probes: int
    """Intent."""
    user_timeout: int
    """Intent."""
    notsent_lowat: int
    """Intent."""
    handshake_rate: int
    """Handshakes a second an instance accepts: twice what a drain sends it, at most what `cpu_ceiling` pays for."""
    handshake_burst: int
    """Half a second of them, at least 100."""
    cpu_ratio: float
    """Part of a core for pings and messages as planned."""
    alerts: Mapping[str, float]
    """Thresholds by alert."""
