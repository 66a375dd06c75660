"""Snapshots: what a restart keeps, what it never mistakes, and what it does with a bad file or a full disk."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Raw

from holdfast.broker import snapshot
from holdfast.broker.base import HistoryFilter, PublishOptions
from holdfast.broker.history import HistoryStore
from holdfast.broker.results import ResultCache
from holdfast.broker.sessions import MemorySessions
from holdfast.broker.snapshot import Kept, Snapshots
from holdfast.broker.snapshot_file import SnapshotWriter
from holdfast.errors import ConfigError
from holdfast.protocol.messages import Publication, StreamPosition
from tests.brokers import Clock, offsets, publication, texts

ALL = HistoryFilter(-1)
KEEP = PublishOptions(history_size=100, history_ttl=60)


class Node:
    """One life of a process: stores, clocks and the file."""

    def __init__(self, path: Path, wall: Clock) -> None:
        self.clock = Clock(wall.now % 1000)  # every process's own clock starts elsewhere
        self.history = HistoryStore(self.clock, meta_ttl=600, max_streams=1000)
        self.results = ResultCache(self.clock, 100)
        self.sessions = MemorySessions(self.clock)
        kept = Kept(self.history, self.results, self.sessions)
        self.snapshots = Snapshots(path, kept, clock=self.clock, wall_clock=wall, is_binary=lambda name: name != "json")

    def position(self, channel: str) -> StreamPosition:
        """Return a channel's position."""
        return self.history.read(channel, HistoryFilter(0)).position


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the snapshot goes."""
    return tmp_path / "state" / "holdfast.snapshot"


@pytest.fixture
def wall() -> Clock:
    """Return the wall clock that all lives share."""
    return Clock(1_800_000_123.0)


@pytest.fixture
def start(path: Path, wall: Clock) -> Iterator[object]:
    """Return a function that begins a new life after the last one ended."""
    nodes: list[Node] = []

    def begin() -> Node:
        if nodes:
            nodes[-1].snapshots.close()
        nodes.append(Node(path, wall))
        nodes[-1].snapshots.restore()
        return nodes[-1]

    yield begin
    nodes[-1].snapshots.close()


async def test_clean_restart_changes_nothing(start, wall: Clock):
    """Publications, positions, epochs and idempotent results are as before."""
    first = start()
    for number in range(5):
        first.history.add("a", publication(str(number)), KEEP)
    first.history.read("empty", ALL)
    first.results.put("a", "key", StreamPosition(5, "e"), 300)
    before = {channel: first.position(channel) for channel in ("a", "empty")}

    assert await first.snapshots.write(clean=True)
    wall.advance(3)
    second = start()

    assert {channel: second.position(channel) for channel in ("a", "empty")} == before
    assert texts(second.history.read("a", ALL).publications) == ["0", "1", "2", "3", "4"]
    assert second.results.get("a", "key") == (5, "e")


@pytest.mark.parametrize("clean", [True, False])
async def test_sessions_come_back_with_their_deadlines(start, wall: Clock, clean: bool):
    """Also after a crash, as old as the snapshot is; what ended meanwhile does not."""
    first = start()
    await first.sessions.put("alice", "1", b"value", 60)
    await first.sessions.put("alice", "2", b"short", 5)
    assert await first.snapshots.write(clean=clean)
    wall.advance(10)
    second = start()

    assert await second.sessions.sessions_of("alice") == {"1": b"value"}
    second.clock.advance(50)
    assert await second.sessions.sessions_of("alice") == {}


async def test_first_start_finds_nothing(start):
    """Without a file the stores are empty and nothing is set aside."""
    node = start()

    assert len(node.history) == 0


async def test_snapshot_of_a_crashed_process_comes_back_under_new_epochs(start):
    """History is there, but no position of the old life fits it; results follow their stream."""
    first = start()
    position, _ = first.history.add("a", publication(), KEEP)
    first.results.put("a", "key", position, 300)

    await first.snapshots.write(clean=False)
    second = start()

    assert second.position("a").offset == 1
    assert second.position("a").epoch != position.epoch
    assert second.results.get("a", "key") == second.position("a")
    assert offsets(second.history.read("a", ALL).publications) == [1]


async def test_clean_snapshot_serves_one_start_only(start):
    """A crash after a start must not make the old file look clean: offsets would go back in the old epoch."""
    first = start()
    position, _ = first.history.add("a", publication(), KEEP)
    await first.snapshots.write(clean=True)

    second = start()
    second.history.add("a", publication(), KEEP)
    third = start()  # the second wrote nothing

    assert second.position("a") == (2, position.epoch)
    assert third.position("a").offset == 1
    assert third.position("a").epoch != position.epoch


async def test_snapshot_that_cannot_be_marked_is_not_clean(start, monkeypatch: pytest.MonkeyPatch):
    """If the mark cannot be taken away, the epochs are not believed."""
    first = start()
    position, _ = first.history.add("a", publication(), KEEP)
    await first.snapshots.write(clean=True)

    monkeypatch.setattr(snapshot.snapshot_file, "take_clean", raise_read_only)
    second = start()

    assert second.position("a").epoch != position.epoch


def raise_read_only(*_: object) -> bool:
    """Fail like a read-only file system."""
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


async def test_expired_publications_do_not_come_back(start, wall: Clock):
    """Time goes on while no process runs."""
    first = start()
    first.history.add("a", publication(), KEEP)
    await first.snapshots.write(clean=True)

    wall.advance(61)
    second = start()

    assert second.history.read("a", ALL).publications == []
    assert second.position("a").offset == 1


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty", "foreign", "version", "content"])
async def test_unusable_file_is_set_aside_and_the_start_goes_on(start, path: Path, damage: str):
    """Whatever is wrong with the file, it is renamed, nothing of it is believed, and the next snapshot works."""
    first = start()
    first.history.add("a", publication(), KEEP)
    await first.snapshots.write(clean=True)
    content = path.read_bytes()
    if damage == "content":
        writer = SnapshotWriter(path, clean=True)
        writer.open()
        writer.add(b"no record")
        writer.commit()
    else:
        path.write_bytes(
            {
                "truncate": content[:-10],
                "flip": content[:40] + bytes([content[40] ^ 1]) + content[41:],
                "empty": b"",
                "foreign": b"PK\3\4" * 100,
                "version": content[:8] + b"\0\x63" + content[10:],
            }[damage]
        )

    second = start()

    assert len(second.history) == 0
    assert [file.name for file in path.parent.glob("*.damaged-*")] == ["holdfast.snapshot.damaged-20270115T080203Z"]
    assert not path.exists()
    assert await second.snapshots.write(clean=True)


async def test_unreadable_file_that_cannot_be_renamed_does_not_stop_the_start(
    start, path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A folder without permission costs the history, not the start."""
    path.parent.mkdir()
    path.write_bytes(b"?")
    monkeypatch.setattr(snapshot.snapshot_file, "set_aside", raise_read_only)
    monkeypatch.setattr(snapshot.snapshot_file, "lock", raise_read_only)

    node = start()

    assert len(node.history) == 0
    assert path.exists()


