"""From commands to handlers, one after the other, and from errors to replies or closes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from holdfast.connections import requests, session, subscribing
from holdfast.errors import GatewayError, ProtocolError
from holdfast.protocol.commands import Command
from holdfast.protocol.messages import ErrorBody, Reply

if TYPE_CHECKING:
    from holdfast.connections.connection import Connection

Handler = Callable[["Connection", int, Any], Awaitable[None]]

# What each method is answered by.
HANDLERS: tuple[tuple[str, Handler], ...] = (
    ("connect", session.connect),
    ("subscribe", subscribing.subscribe),
    ("unsubscribe", subscribing.unsubscribe),
    ("publish", requests.publish),
    ("rpc", requests.rpc),
    ("presence", requests.presence),
    ("presence_stats", requests.presence_stats),
    ("history", requests.history),
    ("refresh", session.refresh),
    ("sub_refresh", subscribing.sub_refresh),
    ("send", requests.send),
    ("ping", requests.ping),
)

_REFRESHES = ("refresh", "sub_refresh")

# Commands of a batch answered before the loop turns.
_SLICE = 32


async def answer(connection: Connection, commands: list[Command]) -> None:
    """Answer a batch, and what came in meanwhile, in order; replies to a batch leave in one message."""
    pending: list[Command] | None = commands
    while pending:
        if len(pending) > 1:
            connection.collect()
        for count, command in enumerate(pending, 1):
            if connection.closed:
                break
            if connection.ending and command.connect is None:
                continue  # what comes behind a refused connect counted on it: SDKs send their subscriptions at once
            await _answer_one(connection, command)
            if count % _SLICE == 0:
                await asyncio.sleep(0)
        connection.release()
        pending = connection.take_inbox()
    connection.task = None


async def _answer_one(connection: Connection, command: Command) -> None:
    method = "unknown"
    try:
        method, handler, request = _route(command)
        connection.core.stats.count_command(method)
        _check_state(connection, command.id, method)
        await handler(connection, command.id, request)
    except GatewayError as error:
        _refuse(connection, command.id, method, error)
    except Exception as error:  # the boundary of a command: the client is told, the log has the traceback
        connection.core.manager.on_crash(connection, error)
        _refuse(connection, command.id, method, GatewayError("internal_error"))


def _route(command: Command) -> tuple[str, Handler, Any]:
    found: tuple[str, Handler, Any] | None = None
    for name, handler in HANDLERS:
        request = getattr(command, name)
        if request is not None:
            if found is not None:
                raise ProtocolError("ambiguous_command", f"the command carries {found[0]} and {name}")
            found = name, handler, request
    if found is None:
        raise ProtocolError("unknown_command", "the command carries no method of the protocol")
    return found


def _check_state(connection: Connection, command_id: int, method: str) -> None:
    if command_id == 0 and method != "send":
        raise ProtocolError("command_id_missing", f"{method} needs an id above 0")
    if not connection.is_connected and method != "connect":
        raise ProtocolError("not_connected", f"{method} came before connect")


def _refuse(connection: Connection, command_id: int, method: str, error: GatewayError) -> None:
    code = error.code
    if code.kind != "error":
        connection.fail(error)
        return
    if method == "connect" and connection.handshake is not None:
        connection.ending = error.slug
        connection.handshake.refusal = error.detail
    connection.core.manager.on_error_reply(connection, method, error)
    # SDKs whose refresh fails with a plain 109 stop for ever; told that it is temporary, they fetch a new token.
    temporary = error.is_temporary or (code.action == "fetch_token" and method in _REFRESHES)
    connection.reply(Reply(id=command_id, error=ErrorBody(error.number, error.message, temporary)))
