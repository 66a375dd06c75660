"""Facts of the machine and the versions that a result belongs to."""

from __future__ import annotations

import datetime
import json
import os
import platform
import resource
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.servers.paths import NODE_DIR, UWEBSOCKETS_VENV

PACKAGES = ("holdfast", "uvicorn", "uvloop", "httptools", "starlette", "websockets", "msgspec")


def facts(more: Mapping[str, str]) -> dict[str, str]:
    """Return name and value of everything worth knowing beside the numbers, with `more` of the caller's."""
    found = {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(NODE_DIR),
        "cpu": _cpu_model(),
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB",
        "kernel": platform.release(),
        "descriptors": str(resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
        "load_average": f"{os.getloadavg()[0]:.2f}",
        "python": platform.python_version(),
    }
    found.update({name: _package(name) for name in PACKAGES})
    found.update({"node": _node(), "ws": _ws(NODE_DIR), "socketify": _socketify(UWEBSOCKETS_VENV)})
    return found | dict(more)


def _commit(directory: Path) -> str:
    """Return the commit that was measured, marked where the tree differs from it."""
    command = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    return _output(command, directory) or "unknown"


def _output(command: list[str], directory: Path | None = None) -> str:
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _package(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def _node() -> str:
    return _output(["node", "--version"]).removeprefix("v") or "missing"


def _ws(node_dir: Path) -> str:
    manifest = node_dir / "node_modules" / "ws" / "package.json"
    return str(json.loads(manifest.read_text())["version"]) if manifest.is_file() else "missing"


def _socketify(venv: Path) -> str:
    found = sorted(path.stem for path in venv.glob("lib/python*/site-packages/socketify-*.dist-info"))
    return found[-1].removeprefix("socketify-") if found else "missing"
