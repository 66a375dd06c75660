"""Parts from outside the Python packages: whether they are there, and how they are got."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from ctypes.util import find_library

from benchmarks.process import BenchmarkError

APT_GET = ("apt-get", "--quiet", "--yes", "--no-install-recommends")


def need_program(name: str, package: str) -> None:
    """Make sure that a program is on the PATH."""
    _need(name, package, lambda: shutil.which(name) is not None)


def need_library(name: str, package: str) -> None:
    """Make sure that the loader finds a shared library (`uv` stands for libuv.so)."""
    _need(f"lib{name}", package, lambda: find_library(name) is not None)


def _need(name: str, package: str, is_there: Callable[[], bool]) -> None:
    """Install the Debian package of a missing part where that needs no asking.

    Raises:
        BenchmarkError: it is still missing.
    """
    if not is_there() and _may_install():
        print(f"Installing {package} with apt-get (INSTALL_PARTS=no leaves it out) ...", flush=True)
        environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for step in (("update",), ("install", package)):
            subprocess.run([*APT_GET, *step], env=environ, stdout=subprocess.DEVNULL, check=False)
    if not is_there():
        raise BenchmarkError(f"{name} is missing (Debian: apt-get install {package})")


def _may_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None and os.environ.get("INSTALL_PARTS") != "no"
