"""Commands and replies over an HTTP response that does not end: http_stream and SSE, with `/emulation` for the rest."""

from __future__ import annotations

import json
from typing import Final
from urllib.parse import quote

from holdfast.diagnostics.probe.http import USER_AGENT, Answer, AnswerReader, request
from holdfast.diagnostics.probe.link import MAX_MESSAGE_BYTES, RefusedError, Reply, StrangeError, replies_of
from holdfast.diagnostics.probe.way import CutError, Way, read_body, read_head
from holdfast.diagnostics.probe.wire import Wire

_JSON: Final = ("Content-Type", "application/json")


class StreamLink:
    """A `link.Link` over one response; each command is a request of its own."""

    def __init__(self, wire: Wire, way: Way) -> None:
        self.sent: list[tuple[str, str]] = []
        self._wire = wire
        self._way = way
        self._is_sse = way.target.transport == "sse"
        self._reader = AnswerReader()
        self._unread = b""
        self._session = ""
        self._node = ""

    async def open(self, connect: str) -> Answer:
        """Send the request that opens the stream; see `Link.open`."""
        await self._wire.send(self._opening(connect))
        await read_head(self._wire, self._reader)
        if self._reader.answer.status != 200:
            await read_body(self._wire, self._reader)
            raise RefusedError(self._reader.answer)
        return self._reader.answer

    async def begin(self, connect: str) -> None:
        """Do nothing: the command has travelled with the request."""

    async def send(self, lines: list[str]) -> None:
        """Post commands to `/emulation`.

        Raises:
            RefusedError: they were not taken.
        """
        body = json.dumps({"session": self._session, "node": self._node, "data": "\n".join(lines)}).encode()
        answer = await self._way.ask("POST", self._way.target.beside("/emulation"), body, _JSON)
        if answer.status not in {200, 204}:
            raise RefusedError(answer)

    async def receive(self) -> list[Reply]:
        """Return the replies that come next; see `Link.receive`."""
        while True:
            self._unread += self._reader.take_body()
            if replies := self._complete():
                return replies
            if len(self._unread) > MAX_MESSAGE_BYTES:
                raise StrangeError(f"a message has more than {MAX_MESSAGE_BYTES} bytes")
            if self._reader.is_complete:
                raise CutError("the stream ended")
            data = await self._wire.receive()
            if not data:
                raise CutError("the connection of the stream was closed")
            self._reader.feed(data)

    async def close(self) -> bool:
        """Leave; a stream has no other way to say so."""
        self._wire.close()
        return True

    def abort(self) -> None:
        """Close the socket."""
        self._wire.close()

    # Private methods

    def _opening(self, connect: str) -> bytes:
        target = self._way.target
        if self._is_sse:
            self.sent = target.request_headers(("Accept", "text/event-stream"), USER_AGENT)
            return request("GET", f"{target.request_target}&cf_connect={quote(connect, safe='')}", self.sent)
        self.sent = target.request_headers(_JSON, USER_AGENT)
        return request("POST", target.request_target, self.sent, connect.encode())

    def _complete(self) -> list[Reply]:
        """Return the replies in the lines that are complete."""
        whole, newline, self._unread = self._unread.rpartition(b"\n")
        if not newline:
            return []
        if self._is_sse:
            whole = b"\n".join(payload_of(line) for line in whole.split(b"\n"))
        replies = replies_of(whole)
        for reply in replies:
            self._note_session(reply)
        return replies

    def _note_session(self, reply: Reply) -> None:
        connected = reply.get("connect")
        if isinstance(connected, dict) and not self._session:
            self._session = str(connected.get("session", ""))
            self._node = str(connected.get("node", ""))


def payload_of(line: bytes) -> bytes:
    """Return what a line of an event stream carries; comments and other fields carry nothing."""
    name, _, value = line.rstrip(b"\r").partition(b":")
    return value.removeprefix(b" ") if name == b"data" else b""
