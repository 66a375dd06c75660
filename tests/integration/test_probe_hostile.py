"""The staged probe against servers that do what no server should: it names that, in time, and never breaks."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from websockets.utils import accept_key

from holdfast.diagnostics.probe.links import link_for
from holdfast.diagnostics.probe.report import Report
from holdfast.diagnostics.probe.target import Wanted, target_of
from holdfast.diagnostics.probe.walk import Walk, Wishes

SECONDS = 2.0
# What the machine may take on top when it is busy.
PATIENCE_SECONDS = 8.0
CID = "0123456789abcdef0123456789abcdef"

Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter
Handler = Callable[[Reader, Writer], Awaitable[None]]


@asynccontextmanager
async def serving(handler: Handler):
    """Serve connections with a handler, one task each, and yield the port."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: Reader, writer: Writer) -> None:
        try:
            # Cancelled where it goes on for ever; what the probe does to its connections is no matter here.
            with suppress(OSError, EOFError, asyncio.LimitOverrunError, asyncio.CancelledError):
                await handler(reader, writer)
        finally:
            writer.transport.abort()

    def accept(reader: Reader, writer: Writer) -> None:
        tasks.add(asyncio.ensure_future(serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        await asyncio.sleep(0.05)  # whoever came last is accepted by then, and has a task
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.01)  # the sockets close with the next turns of the loop


async def probed(handler: Handler, scheme: str = "ws", transport: str = "websocket", **wishes: Any) -> Report:
    """Probe a server; it never takes longer than it may."""
    async with serving(handler) as port:
        target = target_of(f"{scheme}://127.0.0.1:{port}/", Wanted(transport), CID)
        wanted = Wishes(token="secret-token", seconds=SECONDS, **wishes)
        started = time.monotonic()
        report = await Walk(target, wanted, ssl.create_default_context(), link_for).run()
        assert time.monotonic() - started < SECONDS + PATIENCE_SECONDS
        assert report.seconds < SECONDS + PATIENCE_SECONDS
    text = json.dumps(report.as_json())
    assert "secret-token" not in text
    assert len(text) < 50_000
    return report


def saying(*pieces: bytes, again: bytes = b"", pause: float = 0.0) -> Handler:
    """Return a handler that reads a request, says something, then repeats `again` for ever; without it, it hangs."""

    async def handle(reader: Reader, writer: Writer) -> None:
        await reader.read(65536)
        for piece in pieces:
            writer.write(piece)
        await repeat(writer, again, pause)

    return handle


async def repeat(writer: Writer, again: bytes, pause: float = 0.0) -> None:
    """Say the same for ever, or nothing."""
    while again:
        writer.write(again)
        await writer.drain()
        await asyncio.sleep(pause)
    await asyncio.get_running_loop().create_future()


def upgrading(*frames: bytes, again: bytes = b"", pause: float = 0.0, is_closed: bool = False) -> Handler:
    """Return a handler that accepts a handshake, says frames, and goes on like `saying`; other requests get 404."""

    async def handle(reader: Reader, writer: Writer) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        key = re.search(rb"Sec-WebSocket-Key: (\S+)", head)
        if key is None:
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return
        accept = accept_key(key[1].decode()).encode()
        writer.write(b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept)
        writer.write(b"\r\n\r\n" + b"".join(frames))
        if is_closed:
            await writer.drain()
            return
        await repeat(writer, again, pause)

    return handle


def text(payload: bytes, first: int = 0x81) -> bytes:
    """Return a frame of a server with up to 64 KiB."""
    size = len(payload)
    return bytes((first, size)) + payload if size < 126 else bytes((first, 126)) + size.to_bytes(2) + payload


async def echo(reader: Reader, writer: Writer) -> None:
    """Accept a handshake and send every byte back, unmasked."""
    head = await reader.readuntil(b"\r\n\r\n")
    if (key := re.search(rb"Sec-WebSocket-Key: (\S+)", head)) is None:
        return
    accept = accept_key(key[1].decode()).encode()
    writer.write(b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept)
    writer.write(b"\r\n\r\n")
    frame = await reader.read(65536)
    start = 6 if frame[1] & 0x7F < 126 else 8
    mask, payload = frame[start - 4 : start], frame[start:]
    writer.write(text(bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))))
    await repeat(writer, b"")


