"""What is remembered of an attempt that was refused and of a connection that ended: the facts, once, as data.

Whoever keeps them (the ledger) implements `Recorder` and is given to the core by `main`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from holdfast.codes_stages import Stage, stage_of

Initiator = Literal["peer", "us", "path"]
"""Who ended a connection: the client, this instance, or something in between (no close frame came)."""


@dataclass(frozen=True, slots=True)
class RefusedAttempt:
    """An attempt that got no session.

    `attempt` is the id that the client chose (`?cid=`) or that was made for it; `at` is Unix seconds; `timings` are
    seconds by stage; `seen` are the request's headers as the instance saw them, those that may hold secrets left out.
    """

    attempt: str
    at: float
    address: str
    transport: str
    path: str
    slug: str
    stage: Stage
    detail: str = ""
    user: str = ""
    agent: str = ""
    timings: Mapping[str, float] = field(default_factory=dict)
    seen: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EndedConnection:
    """A session from its connect to its end; moments are Unix seconds, `rtt` is seconds and 0 where it is unknown.

    `offsets` are the last offsets by channel, the first few; `queued` are the bytes that waited for the client. `quiet`
    are the seconds since the last ping, or the connect, and 0 where there are no pings: nothing else that surely
    passed is known, since deliveries leave no moment behind.
    """

    client: str
    attempt: str
    user: str
    address: str
    transport: str
    agent: str
    opened_at: float
    ended_at: float
    slug: str
    code: int
    initiator: Initiator
    timings: Mapping[str, float] = field(default_factory=dict)
    offsets: Mapping[str, int] = field(default_factory=dict)
    subscriptions: int = 0
    queued: int = 0
    rtt: float = 0.0
    detail: str = ""
    quiet: float = 0.0

    @property
    def lifetime(self) -> float:
        """How long it lived, in seconds."""
        return self.ended_at - self.opened_at

    @property
    def stage(self) -> Stage:
        """The stage to which the cause of its end belongs."""
        return stage_of(self.slug)


class Recorder(Protocol):
    """Who remembers."""

    def admitted(self, attempt: str, seen: Mapping[str, str]) -> None:
        """Remember for a while the headers of an attempt that was let in."""

    def refused(self, attempt: RefusedAttempt) -> None:
        """Remember an attempt that got no session."""

    def ended(self, connection: EndedConnection) -> None:
        """Remember a session that is over."""


class Forgetful:
    """A recorder that remembers nothing."""

    def admitted(self, attempt: str, seen: Mapping[str, str]) -> None:
        """Forget it."""

    def refused(self, attempt: RefusedAttempt) -> None:
        """Forget it."""

    def ended(self, connection: EndedConnection) -> None:
        """Forget it."""
