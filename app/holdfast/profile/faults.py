"""What is wrong with a profile: a name for a program, a sentence for a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a profile.

    Args:
        name: stays the same, so that a program can look for it.
        text: what was expected, what came and what to do.
        keys: the intents or entries it is about.
    """

    name: str
    text: str
    keys: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}: {self.text}"


class ProfileError(ConfigError):
    """A profile that cannot be used; `found` has the faults by name, `faults` their sentences."""

    heading = "This profile cannot be used"

    def __init__(self, found: Sequence[Fault], heading: str = "") -> None:
        super().__init__([str(fault) for fault in found])
        self.heading = heading or self.heading
        self.found = tuple(found)
