"""Tests of holdfast.diagnostics.probe.stream_link."""

from __future__ import annotations

import json

import pytest

from holdfast.diagnostics.probe.link import MAX_MESSAGE_BYTES, RefusedError, StrangeError
from holdfast.diagnostics.probe.stream_link import StreamLink, payload_of
from holdfast.diagnostics.probe.way import CutError
from holdfast.diagnostics.probe.wire import Wire
from tests.probing import CID, FakeStream, http, target, way

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CONNECTED = b'{"id":1,"connect":{"client":"c","session":"s","node":"n"}}\n'


def chunk(data: bytes) -> bytes:
    """Return a chunk of a response."""
    return b"%x\r\n%b\r\n" % (len(data), data)


async def opened(transport: str, *pieces: bytes, others: tuple[FakeStream, ...] = ()) -> tuple[StreamLink, FakeStream]:
    """Return a link whose response has begun."""
    stream = FakeStream(HEAD, *pieces)
    door = target(transport=transport)
    link = StreamLink(Wire(stream), way(*others, to=door))
    await link.open('{"id":1}')
    return link, stream


async def test_http_stream_posts_the_connect_command() -> None:
    """The body has it."""
    link, stream = await opened("http_stream", chunk(CONNECTED))
    await link.begin('{"id":1}')

    assert stream.sent.startswith(f"POST /connection/http_stream?cid={CID} HTTP/1.1\r\nHost: gateway.test\r\n".encode())
    assert stream.sent.endswith(b'\r\n\r\n{"id":1}')
    assert (await link.receive())[0]["connect"]["client"] == "c"


async def test_sse_has_the_connect_command_in_its_url() -> None:
    """And its messages in events."""
    link, stream = await opened("sse", chunk(b": hello\r\nevent: x\n"), chunk(b'data: {"id":1}\n\ndata:{}\n\n'))

    assert f"GET /connection/sse?cid={CID}&cf_connect=%7B%22id%22%3A1%7D HTTP/1.1" in stream.sent.decode()
    assert await link.receive() == [{"id": 1}, {}]


async def test_message_in_pieces_is_one() -> None:
    """Chunks are cut wherever a proxy likes."""
    link, _ = await opened("http_stream", chunk(b'{"i'), chunk(b'd":2}'), chunk(b'\n{"id":'), chunk(b"3}\n"))

    assert await link.receive() == [{"id": 2}]
    assert await link.receive() == [{"id": 3}]


async def test_commands_are_posted_for_the_session() -> None:
    """On a connection of their own each, with what the connect reply said."""
    post = FakeStream(http(204))
    link, _ = await opened("http_stream", chunk(CONNECTED), others=(post,))
    await link.receive()
    await link.send(['{"id":2}', '{"id":3}'])

    assert post.sent.startswith(b"POST /emulation HTTP/1.1")
    body = json.loads(post.sent.rpartition(b"\r\n\r\n")[2])
    assert body == {"session": "s", "node": "n", "data": '{"id":2}\n{"id":3}'}
    assert post.is_closed


async def test_commands_that_are_not_taken_are_told() -> None:
    """Balancing may have led them to another instance."""
    link, _ = await opened(
        "http_stream", chunk(CONNECTED), others=(FakeStream(http(404, {"slug": "unknown_session"})),)
    )

    with pytest.raises(RefusedError) as caught:
        await link.send(["{}"])
    assert caught.value.answer.status == 404


@pytest.mark.parametrize("pieces", [(b"",), (b"0\r\n\r\n",), (ConnectionResetError(104, "reset"),)])
async def test_stream_that_ends_is_cut(pieces: tuple[bytes, ...]) -> None:
    """In order, or in the middle."""
    link, _ = await opened("http_stream", *pieces)

    with pytest.raises((CutError, ConnectionError)):
        await link.receive()


async def test_line_without_an_end_is_bounded() -> None:
    """A server may send what it likes."""
    link, _ = await opened("http_stream", *[chunk(b"x" * 50_000) for _ in range(MAX_MESSAGE_BYTES // 50_000 + 2)])

    with pytest.raises(StrangeError, match="more than"):
        await link.receive()


async def test_refusal_comes_with_its_body() -> None:
    """As with every transport."""
    link = StreamLink(Wire(FakeStream(http(503, {"slug": "draining"}))), way(to=target(transport="http_stream")))

    with pytest.raises(RefusedError) as caught:
        await link.open("")
    assert caught.value.answer.json() == {"slug": "draining"}


async def test_leaving_is_closing() -> None:
    """There is nobody to answer."""
    link, stream = await opened("http_stream")

    assert await link.close()
    link.abort()
    assert stream.is_closed


@pytest.mark.parametrize(
    ("line", "payload"),
    [(b"data: {}", b"{}"), (b"data:{}", b"{}"), (b"data: {}\r", b"{}"), (b": x", b""), (b"id: 1", b""), (b"", b"")],
)
def test_payload_of_an_events_line(line: bytes, payload: bytes) -> None:
    """Comments and other fields carry nothing."""
    assert payload_of(line) == payload
