from __future__ import annotations

from typing import Any

import pytest

from holdfast.connections.drain import DrainStatus, Order
from holdfast.errors import DoorError
from holdfast.routes.admin import AdminRequest
from holdfast.routes.admin_drain import AdminDrain


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
