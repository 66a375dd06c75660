"""The snapshot's file: its layout; writing, reading, invalidating it and setting it aside.

A crash at any moment leaves either the old snapshot or the new one.

    magic (8)  version (2)  state (6)  { length (4)  record }...  length 0 (4)  digest (16)

In version 2 what stands for a record is a block of them, each with its length, compressed by zlib (RFC 1950).
Numbers are big-endian. The digest (BLAKE2b) covers everything but the state, which is the one thing ever written in
place: `clean` while nothing has happened since the snapshot, `opened` as soon as a process has begun to use it.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import stat
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from holdfast.errors import ConfigError

MAGIC = b"HOLDFAST"
VERSION = 1
VERSION_COMPRESSED = 2
CLEAN = b"clean\0"
OPENED = b"opened"
_STATE_OFFSET = 10
_HEADER = struct.Struct(">8sH6s")
_LENGTH = struct.Struct(">I")
_DIGEST_BYTES = 16
_FLUSH_BYTES = 262144
# Synced piece by piece: one large fsync at the end keeps disk and scheduler busy enough to be felt by the loop.
_SYNC_BYTES = 8388608
_MODE = 0o600
_BLOCK_BYTES = 262144
_COMPRESSION = 6
# Far above what the writer makes of its largest record: a file made by others must not fill the memory.
_MOST_BLOCK_BYTES = 1 << 29


class Header(NamedTuple):
    """What a file says before its records."""

    version: int
    is_clean: bool


class DamagedError(Exception):
    """The file is no snapshot this version can read; the text says why."""


class SnapshotWriter:
    """Writes a snapshot beside the present one and puts it in its place when it is complete and on disk.

    Not safe for several threads at once. Errors are `OSError`; `abort` after one leaves the present file as it is.
    """

    def __init__(self, path: Path, *, clean: bool, is_compressed: bool = False) -> None:
        version = VERSION_COMPRESSED if is_compressed else VERSION
        self._path = path
        self._block: bytearray | None = bytearray() if is_compressed else None
        self._temporary = path.with_name(path.name + ".tmp")
        self._file: io.FileIO | None = None
        self._digest = hashlib.blake2b(MAGIC + version.to_bytes(2), digest_size=_DIGEST_BYTES)
        self._pending = bytearray(_HEADER.pack(MAGIC, version, CLEAN if clean else OPENED))
        self._undigested = len(self._pending)
        self._synced = 0
        self.size = 0

    def open(self) -> None:
        """Make the file; the first thing to call."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        self._file = os.fdopen(os.open(self._temporary, flags, _MODE), "wb", buffering=0)
        os.fchmod(self._file.fileno(), _MODE)  # a left-over may have had another mode

    def add(self, record: bytes) -> None:
        """Append one record."""
        if self._block is None:
            self._append(record)
            return
        self._block += _LENGTH.pack(len(record))
        self._block += record
        if len(self._block) >= _BLOCK_BYTES:
            self._end_block(self._block)

    def flush(self) -> None:
        """Hand what is pending to the kernel; other threads run meanwhile."""
        self._digest.update(memoryview(self._pending)[self._undigested :])
        self._write(self._pending)
        self._pending = bytearray()
        self._undigested = 0
        if self.size - self._synced >= _SYNC_BYTES:
            os.fdatasync(self._opened().fileno())
            self._synced = self.size

    def commit(self) -> None:
        """Finish the file, make it durable and put it in place."""
        if self._block:
            self._end_block(self._block)
        self._pending += _LENGTH.pack(0)
        self.flush()
        self._write(self._digest.digest())
        file = self._opened()
        os.fsync(file.fileno())
        file.close()
        os.replace(self._temporary, self._path)
        _sync_folder(self._path)

    def abort(self) -> None:
        """Drop what was written, if anything; the present snapshot stays."""
        if self._file is not None:
            self._file.close()
        self._temporary.unlink(missing_ok=True)

    # Private methods

    def _end_block(self, block: bytearray) -> None:
        self._append(zlib.compress(block, _COMPRESSION))
        block.clear()

    def _append(self, record: bytes) -> None:
        self._pending += _LENGTH.pack(len(record))
        self._pending += record
        if len(self._pending) >= _FLUSH_BYTES:
            self.flush()

    def _opened(self) -> io.FileIO:
        if self._file is None:
            raise RuntimeError("a snapshot must be opened before it is written")
        return self._file

    def _write(self, data: bytes | bytearray) -> None:
        file, rest = self._opened(), memoryview(data)
        while rest:
            rest = rest[file.write(rest) :]
        self.size += len(data)


