"""`holdfast channels` and `holdfast info`: what lives on the gateway."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from holdfast.cli.output import JsonFlag, columns, note, result, result_json
from holdfast.cli.place import ConfigOption, KeyOption, UrlOption

NODE_COLUMNS = ("name", "version", "num_clients", "num_users", "num_subs", "num_channels", "uptime")


def channels(
    pattern: Annotated[str, typer.Argument(help="Only these, `*` as wildcard.")] = "",
    url: UrlOption = "",
    api_key: KeyOption = "",
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List the channels that have subscribers."""
    found: dict[str, Any] = _call(config, url, api_key, "channels", pattern=pattern).get("channels", {})
    if as_json:
        result_json(found)
    elif not found:
        note("No channel has a subscriber.")
    else:
        rows = [(name, about.get("num_clients", 0)) for name, about in sorted(found.items())]
        result(columns(rows, ("CHANNEL", "CLIENTS")))


def info(url: UrlOption = "", api_key: KeyOption = "", config: ConfigOption = None, as_json: JsonFlag = False) -> None:
    """List the gateway's instances with what they hold."""
    nodes: list[dict[str, Any]] = _call(config, url, api_key, "info").get("nodes", [])
    if as_json:
        result_json(nodes)
        return
    head = [name.removeprefix("num_").upper() for name in NODE_COLUMNS]
    result(columns([[*_cells(node)] for node in nodes], head))


def _cells(node: dict[str, Any]) -> Iterator[object]:
    for name in NODE_COLUMNS:
        yield f"{node.get(name, 0)} s" if name == "uptime" else node.get(name, 0)


def _call(config: Any, url: str, api_key: str, method: str, **params: Any) -> dict[str, Any]:
    from holdfast.cli.api_client import call
    from holdfast.cli.place import place

    return call(place(config, url, api_key), method, **{key: value for key, value in params.items() if value})
