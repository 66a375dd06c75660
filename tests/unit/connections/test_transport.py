from __future__ import annotations

import inspect

from holdfast.connections.connection import Connection
from holdfast.connections.manager import EnhancedWebSocketManager
from holdfast.connections.transport import Handshake, MessageSink, Transport
from tests.live import FakeTransport


def methods(protocol: type) -> set[str]:
    """Return the public methods of an interface."""
    return {name for name, member in vars(protocol).items() if inspect.isfunction(member) and name[0] != "_"}


def test_connection_is_a_sink() -> None:
    """Connections take every event of a transport."""
    assert methods(MessageSink) <= set(dir(Connection))
    assert callable(EnhancedWebSocketManager.open)


def test_fake_transport_is_a_transport() -> None:
    """What the tests stand in with offers all that a transport must."""
    assert methods(Transport) <= set(dir(FakeTransport))


def test_handshake_defaults_to_an_unknown_start() -> None:
    """Without the time of acceptance the timeout counts from the hand-over."""
    handshake = Handshake("/", b"", [], "127.0.0.1", "ws", "attempt")

    assert (handshake.accepted_at, handshake.subprotocol) == (0.0, "")


def test_handshake_notes_how_far_it_got() -> None:
    """Steps are counted from the accept; where that moment is unknown, nothing is noted."""
    known = Handshake("/", b"", [], "127.0.0.1", "ws", "a", accepted_at=10.0)
    unknown = Handshake("/", b"", [], "127.0.0.1", "ws", "a")
    for handshake in (known, unknown):
        handshake.passed("upgrade", 10.5)
        handshake.passed("command", 9.0)

    assert known.timings == {"upgrade": 0.5, "command": 0.0}
    assert unknown.timings == {}
