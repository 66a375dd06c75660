"""The load client's long polls: one open request a session, on a connection of its own (docs/poll.md)."""

from __future__ import annotations

import json
import secrets
import select
from typing import Any

from benchmarks.load.client import JOINING, LIVE, OPENING, Link, LoadClient
from benchmarks.load.http import post, response
from benchmarks.load.payloads import compact
from benchmarks.load.requests import RequestLine
from benchmarks.load.websocket import connect_command, subscribe_command
from benchmarks.process import BenchmarkError

PATH = "/connection/poll"


class PollClient(LoadClient):
    """A load client whose links poll: each answer is handled and the next request sent at once.

    An answer without messages counts as a ping: it is what keeps an idle session going. A request whose connection
    ends is repeated on another one, as docs/poll.md says: the server closes those that idled for some seconds, and a
    client that is slow to ask again finds out by then. `repeated` counts them.
    """

    def __init__(self, port: int):
        """Speak to `port` of 127.0.0.1."""
        super().__init__(port)
        self.repeated = 0
        self._node = ""

    def leave(self) -> None:
        """Say goodbye for every session, or it would live on without its connection."""
        line = RequestLine(self)
        for link in self._links.values():
            link.seq += 1
            line.send(PATH, compact({**self._request(link), "close": True}))
        # Whoever leaves is not listening: nothing of the open requests is read any more.
        self.close()
        while not line.is_idle:
            self.pump(1.0)
        line.close()

    def _opening(self, user: str) -> bytes:
        commands = [json.loads(connect_command(user)), json.loads(subscribe_command())]
        return post(self.port, PATH, compact({"key": secrets.token_hex(16), "commands": commands}))

    def _begin(self, link: Link) -> None:
        link.sock.send(link.opening)
        link.stage = OPENING

    def _answered(self, link: Link, data: bytes) -> None:
        answer = self._answer(link, data)
        if answer is None:
            return
        if link.stage == OPENING:
            link.session, self._node = str(answer["session"]), str(answer["node"])
            link.stage = JOINING
        for message in answer["messages"]:
            wanted = "connect" if link.stage == JOINING else "subscribe"
            if wanted not in message or link.stage == LIVE:
                raise BenchmarkError(f"expected a reply with {wanted!r}, came {message}")
            link.stage += 1
        self.live += link.stage == LIVE
        self._ask(link)

    def _count(self, link: Link) -> None:
        try:
            data = self._read(link)
        except BenchmarkError:
            self._repeat(link)
            return
        answer = self._answer(link, link.tail + data)
        if answer is None:
            return
        for message in answer["messages"]:
            if "pub" not in message.get("push", ()):
                raise BenchmarkError(f"expected a publication, came {message}")
        self.deliveries += len(answer["messages"])
        self.pings += not answer["messages"]
        self._ask(link)

    def _answer(self, link: Link, data: bytes) -> dict[str, Any] | None:
        found = response(data)
        if found is None:
            link.tail = data
            return None
        head, body, used = found
        if not head.startswith(b"HTTP/1.1 200") or used != len(data):
            raise BenchmarkError(f"expected one 200, came {data[:300]!r}")
        link.tail = b""
        answer: dict[str, Any] = json.loads(body)
        link.ack = answer["first"] + len(answer["messages"]) - 1
        return answer

    def _ask(self, link: Link) -> None:
        link.seq += 1
        try:
            self._send(link)
        except OSError:
            self._repeat(link)

    def _send(self, link: Link) -> None:
        link.sock.send(post(self.port, PATH, compact(self._request(link))))

    def _repeat(self, link: Link) -> None:
        self.repeated += 1
        if self.repeated > len(self._links):
            raise BenchmarkError(f"{self.repeated} requests of {len(self._links)} links had to be repeated")
        del self._links[link.sock.fileno()]
        link.sock.close()  # and so out of the epoll set
        link.sock, link.tail = self.dial_api(), b""
        link.sock.setblocking(False)
        self._links[link.sock.fileno()] = link
        self.epoll.register(link.sock.fileno(), select.EPOLLIN)
        self._send(link)

    def _request(self, link: Link) -> dict[str, object]:
        return {"session": link.session, "node": self._node, "seq": link.seq, "ack": link.ack}
