"""Tests of holdfast.diagnostics.probe.links."""

from __future__ import annotations

import pytest

from holdfast.diagnostics.probe.links import link_for
from holdfast.diagnostics.probe.poll_link import PollLink
from holdfast.diagnostics.probe.stream_link import StreamLink
from holdfast.diagnostics.probe.target import TRANSPORTS
from holdfast.diagnostics.probe.websocket_link import WebSocketLink
from tests.probing import target, way, wire

LINKS = {"websocket": WebSocketLink, "http_stream": StreamLink, "sse": StreamLink, "poll": PollLink}


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_every_transport_has_its_link(transport: str) -> None:
    """None is left out."""
    assert type(link_for(wire(), way(to=target(transport=transport)))) is LINKS[transport]
