from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from random import Random

import pytest

from holdfast.connections.rebalance_plan import LONGEST_PAUSE, Balance, Balancer, balance_of
from holdfast.settings_rebalance import RebalanceSettings

SETTINGS = RebalanceSettings(tolerance=0.1, least=20, rate=20, settle=30)


def settled(counts: Mapping[str, int], name: str = "a") -> Balancer:
    """Return a balancer that has seen these numbers at rest."""
    balancer = Balancer(SETTINGS, name)
    for now in (0, 30):
        balancer.observe(now, counts)
    return balancer


def test_balance_of() -> None:
    """What is above the mean of all who serve; nobody is asked to go below it."""
    assert balance_of("a", {"a": 90, "b": 30}) == Balance(90, 60.0, 30)
    assert balance_of("b", {"a": 90, "b": 30}) == Balance(30, 60.0, 0)
    assert balance_of("a", {"a": 2, "b": 1}) == Balance(2, 1.5, 0)
    assert balance_of("a", {}) == Balance(0, 0.0, 0)


@pytest.mark.parametrize(
    ("counts", "excess"),
    [
        ({"a": 1200, "b": 800}, 200),
        ({"a": 1100, "b": 900}, 0),  # within the tolerance
        ({"a": 1101, "b": 899}, 101),
        ({"a": 30, "b": 0}, 0),  # too few to be worth it
        ({"a": 800, "b": 1200}, 0),
        ({"a": 1000}, 0),  # alone
    ],
)
def test_decide(counts: dict[str, int], excess: int) -> None:
    """It takes more than the tolerance, and more than a few; then all that is above the mean has to go."""
    assert settled(counts).decide(30, counts) == excess


def test_decide_waits_until_numbers_rest() -> None:
    """An instance that was just added, or a crowd that comes back, is waited for; growth of all alike is not."""
    balancer = Balancer(SETTINGS, "a")
    for now in range(60):
        balancer.observe(now, {"a": 1000, "b": 20 * now})
    assert not balancer.is_settled(60)
    assert balancer.decide(60, {"a": 1000, "b": 600}) == 0
    for now in range(60, 95):
        balancer.observe(now, {"a": 1000 + now, "b": 600 + now})
    assert balancer.is_settled(95)
    assert balancer.decide(95, {"a": 1095, "b": 695}) == 200
    balancer.observe(95, {"a": 1095, "b": 695, "c": 0})
    assert balancer.decide(95, {"a": 1095, "b": 695, "c": 0}) == 0


def test_rounds_without_effect_come_ever_more_rarely() -> None:
    """A balancer that sends everybody back is not fought; another set of instances is a new beginning."""
    counts = {"a": 1200, "b": 800}
    balancer, now, begun = settled(counts), 30.0, []
    while now < 30_000:
        balancer.observe(now, counts)
        if excess := balancer.decide(now, counts):
            begun.append(now)
            balancer.begun(excess)
            balancer.ended(now)
        now += 1

    assert len(begun) <= 16
    assert max(after - before for before, after in itertools.pairwise(begun)) <= LONGEST_PAUSE + 1
    more = {**counts, "c": 0}
    balancer.observe(now, more)
    balancer.observe(now + 30, more)
    assert balancer.decide(now + 30, more) > 0


class Cluster:
    """Instances that decide alone, by numbers up to 3 s old, behind a balancer that places who was sent away."""

    def __init__(self, counts: dict[str, int], place: Callable[[Cluster], str]) -> None:
        self.counts, self.place, self.now = counts, place, 0
        self.random = Random(7)
        self.balancers = {name: Balancer(SETTINGS, name) for name in counts}
        self.shedding: dict[str, tuple[int, float]] = {}  # how many have to go, and the mean they were counted by
        self.seen = [dict(counts)]
        self.moves = 0

    def add(self, *names: str) -> None:
        """Start instances."""
        for name in names:
            self.counts[name] = 0
            self.balancers[name] = Balancer(SETTINGS, name)

    def remove(self, *names: str) -> None:
        """Drain instances."""
        leaving = sum(self.counts.pop(name) for name in names)
        for name in names:
            self.balancers.pop(name)
            self.shedding.pop(name, None)
        for _ in range(leaving):
            self.counts[self.place(self)] += 1

    def run(self, seconds: int) -> int:
        """Let time pass; return how many clients were moved."""
        before = self.moves
        for _ in range(seconds):
            self.now += 1
            self.seen = [*self.seen, dict(self.counts)][-4:]
            for name, balancer in self.balancers.items():
                old = {other: count for other, count in self.seen[0].items() if other in self.counts}
                self._turn(name, balancer, {**old, name: self.counts[name]})
        return self.moves - before

    def spread(self) -> float:
        """Return how far the largest and the smallest are from the mean, as a share of it."""
        mean = sum(self.counts.values()) / len(self.counts)
        return max(abs(count - mean) for count in self.counts.values()) / mean

    def _turn(self, name: str, balancer: Balancer, numbers: dict[str, int]) -> None:
        balancer.observe(self.now, numbers)
        if name not in self.shedding:
            if excess := balancer.decide(self.now, numbers):
                balancer.begun(excess)
                self.shedding[name] = excess, balance_of(name, numbers).mean
            return
        left, mean = self.shedding[name]
        for _ in range(min(left, round(SETTINGS.rate))):
            if self.counts[name] <= mean:
                left = 0
                break
            self.counts[name] -= 1
            self.counts[self.place(self)] += 1
            self.moves += 1
            left -= 1
        if left > 0:
            self.shedding[name] = left, mean
        else:
            del self.shedding[name]
            balancer.ended(self.now)


def least_connections(cluster: Cluster) -> str:
    """Place as `leastconn` does."""
    return min(cluster.counts, key=lambda name: cluster.counts[name])


def at_random(cluster: Cluster) -> str:
    """Place as `random` does, or a service of Kubernetes: also where the client came from."""
    return cluster.random.choice(list(cluster.counts))


def to_the_first(cluster: Cluster) -> str:
    """Place as a balancer with stickiness does whose clients all knew the first instance."""
    return "a"


@pytest.mark.parametrize("place", [least_connections, at_random])
def test_instances_come_within_tolerance_and_stop(place: Callable[[Cluster], str]) -> None:
    """2 -> 4 -> 2 instances: all come within 10 %, no more clients are moved than have to, and then none ever."""
    cluster = Cluster({"a": 3000, "b": 3000}, place)
    assert cluster.run(300) == 0
    cluster.add("c", "d")
    moved = cluster.run(1800)
    assert cluster.spread() <= 0.1
    assert moved <= 3000 * (1 if place is least_connections else 2.1)
    assert cluster.run(3600) == 0

    cluster.remove("c", "d")
    moved = cluster.run(1800)
    assert cluster.spread() <= 0.1
    assert moved <= 600
    assert cluster.run(7200) == 0
    assert sum(cluster.counts.values()) == 6000


def test_two_instances_do_not_swap_clients_for_ever() -> None:
    """Whatever the balancer does: one that sends everybody back costs a few rounds an hour, at a bounded rate."""
    cluster = Cluster({"a": 4000, "b": 2000}, to_the_first)
    cluster.run(7200)

    assert cluster.run(7200) <= 3 * 1000
    assert math.isclose(sum(cluster.counts.values()), 6000)
