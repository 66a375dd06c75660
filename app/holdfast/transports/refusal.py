"""The one HTTP answer to everything that is refused: the cause's status and a JSON body that explains it."""

from __future__ import annotations

import time
from email.utils import formatdate
from http import HTTPStatus

import msgspec

from holdfast.errors import GatewayError

ATTEMPT_HEADER = b"x-attempt-id"
"""Names the attempt in an answer, as logs, ledger and `/connection/explain` do."""

RETRY_AFTER_SECONDS = 1
"""What a temporary refusal asks for where nobody spreads a crowd, as admission does."""


def refusal_body(error: GatewayError, attempt: str = "", **extra: object) -> bytes:
    """Return `{code, slug, message, remedy}` and, where it has an id, `attempt` as JSON; `extra` are further fields."""
    code = error.code
    message = f"{code.meaning} {_sentence(error.detail)}" if error.detail else code.meaning
    named = {"code": code.number, "slug": code.slug, "message": message, "remedy": code.remedy}
    if attempt:
        named["attempt"] = attempt
    return msgspec.json.encode({**named, **extra})


def cause_headers(error: GatewayError, attempt: str = "") -> list[tuple[bytes, bytes]]:
    """Return the headers that a refusal has on every path: when to come back, and the attempt's id if it has one."""
    headers = [(b"cache-control", b"no-store")]
    if error.code.http_status in {429, 503}:
        wait = error.context.get("retry_after")
        headers.append((b"retry-after", b"%d" % (wait if isinstance(wait, int) else RETRY_AFTER_SECONDS)))
    if attempt:
        headers.append((ATTEMPT_HEADER, attempt.encode()))
    return headers


def _sentence(detail: str) -> str:
    """Make of what stands behind a slug in a log line something that can stand behind a sentence."""
    return detail[0].upper() + detail[1:] + ("" if detail.endswith((".", "!", "?")) else ".")


def refusal_headers(error: GatewayError, body: bytes, attempt: str = "") -> list[tuple[bytes, bytes]]:
    """Return the answer's headers; the connection always ends with it."""
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
        *cause_headers(error, attempt),
    ]
    status = error.code.http_status
    if status == 426:  # RFC 6455, 4.4 and RFC 9110, 15.5.22
        headers += [(b"upgrade", b"websocket"), (b"sec-websocket-version", b"13")]
    if status == 405:
        headers.append((b"allow", b"GET"))
    return headers


def refusal_response(error: GatewayError, attempt: str = "") -> bytes:
    """Return the whole answer as HTTP/1.1 bytes."""
    body = refusal_body(error, attempt)
    date = formatdate(time.time(), usegmt=True).encode()
    headers = [(b"date", date), *refusal_headers(error, body, attempt)]
    return response_bytes(error.code.http_status, headers, body)


def response_bytes(status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> bytes:
    """Return an HTTP/1.1 answer."""
    try:
        phrase = HTTPStatus(status).phrase.encode()
    except ValueError:
        phrase = b""
    lines = [b"HTTP/1.1 %d %s" % (status, phrase), *(b"%s: %s" % header for header in headers), b"", b""]
    return b"\r\n".join(lines) + body
