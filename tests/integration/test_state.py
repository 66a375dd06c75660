"""State that survives: out of Redis into a file and back, and what everybody is told who saw more than the file has."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from holdfast.broker.base import HistoryFilter, PublishOptions
from holdfast.broker.redis_link import RedisLink
from holdfast.broker.redis_stores import RedisStores
from holdfast.broker.state_export import Exporter
from holdfast.broker.state_import import Imported, Importer, Terms
from holdfast.broker.state_summary import summarize
from holdfast.errors import ChannelError
from holdfast.protocol.messages import ClientInfo, StreamPosition
from holdfast.settings_broker import RedisSettings
from tests.brokers import offsets, publication
from tests.parts import require
from tests.redis_brokers import ALL, Instance, running_instance, some_prefix
from tests.redis_servers import RedisServer, running_cluster, running_redis
from tests.runbooks import ROOT

require("redis")


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """Run a server that tests may flush."""
    with running_redis() as server:
        yield server


@asynccontextmanager
async def opened(addresses: list[str], prefix: str, **settings: str) -> AsyncIterator[RedisLink]:
    """Open a way to Redis for the length of a block."""
    link = RedisLink(RedisSettings.model_validate({"addresses": addresses, "prefix": prefix, **settings}))
    await link.start()
    try:
        yield link
    finally:
        await link.stop()


async def save(link: RedisLink, path: Path) -> dict[str, int]:
    """Export, and return what was counted."""
    return dict((await Exporter(link, 100_000).write(path)).counts)


async def bring_back(link: RedisLink, path: Path, **terms: Any) -> Imported:
    """Import what nothing speaks against."""
    importer = Importer(link, Terms(**{"acts": True, "rate": 100_000, **terms}))
    found = summarize(path, time.time())

    assert await importer.objections(found) == []
    return await importer.run(found)


def outcomes(done: Imported) -> dict[str, int]:
    """Return what became of things, whatever kind."""
    found: dict[str, int] = {}
    for (_, outcome), number in done.counts.items():
        found[outcome] = found.get(outcome, 0) + number
    return found


async def since(instance: Instance, channel: str, offset: int, epoch: str) -> list[int] | None:
    """Return the offsets behind a position, None where they cannot be told."""
    try:
        found = await instance.broker.history(channel, HistoryFilter(-1, StreamPosition(offset, epoch)))
    except ChannelError:
        return None
    return offsets(found.publications)


async def test_history_survives_a_wiped_redis(redis: RedisServer, tmp_path: Path):
    """Who saw no more than the file has recovers and goes on; who saw more is told, also after others published."""
    prefix, path = some_prefix(), tmp_path / "state"
    async with running_instance([redis.address], prefix=prefix) as one, opened([redis.address], prefix) as link:
        epoch = (await one.publish("a", *"12345"))[-1].position.epoch
        assert (await save(link, path))["streams"] == 1
        await one.publish("a", *"678")
        assert redis.ask("FLUSHALL") == "OK"
        done = await bring_back(link, path)

        async with running_instance([redis.address], prefix=prefix) as other:
            assert outcomes(done)["new"] >= 1
            assert await since(other, "a", 3, epoch) == [4, 5]
            assert await since(other, "a", 5, epoch) == []
            assert await since(other, "a", 6, epoch) is None
            result = (await other.publish("a", *"abcd"))[-1].position
            assert result.offset == 9
            assert result.epoch != epoch
            assert await since(other, "a", 4, epoch) == [5, 6, 7, 8, 9]
            assert await since(other, "a", 8, epoch) is None
            assert await since(one, "a", 8, epoch) is None
            data = [bytes(one.data) for one in (await other.broker.history("a", ALL)).publications]
            assert data == [bytes(publication(text).data) for text in "12345abcd"]


async def test_import_repeated_changes_nothing(redis: RedisServer, tmp_path: Path):
    """A second import finds everything there, and a rehearsal does nothing at all."""
    prefix, path = some_prefix(), tmp_path / "state"
    async with running_instance([redis.address], prefix=prefix) as one, opened([redis.address], prefix) as link:
        await one.publish("a", *"123", options=PublishOptions(history_size=10, history_ttl=300, idempotency_key="k"))
        await one.publish("b", *"12")
        await save(link, path)
        assert redis.ask("FLUSHALL") == "OK"

        rehearsed = await bring_back(link, path, acts=False)
        assert redis.ask("DBSIZE") == "0"
        first = await bring_back(link, path)
        assert rehearsed.counts == first.counts
        await one.publish("a", "4")
        again = await bring_back(link, path, not_empty=True)
        assert outcomes(again) == {"same": sum(first.counts.values())}
        assert await one.read("b") == [1, 2]


async def test_file_imported_twice_makes_two_epochs(redis: RedisServer, tmp_path: Path):
    """Who saw what came after the first import, and was lost again, is told after the second one; others recover."""
    prefix, path, later = some_prefix(), tmp_path / "state", tmp_path / "later"
    async with running_instance([redis.address], prefix=prefix) as one, opened([redis.address], prefix) as link:
        epoch = (await one.publish("a", *"123"))[-1].position.epoch
        await save(link, path)
        assert redis.ask("FLUSHALL") == "OK"
        await bring_back(link, path)
        between = (await one.publish("a", *"456"))[-1].position.epoch
        await save(link, later)
        await one.publish("a", "7")
        assert redis.ask("FLUSHALL") == "OK"
        await bring_back(link, path)
    async with running_instance([redis.address], prefix=prefix) as other, opened([redis.address], prefix) as link:
        await other.publish("a", *"abcdef")
        assert await since(other, "a", 5, between) is None
        assert await since(other, "a", 2, epoch) == [3, 4, 5, 6, 7, 8, 9]
        assert redis.ask("FLUSHALL") == "OK"
        await bring_back(link, later)
        await other.publish("a", *"xy")

        assert await since(other, "a", 5, between) == [6, 7, 8]
        assert await since(other, "a", 2, epoch) == [3, 4, 5, 6, 7, 8]
        assert await since(other, "a", 7, between) is None
        assert await since(other, "a", 4, epoch) is None


async def test_import_overwrites_nothing_newer(redis: RedisServer, tmp_path: Path):
    """Streams that went on, or began anew since, stay, unless it is said that they must not."""
    prefix, path = some_prefix(), tmp_path / "state"
    async with running_instance([redis.address], prefix=prefix) as one, opened([redis.address], prefix) as link:
        await one.publish("on", *"12")
        await one.publish("anew", *"12")
        await save(link, path)
        await one.publish("on", "3")
        assert redis.ask("UNLINK", f"{prefix}:{{anew}}:m", f"{prefix}:{{anew}}:s") == "2"
    async with running_instance([redis.address], prefix=prefix) as one, opened([redis.address], prefix) as link:
        await one.publish("anew", "x")

        assert (await bring_back(link, path, not_empty=True)).counts["streams", "newer"] == 2
        assert await one.read("anew") == [1]
        done = await bring_back(link, path, not_empty=True, replaces=True)
        assert done.counts["streams", "newer"] == 1
        assert done.counts["streams", "replaced"] == 1
        assert await one.read("anew") == [1, 2]
        assert await one.read("on") == [1, 2, 3]


async def test_results_come_back_with_their_publications(redis: RedisServer, tmp_path: Path):
    """A repeated publication is known where it came back; what is lost may be published again."""
    prefix, path = some_prefix(), tmp_path / "state"

    def keyed(key: str) -> PublishOptions:
        return PublishOptions(history_size=10, history_ttl=300, history_meta_ttl=600, idempotency_key=key)

    async with running_instance([redis.address], prefix=prefix) as one, opened([redis.address], prefix) as link:
        await one.publish("a", "1", options=keyed("one"))
        await save(link, path)
        assert redis.ask("FLUSHALL") == "OK"
        await bring_back(link, path)
        (again,) = await one.publish("a", "1", options=keyed("one"))

        assert again.suppressed
        assert again.position.offset == 1
        assert again.position.epoch == (await one.broker.history("a", HistoryFilter())).position.epoch
        assert await one.read("a") == [1]


async def test_long_streams_are_read_and_written_in_pages(redis: RedisServer, tmp_path: Path):
    """However long a history is, it comes back whole, with tags, authors and versions."""
    prefix, path = some_prefix(), tmp_path / "state"
    async with running_instance([redis.address], prefix=prefix) as one, opened([redis.address], prefix) as link:
        for number in range(1100):
            await one.publish("a", str(number), options=PublishOptions(1000, 300, 600, version=number + 1))
        await save(link, path)
        assert redis.ask("FLUSHALL") == "OK"
        await bring_back(link, path)

        assert await one.read("a") == list(range(101, 1101))
        (late,) = await one.publish("a", "x", options=PublishOptions(1000, 300, 600, version=1000))
        assert late.suppressed


async def test_stores_come_back(redis: RedisServer, tmp_path: Path):
    """Sessions, revocations, counters and presence do; what instances tell of themselves does not."""
    prefix, path = some_prefix(), tmp_path / "state"
    async with opened([redis.address], prefix) as link:
        stores = RedisStores(link, "one")
        await stores.sessions.put("42", "s", b"value:1", 60)
        await stores.tables.put("revocations", "user:42", b"\xff:r", 60)
        await stores.tables.put("nodes", "one", b"\x80", 60)
        await stores.counters.add("login:42", 60, 3)
        await stores.counters.take("bucket", 0.1, 5)
        await stores.add_presence("a", "c", ClientInfo("42", "c"), 60)
        counts = await save(link, path)
        assert redis.ask("FLUSHALL") == "OK"
        await stores.sessions.put("43", "s", b"later", 60)
        await bring_back(link, path, not_empty=True)

        assert counts == {"sessions": 1, "revocations": 1, "nodes": 1, "counters": 1, "presence": 1}
        assert await stores.sessions.get("42", "s") == b"value:1"
        assert await stores.tables.read("revocations") == {"user:42": b"\xff:r"}
        assert await stores.tables.read("nodes") == {}
        assert (await stores.counters.get("login:42")).value == 3
        assert list(await stores.presence("a")) == ["c"]
        assert 0 < int(redis.ask("PTTL", f"{prefix}:l:{{42}}")) <= 60_000


async def test_objections_name_what_allows_it(redis: RedisServer, tmp_path: Path):
    """Another prefix, an old file and a Redis in use are refused, each by the name of its option."""
    prefix, path = some_prefix(), tmp_path / "state"
    async with running_instance([redis.address], prefix=prefix) as one, opened([redis.address], prefix) as link:
        await one.publish("a", "1")
        await save(link, path)
    async with opened([redis.address], prefix + "-b") as elsewhere, opened([redis.address], prefix) as link:
        found = summarize(path, time.time())

        (fault,) = await Importer(elsewhere, Terms()).objections(found)
        assert "--force-prefix" in fault
        (fault,) = await Importer(link, Terms(rate=1e5)).objections(found)
        assert "--force-not-empty" in fault
        assert "'a'" in fault
        later = Importer(elsewhere, Terms(any_prefix=True), wall_clock=lambda: time.time() + 90000)
        (fault,) = await later.objections(found)
        assert "--force-old" in fault


async def test_user_of_instances_may_do_it_all(redis: RedisServer, tmp_path: Path):
    """What docs/redis.md gives the user of a gateway suffices."""
    prefix, path = some_prefix(), tmp_path / "state"
    rules = re.search(r"ACL SETUSER holdfast ([^`]*)", (ROOT / "docs" / "redis.md").read_text("utf-8"))
    assert rules is not None
    assert redis.ask("ACL", "SETUSER", "holdfast", *rules[1].replace("holdfast:", f"{prefix}:").split()) == "OK"
    who = {"user": "holdfast", "password": "password"}
    async with (
        running_instance([redis.address], prefix=prefix, **who) as one,
        opened([redis.address], prefix, **who) as link,
    ):
        await one.publish("a", "1")
        assert await save(link, path) == {"streams": 1}
        assert redis.ask("FLUSHALL") == "OK"

        assert (await bring_back(link, path)).counts["streams", "new"] == 1
        assert await one.read("a") == [1]


async def test_cluster_is_exported_master_by_master(tmp_path: Path):
    """Channels of all slots come out of a cluster, and back into it."""
    prefix, path = some_prefix(), tmp_path / "state"
    with running_cluster() as cluster:
        addresses = cluster.addresses
        async with (
            running_instance(addresses, prefix=prefix, mode="cluster") as one,
            opened(addresses, prefix, mode="cluster") as link,
        ):
            for number in range(30):
                await one.publish(f"c{number}", *"123")
            counts = await save(link, path)
            for master in cluster.masters():
                assert master.ask("FLUSHALL") == "OK"
            done = await bring_back(link, path)

            assert counts["streams"] == 30
            assert done.counts["streams", "new"] == 30
            assert [await one.read(f"c{number}") for number in range(30)] == [[1, 2, 3]] * 30
