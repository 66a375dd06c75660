from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from holdfast.diagnostics.timeline import (
    Entry,
    Subject,
    causes_of,
    entries_of_record,
    entry_of_line,
    merge,
    seconds_of,
)

ATTEMPT = "0123456789abcdef0123456789abcdef"
CLIENT = "fedcba9876543210fedcba9876543210"
NOW = 1_700_000_000.0
TIME = "2023-11-14T22:13:20.000Z"


def line_of(**fields: Any) -> dict[str, Any]:
    """Return a log line."""
    return {"time": TIME, "level": "info", "category": "auth", "logger": "x", "event": "happened", **fields}


def entry_at(at: float, what: str = "happened", **fields: Any) -> Entry:
    """Return an entry."""
    return Entry(at, "gateway", what, **fields)


@pytest.mark.parametrize(
    ("text", "line", "is_taken"),
    [
        ("42", {"user": "42"}, True),
        ("42", {"sub": "42"}, True),
        ("42", {"user": "421"}, False),
        ("42", {"client": "42"}, False),
        (ATTEMPT, {"attempt": ATTEMPT}, True),
        (ATTEMPT.upper(), {"client": ATTEMPT}, True),
        (ATTEMPT, {"user": ATTEMPT}, True),
        (ATTEMPT, {"attempt": CLIENT}, False),
        ("42", {"attempt": ["42"], "user": None}, False),
    ],
)
def test_subject_is_known_by_user_attempt_or_connection(text: str, line: dict[str, Any], is_taken: bool) -> None:
    """An id of 32 digits may be any of the three; anything else is a user."""
    assert Subject(text).takes(line) is is_taken


def test_subject_learns_what_belongs_together() -> None:
    """A line that names attempt and connection leads from one to the other, and from a user to both."""
    by_attempt, by_user = Subject(ATTEMPT), Subject("anna")
    assert not by_attempt.takes({"client": CLIENT})
    for subject in (by_attempt, by_user):
        subject.takes({"attempt": ATTEMPT, "client": CLIENT, "user": "anna"})

    assert by_attempt.takes({"client": CLIENT})
    assert by_user.takes({"attempt": ATTEMPT})
    assert not by_attempt.takes({"user": "anna"})


def test_line_becomes_an_entry() -> None:
    """What has a column, and the rest as facts."""
    entry = entry_of_line(
        line_of(slug="no_pong", detail="late", client=CLIENT, user="anna", instance="gw", code=3012), "file"
    )

    assert entry == Entry(
        NOW,
        "gateway",
        "happened",
        slug="no_pong",
        detail="late",
        client=CLIENT,
        user="anna",
        instance="gw",
        facts={"code": 3012},
        source="file",
    )


def test_browser_line_stands_where_it_happened() -> None:
    """At our clock's moment for it, by its own name, and its fields cannot hide ours."""
    line = line_of(
        side="browser",
        at="2023-11-14T22:13:10.000Z",
        browser_time="2023-11-14T23:13:10.000Z",
        said="socket closed",
        browser={"code": 1006, "clock_difference_seconds": "mine"},
        clock_difference_seconds=3600.0,
    )
    entry = entry_of_line(line, "file")

    assert entry is not None
    assert (entry.at, entry.side, entry.what) == (NOW - 10, "browser", "socket closed")
    assert entry.facts == {"code": 1006, "clock_difference_seconds": 3600.0}


@pytest.mark.parametrize("time", [None, 7, "yesterday", ""])
def test_line_without_a_time_is_none(time: object) -> None:
    """It cannot stand in a timeline."""
    assert entry_of_line(line_of(time=time), "file") is None
    assert seconds_of(time) is None


