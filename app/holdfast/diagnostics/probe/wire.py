"""A socket of the probe, plain or TLS, each step in the probe's own hands and every read bounded."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Final, Protocol

READ_BYTES: Final = 65536
_MOST_HANDSHAKE_BYTES: Final = 256 * 1024
_FIRST_BYTES: Final = 16


class TlsError(Exception):
    """A TLS handshake failed; `first` is what the peer said first, `verify_code` OpenSSL's, 0 where it is no matter."""

    def __init__(self, reason: str, first: bytes, verify_code: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.first = first
        self.verify_code = verify_code


class Stream(Protocol):
    """Bytes both ways."""

    async def send(self, data: bytes) -> None:
        """Send everything."""

    async def receive(self) -> bytes:
        """Return what came, b"" at the end."""

    def close(self) -> None:
        """Close at once."""


class SocketStream:
    """A connected, non-blocking socket as a `Stream`."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._loop = asyncio.get_running_loop()

    async def send(self, data: bytes) -> None:
        """Send everything."""
        await self._loop.sock_sendall(self._socket, data)

    async def receive(self) -> bytes:
        """Return what came, at most 64 KiB."""
        # A peer that floods would otherwise never let a timeout come up: a read that has data does not suspend.
        await asyncio.sleep(0)
        return await self._loop.sock_recv(self._socket, READ_BYTES)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class Wire:
    """One connection. Whoever made it closes it; timeouts are the caller's."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._tls: ssl.SSLObject | None = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._first = b""

    # Public methods

    @property
    def tls(self) -> ssl.SSLObject | None:
        """What TLS agreed on; None on a plain connection."""
        return self._tls

    async def start_tls(self, context: ssl.SSLContext, name: str) -> None:
        """Shake hands with a server of this name.

        Raises:
            TlsError: it failed.
            OSError: the connection broke.
        """
        try:
            tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        except ValueError as error:  # a name that cannot be one, such as one that begins with a dot
            raise TlsError(str(error), b"") from None
        received = 0
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self._flush()
            except ssl.SSLCertVerificationError as error:
                await self._flush_alert()
                raise TlsError(error.verify_message or str(error), self._first, error.verify_code) from None
            except ssl.SSLError as error:
                await self._flush_alert()
                raise TlsError(reason_of(error), self._first) from None
            data = await self._stream.receive()
            received += len(data)
            if not data:
                raise TlsError("the connection ended during the handshake", self._first)
            if received > _MOST_HANDSHAKE_BYTES:
                raise TlsError(f"the handshake does not end within {_MOST_HANDSHAKE_BYTES} bytes", self._first)
            self._first = (self._first + data[:_FIRST_BYTES])[:_FIRST_BYTES]
            self._incoming.write(data)
        await self._flush()
        self._tls = tls

    async def send(self, data: bytes) -> None:
        """Send everything.

        Raises:
            OSError: the connection broke.
        """
        if self._tls is None:
            await self._stream.send(data)
            return
        view = memoryview(data)
        while view:
            view = view[self._tls.write(view) :]
        await self._flush()

    async def receive(self) -> bytes:
        """Return what came, at most 64 KiB; b"" where the peer has ended.

        Raises:
            OSError: the connection broke; `ssl.SSLError` is one.
        """
        if self._tls is None:
            return await self._stream.receive()
        while True:
            try:
                return self._tls.read(READ_BYTES)
            except ssl.SSLWantReadError:
                await self._flush()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""
            data = await self._stream.receive()
            if data:
                self._incoming.write(data)
            else:
                self._incoming.write_eof()

    def close(self) -> None:
        """Close at once."""
        self._stream.close()

    # Private methods

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await self._stream.send(self._outgoing.read())

    async def _flush_alert(self) -> None:
        """Let the server know in its log why the handshake failed."""
        try:
            await self._flush()
        except OSError:
            pass


def reason_of(error: ssl.SSLError) -> str:
    """Return OpenSSL's reason in words."""
    reason = getattr(error, "reason", None)
    return str(reason).replace("_", " ").lower() if reason else str(error)
