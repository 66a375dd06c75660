from __future__ import annotations

import pytest

from holdfast.auth.grants import Granted, Grants
from holdfast.auth.issuer import TokenIssuer
from holdfast.auth.peek import peek
from holdfast.auth.sessions import Live, Sessions
from holdfast.auth.users import User
from holdfast.broker.sessions import MemorySessions
from holdfast.settings import TokenSettings
from holdfast.settings_auth import AuthSettings
from tests.brokers import Clock

SETTINGS = AuthSettings(channels=("personal:{user}",), access_ttl=600.0, absolute_lifetime=3600.0)
ALICE = User("7", "Alice", "", is_disabled=False, generation=1, created_at=0.0)


@pytest.fixture
def clock() -> Clock:
    """Return a clock between two seconds."""
    return Clock(1_800_000_000.25)


@pytest.fixture
async def session(clock: Clock) -> Live:
    """Return a session of hers."""
    return await Sessions(SETTINGS, MemorySessions(clock), clock, b"k").begin(ALICE.id, ALICE.generation)


def granted(clock: Clock, session: Live) -> Granted:
    """Return what it gives now."""
    issuer = TokenIssuer(TokenSettings.model_validate({"hmac_secret": "s" * 32}), clock=clock)
    return Grants(SETTINGS, issuer, clock).grant(ALICE, session)


def test_token_is_the_users_and_the_sessions(clock: Clock, session: Live) -> None:
    """One revocation of its id ends all of a session's tokens."""
    claims = peek(granted(clock, session).token, 8192).claims

    assert (claims["sub"], claims["jti"]) == ("7", session.id)
    assert (claims["info"], claims["channels"]) == ({"name": "Alice"}, ["personal:7"])


@pytest.mark.parametrize(("seconds", "left"), [(0, 599.75), (3500, 99.75), (3599.9, 0.85)])
def test_token_ends_with_its_session(clock: Clock, session: Live, seconds: float, left: float) -> None:
    """And tells to the fraction how long it is good, whatever second it says."""
    clock.advance(seconds)

    assert granted(clock, session).expires_in == pytest.approx(left)
