from __future__ import annotations

from typing import Any

import pytest

from holdfast.connections.sending_away import Choice, Standing
from holdfast.errors import DoorError
from holdfast.routes.admin import AdminRequest
from holdfast.routes.admin_disconnect import AdminDisconnect


class FakeSending:
    """Keeps orders."""

    def __init__(self) -> None:
        self.orders: list[tuple[str, Choice, float]] = []

    async def everywhere(self, what: str, choice: Choice, rate: float = 0.0) -> tuple[dict[str, Standing], list[str]]:
        """Keep an order; one instance answers, one does not."""
        self.orders.append((what, choice, rate))
        return {"here": Standing(connections=7, chosen=2)}, ["there"]


@pytest.fixture
def sending() -> FakeSending:
    """What is ordered."""
    return FakeSending()


@pytest.fixture
def answers(sending: FakeSending) -> AdminDisconnect:
    """What answers."""
    return AdminDisconnect(sending)  # type: ignore[arg-type]  # stands in


async def test_orders(answers: AdminDisconnect, sending: FakeSending) -> None:
    """With a rate it begins, without one it only counts; the answer has each instance and who is silent."""
    body = {"users": ["anna", ""], "addresses": ["192.0.2.1"]}
    found = await answers.disconnect(AdminRequest({}, {}, body))
    await answers.disconnect(AdminRequest({}, {}, {"users": ["anna"], "rate": 5}))
    await answers.status(AdminRequest({}, {}))
    await answers.cancel(AdminRequest({}, {}))

    assert (found["instances"]["here"]["chosen"], found["missing"]) == (2, ["there"])
    assert sending.orders == [
        ("look", Choice(("anna", ""), ("192.0.2.1",)), 0.0),
        ("start", Choice(("anna",)), 5.0),
        ("look", Choice(), 0.0),
        ("cancel", Choice(), 0.0),
    ]


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        [],
        {"users": []},
        {"users": "anna"},
        {"users": [7]},
        {"users": ["x" * 1025]},
        {"users": ["x"] * 1001},
        {"users": ["anna"], "rate": 0},
        {"users": ["anna"], "rate": "5"},
        {"users": ["anna"], "rate": 1e9},
        {"user": "anna"},
    ],
)
async def test_bad_order_is_refused(answers: AdminDisconnect, sending: FakeSending, body: Any) -> None:
    """With what was expected; nothing is done."""
    with pytest.raises(DoorError, match="query_invalid"):
        await answers.disconnect(AdminRequest({}, {}, body))
    assert sending.orders == []
