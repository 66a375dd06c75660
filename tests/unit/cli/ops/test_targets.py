"""Processes of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from holdfast.cli.failure import CliError
from holdfast.cli.ops.inventory import Record
from holdfast.cli.ops.targets import CommandTarget, ProcessTarget, target_of

NOW = 1_700_000_000.0


class FakeProcess:
    """A process that was begun at a moment."""

    begun = NOW
    state = psutil.STATUS_RUNNING
    signals: list[int]

    def __init__(self, number: int) -> None:
        if number != 4711:
            raise psutil.NoSuchProcess(number)

    def create_time(self) -> float:
        """Return when."""
        return self.begun

    def status(self) -> str:
        """Return how it is."""
        return self.state

    def send_signal(self, number: int) -> None:
        """Keep it."""
        self.signals.append(number)


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> type[FakeProcess]:
    """Stand in for the processes of the machine."""

    class Process(FakeProcess):
        """One for each test."""

    Process.signals = []

    monkeypatch.setattr(psutil, "Process", Process)
    return Process


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """An instance whose pid file is a second younger than its process."""
    file = tmp_path / "gateway.pid"
    file.write_text("4711\n")
    os.utime(file, (NOW + 1, NOW + 1))
    return Record(name="a", url="http://127.0.0.1:1", pid_file=str(file), start=["holdfast", "serve"])


def test_signals_of_stop_and_reload(record: Record, process: type[FakeProcess]) -> None:
    """SIGTERM and SIGHUP go to the process of the file."""
    target = target_of(record)
    target.check()
    assert target.is_running()
    target.stop()
    target.reload()

    assert process.signals == [signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize("what", ["younger", "zombie", "gone", "nonsense", "missing"])
def test_process_of_somebody_else_gets_no_signal(record: Record, process: type[FakeProcess], what: str) -> None:
    """A number that was given to another process since, or that is of nobody."""
    if what == "younger":
        process.begun = NOW + 100
    elif what == "zombie":
        process.state = psutil.STATUS_ZOMBIE
    elif what == "missing":
        Path(record.pid_file).unlink()
    else:
        Path(record.pid_file).write_text({"gone": "4712", "nonsense": "x"}[what])
    target = ProcessTarget(record)
    assert not target.is_running()
    target.stop()
    with pytest.raises(CliError, match="no process"):
        target.reload()

    assert process.signals == []


def test_start_leaves_it_running(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a session of its own, its output in the file, its number in the other."""
    calls: list[tuple[list[str], dict[str, Any]]] = []

    class Started:
        pid = 815
        codes = iter([None, 3])

        def __init__(self, command: list[str], **options: Any) -> None:
            calls.append((command, options))

        def poll(self) -> int | None:
            return next(self.codes)

    monkeypatch.setattr(subprocess, "Popen", Started)
    record.output = str(Path(record.pid_file).with_suffix(".out"))
    target = ProcessTarget(record)
    assert target.failure() == ""
    target.start()

    assert target.failure() == ""
    assert "ended with 3" in target.failure()
    assert calls[0][0] == ["holdfast", "serve"]
    assert calls[0][1]["start_new_session"]
    assert calls[0][1]["stdout"].name == record.output
    assert Path(record.pid_file).read_text() == "815\n"


def test_what_cannot_be_started_is_said(record: Record) -> None:
    """Before anything is stopped where the file says too little, else by its name."""
    record.start = [str(Path(record.pid_file).with_name("none"))]
    with pytest.raises(CliError, match="No such file"):
        ProcessTarget(record).start()
    record.start = []
    with pytest.raises(CliError, match="no `start`"):
        ProcessTarget(record).check()


def test_commands(record: Record, process: type[FakeProcess]) -> None:
    """A service manager's two; one that fails is quoted."""
    record.stop = [sys.executable, "-c", "pass"]
    record.start = [sys.executable, "-c", "import sys; sys.exit('no such unit')"]
    target = target_of(record)
    assert isinstance(target, CommandTarget)
    target.check()
    target.stop()
    with pytest.raises(CliError, match="no such unit"):
        target.start()
    record.start = ["/nowhere/systemctl"]
    with pytest.raises(CliError, match="/nowhere/systemctl"):
        target.start()
    target.reload()

    assert target.is_running()
    assert target.failure() == ""
    assert process.signals == [signal.SIGHUP]
