"""What of the settings matters to whatever lies between clients and the gateway, as plain data.

A running instance tells its terms with its diagnosis, so that configuration files of proxies can be compared with
what it really runs with.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from holdfast.settings import Settings


@dataclass(frozen=True, slots=True)
class Paths:
    """Under which paths clients."""

    websocket: str
    streams: tuple[str, ...] = ()
    poll: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """Seconds, numbers and paths."""

    ports: tuple[int, ...]
    websocket: str
    streams: tuple[str, ...]
    poll: str
    ping_interval: float
    pong_timeout: float
    poll_timeout: float
    max_connections: int
    has_origins: bool
    has_trusted_proxies: bool
    limits_addresses: bool

    @property
    def quiet_seconds(self) -> float:
        """How long a healthy connection may be without traffic in one direction: until a ping and its answer."""
        return self.ping_interval + self.pong_timeout

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


def terms_of(settings: Settings, paths: Paths) -> Terms:
    """Return the terms of an instance with these settings."""
    client = settings.client
    return Terms(
        ports=(settings.port,),
        websocket=paths.websocket,
        streams=paths.streams,
        poll=paths.poll,
        ping_interval=client.ping_interval,
        pong_timeout=client.pong_timeout,
        poll_timeout=settings.poll.timeout,
        max_connections=settings.admission.max_connections,
        has_origins=bool(client.allowed_origins),
        has_trusted_proxies=bool(settings.http.trusted_proxies),
        limits_addresses=bool(settings.admission.max_connections_per_address),
    )


def terms_from_json(data: Any) -> Terms | None:
    """Return what `as_json` made, None where that is something else, such as an older instance's."""
    try:
        return msgspec.convert(data, Terms)
    except msgspec.ValidationError:
        return None
