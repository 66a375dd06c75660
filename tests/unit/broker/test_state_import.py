"""Importing: what speaks against it by the name of its option, streams first, and what fails alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from holdfast.broker.records import KeptInfo, KeptPublication, KeptSession
from holdfast.broker.state_import import Importer, Terms
from holdfast.broker.state_records import Item, KeptCounter, KeptPresence, Origin, WholeStream, records_of
from holdfast.broker.state_summary import Summary, summarize
from holdfast.errors import BrokerError
from tests.redis_links import ScriptedLink
from tests.unit.broker.test_state_records import BEGIN, head, write

ORIGIN = Origin("holdfast", "single", "x")


def summary(path: Path, *items: Item, origin: Origin | None = ORIGIN) -> Summary:
    """Write a file and look into it."""
    found = (BEGIN, *(() if origin is None else (origin,)), *items)
    return summarize(write(path / "state", *(one for item in found for one in records_of(item))), 0.0)


def importer(*answers: Any, **terms: Any) -> Importer:
    """Return an importer, an hour after the file was written."""
    return Importer(ScriptedLink(*answers), Terms(**{"rate": 1e9, **terms}), wall_clock=lambda: 1500.0)


async def test_snapshot_of_an_embedded_broker_is_refused(tmp_path: Path):
    """There is no way to import it."""
    found = summary(tmp_path, origin=None)

    assert len(await importer().objections(found)) == 1
    with pytest.raises(ValueError, match="shared"):
        await importer().run(found)


async def test_objections_go_with_their_options(tmp_path: Path):
    """Another prefix and age, each until it is allowed."""
    found = summary(tmp_path, origin=Origin("other", "single", "x"))
    faults = await importer(max_age=100.0, not_empty=True).objections(found)

    assert [fault.rpartition(" ")[2] for fault in faults] == ["(--force-prefix)", "(--force-old)"]
    assert await importer(max_age=100.0, any_prefix=True, any_age=True, not_empty=True).objections(found) == []


@pytest.mark.parametrize(
    ("keys", "answers", "what"),
    [
        ([b"p:l:{42}"], [], "session"),
        ([b"p:{a}:m"], [[b"e", b"3"]], "history of the channel 'a'"),
        ([b"p:{a}:m"], [[b"e", b"0"]], ""),
        ([b"p:{a}:m"], [[None, None]], ""),
        ([b"p:t:{nodes}", b"p:{a}:p"], [], ""),
    ],
)
async def test_redis_in_use_is_refused(tmp_path: Path, keys: list[bytes], answers: list[Any], what: str):
    """Whatever an import could collide with; not what living instances tell of themselves."""
    faults = await importer([b"0", keys], *answers).objections(summary(tmp_path))

    assert len(faults) == bool(what)
    assert all(what in fault and "--force-not-empty" in fault for fault in faults)


async def test_import_takes_streams_first(tmp_path: Path):
    """Results need them; presence goes one by one, and everything is counted by its outcome."""
    items = [
        KeptCounter("k", 1, 9000.0),
        KeptPresence("a", KeptInfo("u", "c", b"", b""), 9000.0),
        WholeStream(head(), [KeptPublication(b"1")]),
    ]
    done = await importer(b"newer", b"new", [[], []], 1, acts=True).run(summary(tmp_path, *items))

    assert done.counts == {("streams", "newer"): 1, ("counters", "new"): 1, ("presence", "new"): 1}
    assert done.failed == []


async def test_foreign_keys_fail_alone(tmp_path: Path):
    """The rest is imported; a Redis that does not answer ends it."""
    found = summary(tmp_path, KeptCounter("k", 1, 9000.0), KeptSession("o", "s", b"", 9000.0))
    done = await importer(BrokerError("broker_foreign_key", "here"), 1, acts=True).run(found)

    assert done.counts == {("counters", "failed"): 1, ("sessions", "new"): 1}
    assert done.failed == ["broker_foreign_key: here"]
    with pytest.raises(BrokerError):
        await importer(BrokerError("broker_timeout", "x"), 1, acts=True).run(found)
