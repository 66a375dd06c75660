"""The settings of logs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from holdfast.settings_types import Duration, Group, OptionalPath


class LogSettings(Group):
    """Logs go to standard error, or to a file."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe level written.")
    format: Literal["auto", "json", "text"] = Field("auto", description="`auto` is text on a terminal, else JSON.")
    repeat_rate: float = Field(
        10.0,
        ge=0,
        allow_inf_nan=False,
        description="Lines a second of one event with one cause, in the long run; what is left out is counted in a "
        "line `repeated`. 0 leaves nothing out.",
    )
    repeat_burst: int = Field(100, ge=1, description="Lines of one event with one cause that may come at once.")
    file: OptionalPath = Field(
        None,
        description="File to write to instead; opened again on SIGHUP. Each instance needs one of its own.",
    )
    max_bytes: int = Field(
        104857600, ge=0, description="Size at which the file becomes FILE.1 and a new one begins; 0 never."
    )
    max_age: Duration = Field(0.0, description="Age at which the file becomes FILE.1 and a new one begins; 0 never.")
    keep: int = Field(7, ge=1, le=1000, description="Older files kept, FILE.1 the latest.")
