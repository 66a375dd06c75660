from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from holdfast.connections.records import EndedConnection, RefusedAttempt
from holdfast.monitoring.ledger import Ledger, Query
from holdfast.settings_admin import LedgerSettings


def ledger(attempts: int = 100, closes: int = 100) -> Ledger:
    """Return an empty ledger."""
    return Ledger(LedgerSettings(attempts=attempts, closes=closes))


def attempt(number: int, **given: Any) -> RefusedAttempt:
    """Return a refused attempt, made at second `number`."""
    fields = {"address": "192.0.2.1", "transport": "websocket", "path": "/", "slug": "accept_rate"}
    return RefusedAttempt(**{"attempt": f"a{number}", "at": float(number), "stage": "admission", **fields, **given})


def ended(number: int, **given: Any) -> EndedConnection:
    """Return a connection that ended at second `number`."""
    fields: dict[str, Any] = {"user": "anna", "address": "192.0.2.1", "transport": "sse", "agent": "js"}
    fields |= {"opened_at": 0.0, "slug": "no_pong", "code": 3012, "initiator": "us"}
    keys = {"client": f"c{number}", "attempt": f"a{number}", "ended_at": float(number)}
    return EndedConnection(**{**keys, **fields, **given})


async def test_records_come_back_as_they_were() -> None:
    """Packing loses nothing."""
    book = ledger()
    refused = attempt(1, detail="why", user="änna", timings={"upgrade": 0.5}, seen={"host": "x"})
    closed = ended(2, offsets={"news": 7}, timings={"connect": 0.25}, queued=9, rtt=0.125, detail="why")
    book.refused(refused)
    book.ended(closed)

    assert await book.find("a1") == refused
    assert await book.find("a2") == closed
    assert await book.find_client("c2") == closed
    assert await book.find("a3") is None
    assert await book.find_client("c1") is None
    assert book.sizes() == {"attempts": 1, "closes": 1}


async def test_client_ids_and_attempts_are_told_apart() -> None:
    """Client ids are no secret: they open no attempt, and an attempt named like one hides no connection."""
    book = ledger()
    book.ended(ended(1))
    book.ended(ended(2, attempt="c1", user="mallory"))

    assert await book.find("c2") is None
    found = await book.find_client("c1")
    assert found is not None
    assert found.user == "anna"


async def test_oldest_make_room() -> None:
    """A full ledger forgets the oldest, and its keys with them."""
    book = ledger(attempts=2, closes=2)
    for number in range(4):
        book.refused(attempt(number))
        book.ended(ended(number, attempt=f"b{number}"))

    assert book.sizes() == {"attempts": 2, "closes": 2}
    assert [one.attempt for one in await book.attempts(Query(), 10)] == ["a3", "a2"]
    assert await book.find("a0") is None
    assert await book.find_client("c1") is None
    assert (await book.find_client("c2")) is not None


async def test_repeated_ids_find_the_newest() -> None:
    """An id that a client uses twice leads to the newest record, also after the older one was forgotten."""
    book = ledger(attempts=2)
    book.refused(attempt(1, attempt="same"))
    book.refused(attempt(2, attempt="same"))
    book.refused(attempt(3))

    found = await book.find("same")
    assert isinstance(found, RefusedAttempt)
    assert found.at == 2.0


async def test_client_that_leaves_because_it_was_refused() -> None:
    """The end of a refused client's connection does not hide the cause; of another it is the cause."""
    book = ledger()
    book.refused(attempt(1, slug="request_timeout"))
    book.refused(attempt(2, attempt="a1", slug="client_gone"))
    book.refused(attempt(3, slug="client_gone"))

    found = [await book.find(name) for name in ("a1", "a3")]
    assert [one.slug for one in found if one is not None] == ["request_timeout", "client_gone"]


async def test_case_of_ids_does_not_matter() -> None:
    """Digits are found as small and as capital letters, and forgotten with their record."""
    book = ledger(attempts=1, closes=1)
    book.refused(attempt(1, attempt="AbC"))
    book.admitted("AbC", {"host": "x"})
    assert await book.find("aBc") is not None
    assert await book.seen("abc") == {"host": "x"}
    book.refused(attempt(2))

    assert await book.find("AbC") is None


