"""What an nginx configuration means: servers and locations, what they inherit, and which lead to the gateway."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from holdfast.diagnostics.nginx_file import Directive, Tree, named
from holdfast.diagnostics.path_checks import number
from holdfast.diagnostics.terms import Terms


class Scope(NamedTuple):
    """A block and those around it, the outermost first."""

    levels: tuple[list[Directive], ...]
    place: str

    def within(self, directive: Directive) -> Scope:
        """Return the scope of a block in this one."""
        return Scope((*self.levels, directive.block or []), directive.place)

    def last(self, name: str) -> Directive | None:
        """Return the directive that counts here: the innermost one."""
        for level in reversed(self.levels):
            if found := named(level, name):
                return found[-1]
        return None

    def all(self, name: str) -> list[Directive]:
        """Return those that count here of a directive that stands more than once: those of the innermost level."""
        return next((found for level in reversed(self.levels) if (found := named(level, name))), [])


@dataclass(frozen=True, slots=True)
class Nginx:
    """What a configuration holds: its `http` level, its servers, its upstreams' ports by name, its maps."""

    root: list[Directive]
    http: list[Directive]
    servers: tuple[Scope, ...]
    upstreams: dict[str, frozenset[int]]

    @classmethod
    def of(cls, tree: Tree) -> Nginx:
        """Read the directives of a main file, or of files that a main file includes in `http`."""
        http = [*tree.directives, *(inner for one in named(tree.directives, "http") for inner in one.block or [])]
        around = Scope((http,), "")
        upstreams = {
            one.args[0]: frozenset(
                port for line in named(one.block or [], "server") if line.args and (port := _port(line.args[0], 80))
            )
            for one in named(http, "upstream")
            if one.args
        }
        return cls(tree.directives, http, tuple(around.within(one) for one in named(http, "server")), upstreams)

    def ports(self, scope: Scope) -> frozenset[int]:
        """Return the ports to which a location passes, none if it passes nothing on."""
        target = passes_to(scope)
        if not target:
            return frozenset()
        scheme, _, rest = target.rpartition("://")
        authority = rest.partition("/")[0]
        if authority in self.upstreams:
            return self.upstreams[authority]
        port = _port(authority, 443 if scheme == "https" else 80)
        return frozenset({port}) if port else frozenset()


def location_of(server: Scope, path: str) -> Scope:
    """Return the location that serves a path, as nginx picks it; the server itself where none does."""
    locations = [one for one in named(server.levels[-1], "location") if one.args and one.block is not None]
    longest: Directive | None = None
    for one in locations:
        mark, pattern = one.args[0] if len(one.args) > 1 else "", one.args[-1]
        if mark == "=" and pattern == path:
            return server.within(one)
        if (
            mark in {"", "^~"}
            and path.startswith(pattern)
            and (longest is None or len(pattern) > len(longest.args[-1]))
        ):
            longest = one
    if longest is not None and (nested := location_of(server.within(longest), path)).place != longest.place:
        return nested
    if longest is None or longest.args[0] != "^~":
        for one in locations:
            if len(one.args) > 1 and one.args[0] in {"~", "~*"} and _fits(one.args[1], one.args[0] == "~*", path):
                return server.within(one)
    return server.within(longest) if longest is not None else server


def passes_to(scope: Scope) -> str:
    """Return the target of `proxy_pass`, also where it stands behind an `if`."""
    blocks = [scope.levels[-1], *(one.block or [] for one in named(scope.levels[-1], "if"))]
    return next((one.args[0] for block in blocks for one in named(block, "proxy_pass") if one.args), "")


def headers_of(scope: Scope) -> dict[str, str]:
    """Return what `proxy_set_header` sets here, by name in lower case."""
    return {one.args[0].lower(): one.args[1] for one in scope.all("proxy_set_header") if len(one.args) > 1}


def servers_of_gateway(nginx: Nginx, terms: Terms) -> list[Scope]:
    """Return the servers that lead to the gateway: by its port, by its path, by an upgrade, or because there is one."""
    wanted = frozenset(terms.ports)
    passing = [one for one in nginx.servers if passes_to(location_of(one, terms.websocket))]
    by_port = [one for one in nginx.servers if any(wanted & nginx.ports(scope) for scope in _scopes(one))]
    by_path = [one for one in nginx.servers if any(terms.websocket in arg for arg in _words(one.levels[-1]))]
    by_upgrade = [one for one in passing if headers_of(location_of(one, terms.websocket)).get("upgrade")]
    likely = by_port or by_path or by_upgrade or (passing if len(passing) == 1 else [])
    return [one for one in likely if leading_location(nginx, one, terms.websocket, terms) is not None]


def leading_location(nginx: Nginx, server: Scope, path: str, terms: Terms) -> Scope | None:
    """Return the location by which a path of the gateway is reached, which may be under another path."""
    wanted = frozenset(terms.ports)
    location = location_of(server, path)
    leading = [one for one in _scopes(server) if wanted & nginx.ports(one)]
    if passes_to(location) and (not leading or wanted & nginx.ports(location)):
        return location
    return next((one for one in leading if _is_meant(one, path, terms)), None)


# Private functions


def _is_meant(scope: Scope, path: str, terms: Terms) -> bool:
    """Tell whether a location that nginx would not pick by this path is there for it all the same."""
    rest = passes_to(scope).partition("://")[2]
    _, slash, target = rest.partition("/")
    if slash and len(target) > 1 and path.startswith(f"/{target}"):
        return True  # `location /rt/ { proxy_pass http://gateway/connection/; }`
    return path == terms.websocket and bool(headers_of(scope).get("upgrade"))


def _scopes(scope: Scope) -> Iterable[Scope]:
    yield scope
    for one in named(scope.levels[-1], "location"):
        yield from _scopes(scope.within(one))


def _words(block: Iterable[Directive]) -> Iterable[str]:
    for one in block:
        yield from one.args
        yield from _words(one.block or ())


def _port(address: str, default: int) -> int:
    """Return the port of `host`, `host:port` or `[host]:port`; 0 for what has none, such as a variable or a socket."""
    if address.startswith(("unix:", "$")):
        return 0
    _, colon, port = address.rpartition(":")
    if not colon or address.endswith("]"):
        return default
    return number(port) or 0


def _fits(pattern: str, is_caseless: bool, path: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what a later Python will read in another way
        try:
            return re.search(pattern, path, re.IGNORECASE if is_caseless else 0) is not None
        except (re.error, RecursionError, OverflowError):  # PCRE knows more than Python does
            return False
