"""The settings of logs: ours, and those that browsers hand in."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

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
    client_enabled: bool = Field(True, description="Whether browsers may hand in log lines at `/client/logs`.")
    client_token_secret: SecretStr = Field(
        SecretStr(""),
        description="Signs the one-time tokens of `/client/logs`; the same on all instances, so that each takes what "
        "another gave. Empty makes one for each process, which those that share a Redis tell each other.",
    )
    client_token_ttl: Duration = Field(86400.0, ge=1, le=2592000, description="How long such a token is good.")
    client_max_body_bytes: int = Field(65536, ge=1024, le=1048576, description="Largest batch of a browser's lines.")
    client_max_lines: int = Field(100, ge=1, le=1000, description="Lines in one batch.")
    client_rate: float = Field(
        1.0, gt=0, allow_inf_nan=False, description="Batches a second from one address, in the long run."
    )
    client_burst: int = Field(20, ge=1, description="Batches from one address that may come at once.")
    client_line_rate: float = Field(
        500.0, gt=0, allow_inf_nan=False, description="Lines a second from all browsers, in the long run."
    )
    client_line_burst: int = Field(5000, ge=1, description="Lines from all browsers that may come at once.")
