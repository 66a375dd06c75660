"""The snapshot's file: complete or not there, private, found damaged when it is."""

from __future__ import annotations

import os
import stat
import zlib
from pathlib import Path

import pytest

from holdfast.broker import snapshot_file
from holdfast.broker.snapshot_file import (
    DamagedError,
    SnapshotWriter,
    lock,
    read_header,
    read_records,
    set_aside,
    take_clean,
)
from holdfast.errors import ConfigError

RECORDS = [b"first", b"x" * 1000, b"last"]


def write(path: Path, found: list[bytes] = RECORDS, *, clean: bool = True) -> None:
    """Write a snapshot."""
    writer = SnapshotWriter(path, clean=clean)
    writer.open()
    for record in found:
        writer.add(record)
    writer.commit()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the snapshot goes."""
    return tmp_path / "holdfast.snapshot"


def test_records_come_back(path: Path):
    """What was written is read, in order, and the writer knows the size."""
    writer = SnapshotWriter(path, clean=False)
    writer.open()
    for record in RECORDS:
        writer.add(record)
    writer.commit()

    assert list(read_records(path)) == RECORDS
    assert writer.size == path.stat().st_size


def test_large_snapshots_are_written_in_pieces(path: Path):
    """The writer holds no more than a few hundred KiB."""
    big = [os.urandom(100_000) for _ in range(12)]

    write(path, big)

    assert list(read_records(path)) == big


def test_large_snapshots_are_synced_on_the_way(path: Path, monkeypatch: pytest.MonkeyPatch):
    """The disk gets its work in small portions instead of all at the end."""
    synced: list[int] = []
    monkeypatch.setattr(snapshot_file, "_SYNC_BYTES", 1_000_000)
    monkeypatch.setattr(os, "fdatasync", synced.append)

    write(path, [bytes(100_000)] * 35)

    assert len(synced) == 3


def test_writing_before_opening_is_a_mistake(path: Path):
    """A writer makes its file when told to, not before."""
    with pytest.raises(RuntimeError, match="opened"):
        SnapshotWriter(path, clean=False).commit()


def test_file_is_private(path: Path):
    """Publications are nobody else's business, even where a left-over file was open to all."""
    left_over = path.with_name(path.name + ".tmp")
    left_over.write_bytes(b"half")
    left_over.chmod(0o666)

    write(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_present_snapshot_stays_until_the_new_one_is_complete(path: Path):
    """A crash in the middle leaves the old snapshot."""
    write(path, [b"old"])
    writer = SnapshotWriter(path, clean=True)
    writer.open()
    writer.add(b"new")
    writer.flush()

    assert list(read_records(path)) == [b"old"]
    writer.abort()
    assert list(read_records(path)) == [b"old"]
    assert list(path.parent.iterdir()) == [path]


def test_commit_syncs_file_before_and_folder_after_the_rename(path: Path, monkeypatch: pytest.MonkeyPatch):
    """Neither a name without content nor a forgotten name can survive a power cut."""
    calls: list[str] = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(
        os, "fsync", lambda fd: (calls.append("folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file"), sync(fd))
    )
    monkeypatch.setattr(os, "replace", lambda *names: (calls.append("rename"), replace(*names)))

    write(path)

    assert calls == ["file", "rename", "folder"]


def test_clean_mark_is_taken_once(path: Path, monkeypatch: pytest.MonkeyPatch):
    """After a start the snapshot never looks clean again, and stays readable."""
    write(path, clean=True)
    synced: list[int] = []
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(fd), sync(fd)))

    assert take_clean(path)
    assert len(synced) == 1
    assert not take_clean(path)
    assert list(read_records(path)) == RECORDS


def test_snapshot_of_a_running_gateway_is_not_clean(path: Path):
    """What was written at an interval is older than what clients saw."""
    write(path, clean=False)

    assert not take_clean(path)


@pytest.mark.parametrize("cut", [1, 16, 17, 20, 21, 500, 1040])
def test_truncated_file_is_damaged(path: Path, cut: int):
    """Wherever the end is missing, nothing is read."""
    write(path)
    content = path.read_bytes()
    path.write_bytes(content[:-cut])

    with pytest.raises(DamagedError):
        list(read_records(path))


def test_any_changed_byte_is_damage(path: Path):
    """A bit that fell over anywhere but in the state is found before anything is read."""
    write(path)
    content = path.read_bytes()
    for place in [*range(10), *range(16, len(content))]:
        path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])

        with pytest.raises(DamagedError):
            next(read_records(path))