async def test_attempt_that_was_refused_and_had_a_session() -> None:
    """Of two records of one id the later one counts."""
    book = ledger()
    book.refused(attempt(5, attempt="same"))
    book.ended(ended(6, attempt="same"))
    assert isinstance(await book.find("same"), EndedConnection)
    book.refused(attempt(7, attempt="same"))

    assert isinstance(await book.find("same"), RefusedAttempt)


async def test_size_zero_remembers_nothing() -> None:
    """The ledger can be switched off."""
    book = ledger(attempts=0, closes=0)
    book.refused(attempt(1))
    book.ended(ended(1))
    book.admitted("a1", {"host": "x"})

    assert book.sizes() == {"attempts": 0, "closes": 0}
    assert await book.find("a1") is None
    assert await book.seen("a1") == {}


async def test_drain_pushes_nothing_out() -> None:
    """A restart sends thousands away: that is counted, and who was turned away has a place of their own."""
    book = ledger(attempts=2)
    book.refused(attempt(0, slug="accept_rate"))
    book.ended(ended(1, slug="shutdown"))
    book.ended(ended(2, slug="shutdown"))
    for number in (3, 4, 5):
        book.refused(attempt(number, slug="draining"))
    told = await book.find("a5")

    assert book.sizes() == {"attempts": 3, "closes": 0}
    assert book.planned == {"shutdown": 2, "draining": 3}
    assert isinstance(told, RefusedAttempt)
    assert told.slug == "draining"
    assert [one.attempt for one in await book.attempts(Query(), 10)] == ["a5", "a4", "a0"]
    assert [one.attempt for one in await book.attempts(Query(), 1)] == ["a5"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (Query(), [4, 3, 2, 1]),
        (Query(user="bob"), [2]),
        (Query(address="192.0.2.9"), [3]),
        (Query(slug="token_expired"), [4]),
        (Query(stage="token"), [4]),
        (Query(transport="sse"), []),
        (Query(initiator="us"), []),
        (Query(since=3.0), [4, 3]),
        (Query(until=2.0), [2, 1]),
        (Query(since=2.0, until=3.0, transport="websocket"), [3, 2]),
        (Query(user="websocket"), []),
    ],
)
async def test_attempts_by_query(query: Query, found: list[int]) -> None:
    """All that is given must match; newest first."""
    book = ledger()
    book.refused(attempt(1))
    book.refused(attempt(2, user="bob"))
    book.refused(attempt(3, address="192.0.2.9"))
    book.refused(attempt(4, slug="token_expired", stage="token"))

    assert [one.at for one in await book.attempts(query, 10)] == found


async def test_connections_by_query() -> None:
    """Ended connections are found by who ended them and by stage, which they do not hold but work out."""
    book = ledger()
    book.ended(ended(1))
    book.ended(ended(2, slug="client_closed", initiator="peer"))

    assert [one.client for one in await book.connections(Query(initiator="peer"), 10)] == ["c2"]
    assert [one.client for one in await book.connections(Query(stage="idle"), 10)] == ["c1"]
    assert [one.client for one in await book.connections(Query(), 1)] == ["c2"]


async def test_long_searches_let_the_loop_turn() -> None:
    """What is recorded while a search waits its turn does not disturb it."""
    book = ledger(attempts=1000)
    for number in range(1000):
        book.refused(attempt(number))
    searching = asyncio.ensure_future(book.attempts(Query(user="nobody"), 10))
    turns = 0
    while not searching.done():
        await asyncio.sleep(0)
        book.refused(attempt(2000 + turns))
        turns += 1

    assert await searching == []
    assert turns >= 4


async def test_headers_of_admitted_attempts_are_kept_for_a_while() -> None:
    """The newest are known, so that somebody who asks soon is told what the gateway saw."""
    book = ledger(closes=2)
    for name in ("a", "b", "c"):
        book.admitted(name, {"host": name})

    assert await book.seen("c") == {"host": "c"}
    assert await book.seen("a") == {}


async def test_records_are_small() -> None:
    """A packed record takes less than 1 KiB, so that a full ledger has little part in an instance's memory."""
    book = ledger()
    book.refused(attempt(1, seen={f"x-header-{number}": "a value" for number in range(20)}))

    assert sum(sys.getsizeof(packed) for packed in book._attempts._packed) < 1024
