"""The cookies of the login: their names, what browsers are told of them, and reading them. Pure.

`SameSite=Strict` costs a page nothing here, for only its own scripts call `/auth/...`, also right after somebody
followed a link from elsewhere. What opens something goes to the one path that wants it; `session` opens no session, it
says which refresh token this very host has given to the browser.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address
from typing import Final, Literal
from urllib.parse import urlsplit

from starlette.types import Scope

from holdfast.transports.websocket import Originate

Kind = Literal["refresh", "device", "session"]
Header = tuple[bytes, bytes]

_PATHS: Final[dict[Kind, str]] = {"refresh": "/auth", "device": "/auth", "session": "/"}
# What a page of another host of the same domain could set for ours does not have this one.
_PREFIXES: Final[dict[Kind, str]] = {"refresh": "__Secure-", "device": "__Secure-", "session": "__Host-"}
_MOST_OF_A_NAME: Final = 8
DEVICE_SECONDS: Final = 180 * 86400
_LOOPBACK: Final = ("localhost", "::1")


class CookieJar:
    """Reads and writes the cookies of one request; `is_secure` says whether they are kept to TLS."""

    def __init__(self, headers: Iterable[Header], *, is_secure: bool) -> None:
        self._is_secure = is_secure
        self._values: dict[str, list[str]] = {}
        for name, value in headers:
            if name == b"cookie":
                for pair in value.decode("latin-1").split(";"):
                    key, _, content = pair.strip().partition("=")
                    self._values.setdefault(key, []).append(content.strip('"'))

    def get(self, kind: Kind) -> str:
        """Return a cookie's value, "" if it did not come."""
        return next(iter(self.all(kind)), "")

    def all(self, kind: Kind) -> list[str]:
        """Return the first values of all cookies of that name.

        Another host of the same domain may have set one too, whose order its path decides.
        """
        return self._values.get(self._name(kind), [])[:_MOST_OF_A_NAME]

    def give(self, kind: Kind, value: str, seconds: float) -> Header:
        """Return the header that lets the browser keep a cookie for so long; 0 makes it forget."""
        secure = "; Secure" if self._is_secure else ""
        attributes = f"Path={_PATHS[kind]}; Max-Age={max(0, int(seconds))}; HttpOnly{secure}; SameSite=Strict"
        return b"set-cookie", f"{self._name(kind)}={value}; {attributes}".encode("latin-1")

    def forget(self, *kinds: Kind) -> list[Header]:
        """Return the headers that make the browser forget cookies."""
        return [self.give(kind, "", 0) for kind in kinds]

    def _name(self, kind: Kind) -> str:
        return f"{_PREFIXES[kind] if self._is_secure else ''}holdfast_{kind}"


def jar_of(scope: Scope, originate: Originate, *, insecure_loopback: bool) -> CookieJar:
    """Return a request's cookies.

    They are kept to TLS, also where plain HTTP arrives here: a terminator may be in between that nobody named in
    `http.trusted_proxies`. The one exception has to be allowed, and is plain HTTP from this machine to a loopback name.
    """
    return CookieJar(scope["headers"], is_secure=not (insecure_loopback and _is_plain_loopback(scope, originate)))


def _is_plain_loopback(scope: Scope, originate: Originate) -> bool:
    peer = scope.get("client")
    address, scheme = originate(peer[0] if peer else "", scope.get("scheme", "http"), scope["headers"])
    host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
    return scheme == "http" and _is_loopback(address) and _is_loopback(_name_of(host))


def _name_of(authority: str) -> str:
    try:
        return urlsplit(f"//{authority}").hostname or ""
    except ValueError:
        return ""


def _is_loopback(name: str) -> bool:
    try:
        return name in _LOOPBACK or IPv4Address(name).is_loopback
    except ValueError:
        return False
