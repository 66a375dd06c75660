"""The messages of the Centrifuge protocol, with the field names of centrifugal/protocol `client.proto`.

Payloads stay raw: the gateway never looks into an application's data. Fields at their default are left out.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from msgspec import Meta, Raw, Struct

NONE = Raw(b"")
"""No payload; the encoder leaves it out."""

# Positions are unsigned 64-bit numbers on the wire; msgspec bounds only what fits 63 bits, so the top is open.
Offset = Annotated[int, Meta(ge=0)]
CommandId = Annotated[int, Meta(ge=0, le=2**32 - 1)]


class StreamPosition(NamedTuple):
    """A place in a channel's stream; offsets count from 1 within one epoch."""

    offset: int
    epoch: str


class _Message(Struct, omit_defaults=True, gc=False):
    """Base of all messages: plain data without cycles, so the collector need not look at it."""


class Hello(_Message):
    """The `holdfast` object of a connect command: what our own client says of itself."""

    version: str = ""
    cid: str = ""
    can_migrate: bool = False


class Welcome(_Message):
    """The `holdfast` object of a connect reply."""

    reconnect_window_ms: int = 0
    instance: str = ""
    log_token: str = ""


class ClientInfo(_Message):
    """Who published, joined, left or is present."""

    user: str = ""
    client: str = ""
    conn_info: Raw = NONE
    chan_info: Raw = NONE


class Publication(_Message):
    """One publication; `offset` is 0 in channels without history.

    With `delta` the data is a delta against the data before, see `deltas`.
    """

    data: Raw = NONE
    info: ClientInfo | None = None
    offset: int = 0
    tags: dict[str, str] | None = None
    delta: bool = False


class ErrorBody(_Message):
    """An error reply's body; `message` is the slug."""

    code: int = 0
    message: str = ""
    temporary: bool = False


# Requests


class FilterNode(_Message):
    """A node of a tags filter: a condition on one tag, or with `op` a combination of `nodes`."""

    op: str = ""
    key: str = ""
    cmp: str = ""
    val: str = ""
    vals: list[str] = []
    nodes: list[FilterNode] = []


class SubscribeRequest(_Message):
    """Ask for a channel, perhaps from a position on."""

    channel: str = ""
    token: str | None = None
    recover: bool = False
    epoch: str = ""
    offset: Offset = 0
    data: Raw = NONE
    positioned: bool = False
    recoverable: bool = False
    join_leave: bool = False
    delta: str = ""
    flag: Annotated[int, Meta(ge=0)] = 0
    tf: FilterNode | None = None


class ConnectRequest(_Message):
    """Open the session; `subs` are server-side subscriptions to recover, by channel."""

    token: str | None = None
    data: Raw = NONE
    subs: dict[str, SubscribeRequest] | None = None
    name: str = ""
    version: str = ""
    headers: dict[str, str] | None = None
    holdfast: Hello | None = None


class ChannelRequest(_Message):
    """A command that needs only a channel: unsubscribe, presence, presence_stats."""

    channel: str = ""


class PublishRequest(_Message):
    """Publish into a channel."""

    channel: str = ""
    data: Raw = NONE


class Since(_Message):
    """Where a history request begins."""

    offset: Offset = 0
    epoch: str = ""


class HistoryRequest(_Message):
    """Read a channel's history; `limit` 0 asks for the position only, -1 for all."""

    channel: str = ""
    limit: Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)] = 0
    since: Since | None = None
    reverse: bool = False


class SendRequest(_Message):
    """A message without a reply."""

    data: Raw = NONE


class RpcRequest(_Message):
    """A call to the user's backend."""

    data: Raw = NONE
    method: str = ""


class RefreshRequest(_Message):
    """A fresh connection token."""

    token: str = ""


class SubRefreshRequest(_Message):
    """A fresh subscription token."""

    channel: str = ""
    token: str = ""


class PingRequest(_Message):
    """A client's own ping."""


class Command(_Message):
    """One command: an id and exactly one method."""

    id: CommandId = 0
    connect: ConnectRequest | None = None
    subscribe: SubscribeRequest | None = None
    unsubscribe: ChannelRequest | None = None
    publish: PublishRequest | None = None
    presence: ChannelRequest | None = None
    presence_stats: ChannelRequest | None = None
    history: HistoryRequest | None = None
    ping: PingRequest | None = None
    send: SendRequest | None = None
    rpc: RpcRequest | None = None
    refresh: RefreshRequest | None = None
    sub_refresh: SubRefreshRequest | None = None


PONG = Command()
"""What a codec makes of a pong among other commands; told by identity."""


class EmulationRequest(_Message):
    """Commands of a session whose transport carries only what the server says; `data` is a batch of them."""

    node: str = ""
    session: str = ""
    data: Raw = NONE


# Results


class SubscribeResult(_Message):
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


class ConnectResult(_Message):
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


class EmptyResult(_Message):
    """The result of unsubscribe and publish."""


class PresenceResult(_Message, omit_defaults=False):
    """Who is subscribed, by client id."""

    presence: dict[str, ClientInfo] = {}


class PresenceStatsResult(_Message, omit_defaults=False):
    """How many are subscribed."""

    num_clients: int = 0
    num_users: int = 0


class HistoryResult(_Message):
    """Publications and the stream's top position."""

    publications: list[Publication] = []
    epoch: str = ""
    offset: int = 0


class RpcResult(_Message):
    """The backend's answer."""

    data: Raw = NONE


class RefreshResult(_Message):
    """The session's new terms."""

    client: str = ""
    version: str = ""
    expires: bool = False
    ttl: int = 0


class SubRefreshResult(_Message):
    """The subscription's new terms."""

    expires: bool = False
    ttl: int = 0


# Pushes


class MemberPush(_Message):
    """Body of join and leave."""

    info: ClientInfo


class UnsubscribePush(_Message):
    """A subscription ended by the server; 2500 and above ask to subscribe anew."""

    code: int = 0
    reason: str = ""


class SubscribePush(_Message):
    """A server-side subscription began."""

    recoverable: bool = False
    epoch: str = ""
    offset: int = 0
    positioned: bool = False
    data: Raw = NONE


class MessagePush(_Message):
    """A message outside of channels."""

    data: Raw = NONE


class ConnectPush(ConnectResult):
    """A session began without a connect command; the same fields as of a connect reply, under other numbers."""


class DisconnectPush(_Message):
    """The session ends; transports without close frames send this instead."""

    code: int = 0
    reason: str = ""
    reconnect: bool = False


class RefreshPush(_Message):
    """The server prolonged or ended the session's life."""

    expires: bool = False
    ttl: int = 0


class Migrate(_Message):
    """Start moving to another instance in `after_ms`."""

    after_ms: int


class ExtensionPush(_Message):
    """The `holdfast` push."""

    migrate: Migrate | None = None


class Push(_Message):
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


class Reply(_Message):
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
