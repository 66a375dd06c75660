"""The containers of one machine: gateways, Redis and HAProxy, with the numbers of the profile."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Final

from holdfast.profile.derive import derive
from holdfast.profile.derived import Derived
from holdfast.profile.entries import select
from holdfast.profile.facts import HostFacts
from holdfast.profile.model import Profile
from holdfast.profile.render.haproxy import Server, Site, haproxy
from holdfast.profile.render.heading import heading
from holdfast.profile.render.kernel import settable

PUBLIC_PORT, INTERNAL_PORT = 8000, 9000
"""What the image listens on."""

_FEWEST: Final = 2  # one stays while the other one restarts
# By digest, so that the same runs tomorrow; a newer one is a variable away.
_REDIS: Final = "redis:7.4-alpine@sha256:ff02b58f971e7d7d156a1267e283fcbbeee91773b6aa36c49dac28ecfe28eadf"
_HAPROXY: Final = "haproxy:3.2-alpine@sha256:79799e8b2977e60802774fa53d29e6b54e045402cdd8a8b9fe43923e7095a047"
# A network of containers may be any of these; nobody but its containers reaches a gateway.
_PRIVATE: Final = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8"]
_LOG_LIMITS: Final = '{driver: json-file, options: {max-size: "16m", max-file: "4"}}'


def gateways(profile: Profile) -> list[str]:
    """Return the names of the gateways of one machine, of which there are at least two."""
    return [f"gateway-{number + 1}" for number in range(max(_FEWEST, profile.intents.instances_per_host))]


def compose(profile: Profile, facts: HostFacts) -> str:
    """Return a whole compose.yaml; haproxy.cfg, redis.conf, holdfast.yaml and secrets are files beside it."""
    derived = _derived(profile, facts)
    parts = [
        [*heading(profile, "compose"), "# docs/compose.md is the manual; `make up` writes all files and starts them."],
        ["name: ${HOLDFAST_PROJECT:-holdfast}"],
        _gateway(derived, _sysctls(profile, facts, derived)),
        ["services:", *_services(profile)],
        _redis(derived),
        _haproxy(derived),
        ["secrets:", *(f"  {name}: {{file: ./secrets/{name}}}" for name in (*_GATEWAY_SECRETS, "redis-users"))],
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def compose_haproxy(profile: Profile, facts: HostFacts) -> str:
    """Return the haproxy.cfg of the containers: clients at one port, API and health at another."""
    names = gateways(profile)
    site = Site(
        log="stdout format raw local0",
        bind=f":{PUBLIC_PORT}",
        # Names of containers, asked again when one comes back at another address.
        server_options=" resolvers containers init-addr last,libc,none",
        more=(_RESOLVERS, _INTERNAL_FRONTEND, _internal_backend(names)),
    )
    servers = [Server(name, name, PUBLIC_PORT, INTERNAL_PORT) for name in names]
    return haproxy(one_machine(profile), replace(facts, roles=frozenset()), servers, site)


_RESOLVERS: Final = (
    "resolvers containers",
    "    parse-resolv-conf",
    "    hold valid 1s",
    "    hold obsolete 1s",
    "    accepted_payload_size 8192",
)
_INTERNAL_FRONTEND: Final = (
    "# For your backend, which publishes at any instance; whoever reaches it needs a key all the same.",
    "frontend internal",
    f"    bind :{INTERNAL_PORT}",
    "    # Says that HAProxy itself works, whatever the gateways do.",
    "    monitor-uri /haproxy-alive",
    "    default_backend internal",
)


def _internal_backend(names: list[str]) -> tuple[str, ...]:
    options = "resolvers containers init-addr last,libc,none"
    return (
        "backend internal",
        "    balance roundrobin",
        *(f"    server {name} {name}:{INTERNAL_PORT} {options}" for name in names),
    )


_GATEWAY_SECRETS: Final = ("token-hmac-secret", "api-keys", "admin-token", "redis-password")
_SECRET_SETTINGS: Final = ("TOKEN__HMAC_SECRET", "API__KEYS", "ADMIN__TOKEN", "BROKER__REDIS__PASSWORD")


def _gateway(derived: Derived, sysctls: dict[str, str]) -> list[str]:
    return [
        "x-gateway: &gateway",
        "  image: ${HOLDFAST_IMAGE:-holdfast}",
        "  # Who may read the files of secrets; the image's own user where those are his.",
        "  user: ${HOLDFAST_USER:-10001:10001}",
        "  read_only: true",
        "  cap_drop: [ALL]",
        '  security_opt: ["no-new-privileges:true"]',
        "  restart: unless-stopped",
        "  # Wait, drain, flush and margin; Docker kills after that.",
        f"  stop_grace_period: {derived.termination_grace}s",
        "  # Connections x measured cost, slow readers and headroom.",
        f"  mem_limit: {derived.memory_max_bytes}",
        "  pids_limit: 256",
        "  # A connection is a descriptor.",
        *_nofile(derived.descriptors),
        "  # A container has these for itself; `holdfast profile explain KEY` says why.",
        "  sysctls:",
        *(f'    {key}: "{value}"' for key, value in sysctls.items()),
        "  environment: &environment",
        "    HOLDFAST_BROKER__TYPE: redis",
        "    HOLDFAST_BROKER__REDIS__ADDRESSES: '[\"redis:6379\"]'",
        "    HOLDFAST_BROKER__REDIS__USER: holdfast",
        *(
            f"    HOLDFAST_{setting}_FILE: /run/secrets/{name}"
            for setting, name in zip(_SECRET_SETTINGS, _GATEWAY_SECRETS, strict=True)
        ),
        "    # The address of a client is what HAProxy says it is.",
        f"    HOLDFAST_HTTP__TRUSTED_PROXIES: '{json.dumps(_PRIVATE)}'",
        "  # Other settings are other containers: `make up` restarts them one after the other.",
        "  labels: {settings: '${SETTINGS_DIGEST:-none}'}",
        f"  secrets: [{', '.join(_GATEWAY_SECRETS)}]",
        "  volumes: [./holdfast.yaml:/etc/holdfast/holdfast.yaml:ro]",
        "  depends_on: {redis: {condition: service_healthy}}",
        "  healthcheck:",
        "    test: [CMD, /opt/holdfast/bin/holdfast, health]",
        "    interval: 30s",
        "    timeout: 10s",
        "    start_period: 60s",
        f"  logging: {_LOG_LIMITS}",
    ]


def _services(profile: Profile) -> list[str]:
    lines: list[str] = []
    for name in gateways(profile):
        lines += [f"  {name}:", "    <<: *gateway", f"    environment: {{<<: *environment, HOLDFAST_INSTANCE: {name}}}"]
    return lines


def _redis(derived: Derived) -> list[str]:
    return [
        "  redis:",
        f"    image: ${{REDIS_IMAGE:-{_REDIS}}}",
        "    user: ${HOLDFAST_USER:-10001:10001}",
        "    command: [redis-server, /etc/redis.conf, --dir, /data, --aclfile, /run/secrets/redis-users]",
        "    read_only: true",
        "    cap_drop: [ALL]",
        '    security_opt: ["no-new-privileges:true"]',
        "    restart: unless-stopped",
        "    # Twice maxmemory: pages that change while Redis forks are there twice.",
        f"    mem_limit: {2 * derived.redis_maxmemory_bytes}",
        *_nofile(derived.redis_maxclients + 1024, "    "),
        "    secrets: [redis-users]",
        "    volumes: [./redis.conf:/etc/redis.conf:ro, ./redis:/data]",
        "    # Without a password it is told to log in, which only a Redis that works says.",
        "    healthcheck: {test: [CMD, redis-cli, ping], interval: 5s, timeout: 3s, start_period: 30s}",
        f"    logging: {_LOG_LIMITS}",
    ]


def _haproxy(derived: Derived) -> list[str]:
    alive = f"http://127.0.0.1:{INTERNAL_PORT}/haproxy-alive"
    return [
        "  haproxy:",
        f"    image: ${{HAPROXY_IMAGE:-{_HAPROXY}}}",
        "    command: [haproxy, -W, -db, -f, /etc/haproxy.cfg]",
        "    read_only: true",
        "    cap_drop: [ALL]",
        '    security_opt: ["no-new-privileges:true"]',
        "    restart: unless-stopped",
        "    # Two for each client of all gateways.",
        *_nofile(derived.haproxy_descriptors, "    "),
        "    sysctls:",
        f'      net.core.somaxconn: "{derived.backlog}"',
        f'      net.ipv4.ip_local_port_range: "{derived.port_range}"',
        "    # The image's user makes its socket here.",
        "    tmpfs: ['/run/haproxy:mode=1777']",
        "    volumes: [./haproxy.cfg:/etc/haproxy.cfg:ro]",
        "    ports:",
        f'      - "${{GATEWAY_ADDRESS:-127.0.0.1}}:${{GATEWAY_PORT:-8000}}:{PUBLIC_PORT}"',
        "      # API and metrics: of this machine alone.",
        f'      - "127.0.0.1:${{API_PORT:-9000}}:{INTERNAL_PORT}"',
        f"    healthcheck: {{test: [CMD, wget, -q, -O, /dev/null, {alive}], interval: 10s, timeout: 3s}}",
        f"    logging: {_LOG_LIMITS}",
    ]


def _nofile(number: int, indent: str = "  ") -> list[str]:
    return [f"{indent}ulimits: {{nofile: {{soft: {number}, hard: {number}}}}}"]


def _sysctls(profile: Profile, facts: HostFacts, derived: Derived) -> dict[str, str]:
    """Return the kernel keys that a container has for itself; those of the connection table may be missing there."""
    found = settable(select(profile, derived, replace(facts, roles=frozenset({"gateway"}))))
    own = (one for one in found if one.pod.access in {"safe", "unsafe"})
    return {one.key: str(one.value) for one in own if not one.key.startswith("net.netfilter.")}


def one_machine(profile: Profile) -> Profile:
    """Return the profile of a fleet that is this machine's containers alone."""
    intents = profile.intents.model_copy(update={"gateway_hosts": 1, "instances_per_host": len(gateways(profile))})
    return profile.model_copy(update={"intents": intents})


def _derived(profile: Profile, facts: HostFacts) -> Derived:
    return derive(one_machine(profile), replace(facts, roles=frozenset()))
