"""The processes of `make run-cluster`: started in order, started again when one ends, and ended in order."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

START_SECONDS = 60.0
# Whoever stopped a process in order, such as a script that restarts one after the other, sees that it is gone.
REST_SECONDS = 3.0
# A process that keeps ending is started again less and less often.
SHORT_LIFE_SECONDS, LONGEST_PAUSE_SECONDS = 5.0, 10.0
LOG_TAIL_BYTES = 2000


class StartError(Exception):
    """A process did not start; the text says what it said."""


def say(text: str) -> None:
    """Print something; a terminal that is gone must not keep anybody from ending in order."""
    with suppress(OSError):
        print(text, flush=True)


@dataclass
class Service:
    """A process.

    `is_up` tells whether it does its work, `stage` when it is ended (0 first), `lock` is a descriptor that it holds for
    as long as it lives, `rest_seconds` is how long it stays away when it was killed.
    """

    name: str
    command: Sequence[str]
    is_up: Callable[[], bool]
    log: Path
    stage: int
    lock: int
    rest_seconds: float = 0.0
    process: subprocess.Popen[bytes] | None = None
    _started_at: float = field(default=0.0, init=False)
    _pause_seconds: float = field(default=0.0, init=False)
    _due_at: float | None = field(default=None, init=False)

    @property
    def pid_file(self) -> Path:
        """Has the process id for as long as it runs."""
        return self.log.with_suffix(".pid")

    @property
    def is_running(self) -> bool:
        """Tell whether it runs."""
        return self.process is not None and self.process.poll() is None

    @property
    def how_it_ended(self) -> str:
        """Say by which signal or code it ended."""
        code = self.process.poll() if self.process is not None else None
        return signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"

    def start(self, now: float) -> None:
        """Start it; Ctrl-C of the terminal does not reach it, for the order of the end is ours."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, env=environment,
                start_new_session=True, pass_fds=(self.lock,),
            )  # fmt: skip
        self._started_at, self._due_at = now, None
        self.pid_file.write_text(f"{self.process.pid}\n")

    def start_again(self, now: float) -> bool:
        """Start it again if it has ended and its time has come, and tell whether that was so."""
        if self.is_running:
            return False
        if self._due_at is None:
            is_short = now - self._started_at < SHORT_LIFE_SECONDS
            self._pause_seconds = min(LONGEST_PAUSE_SECONDS, max(0.5, 2 * self._pause_seconds)) if is_short else 0.0
            is_orderly = self.process is not None and self.process.returncode == 0
            rest = max(REST_SECONDS, self.rest_seconds) if is_orderly else self.rest_seconds
            self._due_at = now + max(rest, self._pause_seconds)
            self.pid_file.unlink(missing_ok=True)
        if now < self._due_at:
            return False
        self.start(now)
        return True

    def signal(self, number: int) -> None:
        """Send a signal, if it runs."""
        if self.process is not None and self.is_running:
            self.process.send_signal(number)

    def said(self) -> str:
        """Return the end of what it wrote."""
        return self.log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace") if self.log.exists() else ""


class Supervisor:
    """Keeps services running until somebody asks for the end."""

    def __init__(
        self,
        services: Sequence[Service],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._services = list(services)
        self._clock = clock
        self._sleep = sleep
        self._asked = 0

    def ask_to_end(self, *_: object) -> None:
        """Begin the end; asked again, make it quick. A handler of signals."""
        self._asked += 1

    def start(self) -> None:
        """Start all, those that end last first, each stage once the one before does its work.

        Raises:
            StartError: one ended, or was not ready in time.
        """
        for stage in sorted({one.stage for one in self._services}, reverse=True):
            if self._asked:
                return
            members = [one for one in self._services if one.stage == stage]
            for one in members:
                one.start(self._clock())
            for one in members:
                self._wait_until_up(one)

    def watch(self) -> None:
        """Start again whatever ends, until somebody asks for the end."""
        while not self._asked:
            for one in self._services:
                how = one.how_it_ended
                if one.start_again(self._clock()):
                    say(f"{one.name} ended ({how}) and was started again.")
            self._sleep(0.1)

    def end(self) -> None:
        """End stage after stage; a second request for the end makes it quick."""
        for stage in sorted({one.stage for one in self._services}):
            members = [one for one in self._services if one.stage == stage]
            for one in members:
                one.signal(signal.SIGTERM)
            self._wait_until_ended(members)
            for one in members:
                one.pid_file.unlink(missing_ok=True)

    @property
    def is_asked_to_end(self) -> bool:
        """Tell whether somebody has asked for the end."""
        return self._asked > 0

    # Private methods

    def _wait_until_up(self, service: Service) -> None:
        deadline = self._clock() + START_SECONDS
        while not service.is_up():
            if self._asked:
                return
            if not service.is_running:
                raise StartError(f"{service.name} did not start. {service.log} ends with:\n{service.said()}")
            if self._clock() > deadline:
                raise StartError(f"{service.name} was not ready after {START_SECONDS:g} s; see {service.log}")
            self._sleep(0.05)

    def _wait_until_ended(self, members: Sequence[Service]) -> None:
        told = self._asked
        deadline = self._clock() + START_SECONDS
        while any(one.is_running for one in members):
            if self._asked > told:
                told = self._asked
                for one in members:
                    one.signal(signal.SIGTERM)
            if self._clock() > deadline:
                for one in members:
                    one.signal(signal.SIGKILL)
            self._sleep(0.05)
