"""Redis that fails: each way has its slug, nothing is doubled, no busy loop, and it heals by itself."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from holdfast.errors import BrokerError
from holdfast.protocol.messages import ClientInfo
from tests.certificates import make_authority, write_certificate
from tests.gateway import ROOT
from tests.parts import require
from tests.proxies import free_port
from tests.redis_brokers import KEEP, SEND, Instance, Switch, running_instance, some_prefix, until
from tests.redis_servers import RedisServer, running_redis, wait_until

require("redis")
PATIENCE = {"connect_timeout": 0.5, "timeout": 0.5}


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """Run a server that a test may break."""
    with running_redis({"enable-debug-command": "local"}) as one:
        yield one


@asynccontextmanager
async def instance_at(address: str, **settings: Any) -> AsyncIterator[Instance]:
    """Run a broker that has little patience."""
    async with running_instance([address], prefix=some_prefix(), **{**PATIENCE, **settings}) as one:
        yield one


async def slug_of(instance: Instance, *, is_undone: bool | None = True, **options: Any) -> str:
    """Return the slug with which a publication is refused."""
    with pytest.raises(BrokerError) as refused:
        await instance.publish("news", "1", options=replace(KEEP, **options))
    assert is_undone is None or refused.value.is_undone is is_undone
    return refused.value.slug


async def heals(instance: Instance) -> None:
    """Publish as soon as that is possible again, and see it delivered."""
    async with asyncio.timeout(30):
        while True:
            try:
                await instance.broker.subscribe("healed")
                await instance.publish("healed", "1")
                break
            except BrokerError:
                await asyncio.sleep(0.1)
    await until(lambda: "healed" in {name for name, *_ in instance.seen.publications})
    await until(lambda: not instance.broker.link.outages)


async def test_wrong_password_is_named_and_heals(server: RedisServer):
    """The password is in no error, and a change in Redis is enough."""
    server.ask("CONFIG", "SET", "requirepass", "right")
    server.cli_options = ["-a", "right", "--no-auth-warning"]
    async with instance_at(server.address, password="wrong-secret") as one:
        assert await slug_of(one) == "broker_auth_failed"
        assert one.broker.link.outages.slug == "broker_auth_failed"
        server.ask("CONFIG", "SET", "requirepass", "wrong-secret")
        await heals(one)


async def test_missing_password_is_named(server: RedisServer):
    """Redis that wants one says so."""
    server.ask("CONFIG", "SET", "requirepass", "right")
    async with instance_at(server.address) as one:
        assert await slug_of(one) == "broker_auth_failed"


async def test_user_with_the_rights_of_the_docs_can_do_all(server: RedisServer):
    """And one that lacks a right is told which."""
    rule = re.findall(r"^ACL SETUSER .*?(?=^```)", (ROOT / "docs/redis.md").read_text(), re.DOTALL | re.MULTILINE)[0]
    assert server.ask(*rule.replace("password", "secret").split()) == "OK"
    async with running_instance([server.address], user="holdfast", password="secret", **PATIENCE) as one:
        await one.broker.subscribe("news")
        await one.publish("news", "1", options=replace(KEEP, version=1, idempotency_key="k"))
        await one.publish("news", "2", options=SEND)
        assert await one.read("news") == [1]
        await one.broker.history_remove("news")
        await until(lambda: len(one.offsets) == 2)
        await one.broker.add_presence("news", "c1", ClientInfo("ann", "c1"), 60)
        await one.broker.tables.put("nodes", "a", b"1", 60)
        await one.broker.counters.add("ann", 60)
        await one.broker.sessions.put("ann", "1", b"1", 60)
        await one.broker.send(b"hello")
        await until(lambda: one.seen.messages)
        server.ask("ACL", "SETUSER", "holdfast", "-xadd")
        assert await slug_of(one, is_undone=False) == "broker_permission_denied"
        server.ask("ACL", "SETUSER", "holdfast", "+xadd")
        await heals(one)


async def test_replica_is_named(server: RedisServer):
    """Where the one server is a replica, nothing is published into the void."""
    with running_redis() as master:
        async with instance_at(server.address) as one:
            server.ask("REPLICAOF", "127.0.0.1", str(master.port))
            await until(lambda: one.broker.link.outages)
            assert await slug_of(one) == "broker_read_only"
            server.ask("REPLICAOF", "NO", "ONE")
            await heals(one)


async def test_full_memory_is_named(server: RedisServer):
    """Nothing is published, with or without history, and raising the limit heals."""
    async with instance_at(server.address) as one:
        await one.publish("news", "1")
        server.ask("CONFIG", "SET", "maxmemory", "1mb")
        assert await slug_of(one) == "broker_out_of_memory"
        assert await slug_of(one, history_size=0) == "broker_out_of_memory"
        server.ask("CONFIG", "SET", "maxmemory", "0")
        await heals(one)


async def test_missing_replicas_are_named(server: RedisServer):
    """Redis refuses by itself, or does not confirm in time; only then may it have had effect."""
    async with instance_at(server.address) as one:
        assert await slug_of(one, is_undone=False, durability=1) == "durability_not_met"
        server.ask("CONFIG", "SET", "min-replicas-to-write", "1")
        assert await slug_of(one) == "durability_not_met"
        server.ask("CONFIG", "SET", "min-replicas-to-write", "0")
        await heals(one)


async def test_confirmed_publications_are_at_the_replica(server: RedisServer):
    """What was acknowledged with `durability` survives the master; a repeated key is confirmed too."""
    with running_redis({"replicaof": f"127.0.0.1 {server.port}"}) as replica:
        wait_until(lambda: replica.info()["master_link_status"] == "up")
        async with instance_at(server.address, timeout=10) as one:
            keyed = replace(KEEP, durability=1, idempotency_key="k")
            await asyncio.gather(
                *(one.publish("news", f"{n}", options=replace(KEEP, durability=1)) for n in range(200))
            )
            first = (await one.publish("news", "k", options=keyed))[0]
            again = (await one.publish("news", "k", options=keyed))[0]
            stream = one.broker.link.keys.stream("news").decode()

            assert (again.position, again.suppressed) == (first.position, True)
            assert replica.ask("XLEN", stream) == "201"
            waits = server.ask("INFO", "commandstats").split("cmdstat_wait:calls=")[1].split(",")[0]
            assert int(waits) < 100
            replica.kill()
            wait_until(lambda: server.info()["connected_slaves"] == "0")
            one.broker.link.settings.__dict__["timeout"] = 1.0
            with pytest.raises(BrokerError, match="durability_not_met"):
                await one.publish("news", "k", options=keyed)


async def test_flushed_scripts_are_sent_again(server: RedisServer):
    """Nobody notices."""
    async with instance_at(server.address) as one:
        await one.publish("news", "1")
        server.ask("SCRIPT", "FLUSH")
        await asyncio.gather(*(one.publish("news", f"{number}") for number in range(20)))

        assert await one.read("news") == list(range(1, 22))


@pytest.mark.parametrize("pause", [0.1, 3.0])
async def test_slow_server_is_borne_or_named(server: RedisServer, pause: float):
    """Below the timeout it is only slow; above it publishers are told, and it heals."""
    async with instance_at(server.address) as one:
        await one.publish("news", "1")
        slow = asyncio.create_task(asyncio.to_thread(server.ask, "DEBUG", "SLEEP", f"{pause}"))
        with pytest.raises(BrokerError) if pause > 1 else nullcontext() as refused:
            for _ in range(100):
                await asyncio.sleep(0.01)
                await one.publish("news", "2")
        if refused is not None:
            assert (refused.value.slug, refused.value.is_undone) == ("broker_timeout", False)
            started = asyncio.get_running_loop().time()
            for _ in range(5):
                assert await slug_of(one) in {"broker_timeout", "broker_unavailable"}
            assert asyncio.get_running_loop().time() - started < 2.5
        await slow
        await heals(one)


async def test_paused_clients_are_named(server: RedisServer):
    """CLIENT PAUSE, as a managed failover does, heals by itself."""
    async with instance_at(server.address) as one:
        await one.publish("news", "1")
        server.ask("CLIENT", "PAUSE", "2000")
        assert await slug_of(one, is_undone=None) == "broker_timeout"
        await heals(one)


async def test_silence_on_the_way_is_found(server: RedisServer):
    """Packets that are dropped without a word cost a few seconds, not the life of a TCP connection."""
    async with Switch(server.port) as switch, instance_at(switch.address) as one:
        await one.broker.subscribe("news")
        switch.stop()
        await until(lambda: one.seen.interruptions)
        assert await slug_of(one, is_undone=None) in {"broker_timeout", "broker_unavailable"}
        switch.go_on()
        await until(lambda: one.seen.resumed)
        await heals(one)


async def test_away_for_long_is_no_busy_loop_and_leaks_nothing(server: RedisServer):
    """A few attempts a second in all, failures at once, one line in the log at each end, no socket left over."""
    async with Switch(server.port) as switch, instance_at(switch.address) as one:
        await one.broker.subscribe("news")
        await one.read("news")
        sockets = _sockets()
        server.kill()
        await until(lambda: one.broker.link.outages)
        await asyncio.sleep(1)
        before, spent = switch.opened, os.times().user
        loop = asyncio.get_running_loop()
        started = loop.time()
        for _ in range(200):
            assert await slug_of(one) == "broker_unavailable"
            await asyncio.sleep(0.01)
        seconds = loop.time() - started
        assert switch.opened - before < 20 * seconds
        assert os.times().user - spent < 0.5 * seconds
        await asyncio.to_thread(server.start)
        await heals(one)
        await until(lambda: _sockets() <= sockets)
    await until(lambda: not switch.open)


def _sockets() -> int:
    """Return how many sockets this process has."""
    found = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            found += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
        except OSError:
            continue
    return found


@pytest.mark.parametrize(
    "greeting", [b"$29\r\nredis_version:6.2.14\r\nrole:x\r\n\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n"]
)
async def test_old_server_is_named(greeting: bytes):
    """One before 7, and what is no Redis at all."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(greeting * data.count(b"INFO") if b"INFO" in data else b"+OK\r\n")
        writer.close()

    fake = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with instance_at(f"127.0.0.1:{fake.sockets[0].getsockname()[1]}") as one:
        assert await slug_of(one) == "broker_version"
    fake.close()


