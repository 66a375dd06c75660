"""Refusals as HTTP answers."""

import json

import pytest

from holdfast.codes import CODES
from holdfast.errors import DoorError
from holdfast.transports.refusal import cause_headers, refusal_body, refusal_headers, refusal_response, response_bytes


def test_refusal_body_explains_the_cause():
    """The body has the row of the code table, and the detail behind the meaning."""
    code = CODES["bad_handshake"]

    body = json.loads(refusal_body(DoorError("bad_handshake", "Expected a Host header.")))

    assert body == {
        "code": code.number,
        "slug": "bad_handshake",
        "message": f"{code.meaning} Expected a Host header.",
        "remedy": code.remedy,
    }


def test_refusal_body_makes_the_detail_a_sentence():
    """What stands behind a slug in the log reads well behind the meaning too."""
    body = json.loads(refusal_body(DoorError("not_found", "no such thing")))

    assert body["message"] == f"{CODES['not_found'].meaning} No such thing."


@pytest.mark.parametrize(
    ("slug", "header"),
    [
        ("upgrade_required", (b"sec-websocket-version", b"13")),
        ("method_not_allowed", (b"allow", b"GET")),
        ("draining", (b"retry-after", b"1")),
        ("not_found", (b"connection", b"close")),
    ],
)
def test_refusal_headers_fit_the_status(slug, header):
    """A client is told what it needs to do better."""
    assert header in refusal_headers(DoorError(slug), b"{}")


def test_refusal_response_is_a_whole_answer():
    """Status, length and body are those of the cause."""
    head, _, body = refusal_response(DoorError("request_timeout")).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 408 Request Timeout\r\ndate: ")
    assert b"content-length: %d" % len(body) in head
    assert json.loads(body)["slug"] == "request_timeout"


def test_response_bytes_with_an_unknown_status():
    """A status without a phrase is sent without one."""
    assert response_bytes(599, [(b"a", b"b")], b"x") == b"HTTP/1.1 599 \r\na: b\r\n\r\nx"


def test_refusal_names_its_attempt():
    """In a header for those who see no body, and in the body for those who see no headers."""
    head, _, body = refusal_response(DoorError("bad_handshake"), "0123456789abcdef" * 2).partition(b"\r\n\r\n")

    assert b"\r\nx-attempt-id: 0123456789abcdef0123456789abcdef" in head
    assert json.loads(body)["attempt"] == "0123456789abcdef" * 2


def test_cause_headers_carry_the_wait_that_was_chosen():
    """Admission spreads those it refuses; without it a second must do."""
    chosen = DoorError("accept_rate", retry_after=17)

    assert (b"retry-after", b"17") in cause_headers(chosen)
    assert (b"retry-after", b"1") in cause_headers(DoorError("not_ready"))
    assert b"retry-after" not in dict(cause_headers(DoorError("not_found")))
