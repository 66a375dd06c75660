"""The settings of the resource monitor and of who is told: how often it looks, from where a resource is scarce."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from holdfast.settings_types import Duration, Group, WebAddress

EventKind = Literal[
    "gateway.started",
    "resource.level",
    "breaker.state",
    "drain.started",
    "drain.ended",
    "drain.cancelled",
    "rebalance.advised",
    "rebalance.started",
    "rebalance.ended",
]

SECRET_PREFIX = "whsec_"  # noqa: S105 - what secrets begin with, as Standard Webhooks has it
# The lengths that Standard Webhooks allows a key, in bytes.
_KEY_BYTES = (24, 64)


def webhook_key(secret: str) -> bytes:
    """Return the key that a webhook's secret stands for.

    Raises:
        ValueError: it is no such secret; the text does not show it.
    """
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(SECRET_PREFIX) or not _KEY_BYTES[0] <= len(key) <= _KEY_BYTES[1]:
        raise ValueError("expected whsec_ and then 24 to 64 random bytes in base64")
    return key


def _no_credentials(value: str) -> str:
    if "@" in urlsplit(value).netloc:
        raise ValueError("expected an address without user and password; receivers check the signature instead")
    return value


def _webhook_secret(value: SecretStr) -> SecretStr:
    webhook_key(value.get_secret_value())
    return value


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
        5.0, description="How long a critical level of memory, descriptors or lag lasts until the breaker opens."
    )


class WebhookSettings(Group):
    """One receiver of events."""

    PATH_IS_SECRET: ClassVar = ("url",)

    url: Annotated[WebAddress, AfterValidator(_no_credentials)] = Field(
        min_length=1, description="Where events are posted to."
    )
    secret: Annotated[SecretStr, AfterValidator(_webhook_secret)] = Field(
        description="Signs what is sent, as Standard Webhooks has it: `whsec_` and 24 to 64 random bytes in base64."
    )
    events: tuple[EventKind, ...] = Field((), description="Which events; empty is all.")
    timeout: Duration = Field(5.0, gt=0, le=60, description="For one attempt.")
    queue_limit: int = Field(100, ge=1, le=10000, description="Events that may wait; the oldest go first.")


class NotificationSettings(Group):
    """Who is told of what happens to the instance."""

    webhooks: tuple[WebhookSettings, ...] = Field((), description="Receivers over HTTP.")
