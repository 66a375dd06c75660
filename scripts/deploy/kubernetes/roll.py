"""Lets Helm roll, watches the pods meanwhile, and ends it where a cause is plain that time does not cure."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from deploy.problems import DeployError, Exit

from . import evidence, state
from .cause import Cause
from .causes import causes
from .programs import Cluster, Done

EVERY_SECONDS = 1.5
# So long a cause that time does not cure has to stand: an operator may be mending it.
PATIENCE_SECONDS = 25.0
# Helm brings back what served, and waits for it.
END_SECONDS = 180.0


@dataclass
class Watch:
    """What has been seen of a rollout; pure, the clock's moments are given."""

    patience: float = PATIENCE_SECONDS
    seen: dict[str, tuple[float, Cause]] = field(default_factory=dict)
    told: str = ""
    last: list[Cause] = field(default_factory=list)

    def take(self, found: list[Cause], now: float) -> Cause | None:
        """Note what is to be seen; return the cause for which to give up, None while there is hope."""
        slugs = {cause.slug for cause in found}
        self.seen = {slug: one for slug, one in self.seen.items() if slug in slugs}
        for cause in found:
            self.seen.setdefault(cause.slug, (now, cause))
        self.last = found or self.last
        lasting = [cause for cause in found if cause.lasts and now - self.seen[cause.slug][0] >= self._for(cause)]
        return lasting[0] if lasting else None

    def _for(self, cause: Cause) -> float:
        # A pod that a kubelet refuses is over, and its set makes the next one at once: ten in a second.
        return 0.0 if cause.slug == "sysctl_forbidden" else self.patience

    def news(self, progress: str, found: list[Cause]) -> str:
        """Return a line where something has changed, else ""."""
        line = progress + (f"; {found[0].where}: {found[0].said}" if found else "")
        if line == self.told:
            return ""
        self.told = line
        return line


@dataclass
class Roller:
    """Runs a command that rolls, or waits for that; `say` gets the progress."""

    cluster: Cluster
    say: Callable[[str], None]
    patience: float = PATIENCE_SECONDS
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    known: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def run(self, words: Sequence[str], shows_all: bool = False, name: str = "helm") -> tuple[Done, list[Cause]]:
        """Run it to its end, or to ours; return how it ended, and the causes that were seen last if it failed."""
        watch = Watch(self.patience)
        with tempfile.TemporaryFile("w+") as output:
            process = self.cluster.begin(words, output, name)
            try:
                while process.poll() is None:
                    self.sleep(EVERY_SECONDS)
                    if self._look(watch):
                        break
            finally:
                # Also where nobody reads the terminal any more.
                _end(process)
            output.seek(0)
            text = output.read()
        if shows_all:
            self.say(text.rstrip())
        return Done(process.returncode, text, ""), watch.last if process.returncode else []

    def _look(self, watch: Watch) -> bool:
        """Look at the pods; tell whether to give up."""
        try:
            now = state.look(self.cluster)
        except DeployError:
            # Helm goes on and ends by itself where the cluster stays away.
            return False
        found = evidence.deepened(self.cluster, causes(now), self.known)
        if line := watch.news(state.progress(now), found):
            self.say(f"    {line}")
        given_up = watch.take(found, self.clock())
        if given_up is not None:
            watch.last = [given_up, *(one for one in found if one is not given_up)]
            self.say(f"    given up: {given_up.said}")
        return given_up is not None


def failure(cluster: Cluster, done: Done, found: Sequence[Cause], state_now: str, again: str) -> DeployError:
    """Return the error of a rollout that failed: its cause, what shows it, how things stand, the next command."""
    if not found:
        return DeployError(
            "Helm could not roll, and no pod says why", Exit.FOUND, evidence=[*done.said, state_now], following=again
        )
    first, *others = found
    shown = [f"{first.slug}: {first.where}", *first.evidence]
    shown += [f"also {one.slug}: {one.where}: {one.said}" for one in others[:3]]
    look, _, hint = first.following.rpartition(" # ")
    remedy = f"{cluster.target.kubectl(look)}: {hint}" if look else hint
    following = f"{remedy}; then {again}"
    return DeployError(first.said, Exit.FOUND, evidence=[*shown, state_now], following=following)


def _end(process: subprocess.Popen[str]) -> None:
    """Let Helm end what it does, and end it where it does not."""
    if process.poll() is not None:
        return
    for sent in (signal.SIGINT, signal.SIGKILL):
        try:
            os.killpg(process.pid, sent)
            process.wait(END_SECONDS)
            return
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            process.wait()
            return
