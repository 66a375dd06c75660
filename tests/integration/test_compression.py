"""Compression with real clients: who agrees on what, who shares what, and what bad data costs."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, PerMessageDeflate

from holdfast.protocol.deflate import deflate
from holdfast.protocol.frames import COMPRESSED, OPCODE_CONTINUATION, OPCODE_PING, OPCODE_TEXT
from tests.gateway import Gateway, running
from tests.integration.test_bad_input import harmless_to
from tests.raw_client import RawClient
from tests.sockets import client_frame, upgrade_request
from tests.wire import Wire

BROWSER = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
ANSWER = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
STORY = [{"id": number, "name": f"user{number}", "price": number / 7} for number in range(300)]
LIMIT = 65536


@pytest.fixture(scope="module")
def compressing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with compression."""
    with running(tmp_path_factory.mktemp("compressing"), {"websocket": {"compression": True}}) as gateway:
        yield gateway


def agreed(client: RawClient) -> PerMessageDeflate | None:
    """Return the extension that the stock client agreed on."""
    return next(iter(client.socket.protocol.extensions), None)


def window(bits: int) -> dict[str, Any]:
    """Return the options of a stock client that asks for a window of that size."""
    return {"compression": None, "extensions": [ClientPerMessageDeflateFactory(server_max_window_bits=bits)]}


def test_stock_client_agrees_and_compresses_both_ways(compressing: Gateway):
    """The defaults of `websockets` get compression without context takeover, and long messages pass both ways."""
    with RawClient(compressing) as client:
        extension = agreed(client)
        assert extension is not None
        assert extension.remote_no_context_takeover
        assert extension.local_no_context_takeover
        client.subscribe("full:both-ways")

        assert "error" not in client.command("publish", channel="full:both-ways", data=STORY)
        kept = client.command("history", channel="full:both-ways", limit=1)["history"]
        assert kept["publications"][0]["data"] == STORY


def test_channel_reaches_those_with_and_without_compression(compressing: Gateway):
    """Everybody gets each publication in order; it is compressed once for each window in use, not for each client."""
    clients = [RawClient(compressing, f"user{number}") for number in range(6)]
    clients += [RawClient(compressing, "plain", compression=None), RawClient(compressing, "small", **window(9))]
    clients.append(RawClient(compressing, "large", **window(15)))
    try:
        for client in clients:
            client.subscribe("mixed")
        before = compressing.metric("holdfast_compression_bytes_total", side="before")
        for number in range(10):
            compressing.call("publish", channel="mixed", data={"number": number, "story": STORY})

        for client in clients:
            assert client.publications(10) == [{"number": number, "story": STORY} for number in range(10)]
        grown = compressing.metric("holdfast_compression_bytes_total", side="before") - before
        once = 10 * len(json.dumps(STORY, separators=(",", ":")))
        assert 2 * once <= grown < 2.5 * once
    finally:
        for client in clients:
            client.close()


def test_browser_gets_compressed_frames(compressing: Gateway):
    """The offer of every browser has the exact answer, and each frame can be read by itself."""
    with Wire(compressing.port) as wire:
        wire.send(upgrade_request("/connection/websocket", BROWSER))
        status, headers, _ = wire.read_response()
        assert (status, headers["sec-websocket-extensions"]) == (101, ANSWER)
        wire.send_text({"id": 1, "connect": {"token": compressing.token("browser", info={"text": "abc" * 100})}})
        first, size = wire.read(2)
        assert first == 0x80 | COMPRESSED | OPCODE_TEXT
        reply = zlib.decompressobj(-12).decompress(wire.read(size) + b"\0\0\xff\xff")

    assert "connect" in json.loads(reply)


@pytest.mark.parametrize("bits", [9, 12, 15])
def test_window_that_a_client_asks_for_is_kept(compressing: Gateway, bits: int):
    """A client with a small window reads what it gets."""
    with RawClient(compressing, **window(bits)) as client:
        client.subscribe("full:window")
        compressing.call("publish", channel="full:window", data=STORY)

        assert client.publications(1) == [STORY]
        assert agreed(client).remote_max_window_bits == min(bits, 12)


@pytest.mark.parametrize(
    ("offer", "expected"),
    [
        ("permessage-deflate; server_max_window_bits=8", None),
        ("permessage-deflate; future", None),
        ("permessage-deflate; future, permessage-deflate", ANSWER),
        ("x-unknown", None),
    ],
)
def test_offer_that_cannot_be_taken_is_declined(compressing: Gateway, offer: str, expected: str | None):
    """The connection goes on without compression, or with what was offered in reserve."""
    with Wire(compressing.port) as wire:
        wire.send(upgrade_request("/connection/websocket", f"Sec-WebSocket-Extensions: {offer}"))
        status, headers, _ = wire.read_response()

        assert (status, headers.get("sec-websocket-extensions")) == (101, expected)
        wire.send_text({"id": 1, "connect": {"token": compressing.token()}})
        assert wire.read_frame()[0] == OPCODE_TEXT


