"""The settings of the rebalance: what an instance does that has more connections than the others."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from holdfast.settings_types import Duration, Group


class RebalanceSettings(Group):
    """Instances with more connections than the mean; it takes a broker that instances share."""

    mode: Literal["off", "advise", "automatic"] = Field(
        "advise",
        description="`advise` tells of it in the log and by an event, `automatic` sends the excess away too.",
    )
    tolerance: float = Field(
        0.1, ge=0.01, le=1, allow_inf_nan=False, description="Share above the mean that is left as it is."
    )
    least: int = Field(20, ge=1, description="Connections above the mean that are left as they are, too.")
    rate: float = Field(
        20.0, gt=0, le=10000, allow_inf_nan=False, description="Clients a second that an instance sends away for it."
    )
    settle: Duration = Field(
        30.0, ge=1, le=3600, description="How long the numbers must have kept their proportions before it begins."
    )
