"""Tests of holdfast.diagnostics.probe.aftermath."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast.diagnostics.probe.aftermath import Aftermath
from holdfast.diagnostics.probe.http import Answer
from holdfast.diagnostics.probe.link import RefusedError
from tests.probing import CID, FakeLink, FakeStream, http, way


def aftermath(*streams: FakeStream, link: FakeLink | None = None, seconds: float = 60.0) -> Aftermath:
    """Return a look over these streams."""
    loop = asyncio.get_running_loop()
    made: Any = link or FakeLink()
    return Aftermath(way(*streams), lambda wire, used: made, lambda: loop.time() + seconds)


async def test_gateway_is_asked_for_this_attempt() -> None:
    """By its id, beside the door."""
    stream = FakeStream(http(200, {"slug": "draining"}))

    answer = await aftermath(stream).explanation()

    assert answer is not None
    assert answer.json() == {"slug": "draining"}
    assert f"GET /connection/explain?cid={CID} HTTP/1.1".encode() in stream.sent


@pytest.mark.parametrize("streams", [(), (FakeStream(b""),), (FakeStream(b"SSH"),)])
async def test_gateway_that_says_nothing_says_none(streams: tuple[FakeStream, ...]) -> None:
    """For whatever reason."""
    assert await aftermath(*streams).explanation() is None


async def test_gateway_that_hangs_is_not_waited_for() -> None:
    """The time is over."""
    assert await aftermath(FakeStream(), seconds=-1).explanation() is None
    assert not await aftermath(FakeStream(), seconds=-1).answers_briefly()


async def test_path_of_a_stream_answers_or_not() -> None:
    """Whatever it answers: it is whole, so no buffer holds it. Nothing is opened that a gateway would remember."""
    stream = FakeStream(http(400))

    assert await aftermath(stream).answers_briefly()
    assert not await aftermath().answers_briefly()
    assert stream.sent.startswith(b"OPTIONS ")


async def test_way_opens_again_or_not() -> None:
    """The link is closed in any case."""
    good, bad = FakeLink(), FakeLink(opens=RefusedError(Answer(502)))

    assert await aftermath(FakeStream(), link=good).opens_again(None)
    assert not await aftermath(FakeStream(), link=bad).opens_again(None)
    assert not await aftermath(link=good).opens_again(None)
    assert good.is_aborted
    assert bad.is_aborted
