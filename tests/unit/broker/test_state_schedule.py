"""Exports at intervals: by whoever holds the lease, told when they fail, and never more files than wanted."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from holdfast.broker.state_schedule import LEASE, RELEASE, ScheduledExports
from holdfast.errors import BrokerError
from holdfast.telemetry import metrics
from tests.redis_links import ScriptedLink

NOW = 1_700_000_000.0


def scheduled(tmp_path: Path, *answers: Any, **settings: Any) -> tuple[ScheduledExports, ScriptedLink]:
    """Return exports of an empty Redis."""
    link = ScriptedLink(*answers)
    link.settings = link.settings.model_copy(update=settings)
    return ScheduledExports(link, tmp_path / "st[a]te", "one", wall_clock=lambda: NOW), link


def moment() -> float:
    """Return what the metric says."""
    return metrics.STATE_SNAPSHOT_MOMENT._value.get()


async def test_holder_of_the_lease_writes(tmp_path: Path):
    """One file, under its time; the lease is longer than an interval."""
    exports, link = scheduled(tmp_path, 1, [b"0", []], snapshot_interval=10.0)

    assert await exports.write_if_ours()
    assert [one.name for one in tmp_path.iterdir()] == ["st[a]te-20231114T221320Z"]
    assert link.calls == [(LEASE, [b"p:snapshots"], ["one", 25000])]
    assert moment() == NOW


async def test_others_know_of_the_files(tmp_path: Path):
    """Where they see them; where not they say nothing."""
    metrics.STATE_SNAPSHOT_MOMENT.set(0)
    exports, _ = scheduled(tmp_path, 0, 0)
    assert not await exports.write_if_ours()
    assert moment() == 0
    (tmp_path / "st[a]te-20231114T221300Z").touch()

    assert not await exports.write_if_ours()
    assert moment() == NOW - 20


async def test_oldest_files_go(tmp_path: Path):
    """Those of ours alone, half ones too: what somebody renamed stays."""
    stamps = ("20231114T221300Z", "20231114T221301Z", "20231114T221302Z")
    for name in (*stamps, "20231114T221300Z.keep", "20231114T221300Z.tmp"):
        (tmp_path / f"st[a]te-{name}").touch()
    exports, _ = scheduled(tmp_path, 1, [b"0", []], snapshot_keep=2)
    await exports.write_if_ours()

    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "st[a]te-20231114T221300Z.keep",
        "st[a]te-20231114T221302Z",
        "st[a]te-20231114T221320Z",
    ]


@pytest.mark.parametrize(
    "failure", [BrokerError("broker_timeout", "x"), OSError("full"), ValueError("a fault of ours")]
)
async def test_failure_is_counted_and_told(tmp_path: Path, failure: Exception):
    """Serving goes on, and no half file is left."""
    before = metrics.STATE_SNAPSHOT_FAILURES._value.get()
    exports, _ = scheduled(tmp_path, 1, failure)

    assert not await exports.write_if_ours()
    assert metrics.STATE_SNAPSHOT_FAILURES._value.get() == before + 1
    assert list(tmp_path.iterdir()) == []


async def test_run_writes_at_intervals_and_lets_go_of_the_lease(tmp_path: Path):
    """A failure at the end is no fault: the lease ends by itself."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            raise asyncio.CancelledError

    for last in (1, BrokerError("broker_timeout", "x")):
        slept.clear()
        link = ScriptedLink(1, [b"0", []], last)
        exports = ScheduledExports(link, tmp_path / "state", "one", wall_clock=lambda: NOW, sleep=sleep)
        with pytest.raises(asyncio.CancelledError):
            await exports.run()
        assert 270 <= slept[0] <= 300
        assert link.calls[-1] == (RELEASE, [b"p:snapshots"], ["one"])


class SlowLink(ScriptedLink):
    """A way to Redis that takes its time for the first page."""

    def __init__(self, *answers: Any) -> None:
        super().__init__(*answers)
        self.gate = asyncio.Event()
        self.is_asked = asyncio.Event()

    async def call_at(self, *arguments: Any, lane: str = "") -> Any:
        """Wait."""
        self.is_asked.set()
        await self.gate.wait()
        return [b"0", []]

    async def run_script(self, *arguments: Any, lane: str = "") -> Any:
        """Give the lease; the third time, after two intervals, let the page come."""
        answer = await super().run_script(*arguments)
        if len(self.calls) == 3:
            self.gate.set()
        return answer


async def test_lease_is_renewed_while_a_file_takes_long(tmp_path: Path):
    """Nobody else begins one meanwhile."""
    link = SlowLink(*[1] * 100)
    link.settings = link.settings.model_copy(update={"snapshot_interval": 0.001})
    exports = ScheduledExports(link, tmp_path / "state", "one", wall_clock=lambda: NOW)

    assert await exports.write_if_ours()
    assert len(link.calls) >= 3


async def test_file_that_is_broken_off_leaves_nothing(tmp_path: Path):
    """An instance that stops meanwhile does not wait for it."""
    link = SlowLink(1)
    task = asyncio.ensure_future(ScheduledExports(link, tmp_path / "state", "one").write_if_ours())
    await link.is_asked.wait()
    assert len(list(tmp_path.iterdir())) == 1
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(tmp_path.iterdir()) == []
