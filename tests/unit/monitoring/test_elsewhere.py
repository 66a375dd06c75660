from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast.monitoring.elsewhere import Elsewhere, Found, merged
from holdfast.monitoring.ledger import Query
from tests.brokers import Clock
from tests.live import World
from tests.pair import Pair, lone_bus


class Knowing:
    """Two instances; `there` knows one attempt, one connection and one record, and remembers what it was asked."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.here, there = Elsewhere(pair.here.cluster.bus), Elsewhere(pair.there.cluster.bus)
        self.asked: list[tuple[Any, ...]] = []
        there.answer_explain(self._one)
        there.answer_who(self._one)
        there.answer_records(self._records)

    async def _one(self, name: str) -> dict[str, Any] | None:
        return {"instance": "there", "of": name} if name == "known" else None

    async def _records(self, *asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        return {"instance": "there", asked[0]: [{"at": 1.5}]}


@pytest.fixture
async def knowing() -> Knowing:
    """Two instances."""
    return Knowing(await Pair(Clock(1_700_000_000.0)).start())


async def test_explain_and_who(knowing: Knowing) -> None:
    """Whoever knows answers; nobody knowing is an answer too."""
    assert not knowing.here.is_alone
    assert await knowing.here.explain("known") == Found({"instance": "there", "of": "known"})
    assert (await knowing.here.who("known")).one == {"instance": "there", "of": "known"}
    assert await knowing.here.explain("unknown") == Found()


async def test_records_are_asked_for_as_the_query_says(knowing: Knowing) -> None:
    """What is given arrives as it was."""
    query = Query(user="anna", since=5.0)
    found = await knowing.here.records("attempts", query, 7)

    assert found.records == [{"instance": "there", "attempts": [{"at": 1.5}]}]
    assert knowing.asked == [("attempts", query, 7, "all")]


async def test_instances_that_do_not_answer_are_named(knowing: Knowing) -> None:
    """Whoever asks knows what the answer does not cover."""
    knowing.pair.kill(knowing.pair.there)
    asking = asyncio.ensure_future(knowing.here.explain("known"))
    found = await knowing.pair.until_timers(knowing.pair.here, asking)

    assert found == Found(silent=["there"])
    assert found.gaps() == {"missing": ["there"]}


async def test_broker_that_is_away_is_said(knowing: Knowing) -> None:
    """A question about this instance is answered all the same."""
    knowing.pair.kill(knowing.pair.here)

    assert (await knowing.here.who("known")).gaps() == {"trouble": "broker_unavailable"}
    assert (await knowing.here.records("attempts", Query(), 7)).trouble == "broker_unavailable"


async def test_alone() -> None:
    """There is nobody to ask."""
    elsewhere = Elsewhere(lone_bus((await World(Clock()).start()).core))

    assert elsewhere.is_alone
    assert await elsewhere.explain("known") == Found()


def test_merged() -> None:
    """The newest first, whoever has it; all are complete only since the latest of the oldest."""
    here = {"instance": "here", "reaches_back_to": 1.0, "connections": [{"ended_at": 4.0}, {"opened_at": 2.0}]}
    there = {"instance": "there", "reaches_back_to": 2.0, "connections": [{"ended_at": 3.0}]}
    empty = {"instance": "empty", "reaches_back_to": None, "connections": []}
    records, back_to = merged([here, there, empty], "connections", 2)

    assert records == [{"instance": "here", "ended_at": 4.0}, {"instance": "there", "ended_at": 3.0}]
    assert back_to == 2.0
    assert merged([empty], "connections", 2) == ([], None)
