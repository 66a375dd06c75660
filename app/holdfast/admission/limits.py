"""Limits that a number or a level decides on: each says why a newcomer must stay outside, or None."""

from __future__ import annotations

from holdfast.errors import DoorError
from holdfast.monitoring.levels import Pressure


def why_draining(is_draining: bool) -> DoorError | None:
    """Refuse everybody once the goodbyes have begun."""
    return DoorError("draining") if is_draining else None


def why_full(count: int, limit: int) -> DoorError | None:
    """Refuse where the instance has `count` connections and may have `limit`."""
    if count < limit:
        return None
    return DoorError("instance_connection_limit", f"it has {count} of {limit}")


def why_address_full(count: int, limit: int) -> DoorError | None:
    """Refuse where the address has `count` connections and may have `limit`; 0 is no limit."""
    if not limit or count < limit:
        return None
    return DoorError("address_connection_limit", f"it has {count} of {limit}")


def why_scarce(pressure: Pressure) -> DoorError | None:
    """Refuse where a resource is critically scarce; the first one gives the cause, and its measurement the detail."""
    found = pressure.critical()
    if found is None:
        return None
    resource, scarcity = found
    return DoorError(f"overload_{resource}", scarcity.evidence)
