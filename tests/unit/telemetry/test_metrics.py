"""Metrics: declared once, named alike, read when scraped."""

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from holdfast.telemetry.declare import DECLARED
from holdfast.telemetry.metrics import exposition, render_metrics_docs


def families() -> dict[str, dict[tuple[str, ...], float]]:
    """Scrape, and return values by family and label values."""
    text = exposition()[0].decode()
    return {
        family.name: {tuple(sample.labels.values()): sample.value for sample in family.samples}
        for family in text_string_to_metric_families(text)
    }


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
