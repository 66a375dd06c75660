"""Asks a login for a token as a page does (POST {username, password} to {token, expires_in}) and judges its answer.

The answer is anybody's: it is read up to a limit and within a time, no redirect is followed, and neither the password
nor a part of the answer is in a finding.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx
import msgspec

from holdfast.auth.locate import empty_form
from holdfast.auth.peek import peek
from holdfast.diagnostics.findings import Finding

TIMEOUT_SECONDS = 5.0
SLOW_SECONDS = 1.0
MAX_ANSWER_BYTES = 65536
_MAX_TOKEN_BYTES = 16384
_TOKEN_NAMES = ("access_token", "accessToken", "jwt", "id_token", "Token", "data")
# How far `expires_in` may be from the token's own end before somebody refreshes too late.
_FORGIVEN_SECONDS = 5.0

_EXPECTED = 'Answer 200 with JSON such as {"token": "...", "expires_in": 3600}.'


@dataclass(frozen=True, slots=True)
class Login:
    """Where to log in, and as whom."""

    url: str
    username: str
    password: str = field(repr=False)

    @property
    def shown(self) -> str:
        """The URL without what may be secret in it."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


class LoginResult(NamedTuple):
    """What came of it: the token, None where there is none to go on with."""

    token: str | None
    findings: tuple[Finding, ...]


class _Answer(NamedTuple):
    status: int
    headers: httpx.Headers
    body: bytes
    is_cut: bool
    seconds: float


def is_login_url(url: str) -> bool:
    """Tell whether a login can be asked at a URL."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


async def log_in(
    login: Login,
    *,
    trusted: ssl.SSLContext | None = None,
    clock: Callable[[], float] = time.monotonic,
    transport: httpx.AsyncBaseTransport | None = None,
    timeout: float = TIMEOUT_SECONDS,
) -> LoginResult:
    """Log in once; whatever goes wrong is a finding. Without `trusted` the system's authorities are."""
    notes = list(_about_url(login.url))
    try:
        answer = await _ask(login, trusted, clock, transport, timeout)
    except TimeoutError:
        remedy = "Look at what the login waits for; pages wait as long before they connect."
        return _failed(notes, "login_slow", f"no whole answer in {timeout:g} s", "", remedy)
    except httpx.ConnectError as error:
        return _failed(notes, *_unreachable(error))
    except httpx.HTTPError as error:
        return _failed(
            notes, "login_unreachable", "the connection failed", type(error).__name__, "Look at the login's log."
        )
    except (httpx.InvalidURL, ValueError, UnicodeError):
        return _failed(notes, "login_url", "this is no URL that can be asked", "", "Use https://HOST/PATH.")
    if answer.seconds > SLOW_SECONDS:
        remedy = "Each page waits that long before it connects; after a restart all of them at once."
        notes.append(Finding("login_slow", "warning", f"answered after {answer.seconds:.1f} s", "", remedy))
    return _judge(answer, notes)


def _about_url(url: str) -> Iterator[Finding]:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return
    if parts.scheme == "http" and host != "localhost" and not host.startswith("127.") and host != "::1":
        yield Finding("login_plain", "warning", "The password goes over plain HTTP.", "", "Use https://.")


async def _ask(
    login: Login,
    trusted: ssl.SSLContext | None,
    clock: Callable[[], float],
    transport: httpx.AsyncBaseTransport | None,
    timeout: float,
) -> _Answer:
    body = {"username": login.username, "password": login.password}
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    began = clock()
    # The system's authorities and SSL_CERT_FILE, as every command takes them.
    verify = (trusted or ssl.create_default_context()) if login.url.startswith("https") else True
    async with asyncio.timeout(timeout):
        client = httpx.AsyncClient(timeout=timeout, transport=transport, verify=verify, trust_env=False)
        async with client, client.stream("POST", login.url, json=body, headers=headers) as response:
            content, is_cut = bytearray(), False
            async for chunk in response.aiter_raw():
                content += chunk
                if is_cut := len(content) > MAX_ANSWER_BYTES:
                    break
            return _Answer(response.status_code, response.headers, bytes(content), is_cut, clock() - began)


