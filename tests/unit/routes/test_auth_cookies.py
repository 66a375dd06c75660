from __future__ import annotations

from typing import Any

import pytest

from holdfast.admission.addresses import TrustedProxies
from holdfast.routes.auth_cookies import CookieJar, jar_of

PROXY = "10.0.0.1"


def scope(host: str = "localhost:8000", peer: str = "127.0.0.1", **headers: str) -> dict[str, Any]:
    """Return a request by plain HTTP."""
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in {"host": host, **headers}.items()]
    return {"scheme": "http", "client": (peer, 1), "headers": pairs}


def is_secure(given: dict[str, Any], *, insecure_loopback: bool = True) -> bool:
    """Tell whether the cookies of a request are kept to TLS."""
    jar = jar_of(given, TrustedProxies([PROXY, "127.0.0.2"]).originate, insecure_loopback=insecure_loopback)
    return b"; Secure;" in jar.give("refresh", "x", 10)[1]


def test_cookie_is_for_its_path_alone() -> None:
    """No script reads it, no other site's page sends it, nothing but TLS carries it."""
    jar = CookieJar([], is_secure=True)

    assert jar.give("refresh", "abc", 60.9) == (
        b"set-cookie",
        b"__Secure-holdfast_refresh=abc; Path=/auth; Max-Age=60; HttpOnly; Secure; SameSite=Strict",
    )
    assert jar.give("session", "abc", 60)[1].startswith(b"__Host-holdfast_session=abc; Path=/;")


def test_forgotten_cookies_have_no_value() -> None:
    """And end at once."""
    assert [header for _, header in CookieJar([], is_secure=False).forget("refresh", "device")] == [
        b"holdfast_refresh=; Path=/auth; Max-Age=0; HttpOnly; SameSite=Strict",
        b"holdfast_device=; Path=/auth; Max-Age=0; HttpOnly; SameSite=Strict",
    ]


def test_cookie_is_read_by_its_whole_name() -> None:
    """Where TLS is asked for, one without the prefix is a stranger's."""
    headers = [(b"cookie", b'a=1; holdfast_refresh=plain; __Secure-holdfast_refresh="a=b"'), (b"cookie", b"x")]

    assert CookieJar(headers, is_secure=True).get("refresh") == "a=b"
    assert CookieJar(headers, is_secure=False).get("refresh") == "plain"
    assert CookieJar(headers, is_secure=True).get("device") == ""


def test_cookies_of_one_name_are_all_read() -> None:
    """In their order, and not more than a few: which one is ours, another cookie says."""
    headers = [
        (b"cookie", b"holdfast_refresh=a; holdfast_refresh=b"),
        (b"cookie", b"; ".join([b"holdfast_refresh=c"] * 99)),
    ]
    jar = CookieJar(headers, is_secure=False)

    assert (jar.get("refresh"), jar.all("refresh")) == ("a", ["a", "b", *["c"] * 6])


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000"])
def test_plain_loopback_may_go_without_tls(host: str) -> None:
    """Where that is allowed, and nowhere else."""
    assert not is_secure(scope(host))
    assert is_secure(scope(host), insecure_loopback=False)


@pytest.mark.parametrize(
    "given",
    [
        scope("gateway.example"),
        scope("localhost.example"),
        scope("127.evil.example"),
        scope("[", peer="127.0.0.1"),
        scope(peer="192.0.2.1"),
        scope(peer="127.0.0.2", x_forwarded_for="127.0.0.1", x_forwarded_proto="https"),
        scope(peer="127.0.0.2", x_forwarded_for="192.0.2.1"),
    ],
)
def test_everything_else_keeps_cookies_to_tls(given: dict[str, Any]) -> None:
    """Another name, another machine, or TLS at a proxy that is trusted."""
    assert is_secure(given)
