"""Only listed headers are forwarded, and nobody writes what another may not."""

from __future__ import annotations

from typing import Any

from holdfast.proxy.headers import NOBODY, HeaderRules
from holdfast.settings_proxies import Proxy

HANDSHAKE = [(b"cookie", b"a=1"), (b"cookie", b"b=2"), (b"x-real-ip", b"6.6.6.6"), (b"origin", b"https://app.example")]


def rules(**settings: Any) -> HeaderRules:
    """Return the rules of one proxy."""
    return HeaderRules(Proxy.model_validate({"endpoint": "http://host/x", **settings}))


def test_nothing_is_forwarded_unasked() -> None:
    """Without lists a call carries nothing of the client."""
    plain = rules()

    assert not plain
    assert plain.build(plain.pick(HANDSHAKE, {"Cookie": "x"}, "10.0.0.1")) == []


def test_listed_headers_are_forwarded_whatever_their_case() -> None:
    """All values of a name, in order."""
    some = rules(http_headers=["Cookie"])

    assert some
    assert some.build(some.pick(HANDSHAKE, {}, "10.0.0.1")) == [(b"cookie", b"a=1"), (b"cookie", b"b=2")]


def test_address_is_what_the_gateway_found_out() -> None:
    """A client that writes X-Real-Ip itself is not believed."""
    some = rules(http_headers=["X-Real-IP", "X-Forwarded-For"])

    assert some.build(some.pick(HANDSHAKE, {"X-Real-IP": "7.7.7.7"}, "10.0.0.1")) == [
        (b"x-real-ip", b"10.0.0.1"),
        (b"x-forwarded-for", b"10.0.0.1"),
    ]
    assert some.build(NOBODY) == []


def test_unknown_address_is_not_the_clients_to_say() -> None:
    """Behind a Unix socket, for one."""
    some = rules(http_headers=["X-Real-IP"], emulated_headers=["X-Real-IP"])

    assert some.build(some.pick([(b"x-real-ip", b"6.6.6.6")], {"X-Real-IP": "7.7.7.7"}, "")) == []


def test_emulated_headers_have_a_list_of_their_own() -> None:
    """What stands in `http_headers` alone cannot be written by the client."""
    some = rules(http_headers=["Authorization", "Cookie"], emulated_headers=["Authorization", "X-App"])
    picked = some.pick([], {"authorization": "Bearer x", "X-APP": "1", "Cookie": "forged", "Other": "no"}, "")

    assert some.build(picked) == [(b"authorization", b"Bearer x"), (b"x-app", b"1")]


def test_emulated_header_is_a_fallback() -> None:
    """The handshake's own goes first."""
    some = rules(http_headers=["Origin"], emulated_headers=["Origin"])

    assert some.build(some.pick(HANDSHAKE, {"Origin": "forged"}, "")) == [(b"origin", b"https://app.example")]


def test_emulated_header_that_is_none_is_left_out() -> None:
    """No line break or other control comes into a call; what is no ASCII becomes UTF-8."""
    some = rules(emulated_headers=["X-A", "X-B", "X-C", "X-D"])
    given = {"X-A": "1\r\nHost: evil", "X-B": "\x00", "X-C": "\x85", "X-D": "fine \u20ac\xe9", "X-A:": "1"}

    assert some.build(some.pick([], given, "")) == [(b"x-d", "fine \u20ac\xe9".encode())]


def test_static_headers_win() -> None:
    """A client cannot replace the key that the backend knows the gateway by."""
    some = rules(http_headers=["Cookie"], http={"static_headers": {"Cookie": "mine", "X-Key": "geheim"}})

    assert some.build(some.pick(HANDSHAKE, {}, "")) == [(b"cookie", b"mine"), (b"x-key", b"geheim")]


def test_user_in_the_endpoint_becomes_basic_authorization() -> None:
    """Unless there is a static one."""
    url = "http://me:ge%3Aheim@host/x"

    assert rules(endpoint=url).build(NOBODY) == [(b"authorization", b"Basic bWU6Z2U6aGVpbQ==")]
    assert rules(endpoint=url, http={"static_headers": {"Authorization": "x"}}).build(NOBODY) == [
        (b"authorization", b"x")
    ]


def test_rules_of_several_proxies_take_what_any_takes() -> None:
    """What is kept of a client serves all of them."""
    both = HeaderRules(Proxy(http_headers=("Cookie",)), Proxy(emulated_headers=("X-App",)))
    picked = both.pick(HANDSHAKE, {"X-App": "1"}, "a")

    assert both.takes(b"cookie")
    assert picked.handshake == ((b"cookie", b"a=1"), (b"cookie", b"b=2"))
    assert picked.emulated == ((b"x-app", b"1"),)
