"""Where a client's connection token is, or was put in vain: every place that is looked at, and those that look right.

Pure. What the gateway reads is decided by `auth.locate` alone; this module says, place by place, what that finds,
and what people mistake for a place. No value and no part of one is ever in a finding.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from holdfast.auth.locate import FoundToken, empty_form, locate_token
from holdfast.diagnostics.findings import Finding, Severity

MAX_INPUT_CHARACTERS = 65536
_MOST_PAIRS = 64
_LONGEST_NAME = 40
# The beginning of a JWT: the base64url of `{"`, whatever stands around it.
_JWT = re.compile(r"eyJ[\w-]{5,}")
_TOKEN_NAMES = frozenset(
    (
        *("token", "jwt", "t", "auth", "authtoken", "auth_token", "authorization", "bearer", "session", "id_token"),
        *("access_token", "accesstoken", "connection_token"),
        *("x-token", "x-auth-token", "x-access-token", "x-authorization"),
    )
)
# What may be named: another word there may be the secret.
_SCHEMES = frozenset({"apikey", "basic", "digest", "jwt", "token"})
# Where a token may be, in the order in which the gateway looks.
READ_PLACES = ("connect", "header", "query", "cookie")


@dataclass(frozen=True)
class Presented:
    """What a client has; None and "" are parts that are not known.

    `token` is what it puts into the connect command, `cookies` the value of its Cookie header.
    """

    token: str | None = None
    url: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    cookies: str = ""
    is_browser: bool = False

    @cached_property
    def parts(self) -> SplitResult:
        """The URL, cut; an impossible one is empty."""
        try:
            return urlsplit(self.url[:MAX_INPUT_CHARACTERS].strip())
        except ValueError:
            return urlsplit("")

    @cached_property
    def query(self) -> list[tuple[str, str]]:
        """The URL's parameters."""
        return _pairs(self.parts.query)

    @property
    def in_connect(self) -> str | None:
        """The connect command's token; an SSE client has that command in its URL, as `cf_connect`."""
        if self.token is not None:
            return self.token[:MAX_INPUT_CHARACTERS]
        command = next((value for name, value in self.query if name == "cf_connect"), None)
        return None if command is None else _token_of_command(command)

    def raw_headers(self, without: str = "") -> list[tuple[bytes, bytes]]:
        """Return the headers as a server has them."""
        given = [*self.headers[:_MOST_PAIRS], *([("cookie", self.cookies)] if self.cookies else [])]
        return [(_bytes(name).lower(), _bytes(value)) for name, value in given if name.lower() != without]


@dataclass(frozen=True, slots=True)
class Reading:
    """Which places a gateway reads; `owned_header` is a header that is the backend's (its connect proxy)."""

    cookie: str = ""
    owned_header: str = ""
    max_url_bytes: int = 8192


def locate(given: Presented, reading: Reading) -> FoundToken:
    """Return the token that the gateway takes, as it finds it."""
    query = _bytes(given.parts.query)
    return locate_token(given.in_connect, given.raw_headers(reading.owned_header), query, reading.cookie or None)


def look(given: Presented, reading: Reading) -> list[Finding]:
    """Describe each place: those that are read first, then those where a token lies in vain."""
    taken = locate(given, reading)
    has_token = bool(taken.token) and empty_form(taken.token) is None
    findings = [_read_place(name, given, reading, taken) for name in READ_PLACES]
    findings += _in_vain(given, reading, "ok" if has_token else "critical")
    if len(given.url) > reading.max_url_bytes:
        evidence = f"{len(given.url)} characters, the limit is {reading.max_url_bytes} (http.max_url_bytes)"
        findings.append(
            Finding("url_too_long", "critical", "The URL is too long.", evidence, "Send the token in connect.")
        )
    return findings


# The places that are read.


def _read_place(name: str, given: Presented, reading: Reading, taken: FoundToken) -> Finding:
    check = f"place_{name}"
    found = _only(name, given, reading)
    place = _NAMES[name].format(cookie=repr(reading.cookie) if reading.cookie else "(token.cookie is off)")
    if found.source == "none":
        return Finding(check, "ok", f"{place}: absent", _absence(name, given, reading))
    form = empty_form(found.token)
    if form is not None:
        is_taken = taken.source == found.source
        remedy = "The page connected before its login had answered: wait for the token, then connect."
        return Finding(check, "critical" if is_taken else "warning", f"{place}: empty, {form}", "", remedy)
    if taken.source != found.source:
        differs = "the same token" if taken.token == found.token else "another token"
        return Finding(check, "ok", f"{place}: found, not used", f"{differs} in a place that goes first")
    severity, evidence, remedy = _caution(name, given)
    size = f"{len(found.token)} characters"
    return Finding(check, severity, f"{place}: found", f"{size}; {evidence}" if evidence else size, remedy)


_NAMES = {
    "connect": "token of the connect command",
    "header": "header Authorization: Bearer",
    "query": "URL parameter token",
    "cookie": "cookie {cookie}",
}


def _only(name: str, given: Presented, reading: Reading) -> FoundToken:
    """Return what the gateway would find if there were no other place."""
    headers = given.raw_headers(reading.owned_header)
    match name:
        case "connect":
            return locate_token(given.in_connect, (), b"", None)
        case "header":
            return locate_token(None, headers, b"", None)
        case "query":
            return locate_token(None, (), _bytes(given.parts.query), None)
    return locate_token(None, [pair for pair in headers if pair[0] == b"cookie"], b"", reading.cookie or None)


