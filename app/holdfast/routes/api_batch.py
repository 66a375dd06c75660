"""Batches of API commands: each answered for itself, in order, in as few event-loop turns as possible."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from holdfast.errors import GatewayError, ProtocolError
from holdfast.resilience.eager import run_eagerly
from holdfast.routes import api_messages as api
from holdfast.routes.api import error_of

Run = Callable[[Any], Awaitable[Any]]
Reply = dict[str, Any]

_NAMES = api.Command.__struct_fields__


class Batch:
    """Runs the commands of a batch.

    Args:
        methods: what carries out each command, by name.
        max_commands: how many a batch may hold.
        turn: commands done before others get their turn of the event loop.
    """

    def __init__(self, methods: Mapping[str, Run], max_commands: int, turn: int) -> None:
        self._methods = methods
        self._max_commands = max_commands
        self._turn = turn

    async def __call__(self, request: api.BatchRequest) -> dict[str, list[Reply]]:
        """Return `{"replies": [...]}`, one for each command in its order.

        Raises:
            ProtocolError: `bad_request`, too many commands.
        """
        count = len(request.commands)
        if count > self._max_commands:
            detail = f"Expected at most {self._max_commands} entries in `commands`, came {count}."
            raise ProtocolError("bad_request", detail)
        if request.parallel:
            return {"replies": await self._run_together(request.commands)}
        replies: list[Reply] = []
        for number, command in enumerate(request.commands, 1):
            replies.append(await self._reply(command))
            if number % self._turn == 0:
                await asyncio.sleep(0)
        return {"replies": replies}

    async def _run_together(self, commands: list[api.Command]) -> list[Reply]:
        """Start all before waiting for any; what does not wait is done in order, without a task."""
        replies: list[Reply] = [{} for _ in commands]
        crashes: list[Exception] = []
        loop = asyncio.get_running_loop()

        async def fill(index: int, command: api.Command) -> None:
            replies[index] = await self._reply(command)

        started = [run_eagerly(fill(index, command), loop, crashes.append) for index, command in enumerate(commands)]
        waiting = [task for task in started if task is not None]
        if waiting:
            await asyncio.wait(waiting)
        if crashes:
            raise crashes[0]
        return replies

    async def _reply(self, command: api.Command) -> Reply:
        try:
            name, request = _only_method(command)
            return {name: await self._methods[name](request)}
        except GatewayError as error:
            return {"error": error_of(error)}


def _only_method(command: api.Command) -> tuple[str, Any]:
    found = [(name, request) for name in _NAMES if (request := getattr(command, name)) is not None]
    if not found:
        raise ProtocolError("method_not_found", f"Expected one of {', '.join(_NAMES)}.")
    if len(found) > 1:
        raise ProtocolError("bad_request", "Expected one method in a command, came several.")
    return found[0]
