"""Which Redis servers are masters, and the order to hand over to another one."""

from __future__ import annotations

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
        found = await _ask_sentinels(settings, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", settings.master_name)
        return [":".join(_text(part) for part in found)]
    nodes = await _nodes(settings)
    led = {fields[3] for fields in nodes if "slave" in fields[2]}
    return sorted(
        _address_of(fields)
        for fields in nodes
        if "master" in fields[2] and "fail" not in fields[2] and fields[0] in led
    )


async def order_failover(settings: RedisSettings) -> None:
    """Ask for another master: of the name that the sentinels watch, or of the first master of a cluster.

    Raises:
        CliError: it was refused.
    """
    if settings.mode == "sentinel":
        await _ask_sentinels(settings, "SENTINEL", "FAILOVER", settings.master_name)
        return
    former = (await masters(settings))[0]
    nodes = await _nodes(settings)
    name = next(fields[0] for fields in nodes if _address_of(fields) == former)
    replicas = [_address_of(fields) for fields in nodes if fields[3] == name and "fail" not in fields[2]]
    await _ask(settings, replicas[0], "CLUSTER", "FAILOVER")


async def _nodes(settings: RedisSettings) -> list[list[str]]:
    last: CliError | None = None
    for address in settings.addresses:
        try:
            text = _text(await _ask(settings, address, "CLUSTER", "NODES"))
        except CliError as error:
            last = error
        else:
            return [line.split() for line in text.splitlines() if line.strip()]
    raise last or CliError("no address of a node is configured", Exit.USAGE)


def _address_of(fields: list[str]) -> str:
    return fields[1].partition("@")[0].partition(",")[0]


async def _ask_sentinels(settings: RedisSettings, *words: str) -> Any:
    """Return the answer of the first sentinel that gives one."""
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


async def _ask(settings: RedisSettings, address: str | Address, *words: str) -> Any:
    """Return one server's answer to a command."""
    from redis.exceptions import RedisError

    from holdfast.broker.redis_connect import open_connection, parse_address
    from holdfast.errors import BrokerError

    where = parse_address(address) if isinstance(address, str) else address
    try:
        connection, _ = await open_connection(settings, where)
    except BrokerError as error:
        raise CliError(f"Redis: {error}", Exit.UNKNOWN) from None
    try:
        await connection.send_command(*words)
        return await connection.read_response()
    except (RedisError, OSError) as error:
        raise CliError(f"{where}: {' '.join(words)}: {error}", Exit.REFUSED) from None
    finally:
        await connection.disconnect(nowait=True)


def _text(given: Any) -> str:
    return given.decode("utf-8", "replace") if isinstance(given, bytes) else str(given)
