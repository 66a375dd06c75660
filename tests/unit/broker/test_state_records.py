"""Records of shared state: what goes in comes out, and nonsense is called damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.broker import state_records
from holdfast.broker.records import Begin, KeptInfo, KeptPublication, KeptPublications, KeptStream
from holdfast.broker.snapshot_file import DamagedError, SnapshotWriter
from holdfast.broker.state_records import (
    Item,
    KeptCounter,
    KeptPresence,
    KeptRow,
    Origin,
    WholeStream,
    encode,
    read_items,
    records_of,
)

BEGIN = Begin(1000.0, "1.0")


def head(channel: str = "a", top: int = 3) -> KeptStream:
    """Return a stream's head."""
    return KeptStream(channel, "e", top, 0, "", 2000.0, 3000.0, "d:1")


def write(path: Path, *records: object) -> Path:
    """Write a file of records."""
    writer = SnapshotWriter(path, clean=True, is_compressed=True)
    writer.open()
    for record in records:
        writer.add(record if isinstance(record, bytes) else encode(record))
    writer.commit()
    return path


def test_items_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Streams whole, though their publications are in several records; everything else as it was."""
    monkeypatch.setattr(state_records, "_RECORD_BYTES", 2)
    publications = [KeptPublication(b"11"), KeptPublication(b"2", {"a": "b"}, KeptInfo("u", "c", b"", b"{}"))]
    items: list[Item] = [
        BEGIN,
        Origin("p", "single", "x"),
        WholeStream(head(), publications),
        WholeStream(head("b")),
        KeptRow("t", "n", b"v", 1.0),
        KeptPresence("a", KeptInfo("u", "c", b"", b""), 1.0),
        KeptCounter("k", 3, 1.0),
        WholeStream(head("c"), publications[:1]),
    ]
    path = write(tmp_path / "state", *(record for item in items for record in records_of(item)))

    assert list(read_items(path)) == items


@pytest.mark.parametrize(
    "records",
    [
        [],
        [Origin("p", "single", "x")],
        [BEGIN, KeptPublications([KeptPublication(b"1")])],
        [BEGIN, head(top=0), KeptPublications([KeptPublication(b"1")])],
        [BEGIN, head(top=0), KeptPublications([KeptPublication(b"1")]), KeptCounter("k", 3, 1.0)],
        [BEGIN, b"\x91\x63"],
        [BEGIN, b"\xc1"],
    ],
)
def test_nonsense_is_damaged(tmp_path: Path, records: list[object]):
    """What cannot be follows from no export of ours."""
    path = write(tmp_path / "state", *records)

    with pytest.raises(DamagedError):
        list(read_items(path))
