from __future__ import annotations

from holdfast.connections.records import EndedConnection


def test_lifetime_is_from_open_to_end() -> None:
    """In seconds."""
    ended = EndedConnection("c", "a", "u", "192.0.2.1", "websocket", "js", 100.0, 160.5, "client_gone", 1006, "path")

    assert ended.lifetime == 60.5
