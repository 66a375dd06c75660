"""A crowd of clients in a Node process of its own: opened, disturbed, ended with a summary (see crowd.mjs)."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

PROGRAM = Path(__file__).parent / "crowd.mjs"
END_SECONDS = 10.0

Kind = Literal["ours", "plain"]
KINDS: tuple[Kind, ...] = ("ours", "plain")


@dataclass(frozen=True)
class Plan:
    """Who is to come."""

    kind: Kind
    url: str
    clients: int
    channels: Sequence[str]
    tokens: Sequence[str]
    channels_each: int = 2
    per_second: float = 200.0  # how fast they come
    at_once: int = 10
    patience: float = 60.0  # until all are subscribed


class Crowd:
    """The process; what it tells is kept until it is waited for."""

    def __init__(self, plan: Plan, log: Path) -> None:
        self.plan = plan
        self._is_open = False
        pipe = subprocess.PIPE
        with log.open("wb") as errors:
            # Node's own warnings (so many sockets) are no concern of the test, but a crash is.
            self._process = subprocess.Popen(
                ["node", str(PROGRAM)], stdin=pipe, stdout=pipe, stderr=errors, text=True, bufsize=1
            )
        self._log = log
        self._told: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def open(self) -> None:
        """Let them come; `settle` waits for the last."""
        fields = ("kind", "url", "clients", "channels_each", "per_second", "at_once")
        given = {name: getattr(self.plan, name) for name in fields}
        self._do("open", **given, channels=list(self.plan.channels), tokens=list(self.plan.tokens))

    def settle(self) -> None:
        """Return when all have come, or come back, and are subscribed."""
        if not self._is_open:
            self._next("opened", self.plan.patience + self.plan.clients / self.plan.per_second)
            self._is_open = True
        self._do("settle", patience=self.plan.patience)
        left = self._next("settled", self.plan.patience)["left"]
        assert left == 0, f"{left} of {self.plan.clients} {self.plan.kind} clients are not subscribed"

    def phase(self, name: str) -> None:
        """Measure latencies from now on under that name; under none with an empty one."""
        self._do("phase", name=name)

    def pause(self) -> None:
        """They read nothing any more."""
        self._do("pause")
        self._next("paused", END_SECONDS)

    def resume(self) -> None:
        """They read again, and come back where they were cut off meanwhile."""
        self._do("resume")
        self._next("resumed", END_SECONDS)
        self.settle()

    def end(self, last: Mapping[str, int], patience: float) -> dict[str, Any]:
        """Wait until everybody has got the last number of each channel, and return the summary."""
        self._do("end", last=dict(last), patience=patience)
        summary = self._next("summary", patience + END_SECONDS)
        self._process.wait(END_SECONDS)
        return summary

    def kill(self) -> None:
        """End the process, whatever it does."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    # Private methods

    def _do(self, name: str, /, **given: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": name, **given}) + "\n")
        self._process.stdin.flush()

    def _next(self, event: str, seconds: float) -> dict[str, Any]:
        deadline = time.monotonic() + seconds + END_SECONDS
        while True:
            try:
                found = self._told.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"the {self.plan.kind} crowd tells no {event!r}: {self._said()}") from None
            assert found is not None, f"the {self.plan.kind} crowd ended: {self._said()}"
            assert found["event"] != "fault", found
            if found["event"] == event:
                return found

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._told.put(json.loads(line))
        self._told.put(None)

    def _said(self) -> str:
        return self._log.read_text(errors="replace")[-4000:]
