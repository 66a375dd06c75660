from __future__ import annotations

import asyncio
from collections.abc import Collection

from holdfast.broker.redis_reconcile import MOST_DOUBTS, Reconciler
from holdfast.broker.redis_seen import Seen
from holdfast.errors import BrokerError
from tests.brokers import turn_until


class Redis:
    """Looks at streams as it is told."""

    def __init__(self) -> None:
        self.changed: set[str] = set()
        self.failing = 0
        self.looked: list[str] = []
        self.doubts: list[Collection[Seen]] = []
        self.told: list[Collection[str]] = []
        self.done = asyncio.Event()

    async def reconcile(self, name: str, doubts: Collection[Seen]) -> bool:
        """Look."""
        self.looked.append(name)
        self.doubts.append(doubts)
        await asyncio.sleep(0)
        if self.failing:
            self.failing -= 1
            raise BrokerError("broker_timeout")
        if name == "foreign":
            raise BrokerError("broker_foreign_key")
        return name in self.changed

    def tell(self, names: Collection[str]) -> None:
        """Remember."""
        self.told.append(names)


async def finish(reconciler: Reconciler) -> None:
    """Wait until nothing waits."""
    await turn_until(lambda: reconciler._task is None)


async def test_each_name_is_looked_at_once_and_changes_are_told():
    """However often it was named."""
    redis = Redis()
    redis.changed = {"b"}
    reconciler = Reconciler(redis.reconcile, redis.tell)

    reconciler.add(["a", "b"])
    reconciler.add(["a", "foreign"])
    await finish(reconciler)

    assert sorted(redis.looked) == ["a", "b", "foreign"]
    assert redis.told == [["b"]]


async def test_look_is_repeated_until_redis_answers():
    """A failover takes a moment; nobody is forgotten over it."""
    redis = Redis()
    redis.changed, redis.failing = {"a"}, 3
    reconciler = Reconciler(redis.reconcile, redis.tell, pick=lambda: 0.0)

    reconciler.add(["a"])
    await finish(reconciler)

    assert redis.looked == ["a"] * 4
    assert redis.told == [["a"]]


async def test_doubts_go_along_and_those_that_come_meanwhile_are_looked_at_next():
    """Of each life of the stream the highest position that was seen, and no more lives than are of use."""
    redis = Redis()
    reconciler = Reconciler(redis.reconcile, redis.tell)
    reconciler.doubt("a", Seen("e", 5, b"r"))
    reconciler.doubt("a", Seen("e", 4, b"r"))
    reconciler.doubt("a", Seen("e", 6, b"s"))
    await turn_until(lambda: bool(redis.looked))
    reconciler.doubt("a", Seen("e", 9, b"r"))
    await finish(reconciler)

    assert redis.doubts[0] == (Seen("e", 5, b"r"), Seen("e", 6, b"s"))
    assert Seen("e", 9, b"r") in redis.doubts[-1]
    for number in range(20):
        reconciler.doubt("b", Seen(f"{number}", 1, b"r"))
    await finish(reconciler)
    assert len(redis.doubts[-1]) == MOST_DOUBTS


async def test_stopping_ends_the_looks():
    """Nothing goes on behind the end."""
    redis = Redis()
    reconciler = Reconciler(redis.reconcile, redis.tell)
    reconciler.add(["a"])

    await reconciler.stop()

    assert redis.told == []
