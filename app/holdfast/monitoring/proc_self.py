"""What the process itself uses: memory and descriptors."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

from holdfast.monitoring.proc_files import ROOT, read_numbers

# Of its time, a process spends no more than this on listing its descriptors.
_LISTING_SHARE = 0.001


def resident_bytes(root: Path = ROOT) -> int | None:
    """Return the memory that the process has in RAM (proc_pid_statm(5))."""
    pages = read_numbers(f"{root}/proc/self/statm")
    return pages[1] * resource.getpagesize() if len(pages) > 1 else None


def descriptor_limit() -> int | None:
    """Return how many descriptors the process may open, None for as many as it likes."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


class Descriptors:
    """Counts open descriptors.

    Since Linux 6.2 the size of `/proc/self/fd` is their number. Before, they have to be listed, which takes
    milliseconds where there are thousands: that is done the more seldom the longer it takes, and in between
    connections that came and went are added.

    Args:
        connections: how many connections there are, each with a descriptor.
        root: for tests, instead of the machine's files.
        timer: seconds, to tell how long listing took and was ago.
    """

    def __init__(
        self, connections: Callable[[], int], root: Path = ROOT, timer: Callable[[], float] = time.perf_counter
    ) -> None:
        self._path = f"{root}/proc/self/fd"
        self._connections = connections
        self._timer = timer
        self._listed: tuple[int, int] | None = None  # descriptors, and connections at that moment
        self._due = 0.0

    def count(self) -> int | None:
        """Return how many are open."""
        try:
            sized = os.stat(self._path).st_size
            return sized or self._estimate()
        except OSError:
            return None

    def _estimate(self) -> int:
        began = self._timer()
        if self._listed is None or began >= self._due:
            self._listed = len(os.listdir(self._path)) - 1, self._connections()  # without the one that lists
            ended = self._timer()
            self._due = ended + (ended - began) / _LISTING_SHARE
        descriptors, connections = self._listed
        return descriptors + self._connections() - connections
