"""What every broker promises; one test suite holds all of them to it.

A broker calls its handler in offset order per channel, before `publish` returns where the broker is embedded.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from holdfast.errors import BrokerError
from holdfast.protocol.messages import ClientInfo, Publication, StreamPosition

# The position of a channel that keeps no stream.
NO_POSITION = StreamPosition(0, "")
# What comes from a shared broker by itself: publications, and messages of instances.
Way = Literal["feed", "messages"]


@dataclass(frozen=True, slots=True)
class PublishOptions:
    """How one publication is kept.

    Times are seconds. Without `history_size` and `history_ttl` the publication is only delivered (offset 0).
    A `version` above 0 suppresses the publication unless it is higher than the last one of the same
    `version_epoch`. A repeated `idempotency_key` gives the first result again and delivers nothing. `use_delta` goes
    with the publication to every instance. With `durability` so many replicas must have confirmed it before the
    publisher gets its answer, which is else `BrokerError("durability_not_met")`; an embedded broker has none to ask.
    """

    history_size: int = 0
    history_ttl: float = 0.0
    history_meta_ttl: float = 0.0
    idempotency_key: str = ""
    idempotency_ttl: float = 0.0
    version: int = 0
    version_epoch: str = ""
    use_delta: bool = False
    durability: int = 0

    @property
    def keeps_history(self) -> bool:
        """Whether the publication enters the channel's stream."""
        return self.history_size > 0 and self.history_ttl > 0


@dataclass(frozen=True, slots=True)
class PublishResult:
    """Where the publication went; `suppressed` when its version or idempotency key had been seen."""

    position: StreamPosition
    suppressed: bool = False


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """Which publications are asked for.

    `limit` 0 is the position only, -1 all. `since` excludes its own offset. `reverse` goes from new to old.
    """

    limit: int = 0
    since: StreamPosition | None = None
    reverse: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """The publications that matched, and the stream's top."""

    publications: list[Publication]
    position: StreamPosition


@dataclass(frozen=True, slots=True)
class PresenceStats:
    """How many clients and different users are present."""

    clients: int
    users: int


class BrokerHandler(Protocol):
    """What a broker calls on this instance."""

    def on_publication(
        self, channel: str, publication: Publication, position: StreamPosition, use_delta: bool = False
    ) -> None:
        """Deliver a publication to the local subscribers, as a delta to those who negotiated that if so wanted."""

    def on_join(self, channel: str, info: ClientInfo) -> None:
        """Tell the local subscribers that somebody joined."""

    def on_leave(self, channel: str, info: ClientInfo) -> None:
        """Tell the local subscribers that somebody left."""

    def on_control(self, message: bytes) -> None:
        """Take what an instance sent by `Broker.send`; to all, this one gets its own as well."""

    def on_interrupted(self) -> None:
        """Know that publications may be lost on their way here from now on, until `on_resumed`."""

    def on_resumed(self, channels: Collection[str]) -> None:
        """Know that these channels are delivered again; what came between has to be read from history.

        Called for no channel each time that messages of instances may have been lost.
        """


class SessionStore(Protocol):
    """Login sessions that all instances share: values of bytes that mean nothing here, by owner and session id.

    Each method is one step that nothing comes between, so that a broker elsewhere needs one script for each; all that
    one touches belongs to one owner, so that a cluster keeps it in one place. A value that has expired is not there.
    All raise `BrokerError("broker_unavailable")` when the broker cannot do it now, and may be repeated, `swap` too:
    who finds the value that it wanted to put there has succeeded before.
    """

    async def get(self, owner: str, session: str) -> bytes | None:
        """Return the session's value, None if it is not there."""

    async def put(self, owner: str, session: str, value: bytes, ttl: float) -> None:
        """Keep a value for `ttl` seconds, in place of one that may be there."""

    async def swap(self, owner: str, session: str, expected: bytes, value: bytes, ttl: float) -> bool:
        """Put a value in the place of the expected one for `ttl` seconds; return whether that was there."""

    async def delete(self, owner: str, session: str) -> bool:
        """Forget a session and return whether it was there."""

    async def sessions_of(self, owner: str) -> dict[str, bytes]:
        """Return all values of an owner, by session id, in any order."""


