"""The settings of admission: whom an instance lets in before anything is done for them.

The defaults suit an instance that has one core and 1 GiB of a machine with 2 cores and 2 GiB; docs/admission.md says
how each number was found.
"""

from __future__ import annotations

from pydantic import Field

from holdfast.settings_types import Duration, Group


class AdmissionSettings(Group):
    """What is checked before a handshake is accepted."""

    max_connections: int = Field(
        10000, ge=1, description="Connections the instance may have, those that have not connected yet too."
    )
    max_connections_per_address: int = Field(
        0,
        ge=0,
        description="Connections one address may have; 0 is no limit. Behind a proxy set `http.trusted_proxies`.",
    )
    rate: float = Field(
        1000.0,
        ge=0,
        allow_inf_nan=False,
        description="Handshakes a second that are accepted in the long run; 0 is no limit.",
    )
    burst: int = Field(500, ge=1, description="Handshakes that are accepted at once.")
    refusal_rate: float = Field(
        500.0,
        ge=0,
        allow_inf_nan=False,
        description="Refusals a second beyond which newcomers wait in the listen backlog; 0 is no limit.",
    )
    ramp: Duration = Field(
        5.0,
        le=300,
        description="How long the gate takes to open again after a stall, and after the start; 0 is at once.",
    )
    ramp_share: float = Field(
        0.25, gt=0, le=1, allow_inf_nan=False, description="Share of rate and burst with which it begins to open."
    )
    max_retry_after: Duration = Field(
        30.0,
        ge=1,
        le=3600,
        description="Longest `Retry-After`; the larger a refused crowd, the nearer it gets to this.",
    )
    breaker_ratio: float = Field(
        0.5,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of connects failed for reasons of our own that opens the breaker; 0 is never.",
    )
    breaker_min_connects: int = Field(20, ge=1, description="Connects in the window before the share counts.")
    breaker_window: Duration = Field(10.0, ge=1, description="Over which the share is taken.")
    breaker_open: Duration = Field(5.0, gt=0, description="How long the breaker stays open before one client is tried.")
