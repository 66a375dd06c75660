"""Tests of scripts/cluster/files.py: what the processes of `make run-cluster` are started with."""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path

import pytest
import yaml

from tests.contract.source import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from cluster import files

SECRETS = {name: f"the-secret-of-{name}-which-is-long-enough" for name in files.SECRETS}


def plan(*, has_sentinels: bool = False) -> files.Plan:
    """Return a plan with the usual ports."""
    ports = {**files.USUAL_PORTS, **(files.SENTINEL_PORTS if has_sentinels else {})}
    return files.Plan(ports, SECRETS, has_sentinels)


@pytest.mark.parametrize("has_sentinels", [False, True])
def test_gateway_settings_are_good_ones(has_sentinels: bool, tmp_path: Path) -> None:
    """Each instance starts with its file, and they differ in name and ports alone."""
    from holdfast.settings_load import load_settings

    texts = [files.gateway_settings(plan(has_sentinels=has_sentinels), name) for name in files.INSTANCES]
    for name, text in zip(files.INSTANCES, texts, strict=True):
        (tmp_path / name).write_text(text)
        loaded = load_settings(tmp_path / name, {})
        assert (loaded.instance, loaded.broker.redis.mode) == (name, "sentinel" if has_sentinels else "single")
    first, second = (yaml.safe_load(text) for text in texts[:2])

    assert {key for key in first if first[key] != second[key]} == {"instance", "port", "internal_port"}


def test_ports_that_are_taken_are_replaced() -> None:
    """The usual ports where they are free, another one each where they are not."""
    wanted = {"a": 1, "b": 2}

    assert files.choose(wanted, any_ports=False, is_free=lambda port: True) == wanted
    chosen = files.choose(wanted, any_ports=False, is_free=lambda port: port != 2)
    assert chosen["a"] == 1
    assert chosen["b"] not in (1, 2)
    assert set(files.choose(wanted, any_ports=True, is_free=lambda port: True).values()).isdisjoint({1, 2})


def test_secrets_are_made_once_and_hidden(tmp_path: Path) -> None:
    """The next start has the same ones, nobody else can read them, and Redis' file has only their hashes."""
    path = tmp_path / "cluster" / "secrets.json"
    made = files.ensure_secrets(path)

    assert files.ensure_secrets(path) == made
    assert len(set(made.values())) == len(files.SECRETS)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    users = files.users(plan())
    assert hashlib.sha256(SECRETS["redis"].encode()).hexdigest() in users
    assert not any(secret in users for secret in SECRETS.values())


def test_gateway_has_the_rights_of_the_docs() -> None:
    """The user of the cluster's Redis is the one that docs/redis.md shows."""
    page = (ROOT / "docs" / "redis.md").read_text(encoding="utf-8")
    rule = re.findall(r"^ACL SETUSER holdfast on >password (.*?)\n```", page, re.DOTALL | re.MULTILINE)[0]

    assert set(files.GATEWAY_RIGHTS.split()) - set(rule.split()) == {"+client|setname"}
    assert set(rule.split()) <= set(files.GATEWAY_RIGHTS.split())


def test_balancer_has_the_addresses_of_this_machine() -> None:
    """Nothing of the example's network is left, and each instance is asked at its internal port."""
    text = files.balancer_settings(plan())

    assert "10.0.0." not in text
    assert "server gateway-2 127.0.0.1:8002 check port 9002\n" in text
    assert "server gateway-2 127.0.0.1:9002 check\n" in text
    assert set(re.findall(r"bind (\S+)", text)) == {"127.0.0.1:8000", "127.0.0.1:9000", "127.0.0.1:8404"}


def test_files_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One Redis keeps its data for the next start; several begin empty; no log of an earlier start is left."""
    monkeypatch.chdir(tmp_path)
    files.write_all(plan())
    (files.REDIS_FOLDER / "data").touch()
    files.write_all(plan(has_sentinels=True))
    (files.FOLDER / "redis-2" / "data").touch()
    files.log_of("gateway-1").touch()
    files.write_all(plan(has_sentinels=True))

    assert (files.REDIS_FOLDER / "data").exists()
    assert not (files.FOLDER / "redis-2" / "data").exists()
    assert not files.log_of("gateway-1").exists()
    assert "replicaof 127.0.0.1 6390\n" in (files.FOLDER / "redis-2" / "redis.conf").read_text()
    assert "replicaof" not in (files.FOLDER / "redis-1" / "redis.conf").read_text()
    assert "sentinel monitor mymaster 127.0.0.1 6390 2\n" in (files.FOLDER / "sentinel-3/sentinel.conf").read_text()
