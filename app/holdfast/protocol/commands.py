"""What clients ask in the Centrifuge protocol: commands, each with the request of one method; see `messages`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Raw, field

from holdfast.protocol.messages import NONE, Message

# Positions are unsigned 64-bit numbers on the wire; msgspec bounds only what fits 63 bits, so the top is open.
Offset = Annotated[int, Meta(ge=0)]
CommandId = Annotated[int, Meta(ge=0, le=2**32 - 1)]


class Hello(Message):
    """The `holdfast` object of a connect command: what our own client says of itself."""

    version: str = ""
    cid: str = ""
    can_migrate: bool = False


class FilterNode(Message):
    """A node of a tags filter: a condition on one tag, or with `op` a combination of `nodes`."""

    op: str = ""
    key: str = ""
    cmp: str = ""
    val: str = ""
    vals: list[str] = field(default_factory=list)
    nodes: list[FilterNode] = field(default_factory=list)


class SubscribeRequest(Message):
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


class ConnectRequest(Message):
    """Open the session; `subs` are server-side subscriptions to recover, by channel."""

    token: str | None = None
    data: Raw = NONE
    subs: dict[str, SubscribeRequest] | None = None
    name: str = ""
    version: str = ""
    headers: dict[str, str] | None = None
    holdfast: Hello | None = None


class ChannelRequest(Message):
    """A command that needs only a channel: unsubscribe, presence, presence_stats."""

    channel: str = ""


class PublishRequest(Message):
    """Publish into a channel."""

    channel: str = ""
    data: Raw = NONE


class Since(Message):
    """Where a history request begins."""

    offset: Offset = 0
    epoch: str = ""


class HistoryRequest(Message):
    """Read a channel's history; `limit` 0 asks for the position only, -1 for all."""

    channel: str = ""
    limit: Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)] = 0
    since: Since | None = None
    reverse: bool = False


class SendRequest(Message):
    """A message without a reply."""

    data: Raw = NONE


class RpcRequest(Message):
    """A call to the user's backend."""

    data: Raw = NONE
    method: str = ""


class RefreshRequest(Message):
    """A fresh connection token."""

    token: str = ""


class SubRefreshRequest(Message):
    """A fresh subscription token."""

    channel: str = ""
    token: str = ""


class PingRequest(Message):
    """A client's own ping."""


class Command(Message):
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


class EmulationRequest(Message):
    """Commands of a session whose transport carries only what the server says; `data` is a batch of them."""

    node: str = ""
    session: str = ""
    data: Raw = NONE
