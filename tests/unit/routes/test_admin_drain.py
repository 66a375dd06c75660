from __future__ import annotations

from typing import Any

import pytest

from holdfast.connections.drain import DrainStatus, Order
from holdfast.connections.rebalance import RebalanceStatus
from holdfast.errors import DoorError
from holdfast.routes.admin import AdminRequest
from holdfast.routes.admin_drain import AdminDrain, AdminRebalance


class FakeDrain:
    """Keeps orders."""

    def __init__(self) -> None:
        self.orders: list[Order] = []

    def status(self) -> DrainStatus:
        """Say that it drains if it was ordered to."""
        return DrainStatus("draining" if self.orders else "serving", 7)

    def start(self, order: Order) -> bool:
        """Keep an order."""
        self.orders.append(order)
        return len(self.orders) == 1

    async def cancel(self) -> bool:
        """Forget them."""
        had_any = bool(self.orders)
        self.orders.clear()
        return had_any


@pytest.fixture
def drain() -> FakeDrain:
    """What is ordered about."""
    return FakeDrain()


@pytest.fixture
def answers(drain: FakeDrain) -> AdminDrain:
    """What answers."""
    return AdminDrain(drain, "here")  # type: ignore[arg-type]  # stands in


async def test_status(answers: AdminDrain) -> None:
    """It says where the drain stands, and of which instance."""
    found = await answers.status(AdminRequest({}, {}))

    assert (found["instance"], found["state"], found["connections"]) == ("here", "serving", 7)
    with pytest.raises(DoorError, match="query_invalid"):
        await answers.status(AdminRequest({}, {"wait": "1"}))


async def test_start_and_cancel(answers: AdminDrain, drain: FakeDrain) -> None:
    """An order is passed on; the answer says whether anything changed and how it stands now."""
    first = await answers.start(AdminRequest({}, {}, {"window": 60, "reason": "kernel"}))
    second = await answers.start(AdminRequest({}, {}, None))

    assert (first["has_changed"], first["state"], second["has_changed"]) == (True, "draining", False)
    assert drain.orders == [Order(60.0, "kernel"), Order()]
    assert (await answers.cancel(AdminRequest({}, {})))["has_changed"]
    assert not (await answers.cancel(AdminRequest({}, {}, {})))["has_changed"]


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"wait": 1},
        {"window": "60"},
        {"window": True},
        {"window": -1},
        {"window": float("nan")},
        {"window": 1e9},
        {"reason": 7},
        {"reason": "x" * 201},
    ],
)
async def test_start_with_bad_input(answers: AdminDrain, drain: FakeDrain, body: Any) -> None:
    """What cannot be meant is refused, and nothing begins."""
    with pytest.raises(DoorError, match="query_invalid"):
        await answers.start(AdminRequest({}, {}, body))
    assert not drain.orders


class FakeRebalance:
    """Keeps the rates of orders."""

    def __init__(self) -> None:
        self.rates: list[float | None] = []

    def status(self) -> RebalanceStatus:
        """Say that it is even."""
        return RebalanceStatus("off", "idle", {"here": 1}, 1.0, 1, 0, 0.1, True)

    def start(self, rate: float | None) -> bool:
        """Keep an order."""
        self.rates.append(rate)
        return True

    def cancel(self) -> bool:
        """Say that there was none."""
        return False


async def test_rebalance() -> None:
    """Orders are passed on; the answer says whether anything changed and how the instances stand."""
    rebalance = FakeRebalance()
    answers = AdminRebalance(rebalance, "here")  # type: ignore[arg-type]  # stands in
    started = await answers.start(AdminRequest({}, {}, {"rate": 5}))
    await answers.start(AdminRequest({}, {}))

    assert (started["has_changed"], started["instance"], started["instances"]) == (True, "here", {"here": 1})
    assert rebalance.rates == [5.0, None]
    assert not (await answers.cancel(AdminRequest({}, {})))["has_changed"]
    for body in ({"rate": 0}, {"rate": "5"}, {"speed": 5}):
        with pytest.raises(DoorError, match="query_invalid"):
            await answers.start(AdminRequest({}, {}, body))