def read_records(path: Path) -> Iterator[bytes]:
    """Yield the records of a snapshot; the first only after the whole file was found undamaged.

    Raises:
        FileNotFoundError: there is none.
        OSError: the file cannot be read.
        DamagedError: it is no complete snapshot, or one of a later version.
    """
    with path.open("rb") as file:
        version = _check(file)
        file.seek(_HEADER.size)
        while length := _length_of(file):
            if version == VERSION:
                yield file.read(length)
            else:
                yield from _records_of(file.read(length))


def read_header(path: Path) -> Header:
    """Return what a snapshot says of itself; nothing else of it is looked at.

    Raises:
        FileNotFoundError: there is none.
        OSError: the file cannot be read.
        DamagedError: it does not begin like one.
    """
    with path.open("rb") as file:
        version, state = _header_of(file.read(_HEADER.size))
    return Header(version, state == CLEAN)


def take_clean(path: Path) -> bool:
    """Return whether the snapshot was left by a clean shutdown, after marking it durably as opened.

    Raises:
        OSError: it could not be marked; it must not count as clean then, for a crash would leave it looking so again.
    """
    with path.open("rb") as file:
        file.seek(_STATE_OFFSET)
        if file.read(len(CLEAN)) != CLEAN:
            return False
    with path.open("r+b", buffering=0) as file:
        file.seek(_STATE_OFFSET)
        file.write(OPENED)
        os.fsync(file.fileno())
    return True


def set_aside(path: Path, stamp: str) -> Path:
    """Rename the file to `NAME.damaged-STAMP` and return the new path.

    Raises:
        OSError: it could not be renamed.
    """
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    os.replace(path, aside)
    _sync_folder(path)
    return aside


def lock(path: Path) -> BinaryIO:
    """Return an open lock file that keeps other processes from using the snapshot until it is closed.

    Two processes with one snapshot would restore each other's positions: offsets could go back under an old epoch.

    Raises:
        ConfigError: another process has it, or `path` is no regular file.
        OSError: the lock file cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        raise ConfigError([f"broker.snapshot_path: expected a regular file, got {path}"])
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    holder = os.fdopen(os.open(path.with_name(path.name + ".lock"), flags, _MODE), "r+b")
    try:
        fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder.close()
        raise ConfigError(
            [f"broker.snapshot_path: expected a file of this instance's own, {path} is in use by another process"]
        ) from None
    return holder


def _header_of(header: bytes) -> tuple[int, bytes]:
    if len(header) < _HEADER.size or not header.startswith(MAGIC):
        raise DamagedError("it does not begin like a snapshot")
    _, version, state = _HEADER.unpack(header)
    return version, state


def _check(file: BinaryIO) -> int:
    """Return the version of a file that is whole and of a version that can be read."""
    header = file.read(_HEADER.size)
    version, _ = _header_of(header)
    if version not in (VERSION, VERSION_COMPRESSED):
        known = f"{VERSION} and {VERSION_COMPRESSED}"
        raise DamagedError(f"it has format version {version}, this gateway reads versions {known}")
    digest = hashlib.blake2b(header[:_STATE_OFFSET], digest_size=_DIGEST_BYTES)
    while length := _length_of(file, digest):
        digest.update(file.read(length))
    if file.read() != digest.digest():
        raise DamagedError("its checksum does not match its content")
    return version


def _records_of(block: bytes) -> Iterator[bytes]:
    """Yield the records of a compressed block."""
    unpacker = zlib.decompressobj()
    try:
        data = io.BytesIO(unpacker.decompress(block, _MOST_BLOCK_BYTES))
    except zlib.error as error:
        raise DamagedError(f"a block cannot be unpacked: {error}") from None
    if not unpacker.eof:
        raise DamagedError("a block is larger than any that is written, or ends too soon")
    while prefix := data.read(_LENGTH.size):
        length = int.from_bytes(prefix)
        record = data.read(length)
        if len(record) < length or len(prefix) < _LENGTH.size:
            raise DamagedError("a block ends in the middle of a record")
        yield record


def _length_of(file: BinaryIO, digest: hashlib.blake2b | None = None) -> int:
    prefix = file.read(_LENGTH.size)
    if len(prefix) < _LENGTH.size:
        raise DamagedError("it ends without an end mark")
    if digest is not None:
        digest.update(prefix)
    length: int = _LENGTH.unpack(prefix)[0]
    if length > os.fstat(file.fileno()).st_size - file.tell():
        raise DamagedError("it ends in the middle of a record")  # seen before so much memory is asked for
    return length


def _sync_folder(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
