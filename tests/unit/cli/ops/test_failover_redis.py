"""`holdfast ops failover-redis`: what is refused, and what the end of a drill means."""

from __future__ import annotations

import pytest
import yaml

from holdfast.cli.ops import failover_redis as module
from holdfast.cli.ops.probe_channel import Counted
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

    async def drill(*arguments):
        return counted

    monkeypatch.setattr(module, "masters", masters)
    monkeypatch.setattr(module, "_drill", drill)
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
