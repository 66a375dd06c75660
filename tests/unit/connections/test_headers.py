from __future__ import annotations

from holdfast.connections.headers import HIDDEN, headers_seen


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


def test_headers_seen_is_bounded() -> None:
    """Neither many nor long headers make what is remembered large."""
    seen = headers_seen([(b"x-%d" % number, b"v") for number in range(1000)] + [(b"via", b"w")])
    long = headers_seen([(b"via", b"v" * 9000), (b"via", b"w"), (b"n" * 9000, b"v")])

    assert len(seen) == 32
    assert {len(name) for name in long} == {3, 200}
    assert len(long["via"]) == 200
