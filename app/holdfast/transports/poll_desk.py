"""What is done with a poll of a session that lives here, wherever the request came in."""

from __future__ import annotations

from typing import NamedTuple

from holdfast.errors import DoorError
from holdfast.transports.poll_exchange import Arrival
from holdfast.transports.poll_messages import SUPERSEDED, Opened, PollRequest, encode_answer
from holdfast.transports.poll_session import PollSession, PollSessions


class Visit(NamedTuple):
    """What is left of a request once it was obeyed: whose it is, whether it may wait, and whether it opened that."""

    session: PollSession
    may_wait: bool
    opens: bool = False

    @property
    def has_to_wait(self) -> bool:
        """Whether there is nothing to tell yet, and something will be."""
        return self.may_wait and not self.session.exchange.has_messages and not self.session.has_ended


class PollDesk:
    """Takes requests and gives answers.

    Args:
        instance: the name of this one.
        sessions: of this instance.
        timeout: how long a request may wait, in seconds.
        max_answer_bytes: of messages.
    """

    def __init__(self, instance: str, sessions: PollSessions, timeout: float, max_answer_bytes: int) -> None:
        self.instance = instance
        self.sessions = sessions
        self.timeout = timeout
        self._max_answer_bytes = max_answer_bytes

    def take(self, request: PollRequest) -> Visit | None:
        """Obey a later request of a session; None if a newer one has come.

        Raises:
            DoorError: `unknown_session`.
            ProtocolError: `bad_request`; nothing has changed.
        """
        may_wait = request.expects_answer()  # before it changes anything: nothing may fail behind that
        session = self.sessions.find(request.session)
        if session is None:
            raise DoorError("unknown_session", "Open another one.")
        if session.arrive(request) is Arrival.STALE:
            return None
        if session.has_ended and not session.exchange.has_messages and not request.close:
            raise DoorError("unknown_session", "It has ended; open another one.")
        return Visit(session, may_wait)

    def answer(self, visit: Visit | None, outcome: str = "") -> bytes:
        """Return the answer to a request; `outcome` is how its wait ended, if it had to."""
        if visit is None:
            self.sessions.outcomes["stale"] += 1
            return SUPERSEDED
        exchange = visit.session.exchange
        self.sessions.outcomes[outcome or ("messages" if exchange.has_messages else "empty")] += 1
        if outcome == "superseded":
            return SUPERSEDED
        if outcome == "gone":
            return b""
        first, messages = exchange.take(self._max_answer_bytes)
        opened = Opened(visit.session.session, self.instance, self.timeout) if visit.opens else None
        return encode_answer(first, messages, opened)
