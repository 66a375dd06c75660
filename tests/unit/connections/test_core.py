from __future__ import annotations

import logging

import pytest

from holdfast.protocol.messages import ClientInfo
from tests.live import World


async def test_spawn_logs_what_fails(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Background work that fails is not silent, and nobody is harmed."""

    async def fails() -> None:
        raise ZeroDivisionError("a bug")

    logging.getLogger().setLevel(logging.INFO)
    world.core.spawn(fails())

    assert "background_work_failed" in capsys.readouterr().err


async def test_release_channel_gives_up_the_feed(world: World) -> None:
    """A channel's feed ends with its last use."""
    await world.core.feed.acquire("a")
    world.core.release_channel("a")

    assert len(world.core.feed) == 0


async def test_local_delivery_hands_everything_to_the_hub(world: World) -> None:
    """Publications, joins and leaves of the broker reach the local subscribers."""
    client = world.connect()
    client.call("subscribe", channel="a", join_leave=True)
    await client.pushes()
    info = ClientInfo("bob", "c")
    await world.broker.publish_join("a", info)
    await world.broker.publish_leave("a", info)

    assert [list(push)[1] for push in await client.pushes()] == ["join", "leave"]
