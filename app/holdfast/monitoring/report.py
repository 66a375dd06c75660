"""What `/admin/resources` tells: values, limits, levels and trends."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from holdfast.monitoring.evidence import describe
from holdfast.monitoring.monitor import PRESSING, ResourceMonitor
from holdfast.monitoring.sampling import Usage
from holdfast.monitoring.windows import Trend


def describe_resources(monitor: ResourceMonitor, instance: str, at: float) -> dict[str, Any]:
    """Return everything that is known of the resources, as it can be written in JSON; `at` is in Unix seconds."""
    sample = monitor.sample
    return {
        "instance": instance,
        "at": datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": max(monitor.levels().values()).name.lower(),
        "resources": {name: _resource(monitor, name, usage) for name, usage in sample.usages.items()},
        "flows": {name: round(amount, 3) for name, amount in sample.flows.items()},
        "trends": {
            name: {resolution: _trend(trend) for resolution, trend in by_resolution.items()}
            for name, by_resolution in monitor.trends().items()
        },
    }


def _resource(monitor: ResourceMonitor, name: str, usage: Usage) -> dict[str, Any]:
    ratio = usage.ratio
    told: dict[str, Any] = {
        "used": round(usage.used, 6),
        "limit": usage.limit,
        "limit_from": usage.source or None,
        "ratio": None if ratio is None else round(ratio, 4),
        "evidence": describe(name, usage),
    }
    watch = monitor.watches.get(name)
    if watch is not None:
        told["level"] = watch.level.name.lower()
        told["level_seconds"] = round(monitor.level_seconds(name), 1)
        told["warning"], told["critical"] = watch.thresholds.warning, watch.thresholds.critical
        told["refuses_newcomers"] = name in PRESSING
    return told


def _trend(trend: Trend) -> dict[str, float]:
    return {
        "lowest": round(trend.lowest, 6),
        "mean": round(trend.mean, 6),
        "highest": round(trend.highest, 6),
        "slope_per_second": round(trend.slope, 6),
        "seconds": trend.seconds,
    }
