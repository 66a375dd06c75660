"""What the backend is asked and what it answers, with the field names of Centrifugo's `proxy.proto`.

Payloads stay raw JSON. Unknown fields of an answer are ignored; `null` stands for an absent one.
"""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct

from holdfast.protocol.messages import NONE

# The last second of the year 9999. What lies beyond is not a date but, nearly always, milliseconds.
UnixTime = Annotated[int, Meta(ge=0, le=253_402_300_799)]
Version = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Number = Annotated[int, Meta(ge=0, le=2**32 - 1)]


class _Request(Struct, omit_defaults=True, kw_only=True, gc=False):
    """Base of all requests: whose connection it is about, and how that speaks."""

    client: str
    transport: str
    protocol: str
    encoding: str


class ConnectRequest(_Request, kw_only=True):
    """May this connection be opened, and for whom?"""

    data: Raw = NONE
    b64data: str = ""
    name: str = ""
    version: str = ""
    channels: list[str] = []


class RefreshRequest(_Request, kw_only=True):
    """May this session go on?"""

    user: str
    meta: Raw = NONE


class SubRefreshRequest(RefreshRequest, kw_only=True):
    """May this subscription go on?"""

    channel: str


class SubscribeRequest(SubRefreshRequest, kw_only=True):
    """May this client subscribe?"""

    data: Raw = NONE
    b64data: str = ""


class PublishRequest(SubscribeRequest, kw_only=True):
    """May this client publish?"""


class RpcRequest(RefreshRequest, kw_only=True):
    """What is the answer to this call?"""

    method: str
    data: Raw = NONE
    b64data: str = ""


class _Reply(Struct, gc=False):
    """Base of what an answer is made of."""


class ErrorReply(_Reply):
    """An error for the client."""

    code: Number = 0
    message: str | None = None
    temporary: bool | None = None


class DisconnectReply(_Reply):
    """The end of the connection."""

    code: Number = 0
    reason: str | None = None


class Flag(_Reply):
    """A boolean that may be absent."""

    value: bool = False


class Override(_Reply):
    """Channel options that hold for one subscription only."""

    presence: Flag | None = None
    join_leave: Flag | None = None
    force_push_join_leave: Flag | None = None
    force_recovery: Flag | None = None
    force_positioning: Flag | None = None


class SubscribeResult(_Reply):
    """A subscription's terms."""

    expire_at: UnixTime | None = None
    info: Raw = NONE
    b64info: str | None = None
    data: Raw = NONE
    b64data: str | None = None
    override: Override | None = None
    server_tags_filter: Raw = NONE
    """Not supported. Known, so that nobody gets what a backend meant to keep from them."""


class ConnectResult(_Reply):
    """A session's terms."""

    user: str | None = None
    expire_at: UnixTime | None = None
    info: Raw = NONE
    b64info: str | None = None
    data: Raw = NONE
    b64data: str | None = None
    channels: list[str] | None = None
    subs: dict[str, SubscribeResult | None] | None = None
    meta: Raw = NONE


class RefreshResult(_Reply):
    """A session's new end."""

    expired: bool | None = None
    expire_at: UnixTime | None = None
    info: Raw = NONE
    b64info: str | None = None
    meta: Raw = NONE


class PublishResult(_Reply):
    """How to publish; data replaces the client's."""

    data: Raw = NONE
    b64data: str | None = None
    skip_history: bool | None = None
    tags: dict[str, str] | None = None
    idempotency_key: str | None = None
    delta: bool | None = None
    version: Version | None = None
    version_epoch: str | None = None


class RpcResult(_Reply):
    """The answer to a call."""

    data: Raw = NONE
    b64data: str | None = None


Result = TypeVar("Result")


class Answer(Struct, Generic[Result]):
    """What the backend says: one of the three."""

    result: Result | None = None
    error: ErrorReply | None = None
    disconnect: DisconnectReply | None = None


CONNECT = msgspec.json.Decoder(Answer[ConnectResult])
REFRESH = msgspec.json.Decoder(Answer[RefreshResult])
SUBSCRIBE = msgspec.json.Decoder(Answer[SubscribeResult])
PUBLISH = msgspec.json.Decoder(Answer[PublishResult])
RPC = msgspec.json.Decoder(Answer[RpcResult])