def test_malformed_offer_is_refused(compressing: Gateway):
    """The handshake fails with its cause."""
    with harmless_to(compressing), Wire(compressing.port) as wire:
        wire.send(upgrade_request("/connection/websocket", "Sec-WebSocket-Extensions: permessage-deflate; ="))

        assert wire.read_refusal() == (400, "bad_handshake")


def test_gateway_without_compression_takes_no_offer(gateway: Gateway):
    """By default nothing is agreed on."""
    with RawClient(gateway) as client:
        assert agreed(client) is None


BOMB = deflate(bytes(20 * 2**20), 9, 15)
COMMAND = json.dumps({"id": 2, "presence": {"channel": "nowhere"}}).encode()
PACKED = deflate(COMMAND, 6, 15)
BAD = {
    "bomb": (client_frame(COMPRESSED | OPCODE_TEXT, BOMB), 1009, "message_too_big"),
    "bomb in pieces": (
        client_frame(COMPRESSED | OPCODE_TEXT, BOMB[:100], final=False) + client_frame(OPCODE_CONTINUATION, BOMB[100:]),
        1009,
        "message_too_big",
    ),
    "too long as it comes": (client_frame(COMPRESSED | OPCODE_TEXT, os.urandom(2 * LIMIT)), 1009, "message_too_big"),
    "noise": (client_frame(COMPRESSED | OPCODE_TEXT, b"\xff" * 100), 1007, "frame_deflate_malformed"),
    "truncated": (client_frame(COMPRESSED | OPCODE_TEXT, PACKED[:-9]), 1007, "frame_deflate_malformed"),
    "no compression at all": (client_frame(COMPRESSED | OPCODE_TEXT, COMMAND), 1007, "frame_deflate_malformed"),
    "no text": (client_frame(COMPRESSED | OPCODE_TEXT, deflate(b"\xff\xfe", 1, 12)), 1007, "invalid_utf8"),
    "empty": (client_frame(COMPRESSED | OPCODE_TEXT, b"\0"), 3501, "empty_frame"),
    "no command": (client_frame(COMPRESSED | OPCODE_TEXT, deflate(b"hello", 1, 12)), 3501, "malformed_json"),
    "ping": (client_frame(COMPRESSED | OPCODE_PING, deflate(b"x", 1, 12)), 1002, "frame_reserved_bits"),
}


@pytest.mark.parametrize(("frame", "code", "slug"), BAD.values(), ids=BAD)
def test_bad_compression_ends_with_its_cause(compressing: Gateway, frame: bytes, code: int, slug: str):
    """Each has a name, and nothing of it stays behind; bombs behind it are not looked at."""
    with harmless_to(compressing), Wire(compressing.port) as wire:
        wire.upgrade("/connection/websocket", BROWSER)
        wire.send_text({"id": 1, "connect": {"token": compressing.token()}})
        wire.send(frame + client_frame(COMPRESSED | OPCODE_TEXT, BOMB) * 3)

        assert wire.read_end() == (code, slug)


def test_compressed_commands_are_answered(compressing: Gateway):
    """Whole, in pieces with a ping between them, with a final block, and padded to the limit."""
    final = zlib.compress(COMMAND, wbits=-15) + b"\0"
    padded = deflate(COMMAND + b" " * (LIMIT - len(COMMAND)), 1, 15)
    frames = [
        client_frame(COMPRESSED | OPCODE_TEXT, PACKED),
        client_frame(COMPRESSED | OPCODE_TEXT, PACKED[:9], final=False)
        + client_frame(OPCODE_PING, b"between")
        + client_frame(OPCODE_CONTINUATION, PACKED[9:]),
        client_frame(COMPRESSED | OPCODE_TEXT, final),
        client_frame(COMPRESSED | OPCODE_TEXT, padded),
        client_frame(OPCODE_TEXT, COMMAND),
    ]
    with harmless_to(compressing), Wire(compressing.port) as wire:
        wire.upgrade("/connection/websocket", BROWSER)
        wire.send_text({"id": 1, "connect": {"token": compressing.token()}})
        wire.read_frame()
        for frame in frames:
            wire.send(frame)
        seen = [wire.read_frame()[0] for _ in range(len(frames) + 1)]

    assert sorted(seen) == [OPCODE_TEXT] * len(frames) + [OPCODE_PING + 1]
