"""What is probed: a URL taken apart, the ways beside it, and how it may be shown. Pure."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args
from urllib.parse import unquote, urlencode, urlsplit

from holdfast.telemetry.redaction import redact_text

TransportName = Literal["websocket", "http_stream", "sse", "poll"]
TRANSPORTS: Final[tuple[TransportName, ...]] = get_args(TransportName)
STREAMS: Final = frozenset({"http_stream", "sse"})

_SCHEMES: Final = {"ws": False, "http": False, "wss": True, "https": True}
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_OURS: Final = {"host", "upgrade", "connection", "content-length", "transfer-encoding"}
_LONGEST_VALUE: Final = 200
_MOST_HEADERS: Final = 50
_SHOWN: Final = {"origin", "user-agent", "host", "upgrade", "connection", "content-type", "accept"}


class TargetError(ValueError):
    """What was asked for cannot be probed; the text says what was expected and what came."""


@dataclass(frozen=True, slots=True)
class Target:
    """One door: where it is, which path leads to it, and what is said to it."""

    host: str
    port: int
    is_secure: bool
    path: str
    query: str
    transport: TransportName
    cid: str
    credentials: str = ""
    origin: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def authority(self) -> str:
        """The Host header: without the port where it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_secure else 80) else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """The URL without what may be secret in it."""
        scheme = ("wss" if self.is_secure else "ws") if self.transport == "websocket" else self.scheme
        return redact_text(f"{scheme}://{self.authority}{self.path}" + (f"?{self.query}" if self.query else ""))

    @property
    def scheme(self) -> str:
        """The scheme of plain requests beside the probed one."""
        return "https" if self.is_secure else "http"

    @property
    def request_target(self) -> str:
        """Path and query of the probed request, with the id of this attempt."""
        return f"{self.path}?{self.query + '&' if self.query else ''}cid={self.cid}"

    def beside(self, path: str, **query: str) -> str:
        """Return path and query of something beside the probed door, such as `/emulation`."""
        base = self.path.partition("/connection/")[0] if "/connection/" in self.path else ""
        return f"{base}{path}" + (f"?{urlencode(query)}" if query else "")

    def request_headers(self, *own: tuple[str, str]) -> list[tuple[str, str]]:
        """Return the headers of a request: Host, what the transport needs (`own`), and what was asked for."""
        headers = [("Host", self.authority), *own]
        if self.origin:
            headers.append(("Origin", self.origin))
        given = {name.lower() for name, _ in self.headers}
        if self.credentials and "authorization" not in given:
            headers.append(("Authorization", f"Basic {self.credentials}"))
        return [*headers, *self.headers]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person asked for, besides the URL."""

    transport: TransportName = "websocket"
    origin: str = ""
    headers: Sequence[str] = ()


def target_of(url: str, wanted: Wanted, cid: str) -> Target:
    """Return the target that a URL means; without a path that of the transport.

    Raises:
        TargetError: it is no URL of a gateway, or a header is none.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        host = _host(parts.hostname or "")
    except ValueError as error:
        raise TargetError(f"expected wss://HOST/connection/websocket; {redact_text(str(error))}") from None
    if parts.scheme not in _SCHEMES or not host or port == 0 or _has_controls(url):
        raise TargetError("expected a URL such as wss://HOST/connection/websocket")
    is_secure = _SCHEMES[parts.scheme]
    if _has_controls(wanted.origin):
        raise TargetError("expected an origin such as https://app.example.com, got control characters")
    return Target(
        host=host,
        port=port or (443 if is_secure else 80),
        is_secure=is_secure,
        path=_path(parts.path, wanted.transport),
        query="&".join(piece for piece in parts.query.split("&") if piece and not piece.startswith("cid=")),
        transport=wanted.transport,
        cid=cid,
        credentials=_credentials(parts.username, parts.password),
        origin=wanted.origin,
        headers=tuple(_header(text) for text in wanted.headers),
    )


def shown_headers(headers: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return headers as a report may show them: those that may hold secrets by name alone."""
    return {
        name.lower(): redact_text(value[:_LONGEST_VALUE]) if _is_harmless(name.lower()) else "(not shown)"
        for name, value in headers
    }


def shown_answer(headers: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the headers of an answer, the first ones, cookies by name alone."""
    return {
        name: f"{value.partition('=')[0][:40]}=..." if name == "set-cookie" else redact_text(value[:_LONGEST_VALUE])
        for name, value in headers[:_MOST_HEADERS]
    }


def _is_harmless(name: str) -> bool:
    return name in _SHOWN or name.startswith("sec-websocket-")


def _host(name: str) -> str:
    if not name or name.isascii():
        return name
    try:
        return name.encode("idna").decode()
    except UnicodeError:
        raise ValueError(f"{name!r} cannot be a host name") from None


def _path(path: str, transport: TransportName) -> str:
    """Return the path; one that names another transport leads to the wanted one beside it."""
    base, name, last = path.rpartition("/connection/")
    if name and last in TRANSPORTS:
        return f"{base}/connection/{transport}"
    return path if path.strip("/") else f"/connection/{transport}"


def _credentials(user: str | None, password: str | None) -> str:
    if user is None and password is None:
        return ""
    return base64.b64encode(f"{unquote(user or '')}:{unquote(password or '')}".encode()).decode()


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not _HEADER_NAME.fullmatch(name) or _has_controls(value) or not value.isascii():
        raise TargetError(f"expected a header as 'Name: value', got one that begins with {text[:12]!r}")
    if name.lower() in _OURS or name.lower().startswith("sec-websocket-"):
        raise TargetError(f"the header {name} is the probe's own and cannot be set")
    return name, value.strip()


def _has_controls(text: str) -> bool:
    return any(
        ord(character) < 32 or ord(character) == 127 or (character.isspace() and character != " ") for character in text
    )
