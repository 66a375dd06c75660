"""What the gateway asks of the kernel for each client's TCP socket; docs/socket-options.md says what each one does."""

from __future__ import annotations

from pydantic import Field

from holdfast.settings_types import Duration, Group


class SocketSettings(Group):
    """Options of TCP sockets; 0 or nothing leaves what the kernel has. TCP_NODELAY is always on."""

    keepalive_idle: Duration = Field(
        300.0, le=32767, description="Silence after which the kernel asks whether the peer is there; 0 never asks."
    )
    keepalive_interval: Duration = Field(10.0, ge=1, le=32767, description="Time between such questions.")
    keepalive_probes: int = Field(5, ge=1, le=127, description="Questions without an answer that end a connection.")
    user_timeout: Duration = Field(
        30.0,
        le=86400,
        description="How long a peer may acknowledge nothing, or have no room for what waits, before the kernel ends "
        "the connection (`ack_timeout`); more than `client.pong_timeout`. 0 leaves it to tcp_retries2.",
    )
    notsent_lowat: int = Field(
        131072,
        ge=0,
        le=2147483647,
        description="Unsent bytes of a connection that the kernel takes at most; the rest waits in the gateway, "
        "where `client.queue_max_size` counts it. 0 leaves tcp_notsent_lowat.",
    )
    congestion: str = Field(
        "",
        max_length=15,
        pattern=r"^[a-z0-9_]*$",
        description="Congestion control, such as `bbr`, one of tcp_allowed_congestion_control; empty is the kernel's.",
    )
