"""What Redis and Sentinel on test hosts say, asked on the host itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from tests.infra.rolling import Rolling
from tests.wire import eventually

REDIS, SENTINEL = 6379, 26379


def ask(fleet: Rolling, host: str, words: str, password: str, port: int = REDIS) -> str:
    """Return the answer to a command; the text of an error where it is refused."""
    hidden = f"REDISCLI_AUTH={password} redis-cli --no-auth-warning -h $(hostname -I) -p {port} {words} 2>&1 || true"
    return fleet.hosts.on(host, hidden).strip()


def taken(fleet: Rolling, host: str, passwords: Sequence[str], port: int = REDIS) -> list[str]:
    """Return which of these passwords are taken there."""
    return [one for one in passwords if ask(fleet, host, "ping", one, port) == "PONG"]


def role(fleet: Rolling, host: str, password: str) -> str:
    """Return `master` or `slave`; empty where nobody answers."""
    found = re.search(r"role:(\w+)", ask(fleet, host, "info replication", password))
    return found.group(1) if found else ""


def wait_until(what: Callable[[], bool], seconds: float = 90.0) -> None:
    """Wait for a condition.

    Raises:
        AssertionError: it does not come true.
    """
    eventually(what, seconds, "it did not come true", 0.5)
