"""TLS with a master that sentinels name, and with a cluster, where every server speaks nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import pytest

from holdfast.broker.redis_keys import slot_of
from holdfast.errors import BrokerError
from tests.brokers import publication
from tests.certificates import make_authority, write_certificate
from tests.parts import require
from tests.redis_brokers import KEEP, Instance, running_instance, some_prefix, until
from tests.redis_servers import RedisServer, Tls, running_cluster, running_sentinels

require("redis")

GetMaster = Callable[[bytes], RedisServer]


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    """A certificate for 127.0.0.1, and who signed it."""
    authority = make_authority("redis authority")
    cert, key = write_certificate(tmp_path, authority=authority)
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority.pem)
    return Tls(ca, cert, key)


@contextmanager
def servers_of(mode: str, tls: Tls) -> Iterator[tuple[list[str], GetMaster]]:
    """Run them; gives addresses for settings, and who the master of a key is."""
    if mode == "sentinel":
        with running_sentinels(tls=tls) as sentinels:
            yield sentinels.addresses, lambda _: sentinels.master()
        return
    with running_cluster(tls=tls) as cluster:

        def master_of(key: bytes) -> RedisServer:
            """Return the node that says it has the key's slot."""
            slot = str(slot_of(key))
            return next(one for one in cluster.masters() if one.ask("CLUSTER", "COUNTKEYSINSLOT", slot) != "0")

        yield cluster.addresses, master_of


async def failure_of(instance: Instance) -> BrokerError:
    """Return what a publication fails of."""
    with pytest.raises(BrokerError) as failed:
        await instance.broker.publish("news", publication("x"), KEEP)
    return failed.value


@pytest.mark.timeout(200)
@pytest.mark.parametrize("mode", ["sentinel", "cluster"])
async def test_master_that_is_killed_is_replaced_over_tls(mode: str, tls: Tls, tmp_path: Path) -> None:
    """Publications and the feed go on with the next one; a server that is not trusted is not used, by name."""
    other_ca = tmp_path / "other.pem"
    other_ca.write_bytes(make_authority("another authority").pem)
    prefix = some_prefix()
    with servers_of(mode, tls) as (addresses, master_of):
        async with AsyncExitStack() as stack:
            one, other = [
                await stack.enter_async_context(
                    running_instance(addresses, mode=mode, prefix=prefix, tls={"enabled": True, "ca_file": tls.ca})
                )
                for _ in range(2)
            ]
            await other.broker.subscribe("news")
            await one.publish_until_done("news", "1")
            await until(lambda: other.offsets == [1])
            for trust in ({"ca_file": other_ca}, {}):
                async with running_instance(addresses, mode=mode, tls={"enabled": True, **trust}) as distrustful:
                    failure = await failure_of(distrustful)
                assert failure.slug == "broker_unavailable"
                assert "certificate verify failed" in failure.detail

            master = await asyncio.to_thread(master_of, one.broker.link.keys.meta("news"))
            master.kill()
            for number in range(2, 12):
                await one.publish_until_done("news", str(number))
            await until(lambda: {"news"} in other.seen.resumed)
            await one.publish_until_done("news", "12")
            await until(lambda: other.offsets[-1] == 12)

            assert await one.read("news") == await other.read("news") == list(range(1, 13))
