"""Where a connection token is: the connect command, the handshake's headers, its URL or a cookie.

Pure. Which place it came from is part of the answer, since half of all token faults are a token in the wrong place.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl

Source = Literal["connect", "header", "query", "cookie", "none"]
EmptyForm = Literal['""', "null", "undefined", "blanks"]

# What logins call a cookie that holds a token.
_USUAL_COOKIES = frozenset(
    (
        *(b"token", b"access_token", b"accesstoken", b"auth_token", b"authtoken", b"id_token", b"connection_token"),
        *(b"jwt", b"auth", b"authorization", b"bearer"),
    )
)
# A stranger decides how many there are, and they are looked through for every handshake.
_MOST_COOKIES = 64
_MOST_COOKIE_BYTES = 4096

_EMPTY_WORDS: dict[str, EmptyForm] = {"": '""', "null": "null", "undefined": "undefined"}


class FoundToken(NamedTuple):
    """A token and its place; `source` is "none" where no place had one. `attempt` is the handshake's id for the log.

    `passed_over` is then the name of a cookie that may hold one, where cookies are not read.
    """

    token: str
    source: Source
    attempt: str = ""
    passed_over: str = ""


NO_TOKEN = FoundToken("", "none")


def empty_form(token: str) -> EmptyForm | None:
    """Say in which form a token is empty, or None for one that is not."""
    word = token.strip()
    if not word:
        return "blanks" if token else '""'
    return _EMPTY_WORDS.get(word)


def passed_over_cookie(value: bytes) -> bytes:
    """Return the first cookie that is called as tokens are, by its name alone; nothing is told of others."""
    for pair in value[:_MOST_COOKIE_BYTES].split(b";", _MOST_COOKIES):
        name = pair.partition(b"=")[0].strip().lower()
        if name in _USUAL_COOKIES:
            return name
    return b""


def locate_token(
    in_connect: str | None,
    handshake_headers: Iterable[tuple[bytes, bytes]],
    query: bytes,
    cookie_name: str | None,
) -> FoundToken:
    """Return the token of the first place that has one.

    Order: connect command, `Authorization: Bearer`, `?token=`, cookie. A blank value does not hide a later place,
    but when no place has more it is the answer, so that an empty token and a missing one stay two things. The words
    `null` and `undefined` are values here: a script made them, and a token from elsewhere would hide that.
    """
    blank: FoundToken | None = None
    if in_connect is not None:
        if in_connect.strip():
            return FoundToken(in_connect, "connect")
        blank = FoundToken(in_connect, "connect")
    for found in _in_handshake(handshake_headers, query, cookie_name):
        if found.token.strip():
            return found
        blank = blank or found
    return blank or NO_TOKEN


def _in_handshake(headers: Iterable[tuple[bytes, bytes]], query: bytes, cookie_name: str | None) -> list[FoundToken]:
    bearer: str | None = None
    cookie: str | None = None
    wanted = cookie_name.encode("latin-1", "ignore") if cookie_name else b""
    for name, value in headers:
        key = name.lower()
        if key == b"authorization" and bearer is None:
            bearer = _bearer(value)
        elif key == b"cookie" and wanted and cookie is None:
            cookie = _cookie(value, wanted)
    found: list[FoundToken] = []
    if bearer is not None:
        found.append(FoundToken(bearer, "header"))
    if (in_url := _query_token(query)) is not None:
        found.append(FoundToken(in_url, "query"))
    if cookie is not None:
        found.append(FoundToken(cookie, "cookie"))
    return found


def _bearer(value: bytes) -> str | None:
    """Return the credentials of an `Authorization: Bearer` header (RFC 6750, 2.1), None for other schemes."""
    scheme, _, credentials = value.strip().partition(b" ")
    return credentials.strip().decode("latin-1") if scheme.lower() == b"bearer" else None


def _query_token(query: bytes) -> str | None:
    if b"token" not in query:
        return None
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name == "token":
            return value
    return None


def _cookie(value: bytes, wanted: bytes) -> str | None:
    """Return the named cookie's value, without the double quotes that RFC 6265, 4.1.1 allows around it."""
    for pair in value.split(b";"):
        name, equals, content = pair.strip().partition(b"=")
        if equals and name == wanted:
            content = content.strip()
            if len(content) > 1 and content[:1] == content[-1:] == b'"':
                content = content[1:-1]
            return content.decode("latin-1")
    return None
