"""One connection to the backend: a request goes out, a bounded answer comes in, one after the other.

Our own instead of httpx's, whose pool (httpcore 1.0) looks through all connections for each call and keeps calls that
were cancelled: with 256 of them in flight it stopped the event loop for seconds and lost descriptors for good. The
parser is httptools, as in the server.
"""

from __future__ import annotations

import asyncio
from typing import cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

# An answer nobody reads is taken all the same up to here, which keeps its connection.
_SMALL_BODY = 16384
_MAX_HEAD_BYTES = 65536


class CallError(Exception):
    """A call without a usable answer.

    `status` is the HTTP status, 0 without one; `is_unsent` says that the backend cannot have seen the call.
    """

    def __init__(self, slug: str, detail: str, *, status: int = 0, is_unsent: bool = False) -> None:
        super().__init__(slug, detail)
        self.slug = slug
        self.detail = detail
        self.status = status
        self.is_unsent = is_unsent


class Exchange(asyncio.Protocol):
    """A connection; `idle_since` belongs to whoever keeps it.

    Args:
        max_bytes: largest body accepted.
    """

    # Of the answer that is awaited
    _parser: HttpResponseParser
    _status: int
    _head_bytes: int
    _length: int | None
    _is_chunked: bool
    _is_encoded: bool
    _is_whole: bool
    _body: bytearray
    _refusal: CallError | None

    def __init__(self, max_bytes: int) -> None:
        self.idle_since = 0.0
        self._max_bytes = max_bytes
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[bytes] | None = None
        self._begin()

    # Public methods

    @property
    def is_reusable(self) -> bool:
        """Whether another request may be sent."""
        return self._is_whole and self._transport is not None and not self._transport.is_closing()

    async def post(self, request: bytes) -> bytes:
        """Send a request and return the body of its answer; a cancelled call ends the connection.

        Raises:
            CallError: there is no usable answer.
        """
        self._begin()
        if self._transport is None:
            raise CallError("proxy_broken", "the connection ended before the answer did")
        self._answer = asyncio.get_running_loop().create_future()
        try:
            self._transport.write(request)
            return await self._answer
        finally:
            self._answer = None
            if not self._is_whole:
                self.abort()

    def abort(self) -> None:
        """Drop the connection."""
        if self._transport is not None:
            self._transport.abort()

    # asyncio's protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Take a part of the answer."""
        if self._answer is None:  # nobody asked
            self.abort()
            return
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self._fail(CallError("proxy_bad_reply", "the answer is no HTTP"))
        if not self._status:
            self._head_bytes += len(data)
            if self._head_bytes > _MAX_HEAD_BYTES:
                self._fail(CallError("proxy_bad_reply", f"headers of more than {_MAX_HEAD_BYTES} bytes"))

    def connection_lost(self, error: Exception | None) -> None:
        """Know that the backend hung up, which ends a body whose length was not told."""
        self._transport = None
        if self._status == 200 and self._length is None and not self._is_chunked and error is None:
            self._succeed()
        else:
            self._fail(CallError("proxy_broken", "the connection ended before the answer did"))

    # httptools' callbacks

    def on_message_begin(self) -> None:
        """Know that an answer begins; a second one was not asked for."""
        self._is_whole = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        key = name.lower()
        if key == b"content-length" and value.isdigit():
            self._length = int(value)
        elif key == b"transfer-encoding":
            self._is_chunked = True
        elif key == b"content-encoding":
            self._is_encoded = value.lower() != b"identity"

    def on_headers_complete(self) -> None:
        """Judge the answer by its head."""
        status = self._parser.get_status_code()
        if status < 200:
            return
        self._status = status
        if status != 200:
            slug = "proxy_redirect" if 300 <= status < 400 else "proxy_bad_status"
            self._refusal = CallError(slug, f"HTTP status {status}", status=status)
            if self._length is None or self._length > _SMALL_BODY:
                self._fail(self._refusal)
        elif self._is_encoded:
            self._fail(CallError("proxy_bad_reply", "a compressed answer, which was not asked for"))
        elif self._length is not None and self._length > self._max_bytes:
            self._fail(self._too_large())

    def on_body(self, data: bytes) -> None:
        """Take a part of the body."""
        if self._answer is not None and not self._answer.done():
            self._body += data
            if len(self._body) > self._max_bytes and self._refusal is None:
                self._fail(self._too_large())

    def on_message_complete(self) -> None:
        """End the answer; one below 200 only announces another."""
        if self._status and self._answer is not None and not self._answer.done():
            self._is_whole = self._parser.should_keep_alive()
            if self._refusal is not None:
                self._fail(self._refusal)
            else:
                self._succeed()

    # Private methods

    def _begin(self) -> None:
        self._parser = HttpResponseParser(self)
        self._status = 0
        self._head_bytes = 0
        self._length = None
        self._is_chunked = self._is_encoded = self._is_whole = False
        self._body = bytearray()
        self._refusal = None

    def _too_large(self) -> CallError:
        return CallError("proxy_too_large", f"more than {self._max_bytes} bytes")

    def _succeed(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(bytes(self._body))

    def _fail(self, error: CallError) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
        if not self._is_whole:
            self.abort()
