"""The Protobuf numbers of every field on the wire, as centrifugal/protocol publishes them.

One row a message, one entry a field. What a field holds is said by the struct; only integers say here how wide they
are. A field without a number does not exist in Protobuf, as the `holdfast` objects, which are JSON only. A number
whose field the struct does not have yet waits for it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from msgspec import Struct

from holdfast.protocol import commands as c
from holdfast.protocol import messages as m


class Integer(NamedTuple):
    """The number of an integer field, and the range it has in Protobuf."""

    number: int
    lowest: int
    highest: int


def uint32(number: int) -> Integer:
    """Return the entry of an unsigned 32-bit field."""
    return Integer(number, 0, 2**32 - 1)


def uint64(number: int) -> Integer:
    """Return the entry of an unsigned 64-bit field."""
    return Integer(number, 0, 2**64 - 1)


def int32(number: int) -> Integer:
    """Return the entry of a signed 32-bit field."""
    return Integer(number, -(2**31), 2**31 - 1)


def int64(number: int) -> Integer:
    """Return the entry of a signed 64-bit field."""
    return Integer(number, -(2**63), 2**63 - 1)


# One row a message reads as a table; the formatter would spread it over hundreds of lines.
# fmt: off
# ruff: noqa: E501 - rows of a table
NUMBERS: Final[dict[type[Struct], dict[str, int | Integer]]] = {
    m.ErrorBody: {"code": uint32(1), "message": 2, "temporary": 3},
    m.ClientInfo: {"user": 1, "client": 2, "conn_info": 3, "chan_info": 4},
    m.Publication: {"data": 4, "info": 5, "offset": uint64(6), "tags": 7, "delta": 8, "time": int64(9), "channel": 10},
    # Requests
    c.Command: {"id": uint32(1), "connect": 4, "subscribe": 5, "unsubscribe": 6, "publish": 7, "presence": 8, "presence_stats": 9,
                "history": 10, "ping": 11, "send": 12, "rpc": 13, "refresh": 14, "sub_refresh": 15},
    c.ConnectRequest: {"token": 1, "data": 2, "subs": 3, "name": 4, "version": 5, "headers": 6, "flag": int64(7)},
    c.SubscribeRequest: {"channel": 1, "token": 2, "recover": 3, "epoch": 6, "offset": uint64(7), "data": 8, "positioned": 9,
                         "recoverable": 10, "join_leave": 11, "delta": 12, "tf": 13, "flag": int64(14)},
    c.FilterNode: {"op": 1, "key": 2, "cmp": 3, "val": 4, "vals": 5, "nodes": 6},
    c.ChannelRequest: {"channel": 1},
    c.PublishRequest: {"channel": 1, "data": 2},
    c.Since: {"offset": uint64(1), "epoch": 2},
    c.HistoryRequest: {"channel": 1, "limit": int32(7), "since": 8, "reverse": 9},
    c.SendRequest: {"data": 1},
    c.RpcRequest: {"data": 1, "method": 2},
    c.RefreshRequest: {"token": 1},
    c.SubRefreshRequest: {"channel": 1, "token": 2},
    c.PingRequest: {},
    # Results
    m.Reply: {"id": uint32(1), "error": 2, "push": 4, "connect": 5, "subscribe": 6, "unsubscribe": 7, "publish": 8, "presence": 9,
              "presence_stats": 10, "history": 11, "ping": 12, "rpc": 13, "refresh": 14, "sub_refresh": 15},
    m.ConnectResult: {"client": 1, "version": 2, "expires": 3, "ttl": uint32(4), "data": 5, "subs": 6, "ping": uint32(7), "pong": 8,
                      "session": 9, "node": 10, "time": int64(11)},
    m.SubscribeResult: {"expires": 1, "ttl": uint32(2), "recoverable": 3, "epoch": 6, "publications": 7, "recovered": 8,
                        "offset": uint64(9), "positioned": 10, "data": 11, "was_recovering": 12, "delta": 13, "id": int64(14)},
    m.EmptyResult: {},
    m.PresenceResult: {"presence": 1},
    m.PresenceStatsResult: {"num_clients": uint32(1), "num_users": uint32(2)},
    m.HistoryResult: {"publications": 1, "epoch": 2, "offset": uint64(3)},
    m.RpcResult: {"data": 1},
    m.RefreshResult: {"client": 1, "version": 2, "expires": 3, "ttl": uint32(4)},
    m.SubRefreshResult: {"expires": 1, "ttl": uint32(2)},
    # Pushes
    m.Push: {"id": int64(1), "channel": 2, "pub": 4, "join": 5, "leave": 6, "unsubscribe": 7, "message": 8, "subscribe": 9,
             "connect": 10, "disconnect": 11, "refresh": 12},
    m.MemberPush: {"info": 1},
    m.UnsubscribePush: {"code": uint32(2), "reason": 3},
    m.SubscribePush: {"recoverable": 1, "epoch": 4, "offset": uint64(5), "positioned": 6, "data": 7},
    m.MessagePush: {"data": 1},
    m.ConnectPush: {"client": 1, "version": 2, "data": 3, "subs": 4, "expires": 5, "ttl": uint32(6), "ping": uint32(7), "pong": 8,
                    "session": 9, "node": 10, "time": int64(11)},
    m.DisconnectPush: {"code": uint32(1), "reason": 2, "reconnect": 3},
    m.RefreshPush: {"expires": 1, "ttl": uint32(2)},
    # Beside the sockets
    c.EmulationRequest: {"node": 1, "session": 2, "data": 3},
}
# fmt: on
