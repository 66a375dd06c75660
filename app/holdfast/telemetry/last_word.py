"""What a gateway leaves in a file when a fault ends it: the cause, what was seen, what to do.

Kubernetes shows such a file as the container's termination message. It has to say enough on its own, because whoever
reads it may have no logs. Nothing here may hinder the end itself, so every failure to write is swallowed.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from holdfast.errors import ConfigError, GatewayError
from holdfast.telemetry.redaction import redact_text

VARIABLE: Final = "HOLDFAST_TERMINATION_MESSAGE_PATH"
LIMIT_BYTES: Final = 4096
"""What Kubernetes reads of it: kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure."""

_LONGEST_LINE: Final = 600
_SETTINGS_REMEDY: Final = (
    "mend the settings named above; `holdfast config check` says the same beforehand, and docs/configuration.md has "
    "them all"
)
_START_REMEDY: Final = "mend what the line above names and start it again; docs/troubleshooting.md"
_CRASH_REMEDY: Final = "this is a fault of the gateway: its log has the traceback; start it again, or go back a version"


class LastWord:
    """Where the last word goes; `path` may change as more is known, and without one nothing is written."""

    def __init__(self, path: Path | None) -> None:
        self.path = path

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> LastWord:
        """Return the place that the environment names, which counts even where settings cannot be read."""
        named = environ.get(VARIABLE, "")
        return cls(Path(named) if named else None)

    @contextmanager
    def kept(self, *plain: type[Exception]) -> Iterator[None]:
        """Forget what an earlier run left, and write down the error that leaves the block; it is raised on.

        The text of `plain` errors is told as it is, for it says what to do.
        """
        if self.path is not None and self.path.exists():
            self._put(b"")
        try:
            yield
        except Exception as error:  # whatever it is, it ends the process
            self.write(error, *plain)
            raise

    def write(self, error: Exception, *plain: type[Exception]) -> None:
        """Write down why it ends."""
        with suppress(Exception):  # no reason to end in another way
            self._put(text_of(error, *plain).encode("utf-8", "backslashreplace"))

    def _put(self, content: bytes) -> None:
        if self.path is None:
            return
        with suppress(OSError, ValueError):
            # A pipe that nobody reads would hold up the end for ever.
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK | os.O_CLOEXEC
            with os.fdopen(os.open(self.path, flags, 0o644), "wb") as file:
                file.write(content)


def text_of(error: Exception, *plain: type[Exception]) -> str:
    """Return what is told of an error, no secrets in it and at most `LIMIT_BYTES` long in UTF-8."""
    if isinstance(error, ConfigError):
        return compose("settings_invalid", error.heading, error.faults, _SETTINGS_REMEDY)
    if isinstance(error, GatewayError):
        return compose(error.slug, error.code.meaning, [error.detail] if error.detail else [], error.code.remedy)
    if isinstance(error, (OSError, *plain)):
        return compose("cannot_start", "The gateway cannot start", [str(error)], _START_REMEDY)
    # Its text may hold anything, a secret too; where it comes from says enough to find it.
    places = [
        f"{Path(one.filename).name}:{one.lineno} in {one.name}" for one in traceback.extract_tb(error.__traceback__)
    ]
    return compose("crashed", f"An unexpected {type(error).__name__} ended it", places[-5:], _CRASH_REMEDY)


def compose(cause: str, meaning: str, evidence: Sequence[str], remedy: str) -> str:
    """Return the text; what there is no room for of the evidence is counted."""
    head, tail = f"{cause}: {redact_text(meaning)}\n", f"What to do: {remedy}\n"
    room = LIMIT_BYTES - len((head + tail).encode("utf-8", "backslashreplace")) - len("- and 999999 more\n")
    lines: list[str] = []
    for number, one in enumerate(evidence):
        line = f"- {_short(redact_text(' '.join(one.split())))}\n"
        room -= len(line.encode("utf-8", "backslashreplace"))
        if room < 0:
            lines.append(f"- and {len(evidence) - number} more\n")
            break
        lines.append(line)
    return "".join([head, *lines, tail])


def _short(line: str) -> str:
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…"
