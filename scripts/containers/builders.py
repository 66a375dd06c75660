"""What can build the image on this machine: Docker with BuildKit, Podman or Buildah, and how each is asked."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .problem import ContainerError

NAMES = ("docker", "podman", "buildah")
ASK_SECONDS = 30.0
# The last client that builds with BuildKit by itself; later ones need the plug-in buildx.
LAST_WITHOUT_BUILDX = 22
CHUNK_BYTES = 1 << 20
# As registries and `docker push` compress layers.
GZIP_LEVEL, GZIP_WINDOW = 6, 31


@dataclass(frozen=True)
class Builder:
    """One program that builds images."""

    name: str
    program: str

    def build_words(self, dockerfile: Path, tag: str, arguments: Mapping[str, str]) -> list[str]:
        """Return the command that builds from a Dockerfile, without secrets and context."""
        words, given = [self.program, "build", "--file", str(dockerfile), "--tag", tag], dict(arguments)
        if self.name != "docker":
            # The image format of the OCI has no health check.
            words += ["--format", "docker", "--timestamp", given.pop("SOURCE_DATE_EPOCH", "0")]
        return words + [word for name, value in given.items() for word in ("--build-arg", f"{name}={value}")]

    def environment(self) -> dict[str, str]:
        """Return what the command needs of the environment."""
        return dict(os.environ) | ({"DOCKER_BUILDKIT": "1"} if self.name == "docker" else {})

    def compressed_bytes(self, tag: str) -> int:
        """Return how much a registry would keep of an image: its layers, compressed.

        Raises:
            ContainerError: it cannot be read.
        """
        if self.name == "buildah":
            return _pushed_bytes(self.program, tag)
        with subprocess.Popen([self.program, "save", tag], stdout=subprocess.PIPE) as saving:
            squeeze, total = zlib.compressobj(GZIP_LEVEL, wbits=GZIP_WINDOW), 0
            while saving.stdout is not None and (chunk := saving.stdout.read(CHUNK_BYTES)):
                total += len(squeeze.compress(chunk))
            total += len(squeeze.flush())
        if saving.returncode:
            raise ContainerError(f"{self.name} could not save {tag}; what it says stands above.")
        return total


def find(wanted: str = "", path: str | None = None) -> Builder:
    """Return the builder of that name, or the first one that works.

    Raises:
        ContainerError: none works; each has its reason.
    """
    if wanted and wanted not in NAMES:
        raise ContainerError(f"BUILDER: expected one of {', '.join(NAMES)}, saw {wanted!r}.")
    reasons = []
    for name in [wanted] if wanted else NAMES:
        for program in _all_of(name, path):
            reason = _trouble(name, program)
            if reason is None:
                return Builder(name, program)
            reasons.append(f"{program}: {reason}")
        if not any(one.rpartition("/")[2].startswith(name) for one in reasons):
            reasons.append(f"{name}: not installed")
    told = "".join(f"\n  {one}" for one in reasons)
    raise ContainerError(
        f"Nothing here can build an image:{told}\nInstall Docker with buildx, Podman or Buildah, "
        "on Debian and Ubuntu: sudo apt-get install buildah"
    )


def _all_of(name: str, path: str | None) -> list[str]:
    """Return every program of a name: the first one may be a client that cannot build."""
    folders = (path if path is not None else os.environ.get("PATH", os.defpath)).split(os.pathsep)
    found = (shutil.which(name, path=folder) for folder in folders if folder)
    return list(dict.fromkeys(one for one in found if one))


def _trouble(name: str, program: str) -> str | None:
    """Return why a builder cannot be used, None where it can."""
    if name != "docker":
        return None if answer(program, "--version") is not None else "does not start"
    told = answer(program, "version", "--format", "{{json .}}")
    if told is None:
        return "reaches no daemon, or may not; start Docker, or join its group"
    version = re.match(r"\d+", str(json.loads(told).get("Client", {}).get("Version", "")))
    has_own = version is not None and int(version[0]) <= LAST_WITHOUT_BUILDX
    return None if has_own or answer(program, "buildx", "version") is not None else "needs its plug-in buildx"


def answer(*command: str, seconds: float = ASK_SECONDS) -> str | None:
    """Return what a command prints, None where it is missing or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _pushed_bytes(program: str, tag: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        words: Sequence[str] = [program, "push", "--quiet", tag, f"dir:{folder}"]
        if subprocess.run(words, check=False).returncode:
            raise ContainerError(f"{program} could not write {tag} out; what it says stands above.")
        return sum(one.stat().st_size for one in Path(folder).iterdir())
