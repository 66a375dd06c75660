from collections import Counter
from types import SimpleNamespace
from typing import ClassVar

import pytest

from holdfast.connections.stats import ConnectionStats
from holdfast.connections.timings import StageTimings
from holdfast.monitoring.events import Events
from holdfast.monitoring.ledger import Ledger
from holdfast.monitoring.monitor import ResourceMonitor
from holdfast.monitoring.proc_net import ListenLosses
from holdfast.monitoring.sampling import Sample, Usage
from holdfast.protocol.compression import Compression
from holdfast.protocol.frames import OPCODE_TEXT
from holdfast.routes.metrics import (
    MetricsEndpoint,
    read_compression_of,
    read_ledger_of,
    read_numbers_of,
    read_polls_of,
    read_resources_of,
)
from holdfast.settings_admin import LedgerSettings
from holdfast.settings_monitor import MonitorSettings
from holdfast.telemetry import metrics
from holdfast.telemetry.declare import Scraped
from holdfast.telemetry.histogram import ScrapedHistogram
from tests.asgi import call


class Hub:
    """Seven channels."""

    stats = SimpleNamespace(publications=4, deliveries=5, delivered_bytes=6)

    def __len__(self):
        return 7


class Sessions(list):
    """Poll sessions, of which two requests came to nothing."""

    outcomes: ClassVar = Counter(empty=2)


@pytest.fixture
def core():
    """What connections counted."""
    stats = ConnectionStats()
    stats.opened, stats.subscriptions = 3, 2
    stats.ends["shutdown", "us"] = 2
    sdks = Counter(js=1)
    manager = SimpleNamespace(count=1, users_count=1, by_transport=Counter(sse=1), count_by_sdk=lambda: sdks)
    manager.queue_bytes, manager.congested = lambda: 9, {1}
    timings = StageTimings()
    return SimpleNamespace(manager=manager, stats=stats, timings=timings, hub=Hub(), publish_queue=[None] * 8)


def monitor_of(usages):
    """Return a monitor that has looked once."""
    sample = Sample(usages, {})
    monitor = ResourceMonitor(MonitorSettings(), lambda: sample, Events(float), lambda cause: None, float)
    monitor.measure()
    return monitor


async def test_metrics_text(core):
    """A scrape reads the numbers where they are counted."""
    read_numbers_of(core)
    answer = await call(MetricsEndpoint())

    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.body.decode().splitlines()
    for line in (
        "holdfast_connections 1.0",
        'holdfast_transport_connections{transport="sse"} 1.0',
        "holdfast_connects_total 3.0",
        'holdfast_closes_total{initiator="us",slug="shutdown"} 2.0',
        'holdfast_client_connections{sdk="js"} 1.0',
        "holdfast_subscriptions 2.0",
        "holdfast_channels 7.0",
        "holdfast_deliveries_total 5.0",
    ):
        assert line in lines


async def test_metrics_open_metrics(core):
    """A scraper that asks for OpenMetrics gets it."""
    answer = await call(MetricsEndpoint(), headers=[("Accept", "application/openmetrics-text; version=1.0.0")])

    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.body.endswith(b"# EOF\n")


def test_read_numbers_leaves_nothing_out(core):
    """No metric that lives elsewhere stays without its source, except where other parts see to it."""
    read_numbers_of(core)
    read_ledger_of(Ledger(LedgerSettings()))
    read_resources_of(monitor_of({}), lambda: None)
    read_polls_of(Sessions())
    read_compression_of(Compression(0, 1))
    sourceless = {
        name
        for name, one in vars(metrics).items()
        if isinstance(one, Scraped | ScrapedHistogram) and one._source is None
    }

    admission = {"ADMISSION_BREAKER", "ADMISSION_SHARE", "CONNECTION_HEADROOM", "OPENING"}
    cluster = {"NODES", "BUS_MESSAGES", "BUS_IGNORED"}
    departures = {"DRAINING", "DRAIN_RATE", "FAREWELLS", "EXCESS"}
    sockets = {"SOCKET_OPTION", "SOCKET_OPTION_REFUSED"}
    others = admission | cluster | departures | sockets
    assert sourceless <= {"BROKER_STREAMS", "SESSIONS", "PROXY_IN_FLIGHT", "PROXY_BREAKER"} | others


def test_resources_are_read_as_they_were_measured(core):
    """What the machine does not tell has no sample."""
    monitor = monitor_of({"socket_memory": Usage(4096, 8192), "accept_queue": Usage(3, 100)})
    read_resources_of(monitor, lambda: ListenLosses(1, 2))
    text = metrics.exposition()[0].decode()

    assert 'holdfast_resource_used_ratio{resource="socket_memory"} 0.5' in text
    assert 'holdfast_resource_limit{resource="accept_queue"} 100.0' in text
    assert 'holdfast_resource_level{resource="memory"} 0.0' in text
    assert "\nholdfast_socket_memory_bytes 4096.0" in text
    assert "\nholdfast_accept_queue_connections 3.0" in text
    assert "\nholdfast_conntrack_entries " not in text
    assert 'holdfast_listen_losses_total{cause="overflows"} 1.0' in text


async def test_metrics_other_method():
    """Nobody writes metrics from outside."""
    assert (await call(MetricsEndpoint(), "POST")).status == 405


async def test_metrics_of_polls():
    """A scrape reads live sessions and requests by outcome."""
    read_polls_of(Sessions(["one"]))
    lines = (await call(MetricsEndpoint())).body.decode().splitlines()

    assert "holdfast_poll_sessions 1.0" in lines
    assert 'holdfast_polls_total{outcome="empty"} 2.0' in lines


async def test_metrics_of_compression():
    """What was compressed is read where it is counted."""
    compression = Compression(0, 1)
    compression.agreed = 2
    compression.frame(OPCODE_TEXT, 12, b"x" * 100)
    read_compression_of(compression)
    answer = await call(MetricsEndpoint())

    lines = answer.body.decode().splitlines()
    assert "holdfast_compressed_connections_total 2.0" in lines
    assert 'holdfast_compression_bytes_total{side="before"} 100.0' in lines
    assert f'holdfast_compression_bytes_total{{side="after"}} {float(compression.bytes_after)}' in lines
