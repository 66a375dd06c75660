"""Any bytes to a connection that speaks Protobuf end in a named error, over a real socket."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from holdfast.protocol.frames import OPCODE_BINARY, OPCODE_TEXT
from tests.gateway import Gateway, running
from tests.integration.test_bad_input import SETTINGS, harmless_to
from tests.protobuf import decode_replies, encode_commands
from tests.sockets import client_frame
from tests.wire import NO_CLOSE_FRAME, Wire

PROTOBUF = "Sec-WebSocket-Protocol: centrifuge-protobuf"


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


def say(wire: Wire, *commands: dict[str, object]) -> None:
    """Send commands in one binary frame."""
    wire.send(client_frame(OPCODE_BINARY, encode_commands(*commands)))


def connected(victim: Gateway) -> Wire:
    """Return a WebSocket with a session."""
    wire = Wire(victim.port).upgrade("/connection/websocket", PROTOBUF)
    say(wire, {"id": 1, "connect": {"token": victim.token("eve")}})
    opcode, payload = wire.read_frame()
    assert opcode == OPCODE_BINARY
    assert "connect" in decode_replies(payload)[0]
    return wire


def nested(depth: int) -> bytes:
    """Return a subscribe command whose unknown group is that deep."""
    inside = b"\xa3\x06" * depth + b"\xa4\x06" * depth
    message = b"\x08\x07\x2a" + varint(len(inside)) + inside
    return varint(len(message)) + message


def varint(number: int) -> bytes:
    """Return a number as Protobuf writes it."""
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


MESSAGES = {
    "nothing": (b"", "empty_frame"),
    "JSON": (b'{"id":1,"ping":{}}', "malformed_protobuf"),
    "length cut off": (b"\x80\x80", "malformed_protobuf"),
    "length without end": (b"\xff" * 64, "malformed_protobuf"),
    "length beyond the frame": (b"\xff\xff\x03" + b"x" * 10, "malformed_protobuf"),
    "length beyond 64 bits": (b"\xff" * 9 + b"\x7f\x08", "malformed_protobuf"),
    "cut off after a command": (b"\x00\x02\x08", "malformed_protobuf"),
    "a field's number 0": (b"\x02\x00\x01", "malformed_protobuf"),
    "a field's number too high": (b"\x07\xf8\xff\xff\xff\xff\x0f\x01", "malformed_protobuf"),
    "a known field of another type": (b"\x03\x0a\x01a", "malformed_protobuf"),
    "a nested field of another type": (b"\x06\x08\x02\x2a\x02\x08\x01", "malformed_protobuf"),
    "a text that is no UTF-8": (b"\x07\x08\x02\x2a\x03\x0a\x01\xff", "malformed_protobuf"),
    "an id beyond 32 bits": (b"\x08\x08\x80\x80\x80\x80\x10\x2a\x00", "malformed_command"),
    "five thousand pongs": (b"\x00" * 5000, "malformed_command"),
    "five thousand filter nodes": (
        b"\x98\x4e\x08\x02\x2a\x93\x4e\x6a\x90\x4e" + b"\x32\x00" * 5000,
        "malformed_command",
    ),
    "absurd depth": (nested(5000), "malformed_protobuf"),
    "no method": (b"\x02\x08\x02", "unknown_command"),
    "two methods": (b"\x06\x08\x02\x2a\x00\x3a\x00", "ambiguous_command"),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_what_is_no_command_closes_by_name(victim: Gateway, name: str) -> None:
    """Each kind of damage has its name."""
    message, slug = MESSAGES[name]
    with connected(victim) as wire:
        wire.send(client_frame(OPCODE_BINARY, message))

        assert wire.read_end() == (3501, slug)


def test_a_text_frame_closes_by_name(victim: Gateway) -> None:
    """Text has no place on a connection that speaks Protobuf."""
    with connected(victim) as wire:
        wire.send(client_frame(OPCODE_TEXT, b'{"id":2,"ping":{}}'))

        assert wire.read_end() == (3501, "text_frame")


def test_pieces_and_bursts_are_read_as_one(victim: Gateway) -> None:
    """A frame in single bytes, a message in fragments, and many commands in one frame are all answered."""
    commands = [{"id": number, "history": {"channel": "news"}} for number in range(2, 102)]
    data = encode_commands(*commands)
    with connected(victim) as wire:
        for byte in client_frame(OPCODE_BINARY, data[:50], final=False) + client_frame(0, data[50:]):
            wire.send(bytes((byte,)))
        replies: list[dict[str, object]] = []
        while len(replies) < len(commands):
            replies += filter(None, decode_replies(wire.read_frame()[1]))  # pings are empty

    assert [one["id"] for one in replies] == list(range(2, 102))


def test_random_frames_end_by_name_or_are_answered(victim: Gateway) -> None:
    """Five hundred connections say five hundred kinds of nonsense."""
    chance = random.Random(4)
    ends = set()
    for _ in range(500):
        with connected(victim) as wire:
            data = bytearray(encode_commands({"id": 2, "publish": {"channel": "news", "data": {"a": 1}}}))
            for _ in range(chance.randint(1, 4)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            wire.send(client_frame(OPCODE_BINARY, bytes(data)))
            wire.send(client_frame(OPCODE_BINARY, b"\x80"))
            ends.add(wire.read_end())

    assert ends - {NO_CLOSE_FRAME} <= {
        (3501, "malformed_protobuf"),
        (3501, "malformed_command"),
        (3501, "unknown_command"),
        (3501, "ambiguous_command"),
        (3501, "command_id_missing"),
        (3501, "already_connected"),
        (3508, "not_available_close"),
    }
    assert NO_CLOSE_FRAME not in ends
