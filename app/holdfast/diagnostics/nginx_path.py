"""What an nginx configuration does to connections: what holds at the locations that lead to the gateway."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

from holdfast.diagnostics.findings import Finding
from holdfast.diagnostics.nginx_file import Directive, Tree, named, read_nginx, seconds
from holdfast.diagnostics.nginx_model import Nginx, Scope, headers_of, leading_location, servers_of_gateway
from holdfast.diagnostics.path_checks import Timeout, fault_findings, idle_finding, number, poll_finding, room_finding
from holdfast.diagnostics.proxy_files import load, load_included
from holdfast.diagnostics.terms import Terms

_READ_TIMEOUT_SECONDS: Final = 60.0
_WORKER_CONNECTIONS: Final = 512
_PAGE: Final = "docs/reverse-proxies.md has a configuration that works."


def nginx_of(path: Path, terms: Terms, cores: int) -> list[Finding]:
    """Return what is wrong with a configuration file, or with a folder of such files."""
    folder = path if path.is_dir() else path.parent
    loaded = load(path, "nginx.conf", ("*.conf", "sites-enabled/*"))
    return nginx_findings(read_nginx(loaded, lambda pattern: load_included(folder, pattern)), terms, cores)


def nginx_findings(tree: Tree, terms: Terms, cores: int) -> list[Finding]:
    """Return what is wrong with a configuration for a gateway with these terms, or that nothing is."""
    nginx = Nginx.of(tree)
    found = fault_findings("nginx_unreadable", tree.faults)
    servers = servers_of_gateway(nginx, terms)
    if not servers:
        return [*found, _none_leads_here(nginx, terms)]
    for server in servers:
        found += _of_server(nginx, server, terms)
    found += _room(nginx, terms, cores)
    # Servers for two names are often alike.
    found = list(dict.fromkeys(found))
    if not found:
        places = ", ".join(server.place for server in servers)
        found.append(Finding("nginx", "ok", "The nginx configuration suits the gateway.", f"servers at {places}"))
    return found


# Private functions


def _none_leads_here(nginx: Nginx, terms: Terms) -> Finding:
    ports = " or ".join(map(str, terms.ports))
    return Finding(
        "nginx_not_on_the_way",
        "unknown",
        "It cannot be told which server of the nginx configuration leads to the gateway.",
        f"{len(nginx.servers)} servers; none passes to port {ports} or names {terms.websocket}",
        "Give the file with the server that does.",
    )


def _of_server(nginx: Nginx, server: Scope, terms: Terms) -> list[Finding]:
    found: list[Finding | None] = []
    if (scope := leading_location(nginx, server, terms.websocket, terms)) is not None:
        found += [*_version(scope), *_upgrade(nginx, scope), *_origin(scope, terms)]
        found.append(idle_finding(_read_timeout(scope, "WebSocket"), terms))
    for path in terms.streams:
        if (scope := leading_location(nginx, server, path, terms)) is not None:
            found += [*_buffering(scope), idle_finding(_read_timeout(scope, "stream"), terms)]
    if terms.poll and (scope := leading_location(nginx, server, terms.poll, terms)) is not None:
        found.append(poll_finding(_read_timeout(scope, "poll"), terms))
    return [one for one in found if one is not None]


def _version(scope: Scope) -> list[Finding]:
    """Return what is wrong with the version of HTTP; the default depends on nginx's own version."""
    line = scope.last("proxy_http_version")
    if line is not None and line.args[:1] != ("1.0",):
        return []
    remedy = f"Write `proxy_http_version 1.1;` into that location. {_PAGE}"
    if line is not None:
        text = "nginx asks the gateway in HTTP/1.0, which has no upgrades."
        return [Finding("upgrade_stripped", "critical", text, f"`proxy_http_version` ({line.place})", remedy)]
    text = "nginx before 1.29.7 asks the gateway in HTTP/1.0, which has no upgrades."
    return [Finding("upgrade_stripped", "warning", text, f"no `proxy_http_version` for {scope.place}", remedy)]


