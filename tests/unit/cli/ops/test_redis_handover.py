"""Stopping a master's writes for an ordered failover; Redis is played, and time only passes by sleeping."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.ops import redis_handover, redis_master
from holdfast.cli.ops.redis_handover import Handover
from holdfast.settings_broker import RedisSettings

SENTINEL = RedisSettings.model_validate({"mode": "sentinel", "addresses": ["10.0.0.1:1"]})
OLD, NEW = "10.0.0.1:6379", "10.0.0.2:6379"


class Played:
    """A master, one replica, and what was asked of the master beside what it knows."""

    def __init__(self) -> None:
        self.replicas = [NEW]
        self.offsets = {OLD: 10, NEW: 10}
        self.link = "up"
        self.orders: list[tuple[str, ...]] = []
        self.refusals = {"CLIENT": "timeout is not an integer or out of range", "REPLICAOF": "Invalid master port"}
        self.master = OLD
        self.slept = 0.0
        self.level_after = float("inf")

    async def ask(self, _: RedisSettings, address: str, *words: str) -> Any:
        """Answer as a server does."""
        if words == ("INFO", "replication"):
            offset = self.offsets[address]
            if address == OLD:
                return f"role:master\r\nmaster_repl_offset:{offset}\r\n".encode()
            return f"role:slave\r\nmaster_link_status:{self.link}\r\nslave_repl_offset:{offset}\r\n".encode()
        assert address == OLD
        if "none" in words:
            raise CliError(f"{address}: {self.refusals[words[0]]}", Exit.REFUSED)
        self.orders.append(words)
        if words[0] == "CONFIG":
            raise CliError("The server is running without a config file", Exit.REFUSED)
        return b"OK"

    async def masters(self, _: RedisSettings) -> list[str]:
        """Return the master that sentinels name."""
        return [self.master]

    async def candidates(self, _: RedisSettings) -> list[str]:
        """Return the replicas."""
        return self.replicas

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept += seconds
        if self.slept >= self.level_after:
            self.offsets[NEW] = self.offsets[OLD]
        await asyncio.sleep(0)

    def handover(self) -> Handover:
        """Return what is tested."""
        return Handover(SENTINEL, OLD, self.sleep)


PAUSE = ("CLIENT", "PAUSE", "15000", "WRITE")
UNPAUSE = ("CLIENT", "UNPAUSE")


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    """Servers that are played."""
    found = Played()
    for module in (redis_handover, redis_master):
        monkeypatch.setattr(module, "ask", found.ask)
    monkeypatch.setattr(redis_handover, "candidates", found.candidates)
    monkeypatch.setattr(redis_handover, "masters", found.masters)
    return found


@pytest.mark.parametrize("command", ["CLIENT", "REPLICAOF"])
async def test_check_changes_nothing(played: Played, command: str) -> None:
    """Who has the rights is told that the words are none; who lacks one is stopped, with two ways on."""
    await played.handover().check()
    played.refusals[command] = "this user has no permissions to run the command"
    with pytest.raises(CliError, match="--no-pause") as refused:
        await played.handover().check()

    assert refused.value.code == Exit.REFUSED
    assert "no permissions" in str(refused.value)
    assert played.orders == []


async def test_old_master_takes_no_writes_until_it_is_a_replica(played: Played) -> None:
    """The pause is kept up meanwhile, and ends behind the order to follow the new one."""
    async with played.handover().stopped():
        for _ in range(20):
            await asyncio.sleep(0)
        played.master = NEW

    assert set(played.orders[:-3]) == {PAUSE}
    assert len(played.orders) > 5
    assert played.orders[-3:] == [("REPLICAOF", "10.0.0.2", "6379"), ("CONFIG", "REWRITE"), UNPAUSE]


async def test_replica_that_is_behind_is_waited_for(played: Played) -> None:
    """Nothing is ordered before it has all that the master has."""
    played.offsets[NEW] = 9
    played.level_after = 1.0
    async with played.handover().stopped():
        assert played.offsets[NEW] == 10

    assert played.orders[-1] == UNPAUSE


@pytest.mark.parametrize("trouble", ["behind", "cut", "none"])
async def test_replica_that_stays_behind_ends_it(played: Played, trouble: str) -> None:
    """The block is not entered, and writes go on."""
    if trouble == "behind":
        played.offsets[NEW] = 9
    elif trouble == "cut":
        played.link = "down"
    else:
        played.replicas = []
    with pytest.raises(CliError, match="no failover was ordered") as refused:
        async with played.handover().stopped():
            raise AssertionError("it was entered")

    assert refused.value.code == Exit.REFUSED
    assert ("none is there" if trouble == "none" else NEW) in str(refused.value)
    assert played.orders[-1] == UNPAUSE


async def test_block_that_fails_lets_writes_go_on(played: Played) -> None:
    """As where sentinels refuse: at once, and the failure is told."""
    with pytest.raises(CliError, match="NOGOODSLAVE"):
        async with played.handover().stopped():
            raise CliError("NOGOODSLAVE", Exit.UNKNOWN)

    assert played.orders[-1] == UNPAUSE
