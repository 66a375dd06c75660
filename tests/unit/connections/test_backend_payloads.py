"""What clients send reaches the backend as JSON or base64, and what it answers is fit for them."""

from __future__ import annotations

import base64
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec import Raw

from holdfast.auth.claims import NO_OVERRIDES, SubscribeOverrides
from holdfast.connections.backend_payloads import (
    future_end,
    given_payload,
    overrides_of,
    sent_payload,
    subscribe_options,
    takes_bytes,
)
from holdfast.errors import ProtocolError, ProxyError
from holdfast.protocol.messages import NONE
from holdfast.proxy import messages
from holdfast.proxy.endpoint import Endpoint
from holdfast.settings_proxies import Proxy
from tests.brokers import Clock


def endpoint(**settings: Any) -> Endpoint:
    """Return a proxy."""
    return Endpoint("one", "rpc.proxy", Proxy(endpoint="http://host", **settings), Clock())


def speaking(*, binary: bool) -> Any:
    """Return a connection of one codec or the other."""
    return SimpleNamespace(
        encoding=SimpleNamespace(codec=SimpleNamespace(binary=binary)), core=SimpleNamespace(wall_clock=lambda: 100.0)
    )


def b64(data: bytes) -> str:
    """Return base64."""
    return base64.b64encode(data).decode()


def test_payload_of_a_json_client_is_sent_as_it_is() -> None:
    """The codec has read it; so it is for the server API."""
    data = Raw(b'{"a": 1}')

    assert sent_payload(speaking(binary=False), endpoint(), data) == (data, "")
    assert sent_payload(None, endpoint(), data) == (data, "")
    assert sent_payload(None, endpoint(), NONE) == (NONE, "")


def test_payload_of_a_protobuf_client_is_looked_at() -> None:
    """A request is JSON and cannot carry anything else."""
    client = speaking(binary=True)

    assert bytes(sent_payload(client, endpoint(), Raw(b'{\n"a":1}'))[0]) == b'{"a":1}'
    with pytest.raises(ProtocolError, match="binary_encoding"):
        sent_payload(client, endpoint(), Raw(b"\xff"))
    assert sent_payload(client, endpoint(binary_encoding=True), Raw(b"\xff")) == (NONE, "/w==")


def test_given_payload_prefers_base64() -> None:
    """As in Centrifugo; line breaks and null are taken out."""
    one = endpoint()

    assert bytes(given_payload(one, "data", Raw(b"1"), b64(b"2"))) == b"2"
    assert bytes(given_payload(one, "data", Raw(b'{\n"a":1}'), None)) == b'{"a":1}'
    assert given_payload(one, "data", NONE, "") is NONE
    assert given_payload(one, "data", Raw(b"null"), None) is NONE
    assert bytes(given_payload(one, "data", Raw(b"null"), None, null=True)) == b"null"


def test_given_payload_that_is_too_deep_is_a_bad_reply() -> None:
    """An answer that was just not too deep to be read is refused by name where it is put on one line."""
    with pytest.raises(ProxyError, match="proxy_bad_reply"):
        given_payload(endpoint(), "data", Raw(b"[" * 5000 + b"]" * 5000), None)


def test_given_bytes_are_for_those_who_take_them() -> None:
    """Base64 of anything for Protobuf clients, of JSON for others."""
    one = endpoint()

    assert bytes(given_payload(one, "data", NONE, b64(b"\xff"), any_bytes=True)) == b"\xff"
    for encoded, any_bytes in ((b64(b"\xff"), False), ("*", False), ("*", True)):
        with pytest.raises(ProxyError, match="proxy_bad_reply: b64data"):
            given_payload(one, "data", NONE, encoded, any_bytes=any_bytes)
    assert takes_bytes(speaking(binary=True))
    assert not takes_bytes(None)


def test_end_lies_in_the_future() -> None:
    """0 and nothing are never."""
    client = speaking(binary=False)

    assert [future_end(endpoint(), client, at) for at in (None, 0, 101)] == [0, 0, 101]
    with pytest.raises(ProxyError, match="expire_at"):
        future_end(endpoint(), client, 100)


def test_options_of_a_server_side_subscription() -> None:
    """Info, data and overrides, or nothing."""
    override = messages.Override(presence=messages.Flag(True), join_leave=messages.Flag())
    options = subscribe_options(endpoint(), messages.SubscribeResult(info=Raw(b"1"), override=override))

    assert options.info == Raw(b"1")
    assert options.data is None
    assert options.overrides == SubscribeOverrides(presence=True, join_leave=False)
    assert subscribe_options(endpoint(), None).overrides is overrides_of(None) is NO_OVERRIDES
