"""`POST /api`: commands as lines `{"method", "params"}`, the older form of the API that Centrifugo v6 still takes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from holdfast.errors import GatewayError, ProtocolError
from holdfast.routes.api import Method, checked, error_of
from holdfast.routes.api_messages import ErrorBody

LINES_PATH = "/api"
_encode = msgspec.json.Encoder().encode


class LineCommand(msgspec.Struct):
    """One command; `id` comes back in its reply."""

    method: str = ""
    params: msgspec.Raw = msgspec.Raw(b"{}")
    id: int = 0


class LineReply(msgspec.Struct, omit_defaults=True):
    """The result or the error of one command."""

    id: int = 0
    error: ErrorBody | None = None
    result: Any = msgspec.UNSET


class Lines:
    """Runs the commands of a body one after the other.

    Args:
        methods: what carries out each command, by name.
        max_commands: how many a body may hold.
        turn: commands done before others get their turn of the event loop.
    """

    def __init__(self, methods: Mapping[str, Method], max_commands: int, turn: int) -> None:
        self._methods = methods
        self._max_commands = max_commands
        self._turn = turn

    def as_method(self) -> Method:
        """Return the method that a request to the path itself is."""
        return Method(LINES_PATH, checked(_decode), self, is_bare=True)

    async def __call__(self, commands: list[LineCommand]) -> msgspec.Raw:
        """Return a reply for each command in its order, one a line.

        Raises:
            ProtocolError: `bad_request`, too many commands.
        """
        if len(commands) > self._max_commands:
            raise ProtocolError("bad_request", f"Expected at most {self._max_commands} commands, came {len(commands)}.")
        replies: list[bytes] = []
        for number, command in enumerate(commands, 1):
            replies.append(_encode(await self._reply(command)))
            if number % self._turn == 0:
                await asyncio.sleep(0)
        return msgspec.Raw(b"\n".join(replies))

    async def _reply(self, command: LineCommand) -> LineReply:
        method = self._methods.get(command.method.lower())
        try:
            if method is None:
                raise ProtocolError("method_not_found", f"Expected one of {', '.join(self._methods)}.")
            return LineReply(command.id, result=await method.run(method.decode(bytes(command.params))))
        except GatewayError as error:
            return LineReply(command.id, error=error_of(error))


_decoder = msgspec.json.Decoder(LineCommand)


def _decode(body: bytes) -> list[LineCommand]:
    """Read one command however it is laid out, or one a line."""
    try:
        return [_decoder.decode(body)]
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        return _decoder.decode_lines(body)
