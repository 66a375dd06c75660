"""The way to one host once it is known: further connections to it, and requests with one answer each."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import Final

from holdfast.diagnostics.probe.dial import Address, open_socket
from holdfast.diagnostics.probe.http import USER_AGENT, Answer, AnswerReader, NotHttpError, request
from holdfast.diagnostics.probe.target import Target
from holdfast.diagnostics.probe.wire import SocketStream, Wire

# How long the body of a refusal may take, once its head has come: some never end.
_BODY_SECONDS: Final = 0.5


class CutError(Exception):
    """The connection ended or broke where something was to come; `first` is what had come."""

    def __init__(self, reason: str, first: bytes = b"") -> None:
        super().__init__(reason)
        self.reason = reason
        self.first = first


@dataclass(frozen=True, slots=True)
class Way:
    """An address that took a connection, and how to speak to it; `context` is None for plain connections."""

    target: Target
    address: Address
    context: ssl.SSLContext | None

    async def open(self) -> Wire:
        """Connect once more.

        Raises:
            OSError, TlsError: that failed.
        """
        wire = await plain_wire(self.address)
        if self.context is None:
            return wire
        try:
            await wire.start_tls(self.context, self.target.host)
        except BaseException:
            wire.close()
            raise
        return wire

    async def ask(self, method: str, path: str, body: bytes = b"", *headers: tuple[str, str]) -> Answer:
        """Send one request on a connection of its own and return the answer.

        Raises:
            OSError, TlsError, CutError, NotHttpError: there is none.
        """
        wire = await self.open()
        try:
            sent = self.target.request_headers(*headers, USER_AGENT, ("Connection", "close"))
            return await exchange(wire, request(method, path, sent, body))
        finally:
            wire.close()


async def plain_wire(address: Address) -> Wire:
    """Connect to an address.

    Raises:
        OSError: it does not take the connection.
    """
    return Wire(SocketStream(await open_socket(address)))


async def exchange(wire: Wire, sent: bytes) -> Answer:
    """Send a request and return the whole answer; a body that does not end is cut.

    Raises:
        OSError, CutError, NotHttpError: there is none.
    """
    await wire.send(sent)
    reader = AnswerReader()
    await read_head(wire, reader)
    await read_body(wire, reader)
    return reader.answer


async def read_head(wire: Wire, reader: AnswerReader) -> None:
    """Read until the head of an answer is complete.

    Raises:
        OSError, CutError, NotHttpError: it never is.
    """
    while not reader.has_head:
        try:
            data = await wire.receive()
        except ConnectionError as error:
            raise CutError(error.strerror or "the connection was reset", reader.first) from None
        if not data:
            raise CutError("the connection was closed", reader.first)
        reader.feed(data)


async def read_body(wire: Wire, reader: AnswerReader) -> None:
    """Read the rest of an answer as far as it comes soon."""
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            while not reader.is_complete:
                data = await wire.receive()
                if not data:
                    reader.finish()
                    return
                reader.feed(data)
    except (TimeoutError, OSError, NotHttpError):
        reader.finish()
