from __future__ import annotations

from typing import Any

import pytest

from holdfast.auth.revocation import Revocation
from holdfast.connections.revoking import Order
from holdfast.connections.revoking_everywhere import Revoked
from holdfast.errors import CapacityError, DoorError
from holdfast.routes.admin import AdminRequest
from holdfast.routes.admin_revocations import AdminRevocations, read_order


class FakeRevoker:
    """Keeps orders; closes two connections each, and `there` does not answer where it `is_torn`."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.is_full = False
        self.is_torn = False

    async def revoke(self, order: Order) -> Revoked:
        """Keep it."""
        if self.is_full:
            raise OverflowError("full")
        self.orders.append(order)
        return Revoked(2, ["there"], is_kept=False) if self.is_torn else Revoked(2, [])


@pytest.fixture
def revoker() -> FakeRevoker:
    """Who revokes."""
    return FakeRevoker()


@pytest.fixture
def answers(revoker: FakeRevoker) -> AdminRevocations:
    """What answers; one user is revoked."""
    return AdminRevocations(revoker, lambda: [Revocation("user", "42", 2.0, 1.0, "left")])  # type: ignore[arg-type]  # stands in


async def test_list(answers: AdminRevocations) -> None:
    """What is revoked comes back as it is."""
    found = await answers.list(AdminRequest({}, {}))

    assert found == {
        "revocations": [{"kind": "user", "name": "42", "kept_until": 2.0, "issued_until": 1.0, "reason": "left"}]
    }
    with pytest.raises(DoorError, match="query_invalid"):
        await answers.list(AdminRequest({}, {"user": "42"}))


async def test_revoke(answers: AdminRevocations, revoker: FakeRevoker) -> None:
    """An order is carried out, and the answer says how many had to go."""
    done = await answers.revoke(AdminRequest({}, {}, {"user": "42", "seconds": 60, "reason": "left"}))

    assert done == {"disconnected": 2, "seconds": 60.0}
    assert revoker.orders == [Order("42", "", 60.0, "left")]


async def test_revoke_says_who_did_not_confirm_it(answers: AdminRevocations, revoker: FakeRevoker) -> None:
    """Nothing sounds done that is not."""
    revoker.is_torn = True
    done = await answers.revoke(AdminRequest({}, {}, {"user": "42"}))

    assert (done["missing"], done["kept"]) == (["there"], False)


async def test_revoke_when_the_list_is_full(answers: AdminRevocations, revoker: FakeRevoker) -> None:
    """Nothing is dropped to make room, and the operator is told."""
    revoker.is_full = True
    with pytest.raises(CapacityError, match="too_many_requests"):
        await answers.revoke(AdminRequest({}, {}, {"jti": "a"}))


def test_read_order_defaults_to_a_day() -> None:
    """As long as sensible tokens live; the anonymous user has an empty name."""
    assert read_order({"jti": "a"}) == Order(None, "a", 86400.0)
    assert read_order({"user": ""}) == Order("", "", 86400.0)


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "42",
        {},
        {"user": "42", "jti": "a"},
        {"user": 42},
        {"jti": ""},
        {"user": "x" * 5000},
        {"user": "42", "second": 1},
        {"user": "42", "seconds": 0},
        {"user": "42", "seconds": -1},
        {"user": "42", "seconds": True},
        {"user": "42", "seconds": "60"},
        {"user": "42", "seconds": 1e300},
        {"user": "42", "reason": 1},
        {"user": "42", "reason": "x" * 500},
    ],
)
def test_read_order_refuses(body: Any) -> None:
    """Whatever is not clear revokes nothing."""
    with pytest.raises(DoorError, match="query_invalid"):
        read_order(body)
