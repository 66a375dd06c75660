"""Stopping a master's writes for an ordered failover, so that the next master has all that was acknowledged.

Sentinel alone lets the old master go on: until it is made a replica, some ten seconds later, it takes and acknowledges
writes that it then forgets. While its writes are stopped sentinels do not make it one at all, for their own messages
(`PUBLISH`) wait as well, so that is done here. A cluster's own failover does all of this by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.ops.redis_master import ask, candidates, masters, replication_of

if TYPE_CHECKING:
    from holdfast.settings_broker import RedisSettings

# A script that is killed leaves a master that takes writes again after so long.
PAUSE_SECONDS: Final = 15
LEVEL_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.1
_KEEP_SECONDS: Final = 1.0
# A user's rights are looked at before the words are: by what Redis says to whoever has them.
_WITHOUT_EFFECT: Final = MappingProxyType(
    {"not an integer": ("CLIENT", "PAUSE", "none", "WRITE"), "master port": ("REPLICAOF", "none", "none")}
)
_ADVICE: Final = (
    "  HOLDFAST_BROKER__REDIS__USER and HOLDFAST_BROKER__REDIS__PASSWORD name a user who may; with --no-pause\n"
    "  what the old master acknowledges beside the new one is lost."
)


@dataclass(frozen=True, slots=True)
class Handover:
    """From the master at `master`, host:port."""

    settings: RedisSettings
    master: str
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep

    async def check(self) -> None:
        """Refuse where the user may not do what is needed; what is asked here has a fault and so no effect.

        Raises:
            CliError: it may not, or the master does not answer.
        """
        for expected, words in _WITHOUT_EFFECT.items():
            try:
                await ask(self.settings, self.master, *words)
            except CliError as error:
                if expected not in str(error):
                    raise CliError(f"the master's writes cannot be stopped: {error}\n{_ADVICE}", Exit.REFUSED) from None

    @asynccontextmanager
    async def stopped(self) -> AsyncIterator[None]:
        """Stop its writes, and wait until each replica that may follow has everything, for the length of a block.

        Behind a block that chose another master the old one becomes its replica. It takes commands again then, and at
        once where the block fails.

        Raises:
            CliError: a replica does not get level, or the old master cannot be made one.
        """
        await self._pause()
        keeper = asyncio.create_task(self._keep())
        try:
            await self._until_level()
            yield
            await self._follow()
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            with suppress(CliError):  # gone, or what ended the block: that is told
                await ask(self.settings, self.master, "CLIENT", "UNPAUSE")

    # Private methods

    async def _pause(self) -> None:
        await ask(self.settings, self.master, "CLIENT", "PAUSE", str(1000 * PAUSE_SECONDS), "WRITE")

    async def _keep(self) -> None:
        while True:
            await self.sleep(_KEEP_SECONDS)
            with suppress(CliError):  # it restarts, or is gone: the block finds out
                await self._pause()

    async def _until_level(self) -> None:
        goal = int((await replication_of(self.settings, self.master))["master_repl_offset"])
        for _ in range(int(LEVEL_SECONDS / _LOOK_SECONDS)):
            replicas = await candidates(self.settings)
            behind = [one for one in replicas if not await self._has(one, goal)]
            if replicas and not behind:
                return
            await self.sleep(_LOOK_SECONDS)
        who = ", ".join(behind) or "none is there"
        raise CliError(
            f"no failover was ordered: replicas without all that {self.master} has after {LEVEL_SECONDS:g} s: {who}",
            Exit.REFUSED,
        )

    async def _has(self, replica: str, goal: int) -> bool:
        facts = await replication_of(self.settings, replica)
        return facts.get("master_link_status") == "up" and int(facts.get("slave_repl_offset", -1)) >= goal

    async def _follow(self) -> None:
        host, _, port = (await masters(self.settings))[0].rpartition(":")
        await ask(self.settings, self.master, "REPLICAOF", host, port)
        with suppress(CliError):  # it may have no file; after a restart sentinels would tell it again
            await ask(self.settings, self.master, "CONFIG", "REWRITE")
