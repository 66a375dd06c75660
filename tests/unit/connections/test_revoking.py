from __future__ import annotations

from typing import Any

import pytest

from holdfast.connections import subscribing
from holdfast.connections.recovery import Pending
from holdfast.connections.revoking import Order, Revoker
from tests.brokers import Clock
from tests.live import World


async def test_revoked_user_is_disconnected_and_kept_out(world: World, clock: Clock) -> None:
    """All of the user's connections are closed for good; the same token does not open the door again."""
    first, second, other = world.connect("anna"), world.connect("anna"), world.connect("bob")
    token = world.token("anna", iat=int(clock()))

    assert await Revoker(world.core).revoke(Order(user="anna", seconds=60)) == 2

    assert {client.transport.closed for client in (first, second)} == {(3500, "user_revoked")}
    assert other.transport.closed is None
    again = world.open()
    again.send({"id": 1, "connect": {"token": token}})
    assert again.transport.closed == (3500, "user_revoked")
    clock.now += 1
    assert "connect" in world.open().call("connect", token=world.token("anna", iat=int(clock())))


async def test_revoked_token_disconnects_its_connection_alone(world: World) -> None:
    """Of a user's connections that one is closed, in such a way that its client comes back with a fresh token."""
    stolen, other, plain = world.connect(jti="a"), world.connect(jti="b"), world.connect()

    assert await Revoker(world.core).revoke(Order(jti="a", seconds=60)) == 1

    assert stolen.transport.closed == (3005, "token_revoked")
    assert (other.transport.closed, plain.transport.closed) == (None, None)
    stolen.hang_up(3005, "token_revoked")
    assert world.core.stats.ends["token_revoked", "us"] == 1
    assert world.open().call("connect", token=world.token(jti="a"))["error"]["code"] == 109


async def test_refreshed_session_lives_by_its_new_token(world: World) -> None:
    """After a refresh the former token may be revoked without harm to the session."""
    client = world.connect(jti="a")
    client.call("refresh", token=world.token(jti="b"))
    assert await Revoker(world.core).revoke(Order(jti="a", seconds=60)) == 0
    client.call("refresh", token=world.token())
    assert await Revoker(world.core).revoke(Order(jti="b", seconds=60)) == 0

    assert client.transport.closed is None


async def test_ended_session_is_not_found_by_its_token(world: World) -> None:
    """Nothing refers to a connection that has ended."""
    client = world.connect(jti="a")
    client.hang_up()

    assert world.manager.by_token("a") == []


async def test_user_revoked_while_a_connect_is_on_its_way(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connect that was validated before the revocation and is answered after it does not slip through."""
    prepare = subscribing.prepare

    async def revoke_meanwhile(*given: Any) -> Pending:
        world.validator.revoke(user="anna")
        return await prepare(*given)

    monkeypatch.setattr(subscribing, "prepare", revoke_meanwhile)
    client = world.open()
    client.send({"id": 1, "connect": {"token": world.token("anna", channels=["news"])}})

    assert client.transport.closed == (3500, "user_revoked")
    assert (world.manager.count, len(world.hub)) == (0, 0)