CONNECTED = text(b'{"id":1,"connect":{"client":"c","ping":25,"pong":true}}')
REDIRECT = b"HTTP/1.1 302 Found\r\nLocation: /connection/websocket\r\nContent-Length: 0\r\n\r\n"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n"


@pytest.mark.parametrize(
    ("handler", "slug"),
    [
        pytest.param(saying(), "upgrade_timeout", id="silence"),
        pytest.param(saying(b"HTTP/1.1 200 OK\r\n", again=b"A: b\r\n" * 100), "upgrade_invalid", id="endless head"),
        pytest.param(saying(b"HTTP/1.1 200 OK\r\nA: ", again=b"b" * 9000), "upgrade_invalid", id="endless header"),
        pytest.param(
            saying(b"HTTP/1.1 200 OK\r\nA: ", again=b"b", pause=0.01), "upgrade_timeout", id="dripping header"
        ),
        pytest.param(saying(again=b"HTTP/1.1 100 Continue\r\n\r\n"), "upgrade_invalid", id="endless interim answers"),
        pytest.param(saying(b"HTTP/1.1 200 OK\r\n\r\n", again=b"x" * 9000), "upgrade_refused", id="endless body"),
        pytest.param(
            saying(b"HTTP/1.1 502 X\r\n\r\n", again=b"x", pause=0.01), "upgrade_no_gateway", id="dripping body"
        ),
        pytest.param(
            saying(b"HTTP/1.1 404 X\r\nContent-Length: 99999999999\r\n\r\n"), "path_not_found", id="long body"
        ),
        pytest.param(saying(REDIRECT), "upgrade_redirected", id="redirect to itself"),
        pytest.param(saying(again=b"\x00\xff\xfe garbage \r\n"), "upgrade_invalid", id="garbage"),
        pytest.param(saying(again=b"HTTP/" * 2000), "upgrade_invalid", id="garbage that begins well"),
        pytest.param(saying(again=b"\x15\x03\x03\x00\x02\x01\x00"), "tls_required", id="alerts on plain HTTP"),
        pytest.param(upgrading(), "connect_timeout", id="silence behind the upgrade"),
        pytest.param(upgrading(is_closed=True), "connection_cut", id="end behind the upgrade"),
        pytest.param(upgrading(again=text(b"", 0x89)), "connect_timeout", id="endless pings"),
        pytest.param(upgrading(again=text(b"{}")), "connect_timeout", id="endless pings of the protocol"),
        pytest.param(upgrading(text(b"x", 0x01), again=text(b"", 0x00)), "connect_timeout", id="endless fragments"),
        pytest.param(
            upgrading(text(b"x", 0x01), again=text(b"x" * 60000, 0x00)), "not_centrifuge", id="endless message"
        ),
        pytest.param(
            upgrading(b"\x81\x7f" + (2**40).to_bytes(8), again=b"x" * 9000), "not_centrifuge", id="huge frame"
        ),
        pytest.param(upgrading(text(b"\x00" * 60000, 0xC1)), "not_centrifuge", id="compressed bomb"),
        pytest.param(upgrading(again=b"\xff"), "not_centrifuge", id="garbage for frames"),
        pytest.param(upgrading(text(b"[" * 60000)), "not_centrifuge", id="deep JSON"),
        pytest.param(upgrading(text(b'{"id":1,"error":{"code":1e99}}')), "not_centrifuge", id="wild number"),
        pytest.param(upgrading(text(b'{"type":"welcome"}')), "not_centrifuge", id="another protocol"),
        pytest.param(upgrading(text(b'0{"sid":"x"}')), "not_centrifuge", id="Socket.IO"),
        pytest.param(echo, "not_centrifuge", id="echo"),
        pytest.param(upgrading(b"\x88\x02\x03\xf0"), "closed_by_server", id="close with 1008"),
        pytest.param(upgrading(b"\x88\x01\x03"), "not_centrifuge", id="close frame of one byte"),
        pytest.param(upgrading(text(b"{}"), b"\x88\x00"), "closed_by_server", id="close without a code"),
        pytest.param(upgrading(CONNECTED), "close_unanswered", id="no goodbye"),
        pytest.param(upgrading(CONNECTED, again=text(b"{}")), "close_unanswered", id="pings instead of a goodbye"),
    ],
)
async def test_server_that_misbehaves_is_told_in_time(handler: Handler, slug: str) -> None:
    """One cause each, however long it goes on."""
    assert (await probed(handler)).as_json()["verdict"] == slug


