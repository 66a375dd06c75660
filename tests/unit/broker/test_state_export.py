"""Writing a file of state: whole or not at all."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from holdfast.broker.records import Begin
from holdfast.broker.state_export import Exporter
from holdfast.broker.state_records import KeptCounter, Origin, read_items
from holdfast.errors import BrokerError
from tests.redis_links import ScriptedLink


def exporter(*answers: object) -> Exporter:
    """Return an exporter of what a link answers."""
    return Exporter(ScriptedLink(*answers), 1e9, wall_clock=lambda: 1000.0)


async def test_export_writes_what_is_there(tmp_path: Path):
    """The opening, where it is from, and each key; private, and counted."""
    done = await exporter([b"0", [b"p:n:{k}"]], [b"3", 5000]).write(tmp_path / "state")
    begin, origin, counter = read_items(tmp_path / "state")

    assert isinstance(begin, Begin)
    assert begin.saved_at == 1000.0
    assert isinstance(origin, Origin)
    assert (origin.prefix, origin.mode, len(origin.export)) == ("holdfast", "single", 16)
    assert counter == KeptCounter("k", 3, 1005.0)
    assert (done.counts, done.foreign) == ({"counters": 1}, 0)
    assert done.size == (tmp_path / "state").stat().st_size
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o600


async def test_export_that_fails_leaves_the_file_that_was(tmp_path: Path):
    """And nothing beside it."""
    (tmp_path / "state").write_text("before")

    with pytest.raises(BrokerError):
        await exporter([b"0", [b"p:n:{k}"]], BrokerError("broker_timeout", "x")).write(tmp_path / "state")
    assert [one.name for one in tmp_path.iterdir()] == ["state"]
    assert (tmp_path / "state").read_text() == "before"
