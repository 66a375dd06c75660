"""What has to hold between the numbers of a profile: one name and one sentence for each way it may not."""

from __future__ import annotations

import math
from collections.abc import Iterator

from holdfast.profile.derived import Derived
from holdfast.profile.facts import HostFacts
from holdfast.profile.faults import Fault
from holdfast.profile.formulas import MIB, port_ranges
from holdfast.profile.model import Intents, Profile

LONGEST_GRACE = 600  # cluster-autoscaler cuts a pod's graceful end there


def broken(profile: Profile, facts: HostFacts, derived: Derived) -> list[Fault]:
    """Return every invariant that does not hold; none where the profile fits the host."""
    intents = profile.intents
    return [
        *_descriptors(intents, derived),
        *_proxy_descriptors(intents, facts, derived),
        *_pings(intents, derived),
        *_stop(intents, derived),
        *_pace(intents, derived),
        *_memory(intents, facts, derived),
        *_tcp_memory(intents, facts, derived),
        *_queues(intents, derived),
        *_ports(intents, derived),
        *_host(intents, facts, derived),
    ]


def _descriptors(intents: Intents, derived: Derived) -> Iterator[Fault]:
    need = 2 * intents.connections_per_instance + intents.descriptor_slack
    if derived.descriptors < need:
        yield Fault(
            "descriptors_too_few",
            f"expected descriptors for 2 x {intents.connections_per_instance} connections and "
            f"{intents.descriptor_slack} more, which is {need}; saw a ceiling of {derived.descriptors}. "
            f"Lower connections_per_instance to {max(0, (derived.descriptors - intents.descriptor_slack) // 2)}, "
            "or raise descriptor_ceiling where the machine allows it",
            ("descriptor_ceiling", "connections_per_instance"),
        )


def _proxy_descriptors(intents: Intents, facts: HostFacts, derived: Derived) -> Iterator[Fault]:
    ceiling = intents.descriptor_ceiling
    if "load_balancer" in facts.roles and ceiling is not None and derived.haproxy_descriptors > ceiling:
        yield Fault(
            "proxy_descriptors_too_few",
            f"expected descriptors for two sockets of each of {derived.haproxy_maxconn} clients and "
            f"{intents.descriptor_slack} more, which is {derived.haproxy_descriptors}; saw a ceiling of {ceiling}. Put "
            "fewer gateway_hosts behind a load balancer, or lower connections_per_instance",
            ("descriptor_ceiling", "gateway_hosts", "connections_per_instance"),
        )


def _pings(intents: Intents, derived: Derived) -> Iterator[Fault]:
    name, smallest = min(intents.idle_limits.items(), key=lambda item: item[1])
    ping, pong = derived.ping_interval, derived.pong_timeout
    if ping + pong >= smallest:
        yield Fault(
            "ping_too_slow",
            f"expected a ping and its pong before {name} ends a quiet connection, saw {ping} + {pong} s "
            f"against {smallest:g} s; pings come no faster than once a second, so raise that limit",
            ("idle_limits",),
        )
    if pong >= ping:
        yield Fault(
            "pong_after_next_ping",
            f"expected a pong due before the next ping, saw {pong} s and {ping} s; raise longest_ping to 2 s or more, "
            "and idle limits to 5 s or more",
            ("longest_ping", "idle_limits"),
        )
    if derived.user_timeout <= pong:
        yield Fault(
            "user_timeout_before_pong",
            f"expected the kernel to wait longer than the gateway, so that the end has a name; saw a user timeout of "
            f"{derived.user_timeout} s beside a pong due within {pong} s. Raise user_timeout",
            ("user_timeout",),
        )
    dead = derived.keepalive_idle + derived.keepalive_interval * derived.keepalive_probes
    if dead <= ping + pong:
        yield Fault(
            "keepalive_before_ping",
            f"expected keepalive to stand behind the pings, saw it end a connection after {dead} s "
            f"and the pings after {ping + pong}; raise keepalive_idle",
            ("keepalive_idle",),
        )


