from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.diagnostics.peaks import FEWEST, Length, find_peaks, width_at

DAY = 86400.0
LIMITS = (5.0, 30.0, 55.0, 60.0, 100.0, 240.0, 350.0, 3600.0)


def noise(random: Random, count: int, mean: float) -> list[Length]:
    """Ends by chance, over a day."""
    return [Length(random.expovariate(1 / mean), random.uniform(0, DAY)) for _ in range(count)]


def planted(random: Random, count: int, limit: float) -> list[Length]:
    """Ends by a limit, over a day; timers are a little late."""
    return [Length(limit + random.uniform(0, 0.3 * width_at(limit)), random.uniform(0, DAY)) for _ in range(count)]


def shuffled(random: Random, *parts: list[Length]) -> list[Length]:
    """All of them, in no order."""
    whole = [one for part in parts for one in part]
    random.shuffle(whole)
    return whole


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 2000), st.floats(0.5, 5000), st.sampled_from(LIMITS), st.integers(20, 400))
def test_peaks_find_a_limit_among_noise(seed: int, rest: int, mean: float, limit: float, cut: int) -> None:
    """A limit that ends clearly more than chance does nearby is found where it is, and nothing else."""
    random = Random(seed)
    found = find_peaks(shuffled(random, noise(random, rest, mean), planted(random, cut, limit)))

    width = width_at(limit)
    beside = rest * (math.exp((3.5 * width - limit) / mean) - math.exp((0.5 * width - limit) / mean)) / 3
    if cut > 25 + 6 * beside:
        assert [one for one in found if abs(one.seconds - limit) <= width_at(limit)]
    assert all(abs(one.seconds - limit) <= 2 * width_at(limit) for one in found)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 3000), st.floats(0.2, 5000))
def test_peaks_are_none_in_noise(seed: int, count: int, mean: float) -> None:
    """What ends by chance has no peak."""
    assert find_peaks(noise(Random(seed), count, mean)) == []


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 3000), st.sampled_from(["uniform", "lognormal", "weibull", "mixture"]))
def test_peaks_are_none_in_smooth_shapes(seed: int, count: int, shape: str) -> None:
    """Shapes with edges and humps that are wider than a limit's have no peak either."""
    random = Random(seed)
    draw = {
        "uniform": lambda: random.uniform(0, 25),
        "lognormal": lambda: random.lognormvariate(3.5, 1.0),
        "weibull": lambda: random.weibullvariate(80, 1.6),
        "mixture": lambda: random.expovariate(1 / 2) if random.random() < 0.5 else random.expovariate(1 / 900),
    }[shape]

    assert find_peaks(Length(draw(), random.uniform(0, DAY)) for _ in range(count)) == []


def test_peaks_are_found_several_at_a_time() -> None:
    """Two limits on the way are two peaks, the clearest first."""
    random = Random(7)
    found = find_peaks(shuffled(random, noise(random, 300, 200), planted(random, 90, 60.0), planted(random, 60, 350.0)))

    assert [round(one.seconds) for one in found] in ([60, 351], [60, 352], [60, 350], [351, 60], [352, 60], [350, 60])


def test_peaks_need_enough_ends() -> None:
    """A few ends of the same length are no verdict; the number that is needed is told."""
    few = [Length(60.0, 100.0 * number) for number in range(FEWEST - 1)]
    assert find_peaks(few) == []

    assert [one.count for one in find_peaks([*few, Length(60.1, 5000.0)])] == [FEWEST]


def test_peaks_count_what_ends_together_once() -> None:
    """A thousand clients that came together and were cut together say nothing of a limit."""
    random = Random(3)
    opened = [random.uniform(0, 1) for _ in range(1000)]

    assert find_peaks(Length(240.5 - moment, 1_000_000.2) for moment in opened) == []


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.5, 1.0])
def test_peaks_do_not_begin_at_the_start(seconds: float) -> None:
    """What ends at once ends early, and is no limit of seconds."""
    assert find_peaks(Length(seconds, 10.0 * number) for number in range(100)) == []


def test_peaks_of_nothing_are_none() -> None:
    """No ends, no peaks."""
    assert find_peaks([]) == []
