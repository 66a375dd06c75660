"""A histogram that is counted as plain numbers: prometheus_client's own takes a lock for each of its buckets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector


class Distribution(NamedTuple):
    """How often a value fell between two bounds, the last count above all of them, and the sum of all values."""

    counts: tuple[int, ...]
    total: float


class ScrapedHistogram(Collector):
    """A histogram with one label whose counts live elsewhere, read at a scrape; without a source it is absent."""

    def __init__(self, name: str, text: str, bounds: Sequence[float], label: str) -> None:
        self.bounds = tuple(bounds)
        self._name, self._text, self._labels = name, text, (label,)
        self._source: Callable[[], Mapping[str, Distribution]] | None = None

    def read_from(self, source: Callable[[], Mapping[str, Distribution]] | None) -> None:
        """Ask `source` at each scrape; None takes the metric away."""
        self._source = source

    def collect(self) -> Iterable[Metric]:
        """Read the source, as prometheus_client asks for it."""
        if self._source is None:
            return
        family = HistogramMetricFamily(self._name, self._text, labels=self._labels)
        bounds = [*map(str, self.bounds), "+Inf"]
        for value, found in self._source().items():
            family.add_metric([value], list(zip(bounds, accumulate(found.counts), strict=True)), found.total)
        yield family
