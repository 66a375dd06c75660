"""The manager: every live connection of this instance, by client, user and address, from accept to end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING

from holdfast.connections import subscribing, traces
from holdfast.connections.attempts import Attempts
from holdfast.connections.connection import Connection
from holdfast.connections.lifecycle import Phase
from holdfast.connections.reporting import Reports
from holdfast.connections.room import longest_idle
from holdfast.connections.stats import Statistics
from holdfast.connections.transport import Handshake, Transport
from holdfast.errors import LifecycleError
from holdfast.resilience.parties import party_of
from holdfast.telemetry.logs import get_logger

if TYPE_CHECKING:
    from holdfast.connections.core import Core
    from holdfast.connections.records import Initiator
    from holdfast.connections.subscription import Subscription
    from holdfast.errors import GatewayError

_log = get_logger(__name__)

Outcome = Callable[[Handshake, str], object]
"""Told how an accepted connection's connect ended: "ok", or the slug of what came instead."""


class EnhancedWebSocketManager:
    """The registry of connections; its `open` is the `SinkFactory` of every transport."""

    def __init__(self, core: Core) -> None:
        core.manager = self
        self.core = core
        self.reports = Reports(core)
        self.connections: dict[str, Connection] = {}
        self.opening: dict[Connection, None] = {}  # accepted, not connected yet; the oldest first
        self.congested: set[Connection] = set()  # slow readers, for whom bytes wait
        self._sessions: dict[str, Connection] = {}  # of transports whose clients come back by other requests
        self.by_transport: Counter[str] = Counter(websocket=0)
        self.by_agent: Counter[str] = Counter()
        self._attempts = Attempts()
        # What a token's `jti` hashes to, for those that have one: 80 bytes each, a third of what the text would take.
        self._tokens: dict[Connection, int] = {}
        # Nearly every user has one connection, which then needs no set.
        self._users: dict[str, Connection | set[Connection]] = {}
        # Counts alone, by party: behind a proxy that is not trusted one has all connections, else each has its own.
        self._addresses: Counter[str] = Counter()
        self.on_outcome: Outcome = lambda handshake, slug: None

    # Public methods: questions

    @property
    def count(self) -> int:
        """Return how many sessions are open."""
        return len(self.connections)

    @property
    def total(self) -> int:
        """Return how many connections there are, those that have not connected yet too."""
        return len(self.connections) + len(self.opening)

    @property
    def users_count(self) -> int:
        """Return how many different users have a session."""
        return len(self._users)

    def by_user(self, user: str) -> list[Connection]:
        """Return a user's sessions."""
        found = self._users.get(user)
        if found is None:
            return []
        return [found] if isinstance(found, Connection) else list(found)

    def by_session(self, session: str) -> Connection | None:
        """Return the connection of a session id, None if there is none or the session has ended."""
        return self._sessions.get(session)

    def by_attempt(self, attempt: str) -> Connection | None:
        """Return the connection of an attempt whose client chose its id, None if there is none."""
        return self._attempts.find(attempt)

    def by_token(self, jti: str) -> list[Connection]:
        """Return the sessions of the token with this `jti`; it looks at all of them."""
        return self.by_tokens({jti})

    def by_tokens(self, jtis: Collection[str]) -> list[Connection]:
        """Return the sessions of tokens with any of these `jti`; it looks at all of them once."""
        wanted = {_hashed(jti) for jti in jtis}
        return [connection for connection, found in self._tokens.items() if found in wanted] if wanted else []

    def note_token(self, connection: Connection, jti: str) -> None:
        """Remember by which token a session lives."""
        if jti:
            self._tokens[connection] = _hashed(jti)
        else:
            self._tokens.pop(connection, None)

    def count_by_sdk(self) -> Counter[str]:
        """Return how many sessions there are of each SDK."""
        found: Counter[str] = Counter()
        for agent, count in self.by_agent.items():
            found[traces.sdk_of(agent)] += count
        return found

    def count_of(self, user: str) -> int:
        """Return how many sessions a user has."""
        return len(self.by_user(user))

    def count_of_address(self, address: str) -> int:
        """Return how many connections an address (of IPv6: its network) has, those that have not connected yet too."""
        return self._addresses.get(party_of(address), 0)

    def by_address(self, address: str) -> list[Connection]:
        """Return an address's connections; it looks at all of them."""
        if party_of(address) not in self._addresses:
            return []
        return [connection for connection in self.everybody() if connection.address == address]

    def busiest_addresses(self, number: int) -> list[tuple[str, int]]:
        """Return the addresses with the most connections, and how many each has."""
        return self._addresses.most_common(number)

    def snapshot(self) -> Statistics:
        """Return the numbers of this moment."""
        stats = self.core.stats
        return Statistics(
            connections=self.count,
            opening=len(self.opening),
            by_transport=dict(self.by_transport),
            users=self.users_count,
            addresses=len(self._addresses),
            subscriptions=stats.subscriptions,
            opened=stats.opened,
            refused=dict(stats.refused),
            closes=dict(stats.closes),
        )

    def everybody(self) -> list[Connection]:
        """Return all connections, those that have not connected yet too."""
        return [*self.opening, *self.connections.values()]

    def queue_bytes(self) -> int:
        """Return the bytes that wait for slow readers; what is on its way to others is gone in a moment."""
        return sum(connection.transport.buffered() for connection in self.congested)

    # Public methods: the life of a connection

    def open(self, transport: Transport, handshake: Handshake) -> Connection:
        """Take over an accepted connection."""
        handshake.headers = self.core.kept_headers.of(handshake.headers)
        connection = Connection(self.core, transport, handshake)
        handshake.passed("upgrade", self.core.exact_clock())
        self.core.expiry.watch_handshake(connection, handshake.accepted_at)
        self.opening[connection] = None
        self._attempts.opened(connection)
        self._addresses[party_of(connection.address)] += 1
        self.core.stats.opened += 1
        if self.core.lifecycle.phase >= Phase.STOPPING:  # let in before, and everybody else has been told to go
            connection.close("shutdown")
        return connection

    def register(self, connection: Connection, jti: str = "") -> None:
        """Enter a connection whose connect is about to be answered; `jti` is its token's, if that has one."""
        self.core.expiry.handshake_done(connection)
        self.opening.pop(connection, None)
        self._tell_outcome(connection, "ok")
        connection.is_connected = True
        connection.ending = ""
        if (handshake := connection.handshake) is not None:
            connection.trace = traces.pack(handshake.attempt_id, handshake.timings, can_migrate=handshake.can_migrate)
            self._attempts.connected(connection)
            connection.handshake = None
        self.by_agent[connection.agent] += 1
        self.connections[connection.client] = connection
        self.by_transport[connection.transport.name] += 1
        if session := connection.transport.session:
            self._sessions[session] = connection
        self._enter_user(connection)
        self.note_token(connection, jti)
        self.core.heartbeat.add(connection)
        self.core.expiry.watch_session(connection)

    def depart(self, connection: Connection) -> None:
        """Take a connection that ends out of everything, at once; presence and feeds follow."""
        self.congested.discard(connection)
        self.core.farewells.departed(connection)
        if self.core.backend is not None:
            self.core.backend.forget(connection)
        _uncount(self._addresses, party_of(connection.address))
        if not connection.is_connected:
            self.core.expiry.handshake_done(connection)
            self.opening.pop(connection, None)
            self._tell_outcome(connection, connection.ending)
            return
        self.reports.note_end(connection)
        _uncount(self.by_agent, connection.agent)
        self._tokens.pop(connection, None)
        self.connections.pop(connection.client, None)
        self.by_transport[connection.transport.name] -= 1
        if session := connection.transport.session:
            self._sessions.pop(session, None)
        self._leave_user(connection)
        self.core.heartbeat.discard(connection)
        self.core.expiry.forget_session(connection)
        self.core.presence.discard(connection)
        subs, connection.subs = connection.subs, {}
        for channel in subs:
            self.core.hub.remove(channel, connection)
            self.core.expiry.forget_subscription(connection, channel)
        if subs:
            self.core.stats.unsubscribed(len(subs))
            self.core.spawn(self._farewell(connection, subs))

    def make_room(self) -> bool:
        """Close one that came long ago and has no session, where the instance is full; return whether there was one."""
        found = longest_idle(self.opening, self.core.clock())
        if found is not None:
            found.fail(LifecycleError("handshake_timeout", "the instance was full, and others waited"))
        return found is not None

    # Public methods: what connections report

    def on_closed(self, connection: Connection, code: int, initiator: Initiator) -> None:
        """Count an end and tell of it."""
        self.core.stats.ends[connection.ending, initiator] += 1
        self.reports.ended(connection, code, initiator)
        self._attempts.forget(connection)  # only now: whoever asks hears of it from here or from the ledger
        connection.handshake = None

    def on_error_reply(self, connection: Connection, method: str, error: GatewayError) -> None:
        """Count and log an error reply."""
        self.core.stats.errors[error.slug] += 1
        if method == "connect" and not connection.is_connected:
            self._tell_outcome(connection, error.slug)
        facts = {"slug": error.slug, "method": method, "detail": error.detail}
        _log.info("command_refused", **facts, **_who(connection), **error.context)

    def on_crash(self, connection: Connection, error: Exception) -> None:
        """Log a failure of our own with its traceback."""
        _log.error("command_failed", **_who(connection), exc_info=error)

    # Private methods

    async def _farewell(self, connection: Connection, subs: dict[str, Subscription]) -> None:
        for channel, ended in subs.items():
            try:
                await subscribing.farewell(connection, channel, ended)
            except Exception as error:  # the boundary of one channel: the others must be left all the same
                self.on_crash(connection, error)

    def _tell_outcome(self, connection: Connection, slug: str) -> None:
        if connection.handshake is not None:
            self.on_outcome(connection.handshake, slug)

    def _enter_user(self, connection: Connection) -> None:
        found = self._users.get(connection.user)
        if found is None:
            self._users[connection.user] = connection
        elif isinstance(found, Connection):
            self._users[connection.user] = {found, connection}
        else:
            found.add(connection)

    def _leave_user(self, connection: Connection) -> None:
        found = self._users.get(connection.user)
        if found is connection:
            del self._users[connection.user]
        elif isinstance(found, set):
            found.discard(connection)
            if not found:
                del self._users[connection.user]


def _uncount(counts: Counter[str], key: str) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]


def _hashed(jti: str) -> int:
    return hash(jti) & (2**60 - 1)  # an int of 32 bytes, and hardly ever the same for two tokens


def _who(connection: Connection) -> dict[str, str]:
    """Return what a log line says of a connection: the session, or the attempt before there is one."""
    where = {"transport": connection.transport.name, "address": connection.address}
    if connection.handshake is not None:
        return {"attempt": connection.handshake.attempt_id, **where}
    return {"client": connection.client, "user": connection.user, **where}


def selected(connections: Iterable[Connection], client: str = "", session: str = "") -> list[Connection]:
    """Return the connections that match a client id and a session id, where given."""
    return [
        one
        for one in connections
        if (not client or one.client == client) and (not session or one.transport.session == session)
    ]