def _stop(intents: Intents, derived: Derived) -> Iterator[Fault]:
    seen = intents.check_interval * (intents.check_fall + 1)
    if intents.propagation_wait < seen:
        yield Fault(
            "propagation_too_short",
            f"expected to wait until the balancer has seen that an instance leaves, {intents.check_fall} checks and "
            f"one more every {intents.check_interval:g} s, which is {seen:g} s; saw {intents.propagation_wait:g} s. "
            "Raise propagation_wait, or check more often",
            ("propagation_wait", "check_interval", "check_fall"),
        )
    if derived.termination_grace > LONGEST_GRACE:
        yield Fault(
            "stop_too_long",
            f"expected wait + drain + flush + margin to be less than {LONGEST_GRACE} s, where a cluster's autoscaler "
            f"cuts a pod's end; saw {intents.propagation_wait:g} + {intents.drain_window:g} + {derived.flush:g} + "
            f"{intents.stop_margin:g} s. Shorten drain_window, with fewer connections_per_instance if it has to be",
            ("drain_window", "propagation_wait", "stop_flush", "stop_margin"),
        )
    patience = min(derived.termination_grace, derived.stop_timeout)
    if not derived.stop_seconds < patience:
        yield Fault(
            "stop_cut_short",
            f"expected systemd and Kubernetes to wait longer than a stop takes, saw {patience} s for "
            f"{derived.stop_seconds:g} s",
            ("drain_window",),
        )
    if derived.hard_stop_after <= max(derived.termination_grace, derived.stop_timeout):
        yield Fault(
            "hard_stop_too_early",
            f"expected HAProxy's old process to outlive a drain, saw hard-stop-after {derived.hard_stop_after} s "
            f"beside {derived.stop_timeout} s; raise reload_patience",
            ("reload_patience",),
        )


def _pace(intents: Intents, derived: Derived) -> Iterator[Fault]:
    if intents.drain_window and intents.connections_per_instance / intents.drain_window > intents.reconnect_rate:
        window = math.ceil(intents.connections_per_instance / intents.reconnect_rate)
        yield Fault(
            "drain_too_fast",
            "expected the clients of an instance to leave no faster than the others take them in, saw "
            f"{intents.connections_per_instance} in {intents.drain_window:g} s for {intents.reconnect_rate:g} a "
            f"second; raise drain_window to {window} s, or the rate if it was measured",
            ("drain_window", "reconnect_rate", "connections_per_instance"),
        )
    if derived.cpu_ratio > intents.cpu_ceiling:
        yield Fault(
            "cpu_too_small",
            f"expected pings and messages to take at most {intents.cpu_ceiling:g} of a core, saw "
            f"{derived.cpu_ratio:g} for {intents.connections_per_instance} connections and "
            f"{intents.message_rate:g} messages a second; plan more instances with less each",
            ("message_rate", "connections_per_instance", "cpu_ceiling"),
        )
    if derived.handshake_rate < intents.reconnect_rate:
        yield Fault(
            "handshakes_too_dear",
            f"expected an instance to take in {intents.reconnect_rate:g} clients a second, saw that "
            f"{derived.handshake_rate} fill {intents.cpu_ceiling:g} of a core at {intents.measured.handshake_us:g} us "
            "each; lower reconnect_rate",
            ("reconnect_rate", "cpu_ceiling"),
        )


def _memory(intents: Intents, facts: HostFacts, derived: Derived) -> Iterator[Fault]:
    measured = intents.measured
    each = measured.process_bytes_per_connection + measured.kernel_bytes_per_connection
    need = intents.connections_per_instance * each
    if derived.memory_max_bytes < need:
        yield Fault(
            "memory_below_connections",
            f"expected a memory limit of at least connections x measured cost, {need} bytes, saw "
            f"{derived.memory_max_bytes}",
            ("connections_per_instance", "measured"),
        )
    usable = facts.memory_bytes * (1 - intents.host_reserve_ratio)
    for role, count, bytes_needed, remedy in _tenants(intents, derived):
        if role in facts.roles and bytes_needed > usable:
            yield Fault(
                "host_memory_too_small",
                f"expected room for {count}, {_mib(bytes_needed)}; saw {_mib(usable)}, which is what a host of "
                f"{_mib(facts.memory_bytes)} has beside its reserve. Remedy: {remedy}",
                ("connections_per_instance", "instances_per_host"),
            )


def _tcp_memory(intents: Intents, facts: HostFacts, derived: Derived) -> Iterator[Fault]:
    low, pressure, high = derived.tcp_mem
    if not 0 < low < pressure < high:
        yield Fault(
            "tcp_memory_disordered",
            f"expected three growing parts of memory for TCP, saw {', '.join(map(str, intents.tcp_memory_ratios))}, "
            f"which is {low}, {pressure} and {high} pages",
            ("tcp_memory_ratios",),
        )
    slow = math.ceil(derived.connections_per_host * intents.slow_reader_ratio) * intents.notsent_lowat
    if "gateway" in facts.roles and pressure * facts.page_bytes < slow:
        yield Fault(
            "tcp_memory_too_small",
            f"expected TCP to have room for what slow readers leave unsent, {_mib(slow)}, before windows shrink for "
            f"everybody; saw {_mib(pressure * facts.page_bytes)}. Raise tcp_memory_ratios or the host's memory, or "
            "lower slow_reader_ratio or notsent_lowat",
            ("tcp_memory_ratios", "slow_reader_ratio", "notsent_lowat"),
        )


