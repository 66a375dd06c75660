"""The load client's streams: HTTP responses that do not end, with pongs by requests beside them."""

from __future__ import annotations

import json
from itertools import cycle
from urllib.parse import quote

from benchmarks.load.client import JOINING, LIVE, OPENING, SUBSCRIBING, Link, LoadClient
from benchmarks.load.http import chunks, get, post, scan_chunks
from benchmarks.load.payloads import compact
from benchmarks.load.requests import RequestLine
from benchmarks.load.websocket import connect_command, subscribe_command
from benchmarks.process import BenchmarkError

# Connections that the pongs of all streams share.
PONG_LINES = 8


class StreamClient(LoadClient):
    """A load client whose links are responses of `/connection/http_stream`."""

    def __init__(self, port: int):
        """Speak to `port` of 127.0.0.1."""
        super().__init__(port)
        self._node = ""
        self._pongs = [RequestLine(self) for _ in range(PONG_LINES)]
        self._turn = cycle(self._pongs)

    def close(self) -> None:
        """Reset every link and hang up beside them."""
        super().close()
        for line in self._pongs:
            line.close()

    def _opening(self, user: str) -> bytes:
        return post(self.port, "/connection/http_stream", connect_command(user) + b"\n" + subscribe_command())

    def _begin(self, link: Link) -> None:
        link.sock.send(link.opening)
        link.stage = OPENING

    def _answered(self, link: Link, data: bytes) -> None:
        if link.stage == OPENING:
            head, mark, rest = data.partition(b"\r\n\r\n")
            link.tail = rest if mark else data
            if not mark:
                return
            if not head.startswith(b"HTTP/1.1 200") or b"transfer-encoding: chunked" not in head.lower():
                raise BenchmarkError(f"expected a chunked 200, came {data[:300]!r}")
            link.stage, data = JOINING, rest
        found, used = chunks(data)
        link.tail = data[used:]
        for line in b"".join(found).splitlines():
            if line:
                self._replied(link, json.loads(line.removeprefix(b"data: ")))

    def _replied(self, link: Link, message: dict[str, dict[str, object]]) -> None:
        if not message:
            self._pong(link)
        elif link.stage == JOINING and "connect" in message:
            connect = message["connect"]
            link.session, self._node = str(connect["session"]), str(connect["node"])
            link.stage = SUBSCRIBING
        elif link.stage == SUBSCRIBING and "subscribe" in message:
            self.live += 1
            link.stage = LIVE
        else:
            raise BenchmarkError(f"expected a reply to connect, then to subscribe; came {message}")

    def _count(self, link: Link) -> None:
        data = link.tail + self._read(link)
        found = scan_chunks(data)
        if found.closed:
            raise BenchmarkError(f"a stream was ended by the server: {data[:300]!r}")
        self.deliveries += found.publications
        link.tail = data[found.used :]
        self.pings += found.pings
        if found.pings:
            self._pong(link)

    def _pong(self, link: Link) -> None:
        next(self._turn).send("/emulation", compact({"session": link.session, "node": self._node, "data": "{}"}))


class SseClient(StreamClient):
    """A load client whose links are responses of `/connection/sse`, as an EventSource asks for them."""

    def _opening(self, user: str) -> bytes:
        commands = connect_command(user) + b"\n" + subscribe_command()
        return get(self.port, "/connection/sse?cf_connect=" + quote(commands))
