"""The release as Helm has it: its revisions, the words that roll and go back, the version of Helm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from . import releases
from .checks import version
from .plan import upgrade_words
from .programs import Cluster, loaded

MOST_REVISIONS = 10


@dataclass
class Release:
    """One release; its history is asked for anew each time."""

    cluster: Cluster

    @cached_property
    def major(self) -> int:
        """Return Helm's major version."""
        return (version(self.cluster.helm("version", "--short").output) or (4,))[0]

    def history(self) -> list[releases.Revision]:
        """Return all revisions that Helm remembers, none where there is no release.

        Raises:
            DeployError: the cluster does not answer.
        """
        words = ("history", self.cluster.target.release, f"--max={MOST_REVISIONS}", "--output=json")
        done = self.cluster.helm(*words)
        if done.code and "not found" not in done.error:
            raise self.cluster.fault("Helm does not answer", done)
        return [] if done.code else list(loaded(done.output).get("items", []))

    def upgrade(self, seconds: int) -> list[str]:
        """Return the words that install or upgrade, and go back by themselves where that fails."""
        back = "--rollback-on-failure" if self.major >= 4 else "--atomic"
        return [
            *upgrade_words(self.cluster.target), back, "--wait", f"--timeout={seconds}s", "--create-namespace",
            f"--history-max={MOST_REVISIONS}",
        ]  # fmt: skip

    def back_to(self, revision: int, seconds: int) -> list[str]:
        """Return the words that bring a revision back and wait for it."""
        return ["rollback", self.cluster.target.release, str(revision), "--wait", f"--timeout={seconds}s"]

    def clear(self, history: Sequence[releases.Revision], seconds: int) -> str:
        """Bring back what serves where Helm did not do so itself, and say what was done, "" where nothing had to be."""
        last, now = releases.latest(history), releases.serving(history)
        if not last or last["revision"] == now:
            return ""
        if not now:
            self.cluster.helm(
                "uninstall", last.get("name", "") or self.cluster.target.release, "--wait", seconds=seconds
            )
            return "nothing served before: what was installed is taken away again"
        done = self.cluster.helm(*self.back_to(now, seconds), seconds=seconds + 30)
        return (
            f"revision {now} is back"
            if not done.code
            else f"revision {now} could not be brought back: {' '.join(done.said)}"
        )
