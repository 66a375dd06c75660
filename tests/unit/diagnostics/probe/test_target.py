"""Tests of holdfast.diagnostics.probe.target."""

from __future__ import annotations

import pytest

from holdfast.diagnostics.probe.target import TargetError, Wanted, shown_answer, shown_headers, target_of
from tests.probing import CID, target


@pytest.mark.parametrize(
    ("url", "transport", "shown"),
    [
        ("wss://a.test", "websocket", "wss://a.test/connection/websocket"),
        ("wss://a.test/", "poll", "https://a.test/connection/poll"),
        ("ws://a.test:8000/x/connection/websocket", "sse", "http://a.test:8000/x/connection/sse"),
        ("https://a.test:443/own", "http_stream", "https://a.test/own"),
        ("http://[::1]:80/", "websocket", "ws://[::1]/connection/websocket"),
        ("a.test", "websocket", "wss://a.test/connection/websocket"),
        ("localhost:8000", "sse", "http://localhost:8000/connection/sse"),
        ("wss://bücher.test/", "websocket", "wss://xn--bcher-kva.test/connection/websocket"),
    ],
)
def test_url_leads_to_the_door_of_the_transport(url: str, transport: str, shown: str) -> None:
    """Whatever scheme is given, and whichever transport's path, the wanted transport's door is found."""
    assert target(url, transport=transport).shown == shown


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://a.test",
        "ws:/a.test",
        "ws://local host:8000",
        "a_test:port",
        "wss://",
        "wss://a.test:0",
        "wss://a.test:99999",
        "wss://a.test/\r\nX: y",
        "ws://[::1",
    ],
)
def test_url_that_is_none_is_told(url: str) -> None:
    """No exception but the one that says what was expected."""
    with pytest.raises(TargetError, match="expected"):
        target(url)


def test_host_that_no_name_can_be_is_told() -> None:
    """A label of IDNA has at most 63 characters."""
    with pytest.raises(TargetError):
        target(f"wss://{'ü' * 80}.test/")


@pytest.mark.parametrize(
    "header", ["", "no colon", "Na me: x", "A: b\r\nC: d", "Host: x", "Sec-WebSocket-Key: x", "A: ü"]
)
def test_header_that_cannot_be_sent_is_told(header: str) -> None:
    """A header can be no second request, nor one of the probe's own."""
    with pytest.raises(TargetError):
        target(headers=[header])


def test_header_fault_shows_no_value() -> None:
    """A secret behind a header's name does not reach the error."""
    with pytest.raises(TargetError) as caught:
        target(headers=["Authorization; very-secret-value"])

    assert "secret-value" not in str(caught.value)


def test_request_carries_the_attempt_behind_the_query() -> None:
    """The id is the probe's, whatever the URL says."""
    assert target("ws://a.test/p?x=1&cid=old").request_target == f"/p?x=1&cid={CID}"


def test_headers_of_a_request_are_those_that_were_asked_for() -> None:
    """Host first, origin and own headers behind the transport's; user and password as a browser would send them."""
    headers = target("wss://u:p%40@a.test:8443/", origin="https://b.test", headers=["X-A: 1"]).request_headers(
        ("U", "v")
    )

    assert headers == [
        ("Host", "a.test:8443"),
        ("U", "v"),
        ("Origin", "https://b.test"),
        ("Authorization", "Basic dTpwQA=="),
        ("X-A", "1"),
    ]


def test_given_authorization_is_the_only_one() -> None:
    """What is named with --header wins over the URL."""
    headers = target("wss://u:p@a.test/", headers=["Authorization: Bearer x"]).request_headers()

    assert [value for name, value in headers if name == "Authorization"] == ["Bearer x"]


@pytest.mark.parametrize("url", ["wss://user:hunter2@a.test/?token=hunter2", "wss://hunter2@a.test/"])
def test_shown_url_has_no_secret(url: str) -> None:
    """Neither user, password nor token."""
    shown = target(url).shown

    assert "hunter2" not in shown


def test_paths_beside_the_door_keep_what_stands_before_it() -> None:
    """A gateway under a prefix has all its doors there."""
    assert target("ws://a.test/rt/connection/websocket").beside("/emulation") == "/rt/emulation"
    assert target("ws://a.test/other").beside("/connection/explain", cid="x") == "/connection/explain?cid=x"


def test_shown_headers_hide_what_may_be_secret() -> None:
    """By name the reader sees that it was sent."""
    shown = shown_headers(
        [("Upgrade", "websocket"), ("X-Key", "hunter2"), ("Cookie", "hunter2"), ("Origin", "https://a")]
    )

    assert shown == {"upgrade": "websocket", "x-key": "(not shown)", "cookie": "(not shown)", "origin": "https://a"}


def test_shown_answer_is_bounded_and_has_no_cookie() -> None:
    """A server may send what it likes."""
    shown = shown_answer([("set-cookie", "sid=hunter2"), ("x", "y" * 1000), *((f"h{n}", "") for n in range(500))])

    assert shown["set-cookie"] == "sid=..."
    assert len(shown["x"]) == 200
    assert len(shown) == 50


def test_origin_with_a_line_break_is_told() -> None:
    """It would be a second header."""
    with pytest.raises(TargetError):
        target_of("ws://a.test", Wanted(origin="https://a\r\nX: y"), CID)
