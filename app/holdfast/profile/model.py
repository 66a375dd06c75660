"""What stands in a profile's file: intents, which people decide, and entries, which say what each host is to have.

Types and ranges are here; what takes more than one number is in `invariants`, what nobody should write in `folklore`.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from holdfast.profile.facts import HostFacts, Role
from holdfast.settings_types import Group, parse_duration

_SIZES = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


def parse_size(value: object) -> object:
    """Turn `64KiB` into 65536; leave anything but such a text to the type check.

    Raises:
        ValueError: the text is no number of bytes.
    """
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(B|KiB|MiB|GiB)?\s*", value)
    if found is None:
        raise ValueError("expected a size such as 65536, 64KiB, 1.5GiB")
    return int(float(found[1]) * _SIZES[found[2] or "B"])


_SizeText = Annotated[str, Field(pattern=r"^\s*\d+(\.\d+)?\s*(B|KiB|MiB|GiB)?\s*$")]
_DurationText = Annotated[str, Field(pattern=r"^\s*(\d+(\.\d+)?(ms|s|m|h|d))+\s*$")]
# What a file may hold; the schema of files says so too.
Size = Annotated[int, BeforeValidator(parse_size, json_schema_input_type=int | _SizeText)]
Duration = Annotated[
    float,
    BeforeValidator(parse_duration, json_schema_input_type=float | _DurationText),
    Field(ge=0, allow_inf_nan=False),
]
Ratio = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
PortRange = Annotated[str, Field(pattern=r"^\d{1,5}(-\d{1,5})?$")]
Version = Annotated[str, Field(pattern=r"^\d+\.\d+$")]


class Measured(Group):
    """What one connection costs, as `make bench` measures it on a machine like yours."""

    instance_bytes: Size = Field(ge=1024**2, description="Resident memory of an instance without connections.")
    process_bytes_per_connection: Size = Field(ge=256, description="Resident memory of an open, idle connection.")
    kernel_bytes_per_connection: Size = Field(ge=1024, description="The kernel's memory for its socket, no data in it.")
    haproxy_bytes_per_connection: Size = Field(ge=256, description="HAProxy's own memory for one, sockets not counted.")
    handshake_us: float = Field(gt=0, le=100000, description="CPU of TCP, upgrade, token, connect and subscribe.")
    delivery_us: float = Field(gt=0, le=100000, description="CPU of one message to one client, spaced out.")
    idle_us_per_minute: float = Field(gt=0, le=100000, description="CPU of a quiet connection, a minute.")


class Reference(Group):
    """The host that pages and commands calculate with where nobody names another one."""

    memory_bytes: Size = Field(ge=128 * 1024**2, description="Memory.")
    cores: int = Field(ge=1, le=4096, description="Processors.")
    kernel: Version = Field(description="Kernel release.")

    def facts(self, *roles: str) -> HostFacts:
        """Return it as a host with these roles."""
        return HostFacts(self.memory_bytes, self.cores, self.kernel, frozenset(roles or ("gateway",)))


class Intents(Group):
    """What the fleet is meant to do. Every other number follows from these."""

    connections_per_instance: int = Field(ge=100, le=1000000, description="Connections one instance may have.")
    instances_per_host: int = Field(ge=1, le=64, description="Instances on one gateway host; each uses one core.")
    cores_per_instance: float = Field(gt=0, le=8, description="Cores an instance needs; below 1 they share.")
    gateway_hosts: int = Field(ge=1, le=1000, description="Gateway hosts behind one load balancer.")
    message_rate: float = Field(ge=0, le=10000000, description="Messages a second that an instance delivers.")
    message_bytes: Size = Field(ge=1, le=1024**3, description="A usual message.")
    max_message_bytes: Size = Field(
        ge=8192, le=1024**3, description="The largest that a client may send; a token has to fit in."
    )
    slow_reader_ratio: Ratio = Field(description="Share of clients whose queue may be full at the same time.")
    queue_bytes: Size = Field(ge=65536, le=1024**3, description="What may wait for one slow client.")
    reconnect_rate: float = Field(
        gt=0, le=1000000, description="Clients a second that the instances that stay take in during a drain."
    )
    reconnect_window: Duration = Field(
        ge=1, le=600, description="Over which clients come back that an instance left without a word."
    )
    accept_stall: Duration = Field(ge=0.1, le=60, description="How long an event loop may stand while they come.")
    propagation_wait: Duration = Field(le=120, description="Until balancers have seen that an instance leaves.")
    check_interval: Duration = Field(ge=0.1, le=60, description="How often the load balancer asks `/readyz`.")
    check_fall: int = Field(ge=1, le=20, description="Failed checks until it sends nobody new.")
    drain_window: Duration = Field(le=540, description="Over which the clients of an instance that stops leave.")
    stop_flush: Duration = Field(gt=0, le=120, description="For requests in flight, and again for the snapshot.")
    stop_margin: Duration = Field(ge=1, le=300, description="Room above all that, before anybody loses patience.")
    reload_patience: Duration = Field(
        ge=1, le=604800, description="How long HAProxy's old process may keep its connections after a reload."
    )
    idle_limits: dict[str, Duration] = Field(
        min_length=1, description="What is on the way of clients, and when it ends a quiet connection."
    )
    longest_ping: Duration = Field(ge=1, le=3600, description="Pings are never further apart.")
    headroom: Ratio = Field(description="Part added to what is planned, in every limit that is no intent itself.")
    host_reserve_ratio: Ratio = Field(description="Part of a host's memory that is the operating system's.")
    cpu_ceiling: float = Field(gt=0, le=1, description="Part of a core that what is planned may take.")
    descriptor_slack: int = Field(ge=256, le=1000000, description="Descriptors that are no client's.")
    descriptor_ceiling: int | None = Field(
        None, ge=1024, description="The most a process can get where a machine imposes a limit."
    )
    keepalive_idle: Duration = Field(ge=1, le=32767, description="Silence after which the kernel asks a peer.")
    keepalive_interval: Duration = Field(ge=1, le=32767, description="Time between such questions.")
    keepalive_probes: int = Field(ge=1, le=127, description="Questions without an answer that end it.")
    user_timeout: Duration = Field(ge=1, le=86400, description="How long a peer may acknowledge nothing.")
    notsent_lowat: Size = Field(ge=4096, le=2147483647, description="Unsent bytes the kernel takes per connection.")
    first_port: int = Field(ge=1, le=65535, description="Public port of slot 1a.")
    first_internal_port: int = Field(ge=1, le=65535, description="Internal port of slot 1a.")
    outgoing_ports: tuple[int, int] = Field(description="Range for outgoing connections: first and last port.")
    reserved_ports: tuple[PortRange, ...] = Field(description="Ports in that range that something listens on.")
    tcp_memory_ratios: tuple[Ratio, Ratio, Ratio] = Field(
        description="Parts of memory for TCP: no pressure below the first, windows shrink from the second, end."
    )
    redis_connections_per_instance: int = Field(ge=1, le=1000, description="Connections of an instance to Redis.")
    redis_down_after: Duration = Field(ge=1, le=60, description="Silence after which Sentinel calls a master dead.")
    redis_memory_ratio: float = Field(gt=0, le=0.9, description="Part of a Redis host's memory for its data.")
    alert_ratio: float = Field(gt=0, lt=1, description="Part of a limit from which somebody is told.")
    measured: Measured = Field(description="What connections cost.")
    reference: Reference = Field(description="The host that is calculated with unless another one is named.")


Kind = Literal["sysctl", "unit", "rlimit", "file", "haproxy", "redis", "counter", "module", "listener", "sysfs"]
Mode = Literal["exact", "min", "max", "formula", "report"]


def _no_flag(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("expected a number or a text; write yes and no in quotes")
    return value


Value = Annotated[
    int | float | str | list[int], BeforeValidator(_no_flag, json_schema_input_type=int | float | str | list[int])
]


class PodUse(Group):
    """What becomes of the entry in a pod, which has a network namespace of its own."""

    access: Literal["safe", "unsafe", "inherited", "host", "none"] = Field(
        description="`safe`: securityContext.sysctls may set it; `unsafe`: only where the kubelet allows it; "
        "`inherited`: the host's value at the pod's start; `host`: one for the machine; `none`: no such thing in a pod."
    )
    safe_since: Version | None = Field(None, description="Kubernetes from which it is safe.")
    kernel_min: Version | None = Field(None, description="Kernel that this takes.")
    socket_option: str = Field("", description="What the gateway sets itself instead.")
    instead: str = Field("", description="What replaces it, where that is no socket option.")


class Entry(Group):
    """One thing that a host is to have, and the reason."""

    id: str = Field(pattern=r"^hf-[a-z]+-\d{3}$", description="Stays the same; waivers and reports name it.")
    key: str = Field(min_length=1, description="The kernel's, unit's or program's name of it.")
    kind: Kind = Field("sysctl", description="What the key names.")
    mode: Mode = Field(
        description="How what is found is compared; `formula` calculates and then does as `resolves_to`."
    )
    resolves_to: Literal["exact", "min", "max"] | None = Field(None, description="Of `formula`.")
    value: Value | None = Field(None, description="The value, where it is none of the calculated ones.")
    formula: str | None = Field(None, description="Name of the calculated number.")
    scope: Literal["netns", "global", "sysfs", "process", "unit", "program"] = Field(description="How far it reaches.")
    roles: tuple[Role, ...] = Field(
        ("gateway", "load_balancer", "redis"), min_length=1, description="Hosts that need it."
    )
    kernel_min: Version | None = Field(None, description="Kernel that has it.")
    default: dict[str, Value] = Field({}, description="What a kernel has by itself, up to the release beside it.")
    default_varies: str = Field("", description="Who decides the default, where machines differ in it.")
    optional: bool = Field(False, description="Fine where the host has no such thing.")
    enabled: bool = Field(True, description="Off is for what somebody has to choose.")
    pod: PodUse = Field(PodUse(access="host"), description="What becomes of it in a pod.")
    why: str = Field(min_length=10, description="What it is good for.")
    cost: str = Field(min_length=3, description="What it costs.")
    source: str = Field(min_length=3, description="Where that can be read.")
    risk: Literal["low", "medium", "high"] = Field("low", description="What a mistake in it does.")
    evidence: tuple[str, ...] = Field((), description="Counters and metrics that show its effect.")

    @model_validator(mode="after")
    def _is_whole(self) -> Entry:
        has_both = self.value is not None and self.formula is not None
        has_neither = self.value is None and self.formula is None and self.mode != "report"
        if has_both or has_neither:
            raise ValueError(
                f"expected either `value` or `formula` for mode {self.mode}, saw {'both' if has_both else 'none'}"
            )
        if (self.mode == "formula") != (self.formula is not None):
            raise ValueError(f"expected mode formula beside `formula`, saw mode {self.mode}")
        if (self.mode == "formula") != (self.resolves_to is not None):
            raise ValueError(f"expected `resolves_to` beside mode formula and nowhere else, saw {self.resolves_to}")
        if self.pod.access == "safe" and self.pod.safe_since is None:
            raise ValueError("expected pod.safe_since beside pod.access safe, saw none")
        return self


class Profile(Group):
    """A whole profile, nothing left open."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]*$", description="What it is called.")
    description: str = Field(min_length=1, description="What it is for.")
    intents: Intents = Field(description="What the fleet is meant to do.")
    entries: tuple[Entry, ...] = Field(min_length=1, description="What hosts are to have.")

    def entry(self, key: str) -> Entry | None:
        """Return the entry with this id or key, if there is one."""
        return next((one for one in self.entries if key in (one.id, one.key)), None)
