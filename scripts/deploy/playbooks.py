"""Run playbooks: the output goes to a log, the terminal gets a line for each thing that changes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from .events import Event, hosts_failed, parse
from .target import ANSIBLE, CACHE, Target

BIN = Path(sys.executable).parent
Say = Callable[[str], None]
# Ansible lets its tasks end after the first SIGINT.
PATIENCE_SECONDS = 30.0
EVERY_SECONDS = 0.1
# Tasks whose words are for whoever runs the command.
TOLD = ("Tell what becomes", "Tell that")


@dataclass(frozen=True)
class Play:
    """How a playbook went."""

    name: str
    code: int
    log: Path
    events: list[Event] = field(default_factory=list)

    @property
    def is_fine(self) -> bool:
        """Tell whether all hosts went through."""
        return self.code == 0

    @property
    def failures(self) -> list[Event]:
        """Return what each failed host failed with."""
        return hosts_failed(self.events)


def environment(events: Path) -> dict[str, str]:
    """Return an environment in which Ansible finds the collection, asks nothing, and writes only below .cache."""
    return os.environ | {
        "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}",
        "ANSIBLE_CONFIG": str(ANSIBLE / "ansible.cfg"),
        "ANSIBLE_HOME": str(CACHE / "ansible"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_FORCE_COLOR": "0",
        "ANSIBLE_CALLBACKS_ENABLED": "holdfast.gateway.events",
        # A question for a password or a host key would wait for an answer that nobody sees.
        "ANSIBLE_SSH_EXTRA_ARGS": "-o BatchMode=yes -o ConnectTimeout=10",
        "HOLDFAST_EVENTS": str(events),
    }


@dataclass
class Runner:
    """Runs playbooks for one target; `say` gets the progress, `shows_all` besides Ansible's own output."""

    target: Target
    say: Say
    shows_all: bool = False
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def stop(self) -> None:
        """End the playbooks that run."""
        for process in list(self.running):
            _end(process)

    def play(self, name: str, *options: str, variables: Mapping[str, str] | None = None, quiet: bool = False) -> Play:
        """Run a playbook of the collection and return how it went."""
        self.target.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        stem = self.target.folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{name}{'-check' if '--check' in options else ''}"
        log, lines = _new(stem.with_suffix(".log")), _new(stem.with_suffix(".events"))
        extra = [f"-e{key}={value}" for key, value in (variables or {}).items()]
        given = [f"-e@{self.target.variables}"] if self.target.variables and self.target.variables.exists() else []
        words = [
            BIN / "ansible-playbook", *(f"-i{path}" for path in self.target.inventories), f"holdfast.gateway.{name}",
            *given, *extra, *options,
        ]  # fmt: skip
        show = (lambda text: None) if quiet else self.say
        with log.open("r+b") as output:
            code, events = self._follow(words, lines, output, show)
        lines.unlink()
        return Play(name, code, log, events)

    def _follow(self, words: Sequence[object], lines: Path, output: IO[bytes], show: Say) -> tuple[int, list[Event]]:
        process = subprocess.Popen(
            [str(word) for word in words], cwd=ANSIBLE, env=environment(lines), stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        self.running.append(process)
        shown, events = _Shown(show), []
        try:
            with lines.open() as file, Path(output.name).open(errors="replace") as log:
                is_over = False
                while not is_over:
                    is_over = process.poll() is not None
                    if self.shows_all:
                        sys.stdout.write(log.read())
                        sys.stdout.flush()
                    for event in parse(_whole_lines(file)):
                        events.append(event)
                        shown.take(event)
                    time.sleep(0 if is_over else EVERY_SECONDS)
        except BaseException:
            # Also where nobody reads the terminal any more: hosts are not changed without anyone who follows it.
            _end(process)
            raise
        finally:
            self.running.remove(process)
        return process.returncode, events


class _Shown:
    """Turns events into short lines, each said once."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._last = ""
        self._play = ""

    def take(self, event: Event) -> None:
        if event.kind == "play":
            # One that goes host by host begins again with each.
            if event.name != self._play:
                self._say(f"  {event.name}")
            self._play = event.name
        elif event.is_change:
            self._once(f"    {event.host:<12} {event.what}")
        elif event.state == "ok" and event.task.startswith(TOLD):
            self._once(f"    {event.host:<12} {event.msg}")
        elif event.is_failure and not event.is_loop:
            self._once(f"    {event.host:<12} {event.what}: {event.state}")

    def _once(self, line: str) -> None:
        if line != self._last:
            self._say(line)
        self._last = line


def _new(path: Path) -> Path:
    """Return a new file that only its owner may read: what Ansible says of hosts is not for everybody."""
    for number in range(100):
        found = path if not number else path.with_name(f"{path.stem}-{number}{path.suffix}")
        try:
            os.close(os.open(found, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            return found
        except FileExistsError:
            continue
    raise RuntimeError(f"a hundred files like {path}")


def _whole_lines(file: IO[str]) -> list[str]:
    """Return the lines that are complete by now."""
    found = []
    while True:
        place = file.tell()
        line = file.readline()
        if not line.endswith("\n"):
            file.seek(place)
            return found
        found.append(line)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let Ansible end its tasks, and end it where it does not."""
    for sent in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sent)
            process.wait(PATIENCE_SECONDS)
            return
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            continue
        except ProcessLookupError:
            return