def _absence(name: str, given: Presented, reading: Reading) -> str:
    known = {
        "connect": given.token is not None or bool(given.query),
        "header": bool(given.headers),
        "query": bool(given.url),
        "cookie": any(pair[0] == b"cookie" for pair in given.raw_headers()),
    }
    if name == "header" and reading.owned_header:
        return "the connect proxy forwards this header, so it is the backend's"
    return "" if known[name] else "nothing was given to look into"


def _caution(name: str, given: Presented) -> tuple[Severity, str, str]:
    """Say what is to be known of a place that has the token."""
    if name == "header":
        fix = "In a page give it to the SDK, which sends it in the connect command."
        note = "a browser's WebSocket and EventSource cannot send this header"
        return ("critical" if given.is_browser else "ok"), note, fix if given.is_browser else ""
    if name == "query":
        return "ok", "proxies on the way write URLs into their logs; better in the connect command", ""
    if name == "cookie":
        return "ok", "sent by browsers for any page, which is why client.allowed_origins must be set", ""
    return "ok", "", ""


# The places that are not.


def _in_vain(given: Presented, reading: Reading, severity: Severity) -> Iterator[Finding]:
    for check, where, why, fix in (
        *_in_url(given),
        *_in_headers(given, reading),
        *_in_cookies(given, reading),
    ):
        yield Finding(check, severity, f"{where}: a token, which the gateway does not read there", why, fix)


_Lost = tuple[str, str, str, str]
_AS_TOKEN = "Name the parameter `token`, or better send it in the connect command."  # noqa: S105 - advice, not a secret


def _in_url(given: Presented) -> Iterator[_Lost]:
    for name, value in given.query:
        if _is_bare(name):
            yield "place_other_query", "URL, behind ? without a name", "a parameter needs its name", _AS_TOKEN
        elif name != "token" and name != "cf_connect" and _means_token(name, value):
            yield "place_other_query", f"URL parameter {shown(name)}", "only `token` is read", _AS_TOKEN
    if _has_token(given.parts.fragment):
        yield (
            "place_fragment",
            "URL, behind #",
            "what stands behind # never leaves the browser",
            "Put it before the #, as `?token=`, or better into the connect command.",
        )
    if _JWT.search(given.parts.path):
        yield "place_path", "URL path", "the path names the endpoint alone", _AS_TOKEN
    if "@" in given.parts.netloc:
        yield "place_userinfo", "URL, before the host's @", "browsers refuse such URLs for WebSockets", _AS_TOKEN


def _in_headers(given: Presented, reading: Reading) -> Iterator[_Lost]:
    for name, value in given.headers[:_MOST_PAIRS]:
        key = name.strip().lower()
        if key == "authorization" and not reading.owned_header:
            scheme, _, rest = value.strip().partition(" ")
            if scheme.lower() != "bearer" and value.strip():
                what = f"scheme {scheme}" if scheme.lower() in _SCHEMES else "another scheme" if rest else "no scheme"
                yield (
                    "place_header_scheme",
                    "header Authorization",
                    f"{what}; only `Bearer` is read",
                    "Send `Authorization: Bearer TOKEN`.",
                )
        elif key == "sec-websocket-protocol" and _JWT.search(value):
            fix = "Send it in the connect command; the subprotocol names the codec."
            yield "place_subprotocol", "header Sec-WebSocket-Protocol", "a subprotocol is no place for it", fix
        elif key not in {"authorization", "cookie", "sec-websocket-protocol"} and _means_token(key, value):
            why = "only `Authorization` is read"
            yield "place_other_header", f"header {shown(name)}", why, "Send `Authorization: Bearer TOKEN`."


def _in_cookies(given: Presented, reading: Reading) -> Iterator[_Lost]:
    values = [value for name, value in given.raw_headers() if name == b"cookie"]
    for name, value in (pair for text in values for pair in _cookies(text.decode("latin-1"))):
        if name == reading.cookie or not _means_token(name, value):
            continue
        why = (
            f"only the cookie {reading.cookie!r} is read"
            if reading.cookie
            else "cookies are not read: token.cookie is off"
        )
        fix = f"Set token.cookie to {shown(name)} and client.allowed_origins to the pages' origins."
        yield "place_other_cookie", f"cookie {shown(name)}", why, fix


def shown(name: str) -> str:
    """Return a name for a finding, unless it might be a secret itself or would upset a terminal."""
    if len(name) > _LONGEST_NAME or _JWT.search(name) or not name.isprintable():
        return f"of {len(name)} characters"
    return repr(name)


def _means_token(name: str, value: str) -> bool:
    return bool(value.strip()) and (name.strip().lower() in _TOKEN_NAMES or _JWT.search(value) is not None)


def _is_bare(name: str) -> bool:
    return _JWT.match(name) is not None


def _has_token(fragment: str) -> bool:
    return any(_is_bare(name) or _means_token(name, value) for name, value in _pairs(fragment))


def _pairs(text: str) -> list[tuple[str, str]]:
    return parse_qsl(text[:MAX_INPUT_CHARACTERS], keep_blank_values=True)[:_MOST_PAIRS]


def _cookies(text: str) -> list[tuple[str, str]]:
    parts = (pair.strip().partition("=") for pair in text[:MAX_INPUT_CHARACTERS].split(";")[:_MOST_PAIRS])
    return [(name, unquote(value)) for name, _, value in parts]


def _token_of_command(text: str) -> str | None:
    try:
        command = json.loads(text.split("\n", 1)[0])
        token = command["connect"].get("token")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return token if isinstance(token, str) else None


def _bytes(text: str) -> bytes:
    return text[:MAX_INPUT_CHARACTERS].encode("utf-8", "surrogatepass")
