"""What those who came since the last look take of the descriptors, for a crowd does not wait for the next look."""

from __future__ import annotations

from holdfast.monitoring.levels import Level, Pressure, Scarcity
from holdfast.monitoring.sampling import Sample


def with_newcomers(pressure: Pressure, sample: Sample, connections: int, critical: float) -> Pressure:
    """Return what is scarce, given that there are `connections` now and not as many as in `sample`.

    Descriptors are critically scarce where they would be at the next look: `critical` is the share of the limit from
    which they are. Each connection has one descriptor.
    """
    descriptors, counted = sample.usages.get("descriptors"), sample.usages.get("connections")
    if descriptors is None or counted is None or not descriptors.limit:
        return pressure
    used = descriptors.used + max(0.0, connections - counted.used)
    if used < critical * descriptors.limit:
        return pressure
    scarce = Scarcity(Level.CRITICAL, f"{used:.0f} of {descriptors.limit:.0f} are used")
    return Pressure({"descriptors": scarce, **pressure.by_resource})
