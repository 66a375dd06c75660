"""Ends of connections as proxies, people and chance make them."""

from __future__ import annotations

from random import Random
from typing import Any

from holdfast.connections.records import EndedConnection

DAY = 86400.0


def ended(lifetime: float, at: float = 1_700_000_000.0, **facts: Any) -> EndedConnection:
    """Make the record of a connection that was cut."""
    given = {
        "client": "c",
        "attempt": "a",
        "user": "anna",
        "address": "192.0.2.1",
        "transport": "websocket",
        "agent": "js",
        "slug": "client_gone",
        "code": 1006,
        "initiator": "path",
        **facts,
    }
    return EndedConnection(opened_at=at - lifetime, ended_at=at, **given)


def cut_when_idle(random: Random, count: int, limit: float, ping: float) -> list[EndedConnection]:
    """Quiet clients behind a proxy with an idle limit below the ping interval, over a day."""
    found = []
    for number in range(count):
        # The first ping comes after a random part of the interval; then the limit has passed before each next one.
        first = random.uniform(0, ping)
        lifetime = limit if first > limit else first + limit
        late = random.uniform(0, 0.3)
        moment = 1_700_000_000 + random.uniform(0, DAY)
        found.append(ended(lifetime + late, moment, user=f"user-{number}", quiet=limit + late))
    return found


def cut_when_old(random: Random, count: int, limit: float, ping: float) -> list[EndedConnection]:
    """Clients behind a proxy with a limit of age, over a day."""
    found = []
    for number in range(count):
        first = random.uniform(0, ping)
        quiet = limit if first > limit else (limit - first) % ping
        moment = 1_700_000_000 + random.uniform(0, DAY)
        found.append(ended(limit + random.uniform(0, 0.3), moment, user=f"user-{number}", quiet=quiet))
    return found


def lost_by_chance(random: Random, count: int, mean: float, ping: float) -> list[EndedConnection]:
    """Clients whose network went away, over a day."""
    found = []
    for number in range(count):
        lifetime = random.expovariate(1 / mean)
        first = random.uniform(0, ping)
        quiet = lifetime if lifetime < first else (lifetime - first) % ping
        moment = 1_700_000_000 + random.uniform(0, DAY)
        found.append(ended(lifetime, moment, user=f"user-{number}", quiet=quiet))
    return found
