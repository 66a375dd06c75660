"""What is kept of a request's headers, and what may be told: values that hold no secret, of all others the name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from holdfast.auth.locate import passed_over_cookie
from holdfast.telemetry.redaction import redact_text

_PROTOCOL: Final = b"sec-websocket-protocol"
# Each by its whole name: others that begin with `x-forwarded-` bring access tokens, certificates and whole URLs.
_SHOWN: Final = frozenset(
    {
        b"host",
        b"upgrade",
        b"connection",
        b"origin",
        b"user-agent",
        b"sec-websocket-version",
        b"sec-websocket-extensions",
        b"forwarded",
        b"via",
        b"x-real-ip",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-forwarded-proto",
        b"x-forwarded-scheme",
        b"x-forwarded-server",
        b"x-forwarded-ssl",
        _PROTOCOL,
    }
)
# Browsers can set no header but this one, so tokens travel in it; names of subprotocols are words and versions.
_SUBPROTOCOL: Final = re.compile(r"(?=.{1,40}$)[a-z]+[0-9]{0,2}(?:[-._](?:[a-z]+[0-9]{0,2}|[0-9]{1,2}))*")
# A stranger decides how many there are and how long; each is remembered for every refused attempt.
_MOST: Final = 32
_LONGEST_NAME: Final = 64
_LONGEST: Final = 200
_MOST_CHARACTERS: Final = 2048
_LONGEST_KEPT: Final = 1024

HIDDEN: Final = "(not shown)"
"""Stands for the value of a header that may hold a secret."""


class KeptHeaders:
    """How much of its handshake's headers a connection keeps until its connect is answered.

    A stranger may send 64 KiB of them, ten thousand times over, and then say nothing.

    Args:
        needs: tells which ones, by name, are needed whole.
        most_token_bytes: the longest token that is looked at.
    """

    def __init__(self, needs: Callable[[bytes], bool], most_token_bytes: int) -> None:
        self._needs = needs
        self._longest = {b"authorization": most_token_bytes + _LONGEST_KEPT}  # one that is too long stays so

    def of(self, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Return what is needed and what may be shown; of all others the name, and of those not too many.

        Of cookies that nobody needs, the name of one that may hold a token is left, for `token_missing` to tell.
        """
        kept: list[tuple[bytes, bytes]] = []
        others = 0
        for name, value in headers:
            if self._needs(name):
                kept.append((name, value))
            elif name in self._longest or name in _SHOWN:
                kept.append((name, value[: self._longest.get(name, _LONGEST_KEPT)]))
            elif others < _MOST:
                others += 1
                kept.append((name[:_LONGEST_NAME], passed_over_cookie(value) if name == b"cookie" else b""))
        return kept


def headers_seen(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return a request's headers (names in lower case) as they may be shown; a repeated one is joined by commas."""
    seen: dict[str, str] = {}
    room = _MOST_CHARACTERS
    for raw, value in headers:
        name = raw[:_LONGEST_NAME].decode("latin-1")
        text = _text(raw, value)
        if name in seen and raw in _SHOWN:
            text = f"{seen[name]}, {text}"[:_LONGEST]
        elif name not in seen and len(seen) >= _MOST:
            continue
        room -= len(name) + len(text)
        if room < 0:
            break
        seen[name] = text
    return seen


def _text(name: bytes, value: bytes) -> str:
    if name not in _SHOWN:
        return HIDDEN
    text = value[:_LONGEST].decode("latin-1")
    shown = ", ".join(map(_offer, text.split(","))) if name == _PROTOCOL else redact_text(text)
    return shown[:_LONGEST]


def _offer(text: str) -> str:
    offer = text.strip()
    return offer if _SUBPROTOCOL.fullmatch(offer) else HIDDEN