def test_moment_without_a_zone_is_utc() -> None:
    """As all ours are."""
    assert seconds_of("2023-11-14T22:13:20") == NOW


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"at": NOW, "slug": "draining", "state": "refused"}, [(NOW, "connection_refused", "draining")]),
        ({"opened_at": NOW, "client": CLIENT, "state": "live"}, [(NOW, "connection_live", "")]),
        (
            {"opened_at": NOW, "ended_at": NOW + 60, "slug": "no_pong", "client": CLIENT},
            [(NOW, "connection_opened", ""), (NOW + 60, "connection_closed", "no_pong")],
        ),
        (
            {"opened_at": NOW, "slug": "slow_consumer", "client": CLIENT, "state": "ending"},
            [(NOW, "connection_opened", ""), (NOW + 99, "connection_ending", "slow_consumer")],
        ),
        ({"state": "opening", "attempt": ATTEMPT}, [(NOW + 99, "connection_opening", "")]),
    ],
)
def test_record_becomes_its_moments(record: dict[str, Any], expected: list[tuple[float, str, str]]) -> None:
    """A refusal is one, a session two, or one while it lives."""
    entries = entries_of_record({**record, "address": "192.0.2.1"}, "gateway", NOW + 99)

    assert [(one.at, one.what, one.slug) for one in entries] == expected
    assert entries[-1].facts == {"address": "192.0.2.1"}


def test_merge_sorts_and_tells_each_once() -> None:
    """Two files with the same line had one event; one file that has it twice had two."""
    twice = entry_at(NOW, slug="a", facts={"n": [1]}, source="one")
    copied = entry_at(NOW, slug="a", facts={"n": [1]}, source="two")
    early = entry_at(NOW - 1, source="two")

    assert merge([[twice, twice], [copied, early]], []) == [early, twice, twice]


def test_merge_leaves_out_what_is_remembered_of_a_line() -> None:
    """The ledger and the log tell of the same end, by the same cause, at nearly the same time."""
    line = entry_at(NOW, "connection_closed", slug="no_pong", client=CLIENT)
    same = entry_at(NOW + 0.5, "connection_closed", slug="no_pong", client=CLIENT, source="gateway")
    opened = entry_at(NOW - 60, "connection_opened", client=CLIENT, source="gateway")
    other = entry_at(NOW + 60, "connection_closed", slug="no_pong", client=CLIENT, source="gateway")

    assert merge([[line]], [opened, opened, same, other]) == [opened, line, other]


@pytest.mark.parametrize(
    ("fields", "is_wrong"),
    [
        ({"slug": "client_closed"}, False),
        ({"slug": "shutdown"}, False),
        ({"slug": "unsubscribed_by_client"}, False),
        ({"slug": "ok"}, False),
        ({"slug": "no_pong"}, True),
        ({"slug": "cause_of_a_later_version"}, True),
        ({"level": "warning"}, True),
        ({"level": "info"}, False),
    ],
)
def test_what_is_wrong_is_known_by_cause_else_by_level(fields: dict[str, Any], is_wrong: bool) -> None:
    """Leaving, restarts and orders are the ordinary course."""
    assert entry_at(NOW, **fields).is_wrong is is_wrong


def test_causes_are_named_once_with_what_to_do() -> None:
    """The last one met first."""
    entries = [
        entry_at(1.0, slug="no_pong"),
        entry_at(2.0, slug="token_expired"),
        entry_at(3.0, slug="no_pong"),
        entry_at(4.0, slug="shutdown"),
        entry_at(0.5, slug="later_cause"),
    ]
    causes = causes_of(entries)

    assert [(one.slug, one.count, one.last_at) for one in causes] == [
        ("no_pong", 2, 3.0),
        ("token_expired", 1, 2.0),
        ("later_cause", 1, 0.5),
    ]
    assert causes[0].meaning == "The client answered no ping in time."
    assert causes[0].remedy
    assert not causes[-1].remedy


def test_refusal_that_two_lines_tell_is_counted_once() -> None:
    """What was found in the token, and that the attempt was refused for it."""
    first = entry_at(1.0, "token_refused", slug="token_expired", attempt=ATTEMPT)
    second = entry_at(1.1, "connection_refused", slug="token_expired", attempt=ATTEMPT)

    assert [one.count for one in causes_of([first, second])] == [1]
    assert [one.count for one in causes_of([first, second, replace(first, attempt="")])] == [2]
