"""How a connection's end is told: one canonical log line, and the record that the ledger keeps.

Most facts are read off the connection at its end. What is gone by then, because the close handshake may take seconds
and channels are left before it, is noted beside it and forgotten with the line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from holdfast.codes_stages import Stage, stage_of
from holdfast.connections import client_id, traces
from holdfast.connections.headers import headers_seen
from holdfast.connections.records import EndedConnection, Initiator, RefusedAttempt
from holdfast.telemetry.logs import get_logger

if TYPE_CHECKING:
    from holdfast.connections.connection import Connection
    from holdfast.connections.core import Core
    from holdfast.connections.transport import Handshake
    from holdfast.errors import GatewayError

_MOST_OFFSETS: Final = 8
# Of a session; before there is one, what fails is the connect.
_LATER: Final[frozenset[Stage]] = frozenset({"subscribe", "message", "idle", "close"})
# A peer that ends a connection by itself before its connect was refused by nobody.
_LEFT: Final = frozenset({"client_gone", "ack_timeout", "client_closed"})

_log = get_logger(__name__)


@dataclass(slots=True)
class _Ending:
    """What is noted of a connection that is about to end."""

    detail: str = ""
    context: Mapping[str, object] = field(default_factory=dict)
    offsets: Mapping[str, int] = field(default_factory=dict)
    subscriptions: int = 0
    queued: int = 0
    quiet: float = 0.0


_UNNOTED: Final = _Ending()


class Reports:
    """Tells log and recorder of every end."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._endings: dict[Connection, _Ending] = {}

    def __len__(self) -> int:
        """Return of how many connections something is noted."""
        return len(self._endings)

    def note_failure(self, connection: Connection, error: GatewayError) -> None:
        """Note why a connection is about to be closed."""
        if not connection.closed:
            self._endings[connection] = _Ending(error.detail, error.context)

    def note_end(self, connection: Connection) -> None:
        """Note what a session has, before it loses that."""
        ending = self._endings.setdefault(connection, _Ending())
        ending.offsets = self.offsets(connection)
        ending.subscriptions = len(connection.subs)
        ending.queued = connection.transport.buffered()
        ending.quiet = self._core.heartbeat.quiet_seconds(connection.bucket, self._core.clock())

    def offsets(self, connection: Connection) -> dict[str, int]:
        """Return up to which offset a connection was given its channels, the first few of them."""
        position = self._core.hub.position
        found = ((channel, position(channel)) for channel in islice(connection.subs, _MOST_OFFSETS))
        return {channel: reached.offset for channel, reached in found if reached is not None}

    def ended(self, connection: Connection, code: int, initiator: Initiator) -> None:
        """Tell of an end, whether there was a session or not."""
        ending = self._endings.pop(connection, _UNNOTED)
        if (handshake := connection.handshake) is None:
            session = self._session(connection, ending, code, initiator)
            _log.info("connection_closed", **{**ending.context, **line_of_session(session)})
            self._core.recorder.ended(session)
        else:
            attempt = self.attempt(connection, handshake, ending.detail)
            event = "connection_closed" if connection.ending in _LEFT else "connection_refused"
            line = {**ending.context, **line_of_attempt(attempt), "code": code, "initiator": initiator}
            _log.info(event, **line)
            self._core.recorder.refused(attempt)

    def attempt(self, connection: Connection, handshake: Handshake, detail: str = "") -> RefusedAttempt:
        """Return what there is to say of a connection that got no session."""
        return RefusedAttempt(
            attempt=handshake.attempt_id,
            at=self._core.wall_clock(),
            address=connection.address,
            transport=connection.transport.name,
            path=handshake.path,
            slug=connection.ending,
            stage=stage_without_session(connection.ending),
            detail=detail or handshake.refusal,
            user=connection.user,
            agent=connection.agent,
            timings=handshake.timings,
            seen=headers_seen(handshake.headers),
        )

    # Private methods

    def _session(self, connection: Connection, ending: _Ending, code: int, initiator: Initiator) -> EndedConnection:
        opened_at, ended_at = client_id.connected_at(connection.client), self._core.wall_clock()
        return EndedConnection(
            client=connection.client,
            attempt=traces.attempt_of(connection.trace),
            user=connection.user,
            address=connection.address,
            transport=connection.transport.name,
            agent=connection.agent,
            opened_at=opened_at,
            ended_at=ended_at,
            slug=connection.ending,
            code=code,
            initiator=initiator,
            timings=traces.timings_of(connection.trace),
            offsets=ending.offsets,
            subscriptions=ending.subscriptions,
            queued=ending.queued,
            rtt=connection.rtt / 1000,
            detail=ending.detail,
            quiet=min(ending.quiet, ended_at - opened_at),
        )


def stage_without_session(slug: str) -> Stage:
    """Return the stage at which an attempt failed after its transport was open."""
    stage = stage_of(slug)
    return "connect" if stage in _LATER else stage


def line_of_attempt(attempt: RefusedAttempt) -> dict[str, Any]:
    """Return the fields of a refused attempt's log line; what is empty is left out."""
    return _filled(
        slug=attempt.slug,
        detail=attempt.detail,
        stage=attempt.stage,
        attempt=attempt.attempt,
        user=attempt.user,
        transport=attempt.transport,
        path=attempt.path,
        address=attempt.address,
        agent=attempt.agent,
        timings=_rounded(attempt.timings),
    )


def line_of_session(session: EndedConnection) -> dict[str, Any]:
    """Return the fields of an ended session's log line; what is empty is left out."""
    return {
        "slug": session.slug,
        "code": session.code,
        "initiator": session.initiator,
        "client": session.client,
        "user": session.user,
        "seconds": round(session.lifetime, 3),
        **_filled(
            detail=session.detail,
            attempt=session.attempt,
            transport=session.transport,
            address=session.address,
            agent=session.agent,
            timings=_rounded(session.timings),
            offsets=session.offsets,
            subscriptions=session.subscriptions,
            queued=session.queued,
            rtt=session.rtt,
        ),
    }


def _filled(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}


def _rounded(timings: Mapping[str, float]) -> dict[str, float]:
    return {step: round(moment, 6) for step, moment in timings.items()}
