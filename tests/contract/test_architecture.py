"""Imports go one way: a module imports from its own layer or from layers above it in this list."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

from tests.contract.source import app_modules, imports_of, module_name

# The settings tree and what loads, checks and describes it.
SETTINGS = frozenset(
    {"settings"}
    | {
        f"settings_{part}"
        for part in (
            "types",
            "schema",
            "faults",
            "sources",
            "proxies",
            "admission",
            "presets",
            "rebalance",
            "sockets",
            "admin",
            "auth",
            "auth_checks",
            "broker_checks",
            "logs",
            "monitor",
            "checks",
            "proxy_checks",
            "load",
            "docs",
        )
    }
)
ORDER: tuple[frozenset[str], ...] = (
    frozenset({"", "codes", "codes_browser", "codes_docs", "codes_seen", "codes_stages", "errors"} | SETTINGS),
    frozenset({"profile", "telemetry", "resilience"}),
    frozenset({"protocol"}),
    frozenset({"auth", "channels", "broker", "proxy"}),
    frozenset({"connections"}),
    frozenset({"admission", "monitoring", "diagnostics", "verify"}),
    frozenset({"transports", "server", "routes"}),
    frozenset({"app", "wiring", "main", "cli", "__main__"}),
)
# Parts of this layer are strangers to each other; what one needs of another, main.py hands over.
STRANGERS = frozenset({"auth", "channels", "broker", "proxy"})
# The libraries that tie code to a running server, and the parts that may import them.
BOUND = {
    "starlette": frozenset({"transports", "routes", "app", "wiring", "main", "cli"}),
    "uvicorn": frozenset({"server", "main", "cli"}),
}


KNOWN = frozenset().union(*ORDER)


def part_of(dotted: str) -> str:
    """Return the first name under `holdfast`, "" for the package itself and what is defined in it."""
    name = ([*dotted.split("."), ""])[1]
    if name.startswith("wiring_"):
        return "wiring"
    stem = name.partition("_")[0]
    if name not in KNOWN and stem in ORDER[0]:
        return stem
    return name if not name.startswith("__version") else ""


def layer_of(part: str) -> int:
    """Return a part's place in the order.

    Raises:
        AssertionError: it has none yet.
    """
    found = [index for index, layer in enumerate(ORDER) if part in layer]
    assert found, f"give {part} a layer in ORDER"
    return found[0]


def test_parts_are_in_the_order():
    """Each module and package directly under `holdfast` has its place in the order."""
    assert {part_of(module_name(path)) for path in app_modules()} <= KNOWN


def test_imports_go_one_way():
    """No module imports from a layer below its own in the list."""
    upward = [
        f"{module_name(path)} imports {name}"
        for path in app_modules()
        for name in sorted(imports_of(path))
        if name.startswith("holdfast.") and layer_of(part_of(name)) > layer_of(part_of(module_name(path)))
    ]

    assert not upward, "\n".join(upward)


def test_strangers_do_not_import_each_other():
    """auth, channels, broker and proxy know nothing of one another."""
    between = [
        f"{module_name(path)} imports {name}"
        for path in app_modules()
        for name in sorted(imports_of(path))
        if {part_of(module_name(path)), part_of(name)} <= STRANGERS
        and name.startswith("holdfast.")
        and part_of(module_name(path)) != part_of(name)
    ]

    assert not between, "\n".join(between)


def test_imports_have_no_cycle():
    """Modules can be loaded in an order in which each comes after all it imports."""
    names = {module_name(path) for path in app_modules()}
    packages = {module_name(path) for path in app_modules() if path.name == "__init__.py"}
    graph = {
        module_name(path): _modules_behind(imports_of(path, when_loaded=True), names) - packages
        for path in app_modules()
    }

    try:
        TopologicalSorter({name: found - {name} for name, found in graph.items()}).prepare()
    except CycleError as error:
        raise AssertionError(f"import cycle: {' -> '.join(error.args[1])}") from error


def _modules_behind(imported: set[str], names: set[str]) -> set[str]:
    """Return the modules that `from a import b` means: a.b where that is a module, else a."""
    return {name if name in names else name.rpartition(".")[0] for name in imported} & names


def test_server_libraries_stay_at_the_edge():
    """Starlette and uvicorn are imported only where a server is at hand."""
    strayed = [
        f"{module_name(path)} imports {name}"
        for path in app_modules()
        for name in sorted(imports_of(path))
        if (allowed := BOUND.get(name.split(".")[0])) is not None and part_of(module_name(path)) not in allowed
    ]

    assert not strayed, "\n".join(strayed)
