from __future__ import annotations

import pytest
from msgspec import Raw

from holdfast.connections.lifecycle import Phase
from holdfast.connections.publishing import PublishTerms
from holdfast.errors import ChannelError, LifecycleError, ProtocolError
from tests.brokers import Recorder
from tests.live import EVERYTHING, World
from tests.unit.connections.conftest import MakeWorld


async def test_publish_returns_the_position(world: World) -> None:
    """A publication that is kept has an offset and an epoch."""
    first = await world.core.publisher.publish("a", Raw(b"1"))
    second = await world.core.publisher.publish("a", Raw(b"2"))

    assert (first.position.offset, second.position.offset) == (1, 2)
    assert first.position.epoch == second.position.epoch != ""


async def test_publish_past_history_has_no_position(world: World) -> None:
    """`skip_history` delivers without keeping."""
    result = await world.core.publisher.publish("a", Raw(b"1"), PublishTerms(skip_history=True))

    assert result.position.offset == 0


async def test_publish_with_a_repeated_key_happens_once(world: World) -> None:
    """The same idempotency key gives the first result again and delivers nothing."""
    terms = PublishTerms(idempotency_key="k")
    client = world.connect()
    client.call("subscribe", channel="a")
    first = await world.core.publisher.publish("a", Raw(b"1"), terms)
    again = await world.core.publisher.publish("a", Raw(b"1"), terms)

    assert again.position == first.position
    assert len([push for push in await client.pushes() if "pub" in push]) == 1


async def test_publish_refuses_while_closing(world: World) -> None:
    """An instance that stops takes no publication it might lose."""
    world.core.lifecycle.advance(Phase.STOPPING)

    with pytest.raises(LifecycleError, match="shutting_down"):
        await world.core.publisher.publish("a", Raw(b"1"))


async def test_publish_needs_data_and_a_known_namespace(world: World) -> None:
    """Both faults are named."""
    with pytest.raises(ProtocolError, match="bad_request"):
        await world.core.publisher.publish("a", Raw(b""))
    with pytest.raises(ChannelError, match="unknown_channel"):
        await world.core.publisher.publish("nowhere:a", Raw(b"1"))


async def test_publish_uses_deltas_where_the_namespace_says_so(make_world: MakeWorld) -> None:
    """`delta_publish` speaks for every publisher, `delta` for one publication."""
    namespaces = [{**EVERYTHING, "name": "changing", "delta_publish": True}]
    world = await make_world(channel={"without_namespace": EVERYTHING, "namespaces": namespaces})
    recorder = Recorder()
    await world.memory.start(recorder)
    await world.core.publisher.publish("a", Raw(b"1"))
    await world.core.publisher.publish("a", Raw(b"1"), PublishTerms(delta=True))
    await world.core.publisher.publish("changing:a", Raw(b"1"))

    assert recorder.deltas == [False, True, True]
