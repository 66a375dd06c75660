from __future__ import annotations

import pytest

from holdfast.protocol.framing import (
    EVENTS_JSON,
    LINES_JSON,
    MESSAGES_PROTOBUF,
    POLL_JSON,
    RAW_JSON,
    RAW_PROTOBUF,
    WS_JSON,
    WS_PROTOBUF,
    Encoding,
)


def test_websocket_units_are_finished_frames() -> None:
    """An unmasked text frame with FIN, as servers send it (RFC 6455, 5.2)."""
    assert WS_JSON.wrap(b"hello") == b"\x81\x05hello"
    assert WS_JSON.ping == b"\x81\x02{}"


def test_websocket_units_are_joined_as_frames() -> None:
    """Several frames follow each other in one write."""
    assert WS_JSON.join([b"\x81\x01a", b"\x81\x01b"]) == b"\x81\x01a\x81\x01b"


def test_raw_units_are_messages() -> None:
    """A transport that frames by itself gets payloads, joined as a batch."""
    assert RAW_JSON.wrap(b"hello") == b"hello"
    assert RAW_JSON.join([b"a", b"b"]) == b"a\nb"
    assert RAW_JSON.ping == b"{}"


def test_protobuf_travels_in_binary_frames() -> None:
    """The same payloads, binary, and a ping that is an empty message."""
    assert WS_PROTOBUF.wrap(b"\x02hi") == b"\x82\x03\x02hi"
    assert WS_PROTOBUF.ping == b"\x82\x01\0"
    assert (RAW_PROTOBUF.ping, RAW_PROTOBUF.join([b"\x01a", b"\x01b"])) == (b"\0", b"\x01a\x01b")


def test_poll_units_are_lines() -> None:
    """Messages that wait to be fetched stand one a line, and there is no ping among them."""
    assert POLL_JSON.wrap(b"hello") == b"hello"
    assert POLL_JSON.join([b"a", b"b"]) == b"a\nb"
    assert POLL_JSON.ping == b""


def test_http_stream_units_are_lines() -> None:
    """One payload a line; with HTTP/1.1 each in a chunk of its own, and the last chunk ends the stream."""
    assert LINES_JSON.plain.wrap(b"hello") == b"hello\n"
    assert LINES_JSON.chunked.wrap(b"hello") == b"6\r\nhello\n\r\n"
    assert LINES_JSON.chunked.wrap(b"x" * 300).startswith(b"12d\r\n")
    assert (LINES_JSON.plain.ping, LINES_JSON.chunked.ping) == (b"{}\n", b"3\r\n{}\n\r\n")
    assert (LINES_JSON.plain.end, LINES_JSON.chunked.end) == (b"", b"0\r\n\r\n")


def test_sse_units_are_events() -> None:
    """One payload an event, so a batch becomes several; a carriage return, which ends lines too, becomes a space."""
    assert EVENTS_JSON.plain.wrap(b'{"a":1}') == b'data: {"a":1}\n\n'
    assert EVENTS_JSON.plain.wrap(b"{}\n[]") == b"data: {}\n\ndata: []\n\n"
    assert EVENTS_JSON.plain.wrap(b'{"a":\r1}') == b'data: {"a": 1}\n\n'
    assert EVENTS_JSON.chunked.ping == b"a\r\ndata: {}\n\n\r\n"


def test_http_stream_units_in_protobuf_are_messages() -> None:
    """Each says by itself where it ends, so the codec's payloads go out as they are, or in chunks."""
    assert MESSAGES_PROTOBUF.plain.wrap(b"\x02hi") == b"\x02hi"
    assert MESSAGES_PROTOBUF.chunked.wrap(b"\x02hi") == b"3\r\n\x02hi\r\n"
    assert (MESSAGES_PROTOBUF.plain.ping, MESSAGES_PROTOBUF.chunked.ping) == (b"\0", b"1\r\n\0\r\n")


@pytest.mark.parametrize("encoding", [*LINES_JSON, *EVENTS_JSON], ids=lambda encoding: encoding.name)
def test_stream_units_are_joined_as_they_are(encoding: Encoding) -> None:
    """Finished units follow each other in one write, and share the codec of the connection."""
    assert encoding.join([b"one", b"two"]) == b"onetwo"
    assert encoding.codec is RAW_JSON.codec
