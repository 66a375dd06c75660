"""Which sets of hosts this machine has, whose they are, and a lock so that two do not work on one.

A set is known to the whole machine: a second checkout that asks for the same name is refused, and one that asks for
another name gets another bridge and other addresses.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .model import DEFAULT_PREFIX, HostSet, check_set_name
from .shell import HostsError

RECORDS = Path("/run/holdfast-hosts")
LAST_NUMBER = 250
LOCK_SECONDS = 5.0


@contextmanager
def claimed(name: str, cache: Path, prefix: str = DEFAULT_PREFIX) -> Iterator[HostSet]:
    """Work alone on the set of that name, which gets its number when it has none.

    Raises:
        HostsError: another process works on it, or it belongs to another checkout.
    """
    check_set_name(name)
    RECORDS.mkdir(mode=0o755, exist_ok=True)
    folder = cache / name
    with (RECORDS / f"{name}.lock").open("a+") as lock:
        _lock(lock.fileno(), f"Another process works on the set of hosts `{name}`: wait for it, or take another name.")
        hosts = find(name) or _register(name, folder, prefix)
        if hosts.folder != folder:
            if hosts.folder.is_dir():
                owner = f"The set of hosts `{name}` belongs to {hosts.folder}"
                raise HostsError(f"{owner}: take it down there, or take another name.")
            # Of a checkout that is gone: its hosts may still run, and are ours to take down.
            hosts = _write(HostSet(name, hosts.number, hosts.prefix, folder))
        yield hosts


def find(name: str) -> HostSet | None:
    """Return the set of that name, None when this machine has none."""
    path = RECORDS / f"{name}.json"
    if not path.is_file():
        return None
    record = json.loads(path.read_text())
    return HostSet(name, record["number"], record["prefix"], Path(record["folder"]))


def all_sets() -> list[HostSet]:
    """Return all sets of this machine."""
    found = [find(path.stem) for path in sorted(RECORDS.glob("*.json"))]
    return [hosts for hosts in found if hosts is not None]


def forget(name: str) -> None:
    """Give the number of a set back."""
    (RECORDS / f"{name}.json").unlink(missing_ok=True)


def _register(name: str, folder: Path, prefix: str) -> HostSet:
    with (RECORDS / ".numbers").open("a+") as lock:
        _lock(lock.fileno(), "Another process keeps the list of sets of hosts locked.")
        taken = {hosts.number for hosts in all_sets()}
        number = next(number for number in range(LAST_NUMBER) if number not in taken and (number or name == "local"))
        return _write(HostSet(name, number, prefix, folder))


def _write(hosts: HostSet) -> HostSet:
    path = RECORDS / f"{hosts.name}.json"
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps({"number": hosts.number, "prefix": hosts.prefix, "folder": str(hosts.folder)}))
    os.replace(unfinished, path)
    return hosts


def _lock(handle: int, refusal: str) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise HostsError(refusal) from None
            time.sleep(0.1)
