"""A client's side of the conversation: one command at a time, pings answered, pushes kept for who waits for them."""

from __future__ import annotations

import json
from collections import deque
from typing import Any, Final

from holdfast import __version__
from holdfast.diagnostics.probe.link import EndedError, Link, Reply, StrangeError

CONNECT_ID: Final = 1
_MOST_PUSHES: Final = 256


class CommandError(Exception):
    """A command was answered with an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


def connect_command(token: str | None) -> str:
    """Return the connect command; None for no token at all, which is not the same as an empty one."""
    connect: dict[str, Any] = {"name": "holdfast-probe", "version": __version__}
    if token is not None:
        connect["token"] = token
    return json.dumps({"id": CONNECT_ID, "connect": connect})


class Talk:
    """One session over a link."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._next_id = CONNECT_ID + 1
        self._answers_pings = False
        self._pushes: deque[Reply] = deque(maxlen=_MOST_PUSHES)
        self.pings = 0

    async def connected(self) -> Reply:
        """Wait for the reply to connect and return it.

        Raises:
            CommandError: the server refused.
            EndedError, CutError, StrangeError, OSError: see `Link.receive`.
        """
        reply = await self._reply(CONNECT_ID)
        found = reply.get("connect")
        # An echo of the command has one too, but no id of a client.
        if not isinstance(found, dict) or not isinstance(found.get("client"), str):
            raise StrangeError("expected a reply to connect with the client's id")
        self._answers_pings = found.get("pong") is True
        return found

    async def ask(self, **method: Any) -> Reply:
        """Send one command and return its reply.

        Raises:
            CommandError, EndedError, CutError, StrangeError, OSError: as `connected`.
        """
        number = self._next_id
        self._next_id += 1
        await self._link.send([json.dumps({"id": number, **method})])
        return await self._reply(number)

    async def next_push(self) -> Reply:
        """Wait for a push and return it.

        Raises:
            EndedError, CutError, StrangeError, OSError: see `Link.receive`.
        """
        while not self._pushes:
            for reply in await self._link.receive():
                await self._take(reply)
        return self._pushes.popleft()

    async def listen(self) -> int:
        """Wait for whatever comes next, answer what is a ping, and return how many messages came.

        Raises:
            EndedError, CutError, StrangeError, OSError: see `Link.receive`.
        """
        replies = await self._link.receive()
        for reply in replies:
            await self._take(reply)
        self._pushes.clear()
        return len(replies)

    # Private methods

    async def _reply(self, number: int) -> Reply:
        while True:
            found: Reply | None = None
            for reply in await self._link.receive():
                if reply.get("id") == number and found is None:
                    found = reply
                else:
                    await self._take(reply)
            if found is not None:
                if "error" in found:
                    raise command_error(found["error"])
                return found

    async def _take(self, reply: Reply) -> None:
        if not reply:
            self.pings += 1
            if self._answers_pings:
                await self._link.send(["{}"])
            return
        push = reply.get("push")
        if not isinstance(push, dict):
            if "id" in reply or "error" in reply:
                return
            raise StrangeError(f"expected a reply or a push, got an object with {', '.join(sorted(reply)[:5])[:80]}")
        if isinstance(push.get("disconnect"), dict):
            raise ended(push["disconnect"])
        self._pushes.append(push)


def command_error(error: object) -> Exception:
    """Return the error in a reply as an exception.

    A number outside of the protocol's range says that the server is another one.
    """
    found = error if isinstance(error, dict) else {}
    code = found.get("code")
    if not isinstance(code, int) or isinstance(code, bool) or not 0 < code < 2**32:
        return StrangeError("expected an error with a number")
    return CommandError(code, str(found.get("message", ""))[:200])


def ended(disconnect: Reply) -> EndedError:
    """Return a disconnect push as an exception."""
    code = disconnect.get("code")
    return EndedError(code if isinstance(code, int) else 0, str(disconnect.get("reason", ""))[:200])
