"""What an HAProxy configuration does to connections: which backend leads to the gateway, and what holds there."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from holdfast.diagnostics.findings import Finding
from holdfast.diagnostics.haproxy_file import Section, Sections, read_haproxy, seconds
from holdfast.diagnostics.path_checks import Timeout, fault_findings, idle_finding, number, poll_finding, room_finding
from holdfast.diagnostics.proxy_files import load
from holdfast.diagnostics.terms import Terms

_LOSING: Final = frozenset({"del-header", "set-header", "replace-header"})
_NO_LIMIT: Final = Timeout(math.inf, "", "", "")


@dataclass(frozen=True, slots=True)
class Way:
    """A backend and the frontends that use it; a `listen` section is both."""

    backend: Section
    frontends: tuple[Section, ...]


def haproxy_of(path: Path, terms: Terms) -> list[Finding]:
    """Return what is wrong with a configuration file, or with a folder of such files."""
    return haproxy_findings(read_haproxy(load(path, "haproxy.cfg", ("*.cfg",))), terms)


def haproxy_findings(parsed: Sections, terms: Terms) -> list[Finding]:
    """Return what is wrong with a configuration for a gateway with these terms, or that nothing is."""
    found = fault_findings("haproxy_unreadable", [*parsed.faults, *_odd_times(parsed)])
    ways = ways_to_gateway(parsed, terms)
    if not ways:
        return [*found, _none_leads_here(parsed, terms)]
    for way in ways:
        found += _of_way(way, terms) + _room(parsed, way, terms)
    found = list(dict.fromkeys(found))
    if not found:
        names = ", ".join(way.backend.name for way in ways)
        found.append(Finding("haproxy", "ok", "The HAProxy configuration suits the gateway.", f"backends {names}"))
    return found


def ways_to_gateway(parsed: Sections, terms: Terms) -> list[Way]:
    """Return the ways that lead to the gateway: by its port, by its path, or because there is only one."""
    backends = [one for one in parsed.of("backend", "listen") if _servers(one)]
    ways = [Way(one, _frontends_of(one, parsed)) for one in backends]
    by_port = [way for way in ways if _ports(way.backend) & set(terms.ports)]
    by_path = [way for way in ways if _is_chosen_by(way, terms.websocket)]
    return by_port or by_path or (ways if len(ways) == 1 else [])


# Private functions


def _servers(section: Section) -> list[tuple[str, ...]]:
    lines = [*section.own("server"), *section.own("server-template")]
    return [one.words for one in lines if len(one.words) > 2]


def _ports(section: Section) -> set[int]:
    """Return the ports of a section's servers; in a template, the address comes one word later."""
    found: set[int] = set()
    for words in _servers(section):
        address = words[3] if words[0] == "server-template" and len(words) > 3 else words[2]
        if (port := number(address.rpartition(":")[2])) is not None:
            found.add(port)
    return found


def _frontends_of(backend: Section, parsed: Sections) -> tuple[Section, ...]:
    if backend.kind == "listen":
        return (backend,)
    return tuple(
        one
        for one in parsed.of("frontend", "listen")
        if ((default := one.find("default_backend")) is not None and backend.name in default.words)
        or any(backend.name in line.words for line in one.own("use_backend"))
    )


def _is_chosen_by(way: Way, path: str) -> bool:
    """Tell whether a frontend sends a path of the gateway here by a name that its rules mention."""
    for frontend in way.frontends:
        names = {
            line.words[1]
            for line in frontend.own("acl")
            if len(line.words) > 1 and any(path.startswith(word) and len(word) > 1 for word in line.words[2:])
        }
        for line in frontend.own("use_backend"):
            if way.backend.name in line.words[1:2] and any(
                word in names or (len(word) > 1 and word.startswith("/") and path.startswith(word))
                for word in line.words[2:]
            ):
                return True
    return False


def _none_leads_here(parsed: Sections, terms: Terms) -> Finding:
    ports = " or ".join(map(str, terms.ports))
    count = len(parsed.of("backend", "listen"))
    return Finding(
        "haproxy_not_on_the_way",
        "unknown",
        "It cannot be told which backend of the HAProxy configuration leads to the gateway.",
        f"{count} backends; none has a server at port {ports} or serves {terms.websocket}",
        "Give the file with the backend that does.",
    )


def _of_way(way: Way, terms: Terms) -> list[Finding]:
    client = min((_timeout(one, "client") for one in way.frontends), key=_seconds, default=_NO_LIMIT)
    server = _timeout(way.backend, "server")
    shorter = min(client, server, key=_seconds)
    tunnel = _timeout(way.backend, "tunnel")
    found = [
        *_headers(way),
        idle_finding(_for("WebSocket", tunnel if tunnel.seconds < math.inf else shorter), terms),
        idle_finding(_for("stream", shorter), terms) if terms.streams else None,
        poll_finding(_for("poll", server), terms),
    ]
    return [one for one in found if one is not None]


def _timeout(section: Section, name: str) -> Timeout:
    """Return a timeout of a section; what is not set, is 0 or cannot be read never strikes."""
    line = section.find("timeout", name)
    if line is None or len(line.words) < 3:
        return _NO_LIMIT
    return Timeout(seconds(line.words[2]) or math.inf, f"timeout {name}", line.place, "")


def _for(use: str, timeout: Timeout) -> Timeout:
    return Timeout(timeout.seconds, timeout.setting, timeout.place, use)


def _seconds(timeout: Timeout) -> float:
    return timeout.seconds


def _odd_times(parsed: Sections) -> Iterable[str]:
    for section in parsed.of("defaults", "frontend", "backend", "listen"):
        for line in section.own("timeout"):
            if len(line.words) < 3 or seconds(line.words[2]) is None:
                yield f"{line.place}: `{' '.join(line.words)[:60]}` is no time that can be read here"


def _headers(way: Way) -> list[Finding]:
    """Return rules that take the upgrade away; HAProxy itself passes it on."""
    for section in (*way.frontends, way.backend):
        for line in section.own("http-request"):
            words = [word.lower() for word in line.words]
            if len(words) > 2 and words[1] in _LOSING and words[2] == "upgrade" and "websocket" not in words:
                text = "HAProxy changes the Upgrade header, so handshakes fail."
                evidence = f"`{' '.join(line.words)[:80]}` ({line.place})"
                return [Finding("upgrade_stripped", "critical", text, evidence, "Take the rule out for the gateway.")]
    return []


def _room(parsed: Sections, way: Way, terms: Terms) -> list[Finding]:
    """Return limits of connections that are lower than the gateway's."""
    found = [_narrow(section, terms) for section in (*parsed.of("global"), *way.frontends)]
    limits = [_after(words, "maxconn") for words in _servers(way.backend)]
    if limits and all(limits):
        evidence = f"`maxconn` of the servers of backend {way.backend.name}"
        found.append(room_finding("haproxy_maxconn", max(limits), evidence, terms))
    return [one for one in found if one is not None]


def _narrow(section: Section, terms: Terms) -> Finding | None:
    line = section.find("maxconn")
    limit = _after(line.words, "maxconn") if line is not None else 0
    if line is None or not limit:
        return None
    return room_finding("haproxy_maxconn", limit, f"`maxconn` of {section.kind} {section.name} ({line.place})", terms)


def _after(words: tuple[str, ...], name: str) -> int:
    """Return the number behind a word, 0 if there is none."""
    return number(words[words.index(name) + 1]) or 0 if name in words[:-1] else 0
