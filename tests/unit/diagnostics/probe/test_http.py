"""Tests of holdfast.diagnostics.probe.http."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.diagnostics.probe.http import (
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    Answer,
    AnswerReader,
    NotHttpError,
    looks_like_tls,
    request,
)

WHOLE = b"HTTP/1.1 404 Not Found\r\nServer: x\r\nA: 1\r\nA: 2\r\nContent-Length: 5\r\n\r\n[1,2]"


def feed_forever(first: bytes, again: bytes, enough: int) -> None:
    """Feed more than `enough` bytes."""
    reader = AnswerReader()
    reader.feed(first)
    for _ in range(enough // len(again) + 2):
        reader.feed(again)


def test_request_is_http() -> None:
    """A POST says how long it is, a GET needs not."""
    assert request("GET", "/a", [("Host", "h")]) == b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
    assert request("POST", "/a", [], b"xy") == b"POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nxy"


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_answer_is_the_same_however_it_is_cut(size: int) -> None:
    """Bytes come as the network likes."""
    reader = AnswerReader()
    for start in range(0, len(WHOLE), size):
        reader.feed(WHOLE[start : start + size])

    assert reader.is_complete
    assert (reader.answer.status, reader.answer.reason, reader.answer.body) == (404, "Not Found", b"[1,2]")
    assert reader.answer.header("a") == "1, 2"
    assert reader.first == WHOLE[:16]


def test_bytes_behind_a_101_are_the_next_protocols() -> None:
    """They belong to the WebSocket, also where the head says otherwise."""
    reader = AnswerReader()
    reader.feed(b"HTTP/1.1 101 Switching\r\nContent-Length: 3\r\n\r\n\x81\x02{}")

    assert reader.is_complete
    assert reader.rest == b"\x81\x02{}"


def test_interim_answers_are_passed_over() -> None:
    """RFC 9110, 15.2: the final answer follows."""
    reader = AnswerReader()
    reader.feed(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nB: 2\r\n")
    reader.feed(b"\r\n")

    assert reader.has_head
    assert (reader.answer.status, reader.answer.headers) == (200, [("b", "2")])


def test_body_without_length_ends_with_the_connection() -> None:
    """As in HTTP/1.0."""
    reader = AnswerReader()
    reader.feed(b"HTTP/1.0 502 Bad Gateway\r\n\r\n<html>")
    assert not reader.is_complete
    reader.finish()

    assert reader.is_complete
    assert reader.answer.body == b"<html>"


def test_body_that_does_not_end_can_be_taken_in_pieces() -> None:
    """A stream is read while it comes."""
    reader = AnswerReader()
    reader.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    assert reader.take_body() == b"abc"
    reader.feed(b"1\r\nd\r\n0\r\n\r\n")

    assert reader.take_body() == b"d"
    assert reader.is_complete


def test_second_answer_changes_nothing() -> None:
    """One was asked for."""
    reader = AnswerReader()
    reader.feed(WHOLE + b"HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 1\r\n\r\nz")
    reader.feed(b"HTTP/1.1 200 OK\r\n\r\n")

    assert (reader.answer.status, reader.answer.body) == (404, b"[1,2]")
    assert reader.answer.header("x") == ""


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x15\x03\x01\x00\x02\x02\x50",
        b"HTTP/1.1 999999 x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad\x00: x\r\n\r\n",
    ],
)
def test_what_is_no_http_is_told(data: bytes) -> None:
    """With what it began."""
    with pytest.raises(NotHttpError) as caught:
        AnswerReader().feed(data)

    assert caught.value.first == data[:16]


def test_head_without_an_end_is_bounded() -> None:
    """Nobody can make the probe keep what it likes."""
    with pytest.raises(NotHttpError, match="does not end"):
        feed_forever(b"HTTP/1.1 200 OK\r\n", b"A: " + b"b" * 1000 + b"\r\n", MAX_HEAD_BYTES)


def test_interim_answers_without_an_end_are_bounded() -> None:
    """They are no answer either."""
    with pytest.raises(NotHttpError, match="does not end"):
        feed_forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n", MAX_HEAD_BYTES)


def test_body_is_bounded() -> None:
    """However it is framed."""
    with pytest.raises(NotHttpError, match="more than"):
        feed_forever(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 10_000, MAX_BODY_BYTES)


@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b"\xff", b"[" * 100_000, b'"x"'])
def test_body_that_is_no_object_is_an_empty_one(body: bytes) -> None:
    """No answer of a server raises."""
    assert Answer(body=body).json() == {}


def test_tls_records_are_known() -> None:
    """Alert and handshake of every version."""
    assert looks_like_tls(b"\x15\x03\x01\x00\x02")
    assert looks_like_tls(b"\x16\x03\x03")
    assert not looks_like_tls(b"HTTP/1.1")
    assert not looks_like_tls(b"")


@given(st.lists(st.binary(max_size=300), max_size=6))
def test_any_bytes_end_in_an_answer_or_its_error(pieces: list[bytes]) -> None:
    """Nothing else is ever raised, whatever comes behind a good beginning."""
    reader = AnswerReader()
    try:
        reader.feed(b"HTTP/1.1 2")
        for piece in pieces:
            reader.feed(piece)
    except NotHttpError:
        return
    assert len(reader.answer.body) <= MAX_BODY_BYTES
