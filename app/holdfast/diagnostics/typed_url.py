"""URLs as people type them: what is missing is filled in, what cannot be meant is told. Pure."""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

_WITH_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")
_PLAIN_PORT: Final = 80
_TLS_PORT: Final = 443


def completed(typed: str, secure: str, plain: str) -> str:
    """Return a URL with a scheme: as typed, else `secure`, or `plain` for what has no certificate as a rule.

    That is this machine, a bare address, a name without a dot such as a container's, and port 80.
    """
    text = typed.strip()
    if not text or _WITH_SCHEME.match(text):
        return text
    text = text.removeprefix("//")
    if text.startswith(":"):
        text = f"localhost{text}"
    return f"{plain if _is_plain(text) else secure}://{text}"


def _is_plain(text: str) -> bool:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if port in {_PLAIN_PORT, _TLS_PORT}:
        return port == _PLAIN_PORT
    return "." not in host or host.endswith(".localhost") or _is_address(host)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
