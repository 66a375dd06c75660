"""Reading the kernel's small files; what a kernel lacks is None, never an error."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path("/")
# The kernel gives a page at a time, and more than that only of files with a single record.
_CHUNK = 65536


def read(path: str) -> str | None:
    """Return what a file holds, None where it cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        data = os.read(descriptor, _CHUNK)
        while chunk := os.read(descriptor, _CHUNK):
            data += chunk
        return data.decode("ascii", "replace")
    except OSError:
        return None
    finally:
        os.close(descriptor)


def read_numbers(path: str) -> list[int]:
    """Return the whole numbers a file begins with; none where it cannot be read or begins otherwise."""
    numbers: list[int] = []
    for word in (read(path) or "").split():
        if not word.isdecimal():
            break
        numbers.append(int(word))
    return numbers


def read_number(path: str) -> int | None:
    """Return the whole number a file begins with."""
    numbers = read_numbers(path)
    return numbers[0] if numbers else None
