"""The virtual environment that uWebSockets runs in: its packages are none of the gateway's."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.parts import need_library
from benchmarks.process import BenchmarkError
from benchmarks.servers.paths import ROOT, UWEBSOCKETS_VENV

BUILD_LIST = ROOT / "requirements" / "bench-build.txt"
LIST = ROOT / "requirements" / "bench.txt"
PYTHON = UWEBSOCKETS_VENV / "bin" / "python"
STAMP = UWEBSOCKETS_VENV / "installed.stamp"


def command(port: int) -> list[str]:
    """Return what starts the server; its port is in the environment."""
    return [os.fspath(PYTHON), os.fspath(Path(__file__).with_name("uwebsockets.py"))]


def prepare() -> None:
    """Install the locked packages by hash, unless they are there.

    Raises:
        BenchmarkError: they cannot be installed, or do not load on this machine.
    """
    need_library("uv", "libuv1")
    wanted = hashlib.sha256(BUILD_LIST.read_bytes() + LIST.read_bytes()).hexdigest()
    if STAMP.is_file() and STAMP.read_text() == wanted:
        return
    print("Installing uWebSockets for the benchmark ...", flush=True)
    shutil.rmtree(UWEBSOCKETS_VENV, ignore_errors=True)
    _step(sys.executable, "-m", "venv", os.fspath(UWEBSOCKETS_VENV))
    install = [os.fspath(PYTHON), "-m", "pip", "install", "--quiet", "--no-input", "--require-hashes"]
    _step(*install, "--only-binary", ":all:", "-r", os.fspath(BUILD_LIST))
    _step(*install, "--no-build-isolation", "-r", os.fspath(LIST))
    _step(os.fspath(PYTHON), "-c", "import socketify")
    STAMP.write_text(wanted)


def _step(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"this step failed: {' '.join(words)}\n{done.stderr[-500:]}")
