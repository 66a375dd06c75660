"""Which Redis servers are masters, what they answer, and the order to hand over to another one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from holdfast.cli.failure import CliError, Exit

if TYPE_CHECKING:
    from holdfast.broker.redis_connect import Address
    from holdfast.settings_broker import RedisSettings


async def masters(settings: RedisSettings) -> list[str]:
    """Return host:port of the master, or of all masters of a cluster that have a replica.

    Raises:
        CliError: nobody says.
    """
    if settings.mode == "sentinel":
        found = await ask_sentinels(settings, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", settings.master_name)
        return [":".join(_text(part) for part in found)]
    nodes = await _nodes(settings)
    led = {fields[3] for fields in nodes if "slave" in fields[2]}
    return sorted(
        _address_of(fields)
        for fields in nodes
        if "master" in fields[2] and "fail" not in fields[2] and fields[0] in led
    )


async def candidates(settings: RedisSettings) -> list[str]:
    """Return host:port of the replicas that the sentinels may choose: none that is down, none of priority 0.

    Raises:
        CliError: nobody says.
    """
    answer = await ask_sentinels(settings, "SENTINEL", "REPLICAS", settings.master_name)
    texts = ([_text(part) for part in one] for one in answer)
    facts = [dict(zip(one[::2], one[1::2], strict=True)) for one in texts]
    return [
        f"{one['ip']}:{one['port']}"
        for one in facts
        if "down" not in one["flags"] and "disconnected" not in one["flags"] and one["slave-priority"] != "0"
    ]


async def order_failover(settings: RedisSettings) -> None:
    """Ask for another master: of the name that the sentinels watch, or of the first master of a cluster.

    Raises:
        CliError: it was refused.
    """
    if settings.mode == "sentinel":
        await ask_sentinels(settings, "SENTINEL", "FAILOVER", settings.master_name)
        return
    former = (await masters(settings))[0]
    nodes = await _nodes(settings)
    name = next(fields[0] for fields in nodes if _address_of(fields) == former)
    replicas = [_address_of(fields) for fields in nodes if fields[3] == name and "fail" not in fields[2]]
    await ask(settings, replicas[0], "CLUSTER", "FAILOVER")


async def replication_of(settings: RedisSettings, address: str) -> dict[str, str]:
    """Return what a server says of its replication.

    Raises:
        CliError: it says nothing.
    """
    from holdfast.broker.redis_connect import read_info

    return read_info(await ask(settings, address, "INFO", "replication"))


async def ask(settings: RedisSettings, address: str | Address, *words: str) -> Any:
    """Return one server's answer to a command.

    Raises:
        CliError: it cannot be reached, or refuses.
    """
    from redis.exceptions import RedisError

    from holdfast.broker.redis_connect import open_connection, parse_address
    from holdfast.errors import BrokerError

    where = parse_address(address) if isinstance(address, str) else address
    try:
        connection, _ = await open_connection(settings, where)
    except BrokerError as error:
        raise CliError(f"Redis: {error}", Exit.UNKNOWN) from None
    try:
        async with asyncio.timeout(settings.timeout):
            await connection.send_command(*words)
            return await connection.read_response()
    except (RedisError, OSError) as error:
        raise CliError(f"{where}: {' '.join(words)}: {str(error) or 'no answer'}", Exit.REFUSED) from None
    finally:
        await connection.disconnect(nowait=True)


async def ask_sentinels(settings: RedisSettings, *words: str) -> Any:
    """Return the answer of the first sentinel that gives one.

    Raises:
        CliError: none does.
    """
    from redis.exceptions import RedisError

    from holdfast.broker.redis_connect import make_sentinel

    sentinel = make_sentinel(settings)
    reason = "none is configured"
    try:
        for one in sentinel.sentinels:
            try:
                answer = await one.execute_command(*words)  # type: ignore[no-untyped-call]  # the library left it so
                if answer is not None:
                    return answer
            except (RedisError, OSError, TimeoutError) as error:
                reason = str(error) or type(error).__name__
    finally:
        await sentinel.aclose()
    raise CliError(f"no sentinel did {' '.join(words[:2])}: {reason}", Exit.UNKNOWN)


# Private functions


async def _nodes(settings: RedisSettings) -> list[list[str]]:
    last: CliError | None = None
    for address in settings.addresses:
        try:
            text = _text(await ask(settings, address, "CLUSTER", "NODES"))
        except CliError as error:
            last = error
        else:
            return [line.split() for line in text.splitlines() if line.strip()]
    raise last or CliError("no address of a node is configured", Exit.USAGE)


def _address_of(fields: list[str]) -> str:
    return fields[1].partition("@")[0].partition(",")[0]


def _text(given: Any) -> str:
    return given.decode("utf-8", "replace") if isinstance(given, bytes) else str(given)
