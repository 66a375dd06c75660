"""How an instance is stopped, started and told to read files again. Here: processes of this machine.

`unit_target` has the one on another machine; nothing else of the scripts knows where processes run.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.ops.inventory import Record
from holdfast.cli.ops.ssh import SshHost
from holdfast.cli.ops.unit_target import SshTarget

if TYPE_CHECKING:
    import psutil

_COMMAND_SECONDS = 600.0
# A file's time may be a little before the moment at which the process that it names was begun.
_CLOCK_SLACK = 2.0


class Target(Protocol):
    """One instance, as whoever runs its process sees it."""

    def check(self) -> None:
        """Find out that it can be stopped and started.

        Raises:
            CliError: it cannot; nothing has been done.
        """

    def stop(self) -> None:
        """Ask it to stop; it may take its time."""

    def is_running(self) -> bool:
        """Tell whether its process is there; a target that cannot know says no."""

    def start(self) -> None:
        """Start it; whether it gets ready is seen elsewhere."""

    def failure(self) -> str:
        """Return why what `start` began is over already, "" where it is not or nobody knows."""

    def reload(self) -> None:
        """Let it read again what may change while it runs."""


class ProcessTarget:
    """A process of this machine whose number is in a file."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._started: subprocess.Popen[bytes] | None = None

    def check(self) -> None:
        """See `Target`."""
        for name in ("pid_file", "start"):
            if not getattr(self._record, name):
                raise CliError(f"{self._record.name}: the instances file has no `{name}` for it", Exit.USAGE)

    def stop(self) -> None:
        """See `Target`."""
        if (process := self._process()) is not None:
            process.send_signal(signal.SIGTERM)

    def is_running(self) -> bool:
        """See `Target`."""
        return self._process() is not None

    def start(self) -> None:
        """Start it in a session of its own, so that it outlives the script, and write down its number."""
        record = self._record
        with open(record.output or os.devnull, "ab") as output:
            try:
                self._started = subprocess.Popen(
                    record.start,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd=Path(record.pid_file).parent,
                    start_new_session=True,
                )
            except OSError as error:
                raise CliError(f"{record.name}: {record.start[0]}: {error.strerror}", Exit.REFUSED) from None
        Path(record.pid_file).write_text(f"{self._started.pid}\n")

    def failure(self) -> str:
        """See `Target`."""
        code = self._started.poll() if self._started is not None else None
        return "" if code is None else f"its process ended with {code}; see {self._record.output or 'its log'}"

    def reload(self) -> None:
        """See `Target`."""
        process = self._process()
        if process is None:
            raise CliError(f"{self._record.name}: no process of {self._record.pid_file or 'a pid_file'}", Exit.UNKNOWN)
        process.send_signal(signal.SIGHUP)

    def _process(self) -> psutil.Process | None:
        """Return the process that the file names, unless its number belongs to somebody else by now."""
        import psutil

        if not self._record.pid_file:
            return None
        path = Path(self._record.pid_file)
        try:
            process = psutil.Process(int(path.read_text()))
            is_it = process.create_time() <= path.stat().st_mtime + _CLOCK_SLACK
            return process if is_it and process.status() != psutil.STATUS_ZOMBIE else None
        except (OSError, ValueError, psutil.Error):
            return None


class CommandTarget:
    """An instance that two commands stop and start, such as those of a service manager."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._process = ProcessTarget(record)

    def check(self) -> None:
        """See `Target`."""

    def stop(self) -> None:
        """See `Target`."""
        self._run(self._record.stop)

    def is_running(self) -> bool:
        """See `Target`."""
        return self._process.is_running()

    def start(self) -> None:
        """See `Target`."""
        self._run(self._record.start)

    def failure(self) -> str:
        """Know nothing: a service manager may be starting it again."""
        return ""

    def reload(self) -> None:
        """See `Target`."""
        self._process.reload()

    def _run(self, command: list[str]) -> None:
        given = " ".join(command)
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_COMMAND_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CliError(f"{self._record.name}: `{given}`: {error}", Exit.REFUSED) from None
        if done.returncode:
            said = (done.stderr or done.stdout).strip()[-300:]
            raise CliError(f"{self._record.name}: `{given}` ended with {done.returncode}: {said}", Exit.REFUSED)


def target_of(record: Record, host: SshHost | None = None) -> Target:
    """Return the way to an instance's process, on another machine if one is given."""
    if host is not None:
        return SshTarget(record, host)
    return CommandTarget(record) if record.stop else ProcessTarget(record)
