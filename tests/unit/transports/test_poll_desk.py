"""Where polls are obeyed and answered, wherever they came in."""

from __future__ import annotations

import json

import pytest

from holdfast.errors import DoorError
from holdfast.transports.poll_desk import PollDesk
from holdfast.transports.poll_messages import SUPERSEDED, PollRequest
from tests.brokers import Clock
from tests.live import World
from tests.poll_door import Door


@pytest.fixture
async def door() -> Door:
    """A door; what it opens is served by a desk."""
    return Door(await World(Clock(1_700_000_000.0)).start())


@pytest.fixture
def desk(door: Door) -> PollDesk:
    """A desk of the same sessions."""
    return PollDesk("here", door.sessions, 25.0, 65536)


async def test_visit_waits_only_where_something_will_be_said(door: Door, desk: PollDesk) -> None:
    """Not for commands without a reply, nor in front of messages that are there."""
    session = (await door.open())["session"]
    waiting = desk.take(PollRequest(session, "here", 1, 1))
    assert waiting is not None
    assert waiting.has_to_wait
    assert json.loads(desk.answer(waiting, "empty")) == {"first": 2, "messages": []}

    leaving = desk.take(PollRequest(session, "here", 2, 1, close=True))
    assert leaving is not None
    assert not leaving.has_to_wait


async def test_outcomes_are_counted_where_the_session_is(door: Door, desk: PollDesk) -> None:
    """One for each request."""
    session = (await door.open())["session"]
    visit = desk.take(PollRequest(session, "here", 2, 1))
    assert desk.take(PollRequest(session, "here", 1, 1)) is None
    assert desk.answer(None) == desk.answer(visit, "superseded") == SUPERSEDED
    assert desk.answer(visit, "gone") == b""

    assert door.sessions.outcomes == {"messages": 1, "stale": 1, "superseded": 1, "gone": 1}


async def test_unknown_session(desk: PollDesk) -> None:
    """It never was, or is no longer."""
    with pytest.raises(DoorError, match="unknown_session"):
        desk.take(PollRequest("nobody's", "here", 1, 0))
