"""How a command ends: the exit codes all commands share, and the error that carries one."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What the exit code of a command says."""

    FINE = 0
    FOUND = 1
    REFUSED = 2
    USAGE = 3
    UNKNOWN = 4
    """Could not check, mostly because nothing answered."""


class CliError(Exception):
    """A command cannot go on; the text says what was expected, what came and what to do."""

    def __init__(self, message: str, code: Exit) -> None:
        super().__init__(message)
        self.code = code
