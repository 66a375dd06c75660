"""What instances say to each other: one struct for each type of message, MessagePack on the wire.

`v`, `type`, `sender` and `uid` stay what they are in every version, so that each can tell of whom it did not understand
what. A field or a type more is no new version: unknown fields are ignored, unknown types answered with
`method_not_found`. `v` rises where an old instance would do the wrong thing, and is then ignored there.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

VERSION: Final = 1
"""The version that this instance speaks and understands."""


class Head(msgspec.Struct):
    """What can be read of every message."""

    v: int = 0
    type: str = ""
    sender: str = ""
    uid: str = ""
    id: str = ""


class Message(msgspec.Struct, kw_only=True, tag_field="type"):
    """What every message has; the bus fills it in.

    `sender` is an instance's name, `uid` names its process. A message with an `id` is to be answered.
    """

    v: int = VERSION
    sender: str = ""
    uid: str = ""
    id: str = ""


class Part(Message, tag="part", kw_only=True):
    """A piece of a long message: the `number`th of `total` of the stream `of`."""

    of: int
    number: int
    total: int
    body: bytes


class Answer(Message, tag="answer", kw_only=True):
    """The answer to the message of the same `id`: a result, or else the slug and detail of why there is none."""

    slug: str = ""
    detail: str = ""
    body: bytes = b""


class Done(msgspec.Struct):
    """The result of an order; `count` is of connections, where those are counted."""

    count: int = 0


# Orders: whose connections are meant is said as the server API says it.


class Aimed(Message, kw_only=True):
    """An order to connections of a user, or to one of them."""

    user: str = ""
    client: str = ""
    session: str = ""


class DisconnectOrder(Aimed, tag="disconnect", kw_only=True):
    """Close them; see `Control.disconnect`."""

    code: int = 0
    reason: str = ""
    whitelist: list[str] = []


class RefreshOrder(Aimed, tag="refresh", kw_only=True):
    """Give them another end; see `Control.refresh`."""

    expired: bool = False
    expire_at: int = 0
    info: bytes | None = None


class SubscribeOrder(Aimed, tag="subscribe", kw_only=True):
    """Subscribe them; see `Control.subscribe`. `overrides` are those of the grant, `since` an offset and an epoch."""

    channel: str
    info: bytes = b""
    data: bytes = b""
    expire_at: int = 0
    overrides: dict[str, bool] = {}
    since: tuple[int, str] | None = None


class UnsubscribeOrder(Aimed, tag="unsubscribe", kw_only=True):
    """End subscriptions; see `Control.unsubscribe`."""

    channel: str = ""


class SendAwayOrder(Message, tag="send_away", kw_only=True):
    """Look for connections of these users and addresses, and do what `what` says; see `sending_away`."""

    what: str
    users: list[str] = []
    addresses: list[str] = []
    window: float = 0.0


class RevokeOrder(Message, tag="revoke", kw_only=True):
    """Revoke and disconnect; as `revoking.Order`."""

    user: str | None = None
    jti: str = ""
    seconds: float = 0.0
    reason: str = ""
    issued_until: float | None = None


class RereadOrder(Message, tag="reread", kw_only=True):
    """Read the table of revocations: some came into it later than they were ordered."""


# Questions


class ChannelsQuestion(Message, tag="channels", kw_only=True):
    """Which channels that match a glob have subscribers, and how many each."""

    pattern: str = ""


class ConnectionsQuestion(Message, tag="connections", kw_only=True):
    """Who a user's connections are, or one of them; at most `limit`."""

    user: str = ""
    client: str = ""
    session: str = ""
    limit: int = 0


class ExplainQuestion(Message, tag="explain", kw_only=True):
    """What became of an attempt, as `/connection/explain` answers it."""

    cid: str


class EmulationQuestion(Message, tag="emulation", kw_only=True):
    """Commands of a stream that came elsewhere: take them as if they had come over the stream."""

    session: str
    data: bytes
    is_text: bool


class EmulationTaken(msgspec.Struct):
    """They were taken; `lost` is the slug where their session was not there, which its sender is not told."""

    lost: str = ""


class PollQuestion(Message, tag="poll", kw_only=True):
    """A poll that came elsewhere, as it came; `ticket` names it among all that wait."""

    ticket: str
    body: bytes


class PollTaken(msgspec.Struct):
    """What a poll is answered; nothing where it waits, and a `PollResult` of the process `uid` follows."""

    body: bytes = b""
    uid: str = ""


class PollResult(Message, tag="poll_result", kw_only=True):
    """What a poll that had to wait is answered."""

    ticket: str
    body: bytes


class PollGone(Message, tag="poll_gone", kw_only=True):
    """Nobody waits for this poll's answer any more."""

    ticket: str


class WhoQuestion(Message, tag="who", kw_only=True):
    """What a client id or an attempt's id stands for."""

    name: str


class RecordsQuestion(Message, tag="records", kw_only=True):
    """Records of a ledger: `kind` is "attempts" or "connections", `query` what a `Query` has that is not empty."""

    kind: str
    query: dict[str, Any]
    limit: int
    state: str = "all"
