"""Bodies of polls: what a request may say, and how an answer is written. Pure."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from holdfast.errors import ProtocolError

# Beyond it a number in JSON is not exact in every client (RFC 8259, 6).
_Number = Annotated[int, Meta(ge=0, le=2**53 - 1)]

# Line breaks are only space between the tokens of JSON, and would end a command.
_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")

SUPERSEDED = b'{"superseded":true,"messages":[]}'


class PollRequest(Struct):
    """One request; without `session` it opens one."""

    session: str = ""
    node: str = ""
    seq: _Number = 0
    ack: _Number = 0
    commands: list[Raw] = []
    close: bool = False
    key: Annotated[str, Meta(min_length=16, max_length=128)] | None = None

    def expects_answer(self) -> bool:
        """Tell whether something will be said to it sooner or later: not to a goodbye, nor to `send` alone."""
        return not self.close and (not self.commands or any(map(_has_reply, self.commands)))


class Opened(Struct):
    """What a client has to know of its new session; `timeout` is how many seconds a request may wait."""

    session: str
    node: str
    timeout: float


class _Identified(Struct):
    """All that has to be known of a command here: one with an id has a reply."""

    id: int = 0


_encode = msgspec.json.Encoder().encode
_decode_id = msgspec.json.Decoder(_Identified).decode
_decode = msgspec.json.Decoder(PollRequest).decode


def decode_request(body: bytes) -> PollRequest:
    """Return the request in a body.

    Raises:
        ProtocolError: `bad_request`, and the detail says what is wrong.
    """
    try:
        if not body.isascii():
            body.decode()  # commands carry payloads that are handed on as they are
        request = _decode(body.translate(_ONE_LINE))
    except msgspec.ValidationError as error:
        raise ProtocolError("bad_request", f"{error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ProtocolError("bad_request", f"Expected a JSON object in UTF-8; {reason}.") from None
    if not request.session and not request.commands:
        raise ProtocolError("bad_request", "Expected `session`, or `commands` with a connect to open one.")
    if request.session and not request.seq:
        raise ProtocolError("bad_request", "Expected `seq`, which counts a session's requests from 1.")
    return request


def _has_reply(command: Raw) -> bool:
    try:
        return _decode_id(command).id != 0
    except (msgspec.DecodeError, RecursionError):
        return True  # it ends the session, which is told too


def encode_answer(first: int, messages: list[bytes], opened: Opened | None = None) -> bytes:
    """Return an answer's body; `opened` is for who has just opened the session."""
    head = b"" if opened is None else _encode(opened)[1:-1] + b","
    return b'{%b"first":%d,"messages":[%b]}' % (head, first, b",".join(messages))
