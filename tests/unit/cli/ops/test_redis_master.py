"""Who is master, and the order to hand over; Redis is played."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.cli.failure import CliError
from holdfast.cli.ops import redis_master
from holdfast.cli.ops.redis_master import candidates, masters, order_failover, replication_of
from holdfast.settings_broker import RedisSettings

NODES = b"""\
a1 10.0.0.1:7001@17001,host1 myself,master - 0 0 1 connected 0-8191
b1 10.0.0.2:7002@17002 master - 0 0 2 connected 8192-16383
a2 10.0.0.3:7003@17003 slave a1 0 0 1 connected
c1 10.0.0.4:7004@17004 master,fail - 0 0 3 disconnected
c2 10.0.0.5:7005@17005 slave c1 0 0 3 connected
"""
REPLICAS = [
    [b"ip", host, b"port", b"1", b"flags", flags, b"slave-priority", priority]
    for host, flags, priority in (
        (b"10.0.0.8", b"slave", b"100"),
        (b"10.0.0.9", b"s_down,slave", b"100"),
        (b"10.0.0.10", b"slave", b"0"),
        (b"10.0.0.11", b"slave,disconnected", b"100"),
    )
]
CLUSTER = RedisSettings.model_validate({"mode": "cluster", "addresses": ["10.0.0.9:1", "10.0.0.1:7001"]})
SENTINEL = RedisSettings.model_validate({"mode": "sentinel", "addresses": ["10.0.0.1:1"], "master_name": "m"})


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What is asked of servers, the first address being down, and of sentinels."""
    found: list[tuple[str, ...]] = []

    async def ask(settings: RedisSettings, address: str, *words: str) -> Any:
        if address == "10.0.0.9:1":
            raise CliError("down", 4)  # type: ignore[arg-type]  # any code
        found.append((address, *words))
        if words == ("INFO", "replication"):
            return b"# Replication\r\nrole:master\r\nmaster_repl_offset:7\r\n"
        return NODES if words == ("CLUSTER", "NODES") else b"OK"

    async def ask_sentinels(settings: RedisSettings, *words: str) -> Any:
        found.append(words)
        return REPLICAS if words[1] == "REPLICAS" else [b"10.0.0.7", b"6379"]

    monkeypatch.setattr(redis_master, "ask", ask)
    monkeypatch.setattr(redis_master, "ask_sentinels", ask_sentinels)
    return found


async def test_cluster(asked: list[tuple[str, ...]]) -> None:
    """Masters that have a replica and live; a replica of the first is told to take over."""
    assert await masters(CLUSTER) == ["10.0.0.1:7001"]
    await order_failover(CLUSTER)

    assert asked[-1] == ("10.0.0.3:7003", "CLUSTER", "FAILOVER")


async def test_sentinel(asked: list[tuple[str, ...]]) -> None:
    """As the sentinels say."""
    assert await masters(SENTINEL) == ["10.0.0.7:6379"]
    await order_failover(SENTINEL)

    assert asked[-1] == ("SENTINEL", "FAILOVER", "m")


async def test_candidates(asked: list[tuple[str, ...]]) -> None:
    """Replicas that sentinels may choose: none that is down or is not to become a master."""
    assert await candidates(SENTINEL) == ["10.0.0.8:1"]
    assert asked == [("SENTINEL", "REPLICAS", "m")]


async def test_replication_of(asked: list[tuple[str, ...]]) -> None:
    """By its names."""
    facts = await replication_of(SENTINEL, "10.0.0.1:7001")

    assert (facts["role"], facts["master_repl_offset"]) == ("master", "7")
