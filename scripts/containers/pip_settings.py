"""This machine's settings of pip, as a build inside a container can use them: an index, a folder of wheels, a CA.

They are given to the build as secrets, so that neither an address nor a password of it stays in the image.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from .problem import ContainerError

# What says where packages come from and how they are reached; the rest of a person's settings is theirs.
KEPT = ("index-url", "extra-index-url", "no-index", "trusted-host", "proxy", "timeout", "default-timeout", "retries")
ASK_SECONDS = 60.0


@dataclass(frozen=True)
class PipSettings:
    """What a build is given."""

    config: str
    certificates: Path | None
    wheel_folders: tuple[Path, ...]


def read() -> PipSettings:
    """Return what pip of this machine would use.

    Raises:
        ContainerError: pip does not tell.
    """
    command = [sys.executable, "-m", "pip", "config", "list"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=ASK_SECONDS, check=False)
    if done.returncode:
        raise ContainerError(f"pip does not tell its settings: {done.stderr.strip()}")
    return settings_of(parse(done.stdout))


def parse(listing: str) -> dict[str, str]:
    """Return what `pip config list` prints, the most particular place last: files, then the environment."""
    found: dict[str, str] = {}
    for line in sorted(listing.splitlines(), key=lambda one: one.startswith(":env:")):
        name, _, value = line.partition("=")
        section, _, option = name.strip().rpartition(".")
        if section in {"global", "install", ":env:"} and value:
            found[option] = str(ast.literal_eval(value))
    return found


def settings_of(found: Mapping[str, str]) -> PipSettings:
    """Return the part of the settings that a build can use."""
    links = found.get("find-links", "").split()
    folders = tuple(path for path in map(_folder, links) if path is not None)
    kept = {name: found[name] for name in KEPT if name in found}
    if remote := [one for one in links if _folder(one) is None and "://" in one]:
        kept["find-links"] = " ".join(remote)
    certificates = Path(found["cert"]) if found.get("cert") else None
    lines = [f"{name} = {' '.join(value.split())}" for name, value in kept.items()]
    return PipSettings("\n".join(["[global]", *lines]) + "\n" if lines else "", certificates, folders)


def _folder(link: str) -> Path | None:
    path = Path(unquote(urlsplit(link).path) if link.startswith("file:") else link).expanduser()
    return path if "://" not in str(path) and path.is_dir() else None


def fill(wheelhouse: Path, folders: tuple[Path, ...]) -> int:
    """Put the wheels of these folders where the build looks, instead of what was there; return how many."""
    shutil.rmtree(wheelhouse, ignore_errors=True)
    count = 0
    for wheel in (wheel for folder in folders for wheel in folder.glob("*.whl")):
        wheelhouse.mkdir(parents=True, exist_ok=True)
        target = wheelhouse / wheel.name
        if not target.exists():
            try:
                os.link(wheel, target)
            except OSError:  # another file system
                shutil.copy(wheel, target)
            count += 1
    return count