def _upgrade(nginx: Nginx, scope: Scope) -> list[Finding]:
    headers = headers_of(scope)
    wrong = [name for name, is_right in _RIGHT.items() if not is_right(nginx, headers.get(name, ""))]
    if not wrong:
        return []
    hidden = " (its own `proxy_set_header` lines hide those outside of it)" if headers else ""
    return [
        Finding(
            "upgrade_stripped",
            "critical",
            f"nginx does not pass on {' and '.join(name.title() for name in wrong)}, so every handshake fails.",
            f"the location at {scope.place}{hidden}",
            "Write `proxy_set_header Upgrade $http_upgrade;` and `proxy_set_header Connection $connection_upgrade;` "
            f"into it. {_PAGE}",
        )
    ]


def _is_upgrade(nginx: Nginx, value: str) -> bool:
    return "$" in value or value.lower() == "websocket"


def _is_connection(nginx: Nginx, value: str) -> bool:
    if value.startswith("$"):
        for one in named(nginx.http, "map"):
            if len(one.args) > 1 and one.args[1] == value:
                return any("upgrade" in arg.lower() or "$" in arg for line in one.block or [] for arg in line.args)
    return "upgrade" in value.lower() or "$" in value


_RIGHT: Final = {"upgrade": _is_upgrade, "connection": _is_connection}


def _origin(scope: Scope, terms: Terms) -> list[Finding]:
    if terms.has_origins or "host" in headers_of(scope):
        return []
    return [
        Finding(
            "origin_not_allowed",
            "warning",
            "nginx replaces Host by the gateway's address, so pages of the same host are taken for foreign ones.",
            f"the location at {scope.place} sets no Host, and `client.allowed_origins` is empty",
            "Write `proxy_set_header Host $http_host;` into it, or name the pages in `client.allowed_origins`.",
        )
    ]


def _buffering(scope: Scope) -> list[Finding]:
    buffering, ignored = scope.last("proxy_buffering"), scope.all("proxy_ignore_headers")
    is_on = buffering is None or buffering.args[:1] != ("off",)
    line = next((one for one in ignored if any(arg.lower() == "x-accel-buffering" for arg in one.args)), None)
    if not is_on or line is None:
        return []
    return [
        Finding(
            "stream_buffered",
            "critical",
            "nginx buffers streams, so their clients hear of nothing until a buffer is full.",
            f"`proxy_ignore_headers` at {line.place} names X-Accel-Buffering, by which the gateway asks not to",
            "Take it out there, or write `proxy_buffering off;`.",
        )
    ]


def _read_timeout(scope: Scope, use: str) -> Timeout:
    line = scope.last("proxy_read_timeout")
    given = seconds("".join(line.args)) if line is not None else _READ_TIMEOUT_SECONDS
    place = line.place if line is not None else "nginx's default"
    # One that cannot be read, or 0, is nothing to judge by.
    return Timeout(given or math.inf, "proxy_read_timeout", place, use)


def _room(nginx: Nginx, terms: Terms, cores: int) -> list[Finding]:
    events = named(nginx.root, "events")
    if not events:
        return []  # not the main file
    line = next(iter(named(events[-1].block or [], "worker_connections")), None)
    each = _number(line, _WORKER_CONNECTIONS)
    workers = next(iter(named(nginx.root, "worker_processes")), None)
    is_auto = workers is not None and workers.args[:1] == ("auto",)
    count = cores if is_auto else _number(workers, 1)
    said = f"{count} workers (`auto` on this machine)" if is_auto else f"{count} workers"
    evidence = f"{said} with {each} `worker_connections`, two for each client ({events[-1].place})"
    found = room_finding("nginx_worker_connections", count * each // 2, evidence, terms)
    return [found] if found is not None else []


def _number(line: Directive | None, default: int) -> int:
    found = number(line.args[0]) if line is not None and line.args else None
    return default if found is None else found
