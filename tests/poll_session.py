"""One session of long polling, as docs/poll.md tells it: numbers, repetitions, and one request at a time.

`PollSession` knows nothing of what commands and messages mean; `tests.reference_client` does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import Callable
from typing import Any

import httpx

from tests.session import Backoff, Handle, Message, SessionLost, slug_of

# How much longer than the gateway a client waits before it takes a request for dead.
PATIENCE_SECONDS = 10.0
GOODBYE_SECONDS = 2.0


class PollSession:
    """Sends commands and hands each message to `handle`, once and in order."""

    def __init__(self, http: httpx.AsyncClient, url: str, handle: Handle, delays: tuple[float, float]) -> None:
        self._http = http
        self._url = url
        self._handle = handle
        self._delays = delays
        self._timeout = 30.0
        self._names: dict[str, str] = {}
        self._seq = 0
        self._ack = 0
        self._commands: list[Message] = []
        self._has_commands = asyncio.Event()
        self._overtaken: set[asyncio.Task[None]] = set()
        self.repeated = 0  # requests that were sent again
        self.superseded = 0  # requests that a newer one took the place of

    # Public methods

    async def open(self, commands: list[Message]) -> None:
        """Open the session; `commands` begin with a connect."""
        # The very same bytes each time: that is what makes a repetition of it.
        body = json.dumps({"key": secrets.token_urlsafe(16), "commands": commands})
        answer = await self._ask(lambda: body)
        self._names = {"session": answer["session"], "node": answer["node"]}
        self._timeout = answer["timeout"] + PATIENCE_SECONDS
        self._take(answer)

    def send(self, command: Message) -> None:
        """Let a command go with the next request, which goes now unless one with commands is under way."""
        self._commands.append(command)
        self._has_commands.set()

    async def run(self) -> None:
        """Fetch messages and send commands until the session is lost or the task is cancelled.

        Raises:
            SessionLost: it is unknown, or a request was refused.
        """
        try:
            while True:
                commands, self._commands = self._commands, []
                self._has_commands.clear()
                self._seq += 1
                if commands:
                    self._take(await self._ask(self._request(commands=commands)))
                else:
                    await self._wait_or_overtake()
        finally:
            for task in self._overtaken:
                task.cancel()
            await asyncio.gather(*self._overtaken, return_exceptions=True)

    async def leave(self) -> None:
        """Say goodbye, to a gateway that may be gone; `run` must have ended."""
        self._seq += 1
        with contextlib.suppress(SessionLost, TimeoutError):  # lost, if the answer to a first goodbye died
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self._ask(self._request(close=True))

    # Private methods

    def _request(self, **fields: Any) -> Callable[[], str]:
        """Return what makes the body of this request; in a repetition only `ack` may be another."""
        seq = self._seq
        return lambda: json.dumps({**self._names, "seq": seq, "ack": self._ack, **fields})

    async def _wait_or_overtake(self) -> None:
        waiting = asyncio.ensure_future(self._fetch())
        interrupted = asyncio.ensure_future(self._has_commands.wait())
        try:
            await asyncio.wait({waiting, interrupted}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            waiting.cancel()
            raise
        finally:
            interrupted.cancel()
        if waiting.done():
            await waiting
            return
        # Its answer may be on its way with messages, and they count.
        self._overtaken.add(waiting)
        waiting.add_done_callback(self._drop)

    def _drop(self, task: asyncio.Task[None]) -> None:
        self._overtaken.discard(task)
        if not task.cancelled():
            task.exception()  # nobody misses the answer to a request that was overtaken

    async def _fetch(self) -> None:
        self._take(await self._ask(self._request()))

    async def _ask(self, body: Callable[[], str]) -> Message:
        """Send a request until it is answered.

        Raises:
            SessionLost: it was refused.
        """
        seq = self._seq
        backoff = Backoff(*self._delays)
        while True:
            try:
                answer = await self._http.post(self._url, content=body(), timeout=self._timeout)
                if answer.status_code == 200:
                    return dict(answer.json())
                if answer.status_code not in (408, 429) and answer.status_code < 500:
                    raise SessionLost(answer.status_code, slug_of(answer))
            except (httpx.TransportError, ValueError):
                pass
            if seq != self._seq:
                return {"superseded": True, "messages": []}
            self.repeated += 1
            await backoff.wait()

    def _take(self, answer: Message) -> None:
        if answer.get("superseded"):
            self.superseded += 1
            return
        first = answer["first"]
        assert first <= self._ack + 1, f"messages are missing between {self._ack} and {first}"
        for number, message in enumerate(answer["messages"], first):
            if number > self._ack:
                self._ack = number
                self._handle(message)
