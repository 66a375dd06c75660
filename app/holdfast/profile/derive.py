"""Calculate every number of a host from a profile's intents. Pure; what contradicts itself is refused by name."""

from __future__ import annotations

import math

from holdfast.profile import formulas
from holdfast.profile.derived import Derived
from holdfast.profile.entry_faults import entry_faults
from holdfast.profile.facts import HostFacts
from holdfast.profile.faults import ProfileError
from holdfast.profile.formulas import MIB
from holdfast.profile.invariants import broken
from holdfast.profile.model import Intents, Profile

_DEFAULT_BACKLOG = 4096  # the kernel's since 5.4
_MOST_BACKLOG = 65535  # what the gateway's setting takes, and what older kernels held in 16 bits
_ORPHAN_BYTES = 65536  # ip-sysctl: up to about 64 KB each, unswappable
_DEFAULT_CONNTRACK = 262144
_PING_SHARE = 0.45  # of the smallest idle limit: a lost ping is followed by another one in time


def derive(profile: Profile, facts: HostFacts) -> Derived:
    """Return every number for a host.

    Raises:
        ProfileError: the profile contradicts itself, or the host is too small for it; with every reason.
    """
    derived = calculate(profile.intents, facts)
    if faults := [*broken(profile, facts, derived), *entry_faults(profile, derived)]:
        raise ProfileError(faults)
    return derived


def calculate(intents: Intents, facts: HostFacts) -> Derived:
    """Return the numbers as they come out, right or wrong; `derive` is what checks them."""
    return Derived(**_limits(intents, facts), **_memory(intents, facts), **_times(intents), **_rates(intents))  # type: ignore[arg-type]  # four tables that make up the fields, held by the unit test


def fleet_connections(intents: Intents) -> int:
    """Return how many clients all gateways behind one load balancer may have."""
    return intents.gateway_hosts * intents.instances_per_host * intents.connections_per_instance


def slow_readers(intents: Intents) -> int:
    """Return how many clients of an instance may have a full queue at the same time."""
    return math.ceil(intents.connections_per_instance * intents.slow_reader_ratio)


def connection_bytes(intents: Intents) -> int:
    """Return what a quiet connection takes of the process and of the kernel."""
    return intents.measured.process_bytes_per_connection + intents.measured.kernel_bytes_per_connection


def slow_bytes(intents: Intents) -> int:
    """Return what the slow readers of a full instance take."""
    return slow_readers(intents) * (intents.queue_bytes + intents.notsent_lowat)


def planned_bytes(intents: Intents) -> int:
    """Return what a full instance takes, before headroom and rounding."""
    connections = intents.connections_per_instance * connection_bytes(intents)
    return intents.measured.instance_bytes + connections + slow_bytes(intents)


def with_headroom(intents: Intents, planned: float) -> int:
    """Return a limit for what is planned."""
    return math.ceil(round(planned * (1 + intents.headroom), 6))


def stop_seconds(intents: Intents) -> float:
    """Return how long a stop may take: wait, drain, flush twice, margin."""
    return intents.propagation_wait + intents.drain_window + 2 * intents.stop_flush + intents.stop_margin


def _limits(intents: Intents, facts: HostFacts) -> dict[str, object]:
    connections, instances = intents.connections_per_instance, intents.instances_per_host
    descriptors = formulas.round_up(2 * connections + intents.descriptor_slack, 1024)
    if intents.descriptor_ceiling is not None:
        descriptors = min(descriptors, intents.descriptor_ceiling)
    maxconn = with_headroom(intents, fleet_connections(intents))
    haproxy_descriptors = 2 * maxconn + intents.descriptor_slack
    backlog = formulas.power_of_two(connections / intents.reconnect_window * intents.accept_stall)
    backlog = formulas.clamp(backlog, _DEFAULT_BACKLOG, _MOST_BACKLOG)
    runs_haproxy, runs_gateway = "load_balancer" in facts.roles, "gateway" in facts.roles
    processes = (instances + 1) * descriptors * runs_gateway + haproxy_descriptors * runs_haproxy
    largest = max(descriptors, haproxy_descriptors if runs_haproxy else 0)
    server_maxconn = with_headroom(intents, connections)
    tracked = instances * server_maxconn * runs_gateway + 2 * maxconn * runs_haproxy
    conntrack = max(_DEFAULT_CONNTRACK, formulas.power_of_two(2 * tracked))
    reserved = formulas.port_ranges([*intents.reserved_ports, *_own_ports(intents)])
    return {
        "instances_per_host": instances,
        "connections_per_instance": connections,
        "connections_per_host": instances * connections,
        "descriptors": descriptors,
        "nr_open": max(1048576, 2 * largest),
        "file_max": 4 * max(processes, descriptors),
        "backlog": backlog,
        "syn_backlog": backlog,
        "netdev_backlog": max(16384, backlog),
        "port_range": f"{intents.outgoing_ports[0]} {intents.outgoing_ports[1]}",
        "reserved_ports": formulas.ports_text(reserved),
        "outgoing_ports": formulas.ports_left(intents.outgoing_ports, reserved),
        "conntrack_max": conntrack,
        "conntrack_buckets": conntrack,
        "haproxy_maxconn": maxconn,
        "haproxy_server_maxconn": server_maxconn,
        "haproxy_descriptors": haproxy_descriptors,
    }


