"""The stages of a command: each announced, timed, and listed at the end whether it went well or not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Stages:
    """What has been done so far, and how long it took."""

    say: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    done: list[tuple[str, float, str]] = field(default_factory=list)
    closing: list[str] = field(default_factory=list)
    """What is to be read last, below the times."""

    @contextmanager
    def stage(self, name: str, about: str) -> Iterator[None]:
        """Announce a stage, and note how it ended."""
        self.say(f"==> {name}: {about}")
        began, state = self.clock(), "failed"
        try:
            yield
            state = "ok"
        finally:
            self.done.append((name, self.clock() - began, state))

    def table(self) -> list[str]:
        """Return the times of the stages, and what is to be read last."""
        total = sum(seconds for _, seconds, _ in self.done)
        rows = [f"  {name:<10} {seconds:7.1f} s  {state}" for name, seconds, state in self.done]
        return ["Times:", *rows, f"  {'in all':<10} {total:7.1f} s", *self.closing]
