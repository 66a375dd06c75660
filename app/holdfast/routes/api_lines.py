"""`POST /api`: commands as lines `{"method", "params"}`, the older form of the API that Centrifugo v6 still takes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec

from holdfast.errors import GatewayError, ProtocolError
from holdfast.routes.api import Method, checked, error_of
from holdfast.routes.api_messages import ErrorBody
from holdfast.routes.api_order import Job, ManyRules, carry_out, channels_of

LINES_PATH = "/api"
_encode = msgspec.json.Encoder().encode


class LineCommand(msgspec.Struct):
    """One command; `id` comes back in its reply.

    One that is `parallel` does not wait for the commands before it; one that is not waits for all of them.
    """

    method: str = ""
    params: msgspec.Raw = msgspec.Raw(b"{}")
    id: int = 0
    parallel: bool = False


class LineReply(msgspec.Struct, omit_defaults=True):
    """The result or the error of one command."""

    id: int = 0
    error: ErrorBody | None = None
    result: Any = msgspec.UNSET


class Lines:
    """Runs the commands of a body.

    Args:
        methods: what carries out each command, by name.
        rules: how many there may be, and how many at a time.
    """

    def __init__(self, methods: Mapping[str, Method], rules: ManyRules) -> None:
        self._methods = methods
        self._rules = rules

    def as_method(self) -> Method:
        """Return the method that a request to the path itself is."""
        return Method(LINES_PATH, checked(_decode), self, is_bare=True)

    async def __call__(self, commands: list[LineCommand]) -> msgspec.Raw:
        """Return a reply for each command in its order, one a line.

        Raises:
            ProtocolError: `bad_request`, too many commands.
        """
        self._rules.check_count(len(commands), "commands")
        replies = await carry_out([self._job(command) for command in commands], self._rules)
        return msgspec.Raw(b"\n".join(replies))

    def _job(self, command: LineCommand) -> Job[bytes]:
        try:
            method = self._methods.get(command.method.lower())
            if method is None:
                raise ProtocolError("method_not_found", f"Expected one of {', '.join(self._methods)}.")
            request = method.decode(bytes(command.params))
        except GatewayError as error:
            return Job(partial(self._refuse, command, error), (), command.parallel)
        return Job(partial(self._reply, command, method, request), channels_of(request), command.parallel)

    async def _reply(self, command: LineCommand, method: Method, request: Any) -> bytes:
        try:
            return _encode(LineReply(command.id, result=await method.run(request)))
        except GatewayError as error:
            return await self._refuse(command, error)

    async def _refuse(self, command: LineCommand, error: GatewayError) -> bytes:
        self._rules.on_error(error.slug)
        return _encode(LineReply(command.id, error=error_of(error)))


_decoder = msgspec.json.Decoder(LineCommand)


def _decode(body: bytes) -> list[LineCommand]:
    """Read one command however it is laid out, or one a line."""
    try:
        return [_decoder.decode(body)]
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        return _decoder.decode_lines(body)
