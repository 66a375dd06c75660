from __future__ import annotations

import pytest

from holdfast.auth.lockout import Lockouts, Trial
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
def lockouts(clock: Clock) -> Lockouts:
    """Return locks of which nobody has failed yet."""
    return Lockouts(RULES, clock)


def fail(lockouts: Lockouts, trial: Trial, times: int) -> list[float]:
    """Fail so many times; return how long each had to wait before."""
    return [lockouts.begin(trial) for _ in range(times)]


def test_first_failures_cost_nothing(lockouts: Lockouts) -> None:
    """People mistype."""
    assert fail(lockouts, ALICE, 3) == [0, 0, 0]
    assert lockouts.begin(ALICE) == 5


def test_locks_grow_and_end(lockouts: Lockouts, clock: Clock) -> None:
    """Each failure after the first lock doubles the next, up to the longest."""
    fail(lockouts, STRANGER, 3)
    waits = []
    for _ in range(6):
        waits.append(lockouts.wait_seconds(STRANGER))
        clock.advance(waits[-1])
        assert lockouts.begin(STRANGER) == 0

    assert waits == [5, 10, 20, 40, 60, 60]


def test_attempts_while_locked_do_not_count(lockouts: Lockouts, clock: Clock) -> None:
    """Nobody is kept out longer because somebody goes on trying."""
    fail(lockouts, STRANGER, 100)
    clock.advance(5)

    assert lockouts.wait_seconds(STRANGER) == 0


def test_stranger_locks_the_stranger_alone(lockouts: Lockouts) -> None:
    """The honest user comes from elsewhere and does not notice."""
    fail(lockouts, STRANGER, 50)

    assert lockouts.wait_seconds(ALICE) == 0


def test_crowd_of_strangers_locks_the_account_but_not_its_devices(lockouts: Lockouts) -> None:
    """A device that has logged in before is not one of them."""
    for number in range(10):
        lockouts.begin(Trial("alice", f"192.0.2.{number}"))

    assert lockouts.wait_seconds(ALICE) == 5
    assert lockouts.wait_seconds(ALICE._replace(device="laptop")) == 0


def test_known_device_has_a_lock_of_its_own(lockouts: Lockouts) -> None:
    """A copied device cookie gives a few guesses, no more."""
    fail(lockouts, ALICE._replace(device="laptop"), 3)

    assert lockouts.wait_seconds(ALICE._replace(device="laptop")) == 5
    assert lockouts.wait_seconds(ALICE._replace(device="phone")) == 0


def test_success_forgets_the_failures_of_this_one(lockouts: Lockouts) -> None:
    """And of the account's only its own."""
    fail(lockouts, STRANGER, 3)
    fail(lockouts, ALICE, 3)
    lockouts.succeed(ALICE)

    assert lockouts.wait_seconds(ALICE) == 0
    assert lockouts.wait_seconds(STRANGER) == 5


def test_attempt_that_was_never_judged_is_taken_back(lockouts: Lockouts) -> None:
    """A database that fails locks nobody out."""
    for _ in range(50):
        lockouts.begin(ALICE)
        lockouts.abandon(ALICE)

    assert lockouts.wait_seconds(ALICE) == 0
    assert len(lockouts) == 0


def test_failures_are_forgotten(lockouts: Lockouts, clock: Clock) -> None:
    """After a while without any."""
    fail(lockouts, ALICE, 3)
    clock.advance(601)

    assert fail(lockouts, ALICE, 3) == [0, 0, 0]
    assert lockouts.wait_seconds(ALICE) == 5


def test_memory_is_bounded(clock: Clock) -> None:
    """However many names are tried."""
    lockouts = Lockouts(RULES, clock, most_keys=100)
    for number in range(1000):
        lockouts.begin(Trial(f"user-{number}", "192.0.2.1"))

    assert len(lockouts) == 100