def _tenants(intents: Intents, derived: Derived) -> Iterator[tuple[str, str, float, str]]:
    instances = intents.instances_per_host + 1
    yield (
        "gateway",
        f"{instances} instances (one more during a roll) of {_mib(derived.memory_max_bytes)}",
        instances * derived.memory_max_bytes,
        "lower instances_per_host or connections_per_instance, or take a larger host",
    )
    each = intents.measured.haproxy_bytes_per_connection + 2 * intents.measured.kernel_bytes_per_connection
    yield (
        "load_balancer",
        f"HAProxy's {derived.haproxy_maxconn} connections of {each} bytes",
        derived.haproxy_maxconn * each,
        "put fewer gateway_hosts behind one load balancer, or take a larger one",
    )


def _mib(number: float) -> str:
    return f"{number / MIB:,.0f} MiB"


def _queues(intents: Intents, derived: Derived) -> Iterator[Fault]:
    if intents.message_bytes > intents.max_message_bytes:
        yield Fault(
            "message_above_limit",
            f"expected a usual message to be allowed, saw {intents.message_bytes} bytes over max_message_bytes "
            f"{intents.max_message_bytes}",
            ("message_bytes", "max_message_bytes"),
        )
    if intents.max_message_bytes > intents.queue_bytes:
        yield Fault(
            "message_above_queue",
            f"expected the largest message to fit into a client's queue, saw {intents.max_message_bytes} over "
            f"{intents.queue_bytes} bytes; it would be closed as a slow reader",
            ("max_message_bytes", "queue_bytes"),
        )
    if intents.notsent_lowat > intents.queue_bytes:
        yield Fault(
            "lowat_above_queue",
            f"expected most of what waits to be in the gateway's queue, where it is counted; saw "
            f"{intents.notsent_lowat} unsent bytes in the kernel over a queue of {intents.queue_bytes}",
            ("notsent_lowat", "queue_bytes"),
        )


def _ports(intents: Intents, derived: Derived) -> Iterator[Fault]:
    first, last = intents.outgoing_ports
    if not 1024 <= first < last <= 65535:
        yield Fault(
            "port_range_wrong",
            f"expected a growing range of ports within 1024 to 65535, saw {first} to {last}",
            ("outgoing_ports",),
        )
    elif derived.outgoing_ports < derived.haproxy_server_maxconn:
        yield Fault(
            "ports_too_few",
            "expected a port for each connection from a load balancer to one instance, "
            f"{derived.haproxy_server_maxconn}; saw {derived.outgoing_ports} that nobody reserves. Lower "
            "connections_per_instance or headroom, or widen outgoing_ports",
            ("outgoing_ports", "reserved_ports", "connections_per_instance"),
        )
    spans = [
        first + 10 * (intents.instances_per_host - 1) + 1 for first in (intents.first_port, intents.first_internal_port)
    ]
    public = range(intents.first_port, spans[0] + 1)
    if (
        max(spans) > 65535
        or intents.first_internal_port in public
        or intents.first_port in range(intents.first_internal_port, spans[1] + 1)
    ):
        yield Fault(
            "listeners_collide",
            f"expected ports of their own for {intents.instances_per_host} instances, ten apart; saw "
            f"{intents.first_port} to {spans[0]} public and {intents.first_internal_port} to {spans[1]} internal",
            ("first_port", "first_internal_port", "instances_per_host"),
        )
    if bad := [
        text for text in intents.reserved_ports for low, high in port_ranges([text]) if not 0 < low <= high < 65536
    ]:
        yield Fault(
            "reserved_ports_wrong",
            f"expected ports or growing ranges within 1 to 65535, saw {', '.join(bad)}",
            ("reserved_ports",),
        )


def _host(intents: Intents, facts: HostFacts, derived: Derived) -> Iterator[Fault]:
    need = intents.instances_per_host * intents.cores_per_instance
    if "gateway" in facts.roles and need > facts.cores:
        yield Fault(
            "host_cores_too_few",
            f"expected {need:g} cores for {intents.instances_per_host} instances, saw {facts.cores}; lower "
            "instances_per_host, or cores_per_instance where they are not busy at the same time",
            ("instances_per_host", "cores_per_instance"),
        )
