"""What an HTTP answer to a handshake means that is not the one hoped for. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from holdfast.codes import CODES
from holdfast.diagnostics.probe.http import Answer, looks_like_tls
from holdfast.diagnostics.probe.proxies import proxies_in_answer
from holdfast.diagnostics.probe.verdict import Verdict, verdict
from holdfast.telemetry.redaction import redact_text

_REDIRECTS: Final = {301, 302, 303, 307, 308}
_NO_GATEWAY: Final = {
    502: "it gets no usable answer from the gateway",
    503: "it has no gateway to send this to",
    504: "the gateway does not answer it in time",
}
# 503 of others may as well be a limit of the proxy's own.
_SAYS_NO_BACKEND: Final = re.compile(
    r"No server is available to handle this request|no healthy upstream|upstream connect error", re.IGNORECASE
)
# nginx: src/http/ngx_http_special_response.c; Go: net/http/server.go; Apache httpd: modules/ssl/ssl_engine_kernel.c
_WANTS_TLS: Final = re.compile(
    r"HTTP request (was )?(sent )?to (an )?HTTPS (port|server)|plain HTTP to an SSL", re.IGNORECASE
)
_NO_UPGRADE_SEEN: Final = re.compile(r"upgrade|websocket", re.IGNORECASE)
_HANDSHAKE_CAUSES: Final = {"upgrade_required", "bad_handshake"}
_DOORS: Final = "/connection/websocket, /connection/http_stream, /connection/sse and /connection/poll"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the request was: whether it asked for an upgrade, whether it named an origin, and its path."""

    path: str
    is_upgrade: bool = True
    origin: str = ""


def refusal(answer: Answer, asked: Asked, seen: Mapping[str, Any] | None = None) -> Verdict:
    """Return why a handshake was answered with this; `seen` are the headers that the gateway saw, if it told."""
    own = answer.json()
    slug = own.get("slug")
    if isinstance(slug, str) and slug in CODES and own.get("code") == CODES[slug].number:
        return _of_gateway(slug, str(own.get("message", "")), asked, seen)
    if answer.status in _REDIRECTS:
        return _redirect(answer)
    text = answer.body[:4096].decode("latin-1")
    if answer.status == 400 and _WANTS_TLS.search(text):
        return verdict("tls_required", f"{_who(answer)} says so itself.")
    if asked.is_upgrade and _knows_no_upgrade(answer, text):
        return verdict("upgrade_stripped", f"{_who(answer)} answered {_status(answer)} to a request that had them.")
    return _of_stranger(answer, text, asked)


def not_http(first: bytes, reason: str, *, is_secure: bool) -> Verdict:
    """Return what it means that something else than HTTP came."""
    if looks_like_tls(first) and not is_secure:
        return verdict("tls_required", "It answered with a TLS record.")
    shown = f" It began with {first[:12]!r}." if first else ""
    return verdict("upgrade_invalid", f"{reason[0].upper()}{reason[1:]}.{shown}")


def _of_gateway(slug: str, message: str, asked: Asked, seen: Mapping[str, Any] | None) -> Verdict:
    detail = "The gateway says so itself."
    meaning = CODES[slug].meaning
    if message.startswith(meaning) and len(message) > len(meaning):
        detail = f"{redact_text(message[len(meaning) :].strip()[:300])} {detail}"
    if slug in _HANDSHAKE_CAUSES and asked.is_upgrade and _lost_upgrade(slug, seen):
        return verdict("upgrade_stripped", f"The request had them, and the gateway answered {slug}.")
    if slug == "not_found":
        return verdict(slug, detail, fix=f"Correct the URL's path: the gateway's doors are {_DOORS}.")
    return verdict(slug, detail)


def _lost_upgrade(slug: str, seen: Mapping[str, Any] | None) -> bool:
    """Tell whether the upgrade headers were lost on the way: they were sent, and rightly."""
    if not seen:
        return slug == "upgrade_required"
    headers = {name.lower(): str(value).lower() for name, value in seen.items()}
    return "websocket" not in headers.get("upgrade", "") or "upgrade" not in headers.get("connection", "")


def _redirect(answer: Answer) -> Verdict:
    location = _location(answer.header("location"))
    if location.startswith("https:"):
        fix = f"Connect to wss{location.removeprefix('https')}."
    else:
        fix = "Connect to the address that it names."
    return verdict(
        "upgrade_redirected", f"{_who(answer)} answered {answer.status} to {location or 'nowhere'}.", fix=fix
    )


def _location(text: str) -> str:
    """Return a redirect's address without its query, which may hold a secret."""
    try:
        parts = urlsplit(text[:500])
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an address that is none"
    return redact_text(f"{parts.scheme}://{host}{port}{parts.path}" if host else parts.path)


def _knows_no_upgrade(answer: Answer, text: str) -> bool:
    if answer.status == 426:
        return True
    # Gorilla's upgrader, Centrifugo's ancestor, sends its version along with every refusal (server.go, returnError).
    return answer.status == 400 and bool(answer.header("sec-websocket-version") or _NO_UPGRADE_SEEN.search(text))


def _of_stranger(answer: Answer, text: str, asked: Asked) -> Verdict:
    who, status = _who(answer), _status(answer)
    if answer.status in {404, 410}:
        return verdict("path_not_found", f"{who} answered {status} for {redact_text(asked.path)}.")
    if answer.status == 403 and asked.origin and answer.header("sec-websocket-version"):
        return verdict("origin_not_allowed", f"The server answered 403 to the origin {asked.origin}.")
    if answer.status in {502, 504} or (answer.status == 503 and _SAYS_NO_BACKEND.search(text)):
        return verdict("upgrade_no_gateway", f"{who} answered {status}: {_NO_GATEWAY[answer.status]}.")
    return verdict("upgrade_refused", f"{who} answered {status}.{_hint(answer, asked)}")


def _hint(answer: Answer, asked: Asked) -> str:
    if answer.status == 503:
        return " It may have no gateway to send this to, or a limit of its own."
    if answer.status == 403:
        return " Access rules of a proxy, or of a firewall before it, answer so" + (
            "; or the origin is not allowed." if asked.origin else "."
        )
    if answer.status == 401:
        return " It wants credentials: name them with --header."
    if answer.status == 429:
        return " It limits how often one may ask."
    if 200 <= answer.status < 300 and asked.is_upgrade:
        return " So it took the handshake for a plain request: it serves pages here, or dropped the upgrade headers."
    return ""


def _who(answer: Answer) -> str:
    names = proxies_in_answer(answer.headers, answer.body)
    return names[0] if names else "The server"


def _status(answer: Answer) -> str:
    return redact_text(f"{answer.status} {answer.reason}".strip()[:80])
