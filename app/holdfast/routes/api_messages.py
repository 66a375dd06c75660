"""Requests and results of the server API, with the field names of Centrifugo's `api.proto`.

Payloads stay raw JSON. Unknown fields are ignored, as Centrifugo does, so that callers written for a newer server
still work; `null` stands for an absent optional field.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from holdfast.protocol.messages import NONE, ClientInfo, Publication

# Offsets and versions are unsigned 64-bit numbers, Unix times signed ones, history limits signed 32-bit ones.
Unsigned = Annotated[int, Meta(ge=0, le=2**63 - 1)]
UnixTime = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Limit = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
ListLimit = Annotated[int, Meta(ge=1, le=10_000)]
CloseNumber = Annotated[int, Meta(ge=0, le=65535)]
Payload = Raw | UnsetType


class _Request(Struct, gc=False):
    """Base of all requests."""


class PublishRequest(_Request):
    """Publish into one channel; `b64data` goes before `data`."""

    channel: str = ""
    data: Payload = UNSET
    b64data: str | None = None
    skip_history: bool | None = None
    tags: dict[str, str] | None = None
    idempotency_key: str | None = None
    version: Unsigned | None = None
    version_epoch: str | None = None
    is_async: bool | None = field(default=None, name="async")
    delta: bool | None = None


class BroadcastRequest(_Request):
    """Publish the same data into many channels."""

    channels: list[str] = []
    data: Payload = UNSET
    b64data: str | None = None
    skip_history: bool | None = None
    tags: dict[str, str] | None = None
    idempotency_key: str | None = None
    version: Unsigned | None = None
    version_epoch: str | None = None
    is_async: bool | None = field(default=None, name="async")
    delta: bool | None = None


class Position(_Request):
    """A place in a channel's history."""

    offset: Unsigned = 0
    epoch: str = ""


class Flag(_Request):
    """A boolean that may be absent."""

    value: bool = False


class Override(_Request):
    """Channel options that hold for one subscription only."""

    presence: Flag | None = None
    join_leave: Flag | None = None
    force_recovery: Flag | None = None
    force_positioning: Flag | None = None
    force_push_join_leave: Flag | None = None


class SubscribeRequest(_Request):
    """Subscribe a user's connections to a channel."""

    user: str | UnsetType = UNSET
    channel: str = ""
    info: Payload = UNSET
    b64info: str | None = None
    client: str | None = None
    session: str | None = None
    data: Payload = UNSET
    b64data: str | None = None
    recover_since: Position | None = None
    override: Override | None = None
    expire_at: UnixTime | None = None


class UnsubscribeRequest(_Request):
    """End a user's subscription; an empty channel ends all of them."""

    user: str | UnsetType = UNSET
    channel: str = ""
    client: str | None = None
    session: str | None = None


class CloseOrder(_Request):
    """The number and reason that a disconnected client is given."""

    code: CloseNumber = 0
    reason: str = ""


class DisconnectRequest(_Request):
    """Disconnect a user's connections, but for the client ids in `whitelist`."""

    user: str | UnsetType = UNSET
    client: str | None = None
    session: str | None = None
    whitelist: list[str] | None = None
    disconnect: CloseOrder | None = None


class RefreshRequest(_Request):
    """Prolong a user's connections until `expire_at`, or expire them now."""

    user: str | UnsetType = UNSET
    client: str | None = None
    session: str | None = None
    expired: bool | None = None
    expire_at: UnixTime | None = None
    info: Payload = UNSET


class ChannelRequest(_Request):
    """A call that needs only a channel: presence, presence_stats, history_remove."""

    channel: str = ""


class HistoryRequest(_Request):
    """Read history; limit 0 asks for the position alone, -1 for all that is kept."""

    channel: str = ""
    limit: Limit | None = None
    since: Position | None = None
    reverse: bool | None = None


class ChannelsRequest(_Request):
    """List active channels, by a glob pattern."""

    pattern: str | None = None


