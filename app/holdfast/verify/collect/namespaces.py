"""Reads in the network namespace of another process: sysctls, counters and listeners are those of the reader's own."""

from __future__ import annotations

import ctypes
import json
import os
from collections.abc import Callable
from typing import Any

_CLONE_NEWNET = 0x40000000


def own() -> str:
    """Return the name of our network namespace; "" where that cannot be seen."""
    try:
        return os.readlink("/proc/self/ns/net")
    except OSError:
        return ""


def is_other(pid: int | None) -> bool | None:
    """Tell whether a process has another network namespace than we; None where that cannot be seen."""
    if pid is None:
        return False
    try:
        return os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net")
    except OSError:
        return None


def read_in(pid: int | None, reader: Callable[[], Any]) -> tuple[Any, str]:
    """Return what a reader finds in the namespace of a process, and the reason where it cannot be entered.

    A process of our own goes there, so that we stay where we are. What it finds has to be JSON's.
    """
    other = is_other(pid)
    if other is None:
        return reader(), f"the network namespace of process {pid} cannot be seen, this is our own: run as root"
    if not other:
        return reader(), ""
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        _answer(pid, reader, source, sink)
    os.close(sink)
    with os.fdopen(source, encoding="utf-8") as handle:
        text = handle.read()
    os.waitpid(child, 0)
    if text:
        return json.loads(text), ""
    return reader(), f"the network namespace of process {pid} cannot be entered, this is our own: run as root"


def _answer(pid: int | None, reader: Callable[[], Any], source: int, sink: int) -> None:
    """Enter the namespace, read, write the answer and end; only ever in a process of its own."""
    try:
        os.close(source)
        descriptor = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
        if ctypes.CDLL(None, use_errno=True).setns(descriptor, _CLONE_NEWNET) == 0:
            with os.fdopen(sink, "w", encoding="utf-8") as handle:
                json.dump(reader(), handle)
    finally:
        # Nothing of the parent's may run here a second time.
        os._exit(0)
