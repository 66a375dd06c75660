"""Every log line has its category and its place in docs/logs.md."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from holdfast.telemetry.categories import BY_EVENT, BY_LOGGER, by_logger, render_categories
from tests.contract.source import ROOT, app_modules, module_name, tree_of

LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
# What a module calls a level's method, or a function of its own that logs, when it has chosen one.
CHOSEN = {"write", "log", "notice", "_log_lost_or_bad", "_say"}
EVENT = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
PAGE = (ROOT / "docs" / "logs.md").read_text(encoding="utf-8")


def logging_modules() -> Iterator[tuple[str, ast.Module]]:
    """Yield the logger's name and the tree of each module that has a logger."""
    for path in app_modules():
        tree = tree_of(path)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "get_logger":
                name = node.args[0]
                given = name.value if isinstance(name, ast.Constant) else module_name(path).removeprefix("holdfast.")
                if path.name != "logs.py":
                    yield str(given), tree


def events_of(tree: ast.Module) -> set[str]:
    """Return the events that a module writes."""
    found: set[str] = set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and _is_logging(node.func):
            found |= _texts(node.args[0])
            names |= {node.args[0].id} if isinstance(node.args[0], ast.Name) else set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(isinstance(one, ast.Name) and one.id in names for one in node.targets):
            found |= _texts(node.value)
    return {event for event in found if EVENT.fullmatch(event)}


def _is_logging(function: ast.expr) -> bool:
    if isinstance(function, ast.Name):
        return function.id in CHOSEN
    return (
        isinstance(function, ast.Attribute)
        and function.attr in LEVELS
        and isinstance(function.value, ast.Name)
        and function.value.id in {"_log", "_LOG"}
    )


def _texts(node: ast.expr) -> set[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return {node.value}
    return _texts(node.body) | _texts(node.orelse) if isinstance(node, ast.IfExp) else set()


def test_every_event_is_found() -> None:
    """The search sees what it is for: a chosen level, a chosen event, a helper."""
    found = set().union(*(events_of(tree) for _, tree in logging_modules()))

    assert {"started", "connection_closed", "connection_refused", "poll_refused", "handshake_refused"} <= found
    assert len(found) > 40


def test_every_event_is_in_the_docs() -> None:
    """docs/logs.md says what each line means."""
    missing = {event for _, tree in logging_modules() for event in events_of(tree) if f"`{event}`" not in PAGE}

    assert not missing, "give them a row in docs/logs.md"


def test_every_logger_has_a_category() -> None:
    """A new part says in telemetry/categories.py where its lines belong."""
    missing = {name for name, _ in logging_modules() if by_logger(name) is None}

    assert not missing, "give them a line in BY_LOGGER"


def test_table_of_categories_is_current() -> None:
    """What names no logger and no event any more goes, and the docs show the table."""
    events = set().union(*(events_of(tree) for _, tree in logging_modules()))
    names = {module_name(path).removeprefix("holdfast.") for path in app_modules()} | {
        one for one, _ in logging_modules()
    }
    parts = {name.rpartition(".")[0] for name in names} | names

    assert BY_EVENT.keys() <= events
    assert BY_LOGGER.keys() <= parts
    assert render_categories() in PAGE, f"docs/logs.md should have:\n{render_categories()}"
