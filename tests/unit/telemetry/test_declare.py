"""Metrics whose numbers live elsewhere are read at a scrape."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from holdfast.telemetry import metrics
from holdfast.telemetry.declare import Scraped
from holdfast.telemetry.histogram import ScrapedHistogram
from holdfast.telemetry.metrics import exposition


def families() -> dict[str, dict[tuple[str, ...], float]]:
    """Scrape, and return values by family and label values."""
    text = exposition()[0].decode()
    return {
        family.name: {tuple(sample.labels.values()): sample.value for sample in family.samples}
        for family in text_string_to_metric_families(text)
    }


@pytest.fixture
def scraped():
    """Lend the scraped metrics to a test, without sources, and give them those back that they had."""
    lent = [one for one in vars(metrics).values() if isinstance(one, Scraped | ScrapedHistogram)]
    sources = [one._source for one in lent]
    for one in lent:
        one.read_from(None)
    yield
    for one, source in zip(lent, sources, strict=True):
        one.read_from(source)


@pytest.mark.usefixtures("scraped")
def test_scraped_metric_reads_its_source() -> None:
    """Numbers, and numbers by label, are read at the scrape and not before."""
    closes = {"no_pong": 2}
    metrics.CONNECTIONS.read_from(lambda: 5)
    metrics.CLOSES.read_from(lambda: closes)
    metrics.RECOVERIES.read_from(lambda: {True: 3, False: 1})
    closes["shutdown"] = 7
    found = families()

    assert found["holdfast_connections"] == {(): 5.0}
    assert found["holdfast_closes"] == {("no_pong",): 2.0, ("shutdown",): 7.0}
    assert found["holdfast_recoveries"] == {("true",): 3.0, ("false",): 1.0}


@pytest.mark.usefixtures("scraped")
def test_scraped_metric_without_source_is_absent() -> None:
    """Nothing is said about what nobody counts; the last source given wins."""
    assert "holdfast_users" not in families()

    metrics.USERS.read_from(lambda: 1)
    metrics.USERS.read_from(lambda: 2)
    assert families()["holdfast_users"] == {(): 2.0}
