from __future__ import annotations

import pytest

from holdfast.telemetry.categories import CATEGORIES, by_logger, category_of, render_categories


@pytest.mark.parametrize(
    ("event", "logger", "category"),
    [
        ("token_refused", "auth.token", "auth"),
        ("handshake_refused", "routes.observers", "handshake"),
        ("connection_refused", "connections.manager", "handshake"),
        ("connection_closed", "connections.manager", "protocol"),
        ("async_publications_lost", "connections.publish_queue", "broker"),
        ("started", "main", "admin"),
        ("anything", "wiring_logs", "admin"),
        ("Unclosed client session", "aiohttp.client", "admin"),
    ],
)
def test_category_is_by_event_then_by_the_longest_logger(event: str, logger: str, category: str) -> None:
    """One event may stand apart from its logger, a part from its package; libraries are for whoever runs it."""
    assert category_of(event, logger) == category


def test_stranger_has_no_category_of_its_own() -> None:
    """The table says so rather than guess."""
    assert by_logger("some.library") is None


def test_table_has_a_row_for_each_category() -> None:
    """As docs/logs.md shows it."""
    rows = render_categories().splitlines()[2:]

    assert [row.split("`")[1] for row in rows] == list(CATEGORIES)
