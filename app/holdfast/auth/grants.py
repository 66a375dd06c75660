"""What a login or a refresh gives: an access token that lives as its session allows. Pure but for the clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from holdfast.auth.issuer import TokenIssuer
from holdfast.auth.sessions import Live
from holdfast.auth.users import User
from holdfast.settings_auth import AuthSettings


class Granted(NamedTuple):
    """The access token, for how many seconds it is good, whose it is, and the session behind it."""

    token: str
    expires_in: float
    user: User
    session: Live
    device: str = ""


class Grants:
    """Makes them.

    Args:
        clock: Unix seconds.
    """

    def __init__(self, settings: AuthSettings, issuer: TokenIssuer, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._issuer = issuer
        self._clock = clock

    def grant(self, user: User, session: Live, device: str = "") -> Granted:
        """Return what a session gives now; `device` is the value of a cookie that the browser lacks."""
        now = self._clock()
        # The session's id is that of all its access tokens, so that one revocation ends them all.
        claims: dict[str, object] = {"jti": session.id, "info": {"name": user.name}}
        if self._settings.channels:
            claims["channels"] = [channel.replace("{user}", user.id) for channel in self._settings.channels]
        lives = max(1, int(min(self._settings.access_ttl, session.expires_at - now)))
        token = self._issuer.create_connection(user.id, ttl_seconds=lives, claims=claims)
        # The token counts whole seconds of a clock that is between two.
        return Granted(token, lives - now % 1, user, session, device)
