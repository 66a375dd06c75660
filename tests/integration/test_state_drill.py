"""The drill: two gateways lose all that Redis had, get it back from a file, and everybody knows where they are."""

from __future__ import annotations

import asyncio
import json
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from holdfast.broker.state_summary import summarize
from tests.gateway import ADMIN_TOKEN, Gateway, merged
from tests.integration.test_login import Browser, add_user, holdfast
from tests.integration.test_login import settings as login_settings
from tests.integration.test_redis_gateways import client_of, publish, settings_at, wait_ready
from tests.parts import require
from tests.redis_servers import RedisServer, running_redis, wait_until
from tests.reference_client import Disconnected, ReferenceClient
from tests.socket_session import SocketSession

require("redis")
Start = Callable[[dict[str, Any]], Gateway]


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """Run one server."""
    with running_redis() as one:
        yield one


def state(gateway: Gateway, *arguments: str) -> Any:
    """Run `holdfast state ... --json` beside a gateway and return what it prints."""
    done = holdfast(gateway, "state", *arguments, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def drilled(address: str) -> dict[str, Any]:
    """Return settings with a login, and no position check, which might begin streams anew between wipe and import."""
    more = {"broker": {"snapshot_path": None}, "client": {"position_check_interval": "1h"}}
    return merged(merged(login_settings(), settings_at(address)), more)


def revoke(gateway: Gateway, user: str) -> None:
    """Keep a user out."""
    answer = httpx.post(
        f"{gateway.internal_url}/admin/revocations",
        json={"user": user},
        headers={"authorization": f"Bearer {ADMIN_TOKEN}"},
        trust_env=False,
        timeout=30,
    )
    assert answer.status_code == 200, answer.text


async def test_wiped_redis_comes_back_from_a_file(server: RedisServer, start_gateway: Start, tmp_path: Path):
    """Who saw no more than the file has recovers without a gap, who saw more is told, and all of them go on."""
    settings = drilled(server.address)
    one = start_gateway(settings)
    file = str(tmp_path / "state")
    await asyncio.to_thread(add_user, one, "ann")
    browser = await asyncio.to_thread(Browser, one, "ann")
    revoked = one.token("mallory")
    await asyncio.to_thread(revoke, one, "mallory")
    other = start_gateway(settings)
    async with client_of(one) as follower, client_of(other, "bob") as quiet, client_of(other, "eve") as away:
        for client in (follower, quiet, away):
            await client.connect()
        ahead = await follower.subscribe("recover:a", recoverable=True)
        level = await quiet.subscribe("recover:b", recoverable=True)
        await away.subscribe("recover:b", recoverable=True)
        await asyncio.to_thread(publish, one, "recover:a", 1, 2, 3)
        await asyncio.to_thread(publish, one, "recover:b", 1, 2)
        await away.until(lambda: away.subs["recover:b"].offset == 2, "what was published")
        left = {"recover:a": {**ahead.position(), "offset": 2}, "recover:b": away.subs["recover:b"].position()}

        saved = await asyncio.to_thread(state, one, "export", file)
        await asyncio.to_thread(publish, other, "recover:a", 4, 5)
        await follower.until(lambda: ahead.offset == 5, "what the file has not")
        beyond = ahead.position()
        assert server.ask("FLUSHALL") == "OK"
        done = await asyncio.to_thread(state, other, "import", file, "--yes", "--force-not-empty")

        assert saved["counts"]["streams"] >= 2
        assert saved["counts"]["sessions"] == saved["counts"]["revocations"] == 1
        assert done["failed"] == []
        await follower.until(lambda: len(ahead.results) >= 2, "the news that something is lost", 30)
        assert not ahead.results[-1].get("recovered")
        await quiet.until(lambda: len(level.results) >= 2, "a subscription to what came back", 30)
        assert level.results[-1]["recovered"]

        assert await asyncio.to_thread(publish, one, "recover:a", 6, 7) == [4, 5]
        assert await asyncio.to_thread(publish, one, "recover:b", 3) == [3]
        await follower.until(lambda: ahead.data[-2:] == [{"n": 6}, {"n": 7}], "what is new")
        await quiet.until(lambda: level.data == [{"n": 1}, {"n": 2}, {"n": 3}], "what is new")
        assert level.gaps == []
        async with client_of(one, "late") as late:
            await late.connect()
            found = await late.call("subscribe", channel="recover:a", **left["recover:a"])
            assert [entry["data"]["n"] for entry in found["publications"]] == [3, 6, 7]
            await late.call("unsubscribe", channel="recover:a")
            found = await late.call("subscribe", channel="recover:a", **beyond)
            assert not found.get("recovered")
            found = await late.call("subscribe", channel="recover:b", **left["recover:b"])
            assert [entry["data"]["n"] for entry in found["publications"]] == [3]

    assert (await asyncio.to_thread(browser.refresh)).status_code == 200
    third = start_gateway(settings)
    async with ReferenceClient(third.url, SocketSession, token=revoked) as client:
        with pytest.raises(Disconnected, match="3500"):
            await client.connect()


async def test_redis_that_comes_back_empty_is_told(server: RedisServer, start_gateway: Start):
    """Without an import nobody has a silent gap either: all are told, and go on in a new epoch."""
    settings = drilled(server.address)
    one, other = start_gateway(settings), start_gateway(settings)
    async with client_of(one) as client:
        await client.connect()
        sub = await client.subscribe("recover:a", recoverable=True)
        await asyncio.to_thread(publish, other, "recover:a", 1, 2)
        await client.until(lambda: sub.offset == 2, "what was published")
        epoch = sub.epoch
        server.kill()
        server.start()
        await asyncio.to_thread(wait_ready, other, 200)
        await asyncio.to_thread(publish, other, "recover:a", 3)
        await client.until(lambda: sub.epoch != epoch and sub.is_subscribed, "another epoch", 30)
        await asyncio.to_thread(publish, other, "recover:a", 4)
        await client.until(lambda: sub.data[-1:] == [{"n": 4}], "what is new", 30)

        assert not sub.results[-1].get("recovered")


def test_one_instance_writes_files_of_state(server: RedisServer, start_gateway: Start, tmp_path: Path):
    """Only one of two writes at intervals, the other takes over when that is gone, and the oldest files go."""
    shared = {"snapshot_path": str(tmp_path / "state"), "snapshot_interval": "1s", "snapshot_keep": 2}
    settings = settings_at(server.address, **shared)
    one = start_gateway(settings)
    publish(one, "recover:a", 1)
    wait_until(lambda: one.events("state_snapshot_written"))
    other = start_gateway(settings)
    wait_until(lambda: len(one.events("state_snapshot_written")) >= 4)

    assert other.events("state_snapshot_written") == []
    files = sorted(tmp_path.glob("state-*Z"))
    assert 1 <= len(files) <= 3  # one may just have come
    assert stat.S_IMODE(files[-1].stat().st_mode) == 0o600
    found = summarize(files[-1], time.time())
    assert found.counts["streams"] >= 1
    assert [node["phase"] for node in found.nodes]
    assert time.time() - one.metric("holdfast_state_snapshot_timestamp_seconds") < 60
    assert one.stop() == 0
    wait_until(lambda: other.events("state_snapshot_written"))
