"""Combinations of the broker's settings that cannot work together, and those that work but not well."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.settings import Settings
from holdfast.settings_broker import BrokerSettings
from holdfast.settings_faults import Fault


def check_broker(broker: BrokerSettings) -> list[Fault]:
    """Return every combination of these settings that cannot work."""
    keys = ("broker.redis.snapshot_path", "broker.type")
    if broker.redis.snapshot_path is None or broker.type == "redis":
        return []
    text = "expected broker.type redis; the embedded broker keeps its own file by broker.snapshot_path"
    return [Fault(f"{' with '.join(keys)}: {text}", keys)]


def stop_warnings(settings: Settings) -> Iterator[str]:
    """Say what clients and other instances will notice of a stop; without peers there are none."""
    if settings.broker.type != "redis":
        return
    shutdown, admission = settings.shutdown, settings.admission
    if not shutdown.propagation_wait:
        yield (
            "shutdown.propagation_wait with broker.type: expected longer than a balancer needs to see that an instance "
            "is not ready, saw 0; until then it goes on sending newcomers, who are refused"
        )
    needed = admission.max_connections / admission.rate if admission.rate else 0.0
    if shutdown.drain_window < needed:
        yield (
            f"shutdown.drain_window with admission.max_connections and admission.rate: expected at least {needed:g} s, "
            f"in which one other instance like this takes all of {admission.max_connections} clients in, "
            f"saw {shutdown.drain_window:g}; the rest would be refused and come again"
        )
