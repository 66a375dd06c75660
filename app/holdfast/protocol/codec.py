"""Codecs: bytes of one transport message to commands, replies and pushes to bytes.

A connection has one codec for life. Here are the interface and JSON; Protobuf is in `protobuf`.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from holdfast.errors import ProtocolError
from holdfast.protocol.commands import PONG, Command
from holdfast.protocol.messages import Push, Reply


class Codec(Protocol):
    """How one dialect of the protocol is written."""

    name: str
    binary: bool
    """Whether its messages travel in binary frames."""
    ping: bytes
    """The payload of a server ping, and of the client's pong."""

    def decode(self, data: bytes) -> list[Command]:
        """Return the commands of one transport message, in order, with `PONG` for a pong among them.

        The list is empty if there is nothing in the message.

        Raises:
            ProtocolError: the bytes are no commands; the slug says why.
        """

    def encode_reply(self, reply: Reply) -> bytes:
        """Return one reply's payload."""

    def encode_push(self, push: Push) -> bytes:
        """Return one push's payload."""

    def join(self, payloads: list[bytes]) -> bytes:
        """Glue payloads so that one transport message carries them all, in order."""


class JsonCodec:
    """Newline-delimited JSON."""

    name = "json"
    binary = False
    ping = b"{}"

    def __init__(self) -> None:
        self._decode = msgspec.json.Decoder(Command).decode
        self._encode = msgspec.json.Encoder().encode

    def decode(self, data: bytes) -> list[Command]:
        """Return the commands of a batch; see `Codec.decode`."""
        try:
            if b"\n" not in data:
                return [self._decode_line(data)] if data else []
            return [self._decode_line(line) for line in data.split(b"\n") if line]
        except msgspec.ValidationError as error:
            raise ProtocolError("malformed_command", f"expected a Centrifuge command; {error}") from None
        except (msgspec.DecodeError, RecursionError) as error:
            raise ProtocolError("malformed_json", f"expected newline-delimited JSON objects; {error}") from None

    def encode_reply(self, reply: Reply) -> bytes:
        """Return one reply as a JSON object without a newline."""
        return self._encode(reply)

    def encode_push(self, push: Push) -> bytes:
        """Return one push as a JSON object without a newline."""
        return self._encode(Reply(push=push))

    def join(self, payloads: list[bytes]) -> bytes:
        """Return the payloads, one a line."""
        return payloads[0] if len(payloads) == 1 else b"\n".join(payloads)

    def _decode_line(self, line: bytes) -> Command:
        return PONG if line == self.ping else self._decode(line)


JSON = JsonCodec()