@pytest.mark.parametrize("part", ["stream", "meta", "idempotency"])
@pytest.mark.parametrize("make", [["SET"], ["HSET", "field"], ["LPUSH"]])
async def test_foreign_key_is_named_and_left_alone(server: RedisServer, part: str, make: list[str]):
    """A key that others made under our prefix costs its channel alone, and is not deleted."""
    async with instance_at(server.address) as one:
        keys = one.broker.link.keys
        key = (keys.idempotency("news", "k") if part == "idempotency" else getattr(keys, part)("news")).decode()
        if part == "idempotency" and make == ["SET"]:
            pytest.skip("a result is a string")
        server.ask(make[0], key, *make[1:], "theirs")
        with pytest.raises(BrokerError, match="broker_foreign_key") as refused:
            await one.publish("news", "1", options=replace(KEEP, idempotency_key="k"))

        assert refused.value.is_undone
        assert "news" in refused.value.detail
        assert server.ask("EXISTS", key) == "1"
        assert not one.broker.link.outages
        await one.publish("chat", "1")


async def test_loading_server_is_named_and_heals(server: RedisServer):
    """A server that starts with much data takes its time."""
    server.ask("DEBUG", "POPULATE", "50000", "key", "100")
    async with instance_at(server.address, timeout=20) as one:
        server.ask("CONFIG", "SET", "key-load-delay", "100")
        server.ask("CONFIG", "SET", "loading-process-events-interval-bytes", "1024")
        reloading = asyncio.create_task(asyncio.to_thread(server.ask, "DEBUG", "RELOAD"))
        seen = set()
        while not reloading.done():
            try:
                await one.publish("news", "1")
            except BrokerError as error:
                seen.add(error.slug)
            await asyncio.sleep(0.005)
        assert "broker_loading" in seen
        await heals(one)


async def test_tls_is_spoken_and_checked(tmp_path: Path):
    """With a certificate of the gateway's own where Redis asks for one; a server that is not trusted is not used."""
    authority = make_authority("redis authority")
    cert, key = write_certificate(tmp_path, authority=authority)
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority.pem)
    tls_port = free_port()
    options = {
        "tls-port": str(tls_port),
        "tls-cert-file": str(cert),
        "tls-key-file": str(key),
        "tls-ca-cert-file": str(ca),
    }
    with running_redis(options):
        files = {"ca_file": ca, "cert_file": cert, "key_file": key}
        async with instance_at(f"127.0.0.1:{tls_port}", tls={"enabled": True, **files}) as one:
            await heals(one)
        async with instance_at(f"127.0.0.1:{tls_port}", tls={"enabled": True, "ca_file": ca}) as one:
            assert await slug_of(one, is_undone=None) == "broker_unavailable"
        async with instance_at(f"127.0.0.1:{tls_port}", tls={"enabled": True}) as one:
            assert await slug_of(one) == "broker_unavailable"
