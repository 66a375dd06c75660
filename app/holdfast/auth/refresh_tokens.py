"""Refresh tokens: what one looks like, which one follows, and what a session makes of the one it is shown. Pure.

A session keeps no token, only the hashes of its present one and of those exchanged within the last seconds, each with a
random salt. The successor of a token is HMAC(token, salt): whoever has the older one can be given the same successor
again, and nobody can make it out of what is kept.

All tokens of a session begin with the same secret bytes, its mark. Who shows an old token has it, so that is a replay;
who only knows the session's id, which access tokens carry, has not, and cannot end the session by showing anything.

A token also says how many came before it, with a voucher that we made. One that is later than the session knows of is
no replay: the store has been set back, by a crash.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from typing import Final, Literal, NamedTuple

import msgspec
from msgspec import Struct, msgpack

MARK_BYTES: Final = 16
SECRET_BYTES: Final = MARK_BYTES + 32
MOST_EXCHANGED: Final = 16
"""Tokens exchanged lately that a session remembers; until one is forgotten, the present one stays."""
_ID_DIGITS: Final = 32
_NUMBER_BYTES: Final = 4
_VOUCHER_BYTES: Final = 12
_LONGEST: Final = 1024


EndedBy = Literal["session_signed_out", "session_replayed", "session_ended"]


class RefreshToken(NamedTuple):
    """A token taken apart: whose session it belongs to, which one, the secret, and how many came before it."""

    user: str
    session: str
    secret: bytes
    number: int = 0


class Exchanged(Struct, array_like=True, frozen=True):
    """A token that was exchanged: its hash, what its successor is made with, and when (Unix seconds)."""

    digest: bytes
    salt: bytes
    at: float


class Session(Struct, array_like=True, frozen=True):
    """What is kept of a session; moments are Unix seconds.

    `generation` is the account's at the login: another one ends the session. `mark` and `digest` are hashes.
    `ended` is why it has ended already, `count` how many tokens were exchanged.
    """

    generation: int
    started_at: float
    refreshed_at: float
    mark: bytes
    digest: bytes
    exchanged: tuple[Exchanged, ...] = ()
    ended: EndedBy | Literal[""] = ""
    count: int = 0


class Exchange(NamedTuple):
    """What becomes of a token: the secret to answer with, and the session if it is another one now.

    Without a secret the token is none that counts.
    """

    secret: bytes | None
    session: Session | None = None


encode = msgpack.Encoder().encode
_decode = msgpack.Decoder(Session).decode


def decode(value: bytes) -> Session | None:
    """Return a session that was kept; None for what another version kept in another form."""
    try:
        return _decode(value)
    except msgspec.MsgspecError:
        return None


def write(token: RefreshToken, key: bytes = b"") -> str:
    """Return a token as a cookie carries it; `key` vouches for its number."""
    number = _text(token.number.to_bytes(_NUMBER_BYTES) + _voucher(token.session, token.number, key))
    return f"{_text(token.user.encode())}.{token.session}.{_text(token.secret)}.{number}"


def read(text: str, key: bytes = b"") -> RefreshToken | None:
    """Take a token apart; None for anything else. A number that nobody vouches for is 0."""
    parts = text.split(".")
    if len(text) > _LONGEST or len(parts) != 4 or len(parts[1]) != _ID_DIGITS or not parts[1].isalnum():
        return None
    try:
        user, secret, numbered = _bytes(parts[0]).decode(), _bytes(parts[2]), _bytes(parts[3])
    except (ValueError, Error):
        return None
    number = int.from_bytes(numbered[:_NUMBER_BYTES])
    if not hmac.compare_digest(numbered[_NUMBER_BYTES:], _voucher(parts[1], number, key)):
        number = 0
    return RefreshToken(user, parts[1], secret, number) if len(secret) == SECRET_BYTES else None


def begin(secret: bytes, generation: int, now: float) -> Session:
    """Return a session whose first token has this secret."""
    return Session(generation, now, now, _digest(secret[:MARK_BYTES]), _digest(secret))


def is_marked(session: Session, shown: bytes) -> bool:
    """Tell whether a secret is, or once was, one of this session's."""
    return hmac.compare_digest(_digest(shown[:MARK_BYTES]), session.mark)


def ended(session: Session, why: EndedBy) -> Session:
    """Return what is left of a session that has ended: why, and by what its tokens are known."""
    return Session(
        session.generation, session.started_at, session.refreshed_at, session.mark, b"", (), why, session.count
    )


def exchange(session: Session, shown: bytes, now: float, overlap_seconds: float, salt: bytes) -> Exchange:
    """Decide about a token that a session was shown.

    The present one is exchanged. One exchanged not longer than `overlap_seconds` ago leads to the present one, however
    many have been exchanged since: its answer was lost, or two tabs asked at once. Any other does not count. What was
    exchanged in the future of a clock that was set back is no longer recent.
    """
    digest = _digest(shown)
    recent = tuple(one for one in session.exchanged if abs(now - one.at) <= overlap_seconds)
    if hmac.compare_digest(digest, session.digest):
        if len(recent) >= MOST_EXCHANGED:
            return Exchange(shown)
        following = _successor(shown, salt)
        exchanged = (*recent, Exchanged(digest, salt, now))
        # A clock that was ahead at the login must not make the session's life longer.
        started_at, count = min(session.started_at, now), session.count + 1
        renewed = Session(session.generation, started_at, now, session.mark, _digest(following), exchanged, "", count)
        return Exchange(following, renewed)
    secret: bytes | None = None
    for one in recent:
        if secret is not None or hmac.compare_digest(digest, one.digest):
            secret = _successor(shown if secret is None else secret, one.salt)
    return Exchange(secret)


def _successor(secret: bytes, salt: bytes) -> bytes:
    return secret[:MARK_BYTES] + hmac.digest(secret, b"holdfast refresh" + salt, "sha256")


def _voucher(session: str, number: int, key: bytes) -> bytes:
    return hmac.digest(key, f"{session}.{number}".encode(), "sha256")[:_VOUCHER_BYTES]


def _digest(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
