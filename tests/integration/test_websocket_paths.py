"""One suite for every way a WebSocket can reach a sink: handed over, our own plain ASGI, and stock uvicorn."""

from __future__ import annotations

import json
import threading
import time

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from holdfast.errors import DoorError
from holdfast.protocol.frames import (
    OPCODE_BINARY,
    OPCODE_CONTINUATION,
    OPCODE_PING,
    OPCODE_PONG,
    OPCODE_TEXT,
    encode_frame,
)
from holdfast.settings import Settings
from tests.serving import LOOPS, RawClient, close_frame, serving
from tests.sockets import client_close, client_frame, upgrade_request

SETTINGS = Settings(port=0)
OURS = ("handover", "asgi")


def wait_until(condition, seconds=5.0):
    """Wait for something that another thread does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture(scope="module", params=LOOPS)
def loop(request):
    """The event loop's name."""
    return request.param


@pytest.fixture(scope="module", params=[*OURS, "uvicorn"])
def everywhere(request, loop):
    """An echo on each path, stock uvicorn's too."""
    with serving(request.param, loop, SETTINGS) as server:
        yield server


@pytest.fixture(scope="module", params=OURS)
def echo(request, loop):
    """An echo on each path of our own stack."""
    with serving(request.param, loop, SETTINGS) as server:
        yield server


@pytest.mark.parametrize("message", ["", "hi", "é" * 1000, "x" * 65536, b"", b"\x00\xff" * 500])
def test_messages_come_back_as_they_are(everywhere, message):
    """Text and bytes of every size are echoed."""
    with connect(f"ws://127.0.0.1:{everywhere.port}/", compression=None) as client:
        client.send(message)

        assert client.recv(timeout=10) == message


@pytest.mark.parametrize(
    ("offers", "query", "echoed", "codec"),
    [
        (["centrifuge-protobuf"], "", "centrifuge-protobuf", "protobuf"),
        (["centrifuge-json", "centrifuge-protobuf"], "", "centrifuge-json", "json"),
        (None, "?format=protobuf", None, "protobuf"),
        (None, "", None, "json"),
    ],
)
def test_codec_is_negotiated(everywhere, offers, query, echoed, codec):
    """The offer that counts is echoed; units of the codec leave in its kind of frame."""
    with connect(f"ws://127.0.0.1:{everywhere.port}/{query}", compression=None, subprotocols=offers) as client:
        client.send(b"x")
        client.recv(timeout=10)
        transport = everywhere.sinks[-1].transport
        everywhere.call(lambda: transport.write(transport.encoding.ping))

        assert client.subprotocol == echoed
        assert transport.encoding.codec.name == codec
        assert client.recv(timeout=10) == (b"\0" if codec == "protobuf" else "{}")


def test_messages_keep_their_order(everywhere):
    """A burst comes back complete and in order."""
    with connect(f"ws://127.0.0.1:{everywhere.port}/", compression=None) as client:
        for number in range(500):
            client.send(str(number))

        assert [client.recv(timeout=10) for _ in range(500)] == [str(number) for number in range(500)]


def test_client_close_reaches_the_sink(everywhere):
    """Code and reason arrive, once."""
    with connect(f"ws://127.0.0.1:{everywhere.port}/", compression=None) as client:
        client.send("x")
        client.recv(timeout=10)
        sink = everywhere.sinks[-1]
        client.close(4321, "bye")

    wait_until(lambda: sink.ends)
    assert sink.ends == [(4321, "bye")]


def test_server_close_reaches_the_client(everywhere):
    """The client gets what was written before, then code and reason; the sink hears the same."""
    with connect(f"ws://127.0.0.1:{everywhere.port}/", compression=None) as client:
        client.send("x")
        client.recv(timeout=10)
        sink = everywhere.sinks[-1]

        def say_goodbye():
            sink.transport.send_frame(OPCODE_TEXT, b"last words")
            sink.transport.close(3001, "shutdown")

        everywhere.call(say_goodbye)
        assert client.recv(timeout=10) == "last words"
        with pytest.raises(ConnectionClosed) as caught:
            client.recv(timeout=10)

    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (3001, "shutdown")
    wait_until(lambda: sink.ends)
    assert sink.ends == [(3001, "shutdown")]


def test_lost_client_reaches_the_sink(everywhere):
    """A client that vanishes is an abnormal end."""
    with RawClient(everywhere.port).open() as client:
        client.send(client_frame(OPCODE_TEXT, b"x"))
        client.read(3)
        sink = everywhere.sinks[-1]

    wait_until(lambda: sink.ends)
    assert sink.ends[0][0] in {1005, 1006}  # uvicorn says 1005 for every end without a close frame


@pytest.mark.parametrize("path", [*OURS, "uvicorn"])
def test_refusal_has_status_and_body(path, loop):
    """A refused handshake is an HTTP answer with the cause, on every path."""

    def refuse(handshake):
        raise DoorError("origin_not_allowed")

    with serving(path, loop, SETTINGS, admission=refuse) as server:
        with pytest.raises(InvalidStatus) as caught:
            connect(f"ws://127.0.0.1:{server.port}/")

        assert caught.value.response.status_code == 403
        assert json.loads(caught.value.response.body)["slug"] == "origin_not_allowed"
        assert not server.sinks


def test_bytes_behind_the_handshake_are_not_lost(echo):
    """A client may send its first frame together with the request."""
    with RawClient(echo.port) as client:
        client.send(upgrade_request() + client_frame(OPCODE_TEXT, b"early"))
        client.read_head()

        assert client.read(7) == encode_frame(OPCODE_TEXT, b"early")


