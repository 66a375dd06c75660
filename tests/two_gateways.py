"""Two gateways on one Redis behind a HAProxy that sends each request to another one: no stickiness at all.

with running_two(folder) as two:
    two.proxy.url, two.gateways
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import proxies
from tests.gateway import Gateway
from tests.redis_servers import RedisServer, running_redis

Make = Callable[[Path, Mapping[str, Any]], Gateway]

_ONE = "    server one 127.0.0.1:8000 check inter 1s"


@dataclass(frozen=True)
class Two:
    """What runs; the names of the gateways are `one` and `two`."""

    gateways: tuple[Gateway, Gateway]
    proxy: proxies.Proxy
    redis: RedisServer

    def forwarded(self, transport: str, outcome: str = "ok") -> float:
        """Return how many requests those that live have forwarded."""
        labels = {"transport": transport, "outcome": outcome}
        return sum(one.metric("holdfast_forwarded_requests_total", **labels) for one in self.gateways if one.is_running)

    def log(self) -> str:
        """Return what both said last."""
        return "\n\n".join(one.log()[-proxies.LOG_TAIL :] for one in self.gateways)


def shared_broker(address: str) -> dict[str, Any]:
    """Return broker settings for instances of a Redis; those that are given the same are one group."""
    redis = {"addresses": [address], "prefix": f"test-{secrets.token_hex(6)}"}
    return {"type": "redis", "redis": redis, "node_ttl": "4s", "survey_timeout": "3s"}


def balancing(first: int, second: int) -> Mapping[str, str]:
    """Return the changes of haproxy.cfg for two gateways that take turns."""
    servers = (f"    server {name} 127.0.0.1:{port} check inter 200ms" for name, port in (("a", first), ("b", second)))
    return {_ONE.replace("8000", str(first)): "\n".join(["    balance roundrobin", *servers])}


@contextmanager
def running_two(folder: Path, settings: Mapping[str, Any] | None = None, make: Make = Gateway) -> Iterator[Two]:
    """Run all of it for the length of a block."""
    with running_redis() as server:
        broker = shared_broker(server.address)
        gateways: list[Gateway] = []
        try:
            for name in ("one", "two"):
                (folder / name).mkdir()
                gateways.append(make(folder / name, {"broker": broker, "instance": name, **(settings or {})}).start())
            first, second = gateways
            with proxies.running("haproxy", first.port, folder, balancing(first.port, second.port)) as proxy:
                yield Two((first, second), proxy, server)
        finally:
            for gateway in gateways:
                gateway.kill()
