from __future__ import annotations

from holdfast.broker.tables import MemoryTables
from holdfast.errors import BrokerError
from holdfast.monitoring.log_secrets import TABLE, LogSecrets
from holdfast.monitoring.log_tokens import LogTokens
from tests.brokers import Clock

TTL = 60.0


class Tables(MemoryTables):
    """Tables that count."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.calls: list[str] = []
        self.is_away = False

    async def put(self, table: str, name: str, value: bytes, ttl: float) -> None:
        """Count and keep."""
        self.calls.append("put")
        await super().put(table, name, value, ttl)

    async def read(self, table: str) -> dict[str, bytes]:
        """Count and return."""
        self.calls.append("read")
        if self.is_away:
            raise BrokerError("broker_unavailable")
        return await super().read(table)


def secrets_of(tables: Tables, name: str, clock: Clock) -> tuple[LogSecrets, LogTokens]:
    """Return an instance's secrets, and its tokens."""
    found = LogSecrets(tables, name, name.encode() * 8, TTL, clock)
    found.tokens = LogTokens(found.own, TTL, clock)
    return found, found.tokens


async def test_token_of_another_instance_is_good() -> None:
    """Once its secret is known, and that for as long after it has gone as its tokens live."""
    clock = Clock()
    tables = Tables(clock)
    (here, tokens), (there, others) = (secrets_of(tables, name, clock) for name in ("here", "there"))
    await here.share()
    await there.share()
    token = others.issue("a" * 32)
    assert tokens.read(token) is None
    assert await here.learn()
    assert tokens.read(token) is not None

    clock.advance(TTL)
    assert "there" in await tables.read(TABLE)


async def test_broker_is_asked_seldom() -> None:
    """Strangers with invented tokens cannot make it more than once a second; a secret is renewed at half the TTL."""
    clock = Clock()
    tables = Tables(clock)
    here, _ = secrets_of(tables, "here", clock)
    for _ in range(60):
        assert not await here.learn()
        assert not await here.learn()
        await here.share()
        clock.advance(1)
    assert (tables.calls.count("read"), tables.calls.count("put")) == (60, 2)

    here.share_again()
    await here.share()
    assert tables.calls.count("put") == 3


async def test_broker_that_is_away_teaches_nothing() -> None:
    """Nor does one where there is no door for tokens."""
    clock = Clock()
    tables = Tables(clock)
    tables.is_away = True
    assert not await secrets_of(tables, "here", clock)[0].learn()

    assert not await LogSecrets(Tables(clock), "here", b"", TTL, clock).learn()
