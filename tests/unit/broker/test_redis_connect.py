from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from holdfast.broker.redis_connect import (
    Address,
    check_server,
    connection_options,
    make_sentinel,
    parse_address,
    read_info,
    server_of,
)
from holdfast.broker.redis_wire import Server
from holdfast.errors import BrokerError
from holdfast.settings_broker import RedisSettings, RedisTlsSettings


def test_address_comes_from_its_setting():
    """Names, addresses of both families, and back."""
    assert parse_address("redis-1:6379") == Address("redis-1", 6379)
    assert parse_address("[::1]:6379") == Address("::1", 6379)
    assert [str(parse_address(one)) for one in ("a:1", "[::1]:2")] == ["a:1", "[::1]:2"]


def test_options_have_user_database_and_tls():
    """What is set is given to redis-py; nothing is tried twice."""
    tls = RedisTlsSettings(enabled=True, ca_file=Path("/ca.pem"))
    options = connection_options(RedisSettings(user="u", password=SecretStr("secret"), db=3, tls=tls))

    assert (options["username"], options["password"], options["db"]) == ("u", "secret", 3)
    assert options["ssl_ca_certs"] == "/ca.pem"
    assert options["retry"].get_retries() == 0


def test_options_of_a_cluster_have_no_database():
    """A cluster has database 0 alone."""
    assert "db" not in connection_options(RedisSettings(mode="cluster", db=3))


async def test_sentinels_have_users_of_their_own():
    """The password of Redis is not sent to sentinels."""
    sentinel = make_sentinel(
        RedisSettings(
            addresses=("a:1", "b:2"),
            password=SecretStr("secret"),
            sentinel_user="s",
            sentinel_password=SecretStr("other"),
        )
    )

    options = sentinel.sentinels[1].connection_pool.connection_kwargs
    assert (options["host"], options["port"], options["username"], options["password"]) == ("b", 2, "s", "other")


@pytest.mark.parametrize(("version", "is_fine"), [("7.0.15", True), ("8.2", True), ("6.2.14", False), ("", False)])
def test_old_server_is_refused(version: str, is_fine: bool):
    """Sharded pub/sub and scripts with flags need version 7."""
    server = Server(version, b"", True)
    if is_fine:
        check_server(server, Address("a", 1))
        return
    with pytest.raises(BrokerError, match="broker_version"):
        check_server(server, Address("a", 1))


def test_server_is_read_from_info():
    """Version, a short name of the run, and whether it is the master."""
    facts = read_info(b"# Server\r\nredis_version:7.0.15\r\nmaster_replid:0123456789abcdef\r\nrole:slave\r\n")

    assert server_of(facts) == Server("7.0.15", b"0123456789", False)
    assert server_of({"redis_version": "7", "run_id": "abc"}) == Server("7", b"abc", True)
