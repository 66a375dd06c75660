"""Tests of scripts/deploy/playbooks.py."""

from __future__ import annotations

import json
import stat
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.scripts.deploying import event

from deploy import playbooks, target  # isort: skip
from deploy.events import parse  # isort: skip

# Stands for ansible-playbook: writes an event, one line of output, and ends as it is told.
PROGRAM = """#!/bin/sh
{
  echo '{"event": "play", "name": "Tune"}'
  echo '{"event": "result", "host": "gw1", "state": "changed", "task": "Set"}'
} >>"$HOLDFAST_EVENTS"
echo "said: $*"
exit 3
"""


@pytest.fixture
def runner(tmp_path, monkeypatch):
    """Return a runner whose ansible-playbook is a stand-in, and what it said."""
    program = tmp_path / "ansible-playbook"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    monkeypatch.setattr(playbooks, "BIN", tmp_path)
    monkeypatch.setattr(target, "CACHE", tmp_path)
    said: list[str] = []
    return playbooks.Runner(target.Target("staging"), said.append), said


def test_playbook_leaves_a_log_and_its_events(runner):
    """The terminal gets short lines, the log all of it, for its owner alone."""
    program, said = runner
    play = program.play("site", "--check", variables={"key": "value"})

    assert (play.code, play.is_fine) == (3, False)
    assert said == ["  Tune", "    gw1          Set"]
    assert "holdfast.gateway.site -ekey=value --check" in play.log.read_text()
    assert stat.S_IMODE(play.log.stat().st_mode) == 0o600
    assert [path.suffix for path in play.log.parent.iterdir()] == [".log"]


def test_quiet_playbook_says_nothing(runner):
    """Its events are there all the same."""
    program, said = runner

    assert len(program.play("doctor", quiet=True).events) == 2
    assert said == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, BrokenPipeError])
def test_playbook_ends_with_whoever_follows_it(runner, tmp_path, error):
    """Interrupted, or with nobody to read it: Ansible does not go on by itself."""
    program, _ = runner
    (tmp_path / "ansible-playbook").write_text(PROGRAM.replace("exit 3", "exec sleep 600"))

    def say(text: str) -> None:
        raise error

    program.say = say
    with pytest.raises(error):
        program.play("site")

    assert program.running == []


def test_playbook_that_another_thread_follows_can_be_stopped(runner, tmp_path):
    """An interrupt comes to the main thread alone."""
    program, _ = runner
    (tmp_path / "ansible-playbook").write_text("#!/bin/sh\nexec sleep 600\n")
    with ThreadPoolExecutor() as pool:
        play = pool.submit(program.play, "site", quiet=True)
        while not program.running:
            time.sleep(0.01)
        program.stop()

    assert not play.result().is_fine


def test_line_that_is_being_written_is_read_when_it_is_whole(tmp_path):
    """A half line is no event yet."""
    path = tmp_path / "events"
    line = json.dumps({"event": "play", "name": "Tune"})
    path.write_text(line[:9])
    with path.open() as file:
        assert playbooks._whole_lines(file) == []
        path.write_text(f"{line}\n")
        assert playbooks._whole_lines(file) == [f"{line}\n"]


def test_failure_of_a_host_is_shown_once():
    """A loop says what failed in its items."""
    play = playbooks.Play("deploy", 2, target.ROOT, [event(state="failed", is_loop=True), event(state="item failed")])

    assert [one.state for one in play.failures] == ["item failed"]


def test_play_that_goes_host_by_host_is_headed_once():
    """Each of its batches begins it again."""
    said: list[str] = []
    shown = playbooks._Shown(said.append)
    for host in ("gw1", "gw2"):
        shown.take(next(parse([json.dumps({"event": "play", "name": "Roll"})])))
        shown.take(event(host=host))

    assert said == ["  Roll", "    gw1          kernel_tuning: Do it", "    gw2          kernel_tuning: Do it"]
