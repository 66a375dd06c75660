from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.brokers import Clock
from tests.live import World

MakeWorld = Callable[..., Awaitable[World]]


@pytest.fixture
def clock() -> Clock:
    """Unix seconds that stand still."""
    return Clock(1_700_000_000.0)


@pytest.fixture
def make_world(clock: Clock) -> MakeWorld:
    """Make an instance with settings of the test's choice."""

    async def make(**settings: Any) -> World:
        return await World(clock, **settings).start()

    return make


@pytest.fixture
async def world(make_world: MakeWorld) -> World:
    """An instance whose channels without a namespace allow everything."""
    return await make_world()
