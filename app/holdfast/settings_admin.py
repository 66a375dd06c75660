"""The settings of what operators ask a running instance: the admin paths and the ledger."""

from __future__ import annotations

from pydantic import Field, SecretStr

from holdfast.settings_types import Group


class AdminSettings(Group):
    """The admin paths, `/admin/...`."""

    token: SecretStr = Field(
        SecretStr(""), description="What `Authorization: Bearer` must carry; without one the admin paths refuse all."
    )


class LedgerSettings(Group):
    """What the instance remembers of refused attempts and ended connections."""

    attempts: int = Field(10000, ge=0, le=1000000, description="Refused attempts remembered.")
    closes: int = Field(10000, ge=0, le=1000000, description="Ended connections remembered.")
    explain_rate: float = Field(
        5, gt=0, description="Requests to `/connection/explain` per second from one address; ten times as many at once."
    )
    explain_rate_overall: float = Field(
        100, gt=0, description="Requests to `/connection/explain` per second from all together; twice as many at once."
    )
