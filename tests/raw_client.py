"""A client of the Centrifuge protocol that does only what it is told: commands out, replies and pushes in."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import deque
from contextlib import ExitStack
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.gateway import Gateway

TIMEOUT = 10.0


class Listener(ABC):
    """What clients have in common that keep pushes until they are asked for; `_take` reads what comes next."""

    pushes: deque[dict[str, Any]]

    def push(self) -> dict[str, Any]:
        """Return the next push."""
        while not self.pushes:
            self._take()
        return self.pushes.popleft()

    def publications(self, count: int) -> list[Any]:
        """Return the data of the next publications."""
        return [self.push()["pub"]["data"] for _ in range(count)]

    @abstractmethod
    def _take(self) -> None:
        """Read the next message and sort it."""


class RawClient(Listener):
    """One connection; answers pings by itself, keeps pushes until they are asked for."""

    def __init__(
        self,
        gateway: Gateway,
        user: str = "user",
        *,
        token: str | None = None,
        holdfast: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        self._stack = ExitStack()
        # No limit on what waits to be read: else leaving with unread pushes waits for the close timeout.
        given = {"proxy": None, "max_queue": None, "ping_interval": None, **options}
        self.socket: ClientConnection = self._stack.enter_context(connect(gateway.ws_url, **given))
        self.pushes: deque[dict[str, Any]] = deque()
        self._replies: dict[int, dict[str, Any]] = {}
        self._last_id = 0
        request = {"token": gateway.token(user) if token is None else token, "holdfast": holdfast}
        self.connected = self.command(
            "connect", **{name: value for name, value in request.items() if value is not None}
        )

    @property
    def id(self) -> str:
        """The client id that the gateway gave it."""
        return str(self.connected["connect"]["client"])

    def command(self, method: str, /, **params: Any) -> dict[str, Any]:
        """Send a command and return its whole reply."""
        self._last_id += 1
        self.socket.send(json.dumps({"id": self._last_id, method: params}))
        while self._last_id not in self._replies:
            self._take()
        return self._replies.pop(self._last_id)

    def subscribe(self, channel: str, **params: Any) -> dict[str, Any]:
        """Subscribe and return the result."""
        reply = self.command("subscribe", channel=channel, **params)
        assert "subscribe" in reply, reply
        return dict(reply["subscribe"])

    def closed(self) -> tuple[int, str]:
        """Read until the gateway closes, and return its code and reason."""
        try:
            while True:
                self._take()
        except ConnectionClosed as error:
            return (error.rcvd.code, error.rcvd.reason) if error.rcvd else (1006, "")

    def close(self) -> None:
        """Leave."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self) -> None:
        text = self.socket.recv(TIMEOUT)
        for line in str(text).split("\n"):
            message = json.loads(line)
            if not message:
                self.socket.send("{}")
            elif "push" in message:
                self.pushes.append(message["push"])
            else:
                self._replies[message["id"]] = message
