from __future__ import annotations

import pytest

from holdfast.errors import DoorError
from holdfast.monitoring.ledger import Query
from holdfast.routes.admin_query import check_names, read_query


def test_read_query_takes_every_filter() -> None:
    """All filters, moments as numbers or in ISO 8601, and a limit."""
    query, limit = read_query(
        {
            "user": "42",
            "address": "192.0.2.1",
            "slug": "no_pong",
            "transport": "sse",
            "stage": "idle",
            "initiator": "us",
            "since": "1700000000.5",
            "until": "2023-11-14T22:13:21Z",
            "limit": "7",
        }
    )

    assert query == Query("42", "192.0.2.1", "no_pong", "sse", "idle", "us", 1700000000.5, 1700000001.0)
    assert limit == 7


def test_read_query_without_parameters() -> None:
    """Everything passes, the newest hundred."""
    assert read_query({}) == (Query(), 100)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("uesr", "42"),
        ("state", "live"),
        ("user", ""),
        ("slug", "no_such_cause"),
        ("stage", "nowhere"),
        ("initiator", "me"),
        ("since", "yesterday"),
        ("since", "nan"),
        ("until", "inf"),
        ("limit", "0"),
        ("limit", "1001"),
        ("limit", "-1"),
        ("limit", "ten"),
        ("limit", "9" * 5000),
        ("x" * 5000, "1"),
        ("slug", "x" * 5000),
    ],
)
def test_read_query_refuses_what_it_does_not_know(name: str, value: str) -> None:
    """A misspelt filter must not look like an answer; the refusal says what was expected, briefly."""
    with pytest.raises(DoorError) as caught:
        read_query({name: value})

    assert caught.value.slug == "query_invalid"
    assert 10 < len(caught.value.detail) < 300


def test_read_query_knows_the_state_where_a_path_has_it() -> None:
    """A path may have parameters of its own, checked like the others."""
    assert read_query({"state": "live"}, ("state",))[1] == 100
    with pytest.raises(DoorError):
        read_query({"state": "dead"}, ("state",))


def test_check_names() -> None:
    """Only known names pass."""
    check_names({"a": "1"}, ("a", "b"))
    with pytest.raises(DoorError, match="query_invalid"):
        check_names({"a": "1"}, ())
