"""The seam between sockets and the gateway: what a transport offers and what it calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from holdfast.protocol.framing import WS_JSON, Encoding


@dataclass(slots=True)
class Handshake:
    """What is known of a connection before its first command; dropped once connect is answered.

    `client` is the peer's address after trusted proxies were taken into account. `attempt_id` names the attempt in
    logs, refusals and the ledger. `accepted_at` is the loop's clock (seconds) when the socket was accepted, from which
    the handshake timeout counts; 0 means unknown. `encoding` is what was negotiated. `transport` is the name by which
    metrics and logs tell the ways to connect apart. `timings` are the seconds from the accept to each step, `refusal`
    says why a connect was refused, until it is repeated. `permit` is the admission breaker's, until the outcome is
    known. `can_migrate` is what the client says in its connect command.
    """

    path: str
    query: bytes
    headers: list[tuple[bytes, bytes]]
    client: str
    scheme: str
    attempt_id: str
    subprotocol: str = ""
    accepted_at: float = 0.0
    encoding: Encoding = WS_JSON
    transport: str = "websocket"
    timings: dict[str, float] = field(default_factory=dict)
    refusal: str = ""
    permit: int | None = None
    can_migrate: bool = False

    def passed(self, step: str, now: float) -> None:
        """Note that the attempt got as far as `step`; `now` is of the loop's clock."""
        if self.accepted_at:
            self.timings[step] = max(0.0, now - self.accepted_at)


class Transport(Protocol):
    """One open connection, written to without ever waiting."""

    name: str
    session: str
    """Names the session to requests that belong to it but come by another way; empty where there are none."""
    encoding: Encoding
    write: Callable[[bytes], None]
    """Queue units of `encoding`; all that one event-loop turn queues leaves in one system call where possible."""

    def buffered(self) -> int:
        """Return the bytes that wait in user space."""

    def pause_reading(self) -> None:
        """Take nothing more from the peer for now."""

    def resume_reading(self) -> None:
        """Take from the peer again."""

    def close(self, code: int, reason: str) -> None:
        """Say goodbye behind what is queued; the socket is aborted if that takes longer than the close timeout."""

    def abort(self) -> None:
        """Drop the connection now."""


class MessageSink(Protocol):
    """Who gets a transport's events."""

    def on_message(self, data: bytes, is_text: bool) -> None:
        """Take one whole message."""

    def on_congested(self) -> None:
        """Know that the peer reads slower than it is written to."""

    def on_drained(self) -> None:
        """Know that the peer caught up."""

    def on_closed(self, code: int, reason: str) -> None:
        """Know that the connection is gone; called exactly once, 1006 for an end without a close frame."""


SinkFactory = Callable[[Transport, Handshake], MessageSink]
Admission = Callable[[Handshake], None]
"""Raises a GatewayError to refuse a handshake before it is accepted."""
