from prometheus_client import CollectorRegistry, Counter

from holdfast.routes.metrics import MetricsEndpoint
from tests.asgi import call


async def test_metrics_text():
    """A scrape gets the registry's metrics as Prometheus text."""
    registry = CollectorRegistry()
    Counter("holdfast_things", "Things.", registry=registry).inc(3)
    answer = await call(MetricsEndpoint(registry))

    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert b"holdfast_things_total 3.0\n" in answer.body


async def test_metrics_other_method():
    """Nobody writes metrics from outside."""
    assert (await call(MetricsEndpoint(CollectorRegistry()), "POST")).status == 405
