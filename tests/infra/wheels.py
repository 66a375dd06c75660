"""Wheels of the gateway that differ from the built one: another version, or one that does not work."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.infra.playbooks import ROOT

Change = Callable[[str], str]


def built_wheel(folder: Path) -> Path:
    """Build the wheel of this checkout."""
    words = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True, timeout=120)
    return next(folder.glob("holdfast-*.whl"))


def other_wheel(wheel: Path, folder: Path, version: str, changes: Mapping[str, Change] | None = None) -> Path:
    """Return a wheel with another version, and with files changed."""
    old = wheel.name.split("-")[1]
    made = folder / wheel.name.replace(f"-{old}-", f"-{version}-")
    given = {"holdfast/__init__.py": lambda text: text.replace(f'"{old}"', f'"{version}"'), **(changes or {})}
    given[f"holdfast-{old}.dist-info/METADATA"] = lambda text: text.replace(f"Version: {old}", f"Version: {version}")
    # Its hashes are not looked at when it is installed; its list of files is.
    given[f"holdfast-{old}.dist-info/RECORD"] = lambda text: text.replace(f"-{old}.dist-info", f"-{version}.dist-info")
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            data = source.read(entry)
            if change := given.get(entry.filename):
                data = change(data.decode()).encode()
            entry.filename = entry.filename.replace(f"-{old}.dist-info", f"-{version}.dist-info")
            target.writestr(entry, data)
    return made