class ConnectionsRequest(_Request):
    """List a user's connections; `expression` is there to be refused, for only Centrifugo PRO can read it."""

    user: str | UnsetType = UNSET
    client: str | None = None
    session: str | None = None
    limit: ListLimit | None = None
    expression: str | None = None


class RpcRequest(_Request):
    """Call a method of the user's backend; `params` is Centrifugo's name for `data`."""

    method: str = ""
    params: Payload = UNSET
    data: Payload = UNSET


class InfoRequest(_Request):
    """Describe the running instances."""


class Command(_Request):
    """One command of a batch: exactly one method."""

    publish: PublishRequest | None = None
    broadcast: BroadcastRequest | None = None
    subscribe: SubscribeRequest | None = None
    unsubscribe: UnsubscribeRequest | None = None
    disconnect: DisconnectRequest | None = None
    presence: ChannelRequest | None = None
    presence_stats: ChannelRequest | None = None
    history: HistoryRequest | None = None
    history_remove: ChannelRequest | None = None
    info: InfoRequest | None = None
    rpc: RpcRequest | None = None
    refresh: RefreshRequest | None = None
    channels: ChannelsRequest | None = None
    connections: ConnectionsRequest | None = None


class BatchRequest(_Request):
    """Several commands, answered in their order."""

    commands: list[Command] = []
    parallel: bool | None = None


class _Result(Struct, omit_defaults=True, gc=False):
    """Base of all results."""


class ErrorBody(_Result):
    """Why a call failed; `message` is the slug, `detail` what was expected and what came."""

    code: int
    message: str
    detail: str = ""


class PublishResult(_Result):
    """Where the publication stands; empty in channels without history."""

    offset: int = 0
    epoch: str = ""


class PublishResponse(_Result):
    """One answer inside a broadcast."""

    error: ErrorBody | None = None
    result: PublishResult | None = None


class BroadcastResult(_Result, omit_defaults=False):
    """One answer per channel, in order."""

    responses: list[PublishResponse]


class EmptyResult(_Result):
    """The result of what has nothing to say."""


class PresenceResult(_Result, omit_defaults=False):
    """Who is subscribed, by client id."""

    presence: dict[str, ClientInfo]


class PresenceStatsResult(_Result, omit_defaults=False):
    """How many are subscribed."""

    num_clients: int
    num_users: int


class BinaryPublication(_Result, omit_defaults=False):
    """A publication of a channel whose data may be no JSON: it stands in base64, and `data` is null."""

    b64data: str
    offset: int
    info: ClientInfo | UnsetType = UNSET
    tags: dict[str, str] | UnsetType = UNSET
    data: None = None


class HistoryResult(_Result, omit_defaults=False):
    """Publications and the stream's top position."""

    publications: list[Publication] | list[BinaryPublication]
    offset: int
    epoch: str


class ChannelInfo(_Result, omit_defaults=False):
    """An active channel."""

    num_clients: int


class ChannelsResult(_Result):
    """Active channels by name; `missing` are instances that did not say theirs."""

    channels: dict[str, ChannelInfo]
    missing: list[str] = []


class Process(_Result, omit_defaults=False):
    """What the instance's process uses: CPU in percent of a core since start, memory in bytes."""

    cpu: float
    rss: int


class Node(_Result, omit_defaults=False):
    """A running instance; `uptime` in seconds."""

    uid: str
    name: str
    version: str
    num_clients: int
    num_users: int
    num_subs: int
    num_channels: int
    uptime: int
    process: Process


class RpcResult(_Result):
    """The backend's answer."""

    data: Raw = NONE


class InfoResult(_Result, omit_defaults=False):
    """The running instances."""

    nodes: list[Node]


Result = (  # what a method of the API returns
    PublishResult
    | BroadcastResult
    | EmptyResult
    | PresenceResult
    | PresenceStatsResult
    | HistoryResult
    | ChannelsResult
    | InfoResult
    | RpcResult
)
