"""Which of the seven categories a log line belongs to: by its event where that says it, else by its logger."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, get_args

Category = Literal["auth", "handshake", "protocol", "resource", "broker", "client", "admin"]
CATEGORIES: Final[tuple[Category, ...]] = get_args(Category)

# Loggers whose lines are about more than one thing.
BY_EVENT: Final[Mapping[str, Category]] = MappingProxyType(
    {
        "connection_refused": "handshake",
        "revoked": "auth",
        "presence_not_removed": "broker",
        "join_or_leave_lost": "broker",
        "check_failed": "broker",
        "handshake_refused": "handshake",
        "emulation_refused": "protocol",
        "poll_refused": "protocol",
        "request_refused": "handshake",
    }
)
# By the longest beginning of a logger's name that stands here.
BY_LOGGER: Final[Mapping[str, Category]] = MappingProxyType(
    {
        "auth": "auth",
        "routes.auth": "auth",
        "wiring_login": "auth",
        "admission": "handshake",
        "server.cycle": "handshake",
        "server.http": "handshake",
        "server.acceptor": "resource",
        "connections": "protocol",
        "protocol": "protocol",
        "transports": "protocol",
        "monitoring": "resource",
        "diagnostics": "resource",
        "resilience": "resource",
        "telemetry": "resource",
        "proxy": "resource",
        "broker": "broker",
        "channels": "broker",
        "connections.publish_queue": "broker",
        "connections.bus": "broker",
        "connections.nodes": "broker",
        "connections.revoking_everywhere": "auth",
        "routes.client_logs": "client",
        "routes": "admin",
        "server": "admin",
        "main": "admin",
        "wiring": "admin",
        "cli": "admin",
    }
)
# Libraries, and what nobody thought of: whoever runs the gateway has to look.
OTHERS: Final[Category] = "admin"


def category_of(event: str, logger: str) -> Category:
    """Return a line's category; `logger` is the name without `holdfast.`."""
    return BY_EVENT.get(event) or by_logger(logger) or OTHERS


def by_logger(logger: str) -> Category | None:
    """Return the category of a logger's lines, None where the table has none."""
    name = logger
    while name:
        if name in BY_LOGGER:
            return BY_LOGGER[name]
        name = name.rpartition(".")[0] or (name.rpartition("_")[0] if name.startswith("wiring_") else "")
    return None


def render_categories() -> str:
    """Return the table of docs/logs.md: by category, the parts and single events whose lines are in it."""
    rows = []
    for category in CATEGORIES:
        parts = sorted(f"`{name}`" for name, found in BY_LOGGER.items() if found == category)
        events = sorted(f"`{name}`" for name, found in BY_EVENT.items() if found == category)
        rows.append(f"| `{category}` | {', '.join(parts)} | {', '.join(events) or '-'} |")
    return "\n".join(("| Category | Loggers | Further events |", "|---|---|---|", *rows))
