"""`holdfast state`, on a Redis that is played."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from holdfast.broker import redis_link
from holdfast.broker.records import Begin
from holdfast.broker.state_records import KeptCounter, Origin
from holdfast.errors import BrokerError
from tests.redis_links import ScriptedLink
from tests.unit.broker.test_state_records import write


class PlayedLink(ScriptedLink):
    """A way to Redis that can be started."""

    stopped = False

    async def start(self) -> None:
        """Do nothing."""

    async def stop(self) -> None:
        """Remember it."""
        self.stopped = True


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give the commands a Redis that answers so."""

    def play(*answers: Any) -> PlayedLink:
        link = PlayedLink(*answers)
        monkeypatch.setenv("HOLDFAST_BROKER__TYPE", "redis")
        monkeypatch.setattr(redis_link, "RedisLink", lambda settings: link)
        return link

    return play


@pytest.fixture
def file(tmp_path: Path) -> str:
    """Write a file with one counter."""
    now = time.time()
    items = (Begin(now, "1"), Origin("holdfast", "single", "x"), KeptCounter("k", 3, now + 600))
    return str(write(tmp_path / "saved", *items))


def test_export(cli, play, tmp_path: Path):
    """The file is there, and what is in it is told; one that was there is kept."""
    link = play([b"0", [b"p:n:{k}"]], [b"3", 500000])
    outcome = cli("state", "export", "state", "--json")

    assert outcome.code == 0
    assert outcome.json()["counts"] == {"counters": 1}
    assert link.stopped
    assert cli("state", "export", "state").code == 2
    play([b"0", []])
    assert "bytes" in cli("state", "export", "state", "--force-overwrite").out
    play()
    assert cli("state", "export", "nowhere/state").code == 2


def test_commands_need_a_shared_broker(cli, play, file: str):
    """Settings with the embedded one are the wrong ones, and a Redis that is away is no answer."""
    assert cli("state", "export", "state").code == 3
    play(BrokerError("broker_timeout", "gone"))
    outcome = cli("state", "export", "state")

    assert outcome.code == 4
    assert "gone" in outcome.err


def test_inspect(cli, file: str, tmp_path: Path):
    """For people and programs; a damaged file is refused, none is no answer."""
    assert cli("state", "inspect", file, "--json").json()["export"] == "x"
    assert "checksum right" in cli("state", "inspect", file).out
    (tmp_path / "other").write_text("something else")
    assert cli("state", "inspect", str(tmp_path / "other")).code == 2
    assert cli("state", "inspect", str(tmp_path / "none")).code == 4


def test_import_is_a_rehearsal_unless_told(cli, play, file: str):
    """It says what it would do; with --yes it does it and lets instances read the revocations."""
    link = play([b"0", []], 0)
    outcome = cli("state", "import", file)

    assert outcome.code == 0
    assert "To do it: --yes" in outcome.out
    assert link.calls == []
    link = play([b"0", []], b"new", 1)
    outcome = cli("state", "import", file, "--yes", "--json")
    assert outcome.json()["done"]
    assert b"reread" in link.calls[-1][2][1]


def test_import_is_refused_by_name(cli, play, file: str):
    """What speaks against it is said with the option that allows it."""
    play([b"0", [b"p:l:{42}"]])
    outcome = cli("state", "import", file, "--yes")

    assert outcome.code == 2
    assert "--force-not-empty" in outcome.err
    play(BrokerError("broker_foreign_key", "here"))
    outcome = cli("state", "import", file, "--force-not-empty", "--json")
    assert outcome.code == 1
    assert json.loads(outcome.out)["failed"] == ["broker_foreign_key: here"]
