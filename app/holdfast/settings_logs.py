"""The settings of logs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from holdfast.settings_types import Group


class LogSettings(Group):
    """Logs go to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe level written.")
    format: Literal["auto", "json", "text"] = Field("auto", description="`auto` is text on a terminal, else JSON.")
