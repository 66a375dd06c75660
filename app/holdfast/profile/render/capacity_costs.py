"""Tables of docs/capacity.md about what pods cost: Redis, cores and memory, bytes on the wire, and what to watch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from holdfast.profile.capacity import Fleet, Pod
from holdfast.profile.formulas import GIB
from holdfast.profile.render.markdown import grid, mib
from holdfast.settings import ClientSettings

# docs/redis.md, for 100 bytes of data.
PUBLISH_US: Final = 14
PRESENCE_US: Final = 17
CHANNEL_BYTES: Final = 152
PUBLICATION_BYTES: Final = 135
PRESENT_BYTES: Final = 420
# One server takes so much of its core, then it is time for a cluster.
REDIS_SHARE: Final = 0.5
PRESENCE_SECONDS: Final = float(ClientSettings.model_fields["presence_update_interval"].default)

# RFC 6455, 5.2: `{}` in a frame of the server, and in one of a client, which is masked.
PING_BYTES: Final = 4
PONG_BYTES: Final = 8
# docs/performance.md: a publication with 124 bytes of JSON, as a frame.
MESSAGE_BYTES: Final = 172
# IPv4 20, TCP 20, timestamps 12.
PACKET_BYTES: Final = 52
# RFC 8446, 5.2: header 5, type 1, tag 16.
TLS_BYTES: Final = 22

_HISTORY: Final = 10
_FAN_OUTS: Final = (1, 10, 100)
_SHARE: Final = 10_000
_MONTH_HOURS: Final = 730
# Round numbers to calculate with; nobody's prices.
CORE_PRICE: Final = 0.04
GIB_PRICE: Final = 0.005


def redis_sums() -> str:
    """Return the formulas of what Redis has to do."""
    every = f"{PRESENCE_SECONDS:g} s"
    channel = f"({CHANNEL_BYTES} + publications kept x {PUBLICATION_BYTES})"
    return f"""```text
cores of Redis        = publications a second x {PUBLISH_US} us + clients present / {every} x {PRESENCE_US} us
publications a second = messages to clients a second / subscribers of a channel
bytes                 = channels x {channel} + clients present x {PRESENT_BYTES}
```"""


def redis(pod: Pod, examples: Sequence[int]) -> str:
    """Return what Redis has to do for so many clients, each present in one channel."""
    rows = []
    for clients in examples:
        presence = clients / PRESENCE_SECONDS * PRESENCE_US / 1e6
        publishing = [clients * pod.message_share / fan_out * PUBLISH_US / 1e6 for fan_out in _FAN_OUTS]
        memory = clients * (CHANNEL_BYTES + _HISTORY * PUBLICATION_BYTES + PRESENT_BYTES)
        cells = [_cores_of_redis(one + presence) for one in publishing]
        rows.append((f"{clients:,}", f"{presence:.2f}", *cells, f"{memory / 1e6:,.0f} MB"))
    titles = (f"Cores, {one} subscriber{'s' if one > 1 else ''} to a channel" for one in _FAN_OUTS)
    return grid(("Clients", "Cores, presence alone", *titles, "Data, a channel to each client"), rows)


def _cores_of_redis(cores: float) -> str:
    masters = math.ceil(cores / REDIS_SHARE)
    return f"{cores:.2f}" if masters <= 1 else f"{cores:.2f}: {masters} masters"


def costs(pod: Pod, fleets: Sequence[Fleet]) -> str:
    """Return cores, memory and a price of whole fleets, and of 10,000 connections of each."""
    memory = pod.derived.memory_max_bytes / GIB
    hourly = pod.intents.cores_per_instance * CORE_PRICE + memory * GIB_PRICE
    used = f"{pod.cores(_SHARE, _SHARE * pod.message_share):.2f}"
    each = f"of {_SHARE:,} connections"
    rows = [
        ("Pods", [f"{one.pods}" for one in fleets]),
        ("Cores requested", [f"{one.pods * pod.intents.cores_per_instance:g}" for one in fleets]),
        ("GiB requested", [f"{one.pods * memory:.1f}" for one in fleets]),
        (f"Cores requested, {each}", [_part(one, pod.intents.cores_per_instance) for one in fleets]),
        (f"GiB requested, {each}", [_part(one, memory) for one in fleets]),
        (f"Cores used, {each}", [used] * len(fleets)),
        ("An hour, at the prices below", [f"{one.pods * hourly:.2f}" for one in fleets]),
        (f"A month, {each}", [_part(one, hourly * _MONTH_HOURS) for one in fleets]),
    ]
    table = grid(("", *(f"{one.clients:,} clients" for one in fleets)), [(name, *cells) for name, cells in rows])
    prices = f"{CORE_PRICE:g} an hour for a core, {GIB_PRICE:g} for a GiB"
    note = f"The prices are round numbers to calculate with, and nobody's: {prices}. A month has {_MONTH_HOURS} hours."
    return f"{table}\n\n{note}"


def _part(fleet: Fleet, each: float) -> str:
    return f"{fleet.pods * each * _SHARE / fleet.clients:.2f}"


def balancer(pod: Pod) -> str:
    """Return what clients take of a HAProxy in front of the pods."""
    measured, sockets = pod.intents.measured, pod.intents.measured.kernel_bytes_per_connection
    own = measured.haproxy_bytes_per_connection
    rows = [
        ("Memory", f"{own:,} + 2 x {sockets:,} bytes", mib(_SHARE * (own + 2 * sockets))),
        ("Descriptors", "2", f"{2 * _SHARE:,}"),
        ("Ports of one of its addresses, to one pod", "1", f"{_SHARE:,} of {pod.derived.outgoing_ports:,}"),
    ]
    return grid(("Load balancer", "A client", f"{_SHARE:,} clients"), rows)


def pings(pod: Pod) -> str:
    """Return the bytes of a ping and its pong, packet by packet."""
    parts = (("ping, to the client", PING_BYTES), ("pong, from the client", PONG_BYTES))
    rows = [(name, f"{size}", f"{size + PACKET_BYTES}", f"{size + PACKET_BYTES + TLS_BYTES}") for name, size in parts]
    rows.append(("its acknowledgement, to the client", "0", f"{PACKET_BYTES}", f"{PACKET_BYTES}"))
    return grid((f"Every {pod.derived.ping_interval} s", "Frame", "Packet, no TLS", "Packet, TLS 1.3"), rows)


def traffic(pod: Pod) -> str:
    """Return what 10,000 connections send and get in a second and a month."""
    pinged, told = _SHARE / pod.derived.ping_interval, _SHARE * pod.message_share
    flows = [
        _Flow("Pings, to clients", pinged, PING_BYTES + 2 * PACKET_BYTES),
        _Flow("Pongs, from clients", pinged, PONG_BYTES + PACKET_BYTES),
        _Flow("Messages, to clients", told, MESSAGE_BYTES + PACKET_BYTES),
        _Flow("Their acknowledgements, from clients", told, PACKET_BYTES, records=0),
    ]
    head = (f"{_SHARE:,} connections", "A second", "Bytes of each", "Mbit/s", "GB a month", "TLS 1.3 adds, GB")
    return grid(head, [one.row() for one in flows])


class _Flow(NamedTuple):
    """What goes one way: so often, of so many bytes, in so many records of TLS."""

    what: str
    rate: float
    each: int
    records: int = 1

    def row(self) -> Sequence[str]:
        """Return it as a row of the table."""
        month = self.rate * 3600 * _MONTH_HOURS / 1e9
        mbits = self.rate * self.each * 8 / 1e6
        tls = month * self.records * TLS_BYTES
        return (
            self.what,
            f"{self.rate:,.0f}",
            f"{self.each}",
            f"{mbits:.2f}",
            f"{month * self.each:,.0f}",
            f"{tls:,.0f}",
        )


def alerts(pod: Pod) -> str:
    """Return what to watch of capacity, each with its threshold of the profile."""
    return grid(("Alert", "Above", "PromQL"), _alert_rows(pod))


def _alert_rows(pod: Pod) -> Iterable[Sequence[str]]:
    for name, query in QUERIES.items():
        yield f"`{name}`", f"{pod.derived.alerts[name]:,g}", f"`{query}`"


QUERIES: Final = {
    "HoldfastConnectionsHigh": "holdfast_connections",
    "HoldfastDescriptorsHigh": "process_open_fds / process_max_fds",
    "HoldfastMemoryHigh": 'holdfast_resource_used_ratio{resource="memory"}',
    "HoldfastCpuHigh": 'holdfast_resource_used_ratio{resource="cpu"}',
    "HoldfastSocketMemoryHigh": 'holdfast_resource_used_ratio{resource="socket_memory"}',
    "HoldfastConntrackHigh": 'holdfast_resource_used_ratio{resource="conntrack"}',
    "HoldfastHandshakeRateHigh": 'sum by (instance) (rate(holdfast_handshakes_total{slug="ok"}[1m]))',
    "HoldfastDeliveryRateHigh": "rate(holdfast_deliveries_total[1m])",
    "HoldfastSlowReadersHigh": 'sum by (instance) (increase(holdfast_closes_total{slug="slow_consumer"}[5m]))',
    "HoldfastAcceptQueueOverflow": 'increase(holdfast_listen_losses_total{cause="overflows"}[5m])',
}
"""What each alert about capacity is compared with."""
