"""When an instance has too many connections, and how many of them have to go. Pure: no clock, no chance.

Instances decide alone, from numbers that are seconds old. So that they never swap clients for ever, it takes more than
the tolerance to begin, nobody goes below the mean, the numbers must have come to rest before each round, and rounds
without effect (a balancer that sends everybody back) come ever more rarely.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

from holdfast.settings_rebalance import RebalanceSettings

LONGEST_PAUSE: Final = 3600.0
# A round that leaves more than this of the excess had no effect.
_EFFECT: Final = 0.75


class Balance(NamedTuple):
    """An instance among the others: its connections, the mean, and how many of its own are above that."""

    own: int
    mean: float
    excess: int


def balance_of(name: str, counts: Mapping[str, int]) -> Balance:
    """Return how an instance stands; `counts` has all instances that serve, itself too."""
    own = counts.get(name, 0)
    mean = sum(counts.values()) / len(counts) if counts else 0.0
    return Balance(own, mean, max(0, own - math.ceil(mean)))


class Balancer:
    """Decides for one instance, of which all numbers are told to `observe`."""

    def __init__(self, settings: RebalanceSettings, name: str) -> None:
        self._settings = settings
        self._name = name
        self._reference: dict[str, float] = {}  # how far each instance was from the mean when the numbers came to rest
        self._rests_since = -math.inf
        self._not_before = -math.inf
        self._latest_excess = 0
        self._pause = settings.settle

    def observe(self, now: float, counts: Mapping[str, int]) -> None:
        """Take the numbers of this moment; what grows or shrinks everywhere alike is at rest."""
        mean = balance_of(self._name, counts).mean
        distances = {name: count - mean for name, count in counts.items()}
        if distances.keys() != self._reference.keys():
            self._forget_rounds()
        elif all(abs(distances[name] - before) <= self._band(mean) / 2 for name, before in self._reference.items()):
            return
        self._reference, self._rests_since = distances, now

    def is_settled(self, now: float) -> bool:
        """Tell whether the numbers are at rest."""
        return now - self._rests_since >= self._settings.settle

    def decide(self, now: float, counts: Mapping[str, int]) -> int:
        """Return how many connections have to go now, mostly none."""
        found = balance_of(self._name, counts)
        if not self.is_settled(now) or now < self._not_before or found.own - found.mean <= self._band(found.mean):
            return 0
        return found.excess

    def begun(self, excess: int) -> None:
        """Know that a round begins; one after a round without effect doubles the pause."""
        had_effect = excess <= _EFFECT * self._latest_excess or not self._latest_excess
        self._pause = self._settings.settle if had_effect else min(2 * self._pause, LONGEST_PAUSE)
        self._latest_excess = excess

    def ended(self, now: float) -> None:
        """Know that the round is over: the next one needs numbers that are at rest again."""
        self._rests_since = now
        self._not_before = now + self._pause

    # Private methods

    def _band(self, mean: float) -> float:
        return max(self._settings.tolerance * mean, float(self._settings.least))

    def _forget_rounds(self) -> None:
        self._latest_excess = 0
        self._pause = self._settings.settle
        self._not_before = -math.inf
