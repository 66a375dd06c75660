"""Which link carries which transport."""

from __future__ import annotations

from holdfast.diagnostics.probe.link import Dialect, Link
from holdfast.diagnostics.probe.poll_link import PollLink
from holdfast.diagnostics.probe.stream_link import StreamLink
from holdfast.diagnostics.probe.target import STREAMS
from holdfast.diagnostics.probe.way import Way
from holdfast.diagnostics.probe.websocket_link import WebSocketLink
from holdfast.diagnostics.probe.wire import Wire


def link_for(wire: Wire, way: Way, dialect: Dialect | None = None) -> Link:
    """Return the link of the target's transport over a connection that is there; a dialect is for WebSockets alone."""
    if way.target.transport in STREAMS:
        return StreamLink(wire, way)
    if way.target.transport == "poll":
        return PollLink(wire, way)
    return WebSocketLink(wire, way.target, dialect)
