"""The bars the gateway has to stay under, and the judgement of one run against them; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks.samples import Sample, paired, rounds_of, sizes_of, summary_of
from benchmarks.stats import noise, ratio, summarise

SUBJECT = "holdfast"


@dataclass(frozen=True, slots=True)
class Bar:
    """One promise: `metric` of `server`, divided by that of `against`, is at most `limit`.

    `against` is another server, "" for the plain value, or "smaller" for the same server at the
    smaller number of connections. With a `precision` the ratio is taken round by round, and is
    judged only where the rounds agree on it to that fraction.
    """

    metric: str
    against: str
    limit: float
    suite: str = "servers"
    server: str = SUBJECT
    precision: float | None = None


def _as_before(metric: str) -> Bar:
    return Bar(metric, "before", 1.03, "before", precision=0.03)


BARS = (
    Bar("paced_us", "stock", 0.60),
    Bar("paced_us", "node", 1.0),
    Bar("batch_us", "stock", 0.15),
    Bar("single_us", "node", 0.8),
    Bar("handshake_us", "stock", 0.40),
    Bar("idle_us", "stock", 0.30),
    Bar("memory_kib", "", 6.0),
    Bar("paced_us", "smaller", 1.3),
    _as_before("paced_us"),
    _as_before("batch_us"),
    _as_before("single_us"),
    # At most 0.7 KiB more than the 2.63 KiB of the commit that is compared with.
    Bar("memory_kib", "before", 1.26, "before", precision=0.03),
    Bar("paced_instructions", "before", 1.03, "instructions"),
    Bar("batch_instructions", "before", 1.03, "instructions"),
    Bar("paced_us", SUBJECT, 2.0, "transports", "holdfast-stream"),
    Bar("batch_us", SUBJECT, 2.0, "transports", "holdfast-stream"),
    Bar("single_us", SUBJECT, 2.0, "transports", "holdfast-stream"),
    Bar("sent_bytes", SUBJECT, 0.1, "documents", "holdfast-delta"),
)


# A bar against stock is also shown against the small application, which judges nothing: "stock" is the gateway's own
# logic and so has some of its virtues, such as gluing the publications of one turn.
SECOND_OPINIONS: Mapping[str, str] = {"stock": "stock-bare"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """A bar with the value that came out; `value` is None where the run lacks a side of it.

    `second` is the same ratio to the other server of its kind, for information; `noise` is how far
    the value may be off, as a fraction, where the bar asks for a precision.
    """

    bar: Bar
    value: float | None
    second: float | None = None
    noise: float | None = None

    @property
    def is_noisy(self) -> bool:
        """Whether the rounds disagree by more than the bar allows."""
        return self.noise is not None and self.bar.precision is not None and self.noise > self.bar.precision

    @property
    def holds(self) -> bool | None:
        """Whether the value is within the limit, None when it was not measured or is hidden by noise."""
        return None if self.value is None or self.is_noisy else self.value <= self.bar.limit


def judge(samples: Sequence[Sample], bars: Sequence[Bar] = BARS) -> list[Verdict]:
    """Judge every bar at the largest number of connections of its suite."""
    return [_verdict(samples, bar) for bar in bars]


def is_settled(samples: Sequence[Sample], suite: str) -> bool:
    """Tell whether further rounds of a suite would change nothing: no bar of it is hidden by noise."""
    return not any(verdict.is_noisy for verdict in judge(samples, [bar for bar in BARS if bar.suite == suite]))


def _verdict(samples: Sequence[Sample], bar: Bar) -> Verdict:
    if bar.precision is not None:
        return _paired_verdict(samples, bar)
    other = SECOND_OPINIONS.get(bar.against)
    second = None if other is None else _value(samples, replace(bar, against=other))
    return Verdict(bar, _value(samples, bar), second)


def _paired_verdict(samples: Sequence[Sample], bar: Bar) -> Verdict:
    size = max(sizes_of(samples, bar.suite), default=0)
    ours = rounds_of(samples, bar.suite, bar.server, size, bar.metric)
    ratios = paired(ours, rounds_of(samples, bar.suite, bar.against, size, bar.metric))
    if not ratios:
        return Verdict(bar, None)
    return Verdict(bar, summarise(ratios).median, noise=noise(ratios))


def _value(samples: Sequence[Sample], bar: Bar) -> float | None:
    sizes = sizes_of(samples, bar.suite)
    own = _median(samples, bar, bar.server, max(sizes, default=0))
    if own is None or not bar.against:
        return own
    if bar.against == "smaller":
        base = _median(samples, bar, bar.server, sizes[0]) if len(sizes) > 1 else None
    else:
        base = _median(samples, bar, bar.against, sizes[-1])
    return None if base is None else ratio(own, base)


def _median(samples: Sequence[Sample], bar: Bar, server: str, size: int) -> float | None:
    summary = summary_of(samples, bar.suite, server, size, bar.metric)
    return None if summary is None else summary.median
