"""The messages of the Centrifuge protocol, with the field names of centrifugal/protocol `client.proto`.

Here is what clients are told; what they ask is in `commands`. Payloads stay raw: the gateway never looks into an
application's data. Fields at their default are left out.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Raw, Struct

NONE = Raw(b"")
"""No payload; the encoder leaves it out."""


class StreamPosition(NamedTuple):
    """A place in a channel's stream; offsets count from 1 within one epoch."""

    offset: int
    epoch: str


class Message(Struct, omit_defaults=True, gc=False):
    """Base of all messages: plain data without cycles, so the collector need not look at it."""


class Welcome(Message):
    """The `holdfast` object of a connect reply."""

    reconnect_window_ms: int = 0
    instance: str = ""
    log_token: str = ""


class ClientInfo(Message):
    """Who published, joined, left or is present."""

    user: str = ""
    client: str = ""
    conn_info: Raw = NONE
    chan_info: Raw = NONE


class Publication(Message):
    """One publication; `offset` is 0 in channels without history.

    With `delta` the data is a delta against the data before, see `deltas`.
    """

    data: Raw = NONE
    info: ClientInfo | None = None
    offset: int = 0
    tags: dict[str, str] | None = None
    delta: bool = False


class ErrorBody(Message):
    """An error reply's body; `message` is the slug."""

    code: int = 0
    message: str = ""
    temporary: bool = False


# Results


class SubscribeResult(Message):
    """A subscription's terms, and what was missed."""

    expires: bool = False
    ttl: int = 0
    recoverable: bool = False
    epoch: str = ""
    publications: list[Publication] = []
    recovered: bool = False
    offset: int = 0
    positioned: bool = False
    data: Raw = NONE
    was_recovering: bool = False
    delta: bool = False


class ConnectResult(Message):
    """A session's terms; `ping` in seconds, `pong` whether the client must answer pings."""

    client: str = ""
    version: str = ""
    expires: bool = False
    ttl: int = 0
    data: Raw = NONE
    subs: dict[str, SubscribeResult] | None = None
    ping: int = 0
    pong: bool = False
    session: str = ""
    node: str = ""
    holdfast: Welcome | None = None


class EmptyResult(Message):
    """The result of unsubscribe and publish."""


class PresenceResult(Message, omit_defaults=False):
    """Who is subscribed, by client id."""

    presence: dict[str, ClientInfo] = {}


class PresenceStatsResult(Message, omit_defaults=False):
    """How many are subscribed."""

    num_clients: int = 0
    num_users: int = 0


class HistoryResult(Message):
    """Publications and the stream's top position."""

    publications: list[Publication] = []
    epoch: str = ""
    offset: int = 0


class RpcResult(Message):
    """The backend's answer."""

    data: Raw = NONE


class RefreshResult(Message):
    """The session's new terms."""

    client: str = ""
    version: str = ""
    expires: bool = False
    ttl: int = 0


class SubRefreshResult(Message):
    """The subscription's new terms."""

    expires: bool = False
    ttl: int = 0


# Pushes


class MemberPush(Message):
    """Body of join and leave."""

    info: ClientInfo


class UnsubscribePush(Message):
    """A subscription ended by the server; 2500 and above ask to subscribe anew."""

    code: int = 0
    reason: str = ""


class SubscribePush(Message):
    """A server-side subscription began."""

    recoverable: bool = False
    epoch: str = ""
    offset: int = 0
    positioned: bool = False
    data: Raw = NONE


class MessagePush(Message):
    """A message outside of channels."""

    data: Raw = NONE


class ConnectPush(ConnectResult):
    """A session began without a connect command; the same fields as of a connect reply, under other numbers."""


class DisconnectPush(Message):
    """The session ends; transports without close frames send this instead."""

    code: int = 0
    reason: str = ""
    reconnect: bool = False


class RefreshPush(Message):
    """The server prolonged or ended the session's life."""

    expires: bool = False
    ttl: int = 0


class Migrate(Message):
    """Start moving to another instance in `after_ms`."""

    after_ms: int


class ExtensionPush(Message):
    """The `holdfast` push."""

    migrate: Migrate | None = None


class Push(Message):
    """Something the client did not ask for; exactly one kind."""

    channel: str = ""
    pub: Publication | None = None
    join: MemberPush | None = None
    leave: MemberPush | None = None
    unsubscribe: UnsubscribePush | None = None
    message: MessagePush | None = None
    subscribe: SubscribePush | None = None
    connect: ConnectPush | None = None
    disconnect: DisconnectPush | None = None
    refresh: RefreshPush | None = None
    holdfast: ExtensionPush | None = None


class Reply(Message):
    """The answer to one command, or a push."""

    id: int = 0
    error: ErrorBody | None = None
    push: Push | None = None
    connect: ConnectResult | None = None
    subscribe: SubscribeResult | None = None
    unsubscribe: EmptyResult | None = None
    publish: EmptyResult | None = None
    presence: PresenceResult | None = None
    presence_stats: PresenceStatsResult | None = None
    history: HistoryResult | None = None
    ping: EmptyResult | None = None
    rpc: RpcResult | None = None
    refresh: RefreshResult | None = None
    sub_refresh: SubRefreshResult | None = None
