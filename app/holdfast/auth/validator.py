"""Decides about tokens: finds out, remembers, and says why not. The shell around the pure parts of this package.

Nothing here waits while the keys at hand suffice; only a key id that nobody knows yet, with a key set to fetch,
makes a validation suspend.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, NamedTuple

from holdfast.auth import outcomes
from holdfast.auth.cache import TokenCache
from holdfast.auth.claims import (
    ANONYMOUS,
    AnyClaims,
    ConnectionClaims,
    SubscriptionClaims,
    TokenClaims,
    decode_connection,
    decode_subscription,
)
from holdfast.auth.configured import configured_keys
from holdfast.auth.jwt import Header
from holdfast.auth.keys import KeyRing
from holdfast.auth.locate import FoundToken, empty_form
from holdfast.auth.peek import peek
from holdfast.auth.report import Checks, TokenReport, describe_token
from holdfast.auth.revocation import DEFAULT_KEPT_SECONDS, Revocation, RevocationList, RevokedName
from holdfast.auth.verifier import Rules, TokenVerifier, Verified, check_now
from holdfast.errors import ConfigError, TokenError
from holdfast.settings import TokenRules, TokenSettings
from holdfast.telemetry.logs import get_logger

if TYPE_CHECKING:
    import httpx

    from holdfast.auth.jwks import JwksClient, JwksStatus

_LOG = get_logger("auth")


class _Checked(NamedTuple, Generic[AnyClaims]):
    """Claims that count, and the header of their token unless it was remembered."""

    claims: AnyClaims
    header: Header | None


@dataclass(slots=True)
class _Desk(Generic[AnyClaims]):
    """One kind of token: how it is verified, what is remembered of it, where more keys come from."""

    verifier: TokenVerifier[AnyClaims]
    cache: TokenCache[AnyClaims]
    revocations: RevocationList
    key_set: JwksClient | None

    def check(self, token: str, now: float) -> _Checked[AnyClaims] | None:
        """Check without waiting; None when a key may have to be fetched."""
        ring, rules = self.verifier.ring, self.verifier.rules
        # The digest stands for the token, so that no memory dump of the cache has a usable token.
        digest = hashlib.sha256(token[: rules.max_bytes + 1].encode("utf-8", "surrogatepass")).digest()
        claims = self.cache.get(digest, now, ring.generation)
        outcomes.looked_up(is_hit=claims is not None)
        verified: Verified[AnyClaims] | None = None
        if claims is None:
            verified = self.verifier.verify(token, now)
            if verified is None:
                return None
            claims = verified.claims
        check_now(claims, self.revocations, rules.leeway, now)
        if verified is not None:
            ends = claims.expires_at + rules.leeway if claims.expires_at else math.inf
            self.cache.put(digest, claims, now, ring.generation, valid_until=min(ends, verified.key.valid_until))
        return _Checked(claims, verified.header if verified else None)

    async def fetch_and_check(self, token: str, clock: Callable[[], float]) -> _Checked[AnyClaims]:
        """Check once more after a fetch of the key set.

        Raises:
            TokenError: `token_unknown_key` when that does not help either.
        """
        if self.key_set is not None and await self.key_set.refresh_for_unknown_key():
            checked = self.check(token, clock())
            if checked is not None:
                return checked
        raise self.verifier.unknown_key(token)


class ImprovedTokenValidator:
    """Validates connection and subscription tokens and remembers those that were right.

    Args:
        settings: `token`.
        allow_anonymous: whether a client without any token is the anonymous user.
        clock: Unix seconds.
        transport: for tests, instead of the network.

    Raises:
        ConfigError: keys in the settings that cannot be used.
    """

    def __init__(
        self,
        settings: TokenSettings,
        *,
        allow_anonymous: bool = False,
        clock: Callable[[], float] = time.time,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._settings = settings
        self._allow_anonymous = allow_anonymous
        self._clock = clock
        self._transport = transport
        self._revocations = RevocationList()
        self._key_sets: list[JwksClient] = []
        self._refreshing: list[asyncio.Task[None]] = []
        own = settings.subscription
        ring, key_set = self._make_ring(settings, "token")
        sub_ring, sub_key_set = (ring, key_set) if own is None else self._make_ring(own, "token.subscription")
        self._connections: _Desk[ConnectionClaims] = _Desk(
            TokenVerifier(self._make_rules(settings), ring, decode_connection),
            self._make_cache(),
            self._revocations,
            key_set,
        )
        self._subscriptions: _Desk[SubscriptionClaims] = _Desk(
            TokenVerifier(self._make_rules(own or settings), sub_ring, decode_subscription),
            self._make_cache(),
            self._revocations,
            sub_key_set,
        )

    # Public methods: life.

    async def start(self) -> None:
        """Begin to fetch key sets in the background; returns at once."""
        loop = asyncio.get_running_loop()
        self._refreshing = [loop.create_task(key_set.run()) for key_set in self._key_sets]

    async def stop(self) -> None:
        """End what `start` began."""
        for task in self._refreshing:
            task.cancel()
        await asyncio.gather(*self._refreshing, return_exceptions=True)
        self._refreshing = []
        for key_set in self._key_sets:
            await key_set.close()

    def key_sets(self) -> tuple[JwksStatus, ...]:
        """Describe each fetched key set."""
        return tuple(key_set.status() for key_set in self._key_sets)

    async def refresh_key_sets(self) -> bool:
        """Fetch every key set now; say whether all were good."""
        return all([await key_set.refresh() for key_set in self._key_sets])

    async def refresh_for_unknown_key(self) -> None:
        """Fetch key sets as a token with an unknown key id makes them be fetched: seldom."""
        for key_set in self._key_sets:
            await key_set.refresh_for_unknown_key()

    def reload_keys(self) -> None:
        """Read the files of keys again; where one cannot be used, all keys stay as they are, and the log says so.

        Sessions stay: a key that is gone, or over, counts for tokens that come from now on.
        """
        rings = {id(desk.verifier.ring): desk.verifier.ring for desk in (self._connections, self._subscriptions)}
        rules = {"token": self._settings, "token.subscription": self._settings.subscription}
        given = {path: one for path, one in rules.items() if one is not None}
        if not any(one.keys_file or any(key.file for key in one.public_keys) for one in given.values()):
            return
        try:
            found = [configured_keys(one, path).keys for path, one in given.items()]
        except ConfigError as error:
            _LOG.error("keys_not_reloaded", faults=error.faults)
            return
        for ring, keys in zip(rings.values(), found, strict=True):
            ring.replace_static(keys)
        _LOG.info("keys_reloaded", keys=[key.kid for key in found[0]])

    def keys(self) -> list[dict[str, object]]:
        """Describe the keys of connection tokens, without any secret; `valid_until` is in Unix seconds."""
        return [
            {
                "kid": key.kid,
                "origin": key.origin,
                "algorithms": sorted(key.verifiers),
                "valid_until": None if math.isinf(key.valid_until) else key.valid_until,
            }
            for key in self._connections.verifier.ring.keys
        ]

    # Public methods: decisions.

    async def validate_connection(self, token: FoundToken) -> ConnectionClaims:
        """Return the claims of a connection token; those of the anonymous user where that is allowed and none came.

        Raises:
            TokenError: any slug of a connection token.
        """
        if token.source == "none" and self._allow_anonymous:
            return ANONYMOUS
        return await self._validate(token)

    async def validate_refresh(self, token: str, *, user: str) -> ConnectionClaims:
        """Return the claims of a token that shall prolong the connection of `user`.

        Raises:
            TokenError: any slug of a connection token; `token_wrong_user` for another user's.
        """
        return await self._validate(FoundToken(token, "connect" if token else "none"), user)

    async def validate_subscription(
        self, token: str, *, channel: str, user: str, client: str = ""
    ) -> SubscriptionClaims:
        """Return the claims of a subscription token, at subscribing and at refreshing alike.

        Args:
            token: as in the command; "" means that it had none.
            channel: what is subscribed to, with its prefixes.
            user: whose connection it is.
            client: the connection's id, for tokens that are bound to one.

        Raises:
            TokenError: any slug of a subscription token.
        """
        now, desk, found = self._clock(), self._subscriptions, FoundToken(token, "connect" if token else "none")
        try:
            _refuse_empty(found)
            checked = desk.check(token, now) or await desk.fetch_and_check(token, self._clock)
            _check_binding(checked.claims, channel, user, client)
        except TokenError as error:
            twin = TokenError(_twin(error.slug), error.detail, **error.context)
            outcomes.refused("subscription", found, twin, now, self._settings.max_bytes)
            raise twin from None
        outcomes.accepted("subscription", found, checked.claims, now, checked.header)
        return checked.claims

    def revoke(
        self,
        *,
        jti: str = "",
        user: str | None = None,
        issued_until: float | None = None,
        kept_seconds: float = DEFAULT_KEPT_SECONDS,
        reason: str = "",
    ) -> None:
        """Refuse a token by its `jti`, or a user's tokens issued until a moment (now, if not given), from now on.

        Args:
            jti: the token's id.
            user: the user; "" is the anonymous one.
            issued_until: Unix seconds; infinity refuses tokens yet to be issued as well.
            kept_seconds: how long this is remembered; as long as the longest token lives.
            reason: for those who list what is revoked.

        Raises:
            ValueError: neither, or both, were given.
            OverflowError: the list is full.
        """
        now = self._clock()
        if bool(jti) == (user is not None):
            raise ValueError("expected either a jti or a user")
        if user is None:
            self._revocations.revoke_token(jti, now=now, kept_seconds=kept_seconds, reason=reason)
        else:
            until = now if issued_until is None else issued_until
            self._revocations.revoke_user(user, issued_until=until, now=now, kept_seconds=kept_seconds, reason=reason)

    def revocations(self) -> list[Revocation]:
        """Return what is revoked now."""
        return self._revocations.entries(self._clock())

    def revoked(self) -> list[RevokedName]:
        """Return the kind and name of each entry, ended ones too; for many this takes less than `revocations`."""
        return self._revocations.names()

    def revocation(self, kind: Literal["user", "jti"], name: str) -> Revocation | None:
        """Return the entry of a user or a token, None if there is none; it may have ended."""
        return self._revocations.entry(kind, name)

    def refuse_revoked(self, claims: TokenClaims) -> None:
        """Check once more, where time has passed since the claims were validated, or where no token was.

        Raises:
            TokenError: `user_revoked` or `token_revoked`.
        """
        if (slug := self._revocations.find(claims, self._clock())) is not None:
            raise TokenError(slug, "revoked by the operator")

    def user_of(self, token: str, error: TokenError) -> str:
        """Return whose a refused token is, empty where its signature was not right and it may be anybody's."""
        user = peek(token, self._settings.max_bytes).claims.get("sub") if outcomes.is_verified(error.slug) else ""
        return user if isinstance(user, str) else ""

    def describe(self, token: str, *, kind: outcomes.Kind | None = None) -> TokenReport:
        """Explain a token without using it: nothing is logged, counted, remembered or fetched, nothing raised."""
        return describe_token(
            token,
            Checks(self._connections.verifier, self._subscriptions.verifier, self._revocations),
            self._clock(),
            kind,
        )

    # Private methods.

    async def _validate(self, found: FoundToken, user: str | None = None) -> ConnectionClaims:
        now, desk = self._clock(), self._connections
        try:
            _refuse_empty(found)
            checked = desk.check(found.token, now) or await desk.fetch_and_check(found.token, self._clock)
            if user is not None and checked.claims.user != user:
                raise TokenError("token_wrong_user", "the token is another user's than the connection")
        except TokenError as error:
            outcomes.refused("connection", found, error, now, self._settings.max_bytes)
            raise
        outcomes.accepted("connection", found, checked.claims, now, checked.header)
        return checked.claims

    def _make_ring(self, rules: TokenRules, path: str) -> tuple[KeyRing, JwksClient | None]:
        configured = configured_keys(rules, path)
        for warning in configured.warnings:
            _LOG.warning("weak_secret", reason=warning)
        ring = KeyRing(configured.keys, fetches=bool(rules.jwks.url))
        if not rules.jwks.url:
            return ring, None
        # It loads an HTTP client, memory and time of the start that an instance which fetches no keys need not spend.
        from holdfast.auth.jwks import JwksClient

        key_set = JwksClient(rules.jwks, ring, transport=self._transport)
        self._key_sets.append(key_set)
        return ring, key_set

    def _make_rules(self, rules: TokenRules) -> Rules:
        return Rules(rules.audience, rules.issuer, rules.leeway, self._settings.max_bytes)

    def _make_cache(self) -> TokenCache[AnyClaims]:
        return TokenCache(self._settings.cache_size, self._settings.cache_ttl)


def _refuse_empty(found: FoundToken) -> None:
    if found.source == "none":
        vain = f"; the cookie {found.passed_over!r} is not read: `token.cookie` is off" if found.passed_over else ""
        raise TokenError("token_missing", f"no token in any place{vain}")
    form = empty_form(found.token)
    if form is not None:
        raise TokenError("token_empty", f"the token is {form}", form=form)


def _check_binding(claims: SubscriptionClaims, channel: str, user: str, client: str) -> None:
    """Compare a subscription token with the connection and the channel it is used for."""
    if claims.channel != channel:
        raise TokenError("subscription_token_wrong_channel", f"the token is for {claims.channel[:128]!r}")
    if claims.user != user:
        raise TokenError("subscription_token_wrong_user", "the token is another user's than the connection")
    if claims.client and claims.client != client:
        raise TokenError("subscription_token_wrong_client", "the token is bound to another connection")


def _twin(slug: str) -> str:
    """Return the slug of the same cause in a subscribe command."""
    return slug if slug.startswith("subscription_") else f"subscription_{slug}"
