"""Keep secrets out of log lines: by the key they stand under, and by their looks anywhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

HIDDEN = "********"
_DEEPEST = 5
_KEYS = frozenset(
    {
        "access_token",
        "api_key",
        "apikey",
        "authorization",
        "cookie",
        "hmac_secret",
        "password",
        "proxy-authorization",
        "refresh_token",
        "secret",
        "set-cookie",
        "token",
        "x-api-key",
    }
)
_ENDINGS = ("_token", "_secret", "_password", "_api_key")
# A JWT begins with the base64url of `{"`.
_JWT = re.compile(r"eyJ[\w-]{5,}(?:\.[\w-]*){0,4}")
_QUERY = re.compile(r"(?i)((?:token|api_key|apikey|secret|password|cf_connect)=)[^&\s\"'<>;]+")
_SCHEME = re.compile(r"(?i)\b((?:bearer|apikey|basic)\s+)[\w.~+/=-]{6,}")
_CREDENTIALS = re.compile(r"(://)[^/@\s:]*:[^/@\s]*(@)")
_SUSPICIOUS = re.compile(r"(?i)eyJ|token=|cf_connect=|key=|secret=|password=|bearer|apikey|basic\s|://")


def redact(logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide secrets in a log event; a structlog processor, to run after exceptions became text."""
    for key, value in event.items():
        event[key] = _value(key, value, 0)
    return event


def redact_text(text: str) -> str:
    """Return a text without tokens, keys and passwords in it."""
    if _is_plain(text) or _SUSPICIOUS.search(text) is None:
        return text
    text = _JWT.sub("eyJ" + HIDDEN, text)
    text = _QUERY.sub(rf"\1{HIDDEN}", text)
    text = _SCHEME.sub(rf"\1{HIDDEN}", text)
    return _CREDENTIALS.sub(rf"\1{HIDDEN}\2", text)


def _is_plain(text: str) -> bool:
    """Tell that nothing can be hidden there, as in nearly all names, ids and addresses, far quicker than a search."""
    return "=" not in text and "eyJ" not in text and "://" not in text and len(text.split(None, 1)) < 2


def _value(key: str, value: Any, depth: int) -> Any:
    if value is None or value == "" or isinstance(value, bool | float):  # a float is a duration, never a secret
        return value
    name = key.lower()
    return HIDDEN if name in _KEYS or name.endswith(_ENDINGS) else _inside(value, depth)


def _inside(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return redact_text(bytes(value).decode("utf-8", "backslashreplace"))
    if value is None or isinstance(value, int | float):
        return value
    if depth >= _DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return {str(key): _value(str(key), item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_inside(item, depth + 1) for item in value]
    return redact_text(str(value))
