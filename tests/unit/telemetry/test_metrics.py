"""Metrics: declared once, named alike, read when scraped."""

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from holdfast.telemetry import metrics
from holdfast.telemetry.histogram import ScrapedHistogram
from holdfast.telemetry.metrics import (
    DECLARED,
    Scraped,
    exposition,
    render_metrics_docs,
)


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


@pytest.mark.parametrize("declared", DECLARED, ids=lambda declared: declared.name)
def test_metric_is_named_and_explained(declared) -> None:
    """holdfast_<noun>_<unit>[_total], a sentence of help, few labels."""
    assert re.fullmatch(r"holdfast(_[a-z]+)+", declared.name)
    assert declared.name.endswith("_total") == (declared.kind == "counter")
    assert declared.kind != "histogram" or declared.name.endswith("_seconds")
    assert declared.help.endswith(".")
    assert not {"user", "client", "channel", "ip"} & set(declared.labels)


def test_metric_names_are_unique() -> None:
    """Each name is declared once."""
    assert len({one.name for one in DECLARED}) == len(DECLARED)


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


def test_exposition_answers_in_the_format_asked_for() -> None:
    """Prometheus text by default, OpenMetrics on request."""
    assert exposition()[1].startswith("text/plain")
    body, content_type = exposition("application/openmetrics-text; version=1.0.0")

    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


def test_exposition_tells_build_and_process() -> None:
    """What is running and what it uses are always there."""
    found = families()

    assert list(found["holdfast_build_info"].values()) == [1.0]
    assert "process_resident_memory_bytes" in found


def test_docs_name_every_metric() -> None:
    """Name, labels and help of each metric are on the page."""
    page = render_metrics_docs()

    for one in DECLARED:
        row = next(line for line in page.splitlines() if line.startswith(f"| `{one.name}`"))
        assert one.help in row
        assert all(f"`{label}`" in row for label in one.labels)
