"""The settings of the resource monitor: how often it looks, and from where a resource is scarce."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from holdfast.settings_types import Duration, Group

EventKind = Literal["gateway.started", "resource.level", "breaker.state", "drain.started", "drain.ended"]


class RatioThresholds(Group):
    """From which part of its limit a resource is scarce."""

    warning: float = Field(0.8, gt=0, le=10, allow_inf_nan=False, description="Part of the limit that is worth a line.")
    critical: float = Field(
        0.9, gt=0, le=10, allow_inf_nan=False, description="Part of the limit from which nobody new is let in."
    )
    lasting: Duration = Field(2.0, description="How long it must have been above.")


class DescriptorThresholds(RatioThresholds):
    """From which part of the limit descriptors are scarce."""

    critical: float = Field(
        0.95, gt=0, le=10, allow_inf_nan=False, description="Part of the limit from which nobody new is let in."
    )
    lasting: Duration = Field(0.0, description="How long it must have been above.")


class CpuThresholds(RatioThresholds):
    """From which part of one core CPU time is scarce."""

    warning: float = Field(0.85, gt=0, le=10, allow_inf_nan=False, description="Cores that are worth a line.")
    critical: float = Field(
        0.97, gt=0, le=10, allow_inf_nan=False, description="Cores from which nobody new is let in."
    )
    lasting: Duration = Field(10.0, description="How long it must have been above.")


class HostThresholds(RatioThresholds):
    """From which part of its limit a resource of the whole host is scarce."""

    critical: float = Field(
        0.95, gt=0, le=10, allow_inf_nan=False, description="Part of the limit that is critical; nobody is refused."
    )


class LagThresholds(Group):
    """From which lag of the event loop the instance is overloaded; a quarter of what arrives waits longer."""

    warning: Duration = Field(0.1, gt=0, description="Lag that is worth a line.")
    critical: Duration = Field(0.5, gt=0, description="Lag from which nobody new is let in.")
    lasting: Duration = Field(
        3.0,
        ge=1,
        description="How long it must have been above; the lag is taken over a window so much longer that one stall, "
        "however long, never is.",
    )


class MonitorSettings(Group):
    """The resource monitor."""

    interval: Duration = Field(1.0, ge=0.1, le=60, description="How often resources are measured.")
    memory_limit: int = Field(
        0,
        ge=0,
        description="Bytes that the process may have; 0 takes the smaller of the cgroup's limit and the machine's "
        "memory, which a larger number does not raise.",
    )
    memory: RatioThresholds = Field(RatioThresholds(), description="Resident memory.")
    descriptors: DescriptorThresholds = Field(DescriptorThresholds(), description="Open file descriptors.")
    cpu: CpuThresholds = Field(CpuThresholds(), description="CPU time of all threads.")
    loop_lag: LagThresholds = Field(LagThresholds(), description="Lag of the event loop.")
    socket_memory: HostThresholds = Field(
        HostThresholds(), description="Memory of the kernel for TCP, of `net.ipv4.tcp_mem`."
    )
    conntrack: HostThresholds = Field(HostThresholds(), description="Connections that the kernel's firewall tracks.")
    hysteresis: float = Field(
        0.1,
        ge=0,
        lt=1,
        allow_inf_nan=False,
        description="A level is left so far below where it was entered, as a part of that.",
    )
    settle: Duration = Field(5.0, description="How long it must have been below until a level is left.")
    trip_after: Duration = Field(
        5.0, description="How long a critical level of memory, descriptors, CPU or lag lasts until the breaker opens."
    )
