"""HTTP/1.1 from a client's side without I/O: requests as bytes, and a reader of answers that bounds all it keeps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httptools

from holdfast import __version__

USER_AGENT: Final = ("User-Agent", f"holdfast-probe/{__version__}")
MAX_HEAD_BYTES: Final = 64 * 1024
MAX_BODY_BYTES: Final = 256 * 1024
_SWITCHING: Final = 101
_TLS_RECORDS: Final = (b"\x15\x03", b"\x16\x03")  # alert and handshake of every version, RFC 8446, 5.1


class NotHttpError(Exception):
    """What came is no HTTP answer, or one beyond every bound; `first` is what it began with."""

    def __init__(self, reason: str, first: bytes = b"") -> None:
        super().__init__(reason)
        self.reason = reason
        self.first = first


@dataclass(slots=True)
class Answer:
    """An answer as far as it came."""

    status: int = 0
    reason: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str:
        """Return a header's values, joined; "" where it is not there."""
        return ", ".join(value for key, value in self.headers if key == name)

    def json(self) -> dict[str, Any]:
        """Return the body if it is a JSON object, else an empty one."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


def request(method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes = b"") -> bytes:
    """Return a request as bytes."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + body


def looks_like_tls(data: bytes) -> bool:
    """Tell whether what came first is a TLS record rather than HTTP."""
    return data[:2] in _TLS_RECORDS


class AnswerReader:
    """Reads one answer from bytes, however they are cut; interim answers (1xx) are passed over.

    `rest` are the bytes behind the head of a 101. The body is kept up to a bound; `take_body` hands it out and makes
    room, for answers that do not end.
    """

    def __init__(self) -> None:
        self.answer = Answer()
        self.has_head = False
        self.is_complete = False
        self.first = b""
        self.rest = b""
        self._head = b""
        self._seen = 0
        self._body = bytearray()
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Take bytes of the peer.

        Raises:
            NotHttpError: they are no HTTP, or too much.
        """
        self.first = (self.first + data[:16])[:16]
        if not self.has_head:
            data = self._feed_head(data)
        if data and self.has_head and not self.is_complete:
            self._parse(data)
        self.answer.body = bytes(self._body)

    def finish(self) -> None:
        """Note that the peer ended the connection: a body without a length is whole now."""
        self.is_complete = self.has_head

    def take_body(self) -> bytes:
        """Return what came of the body since the last call."""
        taken, self._body = bytes(self._body), bytearray()
        self.answer.body = b""
        return taken

    # Private methods

    def _feed_head(self, data: bytes) -> bytes:
        """Collect the head; return what came behind it."""
        self._seen += len(data)
        self._head += data
        if self._head[:5] != b"HTTP/"[: len(self._head)]:
            raise self._no("the answer does not begin with HTTP/")
        while b"\r\n\r\n" in self._head:
            head, _, rest = self._head.partition(b"\r\n\r\n")
            self._parse(head + b"\r\n\r\n")
            if self.answer.status >= 200 or self.answer.status == _SWITCHING:
                self.has_head = True
                if self.answer.status == _SWITCHING:
                    self.rest, self.is_complete = rest, True
                return rest if not self.is_complete else b""
            self._head = rest
            self.answer = Answer()
            self._parser = httptools.HttpResponseParser(self)
            self.is_complete = False
        if self._seen > MAX_HEAD_BYTES:
            raise self._no(f"the answer's head does not end within {MAX_HEAD_BYTES} bytes")
        return b""

    def _no(self, reason: str) -> NotHttpError:
        return NotHttpError(reason, self.first)

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass
        except httptools.HttpParserCallbackError as error:
            raise self._no(str(error.__context__)) from None
        except httptools.HttpParserError as error:
            if self.answer.status == _SWITCHING:  # so it calls a 101 that names no protocol
                return
            raise self._no(f"the answer is no HTTP/1.1: {error}") from None

    # What httptools calls

    def on_status(self, status: bytes) -> None:
        """Take the reason phrase."""
        if not self.is_complete:
            self.answer.reason += status.decode("latin-1")[:100]

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header."""
        if not self.is_complete:
            self.answer.headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """Take the status."""
        if not self.is_complete:
            self.answer.status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        if self.is_complete:  # that of an answer nobody asked for
            return
        if len(self._body) + len(body) > MAX_BODY_BYTES:
            raise ValueError(f"the answer's body has more than {MAX_BODY_BYTES} bytes")
        self._body += body

    def on_message_complete(self) -> None:
        """Note the end."""
        self.is_complete = True
