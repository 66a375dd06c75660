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
    client = speaking(binary=False)
    given = messages.SubscribeResult(101, info=Raw(b"1"), override=override, server_tags_filter=Raw(b"null"))
    options = subscribe_options(endpoint(), client, given)

    assert options.info == Raw(b"1")
    assert (options.data, options.expire_at) == (None, 101)
    assert options.overrides == SubscribeOverrides(presence=True, join_leave=False)
    assert subscribe_options(endpoint(), client, None).overrides is overrides_of(None) is NO_OVERRIDES


def test_subscription_that_cannot_be_granted_as_meant_is_refused() -> None:
    """One that has ended, and one of which only a part was meant to be sent."""
    for given in (messages.SubscribeResult(100), messages.SubscribeResult(server_tags_filter=Raw(b'{"op":"and"}'))):
        with pytest.raises(ProxyError) as caught:
            subscribe_options(endpoint(), speaking(binary=False), given)
        assert caught.value.slug == "proxy_bad_reply"


def test_server_side_data_may_be_bytes_for_those_who_take_them() -> None:
    """As that of a subscription the client asked for."""
    given = messages.SubscribeResult(b64data=b64(b"\xff"))

    assert subscribe_options(endpoint(), speaking(binary=True), given).data == Raw(b"\xff")
    with pytest.raises(ProxyError):
        subscribe_options(endpoint(), speaking(binary=False), given)
