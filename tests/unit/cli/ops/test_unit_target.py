"""A unit of systemd on another machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.ops.inventory import Record
from holdfast.cli.ops.ssh import SshHost
from holdfast.cli.ops.targets import target_of
from holdfast.cli.ops.unit_target import SshTarget
from tests.unit.cli.ops.fake_ssh import FakeSsh, install

UNIT = "holdfast@1a.service"


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSsh:
    """The program."""
    return install(tmp_path / "bin", monkeypatch)


def target() -> SshTarget:
    """Return the way to the unit."""
    record = Record(name="gw1-1a", url="http://gw1:9000", ssh="gw1", unit=UNIT)
    found = target_of(record, SshHost("gw1", sleep=lambda _: None))
    assert isinstance(found, SshTarget)
    return found


def test_orders_do_not_wait(ssh: FakeSsh) -> None:
    """A drain takes as long as it takes; the scripts look how far it is."""
    one = target()
    one.stop()
    one.start()
    one.reload()

    assert ssh.commands == [
        f"sudo -n -- systemctl {words} -- {UNIT}"
        for words in ("stop --no-block", "reset-failed", "start --no-block", "reload")
    ]


@pytest.mark.parametrize(
    ("state", "is_running"), [("active", True), ("deactivating", True), ("inactive", False), ("failed", False)]
)
def test_unit_that_stops_still_runs(ssh: FakeSsh, state: str, is_running: bool) -> None:
    """Only what is over is over."""
    ssh.answers(f"echo {state}")

    assert target().is_running() is is_running


def test_machine_that_is_not_reached_is_no_stopped_unit(ssh: FakeSsh) -> None:
    """Nobody knows, so nobody goes on."""
    ssh.answers("exit 255")
    with pytest.raises(CliError) as error:
        target().is_running()
    assert error.value.code == Exit.UNKNOWN


def test_failure_says_where_to_look(ssh: FakeSsh) -> None:
    """A unit that systemd is starting again has not failed yet."""
    ssh.answers("echo activating", "echo failed", "echo exit-code")

    assert target().failure() == ""
    assert target().failure() == f"{UNIT} failed (exit-code); see `ssh gw1 sudo journalctl -u {UNIT} -n 50`"


def test_check_wants_a_unit_that_is_there(ssh: FakeSsh) -> None:
    """Before anything is drained."""
    ssh.answers("echo loaded", "echo not-found")
    target().check()
    with pytest.raises(CliError, match=r"gw1 has no unit holdfast@1a\.service \(not-found\)"):
        target().check()


def test_unit_that_systemd_let_go_of_is_started(ssh: FakeSsh) -> None:
    """One that is not enabled is not loaded once it has stopped, and has no failures that could be forgotten."""
    ssh.answers("echo 'Unit not loaded.' >&2; exit 1", "true")

    target().start()

    assert ssh.commands[-1] == f"sudo -n -- systemctl start --no-block -- {UNIT}"