class TableStore(Protocol):
    """Small tables that all instances share: named values that expire, such as the list of instances.

    All raise `BrokerError` when the broker cannot do it now, and may be repeated.
    """

    async def put(self, table: str, name: str, value: bytes, ttl: float) -> None:
        """Keep a value for `ttl` seconds, in place of one that may be there."""

    async def remove(self, table: str, name: str) -> None:
        """Forget a value; an unknown one is no error."""

    async def read(self, table: str) -> dict[str, bytes]:
        """Return all values of a table that have not expired, by name."""


class Count(NamedTuple):
    """How many events a counter has, and in how many seconds it begins again; (0, 0) where it has not begun."""

    value: int
    seconds_left: float


class CounterStore(Protocol):
    """Counters that all instances share: each begins with its first event and begins again when its time is over.

    Each method is one step that nothing comes between. All raise `BrokerError` when the broker cannot do it now.
    """

    async def add(self, key: str, ttl: float, amount: int = 1, *, prolong: bool = False) -> Count:
        """Count `amount` events; a counter that begins with them ends after `ttl` seconds.

        With `prolong` each event gives it `ttl` seconds from now. `amount` may be negative: at 0 it begins again.
        """

    async def get(self, key: str) -> Count:
        """Return where a counter is."""

    async def clear(self, key: str) -> None:
        """Begin again."""

    async def take(self, key: str, rate: float, burst: int) -> float:
        """Take one from a bucket that holds `burst` and gets `rate` a second; return how long to wait, 0 if it did.

        Buckets and counters have names of their own.
        """


class Broker(Protocol):
    """History, presence and transport of publications.

    Every method raises `BrokerError("broker_unavailable")` when the broker cannot do it now, with `is_undone` where it
    certainly did nothing: a publication is repeated then only. Everything else may be repeated.
    """

    is_shared: bool
    """Whether other instances may serve the same channels, so that a client has somewhere else to go."""

    @property
    def sessions(self) -> SessionStore:
        """The sessions of the login."""

    @property
    def tables(self) -> TableStore:
        """Small tables that instances share."""

    @property
    def counters(self) -> CounterStore:
        """Counters that instances share."""

    def trouble(self, way: Way) -> BrokerError | None:
        """Return why nothing comes here this way, None where it does as far as is known."""

    async def start(self, handler: BrokerHandler) -> None:
        """Begin to serve; `handler` gets what is published from now on."""

    async def stop(self) -> None:
        """Write what must be kept and let go of everything."""

    async def publish(self, channel: str, publication: Publication, options: PublishOptions) -> PublishResult:
        """Publish; the publication's offset is set by the broker, and once only."""

    async def publish_join(self, channel: str, info: ClientInfo) -> None:
        """Tell all instances' subscribers that somebody joined."""

    async def publish_leave(self, channel: str, info: ClientInfo) -> None:
        """Tell all instances' subscribers that somebody left."""

    async def subscribe(self, channel: str) -> None:
        """Begin to hand on what is published into the channel."""

    async def unsubscribe(self, channel: str) -> None:
        """Stop handing on."""

    async def history(self, channel: str, query: HistoryFilter, meta_ttl: float = 0.0) -> History:
        """Return publications and the top position, which comes into being if the channel had none.

        Raises:
            ChannelError: `unrecoverable_position`, when `since` is of another epoch or already cut off.
        """

    async def reconcile(self, channel: str, seen: StreamPosition) -> None:
        """Make sure that the stream can go on behind a position that was seen of it.

        A shared broker that fails over may have lost the newest publications and use their offsets again: where it
        went back behind `seen`, the stream begins anew under another epoch, whose name nobody has seen.
        """

    async def history_remove(self, channel: str) -> None:
        """Forget the publications; position and epoch stay."""

    async def add_presence(self, channel: str, client: str, info: ClientInfo, ttl: float) -> None:
        """Enter or refresh a client for `ttl` seconds."""

    async def remove_presence(self, channel: str, client: str) -> None:
        """Remove a client; an unknown one is no error."""

    async def presence(self, channel: str) -> dict[str, ClientInfo]:
        """Return who is present, by client id."""

    async def presence_stats(self, channel: str) -> PresenceStats:
        """Return how many are present."""

    async def send(self, message: bytes, instance: str = "") -> None:
        """Give a message to one instance's handler, or to all, this one too; nobody may be there to get it.

        It arrives at most once, and those of one sender in their order.
        """
