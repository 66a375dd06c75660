"""Tests of holdfast.diagnostics.typed_url."""

from __future__ import annotations

import pytest

from holdfast.diagnostics.typed_url import completed


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("wss://a.test/x", "wss://a.test/x"),
        ("HTTP://a.test", "HTTP://a.test"),
        ("ws:/a.test", "ws:/a.test"),
        (" a.test ", "wss://a.test"),
        ("a.test/connection/sse", "wss://a.test/connection/sse"),
        ("a.test:8443", "wss://a.test:8443"),
        ("a.test:80", "ws://a.test:80"),
        ("//a.test", "wss://a.test"),
        ("localhost:8000", "ws://localhost:8000"),
        (":8000", "ws://localhost:8000"),
        ("gateway:8000/x", "ws://gateway:8000/x"),
        ("192.0.2.1", "ws://192.0.2.1"),
        ("192.0.2.1:443", "wss://192.0.2.1:443"),
        ("[::1]:8000", "ws://[::1]:8000"),
        ("a.test:port", "wss://a.test:port"),
        ("", ""),
    ],
)
def test_url_without_a_scheme_gets_the_likely_one(typed: str, meant: str) -> None:
    """TLS for a name of the world, none for what has no certificate; a scheme that was typed stays."""
    assert completed(typed, "wss", "ws") == meant
