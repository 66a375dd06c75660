"""What was measured, gathered by suite, server, size and metric; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.stats import Summary, ratio, summarise

# What every server is measured for: name -> (unit, what one measurement is).
METRICS: Mapping[str, tuple[str, str]] = {
    "handshake_us": ("us/conn", "CPU for TCP, upgrade, JWT, connect and subscribe of a connection"),
    "idle_us": ("us/conn/min", "CPU of an open connection that only gets pings, per minute"),
    "memory_kib": ("KiB/conn", "resident memory of an open, idle connection"),
    "paced_us": ("us/delivery", "CPU per delivery, publications spaced out"),
    "batch_us": ("us/delivery", "CPU per delivery, ten publications in one API call"),
    "single_us": ("us/delivery", "CPU per delivery, single publications back to back"),
    "sent_bytes": ("bytes/delivery", "bytes sent per delivery, publications spaced out"),
    "paced_instructions": ("instructions/delivery", "instructions per delivery, publications one by one"),
    "batch_instructions": ("instructions/delivery", "instructions per delivery, ten publications in one API call"),
}


@dataclass(frozen=True, slots=True)
class Sample:
    """The measurements of one server, in one suite, at one size, in one round."""

    suite: str
    server: str
    size: int
    round_number: int
    values: Mapping[str, float]


def rounds_of(samples: Iterable[Sample], suite: str, server: str, size: int, metric: str) -> dict[int, float]:
    """Return what came out for one metric, by round."""
    return {
        sample.round_number: sample.values[metric]
        for sample in samples
        if (sample.suite, sample.server, sample.size) == (suite, server, size) and metric in sample.values
    }


def summary_of(samples: Iterable[Sample], suite: str, server: str, size: int, metric: str) -> Summary | None:
    """Return the summary over the rounds, None where nothing was measured."""
    values = rounds_of(samples, suite, server, size, metric)
    return summarise(list(values.values())) if values else None


def sizes_of(samples: Iterable[Sample], suite: str) -> list[int]:
    """Return the numbers of connections that a suite was measured at, smallest first."""
    return sorted({sample.size for sample in samples if sample.suite == suite})


def paired(values: Mapping[int, float], bases: Mapping[int, float]) -> Sequence[float]:
    """Return value / base of each round that has both: what drifts from round to round cancels out."""
    return [ratio(values[number], bases[number]) for number in sorted(values.keys() & bases.keys())]
