"""Looks through log files of any size for what is about one subject; only matches stay in memory."""

from __future__ import annotations

import gzip
import json
import os
import re
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final, cast

from holdfast.diagnostics.timeline import Entry, Span, Subject, entry_of_line, seconds_of

ALL: Final = Span()
MOST_ENTRIES: Final = 20_000
"""Matches kept of one file, the latest ones."""
_BLOCK_BYTES: Final = 1 << 20
_LONGEST_LINE: Final = 16 << 20
_FEW: Final = 8
_SUMMARY: Final = (b'"repeated"', b'"log_lines_dropped"')
_ID: Final = re.compile(rb': ?"([0-9a-f]{32})"')  # begins with what is rare, so that it skips fast
_ROTATED: Final = r"(\.\d+|[.-]\d{8}([.-]\d+)?)?(\.gz)?"
_BROKEN: Final = (OSError, EOFError, zlib.error)


@dataclass(slots=True)
class Found:
    """What one file had; `oldest` is how far back it can see, in Unix seconds."""

    source: str
    entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=MOST_ENTRIES))
    matches: int = 0
    oldest: float | None = None
    note: str = ""
    """Why it could not be read, or not to its end."""
    left_out: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Lines that the log itself says it does not have, by event and slug."""


def with_rotated(path: Path) -> list[Path]:
    """Return a log file and those that were rotated away from it, each once, the oldest change first.

    FILE.1 and FILE.2.gz, as the gateway and logrotate name them, and FILE-20270131.gz, as logrotate can.
    """
    pattern = re.compile(re.escape(path.name) + _ROTATED)
    folder = path.parent
    found: dict[tuple[int, int], tuple[float, Path]] = {}
    for one in folder.iterdir() if folder.is_dir() else ():
        if pattern.fullmatch(one.name) and one.is_file():
            stat = one.stat()
            found[stat.st_dev, stat.st_ino] = (stat.st_mtime, one)
    return [one for _, one in sorted(found.values())]


def search(paths: Iterable[Path], subject: Subject, span: Span = ALL, *, hidden: str = "") -> list[Found]:
    """Return what each file has of a subject in a span of time.

    Files are read again while they teach new ids: a line before the one that joins attempt and connection counts too.
    All are opened first, so that a rotation meanwhile hides none. Files in the folder `hidden` go by their name alone.
    """
    with ExitStack() as opened:
        files: list[tuple[str, IO[bytes] | OSError]] = []
        for path in paths:
            name = path.name if str(path.parent) == hidden else str(path)
            try:
                files.append((name, opened.enter_context(path.open("rb"))))
            except OSError as error:
                files.append((name, error))
        while True:
            known = len(subject.ids)
            found = [_search(name, file, subject, span) for name, file in files]
            if len(subject.ids) == known:
                return found


def lines_in(file: IO[bytes], is_wanted: Callable[[bytes], bool]) -> Iterator[bytes]:
    """Yield the lines for which `is_wanted` holds; it is asked for whole blocks first, most of which have none."""
    rest = b""
    while block := file.read(_BLOCK_BYTES):
        block = rest + block
        cut = block.rfind(b"\n") + 1
        whole, rest = block[:cut], block[cut:]
        if len(rest) > _LONGEST_LINE:
            rest = b""  # no line of ours
        if is_wanted(whole):
            yield from filter(is_wanted, whole.split(b"\n"))
    if is_wanted(rest):
        yield rest


def _search(name: str, file: IO[bytes] | OSError, subject: Subject, span: Span) -> Found:
    found = Found(name)
    try:
        if isinstance(file, OSError):
            raise file
        content = _content(file)
        if not _look_at_head(content, found) or os.fstat(file.fileno()).st_mtime < span.since:
            return found
        for line in lines_in(content, _wanted(subject)):
            _take(line, subject, found, span)
    except _BROKEN as error:
        found.note = getattr(error, "strerror", None) or f"damaged: {error}"
    return found


def _content(file: IO[bytes]) -> IO[bytes]:
    """Return the file, or what is packed in it, from its beginning."""
    file.seek(0)
    is_packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    return cast(IO[bytes], gzip.GzipFile(fileobj=file)) if is_packed else file


def _look_at_head(file: IO[bytes], found: Found) -> bool:
    """Learn how far back a file goes, and whether it can be read at all."""
    head = file.read(_BLOCK_BYTES // 16)
    file.seek(0)
    for line in head.split(b"\n"):
        found.oldest = seconds_of((_parsed(line) or {}).get("time"))
        if found.oldest is not None:
            return True
    if head.strip():
        found.note = "no JSON lines in it; set `log.format: json`, for text cannot be read here"
    return False


def _wanted(subject: Subject) -> Callable[[bytes], bool]:
    """Return what is true of a text that may hold a line of the subject, as quickly as can be said."""
    user = json.dumps(subject.user, ensure_ascii=False).encode("utf-8", "backslashreplace")  # as the writer does
    texts = (user, *_SUMMARY)
    ids = {one.encode() for one in subject.ids}
    if len(ids) <= _FEW:
        needles = (*texts, *ids)
        return lambda text: any(needle in text for needle in needles)
    return lambda text: any(needle in text for needle in texts) or not ids.isdisjoint(_ID.findall(text))


def _take(raw: bytes, subject: Subject, found: Found, span: Span) -> None:
    line = _parsed(raw)
    if line is None:
        return
    if line.get("event") in {"repeated", "log_lines_dropped"} and isinstance(count := line.get("count"), int):
        if span.has(seconds_of(line.get("time")) or 0.0):
            found.left_out[str(line.get("of", "any event")), str(line.get("slug", ""))] += count
        return
    if not subject.takes(line):
        return
    entry = entry_of_line(line, found.source)
    if entry is not None and span.has(entry.at):
        found.matches += 1
        found.entries.append(entry)


def _parsed(raw: bytes) -> dict[str, Any] | None:
    """Return the JSON object in a line, behind whatever a collector wrote before it."""
    start = raw.find(b"{")
    if start < 0:
        return None
    try:
        found = json.loads(raw[start:])
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
