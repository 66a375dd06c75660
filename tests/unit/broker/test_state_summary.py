"""Looking into files: of both kinds of broker, with numbers, ages and instances."""

from __future__ import annotations

from pathlib import Path

import msgspec

from holdfast.broker.records import KeptInfo, KeptPublication, KeptResult, KeptSession
from holdfast.broker.snapshot_file import SnapshotWriter
from holdfast.broker.state_records import KeptCounter, KeptPresence, KeptRow, Origin, WholeStream, encode, records_of
from holdfast.broker.state_summary import summarize
from tests.unit.broker.test_state_records import BEGIN, head, write


def test_summary_counts_everything(tmp_path: Path):
    """Each kind by its name, what has ended, and what the registry said."""
    node = msgspec.msgpack.encode({"phase": "serving"})
    items = [
        BEGIN,
        Origin("p", "single", "x"),
        WholeStream(head(), [KeptPublication(b"1")] * 2),
        KeptResult("a", "k", 1, "e", 5000.0),
        KeptSession("o", "s", b"", 5000.0),
        KeptRow("nodes", "one", node, 5000.0),
        KeptRow("nodes", "two", b"\xc1", 5000.0),
        KeptRow("revocations", "user:1", b"", 5000.0),
        KeptRow("else", "n", b"", 5000.0),
        KeptPresence("a", KeptInfo("u", "c", b"", b""), 10.0),
        KeptCounter("k", 1, 0.0),
    ]
    found = summarize(write(tmp_path / "state", *(one for item in items for one in records_of(item))), 3500.0)

    assert found.counts == {
        "streams": 1, "publications": 2, "results": 1, "sessions": 1, "nodes": 2, "revocations": 1, "rows": 1,
        "presence": 1, "counters": 1,
    }  # fmt: skip
    assert found.ended == 2
    assert found.nodes == [{"name": "one", "phase": "serving"}, {"name": "two"}]
    assert (found.origin, found.saved_at, found.version) == (Origin("p", "single", "x"), 1000.0, "1.0")
    assert (found.format, found.is_clean, found.size > 0) == (2, True, True)


def test_snapshot_of_an_embedded_broker_can_be_looked_into(tmp_path: Path):
    """It has no origin, another format, and may not be of a clean stop."""
    writer = SnapshotWriter(tmp_path / "state", clean=False)
    writer.open()
    writer.add(encode(BEGIN))
    writer.commit()
    found = summarize(tmp_path / "state", 0.0)

    assert (found.origin, found.format, found.is_clean) == (None, 1, False)
