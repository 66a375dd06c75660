"""Tests of holdfast.diagnostics.probe.poll_link."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast.diagnostics.probe.link import RefusedError, StrangeError
from holdfast.diagnostics.probe.poll_link import PollLink
from holdfast.diagnostics.probe.wire import Wire
from tests.probing import FakeStream, http, target, way

OPENED = {"session": "s", "node": "n", "timeout": 25, "first": 1, "messages": [{"id": 1, "connect": {}}]}


async def opened(*answers: dict[str, Any]) -> tuple[PollLink, list[FakeStream]]:
    """Return a link with a session, and the streams of its requests."""
    streams = [FakeStream(http(200, answer)) for answer in (OPENED, *answers)]
    link = PollLink(Wire(streams[0]), way(*streams[1:], to=target(transport="poll")))
    await link.open('{"id": 1, "connect": {}}')
    await link.begin("")
    return link, streams


def body(stream: FakeStream) -> dict[str, Any]:
    """Return what a request asked for."""
    return json.loads(stream.sent.rpartition(b"\r\n\r\n")[2])


async def test_opening_answer_has_the_first_replies() -> None:
    """The connect command was in its request, with a key of its own."""
    link, streams = await opened()

    assert await link.receive() == [{"id": 1, "connect": {}}]
    asked = body(streams[0])
    assert asked["commands"] == [{"id": 1, "connect": {}}]
    assert len(asked["key"]) == 32


async def test_requests_are_numbered_and_acknowledge() -> None:
    """As docs/poll.md says."""
    link, streams = await opened({"first": 2, "messages": []}, {"first": 2, "messages": [{"id": 2}, {}]}, OPENED)
    await link.receive()
    await link.send(['{"id": 2}'])

    assert await link.receive() == [{"id": 2}, {}]
    assert body(streams[1]) == {"session": "s", "node": "n", "seq": 1, "ack": 1, "commands": [{"id": 2}]}
    assert body(streams[2]) == {"session": "s", "node": "n", "seq": 2, "ack": 1, "commands": []}
    assert await link.close()
    assert body(streams[3]) == {"session": "s", "node": "n", "seq": 3, "ack": 3, "close": True}
    link.abort()
    assert streams[0].is_closed


@pytest.mark.parametrize(
    "answer", [{}, {"messages": 1, "first": 1}, {"messages": [], "first": "1"}, {"messages": [1], "first": 1}]
)
async def test_answer_that_is_none_of_a_poll_is_told(answer: dict[str, Any]) -> None:
    """Something else answers at this path."""
    link = PollLink(Wire(FakeStream(http(200, answer))), way(to=target(transport="poll")))

    with pytest.raises(StrangeError, match="expected"):
        await link.open('{"id": 1}')


async def test_refusal_is_told() -> None:
    """Of the opening request and of later ones."""
    link = PollLink(Wire(FakeStream(http(403))), way(to=target(transport="poll")))

    with pytest.raises(RefusedError):
        await link.open('{"id": 1}')


async def test_message_that_comes_again_is_skipped() -> None:
    """Only what is behind the last one that was handled is new."""
    link, _ = await opened(OPENED, {"first": 1, "messages": [{"id": 1}, {"id": 2}]})
    await link.receive()

    assert await link.receive() == [{"id": 2}]


async def test_answers_without_end_that_say_nothing_are_told() -> None:
    """A server that answers at once, again and again, without anything new is none."""
    link, _ = await opened(*[{"first": 2, "messages": []}] * 50)
    await link.receive()

    with pytest.raises(StrangeError, match="got 50 answers without one"):
        await link.receive()
