"""`holdfast ops failover-redis`: what is refused, and what the end of a drill means."""

from __future__ import annotations

import pytest
import yaml

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.ops import failover_redis as module
from holdfast.cli.ops.probe_channel import Counted
from holdfast.cli.ops.redis_handover import Handover
from tests.unit.cli.ops.conftest import MORE

DRILL = ("ops", "failover-redis", "--channel", "drill:1")


@pytest.fixture
def redis(played, monkeypatch):
    """Settings with sentinels, and a drill that is played; returns what it counts."""
    counted = Counted(acknowledged=9, received=9)
    file = played.folder / "holdfast.yaml"
    broker = {"type": "redis", "redis": {"mode": "sentinel", "addresses": ["127.0.0.1:26379"]}}
    file.write_text(yaml.safe_dump({"broker": broker}))
    found = iter([["a:1"], ["b:1"]])

    async def masters(settings):
        return next(found)

    async def drill(rails, loaded, prober, course):
        played.done.append(f"stopped: {course.handover.master if course.handover else 'nothing'}")
        return counted

    async def check(self):
        played.done.append(f"checked: {self.master}")

    monkeypatch.setattr(module, "masters", masters)
    monkeypatch.setattr(module, "_drill", drill)
    monkeypatch.setattr(Handover, "check", check)
    return counted


def test_refuses_what_cannot_fail_over(cli, played):
    """One Redis alone, no channel, or an instance that is not fine before it begins."""
    assert cli(*DRILL, *played.options).code == 3
    (played.folder / "holdfast.yaml").write_text("broker: {type: redis, redis: {mode: cluster}}")
    assert cli("ops", "failover-redis", *played.options).code == 3
    played[2].is_ready = False
    assert cli(*DRILL, *played.options).code == 2


def test_nothing_lost(cli, played, redis):
    """The masters of before and after are told."""
    outcome = cli(*DRILL, *played.options, *MORE, "--json")
    found = outcome.json()

    assert outcome.code == 0
    assert found["masters"] == {"before": ["a:1"], "after": ["b:1"]}
    assert found["probe"]["received"] == 9


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ({"gaps": 1}, 1),
        ({"gaps": 1, "lost": [7]}, 1),
        ({"unready": ["gateway-1"]}, 1),
        ({"doubled": 1}, 1),
        ({"lost": [7]}, 2),
    ],
)
def test_what_was_not_as_it_should(cli, played, redis, what, code):
    """Told gaps are found, silent losses critical."""
    for name, value in what.items():
        setattr(redis, name, value)

    assert cli(*DRILL, *played.options, *MORE).code == code


def test_writes_of_the_master_are_stopped_unless_told_otherwise(cli, played, redis):
    """By default, also looked at in a dry run; a user who may not ends it before anything is done."""
    assert cli(*DRILL, *played.options, *MORE).code == 0
    assert played.done == ["checked: a:1", "stopped: a:1"]


def test_writes_of_the_master_go_on_when_told_so(cli, played, redis):
    """Then the right to stop them is not looked for."""
    assert cli(*DRILL, *played.options, *MORE, "--no-pause").code == 0
    assert played.done == ["stopped: nothing"]


def test_right_to_stop_writes_is_missing(cli, played, redis, monkeypatch):
    """Said, also by a dry run, and nothing is done."""

    async def check(self):
        raise CliError("no right", Exit.REFUSED)

    monkeypatch.setattr(Handover, "check", check)
    outcome = cli(*DRILL, *played.options, *MORE)

    assert (outcome.code, played.done, played.lines()) == (2, [], [])
