"""Tests of holdfast.diagnostics.probe.dial."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from typing import Any

import pytest

from holdfast.diagnostics.probe import dial as module
from holdfast.diagnostics.probe.dial import (
    MOST_ADDRESSES,
    Address,
    ResolveError,
    addresses_of,
    dial,
    family_of,
    look_up,
    outcome_of,
    resolve,
)


def address(text: str) -> Address:
    """Return an address."""
    return Address(family_of(text), (text, 443))


class FakeSocket:
    """Something that can be closed."""

    is_closed = False

    def close(self) -> None:
        """Note it."""
        self.is_closed = True


@pytest.fixture(autouse=True)
def no_stagger(monkeypatch) -> None:
    """Start all attempts at once, and wait for none once one has ended."""
    monkeypatch.setattr(module, "_STAGGER_SECONDS", 0.0)
    monkeypatch.setattr(module, "_GRACE_SECONDS", 0.0)


def connecting(outcomes: dict[str, Any]):
    """Return a connect that fails, or gives a socket, by address; None never ends."""

    async def connect(to: Address) -> Any:
        outcome = outcomes[to.place[0]]
        if outcome is None:
            await asyncio.get_running_loop().create_future()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return connect


async def test_first_address_that_answers_is_taken() -> None:
    """The others are closed, and what failed is named."""
    good, other = FakeSocket(), FakeSocket()
    outcomes = {"::1": ConnectionRefusedError(errno.ECONNREFUSED, "x"), "192.0.2.1": good, "192.0.2.2": other}

    winner, tried = await dial([address(text) for text in outcomes], 5.0, connecting(outcomes))

    assert winner is good
    assert (good.is_closed, other.is_closed) == (False, True)
    assert [one.outcome for one in tried] == ["refused", "ok", "ok"]
    assert str(tried[0].address) == "[::1]:443"


async def test_addresses_that_never_answer_end_with_the_time() -> None:
    """Each is named."""
    outcomes = {"192.0.2.1": None, "192.0.2.2": OSError(errno.EHOSTUNREACH, "x")}

    winner, tried = await dial([address(text) for text in outcomes], 0.05, connecting(outcomes))

    assert winner is None
    assert [(one.outcome, one.detail) for one in tried] == [("timeout", ""), ("unreachable", "No route to host")]


async def test_address_that_never_answers_does_not_hold_up_the_others() -> None:
    """It is named all the same."""
    good = FakeSocket()
    outcomes = {"192.0.2.1": None, "192.0.2.2": good}

    winner, tried = await asyncio.wait_for(dial([address(text) for text in outcomes], 60.0, connecting(outcomes)), 5)

    assert winner is good
    assert [one.outcome for one in tried] == ["timeout", "ok"]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "refused"),
        (OSError(errno.ENETUNREACH, "x"), "unreachable"),
        (OSError(errno.EADDRNOTAVAIL, "x"), "unreachable"),
        (PermissionError(errno.EPERM, "x"), "failed"),
        (OSError("x"), "failed"),
    ],
)
def test_errors_of_connect_are_told_apart(error: OSError, outcome: str) -> None:
    """By their number."""
    assert outcome_of(error) == outcome


def test_addresses_are_those_of_ip_each_once() -> None:
    """In the resolver's order, and not more than can be tried."""
    found = [
        (socket.AF_INET6, 1, 6, "", ("::1", 443, 0, 0)),
        (socket.AF_INET, 1, 6, "", ("192.0.2.1", 443)),
        (socket.AF_INET, 1, 6, "", ("192.0.2.1", 443)),
        (socket.AF_UNIX, 1, 6, "", "/x"),
        *((socket.AF_INET, 1, 6, "", (f"198.51.100.{number}", 443)) for number in range(20)),
    ]

    addresses = addresses_of(found, 443)
    assert [one.place[0] for one in addresses[:3]] == ["::1", "192.0.2.1", "198.51.100.0"]
    assert len(addresses) == MOST_ADDRESSES


async def test_resolver_is_asked_in_a_thread() -> None:
    """Its answer, and its error, reach whoever waits."""
    assert await resolve("a.test", 443, lambda host, port: [address("192.0.2.1")]) == [address("192.0.2.1")]

    def fail(host: str, port: int) -> list[Address]:
        raise ResolveError(socket.EAI_NONAME, "no such name")

    with pytest.raises(ResolveError):
        await resolve("a.test", 443, fail)


async def test_resolver_that_hangs_holds_nobody() -> None:
    """Whoever waits may give up; its late answer reaches nobody."""
    release = threading.Event()

    def hang(host: str, port: int) -> list[Address]:
        release.wait(30)
        return []

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(resolve("a.test", 443, hang), 0.01)
    release.set()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (socket.gaierror(socket.EAI_AGAIN, "later"), socket.EAI_AGAIN),
        (UnicodeError("label too long"), socket.EAI_NONAME),
    ],
)
def test_look_up_tells_the_resolvers_number(monkeypatch, error: Exception, code: int) -> None:
    """A name that cannot be one does not exist."""

    def getaddrinfo(*arguments: object, **options: object) -> object:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(ResolveError) as caught:
        look_up("a.test", 443)
    assert caught.value.code == code
