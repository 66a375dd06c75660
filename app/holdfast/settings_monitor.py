"""The settings of the resource monitor: how often it looks, and from where a resource is scarce."""

from __future__ import annotations

from pydantic import Field

from holdfast.settings_types import Duration, Group


class MonitorSettings(Group):
    """The resource monitor."""

    interval: Duration = Field(1.0, ge=0.1, le=60, description="How often resources are measured.")
