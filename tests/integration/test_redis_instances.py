"""What instances on one Redis share beside publications: sessions and locks of the login, and who is present."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.broker_worlds import GetRedis, until
from tests.gateway import Gateway
from tests.integration.test_login import PASSWORD, Browser, add_user
from tests.redis_servers import RedisServer, running_redis
from tests.reference_client import ReferenceClient
from tests.socket_session import SocketSession

PRESENCE_SECONDS = 3
Start = Callable[[dict[str, Any]], Gateway]


def settings(address: str, prefix: str, users: Path, **lockout: Any) -> dict[str, Any]:
    """Return settings of an instance with a login."""
    redis = {"addresses": [address], "prefix": prefix, "timeout": 1}
    return {
        "broker": {"type": "redis", "redis": redis, "presence_ttl": PRESENCE_SECONDS},
        "client": {"presence_update_interval": 1},
        "auth": {"enabled": True, "users_path": str(users), "lockout": {"rate": 1000, "burst": 1000, **lockout}},
    }


@pytest.fixture
def two(get_redis: GetRedis, start_gateway: Start, tmp_path: Path) -> tuple[Gateway, Gateway]:
    """Run two instances."""
    redis = get_redis("single")
    prefix = redis.fresh().broker.redis.prefix
    given = settings(redis.masters[0].address, prefix, tmp_path / "users.sqlite", failures=3, first=60)
    return start_gateway(given), start_gateway(given)


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """Run a server of the test's own."""
    with running_redis() as one:
        yield one


def there(browser: Browser, other: Gateway) -> Browser:
    """Return the same browser at another instance."""
    found = Browser(other)
    found.cookies = dict(browser.cookies)
    return found


def test_session_goes_on_at_the_other_instance(two: tuple[Gateway, Gateway]):
    """It is refreshed there, and ended there it has ended here."""
    one, other = two
    browser = Browser(one, add_user(one, "ann"))
    elsewhere = there(browser, other)

    assert elsewhere.refresh().status_code == 200
    assert elsewhere.ask("/auth/logout", {}).status_code == 204
    assert there(elsewhere, one).refresh().json()["slug"] == "session_signed_out"


def test_failures_are_counted_together(two: tuple[Gateway, Gateway]):
    """Whoever goes from one instance to the next has no more tries."""
    one, other = two
    name = add_user(one, "bob")
    answers = [Browser(gateway).log_in(name, "wrong") for gateway in (one, other, one, other)]

    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    assert Browser(one).log_in(name).status_code == 429


def test_login_without_redis_judges_nobody(server: RedisServer, start_gateway: Start, tmp_path: Path):
    """Right and wrong have one answer until it is back, and nobody is locked out by it."""
    gateway = start_gateway(settings(server.address, "away", tmp_path / "users.sqlite", failures=3))
    name = add_user(gateway, "ann")
    server.kill()
    answers = [Browser(gateway).log_in(name, password) for password in ("wrong", PASSWORD, "wrong", "wrong", "wrong")]

    assert {answer.status_code for answer in answers} == {503}
    assert {answer.json()["slug"] for answer in answers} == {"broker_unavailable"}
    server.start()
    asyncio.run(until(lambda: Browser(gateway).log_in(name).status_code == 200))


def client_of(gateway: Gateway, user: str) -> ReferenceClient:
    """Return a client of a gateway."""
    return ReferenceClient(gateway.url, SocketSession, token=gateway.token(user))


async def users_at(gateway: Gateway, channel: str) -> list[str]:
    """Return who is present, as an instance tells."""
    found = await asyncio.to_thread(gateway.call, "presence", channel=channel)
    return sorted(info["user"] for info in found["result"]["presence"].values())


@pytest.mark.parametrize("is_killed", [True, False])
async def test_presence_of_an_instance_that_ended(two: tuple[Gateway, Gateway], is_killed: bool):
    """Where it was stopped its clients are gone at once, where it died they go by themselves; others stay."""
    one, other = two
    async with client_of(one, "ann") as ann, client_of(other, "bob") as bob:
        for client in (ann, bob):
            await client.connect()
            await client.subscribe("presence:a")
        await asyncio.sleep(PRESENCE_SECONDS + 1)  # longer than an entry lives unless it is refreshed
        assert await users_at(other, "presence:a") == ["ann", "bob"]
        await asyncio.to_thread(one.kill if is_killed else one.stop)
        if is_killed:
            assert await users_at(other, "presence:a") == ["ann", "bob"]
            await asyncio.sleep(PRESENCE_SECONDS)

        assert await users_at(other, "presence:a") == ["bob"]
        stats = await asyncio.to_thread(other.call, "presence_stats", channel="presence:a")
        assert stats["result"] == {"num_clients": 1, "num_users": 1}
