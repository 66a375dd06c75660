"""`holdfast rebalance`, against a gateway that is played."""

import httpx
import pytest

PLACE = ("--url", "http://127.0.0.1:1", "--admin-token", "word")
STATUS = {
    "instance": "a", "mode": "advise", "state": "idle", "instances": {"b": 50, "a": 150}, "mean": 100.0,
    "connections": 150, "excess": 50, "tolerance": 0.1, "settled": True, "total": 0, "left": 0, "rate": 0.0,
    "moved": 3, "overdue": 1, "closed": 2,
}  # fmt: skip
EVEN = {**STATUS, "instances": {"a": 100, "b": 100}, "connections": 100, "excess": 0}


@pytest.fixture
def gateway(fake_gateway):
    """A gateway that has too many connections."""
    fake_gateway.answers["/admin/rebalance"] = httpx.Response(200, json=STATUS)
    return fake_gateway


def test_status(cli, gateway):
    """A table of all instances; 1 where the asked one is above the mean by more than tolerated."""
    outcome = cli("rebalance", "status", *PLACE)

    assert outcome.code == 1
    assert outcome.out.splitlines() == [
        "INSTANCE  CONNECTIONS  OF THE MEAN",
        "a         150          +50%",
        "b         50           -50%",
        "a: mode advise, 50 above the mean, idle; 3 moved, 3 closed.",
    ]
    assert cli("rebalance", "status", "--json", *PLACE).json() == STATUS
    gateway.answers["/admin/rebalance"] = httpx.Response(200, json=EVEN)
    assert cli("rebalance", "status", *PLACE).code == 0


def test_status_without_connections(cli, gateway):
    """Nothing divides by zero."""
    empty = {**EVEN, "instances": {"a": 0}, "connections": 0, "mean": 0.0}
    gateway.answers["/admin/rebalance"] = httpx.Response(200, json=empty)

    assert cli("rebalance", "status", *PLACE).code == 0


def test_start(cli, gateway):
    """The order goes to the admin path, with a rate if one is given."""
    shedding = {**STATUS, "state": "shedding", "total": 50, "left": 49, "has_changed": True}
    gateway.answers["/admin/rebalance"] = httpx.Response(200, json=shedding)
    outcome = cli("rebalance", "start", "--rate", "5", *PLACE)

    assert outcome.code == 0
    assert gateway.sent() == {"rate": 5.0}
    assert "49 of 50 left to send away" in outcome.out


@pytest.mark.parametrize(("state", "said"), [("idle", "no more connections"), ("shedding", "under way")])
def test_start_in_vain(cli, gateway, state, said):
    """Where nothing changes that is said."""
    gateway.answers["/admin/rebalance"] = httpx.Response(200, json={**EVEN, "state": state, "has_changed": False})

    assert said in cli("rebalance", "start", *PLACE).err
    assert gateway.sent() == {}


def test_cancel(cli, gateway):
    """It goes to a path of its own."""
    gateway.answers["/admin/rebalance/cancel"] = httpx.Response(200, json={**EVEN, "has_changed": True})
    assert cli("rebalance", "cancel", *PLACE).err == ""
    gateway.answers["/admin/rebalance/cancel"] = httpx.Response(200, json={**EVEN, "has_changed": False})

    assert "no rebalance" in cli("rebalance", "cancel", *PLACE).err
