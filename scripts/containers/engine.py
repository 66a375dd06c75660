"""Docker or Podman with Compose, whichever is here, and what it is asked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .builders import answer
from .problem import ContainerError

ASK_SECONDS = 60.0
ALL_GATEWAYS_SECONDS = 900.0


@dataclass(frozen=True)
class Engine:
    """How to speak to it: the program itself, and the words that begin a command of Compose."""

    program: str
    compose: tuple[str, ...]
    files: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(
        self, *words: str, timeout: float = ALL_GATEWAYS_SECONDS, quiet: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of Compose; what it says is shown unless it is `quiet`."""
        files = [word for file in self.files for word in ("--file", str(file))]
        return subprocess.run(
            [*self.compose, *files, *words], env=os.environ | dict(self.environment), text=True, timeout=timeout,
            check=False, capture_output=quiet, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def must(self, *words: str) -> None:
        """Run a command of Compose that has to succeed.

        Raises:
            ContainerError: it does not.
        """
        if self.run(*words).returncode:
            raise ContainerError(f"`{' '.join([*self.compose, *words])}` failed; what it says stands above.")

    def running(self) -> set[str]:
        """Return the services that run."""
        done = self.run("ps", "--services", "--filter", "status=running", quiet=True)
        return set(done.stdout.split()) if done.returncode == 0 else set()

    def has_image(self, tag: str) -> bool:
        """Tell whether an image is here."""
        return answer(self.program, "image", "inspect", tag, seconds=ASK_SECONDS) is not None

    def is_rootless(self) -> bool:
        """Tell whether its root is the user who runs it."""
        told = answer(self.program, "info", "--format", "{{json .}}", seconds=ASK_SECONDS) or "{}"
        return "rootless" in json.dumps(json.loads(told)).lower() and os.geteuid() != 0


def find() -> Engine:
    """Return what there is.

    Raises:
        ContainerError: there is none that works.
    """
    reasons = []
    for program in ("docker", "podman"):
        path = shutil.which(program)
        if path is None:
            reasons.append(f"{program}: not installed")
        elif answer(path, "info", seconds=ASK_SECONDS) is None:
            reasons.append(f"{path}: reaches no daemon, or may not; start Docker, or join its group")
        else:
            for words in _compose_words(path):
                if answer(*words, "version", seconds=ASK_SECONDS) is not None:
                    return Engine(path, words)
            reasons.append(f"{path}: has no Compose; install its plug-in (docker-compose-plugin)")
    told = "".join(f"\n  {one}" for one in reasons)
    raise ContainerError(f"Containers need Docker or Podman, with Compose 2:{told}")


def _compose_words(program: str) -> Sequence[tuple[str, ...]]:
    beside = Path(sys.executable).with_name("docker-compose")
    alone = shutil.which("docker-compose") or (str(beside) if beside.is_file() else None)
    words: list[tuple[str, ...]] = [(program, "compose")]
    return [*words, (alone,)] if alone and program.endswith("docker") else words
