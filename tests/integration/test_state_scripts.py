"""`backup_state` and `restore_state` beside two gateways on a Redis that is wiped: what they do, refuse and note."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.gateway import Gateway, merged
from tests.integration.test_redis_gateways import client_of, publish, settings_at
from tests.parts import ROOT, require
from tests.proxies import free_port
from tests.redis_servers import RedisServer, running_redis

require("redis")

PREFIX = "scripts"
# No position check, which might begin streams anew between the wipe and the import.
MORE = {"broker": {"snapshot_path": None}, "client": {"position_check_interval": "1h"}}


class Operator:
    """Runs the scripts with some settings, and reads their audit lines."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder = folder
        self.backups = folder / "backups"
        self.backups.mkdir()
        self.audit = folder / "audit.jsonl"
        self.config = folder / "operator.yaml"
        self.config.write_text(yaml.safe_dump(settings))

    async def run(self, name: str, *words: str | Path, config: Path | None = None) -> tuple[int, dict[str, Any]]:
        """Run a script; return its exit code and its JSON."""
        where = ["--config", config or self.config, "--audit-log", self.audit, "--json"]
        command = [sys.executable, ROOT / "scripts" / f"{name}.py", *words, *where]
        env = {key: value for key, value in os.environ.items() if not key.startswith("HOLDFAST_")}
        done = await asyncio.to_thread(
            subprocess.run, command, cwd=self.folder, env=env, capture_output=True, text=True, timeout=120, check=False
        )
        return done.returncode, json.loads(done.stdout or "{}")

    async def act(self, name: str, *words: str | Path) -> tuple[int, dict[str, Any]]:
        """Run a script for good."""
        return await self.run(name, *words, "--yes", "--reason", "a drill")

    def lines(self) -> list[dict[str, Any]]:
        """Return the audit lines."""
        return [json.loads(line) for line in self.audit.read_text().splitlines()] if self.audit.exists() else []

    def files(self) -> list[Path]:
        """Return the backups, the oldest first."""
        return sorted(self.backups.iterdir())


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """Run one server."""
    with running_redis() as one:
        yield one


@pytest.fixture
def operator(server: RedisServer, tmp_path: Path) -> Operator:
    """Who runs scripts beside the gateways."""
    return Operator(tmp_path, settings_at(server.address, PREFIX))


def streams_of(server: RedisServer) -> dict[str, str]:
    """Return what Redis has of histories, by key."""
    keys = server.ask("KEYS", f"{PREFIX}:*:m").split()
    return {key: server.ask("HGETALL", key) for key in sorted(keys)}


@pytest.mark.timeout(200)
async def test_wiped_redis_comes_back_by_scripts(
    server: RedisServer, operator: Operator, start_gateway: Callable[[dict[str, Any]], Gateway]
) -> None:
    """Clients recover up to the backup and are told of the rest; without --yes nothing changes; each act is noted."""
    settings = merged(settings_at(server.address, PREFIX), MORE)
    one, other = start_gateway(settings), start_gateway(settings)
    async with client_of(one) as follower, client_of(other, "bob") as quiet:
        for client in (follower, quiet):
            await client.connect()
        ahead = await follower.subscribe("recover:a", recoverable=True)
        level = await quiet.subscribe("recover:b", recoverable=True)
        await asyncio.to_thread(publish, one, "recover:a", 1, 2, 3)
        await asyncio.to_thread(publish, one, "recover:b", 1, 2)
        await quiet.until(lambda: level.offset == 2, "what was published")

        code, found = await operator.run("backup_state", operator.backups)
        assert (code, found["acted"], operator.files(), operator.lines()) == (0, False, [], [])
        code, found = await operator.act("backup_state", operator.backups)
        assert (code, found["export"]["counts"]["streams"]) == (0, 2), found
        (file,) = operator.files()
        assert found["file"] == str(file)

        await asyncio.to_thread(publish, other, "recover:a", 4, 5)
        await follower.until(lambda: ahead.offset == 5, "what the backup has not")
        assert server.ask("FLUSHALL") == "OK"
        restore = ("restore_state", file, "--force-not-empty")
        code, found = await operator.run(*restore)
        assert (code, found["acted"], streams_of(server)) == (0, False, {})
        assert len(operator.lines()) == 2
        code, found = await operator.act(*restore)

        assert (code, found["import"]["failed"]) == (0, []), found
        await follower.until(lambda: len(ahead.results) >= 2, "the news that something is lost", 30)
        assert not ahead.results[-1].get("recovered")
        await quiet.until(lambda: len(level.results) >= 2, "a subscription to what came back", 30)
        assert level.results[-1]["recovered"]
        back = streams_of(server)
        assert (await operator.act(*restore))[0] == 0
        assert streams_of(server) == back
        assert await asyncio.to_thread(publish, one, "recover:a", 6) == [4]
        await follower.until(lambda: ahead.data[-1:] == [{"n": 6}], "what is new")
        await asyncio.to_thread(publish, one, "recover:b", 3)
        await quiet.until(lambda: level.data == [{"n": 1}, {"n": 2}, {"n": 3}], "what is new")
        assert level.gaps == []

    acts = ["backup_state", "restore_state", "restore_state"]
    assert [line["script"] for line in operator.lines() if line["phase"] == "begin"] == acts
    ends = [line for line in operator.lines() if line["phase"] == "end"]
    assert [(line["script"], line["exit"], line["why"]) for line in ends] == [(name, 0, "a drill") for name in acts]
    assert all("@" in line["who"] for line in ends)


@pytest.mark.timeout(200)
async def test_what_scripts_refuse(server: RedisServer, operator: Operator) -> None:
    """Each by its exit code, before anything is done; what failed behind the audit line is noted with its code."""
    away = operator.folder / "away.yaml"
    away.write_text(yaml.safe_dump(settings_at(f"127.0.0.1:{free_port()}", PREFIX)))
    alone = operator.folder / "alone.yaml"
    alone.write_text("broker: {type: memory}")
    backups = operator.backups
    yes = ("--yes", "--reason", "a drill")
    assert (await operator.act("backup_state", backups))[0] == 0
    (file,) = operator.files()
    torn = operator.folder / "torn"
    torn.write_bytes(file.read_bytes()[:-20])
    server.ask("XADD", f"{PREFIX}:{{a}}:s", "1-0", "d", "x")
    server.ask("HSET", f"{PREFIX}:{{a}}:m", "e", "epoch", "o", "1")
    before = len(operator.lines())

    codes = await asyncio.gather(
        operator.run("backup_state", backups, "--yes"),
        operator.run("backup_state", backups / "none", *yes),
        operator.run("restore_state", torn, *yes),
        operator.run("restore_state", operator.folder / "none", *yes),
        operator.run("restore_state", file, *yes),
        operator.run("restore_state", file, *yes, config=alone),
        operator.run("restore_state", file, *yes, config=away),
    )

    assert [code for code, _ in codes] == [3, 3, 2, 4, 2, 3, 4], codes
    assert len(operator.lines()) == before
    assert operator.files() == [file]
    code, found = await operator.run("backup_state", backups, *yes, config=away)
    assert (code, operator.files()) == (4, [file]), found
    assert [(line["phase"], line.get("exit")) for line in operator.lines()[before:]] == [("begin", None), ("end", 4)]
