"""The bars the gateway has to stay under, and the judgement of one run against them; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from benchmarks.stats import ratio

# What every server is measured for: name -> (unit, what one measurement is).
METRICS: Mapping[str, tuple[str, str]] = {
    "handshake_us": ("us/conn", "CPU for TCP, upgrade, JWT, connect and subscribe of a connection"),
    "idle_us": ("us/conn/min", "CPU of an open connection that only gets pings, per minute"),
    "memory_kib": ("KiB/conn", "resident memory of an open, idle connection"),
    "paced_us": ("us/delivery", "CPU per delivery, publications spaced out"),
    "batch_us": ("us/delivery", "CPU per delivery, ten publications in one API call"),
    "single_us": ("us/delivery", "CPU per delivery, single publications back to back"),
}

# server -> connections -> metric -> value (the median of the rounds)
Results = Mapping[str, Mapping[int, Mapping[str, float]]]


@dataclass(frozen=True, slots=True)
class Bar:
    """One promise: `metric` of the gateway, divided by that of `against`, is at most `limit`.

    `against` is another server, "" for the plain value, or "smaller" for the gateway itself at
    the smaller number of connections.
    """

    metric: str
    against: str
    limit: float


BARS = (
    Bar("paced_us", "stock", 0.60),
    Bar("paced_us", "node", 1.0),
    Bar("batch_us", "stock", 0.15),
    Bar("single_us", "node", 0.8),
    Bar("handshake_us", "stock", 0.40),
    Bar("idle_us", "stock", 0.30),
    Bar("memory_kib", "", 6.0),
    Bar("paced_us", "smaller", 1.3),
)


# A bar against stock is also shown against the small application, which judges nothing: "stock" is the gateway's own
# logic and so has some of its virtues, such as gluing the publications of one turn.
SECOND_OPINIONS: Mapping[str, str] = {"stock": "stock-bare"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """A bar with the value that came out; `value` is None where the run lacks a side of it.

    `second` is the same ratio to the other server of its kind, for information.
    """

    bar: Bar
    value: float | None
    second: float | None = None

    @property
    def holds(self) -> bool | None:
        """Whether the value is within the limit, None when it was not measured."""
        return None if self.value is None else self.value <= self.bar.limit


def judge(results: Results, subject: str, size: int, smaller: int) -> list[Verdict]:
    """Judge every bar for `subject` at `size` connections."""
    sizes = size, smaller
    verdicts = []
    for bar in BARS:
        other = SECOND_OPINIONS.get(bar.against)
        second = None if other is None else _value(replace(bar, against=other), results, subject, sizes)
        verdicts.append(Verdict(bar, _value(bar, results, subject, sizes), second))
    return verdicts


def _value(bar: Bar, results: Results, subject: str, sizes: tuple[int, int]) -> float | None:
    size, smaller = sizes
    own = results.get(subject, {}).get(size, {}).get(bar.metric)
    if own is None or not bar.against:
        return own
    if bar.against == "smaller":
        base = results[subject].get(smaller, {}).get(bar.metric) if smaller < size else None
    else:
        base = results.get(bar.against, {}).get(size, {}).get(bar.metric)
    return None if base is None else ratio(own, base)
