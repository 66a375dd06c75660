"""The index of attempts whose clients chose their ids."""

from __future__ import annotations

from typing import Any, cast

from holdfast.connections import traces
from holdfast.connections.attempts import Attempts, attempt_of
from holdfast.connections.connection import Connection
from holdfast.connections.transport import Handshake

CID = "0123456789abcdef" * 2


class Fake:
    """What the index looks at."""

    def __init__(self, attempt: str = CID, query: bytes = b"cid=" + CID.encode()) -> None:
        self.handshake: Handshake | None = Handshake("/", query, [], "", "", attempt)
        self.trace = b""
        self.closed = False

    def connect(self, attempts: Attempts) -> None:
        """Get a session."""
        assert self.handshake is not None
        self.trace = traces.pack(self.handshake.attempt_id, {})
        attempts.connected(cast(Connection, self))
        self.handshake = None


def opened(attempts: Attempts, **given: Any) -> Fake:
    """Return somebody who has come."""
    fake = Fake(**given)
    attempts.opened(cast(Connection, fake))
    return fake


def test_attempts_are_found_before_and_after_connect() -> None:
    """From its opening to its end it is found by its id, whatever the case of the digits."""
    attempts = Attempts()
    fake = opened(attempts)
    assert attempts.find(CID.upper()) is fake
    fake.connect(attempts)
    assert attempts.find(CID) is fake
    assert attempt_of(cast(Connection, fake)) == CID
    attempts.forget(cast(Connection, fake))

    assert attempts.find(CID) is None
    assert len(attempts) == 0


def test_attempts_without_an_id_of_their_own_are_left_out() -> None:
    """Nobody can ask for an id that we made, so it takes no room."""
    attempts = Attempts()
    fake = opened(attempts, query=b"")
    fake.connect(attempts)

    assert len(attempts) == 0


def test_session_is_not_hidden_by_who_repeats_its_id() -> None:
    """An attempt that never gets a session takes nobody's place, and takes nothing along when it ends."""
    attempts = Attempts()
    session = opened(attempts)
    session.connect(attempts)
    copy = opened(attempts)
    assert attempts.find(CID) is session
    attempts.forget(cast(Connection, copy))

    assert attempts.find(CID) is session


def test_session_takes_the_place_of_who_has_none() -> None:
    """Of several with one id, the newest session counts."""
    attempts = Attempts()
    waiting, second = opened(attempts), opened(attempts)
    second.connect(attempts)
    attempts.forget(cast(Connection, waiting))

    assert attempts.find(CID) is second


def test_ids_that_share_a_key_are_told_apart() -> None:
    """The index looks at a part of the id; the rest has to match as well."""
    attempts = Attempts()
    opened(attempts)

    assert attempts.find(CID[:-1] + "0") is None


def test_newcomer_takes_the_place_of_who_is_being_closed() -> None:
    """One that waits for its peer's goodbye hides nobody, and takes nothing along when it is gone."""
    attempts = Attempts()
    leaving = opened(attempts)
    leaving.connect(attempts)
    leaving.closed = True
    assert attempts.find(CID) is leaving
    newcomer = opened(attempts)
    attempts.forget(cast(Connection, leaving))

    assert attempts.find(CID) is newcomer
