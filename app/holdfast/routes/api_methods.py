"""The table of API methods: name, request, and what carries it out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from holdfast.routes import api_messages as api
from holdfast.routes.api import Method, method_of
from holdfast.routes.api_batch import Batch
from holdfast.routes.api_commands import ApiCommands
from holdfast.routes.api_connections import ApiConnections
from holdfast.routes.api_control import ApiControl
from holdfast.routes.api_lines import Lines
from holdfast.routes.api_order import ManyRules


@dataclass(frozen=True, slots=True)
class ApiParts:
    """What carries out the methods."""

    commands: ApiCommands
    control: ApiControl
    connections: ApiConnections


def api_methods(parts: ApiParts, rules: ManyRules) -> dict[str, Method]:
    """Return all methods by name; a batch takes any of the others, as many as the rules allow.

    So does the path `/api` itself, which stands among them under its whole name.
    """
    commands, control = parts.commands, parts.control
    table: dict[str, tuple[type, Callable[[Any], Awaitable[Any]]]] = {
        "publish": (api.PublishRequest, commands.publish),
        "broadcast": (api.BroadcastRequest, commands.broadcast),
        "subscribe": (api.SubscribeRequest, control.subscribe),
        "unsubscribe": (api.UnsubscribeRequest, control.unsubscribe),
        "disconnect": (api.DisconnectRequest, control.disconnect),
        "refresh": (api.RefreshRequest, control.refresh),
        "presence": (api.ChannelRequest, commands.presence),
        "presence_stats": (api.ChannelRequest, commands.presence_stats),
        "history": (api.HistoryRequest, commands.history),
        "history_remove": (api.ChannelRequest, commands.history_remove),
        "channels": (api.ChannelsRequest, commands.channels),
        "connections": (api.ConnectionsRequest, parts.connections.connections),
        "info": (api.InfoRequest, commands.info),
        "rpc": (api.RpcRequest, commands.rpc),
    }
    methods = {name: method_of(name, request, run) for name, (request, run) in table.items()}
    lines = Lines(dict(methods), rules).as_method()
    batch = Batch({name: run for name, (_, run) in table.items()}, rules)
    methods["batch"] = method_of("batch", api.BatchRequest, batch, is_bare=True)
    return {**methods, lines.name: lines}
