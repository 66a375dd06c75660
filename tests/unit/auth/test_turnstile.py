from __future__ import annotations

from typing import NoReturn

import pytest

from holdfast.auth.lockout import AddressRate, Lockouts, Trial
from holdfast.auth.turnstile import Turnstile
from holdfast.broker.counters import MemoryCounters
from holdfast.errors import BrokerError, LoginError
from holdfast.settings_auth import LockoutSettings
from tests.brokers import Clock

RULES = LockoutSettings(failures=3, rate=0.5, burst=6)
TRIAL = Trial("alice", "192.0.2.1")


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands still."""
    return Clock()


@pytest.fixture
def counters(clock: Clock) -> MemoryCounters:
    """Return counters that count for nobody yet."""
    return MemoryCounters(clock)


@pytest.fixture
def turnstile(counters: MemoryCounters, clock: Clock) -> Turnstile:
    """Return one through which nobody has gone."""
    return Turnstile(Lockouts(RULES, counters), AddressRate(RULES, counters, clock))


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


async def away(*args: object, **more: object) -> NoReturn:
    """Be a broker that is away."""
    raise BrokerError("broker_unavailable")


@pytest.mark.parametrize("method", ["take", "get", "add"])
async def test_nobody_is_judged_while_the_broker_cannot_count(
    turnstile: Turnstile, counters: MemoryCounters, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """There is no time in which guesses are free; afterwards all is as before."""
    with monkeypatch.context() as patch:
        patch.setattr(counters, method, away)
        with pytest.raises(BrokerError):
            async with turnstile.judging(TRIAL):
                pytest.fail("somebody was judged")

    await fail(turnstile, 3)


async def test_broker_that_fails_hides_no_cause(
    turnstile: Turnstile, counters: MemoryCounters, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attempt that could not be judged says why, also where it cannot be taken back."""

    async def fail_to_judge() -> None:
        async with turnstile.judging(TRIAL):
            monkeypatch.setattr(counters, "add", away)
            raise ConnectionError

    with pytest.raises(ConnectionError):
        await fail_to_judge()
