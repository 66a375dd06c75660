"""The same gateway at an earlier commit: its files beside ours, run with our Python and packages."""

from __future__ import annotations

import io
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

from benchmarks.process import BenchmarkError
from benchmarks.servers.paths import CACHE, ROOT

# What the gateway is compared with until there is a release: the last commit without admission, monitor and ledger.
BASELINE = "944e098"


@dataclass(frozen=True, slots=True)
class Before:
    """A commit of this repository, "" for the newest release tag."""

    ref: str = ""

    def title(self) -> str:
        """Return which commit it is, as far as it can be told."""
        ref = self._ref()
        return f"this gateway at {ref}" + (f" ({found})" if (found := self.commit()) and found != ref else "")

    def commit(self) -> str:
        """Return the short hash, "" where there is no such commit here."""
        return _git("rev-parse", "--short", "--verify", "--quiet", f"{self._ref()}^{{commit}}").decode().strip()

    def source(self) -> Path:
        """Return where its `app/` is kept."""
        return CACHE / "before" / self.commit() / "app"

    def prepare(self) -> None:
        """Lay out its `app/`.

        Raises:
            BenchmarkError: the commit is not in this repository.
        """
        if not self.commit():
            raise BenchmarkError(f"expected a commit, came {self._ref()!r}, which is not in this repository")
        folder = self.source()
        if folder.is_dir():
            return
        fresh = folder.with_name(f"app-{os.getpid()}")
        # Not tar, whose extraction is safe by an option that Python 3.11 has since its patch release 4 only.
        with ZipFile(io.BytesIO(_git("archive", "--format=zip", self.commit(), "app"))) as archive:
            archive.extractall(fresh)
        (fresh / "app").rename(folder)
        fresh.rmdir()

    def has(self, path: str) -> bool:
        """Tell whether the commit has such a file."""
        return bool(_git("ls-tree", "--name-only", self.commit(), path))

    def environ(self) -> dict[str, str]:
        """Return what makes Python import its modules instead of ours."""
        return {"PYTHONPATH": os.fspath(self.source())}

    def _ref(self) -> str:
        return self.ref or _git("describe", "--tags", "--abbrev=0", "--match", "v*").decode().strip() or BASELINE


def _git(*arguments: str) -> bytes:
    try:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return b""
