"""Tests of holdfast.diagnostics.probe.way."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.diagnostics.probe import way as module
from holdfast.diagnostics.probe.http import AnswerReader
from holdfast.diagnostics.probe.way import CutError, Way, exchange, read_body, read_head
from tests.probing import ADDRESS, FakeStream, http, target, way, wire


async def test_request_is_asked_on_a_connection_of_its_own() -> None:
    """Which is closed behind the answer."""
    stream = FakeStream(http(200, b"yes"))

    answer = await way(stream).ask("GET", "/x")

    assert (answer.status, answer.body) == (200, b"yes")
    assert stream.sent.startswith(b"GET /x HTTP/1.1\r\nHost: gateway.test\r\n")
    assert b"Connection: close" in stream.sent
    assert stream.is_closed


async def test_connection_is_closed_where_no_answer_comes() -> None:
    """Nothing leaks."""
    stream = FakeStream(b"")

    with pytest.raises(CutError):
        await way(stream).ask("GET", "/x")
    assert stream.is_closed


async def test_connection_that_ends_in_the_head_is_cut() -> None:
    """With what had come."""
    with pytest.raises(CutError) as caught:
        await read_head(wire(b"HTTP/1.1 2", b""), AnswerReader())
    assert (caught.value.first, caught.value.reason) == (b"HTTP/1.1 2", "the connection was closed")
    with pytest.raises(CutError, match="reset"):
        await read_head(wire(ConnectionResetError(104, "reset")), AnswerReader())


@pytest.mark.parametrize("end", [b"", OSError("broken"), b"\r\n\r\nHTTP"])
async def test_body_is_taken_as_far_as_it_comes(end) -> None:
    """The head has said most."""
    answer = await exchange(wire(b"HTTP/1.1 502 Bad\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", end), b"")

    assert (answer.status, answer.body) == (502, b"abc")


async def test_body_that_does_not_come_is_not_waited_for(monkeypatch) -> None:
    """A page that trickles ends where its time does."""
    monkeypatch.setattr(module, "_BODY_SECONDS", 0.0)
    reader = AnswerReader()
    reader.feed(b"HTTP/1.1 200 OK\r\n\r\n")

    await asyncio.wait_for(read_body(wire(), reader), 5)

    assert reader.is_complete


async def test_refused_connection_is_told(monkeypatch) -> None:
    """As the system says it."""

    async def refuse(address: object) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(module, "open_socket", refuse)
    with pytest.raises(ConnectionRefusedError):
        await Way(target(), ADDRESS, None).open()
