"""The wheels that hosts, which have no way out, install from: the project's own and the locked ones, on the bridge.

The locked wheels are fetched once for each lock, checked against its hashes, for the hosts' Python and not for ours.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shutil
import sys
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from . import cgroups
from .model import HostSet
from .shell import HostsError, run, wait_until

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements" / "runtime.txt"
PYTHON = "3.11"
# What Debian 12 can run: wheels for its C library, 2.36, or for an older one.
C_LIBRARY_MINOR, OLDEST_MINOR = 36, 17
FETCH_SECONDS, BUILD_SECONDS, START_SECONDS = 600.0, 120.0, 20.0


def key(lock: Path = LOCK) -> str:
    """Return the short name of the locked wheels."""
    return hashlib.sha256(without_conditions(lock.read_text()).encode() + PYTHON.encode()).hexdigest()[:12]


def platforms() -> list[str]:
    """Return the names of the platforms whose wheels the hosts can run, for pip."""
    machine = platform.machine()
    return [f"manylinux_2_{minor}_{machine}" for minor in range(C_LIBRARY_MINOR, OLDEST_MINOR - 1, -1)] + [
        f"manylinux2014_{machine}"
    ]


def without_conditions(lock: str) -> str:
    """Return a lock that asks for everything: pip would judge `python_full_version < '3.11.3'` by our Python."""
    return re.sub(r" ; [^\\\n]*", " ", lock)


def ensure_locked(cache: Path, say: Callable[[str], None]) -> Path:
    """Return the folder with the locked wheels, after having fetched them where they are missing.

    Raises:
        HostsError: one could not be fetched, or is not the locked one.
    """
    folder = cache / f"wheels-{key()}"
    with (cache / "wheels.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.is_dir():
            return folder
        say("Fetching the locked wheels for the hosts, once for this lock ...")
        unfinished = folder.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        lists = cache / "wheels-all.txt"
        lists.write_text(without_conditions(LOCK.read_text()))
        wanted = [word for name in platforms() for word in ("--platform", name)]
        run(
            sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps",
            "--require-hashes", "--only-binary=:all:", "--implementation=cp", f"--python-version={PYTHON}",
            *wanted, "--dest", unfinished, "--requirement", lists, timeout=FETCH_SECONDS,
        )  # fmt: skip
        unfinished.rename(folder)
    return folder


def fill(hosts: HostSet, say: Callable[[str], None]) -> Path:
    """Put the locked wheels, their lock and a wheel of this checkout into the set's folder, and return it.

    Raises:
        HostsError: a wheel is missing or could not be built.
    """
    locked = ensure_locked(hosts.folder.parent, say)
    folder = hosts.folder / "wheels"
    folder.mkdir(parents=True, exist_ok=True)
    for wheel in folder.iterdir():
        wheel.unlink()
    for wheel in locked.iterdir():
        os.link(wheel, folder / wheel.name)
    shutil.copy(LOCK, folder)
    run(
        sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder,
        timeout=BUILD_SECONDS, folder=ROOT,
    )  # fmt: skip
    return folder


def serve(hosts: HostSet, folder: Path) -> str:
    """Serve the folder on the bridge until the set goes down, and return its address.

    Raises:
        HostsError: nothing answers there.
    """
    group = f"{hosts.group}/wheels"
    if not _answers(hosts.wheels_url):
        cgroups.end(group)
        host, port = hosts.wheels_url.removeprefix("http://").rstrip("/").split(":")
        words = [sys.executable, "-m", "http.server", "--bind", host, "--directory", str(folder), port]
        cgroups.start(group, words, hosts.folder / "wheels.log")
        if not wait_until(lambda: _answers(hosts.wheels_url), START_SECONDS):
            raise HostsError(f"{hosts.wheels_url} does not answer: {hosts.folder / 'wheels.log'} says why.")
    return hosts.wheels_url


def _answers(url: str) -> bool:
    # Past any proxy that this machine uses for the world outside.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with suppress(OSError), opener.open(url, timeout=2) as answer:
        return answer.status == 200
    return False
