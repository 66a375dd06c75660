"""What is probed: a URL taken apart, the ways beside it, and how it may be shown. Pure."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args
from urllib.parse import unquote, urlencode, urlsplit

from holdfast.diagnostics.typed_url import completed
from holdfast.telemetry.redaction import redact_text

TransportName = Literal["websocket", "http_stream", "sse", "poll"]
TRANSPORTS: Final[tuple[TransportName, ...]] = get_args(TransportName)
STREAMS: Final = frozenset({"http_stream", "sse"})

_SCHEMES: Final = {"ws": False, "http": False, "wss": True, "https": True}
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_OURS: Final = {"host", "upgrade", "connection", "content-length", "transfer-encoding"}
_HOST: Final = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+(%[\w.-]+)?")  # a name, or an IPv6 address and its zone
_EXAMPLE: Final = "wss://HOST/connection/websocket"
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
    """Return the target that a URL means; without a path that of the transport, without a scheme the likely one.

    Raises:
        TargetError: it is no URL of a gateway, or a header is none.
    """
    url = completed(url, "wss", "ws")
    try:
        parts = urlsplit(url)
        port = parts.port
        host = _host(parts.hostname or "")
    except ValueError:
        # Not quoted: with a slash in a password, what looks like host and port is half of it.
        raise TargetError(f"expected a URL such as {_EXAMPLE}, got one whose host or port (1-65535) is none") from None
    if (fault := _fault(url, parts.scheme, host, port)) is not None:
        raise TargetError(f"expected a URL such as {_EXAMPLE}, got {fault}")
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


def _fault(url: str, scheme: str, host: str, port: int | None) -> str | None:
    """Return in words why nobody can connect there; only what cannot be a secret is quoted."""
    if not url:
        return "an empty text"
    if scheme not in _SCHEMES:
        return f"the scheme {scheme[:20]!r}" if scheme else "no scheme"
    if not host:
        return "no host"
    if port == 0:
        return "port 0"
    return "control characters" if _has_controls(url) else None


def _host(name: str) -> str:
    if not name or _HOST.fullmatch(name):
        return name
    try:
        found = name.encode("idna").decode()
    except UnicodeError:
        found = ""
    if not _HOST.fullmatch(found):
        raise ValueError("no host name")
    return found


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
