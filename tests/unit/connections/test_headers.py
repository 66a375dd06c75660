from __future__ import annotations

import pytest

from holdfast.connections.headers import HIDDEN, KeptHeaders, headers_seen


def test_headers_seen_shows_what_holds_no_secret() -> None:
    """Headers that tell of the path are shown, of all others there is the name alone."""
    seen = headers_seen(
        [
            (b"host", b"gateway.example"),
            (b"upgrade", b"websocket"),
            (b"x-forwarded-for", b"203.0.113.7"),
            (b"via", b"1.1 proxy"),
            (b"cookie", b"session=secret"),
            (b"authorization", b"Bearer secret"),
            (b"sec-websocket-key", b"c2VjcmV0"),
            (b"x-api-token", b"secret"),
        ]
    )

    assert seen["host"] == "gateway.example"
    assert seen["x-forwarded-for"] == "203.0.113.7"
    assert seen["via"] == "1.1 proxy"
    assert {seen[name] for name in ("cookie", "authorization", "sec-websocket-key", "x-api-token")} == {HIDDEN}
    assert "secret" not in repr(seen)


def test_headers_seen_joins_repeated_ones() -> None:
    """A header that came twice is shown with both values."""
    assert headers_seen([(b"via", b"a"), (b"via", b"b")]) == {"via": "a, b"}


def test_headers_seen_hides_what_proxies_pass_on() -> None:
    """Of what proxies add there are secrets too: access tokens, certificates, and URLs with tokens in them."""
    seen = headers_seen(
        [
            (b"x-forwarded-access-token", b"secret"),
            (b"x-forwarded-client-cert", b"secret"),
            (b"x-forwarded-uri", b"/connection/websocket?token=secret"),
            (b"forwarded", b'for=192.0.2.1;path="/?token=secret"'),
            (b"user-agent", b"v" * 150 + b" eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.secret"),
        ]
    )

    assert "secret" not in repr(seen)
    assert "eyJhbGci" not in repr(seen)
    assert "for=192.0.2.1" in seen["forwarded"]


@pytest.mark.parametrize(
    ("offered", "shown"),
    [
        ("centrifuge-json, centrifuge-protobuf", "centrifuge-json, centrifuge-protobuf"),
        ("v12.stomp,graphql-transport-ws, mqttv3.1", "v12.stomp, graphql-transport-ws, mqttv3.1"),
        ("centrifuge-json, eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2ln", f"centrifuge-json, {HIDDEN}"),
        ("bearer.d41d8cd98f00b204e9800998ecf8427e", HIDDEN),
        ("base64url.bearer.authorization.k8s.io.U2VjcmV0", HIDDEN),
        ("token, 6f1ed002ab5595859014ebf0951522d9", f"token, {HIDDEN}"),
        ("token.123456", HIDDEN),
        ("a" * 41, HIDDEN),
        ("", HIDDEN),
    ],
)
def test_headers_seen_shows_subprotocols_alone(offered: str, shown: str) -> None:
    """Pages send tokens as subprotocols; what does not look like the name of one is not shown."""
    assert headers_seen([(b"sec-websocket-protocol", offered.encode())]) == {"sec-websocket-protocol": shown}


def test_headers_seen_is_bounded() -> None:
    """Neither many nor long headers make what is remembered large."""
    seen = headers_seen([(b"x-%d" % number, b"v") for number in range(1000)] + [(b"via", b"w")])
    long = headers_seen([(b"via", b"v" * 9000), (b"via", b"w"), (b"n" * 9000, b"v")])
    both = headers_seen([(b"x-%03d" % number + b"n" * 9000, b"v") for number in range(100)] + [(b"via", b"w")] * 100)

    assert len(seen) == 32
    assert {len(name) for name in long} == {3, 64}
    assert len(long["via"]) == 200
    assert sum(len(name) + len(value) for name, value in both.items()) <= 2048


def test_kept_headers_are_what_is_needed_and_what_is_shown() -> None:
    """Nothing that a connect needs or a diagnosis shows is lost, of all others there is the name."""
    kept = KeptHeaders(lambda name: name == b"x-tenant", 100)
    given = [
        (b"x-tenant", b"t" * 9000),
        (b"authorization", b"Bearer " + b"a" * 100),
        (b"host", b"gateway.example"),
        (b"cookie", b"c" * 9000),
    ]

    assert kept.of(given) == [*given[:3], (b"cookie", b"")]
    assert headers_seen(kept.of(given)) == headers_seen(given)


def test_kept_headers_name_a_cookie_that_may_hold_a_token() -> None:
    """Where nobody needs cookies; its value is nowhere, and the name is not shown."""
    kept = KeptHeaders(lambda name: False, 100).of([(b"cookie", b"a=1; jwt=secret")])

    assert kept == [(b"cookie", b"jwt")]
    assert headers_seen(kept) == {"cookie": HIDDEN}


def test_kept_headers_are_bounded() -> None:
    """Whatever a stranger sends, little of it stays; a token that is too long is still too long."""
    kept = KeptHeaders(lambda name: False, 100)
    given = [(b"x-%03d" % number + b"n" * 600, b"v" * 600) for number in range(90)]
    given += [(b"authorization", b"Bearer " + b"a" * 60000), (b"via", b"v" * 60000)]
    found = kept.of(given)

    assert sum(len(name) + len(value) for name, value in found) < 6000
    assert len(dict(found)[b"authorization"]) > len(b"Bearer ") + 100
