"""Reads the configuration files of proxies; what cannot be read is a fault in words, never an exception."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from glob import glob
from pathlib import Path
from typing import Final

MOST_BYTES: Final = 4 * 1024 * 1024
MOST_FILES: Final = 1000


@dataclass(frozen=True, slots=True)
class Source:
    """One file's text, and where it stands."""

    path: Path
    text: str


@dataclass(slots=True)
class Loaded:
    """The files that were read, and what could not be."""

    sources: list[Source] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def load(path: Path, main: str, patterns: Sequence[str]) -> Loaded:
    """Return a file, or of a folder its file `main`, or without that all files that fit a pattern, in their order."""
    loaded = Loaded()
    if not os.path.isdir(path):
        _read(path, loaded)
    elif (path / main).is_file():
        _read(path / main, loaded)
    else:
        found = {one for pattern in patterns for one in path.rglob(pattern) if one.is_file()}
        _read_all(sorted(found), loaded)
        if not found:
            loaded.faults.append(f"{path} holds no {main} and nothing like {', '.join(patterns)}")
    return loaded


def load_included(folder: Path, pattern: str) -> Loaded:
    """Return the files that an `include` names; a pattern may match none, a plain name must be there."""
    loaded = Loaded()
    whole = str(folder / pattern)  # an absolute pattern stays what it is
    if not any(mark in pattern for mark in "*?["):
        _read(Path(whole), loaded)
    else:
        _read_all(sorted(Path(one) for one in glob(whole)), loaded)
    return loaded


def _read_all(paths: Sequence[Path], loaded: Loaded) -> None:
    for one in paths[:MOST_FILES]:
        _read(one, loaded)
    if len(paths) > MOST_FILES:
        loaded.faults.append(f"only {MOST_FILES} of {len(paths)} files were read")


def _read(path: Path, loaded: Loaded) -> None:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe or a device may never end
            loaded.faults.append(f"{path} is no file")
            return
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        loaded.faults.append(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}")
        return
    if len(data) > MOST_BYTES:
        loaded.faults.append(f"{path} is larger than {MOST_BYTES} bytes")
    elif b"\0" in data:
        loaded.faults.append(f"{path} is no text")
    else:
        loaded.sources.append(Source(path, data.decode(errors="replace")))
