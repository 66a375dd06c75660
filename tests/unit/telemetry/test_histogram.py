from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from holdfast.telemetry.histogram import Distribution, ScrapedHistogram


def test_histogram_adds_up_its_counts() -> None:
    """Prometheus wants each bound to count all that is below it, and gets that from plain counts."""
    registry = CollectorRegistry(auto_describe=False)
    histogram = ScrapedHistogram("wait_seconds", "How long.", (0.5, 2.0), "stage")
    registry.register(histogram)
    assert generate_latest(registry) == b""
    histogram.read_from(lambda: {"token": Distribution((1, 2, 4), 12.5)})
    lines = generate_latest(registry).decode().splitlines()

    assert [line for line in lines if not line.startswith("#")] == [
        'wait_seconds_bucket{le="0.5",stage="token"} 1.0',
        'wait_seconds_bucket{le="2.0",stage="token"} 3.0',
        'wait_seconds_bucket{le="+Inf",stage="token"} 7.0',
        'wait_seconds_count{stage="token"} 7.0',
        'wait_seconds_sum{stage="token"} 12.5',
    ]
    histogram.read_from(None)
    assert generate_latest(registry) == b""
