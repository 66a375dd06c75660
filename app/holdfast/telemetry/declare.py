"""How metrics are declared: into one registry, and into one list for the page that documents them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from holdfast.telemetry.histogram import ScrapedHistogram

Kind = Literal["counter", "gauge", "histogram"]
Reading = float | Mapping[Any, float]  # keys are written in lower case where they are flags

# They double every counter, and nobody reads them.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the library left it without types
REGISTRY = CollectorRegistry(auto_describe=False)


@dataclass(frozen=True, slots=True)
class Declared:
    """A metric as the docs page lists it."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...]


DECLARED: list[Declared] = []


class Scraped(Collector):
    """A metric whose numbers live elsewhere and are read at a scrape.

    Without a source it is absent. A source returns one number, or numbers by the value of the label, by tuples of
    values where there are more labels. The last source given wins, so that a process that builds a gateway twice
    reports the living one.
    """

    def __init__(self, kind: Literal["counter", "gauge"], name: str, text: str, *labels: str) -> None:
        self._family = CounterMetricFamily if kind == "counter" else GaugeMetricFamily
        self._name, self._text, self._labels = name, text, labels
        self._source: Callable[[], Reading] | None = None
        DECLARED.append(Declared(name, kind, text, self._labels))
        REGISTRY.register(self)

    def read_from(self, source: Callable[[], Reading] | None) -> None:
        """Ask `source` at each scrape; None takes the metric away."""
        self._source = source

    def collect(self) -> Iterable[Metric]:
        """Read the source, as prometheus_client asks for it."""
        if self._source is None:
            return
        family = self._family(self._name, self._text, labels=self._labels)
        reading = self._source()
        by_labels = reading if isinstance(reading, Mapping) else {(): reading}
        for values, number in sorted((_values(key), number) for key, number in by_labels.items()):
            family.add_metric(values, number)
        yield family


def _values(key: object) -> list[str]:
    return [_label(value) for value in (key if isinstance(key, tuple) else (key,))]


def _label(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def counter(name: str, text: str, *labels: str) -> Counter:
    """Return a new counter that is counted where things happen."""
    DECLARED.append(Declared(name, "counter", text, labels))
    return Counter(name, text, labels, registry=REGISTRY)


def gauge(name: str, text: str, *labels: str) -> Gauge:
    """Return a new gauge."""
    DECLARED.append(Declared(name, "gauge", text, labels))
    return Gauge(name, text, labels, registry=REGISTRY)


def histogram(name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
    """Return a new histogram with these upper bounds."""
    DECLARED.append(Declared(name, "histogram", text, labels))
    return Histogram(name, text, labels, buckets=buckets, registry=REGISTRY)


def scraped_histogram(name: str, text: str, bounds: Sequence[float], label: str) -> ScrapedHistogram:
    """Return a new histogram whose counts live elsewhere."""
    DECLARED.append(Declared(name, "histogram", text, (label,)))
    found = ScrapedHistogram(name, text, bounds, label)
    REGISTRY.register(found)
    return found
