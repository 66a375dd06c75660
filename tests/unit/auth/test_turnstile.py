from __future__ import annotations

import pytest

from holdfast.auth.lockout import Lockouts
from holdfast.auth.turnstile import Turnstile, trial_of
from holdfast.errors import LoginError
from holdfast.resilience.keyed_buckets import KeyedBuckets
from holdfast.resilience.token_bucket import TokenBucket
from holdfast.settings_auth import LockoutSettings
from tests.brokers import Clock

RULES = LockoutSettings(failures=3, rate=0.5, burst=6)
TRIAL = trial_of("alice", "192.0.2.1", "")


@pytest.fixture
def turnstile() -> Turnstile:
    """Return one through which nobody has gone."""
    clock = Clock()
    return Turnstile(Lockouts(RULES, clock), KeyedBuckets(TokenBucket(RULES.rate, RULES.burst), clock), RULES.rate)


async def fail(turnstile: Turnstile, times: int) -> None:
    """Be judged, and found wrong."""
    for _ in range(times):
        async with turnstile.judging(TRIAL):
            pass


async def refused(turnstile: Turnstile) -> LoginError:
    """Return why nobody is let in."""
    with pytest.raises(LoginError) as found:
        await fail(turnstile, 1)
    return found.value


async def test_failures_lock(turnstile: Turnstile) -> None:
    """And the refusal says how long."""
    await fail(turnstile, 3)
    error = await refused(turnstile)

    assert (error.slug, error.context["why"], error.context["retry_after"]) == ("login_locked", "lock", 5)


async def test_success_forgets_the_failures(turnstile: Turnstile) -> None:
    """As if nothing had been."""
    await fail(turnstile, 2)
    await turnstile.succeed(TRIAL)

    await fail(turnstile, 3)


async def test_attempt_that_was_not_judged_counts_for_nothing(turnstile: Turnstile) -> None:
    """A database that is down locks nobody out."""
    for _ in range(3):
        with pytest.raises(ConnectionError):
            async with turnstile.judging(TRIAL):
                raise ConnectionError

    await fail(turnstile, 3)


async def test_address_has_a_rate(turnstile: Turnstile) -> None:
    """Also for those who are right each time."""
    for _ in range(6):
        await fail(turnstile, 1)
        await turnstile.succeed(TRIAL)
    error = await refused(turnstile)

    assert (error.context["why"], error.context["retry_after"]) == ("rate", 2)


def test_names_are_counted_by_their_hash() -> None:
    """However long they are, and whatever is in them."""
    assert len(trial_of("x" * 5000, "192.0.2.1", "").account) == len(trial_of("\ud800", "192.0.2.1", "").account) == 64
