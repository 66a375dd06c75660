from __future__ import annotations

from asyncio import gather

import pytest

from holdfast.auth.lockout import AddressRate, Lockouts, Trial
from holdfast.broker.base import Count
from holdfast.broker.counters import MemoryCounters
from holdfast.errors import BrokerError
from holdfast.settings_auth import LockoutSettings
from tests.brokers import Clock

RULES = LockoutSettings(failures=3, account_failures=10, first=5, longest=60, forget=600)
STRANGER = Trial("alice", "192.0.2.1")
ALICE = Trial("alice", "198.51.100.7")


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands still."""
    return Clock()


@pytest.fixture
def counters(clock: Clock) -> MemoryCounters:
    """Return counters that count for nobody yet."""
    return MemoryCounters(clock)


@pytest.fixture
def lockouts(counters: MemoryCounters) -> Lockouts:
    """Return locks of which nobody has failed yet."""
    return Lockouts(RULES, counters)


async def fail(lockouts: Lockouts, trial: Trial, times: int) -> list[float]:
    """Fail so many times; return how long each had to wait before."""
    return [await lockouts.begin(trial) for _ in range(times)]


async def test_first_failures_cost_nothing(lockouts: Lockouts) -> None:
    """People mistype."""
    assert await fail(lockouts, ALICE, 3) == [0, 0, 0]
    assert await lockouts.begin(ALICE) == 5


async def test_locks_grow_and_end(lockouts: Lockouts, clock: Clock) -> None:
    """Each failure after the first lock doubles the next, up to the longest."""
    await fail(lockouts, STRANGER, 3)
    waits = []
    for _ in range(6):
        waits.append(await lockouts.wait_seconds(STRANGER))
        clock.advance(waits[-1])
        assert await lockouts.begin(STRANGER) == 0

    assert waits == [5, 10, 20, 40, 60, 60]


async def test_attempts_while_locked_do_not_count(lockouts: Lockouts, clock: Clock) -> None:
    """Nobody is kept out longer because somebody goes on trying."""
    await fail(lockouts, STRANGER, 100)
    clock.advance(5)

    assert await lockouts.wait_seconds(STRANGER) == 0


async def test_stranger_locks_the_stranger_alone(lockouts: Lockouts) -> None:
    """The honest user comes from elsewhere and does not notice."""
    await fail(lockouts, STRANGER, 50)

    assert await lockouts.wait_seconds(ALICE) == 0


async def test_crowd_of_strangers_locks_the_account_but_not_its_devices(lockouts: Lockouts) -> None:
    """A device that has logged in before is not one of them."""
    for number in range(10):
        await lockouts.begin(Trial("alice", f"192.0.2.{number}"))

    assert await lockouts.wait_seconds(ALICE) == 5
    assert await lockouts.wait_seconds(ALICE._replace(device="laptop")) == 0


async def test_known_device_has_a_lock_of_its_own(lockouts: Lockouts) -> None:
    """A copied device cookie gives a few guesses, no more."""
    await fail(lockouts, ALICE._replace(device="laptop"), 3)

    assert await lockouts.wait_seconds(ALICE._replace(device="laptop")) == 5
    assert await lockouts.wait_seconds(ALICE._replace(device="phone")) == 0


async def test_success_forgets_the_failures_of_this_one(lockouts: Lockouts) -> None:
    """And of the account's only its own."""
    await fail(lockouts, STRANGER, 3)
    await fail(lockouts, ALICE, 3)
    await lockouts.succeed(ALICE)

    assert await lockouts.wait_seconds(ALICE) == 0
    assert await lockouts.wait_seconds(STRANGER) == 5


async def test_attempt_that_was_never_judged_is_taken_back(lockouts: Lockouts, counters: MemoryCounters) -> None:
    """A database that fails locks nobody out."""
    for _ in range(50):
        await lockouts.begin(ALICE)
        await lockouts.abandon(ALICE)

    assert await lockouts.wait_seconds(ALICE) == 0
    assert len(counters) == 0


async def test_attempt_that_could_be_counted_in_part_only_is_taken_back(
    lockouts: Lockouts, counters: MemoryCounters, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that fails now and then locks nobody who was never judged."""
    add, calls = counters.add, []

    async def fail_second(key: str, ttl: float, amount: int = 1, *, prolong: bool = False) -> Count:
        calls.append(key)
        if len(calls) == 2:
            raise BrokerError("broker_timeout")
        return await add(key, ttl, amount, prolong=prolong)

    for _ in range(RULES.failures):
        calls.clear()
        with monkeypatch.context() as patch:
            patch.setattr(counters, "add", fail_second)
            with pytest.raises(BrokerError):
                await lockouts.begin(ALICE)

    assert await fail(lockouts, ALICE, 3) == [0, 0, 0]


async def test_failures_are_forgotten(lockouts: Lockouts, clock: Clock) -> None:
    """After a while without any."""
    await fail(lockouts, ALICE, 3)
    clock.advance(601)

    assert await fail(lockouts, ALICE, 3) == [0, 0, 0]
    assert await lockouts.wait_seconds(ALICE) == 5


async def test_many_at_once_are_no_way_around_the_limit(lockouts: Lockouts, clock: Clock) -> None:
    """Of those that come in the same moment no more are judged than of those that come one by one."""
    assert sum(wait == 0 for wait in await gather(*(lockouts.begin(STRANGER) for _ in range(20)))) == 3
    clock.advance(5)

    assert sorted(await gather(*(lockouts.begin(STRANGER) for _ in range(20)))) == [0, *[10] * 19]


async def test_instances_count_together(counters: MemoryCounters) -> None:
    """Whoever goes from one to the next finds the lock there."""
    one, other = Lockouts(RULES, counters), Lockouts(RULES, counters)
    await fail(one, STRANGER, 2)
    await fail(other, STRANGER, 1)

    assert await one.wait_seconds(STRANGER) == await other.wait_seconds(STRANGER) == 5


async def test_counters_tell_no_names(lockouts: Lockouts, counters: MemoryCounters) -> None:
    """Who reads the broker's keys learns no account and no address, and long names take no memory."""
    await fail(lockouts, Trial("alice" * 1000, "192.0.2.1"), 3)

    assert len(counters) == 3
    assert not any("alice" in key or "192" in key or len(key) > 40 for key in counters._counts)


async def test_address_may_come_so_often(counters: MemoryCounters, clock: Clock) -> None:
    """So many at once and so many a second, on whichever instance."""
    one, other = (AddressRate(LockoutSettings(rate=2, burst=3), counters, clock) for _ in range(2))

    assert [await one.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert await one.take("b") == 0
    assert await other.take("a") == 0.5
    clock.advance(0.5)
    assert await other.take("a") == 0


async def test_flood_costs_the_broker_nothing(clock: Clock) -> None:
    """What one instance refuses by itself it does not ask about."""
    counters = MemoryCounters(clock)
    rate = AddressRate(LockoutSettings(rate=1, burst=3), counters, clock)
    for _ in range(3):
        await rate.take("a")
    counters.take = None  # type: ignore[method-assign,assignment]  # asking it would fail

    assert await rate.take("a") == 1
