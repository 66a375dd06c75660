"""How scarce a resource is: the words that the monitor says and admission hears."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal

Resource = Literal["loop_lag", "memory", "descriptors", "cpu"]
"""The resources whose scarcity keeps newcomers out; each has the cause `overload_<resource>`.

`cpu` is the last one: it narrows the gate where the others shut it, and so must not stand before them.
"""


class Level(IntEnum):
    """From fine to scarce."""

    OK = 0
    WARNING = 1
    CRITICAL = 2


@dataclass(frozen=True, slots=True)
class Scarcity:
    """One resource at the moment: its level, and what was measured against which limit, in words."""

    level: Level
    evidence: str


@dataclass(frozen=True, slots=True)
class Pressure:
    """All of them; a resource that is not named is not scarce."""

    by_resource: Mapping[Resource, Scarcity] = field(default_factory=dict)

    def critical(self) -> tuple[Resource, Scarcity] | None:
        """Return the first resource that is critically scarce."""
        for resource, scarcity in self.by_resource.items():
            if scarcity.level is Level.CRITICAL:
                return resource, scarcity
        return None


CALM = Pressure()
