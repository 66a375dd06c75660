"""Any bytes on any port end in a named error: never in a traceback, a hang, a leak or a flood of memory.

One gateway process with short timeouts takes everything; after each test it must be alive, have forgotten every
connection, have written no traceback and not have grown beyond what bounded buffers explain.
"""

from __future__ import annotations

import json
import os
import random
import struct
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from holdfast.protocol.frames import OPCODE_BINARY, OPCODE_CLOSE, OPCODE_CONTINUATION, OPCODE_PING, OPCODE_TEXT
from tests.gateway import Gateway, running
from tests.sockets import client_frame, upgrade_request
from tests.wire import NO_CLOSE_FRAME, Wire, eventually

MIB = 1024 * 1024
GROWTH_BYTES = 64 * MIB
SETTINGS = {
    "http": {"request_timeout": 1.0},
    "client": {"handshake_timeout": 1.0, "ping_interval": 2.0, "pong_timeout": 1.0, "command_rate": 0},
    "admission": {"rate": 0},
    "log": {"level": "info"},
}


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The gateway that takes it all."""
    with running(tmp_path_factory.mktemp("victim"), SETTINGS) as gateway:
        yield gateway


@pytest.fixture(autouse=True)
def unharmed(victim: Gateway) -> Iterator[None]:
    """Hold the gateway to its promises after each test."""
    with harmless_to(victim):
        yield


@contextmanager
def harmless_to(victim: Gateway) -> Iterator[None]:
    """Look at a gateway before and after: alive, empty, without a traceback, not grown."""
    process = psutil.Process(victim.pid)
    assert look(victim, "/livez")[0] == 200
    logged, resident, descriptors = len(victim.log()), process.memory_info().rss, process.num_fds()

    yield

    eventually(lambda: process.num_fds() <= descriptors + 2)
    assert look(victim, "/readyz")[0] == 200
    counts = look(victim, "/metrics")[1]
    for name in ("connections", "users", "subscriptions", "channels"):
        assert f"\nholdfast_{name} 0.0\n" in counts, name
    new = victim.log()[logged:]
    assert "Traceback" not in new
    assert '"level": "error"' not in new
    assert process.memory_info().rss < resident + GROWTH_BYTES


def look(victim: Gateway, path: str) -> tuple[int, str]:
    """Fetch a path and return status and body."""
    with Wire(victim.port) as wire:
        wire.send(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        status, _, body = wire.read_response()
        return status, body.decode()


def opened(victim: Gateway) -> Wire:
    """Return a WebSocket without a session."""
    return Wire(victim.port).upgrade()


def connected(victim: Gateway, user: str = "eve") -> Wire:
    """Return a WebSocket with a session."""
    return opened(victim).connect(victim.token(user))


def header(first: int, second: int, *rest: bytes) -> bytes:
    """Return the beginning of a frame."""
    return bytes([first, second]) + b"".join(rest)


FRAMES = {
    "unmasked": (header(0x81, 2, b"{}"), 1002, "frame_unmasked"),
    "reserved bit 1": (header(0xC1, 0x82, b"\0\0\0\0{}"), 1002, "frame_reserved_bits"),
    "reserved bit 3": (header(0x91, 0x82, b"\0\0\0\0{}"), 1002, "frame_reserved_bits"),
    "reserved opcode": (client_frame(3, b"{}"), 1002, "frame_reserved_opcode"),
    "reserved control": (client_frame(0xB, b"{}"), 1002, "frame_reserved_opcode"),
    "length not minimal": (header(0x81, 0xFE, b"\0\2", b"\0\0\0\0{}"), 1002, "frame_length"),
    "length of 64 bits": (header(0x81, 0xFF, b"\xff" * 8, b"\0\0\0\0"), 1002, "frame_length"),
    "ping too long": (client_frame(OPCODE_PING, b"x" * 126), 1002, "frame_control_too_long"),
    "ping in pieces": (client_frame(OPCODE_PING, b"x", final=False), 1002, "frame_control_fragmented"),
    "continuation of nothing": (client_frame(OPCODE_CONTINUATION, b"x"), 1002, "frame_continuation_unexpected"),
    "message in a message": (
        client_frame(OPCODE_TEXT, b"{", final=False) + client_frame(OPCODE_TEXT, b"}"),
        1002,
        "frame_continuation_expected",
    ),
    "close of one byte": (client_frame(OPCODE_CLOSE, b"x"), 1002, "frame_close_malformed"),
    "close with a forbidden code": (client_frame(OPCODE_CLOSE, struct.pack("!H", 1005)), 1002, "frame_close_malformed"),
    "invalid UTF-8": (client_frame(OPCODE_TEXT, b'{"id":1,"\xff"}'), 1007, "invalid_utf8"),
    "surrogate": (client_frame(OPCODE_TEXT, b"\xed\xa0\x80"), 1007, "invalid_utf8"),
    # The rest of the message never comes: it fails at the first wrong byte.
    "invalid UTF-8 at once": (header(0x01, 0xFE, b"\x40\0", b"\0\0\0\0", b"\xc0\x80"), 1007, "invalid_utf8"),
    "close reason not UTF-8": (client_frame(OPCODE_CLOSE, struct.pack("!H", 1000) + b"\xff"), 1007, "invalid_utf8"),
    # Judged by the header alone: the payload never comes.
    "message too big": (header(0x81, 0xFF, (65537).to_bytes(8), b"\0\0\0\0"), 1009, "message_too_big"),
    "message of 8 EiB": (header(0x82, 0xFF, (2**63 - 1).to_bytes(8), b"\0\0\0\0"), 1009, "message_too_big"),
    "message too big in pieces": (
        b"".join(
            client_frame(OPCODE_TEXT if not n else OPCODE_CONTINUATION, b"x" * 60000, final=False) for n in (0, 1)
        ),
        1009,
        "message_too_big",
    ),
    "a million [": (client_frame(OPCODE_TEXT, b"[" * 1_000_000), 1009, "message_too_big"),
}


@pytest.mark.parametrize("has_session", [False, True], ids=["before connect", "in a session"])
@pytest.mark.parametrize(("frame", "code", "slug"), FRAMES.values(), ids=FRAMES)
def test_frame_that_breaks_rfc_6455_is_named(victim: Gateway, frame: bytes, code: int, slug: str, has_session: bool):
    """The close frame has the RFC's code and the cause's slug."""
    with (connected if has_session else opened)(victim) as wire:
        wire.send_until_refused(frame, len(frame))

        assert wire.read_end() == (code, slug)


MESSAGES: dict[str, tuple[bytes | str | dict, int, str]] = {
    "nothing": (b"", 3501, "empty_frame"),
    "line ends": (b"\n\n\n", 3501, "empty_frame"),
    "no JSON": (b"hello", 3501, "malformed_json"),
    "half an object": (b'{"id":1,', 3501, "malformed_json"),
    "byte order mark": (b"\xef\xbb\xbf{}", 3501, "malformed_json"),
    "zero bytes": (b"\0" * 1000, 3501, "malformed_json"),
    "65,000 [": (b"[" * 65000, 3501, "malformed_command"),
    "65,000 {": (b'{"a":' * 13000, 3501, "malformed_json"),
    "deep in an unknown field": (b'{"id":1,"x":' + b"[" * 60000, 3501, "malformed_json"),
    "deep in data": (b'{"id":1,"connect":{"data":' + b"[" * 60000, 3501, "malformed_json"),
    "a number": (b"1", 3501, "malformed_command"),
    "a list": (b"[]", 3501, "malformed_command"),
    "null": (b"null", 3501, "malformed_command"),
    "id of text": ({"id": "1", "connect": {}}, 3501, "malformed_command"),
    "id below 0": ({"id": -1, "connect": {}}, 3501, "malformed_command"),
    "id of 33 bits": ({"id": 2**32, "connect": {}}, 3501, "malformed_command"),
    "id of 5,000 digits": (b'{"id":' + b"9" * 5000 + b',"connect":{}}', 3501, "malformed_command"),
    "id of 1e400": (b'{"id":1e400,"connect":{}}', 3501, "malformed_command"),
    "id of 1.5": (b'{"id":1.5,"connect":{}}', 3501, "malformed_command"),
    "request of text": ({"id": 1, "connect": "please"}, 3501, "malformed_command"),
    "token of numbers": ({"id": 1, "connect": {"token": 5}}, 3501, "malformed_command"),
    "no id": ({"connect": {}}, 3501, "command_id_missing"),
    "no method": ({"id": 1}, 3501, "unknown_command"),
    "unknown method": ({"id": 1, "dance": {}}, 3501, "unknown_command"),
    "two methods": ({"id": 1, "connect": {}, "ping": {}}, 3501, "ambiguous_command"),
    "no token": ({"id": 1, "connect": {}}, 3501, "token_missing"),
    "binary message": (client_frame(OPCODE_BINARY, b'{"id":1}'), 3501, "binary_frame"),
}


@pytest.mark.parametrize(("message", "code", "slug"), MESSAGES.values(), ids=MESSAGES)
def test_message_that_is_no_command_is_named(victim: Gateway, message: bytes | dict, code: int, slug: str):
    """What the protocol does not know closes the connection with a slug of its own."""
    with opened(victim) as wire:
        if slug == "binary_frame":
            assert isinstance(message, bytes)
            wire.send(message)
        else:
            wire.send_text(message)

        assert wire.read_end() == (code, slug)


@pytest.mark.parametrize(
    "command",
    [
        {"subscribe": {"channel": "full:a"}},
        {"publish": {"channel": "full:a", "data": {}}},
        {"presence": {"channel": "full:a"}},
        {"history": {"channel": "full:a"}},
        {"rpc": {"data": {}}},
        {"refresh": {"token": "x"}},
        {"ping": {}},
    ],
    ids=lambda command: next(iter(command)),
)
def test_command_before_connect_is_refused(victim: Gateway, command: dict):
    """Nothing is done for a client that has not said who it is."""
    with opened(victim) as wire:
        wire.send_text({"id": 1, **command})

        assert wire.read_end() == (3501, "not_connected")


def test_second_connect_is_refused(victim: Gateway):
    """A session is opened once."""
    with connected(victim) as wire:
        wire.send_text({"id": 2, "connect": {"token": victim.token("eve")}})

        assert wire.read_end() == (3501, "already_connected")


def test_duplicate_ids_get_a_reply_each(victim: Gateway):
    """The id belongs to the client; whoever repeats it gets as many replies, in order."""
    with connected(victim) as wire:
        wire.send_text(*[{"id": 7, "ping": {}}] * 3, {"id": 7, "subscribe": {"channel": "full:a"}})

        replies = wire.read_replies()

    assert [reply["id"] for reply in replies if "id" in reply] == [7, 7, 7, 7]


@pytest.mark.parametrize(
    ("request_", "number", "slug"),
    [
        ({"subscribe": {"channel": "nowhere:a"}}, 102, "unknown_channel"),
        ({"subscribe": {"channel": "closed:a"}}, 103, "permission_denied"),
        ({"subscribe": {"channel": "x" * 60000}}, 107, "channel_name_too_long"),
        ({"subscribe": {"channel": "full:\N{SNOWMAN}"}}, 107, "channel_name_invalid"),
        ({"subscribe": {"channel": "$secret"}}, 103, "subscription_token_missing"),
        ({"publish": {"channel": "full:a", "data": {}}}, 103, "permission_denied"),
        ({"history": {"channel": "full:a"}}, 103, "permission_denied"),
        ({"rpc": {"data": {}, "method": "x"}}, 108, "not_available"),
    ],
    ids=lambda value: json.dumps(value)[:40] if isinstance(value, dict) else None,
)
def test_command_that_cannot_be_done_gets_an_error(victim: Gateway, request_: dict, number: int, slug: str):
    """An impossible request is answered by number and slug, and the session goes on."""
    with connected(victim) as wire:
        wire.send_text({"id": 2, **request_})
        wire.send_text({"id": 3, "ping": {}})

        error, pong = wire.read_replies()[0], wire.read_replies()[0]

    assert (error["id"], error["error"]["code"], error["error"]["message"]) == (2, number, slug)
    assert pong["id"] == 3


@pytest.mark.parametrize(
    "request_",
    [
        {"subscribe": {"channel": ""}},
        {"subscribe": {"channel": 5}},
        {"unsubscribe": {"channel": ""}},
        {"publish": {"channel": "full:a"}},
        {"publish": {"data": {}}},
        {"history": {"channel": "full:a", "limit": 2**31}},
        {"history": {"channel": "full:a", "limit": "1"}},
        {"history": {"channel": "full:a", "since": {"offset": -1}}},
        {"history": {"channel": "full:a", "since": {"offset": 1.5}}},
        {"history": {"channel": "full:a", "since": 5}},
        {"history": {"channel": "full:a", "reverse": 1}},
    ],
    ids=json.dumps,
)
def test_field_that_is_missing_or_impossible_is_named(victim: Gateway, request_: dict):
    """In a session, too, what no SDK would send closes the connection, as in Centrifugo."""
    with connected(victim) as wire:
        wire.send_text({"id": 2, **request_})

        assert wire.read_end() == (3501, "malformed_command")


@pytest.mark.parametrize("offset", [2**63, 2**64 - 1, 10**4000], ids=["2^63", "2^64-1", "10^4000"])
def test_huge_offsets_are_positions_that_never_were(victim: Gateway, offset: int):
    """However large a number, the answer is error 112."""
    with connected(victim) as wire:
        wire.send_text({"id": 2, "subscribe": {"channel": "history:a"}})
        wire.read_replies()
        since = {"offset": offset, "epoch": ""}
        wire.send_text({"id": 2**32 - 1, "history": {"channel": "history:a", "limit": 2**31 - 1, "since": since}})
        (reply,) = wire.read_replies()

    assert (reply["id"], reply["error"]["code"]) == (2**32 - 1, 112)


def test_hundred_thousand_subscriptions_end_at_the_limit(start_gateway):
    """Each one above the channel limit gets error 106, however many are asked for; the limit is not passed."""
    gateway = start_gateway({"client": {"command_rate": 0}, "log": {"level": "info"}})
    total, in_message = 100_000, 500
    numbers: Counter[int] = Counter()
    with harmless_to(gateway), connected(gateway) as wire:
        for start in range(2, total + 2, in_message):
            wire.send_text(*[{"id": n, "subscribe": {"channel": f"c{n}"}} for n in range(start, start + in_message)])
            replies: list[dict] = []
            while len(replies) < in_message:
                replies += [one for one in wire.read_replies() if one]
            numbers.update(one.get("error", {}).get("code", 0) for one in replies)
        assert "holdfast_channels 128.0" in look(gateway, "/metrics")[1]

    assert numbers == {0: 128, 106: total - 128}


def test_flood_of_commands_is_cut_off(start_gateway):
    """By default a client that sends commands faster than allowed is closed, and may come back."""
    gateway = start_gateway()
    with Wire(gateway.port).upgrade().connect(gateway.token("eve")) as wire:
        wire.send_text(*[{"id": n, "ping": {}} for n in range(2, 1000)])

        assert wire.read_end() == (3013, "command_rate_limit")


def test_frame_that_never_comes_ends_with_the_handshake_timeout(victim: Gateway):
    """A declared and withheld frame before connect is not waited for longer than anything else."""
    with opened(victim) as wire:
        wire.send(header(0x81, 0xFE, b"\xff\0", b"\0\0\0\0", b'{"id"'))

        assert wire.read_end() == (4100, "handshake_timeout")


def test_frame_that_never_comes_in_a_session_ends_with_the_missing_pong(victim: Gateway):
    """A client stuck in the middle of a frame answers no ping and goes as a dead one."""
    with connected(victim) as wire:
        wire.send(header(0x81, 0xFE, b"\xff\0", b"\0\0\0\0", b'{"id"'))

        assert wire.read_end() == (3012, "no_pong")


def test_frames_one_byte_at_a_time_are_understood(victim: Gateway):
    """Slowness in small things is no fault."""
    with opened(victim) as wire:
        for byte in client_frame(OPCODE_TEXT, b'{"id":1,"dance":{}}'):
            wire.send(bytes([byte]))

        assert wire.read_end() == (3501, "unknown_command")


def test_random_bytes_after_the_handshake_end_somehow(victim: Gateway):
    """Noise is closed with a code of RFC 6455, whatever it happens to look like."""
    noise = random.Random(7)
    for _ in range(50):
        with opened(victim) as wire:
            wire.send_until_refused(noise.randbytes(2000), 2000)

            code, slug = wire.read_end()
        assert (code, slug) == NO_CLOSE_FRAME or code in {1000, 1002, 1007, 1009, 3501, 4100}, (code, slug)


# HTTP

REQUESTS = {
    "noise": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), 400, "bad_http"),
    "version 9.9": (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", 400, "bad_http"),
    "bad method": (b"G@T / HTTP/1.1\r\nHost: x\r\n\r\n", 400, "bad_http"),
    "bad length": (b"POST /api/info HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", 400, "bad_http"),
    "two lengths": (
        b"POST /api/info HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        400,
        "bad_http",
    ),
    "length and chunks": (
        b"POST /api/info HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        400,
        "bad_http",
    ),
    "header without name": (b"GET / HTTP/1.1\r\n: x\r\n\r\n", 400, "bad_http"),
    "header with a zero byte": (b"GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", 400, "bad_http"),
    "101 headers": (
        b"GET /livez HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(100)) + b"\r\n",
        431,
        "headers_too_large",
    ),
    "one large header": (
        b"GET /livez HTTP/1.1\r\nHost: x\r\nCookie: " + b"c" * 70000 + b"\r\n\r\n",
        431,
        "headers_too_large",
    ),
    "header without an end": (b"GET /livez HTTP/1.1\r\nCookie: " + b"c" * 200_000, 431, "headers_too_large"),
    "long URL": (b"GET /livez?" + b"u" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "url_too_long"),
    "URL without an end": (b"GET /" + b"u" * 200_000, 414, "url_too_long"),
    "unknown path": (b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", 404, "not_found"),
    "wrong method": (b"DELETE /livez HTTP/1.1\r\nHost: x\r\n\r\n", 405, "method_not_allowed"),
    "no key": (b"POST /api/info HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 401, "api_key_missing"),
    "wrong key": (
        b"POST /api/info HTTP/1.1\r\nHost: x\r\nX-API-Key: \xff\xfe\r\nContent-Length: 2\r\n\r\n{}",
        401,
        "api_key_invalid",
    ),
    "no handshake": (b"GET /connection/websocket HTTP/1.1\r\nHost: x\r\n\r\n", 426, "upgrade_required"),
    "handshake of version 8": (
        upgrade_request("/connection/websocket", "Sec-WebSocket-Version: 8", without="Sec-WebSocket-Version"),
        426,
        "upgrade_required",
    ),
    "handshake without key": (
        upgrade_request("/connection/websocket", without="Sec-WebSocket-Key"),
        400,
        "bad_handshake",
    ),
    "handshake from elsewhere": (
        upgrade_request("/connection/websocket", "Origin: https://evil.test"),
        403,
        "origin_not_allowed",
    ),
    "handshake to nowhere": (upgrade_request("/nowhere"), 404, "not_found"),
}


@pytest.mark.parametrize(("request_", "status", "slug"), REQUESTS.values(), ids=REQUESTS)
def test_request_that_cannot_be_served_is_named(victim: Gateway, request_: bytes, status: int, slug: str):
    """The JSON body tells code, slug, meaning and remedy."""
    with Wire(victim.port) as wire:
        wire.send_until_refused(request_, len(request_))

        assert wire.read_refusal() == (status, slug)


@pytest.mark.parametrize(
    "half",
    [b"", b"G", b"GET /connection/websocket HTTP/1.1\r\nHost: x\r\nUpgr", b"POST /api/info HTTP/1.1\r\nHost: x\r\n"],
    ids=["nothing", "a letter", "half a handshake", "half a request"],
)
def test_silence_ends_with_the_request_timeout(victim: Gateway, half: bytes):
    """Half a handshake and then silence is answered 408 and closed."""
    with Wire(victim.port) as wire:
        wire.send(half)

        assert wire.read_refusal() == (408, "request_timeout")
        assert wire.read_to_end() == b""


def test_headers_a_byte_at_a_time_do_not_prolong_the_timeout(victim: Gateway):
    """Trickling is silence in disguise."""
    started = time.monotonic()
    with Wire(victim.port) as wire:
        wire.send(b"GET /livez HTTP/1.1\r\n")
        for byte in b"X: y\r\n" * 20:
            if wire.has_input(0.05):
                break
            wire.send(bytes([byte]))

        assert wire.read_refusal() == (408, "request_timeout")
    assert time.monotonic() - started < 5


def test_body_that_never_comes_ends_with_the_request_timeout(victim: Gateway):
    """A declared body is waited for as long as any request."""
    with Wire(victim.port) as wire:
        wire.send(f"POST /api/info HTTP/1.1\r\nHost: x\r\nX-API-Key: {victim.api_key}\r\n".encode())
        wire.send(b'Content-Length: 100\r\n\r\n{"a":')

        assert wire.read_refusal() == (408, "request_timeout")


def test_declared_gigabyte_is_refused_before_it_comes(victim: Gateway):
    """The answer is there at once, and nothing of the body is taken."""
    with Wire(victim.port) as wire:
        wire.send(f"POST /api/publish HTTP/1.1\r\nHost: x\r\nX-API-Key: {victim.api_key}\r\n".encode())
        wire.send(b"Content-Length: 1073741824\r\n\r\n")

        assert wire.read_refusal() == (413, "body_too_large")


@pytest.mark.parametrize("is_chunked", [False, True], ids=["declared", "chunked"])
def test_gigabyte_that_comes_all_the_same_is_cut_off(victim: Gateway, is_chunked: bool):
    """The limit holds while the body streams in: a small part of it is taken, none of it kept."""
    process = psutil.Process(victim.pid)
    before = process.memory_info().rss
    block = os.urandom(MIB // 2) * 2
    with Wire(victim.port, timeout=5) as wire:
        wire.send(f"POST /api/publish HTTP/1.1\r\nHost: x\r\nX-API-Key: {victim.api_key}\r\n".encode())
        wire.send(b"Transfer-Encoding: chunked\r\n\r\n" if is_chunked else b"Content-Length: 1073741824\r\n\r\n")
        chunk = b"%x\r\n%s\r\n" % (len(block), block) if is_chunked else block
        sent = wire.send_until_refused(chunk, 1024 * MIB)

    assert sent < 64 * MIB
    assert process.memory_info().rss < before + 40 * MIB


def test_unauthorized_gigabyte_is_refused_first(victim: Gateway):
    """Nobody without a key gets a body read."""
    with Wire(victim.port) as wire:
        wire.send(b"POST /api/publish HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n")

        assert wire.read_refusal() == (401, "api_key_missing")


@pytest.mark.parametrize(
    "body",
    [b"[" * 1_000_000, b'{"a":' * 200_000, b"\xff\xfe", b"null", b'{"channel":5}', b'{"channel":"a","data":1}{}'],
    ids=["a million [", "200,000 {", "no UTF-8", "null", "wrong type", "two objects"],
)
def test_api_body_that_is_no_request_is_named(victim: Gateway, body: bytes):
    """The server API answers 400 and says what it expected."""
    with Wire(victim.port) as wire:
        wire.send(f"POST /api/publish HTTP/1.1\r\nHost: x\r\nX-API-Key: {victim.api_key}\r\n".encode())
        wire.send(f"Content-Length: {len(body)}\r\n\r\n".encode() + body)

        assert wire.read_refusal() == (400, "bad_request")


def test_pipelined_requests_are_answered_in_order(victim: Gateway):
    """A hundred requests in one packet get a hundred answers."""
    with Wire(victim.port) as wire:
        wire.send(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n" * 100)

        assert [wire.read_response()[0] for _ in range(100)] == [200] * 100


# Many, and slow


def test_thousand_sockets_that_send_nothing_are_closed(victim: Gateway):
    """Each gets 408 when its time is up; meanwhile others are served."""
    wires = [Wire(victim.port) for _ in range(1000)]
    try:
        assert victim.get("/livez").status_code == 200
        assert {wire.read_refusal() for wire in wires} == {(408, "request_timeout")}
        assert {wire.read_to_end() for wire in wires} == {b""}
    finally:
        for wire in wires:
            wire.close()


def test_thousand_websockets_that_say_nothing_are_closed(victim: Gateway):
    """Each gets 4100, retryable, when its time is up."""
    wires: list[Wire] = []
    try:
        for _ in range(1000):
            wires.append(Wire(victim.port))
            wires[-1].send(upgrade_request("/connection/websocket"))
        assert {wire.read_response()[0] for wire in wires} == {101}
        assert {wire.read_end() for wire in wires} == {(4100, "handshake_timeout")}
    finally:
        for wire in wires:
            wire.close()


def test_client_that_never_reads_is_closed_and_slows_nobody(victim: Gateway):
    """Its queue is bounded; others get everything in time."""
    slow_closes = victim.metric("holdfast_closes_total", slug="slow_consumer")
    publish = {"publish": {"channel": "load", "data": "x" * 50_000}}
    with Wire(victim.port, receive_buffer=4096).upgrade().connect(victim.token("slow")) as slow:
        slow.send_text({"id": 2, "subscribe": {"channel": "load"}})
        slow.read_replies()
        with connected(victim, "quick") as quick:
            quick.send_text({"id": 2, "subscribe": {"channel": "load"}})
            quick.read_replies()
            for _ in range(10):
                assert victim.post("batch", {"commands": [publish] * 20}).status_code == 200
                missing = 20
                while missing > 0:
                    missing -= sum("push" in one for one in quick.read_replies())
        eventually(lambda: victim.metric("holdfast_closes_total", slug="slow_consumer") == slow_closes + 1)
        eventually(lambda: victim.call("info")["result"]["nodes"][0]["num_clients"] == 0)


def test_flood_of_pings_without_reading_is_bounded(victim: Gateway):
    """Pongs that nobody takes do not pile up."""
    process = psutil.Process(victim.pid)
    before = process.memory_info().rss
    pings = client_frame(OPCODE_PING, b"p" * 125) * 1000
    with Wire(victim.port, timeout=2, receive_buffer=4096).upgrade() as wire:
        wire.send_until_refused(pings, 100 * MIB)

        assert process.memory_info().rss < before + 20 * MIB


def test_clients_that_vanish_are_forgotten(victim: Gateway):
    """A reset in the middle of anything leaves nothing behind."""
    for count in range(100):
        wire = connected(victim, f"user{count}")
        wire.send_text({"id": 2, "subscribe": {"channel": "presence:a"}})
        wire.reset()

    eventually(lambda: victim.call("info")["result"]["nodes"][0]["num_clients"] == 0)
    eventually(lambda: victim.call("presence", channel="presence:a")["result"]["presence"] == {})