def test_fragments_and_pings_are_handled(echo):
    """A message in pieces, byte by byte, with a ping between, comes back whole after the pong."""
    data = (
        client_frame(OPCODE_TEXT, b"one ", final=False)
        + client_frame(OPCODE_PING, b"?")
        + client_frame(OPCODE_CONTINUATION, b"two")
    )
    with RawClient(echo.port).open() as client:
        for index in range(len(data)):
            client.send(data[index : index + 1])

        assert client.read(3 + 9) == encode_frame(OPCODE_PONG, b"?") + encode_frame(OPCODE_TEXT, b"one two")


@pytest.mark.parametrize(
    ("data", "code", "slug"),
    [
        (encode_frame(OPCODE_TEXT, b"unmasked"), 1002, "frame_unmasked"),
        (b"\xc1\x80\0\0\0\0", 1002, "frame_reserved_bits"),
        (b"\x83\x80\0\0\0\0", 1002, "frame_reserved_opcode"),
        (b"\x81\xfe\x00\x01\0\0\0\0x", 1002, "frame_length"),
        (b"\x89\xfe\x00\x80", 1002, "frame_control_too_long"),
        (b"\x09\x80\0\0\0\0", 1002, "frame_control_fragmented"),
        (client_frame(OPCODE_CONTINUATION, b"x"), 1002, "frame_continuation_unexpected"),
        (
            client_frame(OPCODE_TEXT, b"", final=False) + client_frame(OPCODE_TEXT, b"x"),
            1002,
            "frame_continuation_expected",
        ),
        (client_frame(0x8, b"\x03"), 1002, "frame_close_malformed"),
        (client_frame(OPCODE_TEXT, b"\xc3("), 1007, "invalid_utf8"),
        (client_frame(OPCODE_TEXT, b"\xff" + b"x" * 60000)[:20], 1007, "invalid_utf8"),
        (b"\x82\xff" + (2**40).to_bytes(8) + b"\0\0\0\0", 1009, "message_too_big"),
    ],
)
def test_violation_ends_in_its_named_close(echo, data, code, slug):
    """The client is told code and slug, the socket closes, the sink hears the same, once."""
    with RawClient(echo.port).open() as client:
        client.send(data)

        assert client.read_to_end() == close_frame(code, slug)
    wait_until(lambda: echo.sinks[-1].ends)
    assert echo.sinks[-1].ends == [(code, slug)]


def test_violation_is_seen_by_a_client_that_goes_on_sending(echo):
    """What is sent behind a violation is read and thrown away, so that no reset destroys the close frame."""
    with RawClient(echo.port).open() as client:
        client.send(b"\x82\xff" + (2**30).to_bytes(8) + b"\0\0\0\0")
        for _ in range(50):
            client.send(b"x" * 65536)

        assert client.read(2 + 2 + 15) == close_frame(1009, "message_too_big")


def test_close_is_echoed_without_reason(echo):
    """The answer to a close frame is its code, then the server closes first (RFC 6455, 7.1.1)."""
    with RawClient(echo.port).open() as client:
        client.send(client_close(1001, "going away"))

        assert client.read_to_end() == close_frame(1001)


def test_close_that_is_not_answered_is_given_up(echo):
    """A client that ignores our close frame is dropped after the close timeout of 1 s."""
    with RawClient(echo.port).open() as client:
        client.send(client_frame(OPCODE_TEXT, b"x"))
        client.read(3)
        echo.call(lambda: echo.sinks[-1].transport.close(3000, "connection_closed"))
        started = time.monotonic()
        try:
            rest = client.read_to_end()
        except ConnectionResetError:
            rest = close_frame(3000, "connection_closed")

    assert rest == close_frame(3000, "connection_closed")
    assert 0.5 < time.monotonic() - started < 4


def test_frame_declared_and_not_sent_holds_what_came(echo):
    """A half-sent message waits for its rest and costs no more than what came; the end is abnormal."""
    before = len(echo.sinks)
    with RawClient(echo.port).open() as client:
        client.send(client_frame(OPCODE_BINARY, b"x" * 65000)[:1000])
        wait_until(lambda: len(echo.sinks) > before)
        sink = echo.sinks[-1]
        assert not sink.ends
    wait_until(lambda: sink.ends)

    assert sink.ends == [(1006, "")]


def test_client_that_never_reads_is_bounded(echo):
    """Once the client's buffers are full the echo reads no more; then everything arrives after all."""
    total, size = 300, 60000
    frame = client_frame(OPCODE_BINARY, b"x" * size)
    with RawClient(echo.port, timeout_seconds=30).open() as client:
        sender = threading.Thread(target=lambda: [client.send(frame) for _ in range(total)], daemon=True)
        sender.start()
        time.sleep(0.5)
        sink = echo.sinks[-1]
        assert echo.call(sink.transport.buffered) < 2**20

        received = client.read(total * (size + 4))
        sender.join()

    assert len(received) == total * (size + 4)


def test_ping_flood_of_a_client_that_never_reads_is_bounded(echo):
    """Pongs are not piled up for a client that does not take them."""
    before = len(echo.sinks)
    flood = client_frame(OPCODE_PING, b"x" * 125) * 4000
    with RawClient(echo.port, timeout_seconds=1).open() as client:
        wait_until(lambda: len(echo.sinks) > before)
        try:
            for _ in range(40):
                client.send(flood)
        except TimeoutError:
            pass  # the echo reads no more, which bounds it as well

        transport = echo.sinks[-1].transport
        assert echo.call(transport.buffered) < 2**20
