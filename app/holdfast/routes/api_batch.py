"""Batches of API commands: each answered for itself, in order, in as few event-loop turns as possible."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from holdfast.errors import GatewayError, ProtocolError
from holdfast.routes import api_messages as api
from holdfast.routes.api import error_of
from holdfast.routes.api_order import Job, ManyRules, carry_out, channels_of

Run = Callable[[Any], Awaitable[Any]]
Reply = dict[str, Any]

_NAMES = api.Command.__struct_fields__


class Batch:
    """Runs the commands of a batch.

    Args:
        methods: what carries out each command, by name.
        rules: how many there may be, and how many at a time.
    """

    def __init__(self, methods: Mapping[str, Run], rules: ManyRules) -> None:
        self._methods = methods
        self._rules = rules

    async def __call__(self, request: api.BatchRequest) -> dict[str, list[Reply]]:
        """Return `{"replies": [...]}`, one for each command in its order.

        Raises:
            ProtocolError: `bad_request`, too many commands.
        """
        self._rules.check_count(len(request.commands), "entries in `commands`")
        parallel = bool(request.parallel)
        jobs = [
            Job(partial(self._reply, command), _channels(command) if parallel else (), parallel)
            for command in request.commands
        ]
        return {"replies": await carry_out(jobs, self._rules)}

    async def _reply(self, command: api.Command) -> Reply:
        try:
            name, request = _only_method(command)
            return {name: await self._methods[name](request)}
        except GatewayError as error:
            self._rules.on_error(error.slug)
            return {"error": error_of(error)}


def _channels(command: api.Command) -> list[str]:
    return [*channels_of(command.publish), *channels_of(command.broadcast)]


def _only_method(command: api.Command) -> tuple[str, Any]:
    found = [(name, request) for name in _NAMES if (request := getattr(command, name)) is not None]
    if not found:
        raise ProtocolError("method_not_found", f"Expected one of {', '.join(_NAMES)}.")
    if len(found) > 1:
        raise ProtocolError("bad_request", "Expected one method in a command, came several.")
    return found[0]
