"""Extensions of the opening handshake (RFC 6455, 9.1) and what is agreed on permessage-deflate (RFC 7692). No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from holdfast.errors import DoorError
from holdfast.protocol.compression import WINDOWS
from holdfast.transports.opening import Headers

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105 - the token of RFC 9110, 5.6.2
_SPACE = r"[ \t]*"
_NAME = re.compile(rf"{_SPACE}({_TOKEN}){_SPACE}")
_PARAMETER = re.compile(rf'{_SPACE}({_TOKEN}){_SPACE}(?:={_SPACE}(?:({_TOKEN})|"((?:[^"\\]|\\.)*)"){_SPACE})?')
_WHOLE_TOKEN = re.compile(_TOKEN)
_ESCAPED = re.compile(r"\\(.)")
_BITS = re.compile(r"[89]|1[0-5]")

_DEFLATE: Final = "permessage-deflate"
_SERVER_BITS: Final = "server_max_window_bits"
_CLIENT_BITS: Final = "client_max_window_bits"
_FLAGS: Final = frozenset({"server_no_context_takeover", "client_no_context_takeover"})
_LONGEST: Final = 15
_ANSWER: Final = b"permessage-deflate; server_no_context_takeover; client_no_context_takeover"


class Offer(NamedTuple):
    """One extension as the client offers it; a parameter without a value has None."""

    name: str
    parameters: list[tuple[str, str | None]]


class Agreement(NamedTuple):
    """What is answered to an offer of permessage-deflate, and the window that frames are compressed with."""

    window_bits: int
    header: bytes


def offered_extensions(headers: Headers) -> list[Offer]:
    """Return what the client offers, its favourite first; several headers are one list.

    Raises:
        DoorError: `bad_handshake`, for RFC 6455, 9.1 wants the connection to fail where the grammar is broken.
    """
    offers: list[Offer] = []
    for name, value in headers:
        if name == b"sec-websocket-extensions":
            offers += _parse(value.decode("latin-1"))
    return offers


def agree(offers: Iterable[Offer]) -> Agreement | None:
    """Return the answer to the first offer that can be taken, None if there is none.

    Context takeover is always declined, for both directions: frames are shared, and nothing is kept between messages.
    """
    for offer in offers:
        agreement = _agreement(offer.parameters) if offer.name == _DEFLATE else None
        if agreement is not None:
            return agreement
    return None


def _parse(text: str) -> list[Offer]:
    offers: list[Offer] = []
    position = _behind_gap(text, 0)
    while position < len(text):
        name = _NAME.match(text, position)
        if name is None:
            raise _malformed(position)
        parameters: list[tuple[str, str | None]] = []
        position = name.end()
        while text.startswith(";", position):
            parameter = _PARAMETER.match(text, position + 1)
            if parameter is None:
                raise _malformed(position)
            parameters.append((parameter[1], _value_of(parameter)))
            position = parameter.end()
        if position < len(text) and text[position] != ",":
            raise _malformed(position)
        offers.append(Offer(name[1], parameters))
        position = _behind_gap(text, position)
    return offers


def _value_of(parameter: re.Match[str]) -> str | None:
    if parameter[3] is None:
        return parameter[2]
    value = _ESCAPED.sub(r"\1", parameter[3])
    # RFC 6455, 9.1: without its quotes the value must be a token.
    if _WHOLE_TOKEN.fullmatch(value) is None:
        raise _malformed(parameter.start(3))
    return value


def _behind_gap(text: str, position: int) -> int:
    """Skip commas and blanks; a list may have empty elements (RFC 9110, 5.6.1)."""
    while position < len(text) and text[position] in " \t,":
        position += 1
    return position


def _malformed(position: int) -> DoorError:
    return DoorError("bad_handshake", f"Sec-WebSocket-Extensions is malformed at character {position}.")


def _agreement(parameters: list[tuple[str, str | None]]) -> Agreement | None:
    given = dict(parameters)
    if len(given) != len(parameters) or not all(_is_known(*parameter) for parameter in parameters):
        return None
    asked = given.get(_SERVER_BITS)
    # None of ours is as small as 8, which zlib does not have: such an offer is declined.
    bits = next((window for window in WINDOWS if window <= int(asked or _LONGEST)), None)
    if bits is None:
        return None
    return Agreement(bits, b"%s; %s=%d" % (_ANSWER, _SERVER_BITS.encode(), bits) if asked else _ANSWER)


def _is_known(name: str, value: str | None) -> bool:
    """Tell whether a parameter is one of RFC 7692, 7.1, with a value it may have."""
    if name in _FLAGS:
        return value is None
    if name == _CLIENT_BITS and value is None:
        return True
    return name in (_CLIENT_BITS, _SERVER_BITS) and value is not None and _BITS.fullmatch(value) is not None