async def test_second_process_with_the_same_file_is_refused(start, path: Path, wall: Clock):
    """Two gateways cannot overwrite each other's positions."""
    start()
    other = Node(path, wall)

    with pytest.raises(ConfigError, match="snapshot_path"):
        other.snapshots.restore()


async def test_full_disk_leaves_the_old_snapshot_and_the_gateway_goes_on(
    start, path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A failed write is reported as such, leaves no half file, and the next one works."""
    node = start()
    node.history.add("a", publication(), KEEP)
    await node.snapshots.write(clean=False)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(SnapshotWriter, "flush", full)
        assert not await node.snapshots.write(clean=True)

    assert path.read_bytes() == before
    assert not path.with_name(path.name + ".tmp").exists()
    assert await node.snapshots.write(clean=True)


async def test_bug_in_a_snapshot_costs_that_snapshot_only(start, path: Path, monkeypatch: pytest.MonkeyPatch):
    """What cannot be encoded is a failure with a traceback in the log; nobody who waits for the write fails."""
    node = start()
    node.history.add("a", publication(), KEEP)
    node.results.put("a", "key", StreamPosition(2**64, "e"), 300)

    assert not await node.snapshots.write(clean=True)

    assert [file.name for file in path.parent.iterdir()] == [path.name + ".lock"]


async def test_folder_that_is_gone_is_reported(start, path: Path):
    """A write that cannot even begin is a failure, not an exception."""
    node = start()
    for file in path.parent.iterdir():
        file.unlink()
    path.parent.rmdir()

    assert not await node.snapshots.write(clean=False)


async def test_publications_during_a_capture_leave_every_stream_whole(start, monkeypatch: pytest.MonkeyPatch):
    """The loop goes on between slices; each stream comes back without a gap, up to where it was looked at."""
    monkeypatch.setattr(snapshot, "SLICE", 8)
    first = start()
    for number in range(40):
        for _ in range(10):
            first.history.add(f"c{number}", publication(), KEEP)
    writing = asyncio.ensure_future(first.snapshots.write(clean=False))
    turns = 0
    while not writing.done():
        first.history.add(f"c{turns % 40}", publication(), KEEP)
        turns += 1
        await asyncio.sleep(0)
    second = start()

    assert turns > 40
    for number in range(40):
        found = second.history.read(f"c{number}", ALL)
        top = found.position.offset
        assert len(found.publications) >= 10
        assert offsets(found.publications) == list(range(top - len(found.publications) + 1, top + 1))


async def test_cancelled_write_leaves_no_half_file(start, path: Path):
    """A stop in the middle of a snapshot leaves the old one and lets the last one be written."""
    node = start()
    for number in range(2000):
        node.history.add(f"c{number}", publication(), KEEP)
    writing = asyncio.ensure_future(node.snapshots.write(clean=False))
    for _ in range(3):
        await asyncio.sleep(0)

    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing

    assert await node.snapshots.write(clean=True)
    assert sorted(file.name for file in path.parent.iterdir()) == [path.name, path.name + ".lock"]


async def test_encoding_and_writing_happen_in_a_thread_of_their_own(start, monkeypatch: pytest.MonkeyPatch):
    """The event loop's thread does neither."""
    node = start()
    node.history.add("a", publication(), KEEP)
    threads: set[str] = set()
    add = SnapshotWriter.add

    def spy(self: SnapshotWriter, record: bytes) -> None:
        threads.add(threading.current_thread().name)
        add(self, record)

    monkeypatch.setattr(SnapshotWriter, "add", spy)
    await node.snapshots.write(clean=False)

    assert threads == {"holdfast-snapshot_0"}


async def test_interval_writes_again_and_again(start, monkeypatch: pytest.MonkeyPatch):
    """Every interval there is a snapshot that is not clean; a failed one does not end them."""
    node = start()
    asked: list[bool] = []
    sleeps: list[float] = []

    async def write(*, clean: bool) -> bool:
        asked.append(clean)
        return False

    async def sleep(seconds: float) -> None:
        sleeps.append(seconds)
        if len(sleeps) == 4:
            raise asyncio.CancelledError

    monkeypatch.setattr(node.snapshots, "write", write)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await node.snapshots.write_at_interval(60)

    assert asked == [False, False, False]
    assert sleeps == [60, 60, 60, 60]


async def test_bytes_do_not_come_back_into_a_channel_of_json(start):
    """History of a time when the channel took any bytes is forgotten with its position kept; JSON comes back."""
    node = start()
    for channel in ("json", "bytes"):
        node.history.add(channel, Publication(Raw(b"\xff")), KEEP)
    await node.snapshots.write(clean=True)
    before = node.position("json")

    after = start()

    assert after.history.read("json", ALL).publications == []
    assert after.position("json") == before
    assert len(after.history.read("bytes", ALL).publications) == 1


async def test_json_comes_back_into_a_channel_of_json(start):
    """What a JSON client can read stays."""
    node = start()
    node.history.add("json", Publication(Raw(b'{"a":1}')), KEEP)
    await node.snapshots.write(clean=True)

    assert len(start().history.read("json", ALL).publications) == 1
