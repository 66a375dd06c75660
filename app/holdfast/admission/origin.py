"""Which pages may open connections: Origin against Host and a list of patterns (RFC 6454, RFC 6455 10.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
# scheme://host[:port] and nothing after it: a pattern's `*` must never reach into a path, query or user part.
_WELL_FORMED = re.compile(r"([a-z][a-z0-9+.\-]*)://([^\s/?#@\\]+)")


class OriginPolicy:
    """Same origin always, no Origin at all (not a browser) always, and what a pattern admits.

    A pattern is a whole origin such as `https://app.example.com`, with `*` for any run of characters and `?` for one,
    as in Centrifugo; `*` alone admits every page. Patterns are compared without case.

    Raises:
        ValueError: a pattern is empty.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = tuple(_compile(pattern) for pattern in patterns)

    def refusal(self, origins: list[str], host: str) -> str | None:
        """Return why the page may not connect, or None; `origins` are the values of all Origin headers."""
        if not origins:
            return None
        if len(origins) > 1:
            return f"expected one Origin header, came {len(origins)}"
        origin = origins[0].strip().lower()
        match = _WELL_FORMED.fullmatch(origin)
        if match is not None and _is_same_host(match[1], match[2], host.strip().lower()):
            return None
        if (match is not None or origin == "null") and any(pattern.fullmatch(origin) for pattern in self._patterns):
            return None
        return f"Origin {origin[:200]!r} is neither that of Host {host[:200]!r} nor in the list"


def _is_same_host(scheme: str, authority: str, host: str) -> bool:
    # The scheme is not compared: behind a TLS terminator the gateway itself sees plain HTTP.
    port = _DEFAULT_PORTS.get(scheme, "")
    return bool(host) and authority.removesuffix(port) == host.removesuffix(port)


def _compile(pattern: str) -> re.Pattern[str]:
    if not pattern.strip():
        raise ValueError("an origin pattern is empty")
    parts = (".*" if char == "*" else "." if char == "?" else re.escape(char) for char in pattern.strip().lower())
    return re.compile("".join(parts))
