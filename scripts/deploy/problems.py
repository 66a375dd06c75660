"""How a command ends: its exit code, and the error that says cause, evidence and the next command."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What the exit code says."""

    FINE = 0
    FOUND = 1
    USAGE = 3
    UNKNOWN = 4


class DeployError(Exception):
    """A command cannot go on.

    Args:
        cause: what was expected and what came, in a sentence.
        code: how the program ends.
        evidence: lines that show it: host, task, log.
        following: the command to run next.
    """

    def __init__(
        self, cause: str, code: Exit = Exit.FOUND, *, evidence: list[str] | None = None, following: str = ""
    ) -> None:
        super().__init__(cause)
        self.cause = cause
        self.code = code
        self.evidence = evidence or []
        self.following = following

    def text(self) -> str:
        """Return what a person is shown."""
        lines = [f"Failed: {self.cause}", *(f"  | {line}" for line in self.evidence)]
        return "\n".join([*lines, f"Next: {self.following}"] if self.following else lines)
