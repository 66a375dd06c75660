"""The broker that the settings ask for."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from holdfast.broker.base import Broker
from holdfast.broker.memory import MemoryBroker
from holdfast.channels.namespaces import ChannelRules
from holdfast.connections.core import Clocks
from holdfast.settings import Settings


def make_broker(settings: Settings, clocks: Clocks, instance: str) -> Broker:
    """Return a broker that has not started."""
    if settings.broker.type == "redis":
        # It loads a client, memory and time of the start that an instance without Redis need not spend.
        from holdfast.broker.redis import RedisBroker

        return RedisBroker(settings, instance)
    is_binary = ChannelRules(settings.channel).is_binary
    return MemoryBroker(
        settings, clock=clocks.monotonic, wall_clock=clocks.wall, is_binary=is_binary, instance=instance
    )


def broker_work(settings: Settings, broker: Broker, instance: str) -> list[Coroutine[Any, Any, None]]:
    """Return what has to run beside a broker that has started."""
    path = settings.broker.redis.snapshot_path
    if path is None or settings.broker.type != "redis":
        return []
    from holdfast.broker.redis import RedisBroker
    from holdfast.broker.state_schedule import ScheduledExports

    return [ScheduledExports(broker.link, path, instance).run()] if isinstance(broker, RedisBroker) else []
