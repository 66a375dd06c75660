"""The secrets behind log tokens, shared by instances: a page that connects to one hands in its lines at another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from holdfast.broker.base import TableStore
from holdfast.errors import BrokerError
from holdfast.monitoring.log_tokens import LogTokens

TABLE: Final = "log_secrets"
# Strangers must not make us ask the broker at their pace.
_LOOK_EVERY: Final = 1.0
_MOST: Final = 1000


class LogSecrets:
    """Tells others this instance's secret, and the tokens theirs.

    Args:
        tables: where secrets are shared; whoever reads them may write browsers' lines into the log.
        name: this instance.
        own: its own secret.
        ttl: how long a token is good, in seconds; a secret is there for as long after its instance is gone.
        clock: monotonic seconds.
    """

    def __init__(self, tables: TableStore, name: str, own: bytes, ttl: float, clock: Callable[[], float]) -> None:
        self._tables = tables
        self._name = name
        self.own = own
        self._ttl = ttl
        self._clock = clock
        self._share_at = self._look_at = clock()
        self.tokens: LogTokens | None = None

    async def share(self) -> None:
        """Keep the own secret where the others find it; called often, it does that seldom.

        Raises:
            BrokerError: not now.
        """
        now = self._clock()
        if now >= self._share_at:
            await self._tables.put(TABLE, self._name, self.own, 2 * self._ttl)
            self._share_at = now + self._ttl / 2

    def share_again(self) -> None:
        """Share it with the next heartbeat: the broker may have lost it."""
        self._share_at = self._clock()

    async def learn(self) -> bool:
        """Look for secrets of others; return whether there is a new one."""
        now = self._clock()
        if self.tokens is None or now < self._look_at:
            return False
        self._look_at = now + _LOOK_EVERY
        try:
            rows = await self._tables.read(TABLE)
        except BrokerError:
            return False
        found = {secret for name, secret in list(rows.items())[:_MOST] if name != self._name}
        is_news = bool(found - set(self.tokens.others))
        self.tokens.others = tuple(found)
        return is_news
