"""The ledger: what the instance remembers of refused attempts and ended connections, newest over oldest.

A record is kept as packed bytes, a third of what it takes as objects and nothing for the garbage collector to walk
through. Records are found at once by attempt and by client id; any other question looks through them, newest first,
in slices between which the event loop turns.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Final, Generic, TypeVar

import msgspec

from holdfast.connections.records import EndedConnection, RefusedAttempt
from holdfast.settings_admin import LedgerSettings

Record = TypeVar("Record", RefusedAttempt, EndedConnection)

PLANNED: Final = frozenset({"shutdown", "draining", "rebalanced", "connection_too_old"})
"""What is planned for many: counted, or one restart would push out all that is worth asking for."""

FILTERS: Final = ("user", "address", "slug", "transport", "stage", "initiator")
"""The fields of a query that must be equal."""

_TURNED_AWAY: Final = 1000  # newcomers a drain refused, who may ask why while the instance is there
_ADMITTED: Final = 1000  # attempts that were let in whose headers are remembered
_SLICE: Final = 200
_COMPUTED: Final = frozenset({"stage"})  # what some records do not hold but work out

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


@dataclass(frozen=True, slots=True)
class Query:
    """Which records are asked for; an empty field lets all pass. Moments are Unix seconds, `since` included."""

    user: str = ""
    address: str = ""
    slug: str = ""
    transport: str = ""
    stage: str = ""
    initiator: str = ""
    since: float = 0.0
    until: float = float("inf")

    def given(self) -> dict[str, str]:
        """Return the fields that must be equal."""
        return {name: value for name in FILTERS if (value := getattr(self, name))}

    def matches(self, record: object) -> bool:
        """Tell whether a record has all that is given."""
        return all(getattr(record, name, "") == value for name, value in self.given().items())


class _Ring(Generic[Record]):
    """Packed records of one kind, found at once by each of their `keys`; `moment` is the field with their time.

    Keys are ids in hexadecimal digits, whose case means nothing. Each has an index of its own: strangers choose the ids
    of attempts, and those of clients are known to whoever sees presence.
    """

    def __init__(self, kind: type[Record], moment: str, keys: tuple[str, ...], size: int) -> None:
        names = [one.name for one in fields(kind)]
        self._kind: Callable[..., Record] = kind
        self._moment = moment
        self._values = attrgetter(*names)
        self._size = size
        self._packed: deque[bytes] = deque()
        self._by_key: dict[str, tuple[int, dict[str, bytes]]] = {key: (names.index(key), {}) for key in keys}

    def __len__(self) -> int:
        return len(self._packed)

    def add(self, record: Record) -> None:
        if not self._size:
            return
        if len(self._packed) >= self._size:
            self._forget(self._packed.popleft())
        values = self._values(record)
        packed = _encode(values)
        self._packed.append(packed)
        for place, index in self._by_key.values():
            index[values[place].lower()] = packed

    def find(self, key: str, name: str) -> Record | None:
        packed = self._by_key[key][1].get(name.lower())
        return self._kind(*_decode(packed)) if packed is not None else None

    def oldest(self) -> float | None:
        if not self._packed:
            return None
        at: float = getattr(self._kind(*_decode(self._packed[0])), self._moment)
        return at

    async def newest(self, query: Query, limit: int) -> list[Record]:
        given = query.given()
        # A text stands in the packed record as it is, so most that do not match need no unpacking.
        needles = [value.encode() for name, value in given.items() if name not in _COMPUTED]
        found: list[Record] = []
        # A copy, for the ring moves on while the loop turns.
        for count, packed in enumerate(reversed(list(self._packed)), 1):
            if count % _SLICE == 0:
                await asyncio.sleep(0)
            if not all(needle in packed for needle in needles):
                continue
            record = self._kind(*_decode(packed))
            at = getattr(record, self._moment)
            if at < query.since or len(found) >= limit:
                break  # they stand in the order of their time
            if at <= query.until and query.matches(record):
                found.append(record)
        return found

    def _forget(self, packed: bytes) -> None:
        values = _decode(packed)
        for place, index in self._by_key.values():
            if index.get(name := values[place].lower()) is packed:
                del index[name]


class Ledger:
    """Remembers what it is told as `connections.records.Recorder`; questions are async, as those to other instances."""

    def __init__(self, settings: LedgerSettings) -> None:
        """Keep as many records of each kind as the settings say; 0 keeps none."""
        self._attempts = _Ring(RefusedAttempt, "at", ("attempt",), settings.attempts)
        self._closes = _Ring(EndedConnection, "ended_at", ("attempt", "client"), settings.closes)
        self._turned_away = _Ring(RefusedAttempt, "at", ("attempt",), min(_TURNED_AWAY, settings.attempts))
        self._admitted: dict[str, bytes] = {}
        self._most_admitted = min(_ADMITTED, settings.closes)
        self.planned: Counter[str] = Counter()

    # Public methods: what is remembered

    def admitted(self, attempt: str, seen: Mapping[str, str]) -> None:
        """Remember for a while the headers of an attempt that was let in."""
        if len(self._admitted) >= self._most_admitted:
            if not self._most_admitted:
                return
            del self._admitted[next(iter(self._admitted))]
        self._admitted[attempt.lower()] = _encode(seen)

    def refused(self, attempt: RefusedAttempt) -> None:
        """Remember an attempt that got no session."""
        if attempt.slug in PLANNED:
            self.planned[attempt.slug] += 1
            self._turned_away.add(attempt)
        elif attempt.slug != "client_gone" or self._attempts.find("attempt", attempt.attempt) is None:
            # Who was turned away leaves: that is no second cause.
            self._attempts.add(attempt)

    def ended(self, connection: EndedConnection) -> None:
        """Remember a session that is over."""
        if connection.slug in PLANNED:
            self.planned[connection.slug] += 1
        else:
            self._closes.add(connection)

    # Public methods: questions

    def sizes(self) -> dict[str, int]:
        """Return how many records there are, by kind."""
        return {"attempts": len(self._attempts) + len(self._turned_away), "closes": len(self._closes)}

    def oldest(self) -> dict[str, float | None]:
        """Return the moment (Unix seconds) of the oldest record of each kind, None where there is none."""
        return {"attempts": self._attempts.oldest(), "closes": self._closes.oldest()}

    async def find(self, attempt: str) -> RefusedAttempt | EndedConnection | None:
        """Return the newest record of an attempt."""
        refused = [
            one for ring in (self._attempts, self._turned_away) if (one := ring.find("attempt", attempt)) is not None
        ]
        newest = max(refused, key=attrgetter("at"), default=None)
        ended = self._closes.find("attempt", attempt)
        if newest is not None and ended is not None:
            return newest if newest.at > ended.ended_at else ended
        return newest or ended

    async def find_client(self, client: str) -> EndedConnection | None:
        """Return the record of a client id."""
        return self._closes.find("client", client)

    async def seen(self, attempt: str) -> dict[str, str]:
        """Return the headers of an attempt that was let in, empty where that is too long ago."""
        packed = self._admitted.get(attempt.lower())
        return dict(_decode(packed)) if packed is not None else {}

    async def attempts(self, query: Query, limit: int) -> list[RefusedAttempt]:
        """Return refused attempts that match, newest first."""
        found = await self._turned_away.newest(query, limit) + await self._attempts.newest(query, limit)
        return sorted(found, key=attrgetter("at"), reverse=True)[:limit]

    async def connections(self, query: Query, limit: int) -> list[EndedConnection]:
        """Return ended connections that match, newest first."""
        return await self._closes.newest(query, limit)
