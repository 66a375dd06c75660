"""HAProxy's configuration: numbers from the profile, servers from whoever knows the hosts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from holdfast.profile.derive import derive
from holdfast.profile.derived import Derived
from holdfast.profile.entries import select
from holdfast.profile.facts import HostFacts
from holdfast.profile.model import Intents, Profile
from holdfast.profile.render.heading import heading

# As `option httplog`, but with the path alone (%HP): a query may hold a token.
_LOG = '"%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %HM %HP %HV"'


@dataclass(frozen=True, slots=True)
class Server:
    """One slot of one instance, as HAProxy reaches it."""

    name: str
    address: str
    port: int
    check_port: int


@dataclass(frozen=True, slots=True)
class Site:
    """Where HAProxy runs: what differs between a host and a container."""

    log: str = "/dev/log local0"
    bind: str = ":80"
    server_options: str = ""
    more: Sequence[Sequence[str]] = ()
    """Sections of its own."""


def slots(intents: Intents, hosts: Mapping[str, str]) -> list[Server]:
    """Return both slots of each instance of these hosts (address by name): `gw1-1a`, `gw1-1b`, `gw1-2a`, ..."""
    return [
        Server(
            f"{name}-{number + 1}{'ab'[slot]}",
            address,
            intents.first_port + 10 * number + slot,
            intents.first_internal_port + 10 * number + slot,
        )
        for name, address in hosts.items()
        for number in range(intents.instances_per_host)
        for slot in (0, 1)
    ]


HOST = Site()


def haproxy(profile: Profile, facts: HostFacts, servers: Sequence[Server] = (), site: Site = HOST) -> str:
    """Return a whole haproxy.cfg with one front door, on port 80 of a host.

    Both slots of an instance are servers: the one that does not run fails its check, so a roll needs no reload.
    """
    derived, intents = _chosen(profile, facts, derive(profile, facts)), profile.intents
    parts = [heading(profile, "haproxy"), _global(derived, site), _defaults(derived, intents), _frontend(derived, site)]
    parts += [_backend(derived, servers, site), *map(list, site.more)]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _chosen(profile: Profile, facts: HostFacts, derived: Derived) -> Derived:
    """Return the numbers with those that an entry has of its own in place of the calculated ones."""
    on_balancer = replace(facts, roles=frozenset({"load_balancer"}))
    own = {one.key: one.value for one in select(profile, derived, on_balancer) if one.kind == "haproxy"}
    maxconn = _whole(own.get("Maxconn"), derived.haproxy_maxconn)
    descriptors = _whole(own.get("Ulimit-n"), derived.haproxy_descriptors)
    need = derived.haproxy_descriptors + 2 * (maxconn - derived.haproxy_maxconn)
    return replace(derived, haproxy_maxconn=maxconn, haproxy_descriptors=max(descriptors, need))


def _whole(value: object, otherwise: int) -> int:
    return int(str(value)) if str(value).isdecimal() else otherwise


def _global(derived: Derived, site: Site) -> list[str]:
    return [
        "global",
        f"    log {site.log}",
        "    # Clients of all gateways and headroom.",
        f"    maxconn {derived.haproxy_maxconn}",
        "    # What HAProxy calculates by itself has no room above its connections.",
        f"    ulimit-n {derived.haproxy_descriptors}",
        f"    # The old process of a reload keeps its connections so long; a drain takes {derived.stop_seconds:g} s.",
        f"    hard-stop-after {derived.hard_stop_after}s",
        "    stats socket /run/haproxy/admin.sock mode 660 level admin expose-fd listeners",
        "    stats timeout 30s",
    ]


def _defaults(derived: Derived, intents: Intents) -> list[str]:
    idle = derived.proxy_idle_timeout
    return [
        "defaults",
        "    mode http",
        "    log global",
        "    option dontlognull",
        "    # The usual line with the path alone, for a token may stand in the query.",
        f"    log-format {_LOG}",
        f"    maxconn {derived.haproxy_maxconn}",
        f"    backlog {derived.backlog}",
        "    timeout connect 5s",
        "    timeout http-request 10s",
        "    timeout http-keep-alive 10s",
        "    timeout queue 5s",
        "    timeout check 3s",
        f"    # The gateway pings every {derived.ping_interval} s; a quiet client is heard of twice within these.",
        f"    timeout client {idle}s",
        f"    timeout server {idle}s",
        "    # After an upgrade this one counts instead of the two above.",
        f"    timeout tunnel {idle}s",
        "    # A peer that closed one direction and then says nothing.",
        "    timeout client-fin 30s",
        "    timeout server-fin 30s",
        "    # Messages pass at once; otherwise each may wait 200 ms for another one.",
        "    option http-no-delay",
        "    # For the address in logs; gateways believe it where http.trusted_proxies names this host.",
        "    option forwardfor",
        *_keepalive(derived),
        "    # An instance that does not take the connection is left for another one at the second try.",
        "    retries 3",
        "    option redispatch 1",
        "    # The instance's own word decides. Never add on-marked-down shutdown-sessions: it cuts a drain short.",
        "    option httpchk GET /readyz",
        "    http-check expect status 200",
        f"    default-server check inter {round(intents.check_interval * 1000)}ms fall {intents.check_fall} rise 1",
    ]


def _keepalive(derived: Derived) -> list[str]:
    lines = ["    # Behind the pings: what is dead on either side, for connections without pings too."]
    for side in ("cli", "srv"):
        lines += [
            f"    option {side}tcpka",
            f"    {side}tcpka-idle {derived.keepalive_idle}s",
            f"    {side}tcpka-intvl {derived.keepalive_interval}s",
            f"    {side}tcpka-cnt {derived.keepalive_probes}",
        ]
    return lines


def _frontend(derived: Derived, site: Site) -> list[str]:
    return [
        "frontend clients",
        "    # A client that acknowledges nothing for so long is gone.",
        f"    bind {site.bind} tcp-ut {derived.user_timeout}s",
        "    default_backend gateways",
    ]


def _backend(derived: Derived, servers: Sequence[Server], site: Site) -> list[str]:
    return [
        "backend gateways",
        "    # The fewest connections get the next one; no stickiness, for any instance serves any request.",
        "    balance leastconn",
        "    # Above what an instance takes, so that a refusal comes from the gateway, with its cause.",
        f"    default-server slowstart 10s maxconn {derived.haproxy_server_maxconn}",
        *(
            f"    server {one.name} {one.address}:{one.port} port {one.check_port}{site.server_options}"
            for one in servers
        ),
    ]