@pytest.mark.parametrize(
    ("handler", "slug"),
    [
        pytest.param(saying(), "tls_timeout", id="silence"),
        pytest.param(saying(again=b"\x15\x03\x03\x00\x02\x01\x00"), "tls_failed", id="endless alerts"),
        pytest.param(saying(b"\x16\x03\x03\x40\x00", again=b"\x02" * 9000), "tls_failed", id="endless handshake"),
        pytest.param(saying(again=b"\x16", pause=0.01), "tls_not_spoken", id="dripping garbage"),
        pytest.param(saying(b"220 mail.test ESMTP\r\n"), "tls_not_spoken", id="mail"),
    ],
)
async def test_tls_that_misbehaves_is_told_in_time(handler: Handler, slug: str) -> None:
    """Whatever comes instead of a handshake."""
    assert (await probed(handler, "wss")).as_json()["verdict"] == slug


@pytest.mark.parametrize("transport", ["http_stream", "sse"])
async def test_stream_that_is_held_back_is_told_from_one_that_hangs(transport: str) -> None:
    """By whether requests are answered that have nothing to stream."""

    async def buffering(reader: Reader, writer: Writer) -> None:
        head = await reader.read(65536)
        if b"connect" in head.partition(b"\r\n\r\n")[2] or b"cf_connect" in head:
            await repeat(writer, b"")
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    held_back = await probed(buffering, transport=transport)
    assert (held_back.as_json()["verdict"], held_back.exit_code) == ("stream_buffered", 19)
    assert (await probed(saying(), transport=transport)).as_json()["verdict"] == "upgrade_timeout"


@pytest.mark.parametrize(
    ("transport", "handler", "slug"),
    [
        ("http_stream", saying(STREAM, again=b"x" * 9000), "not_centrifuge"),
        ("http_stream", saying(STREAM, again=b"\n"), "connect_timeout"),
        ("http_stream", saying(STREAM, b"<html>\n"), "not_centrifuge"),
        ("http_stream", saying(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), "connection_cut"),
        ("sse", saying(STREAM, b"data: hello\n\n"), "not_centrifuge"),
        ("poll", saying(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), "not_centrifuge"),
        ("poll", saying(b"HTTP/1.1 200 OK\r\n\r\n", again=b"[" * 9000), "not_centrifuge"),
    ],
)
async def test_other_transports_are_as_bounded(transport: str, handler: Handler, slug: str) -> None:
    """What streams and polls get for an answer may be anything."""
    assert (await probed(handler, transport=transport)).as_json()["verdict"] == slug


def explaining(body: bytes) -> Handler:
    """Return a handler that refuses, and explains itself with anything."""

    async def handle(reader: Reader, writer: Writer) -> None:
        head = await reader.read(65536)
        if b"explain" in head:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        else:
            writer.write(b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    return handle


async def test_explanation_of_a_hostile_server_is_not_believed() -> None:
    """It may be anything, and of any length."""
    bodies = [
        b"[" * 100_000,
        b'{"slug":"nonsense"}',
        b'{"slug":["draining"],"seen":1}',
        b'{"slug":"draining","x":"' + b"x" * 200_000 + b'"}',
        b"\xff" * 100,
        b"",
    ]
    for body in bodies:
        report = await probed(explaining(body))
        assert (report.as_json()["verdict"], report.explained) == ("upgrade_refused", None)


async def test_flood_while_idle_ends_with_the_time() -> None:
    """Pushes without an end are no reason to go on."""
    push = text(b'{"push":{"channel":"a","pub":{"data":1}}}')

    report = await probed(upgrading(CONNECTED, again=push), idle_seconds=0.5)

    assert report.as_json()["verdict"] in {"close_unanswered", "ok"}
