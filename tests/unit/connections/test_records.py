from __future__ import annotations

from holdfast.connections.records import EndedConnection, Forgetful, RefusedAttempt


def test_lifetime_is_from_open_to_end() -> None:
    """In seconds."""
    ended = EndedConnection("c", "a", "u", "192.0.2.1", "websocket", "js", 100.0, 160.5, "client_gone", 1006, "path")

    assert ended.lifetime == 60.5


def test_stage_is_that_of_the_cause() -> None:
    """An end belongs to the stage of its cause."""
    ended = EndedConnection("c", "a", "u", "192.0.2.1", "websocket", "js", 100.0, 160.5, "no_pong", 3012, "us")

    assert ended.stage == "idle"


def test_forgetful_takes_everything() -> None:
    """Without a ledger whoever tells it of something needs to know nothing of that."""
    recorder = Forgetful()
    recorder.admitted("a", {})
    recorder.refused(RefusedAttempt("a", 1.0, "192.0.2.1", "websocket", "/", "draining", "admission"))
    recorder.ended(EndedConnection("c", "a", "u", "192.0.2.1", "websocket", "js", 1.0, 2.0, "no_pong", 3012, "us"))
