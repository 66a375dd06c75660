"""Commands and replies over plain requests and answers: long polling (docs/poll.md)."""

from __future__ import annotations

import json
import os
from typing import Any, Final

from holdfast.diagnostics.probe.http import USER_AGENT, Answer, request
from holdfast.diagnostics.probe.link import RefusedError, Reply, StrangeError
from holdfast.diagnostics.probe.way import Way, exchange
from holdfast.diagnostics.probe.wire import Wire

# A gateway waits before it answers with nothing new: so many such answers come within the time of a stage from none.
_MOST_FRUITLESS: Final = 50
_HEADERS: Final = (("Content-Type", "application/json"), USER_AGENT, ("Connection", "close"))


class PollLink:
    """A `link.Link` over one request after the other; what is to be sent waits for the next one."""

    def __init__(self, wire: Wire, way: Way) -> None:
        self.sent: list[tuple[str, str]] = []
        self._wire = wire
        self._way = way
        self._session = ""
        self._node = ""
        self._seq = 0
        self._ack = 0
        self._commands: list[Any] = []
        self._replies: list[Reply] = []

    async def open(self, connect: str) -> Answer:
        """Send the opening request; its answer has the reply to connect already."""
        target = self._way.target
        self.sent = target.request_headers(*_HEADERS)
        body = json.dumps({"key": os.urandom(16).hex(), "commands": [json.loads(connect)]}).encode()
        answer = await exchange(self._wire, request("POST", target.request_target, self.sent, body))
        opened = self._take(answer)
        self._session, self._node = str(opened.get("session", "")), str(opened.get("node", ""))
        return answer

    async def begin(self, connect: str) -> None:
        """Do nothing: the command has travelled with the request."""

    async def send(self, lines: list[str]) -> None:
        """Keep commands for the next request."""
        self._commands += [json.loads(line) for line in lines]

    async def receive(self) -> list[Reply]:
        """Return the replies in the next answer; see `Link.receive`."""
        for _ in range(_MOST_FRUITLESS):
            if self._replies:
                break
            commands, self._commands = self._commands, []
            self._take(await self._ask(commands=commands))
        else:
            raise StrangeError(f"expected new messages, got {_MOST_FRUITLESS} answers without one")
        replies, self._replies = self._replies, []
        return replies

    async def close(self) -> bool:
        """End the session; return whether that was answered."""
        answer = await self._ask(close=True)
        return answer.status == 200

    def abort(self) -> None:
        """Close the socket of the opening request; the others have an end of their own."""
        self._wire.close()

    # Private methods

    async def _ask(self, **what: Any) -> Answer:
        self._seq += 1
        body = {"session": self._session, "node": self._node, "seq": self._seq, "ack": self._ack, **what}
        return await self._way.ask("POST", self._way.target.path, json.dumps(body).encode(), *_HEADERS[:1])

    def _take(self, answer: Answer) -> dict[str, Any]:
        """Keep the messages of an answer and return it.

        Raises:
            RefusedError: it is a refusal.
            StrangeError: it is none of a poll.
        """
        if answer.status != 200:
            raise RefusedError(answer)
        found = answer.json()
        messages, first = found.get("messages"), found.get("first")
        if not isinstance(messages, list) or not isinstance(first, int):
            raise StrangeError(f"expected the answer to a poll, got {answer.body[:40]!r}")
        if not all(isinstance(message, dict) for message in messages):
            raise StrangeError("expected messages as JSON objects")
        self._replies += messages[max(0, self._ack + 1 - first) :]
        self._ack = max(self._ack, first + len(messages) - 1)
        return found