def _own_ports(intents: Intents) -> list[str]:
    """Return the ports that both slots of each instance listen on: first, first + 1, then ten further on."""
    firsts = (intents.first_port, intents.first_internal_port)
    return [
        f"{min(65535, first + 10 * number)}-{min(65535, first + 10 * number + 1)}"
        for first in firsts
        for number in range(intents.instances_per_host)
    ]


def _memory(intents: Intents, facts: HostFacts) -> dict[str, object]:
    pages = [int(facts.memory_bytes * ratio / facts.page_bytes) for ratio in intents.tcp_memory_ratios]
    host = intents.instances_per_host * intents.connections_per_instance
    orphans = min(formulas.power_of_two(host), facts.memory_bytes // 8 // _ORPHAN_BYTES)
    return {
        "tcp_mem": (pages[0], pages[1], pages[2]),
        "max_orphans": max(8192, orphans),
        "memory_max_bytes": formulas.round_up(with_headroom(intents, planned_bytes(intents)), 64 * MIB),
        "redis_maxmemory_bytes": formulas.round_up(facts.memory_bytes * intents.redis_memory_ratio, MIB),
    }


def _times(intents: Intents) -> dict[str, object]:
    smallest = min(intents.idle_limits.values())
    ping = max(1, math.floor(min(intents.longest_ping, smallest * _PING_SHARE)))
    pong = formulas.clamp(ping // 3, 1, 8)
    flush = 2 * intents.stop_flush
    stop = stop_seconds(intents)
    grace = formulas.round_up(math.floor(stop) + 1, 5)
    return {
        "ping_interval": ping,
        "pong_timeout": pong,
        "poll_timeout": ping,
        "poll_idle_timeout": max(60, 3 * ping),
        "propagation_wait": intents.propagation_wait,
        "drain_window": intents.drain_window,
        "flush": flush,
        "stop_seconds": stop,
        "termination_grace": grace,
        "stop_timeout": grace + 10,
        "hard_stop_after": max(math.ceil(intents.reload_patience), grace + 10 + 60),
        "proxy_idle_timeout": max(60, 2 * ping + pong),
        "keepalive_idle": math.ceil(intents.keepalive_idle),
        "keepalive_interval": math.ceil(intents.keepalive_interval),
        "keepalive_probes": intents.keepalive_probes,
        "user_timeout": math.ceil(intents.user_timeout),
        "notsent_lowat": intents.notsent_lowat,
    }


def _rates(intents: Intents) -> dict[str, object]:
    measured = intents.measured
    pings = intents.connections_per_instance * measured.idle_us_per_minute / 60 / 1e6
    affordable = intents.cpu_ceiling * 1e6 / measured.handshake_us
    rate = max(1, math.floor(min(2 * intents.reconnect_rate, affordable)))
    instances = intents.gateway_hosts * intents.instances_per_host * 2
    clients = with_headroom(intents, instances * intents.redis_connections_per_instance) + 128
    return {
        "handshake_rate": rate,
        "handshake_burst": max(100, rate // 2),
        "cpu_ratio": round(pings + intents.message_rate * measured.delivery_us / 1e6, 4),
        "redis_maxclients": max(10000, clients),
        "redis_down_after": intents.redis_down_after,
        "broker_unready_after": 3 * intents.redis_down_after,
        "alerts": _alerts(intents, rate),
    }


def _alerts(intents: Intents, rate: int) -> dict[str, float]:
    ratio = intents.alert_ratio
    return {
        "HoldfastConnectionsHigh": math.floor(ratio * intents.connections_per_instance),
        "HoldfastDescriptorsHigh": ratio,
        "HoldfastMemoryHigh": ratio,
        "HoldfastConntrackHigh": ratio,
        "HoldfastSocketMemoryHigh": ratio,
        "HoldfastCpuHigh": ratio,
        "HoldfastHandshakeRateHigh": math.floor(ratio * rate),
        "HoldfastDeliveryRateHigh": math.floor(max(1.0, intents.message_rate * (1 + intents.headroom))),
        "HoldfastSlowReadersHigh": slow_readers(intents),
        "HoldfastDrainSlow": round(ratio * stop_seconds(intents), 1),
        "HoldfastAcceptQueueOverflow": 0,
        "HoldfastProfileDrift": 0,
    }