def _unreachable(error: BaseException) -> tuple[str, str, str, str]:
    """Return the check, what was found, the evidence and the remedy; the libraries keep the reason well inside."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
    reason = (getattr(error, "verify_message", "") or getattr(error, "strerror", "") or str(error))[:200]
    if isinstance(error, ssl.SSLCertVerificationError):
        remedy = "Renew it, or name its authority: SSL_CERT_FILE=FILE, and --ca for the probe."
        return "login_tls", "its certificate is not trusted here", reason, remedy
    if isinstance(error, ssl.SSLError):
        return "login_tls", "what listens there does not speak TLS", reason, "Use http://, or the port that speaks TLS."
    return "login_unreachable", "nothing answered", reason, "Correct the URL, or start the login."


def _judge(answer: _Answer, notes: list[Finding]) -> LoginResult:
    status, kind = answer.status, answer.headers.get("content-type", "none").partition(";")[0][:64]
    if status in {401, 403}:
        return _failed(notes, "login_refused", f"the login refused: HTTP {status}", "", "Check user name and password.")
    if 300 <= status < 400:
        remedy = "Name the final URL; pages that follow it may lose the POST's body."
        return _failed(notes, "login_redirect", f"the login redirects: HTTP {status}", "", remedy)
    if status == 429:
        return _failed(notes, "login_limited", "too many logins: HTTP 429", "", "Wait, then repeat.")
    if status != 200:
        remedy = "Look at the login's log." if status >= 500 else "Compare path and body: POST {username, password}."
        return _failed(notes, "login_status", f"the login answered HTTP {status}", f"content type {kind}", remedy)
    if answer.is_cut:
        return _failed(
            notes, "login_too_large", f"more than {MAX_ANSWER_BYTES} bytes", f"content type {kind}", _EXPECTED
        )
    try:
        fields = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        is_page = answer.body.lstrip()[:1] == b"<"
        what = "the login answered a page (HTML)" if is_page else "the login's answer is no JSON"
        remedy = "A proxy or a single-page app answers for the login: correct the path." if is_page else _EXPECTED
        return _failed(notes, "login_not_json", what, f"content type {kind}, {len(answer.body)} bytes", remedy)
    return _judge_fields(fields, notes, answer.seconds)


def _judge_fields(fields: object, notes: list[Finding], seconds: float) -> LoginResult:
    if not isinstance(fields, dict):
        return _failed(notes, "login_no_token", "the answer is no JSON object", "", _EXPECTED)
    if "token" not in fields:
        other = next((name for name in _TOKEN_NAMES if name in fields), "")
        what = f"the answer has `{other}` instead of `token`" if other else "the answer has no `token`"
        return _failed(notes, "login_no_token", what, "", _EXPECTED)
    token = fields["token"]
    if not isinstance(token, str):
        what = "null" if token is None else f"a {type(token).__name__}"
        return _failed(notes, "login_no_token", f"`token` is {what}", "expected a text", _EXPECTED)
    notes.append(Finding("login", "ok", "the login answered", f"{seconds:.2f} s"))
    if form := empty_form(token):
        remedy = "The login succeeded without making a token: look at its key and its errors."
        notes.append(Finding("login_token_empty", "critical", f"`token` is empty: {form}", "", remedy))
        return LoginResult(token, tuple(notes))
    notes.extend(_about_expiry(fields.get("expires_in"), token))
    return LoginResult(token, tuple(notes))


def _about_expiry(expires_in: object, token: str) -> Iterator[Finding]:
    remedy = "Answer the seconds that the token lives: exp - iat."
    if expires_in is None:
        yield Finding("login_expires_in", "warning", "the answer has no `expires_in`", "", remedy)
    elif isinstance(expires_in, bool) or not isinstance(expires_in, int | float):
        yield Finding("login_expires_in", "warning", "`expires_in` is no number", type(expires_in).__name__, remedy)
    else:
        said = peek(token, _MAX_TOKEN_BYTES)
        ends, issued = said.number("exp"), said.number("iat")
        if ends is not None and issued is not None and abs(ends - issued - expires_in) > _FORGIVEN_SECONDS:
            what = f"`expires_in` is {expires_in:.6g} s, the token lives {ends - issued:.6g} s"
            yield Finding("login_expires_in", "warning", what, "", remedy)


def _failed(notes: list[Finding], check: str, what: str, evidence: str, remedy: str) -> LoginResult:
    return LoginResult(None, (*notes, Finding(check, "critical", what, evidence, remedy)))