@pytest.mark.parametrize("content", [b"", b"HOLDFAST", b"\0" * 5000, b"HOLDFAST\0\1opened\xff\xff\xff\xff"])
def test_foreign_file_is_damaged(path: Path, content: bytes):
    """An empty file, zeros, or a length beyond the end read nothing and ask for no memory."""
    path.write_bytes(content)

    with pytest.raises(DamagedError):
        list(read_records(path))


def test_later_version_is_named(path: Path):
    """The message says that the file is of another version, not that it is broken."""
    write(path)
    content = bytearray(path.read_bytes())
    content[8:10] = (7).to_bytes(2)
    path.write_bytes(content)

    with pytest.raises(DamagedError, match="format version 7, this gateway reads versions 1 and 2"):
        list(read_records(path))


def test_trailing_bytes_are_damage(path: Path):
    """A snapshot ends where it says."""
    write(path)
    with path.open("ab") as file:
        file.write(b"more")

    with pytest.raises(DamagedError, match="checksum"):
        list(read_records(path))


def test_set_aside_renames(path: Path):
    """The damaged file is kept for whoever wants to look, out of the way."""
    path.write_bytes(b"?")

    aside = set_aside(path, "20260101T000000Z")

    assert aside.name == "holdfast.snapshot.damaged-20260101T000000Z"
    assert aside.read_bytes() == b"?"
    assert not path.exists()


def test_lock_keeps_a_second_process_out(path: Path):
    """Two gateways never share a snapshot; the next may have it when the first is gone."""
    holder = lock(path)

    with pytest.raises(ConfigError, match="in use by another process"):
        lock(path)
    holder.close()
    lock(path).close()


def test_lock_makes_the_folder(tmp_path: Path):
    """A first start needs no mkdir."""
    lock(tmp_path / "state" / "holdfast.snapshot").close()

    assert (tmp_path / "state").is_dir()


def test_lock_refuses_what_is_no_regular_file(tmp_path: Path):
    """A folder or a pipe as a snapshot is a wrong setting, and is not waited for."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    for wrong in (tmp_path, pipe):
        with pytest.raises(ConfigError, match="regular file"):
            snapshot_file.lock(wrong)


def test_temporary_file_is_not_followed(path: Path):
    """A link planted in place of the temporary file is not written through."""
    victim = path.with_name("victim")
    victim.write_bytes(b"keep")
    path.with_name(path.name + ".tmp").symlink_to(victim)

    with pytest.raises(OSError, match="symbolic"):
        SnapshotWriter(path, clean=False).open()

    assert victim.read_bytes() == b"keep"


def compressed(path: Path, *records: bytes) -> None:
    """Write a compressed snapshot."""
    writer = SnapshotWriter(path, clean=True, is_compressed=True)
    writer.open()
    for record in records:
        writer.add(record)
    writer.commit()


def test_compressed_records_come_back(path: Path):
    """In order, whether they fill a block or not, and in less space."""
    records = [*RECORDS, b"y" * snapshot_file._BLOCK_BYTES, b"z" * 300_000, b"end"]
    compressed(path, *records)

    assert list(read_records(path)) == records
    assert path.stat().st_size < 10_000
    assert read_header(path) == (2, True)
    compressed(path)
    assert list(read_records(path)) == []


def test_header_tells_version_and_state(path: Path):
    """Of what begins like a snapshot; nothing else is read."""
    write(path, clean=False)
    assert read_header(path) == (1, False)
    path.write_bytes(b"HOLDFAST")

    with pytest.raises(DamagedError):
        read_header(path)


@pytest.mark.parametrize(
    "block",
    [
        b"no block",
        zlib.compress(b"abc"),
        zlib.compress(b"\0\0\0\7abc"),
        zlib.compress(b"\0\0\0\1a")[:-4],
        zlib.compress(bytes(99)),
    ],
)
def test_damaged_blocks_are_found(path: Path, block: bytes, monkeypatch: pytest.MonkeyPatch):
    """Of a file whose checksum is right: others may have made it, and none may fill the memory."""
    monkeypatch.setattr(snapshot_file, "_MOST_BLOCK_BYTES", 50)
    writer = SnapshotWriter(path, clean=True, is_compressed=True)
    writer.open()
    writer._append(block)
    writer.commit()

    with pytest.raises(DamagedError):
        list(read_records(path))
