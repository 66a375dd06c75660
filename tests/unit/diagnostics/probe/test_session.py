"""Tests of holdfast.diagnostics.probe.session."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from holdfast.diagnostics.probe import session as module
from holdfast.diagnostics.probe.http import Answer, NotHttpError
from holdfast.diagnostics.probe.link import EndedError, RefusedError, StrangeError
from holdfast.diagnostics.probe.session import Session, sentence
from holdfast.diagnostics.probe.verdict import FailedError, Verdict
from holdfast.diagnostics.probe.way import CutError
from tests.probing import CID, FakeLink

CONNECTED = {
    "id": 1,
    "connect": {"client": "c", "version": "v", "ping": 25, "pong": True, "holdfast": {"instance": "i"}},
}


async def failing(coroutine) -> Verdict:
    """Return the verdict of a stage that fails."""
    with pytest.raises(FailedError) as caught:
        await coroutine
    return caught.value.judge({})


def denied(number: int, code: int = 103) -> dict[str, Any]:
    """Return an error reply."""
    return {"id": number, "error": {"code": code, "message": "permission_denied"}}


async def test_connect_notes_what_the_server_says_of_itself() -> None:
    """Version, ping interval, instance."""
    facts: dict[str, Any] = {}
    link = FakeLink([CONNECTED])

    await Session(link, "t").connect(facts)

    assert facts == {"client": "c", "version": "v", "ping": 25, "pong": True, "instance": "i"}
    assert link.commands()[0]["connect"]["token"] == "t"


async def test_facts_of_a_server_are_bounded() -> None:
    """It may say what it likes of itself."""
    facts: dict[str, Any] = {}

    await Session(FakeLink([{"id": 1, "connect": {"client": "c", "version": "x" * 10_000, "node": []}}]), None).connect(
        facts
    )

    assert len(str(facts)) < 300


@pytest.mark.parametrize(
    ("end", "slug", "stage"),
    [
        (EndedError(3501, "token_missing"), "token_missing", "token"),
        (EndedError(3500, "invalid token"), "token_refused", "token"),
        (CutError("the connection was closed"), "connection_cut", "connect"),
        (ConnectionResetError(104, "reset"), "connection_cut", "connect"),
        (StrangeError("expected replies"), "not_centrifuge", "connect"),
        (NotHttpError("no"), "not_centrifuge", "connect"),
        (ssl.SSLError(1, "certificate required"), "tls_failed", "tls"),
        (RefusedError(Answer(502, "Bad Gateway")), "upgrade_no_gateway", "connect"),
    ],
)
async def test_connect_that_fails_has_a_cause(end: Exception, slug: str, stage: str) -> None:
    """Whatever ends the conversation."""
    found = await failing(Session(FakeLink(end), None).connect({}))

    assert (found.slug, found.stage) == (slug, stage)


async def test_subscribe_sends_the_token_it_was_given() -> None:
    """And notes what the subscription can do."""
    link = FakeLink([{"id": 2, "subscribe": {"recoverable": True, "offset": 5}}])
    facts: dict[str, Any] = {}

    await Session(link, None).subscribe("$a", "t", facts)

    assert link.commands() == [{"id": 2, "subscribe": {"channel": "$a", "token": "t"}}]
    assert facts == {"channel": "$a", "recoverable": True, "offset": 5}


async def test_subscribe_that_is_refused_has_a_cause() -> None:
    """In its own stage."""
    found = await failing(Session(FakeLink([denied(2)]), None).subscribe("a", "", {}))

    assert (found.slug, found.stage) == ("permission_denied", "subscribe")


async def test_message_comes_back() -> None:
    """The one that was published, and no other."""
    mine = {"channel": "a", "pub": {"data": {"holdfast_probe": CID}}}
    other = {"channel": "a", "pub": {"data": {"holdfast_probe": "x"}}}
    pushes = [{"push": other}, {"push": {"channel": "a", "join": {}}}, {"push": {"channel": "a", "pub": {"data": 1}}}]
    link = FakeLink([{"id": 2, "publish": {}}], pushes, [{"push": mine}])

    came = await Session(link, None).message("a", CID)

    assert "came back" in came.by
    assert link.commands() == [{"id": 2, "publish": {"channel": "a", "data": {"holdfast_probe": CID}}}]


async def test_presence_stands_in_where_publishing_is_not_allowed() -> None:
    """An answer is a message back."""
    came = await Session(FakeLink([denied(2)], [{"id": 3, "presence": {}}]), None).message("a", CID)

    assert "presence" in came.by
    assert "permission_denied (103)" in came.by


async def test_message_is_skipped_where_nothing_is_allowed() -> None:
    """With the reason."""
    came = await Session(FakeLink([denied(2)], [denied(3, 108)]), None).message("a", CID)

    assert (came.by, "permission_denied (103)" in came.skipped) == ("", True)


async def test_message_that_fails_otherwise_has_a_cause() -> None:
    """A broker that does not answer is no missing permission."""
    link = FakeLink([{"id": 2, "error": {"code": 100, "message": "broker_unavailable"}}])

    assert (await failing(Session(link, None).message("a", CID))).slug == "broker_unavailable"


async def test_stay_answers_pings_and_counts_them() -> None:
    """Silence otherwise is what is asked for."""
    link = FakeLink([CONNECTED], [{}], [{}])
    session = Session(link, None)
    await session.connect({})
    facts: dict[str, Any] = {}

    await session.stay(0.2, facts)

    assert facts["pings"] == 2
    assert facts["stayed_seconds"] >= 0
    assert link.lines[1:] == ["{}", "{}"]


@pytest.mark.parametrize(
    ("end", "silent", "slug"),
    [
        (CutError("closed"), 0.0, "proxy_idle_cut"),
        (ConnectionResetError(104, "reset"), 0.0, "proxy_idle_cut"),
        (CutError("closed"), 60.0, "connection_cut"),
        (EndedError(3001, "shutdown"), 0.0, "shutdown"),
        (EndedError(1001, ""), 0.0, "closed_by_server"),
    ],
)
async def test_end_while_idle_says_who_made_it(monkeypatch, end: Exception, silent: float, slug: str) -> None:
    """A close frame is the server's; without one it was cut, for being idle if it was."""
    monkeypatch.setattr(module, "_SILENT_SECONDS", silent)
    facts: dict[str, Any] = {}

    found = await failing(Session(FakeLink(end), None).stay(60.0, facts))

    assert (found.slug, found.stage) == (slug, "idle")
    assert "stayed_seconds" in facts


async def test_pings_that_do_not_come_are_told(monkeypatch) -> None:
    """Nobody closed the connection, and nothing passes."""
    monkeypatch.setattr(module, "_PING_GRACE_SECONDS", 0.0)
    session = Session(FakeLink([{"id": 1, "connect": {"client": "c", "ping": 0.01}}]), None)
    await session.connect({})

    assert (await failing(session.stay(60.0, {}))).slug == "pings_missing"


async def test_close_is_answered_or_not() -> None:
    """As the link says."""
    link = FakeLink()
    assert await Session(link, None).close()
    link.closes = False
    assert not await Session(link, None).close()


async def test_close_that_breaks_is_unanswered(monkeypatch) -> None:
    """It was the last word anyway."""

    async def close() -> bool:
        raise CutError("closed")

    link = FakeLink()
    monkeypatch.setattr(link, "close", close)

    assert (await failing(Session(link, None).close())).slug == "close_unanswered"


def test_reason_becomes_a_sentence() -> None:
    """With a capital and a full stop."""
    assert sentence("the end") == "The end."
