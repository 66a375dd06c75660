"""Putting items back: what is given to which script, and what a rehearsal leaves undone."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.broker import state_write
from holdfast.broker.records import KeptInfo, KeptPublication, KeptResult, KeptSession, KeptStream
from holdfast.broker.state_records import Item, KeptCounter, KeptPresence, KeptRow, WholeStream
from holdfast.broker.state_scripts import COMMIT, COUNTER, DECIDE, RESULT, STAGE
from holdfast.broker.state_write import StateWriter
from tests.redis_links import ScriptedLink


async def write(item: Item, *answers: Any, acts: bool = True) -> tuple[list[str], ScriptedLink]:
    """Write an item once for each outcome there is an answer for."""
    link = ScriptedLink(*answers)
    writer = StateWriter(link, "x", lambda: 1000.0, acts=acts, replaces=False)
    return [await writer.write(item)], link


def stream(count: int = 0, expires_at: float = 2000.0) -> WholeStream:
    """Return a stream with some publications up to offset 5."""
    head = KeptStream("a", "e", 5, 7, "v", expires_at, 3000.0, "d:1")
    return WholeStream(head, [KeptPublication(b"%d" % number) for number in range(count)])


async def test_stream_is_staged_and_committed(monkeypatch: pytest.MonkeyPatch):
    """Its publications in steps, the first of which begins, then all of it at once."""
    monkeypatch.setattr(state_write, "_STAGE_ENTRIES", 2)
    found, link = await write(stream(3), b"new", 1, 1, b"new")

    assert found == ["new"]
    assert [script for script, _, _ in link.calls] == [DECIDE, STAGE, STAGE, COMMIT]
    assert link.calls[0][2] == ["x", "e", 5, 0]
    assert [args[1:3] for _, _, args in link.calls[1:3]] == [[1, "3-0"], [0, "5-0"]]
    _, keys, args = link.calls[3]
    assert keys == [b"p:{a}:m", b"p:{a}:s", b"p:{a}:x"]
    assert (args[4] != "e", len(args[4])) == (True, 8)
    assert args[5:] == ["d:1 e:5", 2_000_000, 1_000_000, 7, "v", b"p:{a}", "PUBLISH"]


async def test_stream_stays_undone_where_it_should():
    """In a rehearsal, where something newer is, and where its time is over; old publications stay away alone."""
    assert (await write(stream(), b"newer"))[0] == ["newer"]
    assert (await write(stream(), b"new", acts=False))[0] == ["new"]
    ended = stream()
    ended.head.removes_at = 999.0
    assert (await write(ended))[0] == ["ended"]
    _, link = await write(stream(3, expires_at=900.0), b"new", b"new")
    assert [script for script, _, _ in link.calls] == [DECIDE, COMMIT]
    assert link.calls[1][2][7] == 1


async def test_result_goes_behind_its_stream():
    """The script decides whether its publication is there; a rehearsal looks for the key alone."""
    item = KeptResult("a", "k", 3, "e", 1005.0)
    found, link = await write(item, b"lost")

    assert found == ["lost"]
    assert link.calls == [(RESULT, [b"p:{a}:i:k", b"p:{a}:m"], [3, "e", 5000])]
    assert (await write(item, 1, acts=False))[0] == ["same"]
    assert (await write(item, 0, acts=False))[0] == ["new"]


async def test_presence_is_entered_where_it_is_not():
    """Who is there already has refreshed it since."""
    item = KeptPresence("a", KeptInfo("42", "c", b"{}", b""), 1005.0)
    found, link = await write(item, [[], []], 1)

    assert found == ["new"]
    assert link.calls[1][2][0] == "c"
    assert (await write(item, [[b"c"], [b"2:420:"]]))[0] == ["same"]
    assert (await write(item, [[], []], acts=False))[0] == ["new"]


async def test_presence_of_a_channel_is_asked_for_once():
    """However many its clients are."""
    link = ScriptedLink([[], []], 1, 1)
    writer = StateWriter(link, "x", lambda: 1000.0, acts=True, replaces=False)
    outcomes = [await writer.write(KeptPresence("a", KeptInfo("42", one, b"", b"{}"), 1005.0)) for one in "cd"]

    assert outcomes == ["new", "new"]


async def test_fields_are_added_where_they_are_not():
    """Sessions and rows alike; those of instances are left to the living."""
    session, row = KeptSession("o", "s", b"v", 1005.0), KeptRow("revocations", "n", b"v", 1005.0)

    assert (await write(session, 1))[0] == ["new"]
    found, link = await write(row, 0)
    assert found == ["same"]
    assert link.calls[0][1:] == ([b"p:t:{revocations}"], ["n", 5000, b"v"])
    assert (await write(row, None, acts=False))[0] == ["new"]
    assert (await write(row, b"v", acts=False))[0] == ["same"]
    assert (await write(KeptRow("nodes", "n", b"v", 1005.0)))[0] == ["living"]


async def test_counters_begin_where_they_have_not():
    """With the time that they have left."""
    item = KeptCounter("k", 3, 1005.0)
    found, link = await write(item, b"new")

    assert found == ["new"]
    assert link.calls == [(COUNTER, [b"p:n:{k}"], [3, 5000])]
    assert (await write(item, 1, acts=False))[0] == ["same"]
