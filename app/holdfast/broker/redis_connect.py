"""Opening connections to Redis: addresses, TLS, users, and what a server must be before it is used."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

from redis.asyncio import Sentinel
from redis.asyncio.connection import Connection, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from holdfast.broker.redis_errors import broker_error
from holdfast.broker.redis_wire import Server
from holdfast.errors import BrokerError
from holdfast.settings_broker import RedisSettings

OLDEST_VERSION = 7
_RUN_BYTES = 10


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """Return the address of a setting `host:port`."""
    host, _, port = text.rpartition(":")
    return Address(host.strip("[]"), int(port))


def connection_options(settings: RedisSettings) -> dict[str, Any]:
    """Return what every connection to a server is opened with.

    RESP2: what is pushed on a connection for pub/sub comes as plain lists, which cost redis-py least. No timeout on
    reads, which belong to a whole pipeline, and no second try, which would double a publication.
    """
    options: dict[str, Any] = {
        "protocol": 2,
        "socket_timeout": None,
        "socket_connect_timeout": settings.connect_timeout,
        "retry": Retry(NoBackoff(), 0),
        "driver_info": None,
    }
    if settings.user:
        options["username"] = settings.user
    if password := settings.password.get_secret_value():
        options["password"] = password
    if settings.db and settings.mode != "cluster":
        options["db"] = settings.db
    return options | _tls_options(settings)


def make_sentinel(settings: RedisSettings) -> Sentinel:
    """Return redis-py's client of the sentinels, which connects when it is asked."""
    options = {
        "protocol": 2,
        "socket_timeout": settings.connect_timeout,
        "socket_connect_timeout": settings.connect_timeout,
        "retry": Retry(NoBackoff(), 0),
        "driver_info": None,
        "ssl": settings.tls.enabled,
        **_tls_options(settings),
    }
    if settings.sentinel_user:
        options["username"] = settings.sentinel_user
    if password := settings.sentinel_password.get_secret_value():
        options["password"] = password
    addresses = [parse_address(one) for one in settings.addresses]
    return Sentinel(addresses, sentinel_kwargs=options)  # type: ignore[no-untyped-call]  # the library left it so


async def open_connection(settings: RedisSettings, address: Address) -> tuple[Connection, Server]:
    """Open a connection and return it with what the server is.

    Raises:
        BrokerError: it cannot be reached or used; nothing has been done.
    """
    kind = SSLConnection if settings.tls.enabled else Connection
    connection = kind(host=address.host, port=address.port, **connection_options(settings))
    try:
        async with asyncio.timeout(settings.connect_timeout):
            await connection.connect()  # type: ignore[no-untyped-call]  # as above
            server = await _look_at(connection)
            check_server(server, address)
    except BaseException as error:
        await connection.disconnect(nowait=True)
        if not isinstance(error, Exception):
            raise
        cause = broker_error(error, is_undone=True)
        raise BrokerError(cause.slug, f"{address}: {cause.detail}", is_undone=True) from None
    return connection, server


def check_server(server: Server, address: Address) -> None:
    """Refuse a server that is too old.

    Raises:
        BrokerError: `broker_version`.
    """
    if not server.version.split(".")[0].isdigit() or int(server.version.split(".")[0]) < OLDEST_VERSION:
        detail = f"expected Redis or Valkey {OLDEST_VERSION} or later, {address} is {server.version or 'neither'}"
        raise BrokerError("broker_version", detail, is_undone=True)


def read_info(text: bytes) -> dict[str, str]:
    """Return the lines `name:value` of an answer to INFO."""
    pairs = (line.partition(":") for line in text.decode("utf-8", "replace").splitlines() if ":" in line)
    return {name: value for name, _, value in pairs}


def server_of(facts: dict[str, str]) -> Server:
    """Return what INFO says of a server.

    The name of a run is the one of its replication's history: a server that becomes a master, or starts again as one,
    begins a new one, so that publications made before and after it can be told apart.
    """
    run = facts.get("master_replid") or facts.get("run_id") or ""
    return Server(facts.get("redis_version", ""), run[:_RUN_BYTES].encode(), facts.get("role", "master") == "master")


async def _look_at(connection: Connection) -> Server:
    await connection.send_command("CLIENT", "SETNAME", "holdfast")
    try:
        await connection.read_response()
    except ResponseError:
        pass  # only for whoever reads CLIENT LIST; the user need not have the right
    facts: dict[str, str] = {}
    for section in ("server", "replication", "persistence"):
        await connection.send_command("INFO", section)
        facts |= read_info(await connection.read_response())
    if facts.get("loading", "0") != "0":
        raise BrokerError("broker_loading", "it loads its data after a start", is_undone=True)
    return server_of(facts)


def _tls_options(settings: RedisSettings) -> dict[str, Any]:
    tls = settings.tls
    if not tls.enabled:
        return {}
    files = {"ssl_ca_certs": tls.ca_file, "ssl_certfile": tls.cert_file, "ssl_keyfile": tls.key_file}
    return {name: str(path) for name, path in files.items() if path is not None}
