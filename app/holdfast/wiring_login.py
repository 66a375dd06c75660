"""How the login is put together, and under which paths it is served.

What only a login needs is imported where there is one: SQLAlchemy and argon2 take memory and time at the start.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from starlette.types import ASGIApp, Scope

from holdfast.admission.origin import OriginPolicy
from holdfast.connections.core import Core
from holdfast.connections.revoking import Order
from holdfast.connections.revoking_everywhere import RevokerEverywhere
from holdfast.errors import GatewayError, LoginError
from holdfast.routes.admin import AdminEndpoint
from holdfast.routes.admin_sessions import AdminSessions
from holdfast.routes.auth_cookies import jar_of
from holdfast.routes.client_logs import UserOfSession, no_session
from holdfast.settings import Settings
from holdfast.telemetry import metrics
from holdfast.telemetry.logs import get_logger
from holdfast.transports.cors import CrossOrigin
from holdfast.transports.websocket import Originate, address_of

if TYPE_CHECKING:
    from holdfast.auth.login import LoginService
    from holdfast.auth.seals import Seals
    from holdfast.auth.sessions import Sessions
    from holdfast.routes.auth import AuthEndpoint

SESSIONS_PATH: Final = "/admin/sessions"
# Clocks of instances differ; a revocation must outlive the token by all of them.
_SLACK_SECONDS: Final = 300.0

_log = get_logger(__name__)


class RevokingEnder:
    """Ends access tokens by the list of revocations, and the connections that live by them."""

    def __init__(self, revoker: RevokerEverywhere, clock: Callable[[], float], kept_seconds: float) -> None:
        self._revoker = revoker
        self._clock = clock
        self._kept_seconds = kept_seconds

    async def end_session(self, session: str, reason: str) -> int:
        """End the tokens of one session; see `TokenEnder`."""
        return await self._revoke(Order(jti=session, seconds=self._kept_seconds, reason=reason))

    async def end_user(self, user: str, reason: str) -> int:
        """End the tokens of a user; see `TokenEnder`.

        Tokens of this very second stay, for whoever logs in again at once has one: those of sessions that end are
        ended by their session.
        """
        until = int(self._clock()) - 1.0
        return await self._revoke(Order(user, seconds=self._kept_seconds, reason=reason, issued_until=until))

    async def _revoke(self, order: Order) -> int:
        try:
            return (await self._revoker.revoke(order)).disconnected
        except OverflowError as error:
            _log.error("revocation_lost", user=order.user or "", jti=order.jti, detail=str(error))
            return 0


@dataclass(frozen=True, slots=True)
class Login:
    """The login of one instance; without one in the settings there is none."""

    service: LoginService
    sessions: Sessions
    seals: Seals

    async def user_of_logs(self, cookie: str) -> str:
        """Return whose browser hands in lines, "" where no live session stands behind the cookie."""
        found = self.seals.read_session(cookie)
        if found is None or not await self.sessions.is_alive(*found):
            return ""
        return found[0]


def make_login(settings: Settings, core: Core, revoker: RevokerEverywhere) -> Login | None:
    """Return the login, None where it is off; the `revoker` ends the tokens of what ends there.

    Raises:
        ConfigError: the database's file or driver cannot be used.
    """
    auth = settings.auth
    if not auth.enabled:
        return None
    from holdfast.auth.issuer import TokenIssuer
    from holdfast.auth.lockout import AddressRate, Lockouts
    from holdfast.auth.login import Desk, LoginService
    from holdfast.auth.passwords import Passwords
    from holdfast.auth.seals import Seals
    from holdfast.auth.sessions import Sessions
    from holdfast.auth.users import Users
    from holdfast.resilience.keyed_buckets import KeyedBuckets
    from holdfast.resilience.token_bucket import TokenBucket

    for outcome in ("ok", "login_refused", "login_locked"):
        metrics.LOGINS.labels(outcome)
    secret = settings.token.hmac_secret.get_secret_value().encode()
    seals = Seals(secret)
    key = hmac.digest(secret, b"holdfast refresh count", "sha256")
    sessions = Sessions(auth, core.broker.sessions, core.wall_clock, key)
    desk = Desk(
        users=Users(auth, clock=core.wall_clock),
        passwords=Passwords(auth.password),
        sessions=sessions,
        lockouts=Lockouts(auth.lockout, core.broker.counters),
        rates=AddressRate(auth.lockout, core.broker.counters, core.clock),
        refreshes=KeyedBuckets(TokenBucket(auth.refresh_rate, auth.refresh_burst), core.clock),
        issuer=TokenIssuer(settings.token, clock=core.wall_clock),
        seals=seals,
        ender=RevokingEnder(revoker, core.wall_clock, auth.access_ttl + settings.token.leeway + _SLACK_SECONDS),
    )
    return Login(LoginService(auth, desk, core.wall_clock), sessions, seals)


def login_paths(settings: Settings, login: Login | None, originate: Originate) -> dict[str, ASGIApp]:
    """Return what browsers ask of the login, by path."""
    if login is None:
        return {}
    from holdfast.routes.auth import METHODS, AuthEndpoint, AuthRules

    auth = settings.auth
    rules = AuthRules(originate, frozenset(map(str.lower, auth.allowed_origins)), auth.insecure_loopback)
    policy = OriginPolicy(auth.allowed_origins)
    found: dict[str, ASGIApp] = {}
    for path, methods in METHODS.items():
        endpoint = AuthEndpoint(path, login.service, rules)
        refused = partial(_refused_page, endpoint, originate)
        found[path] = CrossOrigin(endpoint, policy, methods, refused, refusal=csrf_refused)
    return found


def login_admin_paths(settings: Settings, login: Login | None) -> dict[str, ASGIApp]:
    """Return what operators ask of the login, by path."""
    if login is None:
        return {}
    answers = AdminSessions(login.sessions.all, login.service.end_all)
    token = settings.admin.token.get_secret_value()
    return {SESSIONS_PATH: AdminEndpoint(token, {"GET": answers.list, "POST": answers.end})}


def user_of_session(settings: Settings, login: Login | None, originate: Originate) -> UserOfSession:
    """Return who finds the user whose browser hands in log lines."""
    if login is None:
        return no_session
    insecure_loopback = settings.auth.insecure_loopback

    async def find(scope: Scope) -> str:
        # Pages of other origins of the same site send the cookie too, and may not write in its user's name.
        site = next((value for name, value in scope["headers"] if name == b"sec-fetch-site"), b"same-origin")
        if site.strip() != b"same-origin":
            return ""
        return await login.user_of_logs(jar_of(scope, originate, insecure_loopback=insecure_loopback).get("session"))

    return find


def csrf_refused(reason: str) -> GatewayError:
    """Return the refusal of a page of a foreign origin."""
    return LoginError("csrf_refused", reason)


def _refused_page(endpoint: AuthEndpoint, originate: Originate, scope: Scope, error: GatewayError) -> None:
    endpoint.observe(error, address_of(scope, originate))
