"""A master that came back older: whoever saw what it lacks finds out, and no subscription has a silent gap."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from holdfast.broker.base import HistoryFilter
from holdfast.broker.redis_seen import Seen
from holdfast.errors import ChannelError
from holdfast.protocol.messages import StreamPosition
from tests.brokers import offsets
from tests.parts import require
from tests.redis_brokers import Instance, Switch, running_instance, some_prefix, until
from tests.redis_servers import RedisServer, running_redis, wait_until

require("redis")


@contextmanager
def running_two() -> Iterator[tuple[RedisServer, RedisServer]]:
    """Run a master and its replica."""
    with running_redis() as master, running_redis({"replicaof": f"127.0.0.1 {master.port}"}) as replica:
        wait_until(lambda: replica.info()["master_link_status"] == "up")
        yield master, replica


@dataclass
class Failover:
    """Two instances that come to a master, and then to its replica, by a switch."""

    master: RedisServer
    replica: RedisServer
    switch: Switch
    one: Instance
    other: Instance

    async def part(self) -> None:
        """Make the replica a master of its own, once it has everything so far."""

        def is_level() -> bool:
            info = self.master.info()
            return f"offset={info['master_repl_offset']}" in info["slave0"]

        await asyncio.to_thread(wait_until, is_level)
        assert self.replica.ask("REPLICAOF", "NO", "ONE") == "OK"

    def swap(self) -> None:
        """Lead everybody to the former replica."""
        self.switch.target = self.replica.port
        self.switch.cut()


@pytest.fixture
async def failover() -> AsyncIterator[Failover]:
    """Run it all."""
    with running_two() as (master, replica):
        async with Switch(master.port) as switch:
            prefix = some_prefix()
            async with (
                running_instance([switch.address], prefix=prefix) as one,
                running_instance([switch.address], prefix=prefix) as other,
            ):
                yield Failover(master, replica, switch, one, other)


async def test_master_without_the_newest_publications_begins_a_new_epoch(failover: Failover):
    """What was delivered and is lost ends the epoch, at every instance that had it."""
    one, other = failover.one, failover.other
    await other.broker.subscribe("news")
    first = (await one.publish("news", *"12345678"))[-1].position
    await failover.part()
    lost = (await one.publish("news", *"ab"))[-1].position
    await until(lambda: other.offsets == list(range(1, 11)))
    failover.swap()

    await until(lambda: other.seen.resumed)
    await until(lambda: other.broker.link.runs and not other.broker.link.outages)
    found = await other.broker.history("news", HistoryFilter(-1))

    assert lost == StreamPosition(10, first.epoch)
    assert found.position.epoch != first.epoch
    assert found.position.offset == 8  # what the new master has stays
    with pytest.raises(ChannelError, match="unrecoverable_position"):
        await one.broker.history("news", HistoryFilter(-1, lost))


async def test_offsets_are_not_given_again_under_the_old_epoch(failover: Failover):
    """The first publication after the failover goes under a new epoch, as its publisher knew of the lost ones."""
    one = failover.one
    await one.publish("news", *"12345678")
    await failover.part()
    lost = (await one.publish("news", *"ab"))[-1].position
    failover.swap()

    again = await one.publish_until_done("news", "c")

    assert (again.position.offset, again.position.epoch != lost.epoch) == (9, True)


async def test_what_an_old_master_took_later_is_told_as_well():
    """An instance that was slow to leave it tells those, too, who follow the new epoch already; each loss once."""
    with running_redis() as server:
        async with running_instance([server.address]) as one:
            await one.broker.subscribe("news")
            first = (await one.publish("news", *"1234"))[-1].position
            run = one.broker._seen.get("news").run
            look = one.broker._history.reconcile
            epochs = [first.epoch]
            for offset in (6, 6, 5, 9, 9):
                await look("news", [Seen(first.epoch, offset, run)])
                epochs.append((await one.publish("news", "x"))[0].position.epoch)

            a, b = epochs[1], epochs[4]
            assert epochs == [first.epoch, a, a, a, b, b]
            assert len({first.epoch, a, b}) == 3
            found = await one.broker.history("news", HistoryFilter(-1))
            assert offsets(found.publications) == list(range(1, 10))  # what was published since stays
            with pytest.raises(ChannelError, match="unrecoverable_position"):
                await one.broker.history("news", HistoryFilter(-1, StreamPosition(5, a)))


async def test_another_instances_publications_do_not_hide_the_loss(failover: Failover):
    """An instance that saw the lost ones finds out after an other has published beyond them."""
    one, other = failover.one, failover.other
    await one.publish("news", *"12345678")
    await failover.part()
    await other.broker.subscribe("news")
    lost = (await one.publish("news", *"ab"))[-1].position
    await until(lambda: other.offsets == [9, 10])
    # A third instance knows nothing of them.
    prefix = one.broker.link.keys.prefix.decode()
    async with running_instance([failover.replica.address], prefix=prefix) as third:
        after = (await third.publish("news", *"cdefg"))[-1].position
        assert after == StreamPosition(13, lost.epoch)
        failover.swap()

        await until(lambda: other.seen.resumed)
        found = await other.broker.history("news", HistoryFilter(-1))
        assert found.position.epoch != lost.epoch


async def test_channels_without_subscribers_are_looked_at_by_themselves(failover: Failover):
    """The publisher's instance finds the loss out, so that a client that comes back elsewhere is told."""
    one = failover.one
    await one.publish("news", *"12345678")
    await failover.part()
    lost = (await one.publish("news", *"ab"))[-1].position
    prefix = one.broker.link.keys.prefix.decode()
    async with running_instance([failover.replica.address], prefix=prefix) as third:
        await third.broker.subscribe("news")
        await third.publish("news", *"cdefg")
        failover.swap()

        await until(lambda: third.seen.resumed == [{"news"}])
        with pytest.raises(ChannelError, match="unrecoverable_position"):
            await third.broker.history("news", HistoryFilter(-1, lost))


async def test_failover_without_loss_changes_nothing(failover: Failover):
    """Epoch and history stay, and publications go on where they were."""
    one, other = failover.one, failover.other
    await other.broker.subscribe("news")
    before = (await one.publish("news", *"12345678"))[-1].position
    await until(lambda: len(other.offsets) == 8)
    await failover.part()
    failover.swap()
    await until(lambda: other.seen.resumed)
    after = await one.publish_until_done("news", "9")
    await until(lambda: other.offsets[-1] == 9)

    assert after.position == StreamPosition(9, before.epoch)
    assert await other.read("news") == list(range(1, 10))


async def test_server_that_lost_everything_begins_anew():
    """A Redis without persistence that restarts has no position; the next publication makes one."""
    with running_redis() as server:
        async with running_instance([server.address], prefix=some_prefix()) as one:
            await one.broker.subscribe("news")
            before = (await one.publish("news", *"123"))[-1].position
            await asyncio.to_thread(lambda: (server.kill(), server.start()))
            await until(lambda: one.seen.resumed)
            after = await one.publish_until_done("news", "4")

            assert (after.position.offset, after.position.epoch != before.epoch) == (1, True)
