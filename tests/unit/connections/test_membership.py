from __future__ import annotations

import asyncio
from collections.abc import Coroutine

import pytest

from holdfast.connections.membership import Membership
from holdfast.connections.subscription import ANNOUNCED, PRESENT
from holdfast.errors import BrokerError
from holdfast.protocol.messages import ClientInfo

ANNA = ClientInfo("anna", "c1")


class GatedBroker:
    """A broker that notes calls when it is let to, one after the other."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.gate = asyncio.Semaphore(0)
        self.fails: set[str] = set()

    async def _do(self, name: str) -> None:
        await self.gate.acquire()
        self.calls.append(name)
        if name in self.fails:
            raise BrokerError("broker_unavailable")

    async def add_presence(self, channel: str, client: str, info: ClientInfo, ttl: float) -> None:
        """Note it."""
        await self._do("add")

    async def remove_presence(self, channel: str, client: str) -> None:
        """Note it."""
        await self._do("remove")

    async def publish_join(self, channel: str, info: ClientInfo) -> None:
        """Note it."""
        await self._do("join")

    async def publish_leave(self, channel: str, info: ClientInfo) -> None:
        """Note it."""
        await self._do("leave")


@pytest.fixture
def broker() -> GatedBroker:
    """A broker that answers nothing yet."""
    return GatedBroker()


@pytest.fixture
def membership(broker: GatedBroker) -> Membership:
    """What tells it."""
    return Membership(broker, 60.0)  # type: ignore[arg-type]  # only what membership needs


async def all_of(broker: GatedBroker, *work: Coroutine[object, object, object]) -> None:
    """Start everything in order, then let the broker work."""
    tasks = [asyncio.ensure_future(one) for one in work]
    await asyncio.sleep(0)
    for _ in range(10):
        broker.gate.release()
    await asyncio.gather(*tasks)


def never() -> bool:
    """Say no."""
    return False


async def come(membership: Membership) -> None:
    """Enter and stay."""
    await membership.take_turn("a", ANNA.client)
    await membership.enter("a", ANNA)
    membership.hand_on("a", ANNA.client)


async def test_everything_comes_in_the_order_it_happened(broker: GatedBroker, membership: Membership) -> None:
    """Coming, joining, leaving and coming again do not overtake each other, however slow the broker is."""
    await all_of(
        broker,
        come(membership),
        membership.announce("a", ANNA),
        membership.withdraw("a", ANNA, PRESENT | ANNOUNCED, never),
        come(membership),
    )

    assert broker.calls == ["add", "join", "remove", "leave", "add"]
    assert len(membership) == 0


async def test_others_need_not_wait(broker: GatedBroker, membership: Membership) -> None:
    """Order is kept for each client and channel alone."""
    await membership.take_turn("a", "c1")
    await membership.take_turn("a", "c2")
    await membership.take_turn("b", "c1")

    assert len(membership) == 3


async def test_withdraw_spares_who_is_back(broker: GatedBroker, membership: Membership) -> None:
    """A client that is in presence by another subscription stays there; its leave is told all the same."""
    await all_of(broker, membership.withdraw("a", ANNA, PRESENT | ANNOUNCED, lambda: True))

    assert broker.calls == ["leave"]


async def test_failures_of_the_broker_stop_nothing(broker: GatedBroker, membership: Membership) -> None:
    """What cannot be told is logged, and the next one has its turn."""
    broker.fails = {"join", "remove", "leave"}
    await all_of(broker, membership.announce("a", ANNA), membership.withdraw("a", ANNA, PRESENT | ANNOUNCED, never))

    assert broker.calls == ["join", "remove", "leave"]
    assert len(membership) == 0


async def test_refresh_only_of_who_is_there(broker: GatedBroker, membership: Membership) -> None:
    """A refresh whose client has left before its turn enters nobody again."""
    await all_of(broker, membership.refresh("a", ANNA, never), membership.refresh("a", ANNA, lambda: True))

    assert broker.calls == ["add"]


async def test_refresh_that_fails_hands_on(broker: GatedBroker, membership: Membership) -> None:
    """The keeper hears of a broker that is away."""
    broker.fails = {"add"}
    with pytest.raises(BrokerError):
        await all_of(broker, membership.refresh("a", ANNA, lambda: True))

    assert len(membership) == 0


async def test_undo_takes_out_and_hands_on(broker: GatedBroker, membership: Membership) -> None:
    """A subscription that is given up leaves no entry."""
    await membership.take_turn("a", ANNA.client)
    await all_of(broker, membership.undo("a", ANNA.client), come(membership))

    assert broker.calls == ["remove", "add"]


async def test_settle_waits_for_who_leaves(broker: GatedBroker, membership: Membership) -> None:
    """An instance that stops leaves nobody behind in presence, as long as the broker answers."""
    leaving = asyncio.ensure_future(membership.withdraw("a", ANNA, PRESENT, never))
    await asyncio.sleep(0)
    settling = asyncio.ensure_future(membership.settle(30))
    await asyncio.sleep(0)
    assert not settling.done()
    broker.gate.release()
    await asyncio.gather(leaving, settling)

    assert broker.calls == ["remove"]


async def test_settle_has_an_end(membership: Membership) -> None:
    """A broker that hangs holds up no shutdown."""
    await membership.take_turn("a", ANNA.client)
    await membership.settle(0)

    assert len(membership) == 1
