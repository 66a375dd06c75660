"""A TCP proxy that cuts connections at random bytes, for tests of what must not lose anything.

    async with CuttingProxy("127.0.0.1", gateway.port, Cuts(seed=7)) as proxy:
        client = Client(f"http://127.0.0.1:{proxy.port}/...")

Each direction of each connection passes a random number of bytes; behind the last of them both ends are closed or
reset. The same seed cuts the nth connection at the same bytes. Nothing in it knows HTTP, so requests, answers and
streams of any kind are cut in the middle, at their very end, or before their first byte.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import Literal, Self

Direction = Literal["request", "answer"]


@dataclass(frozen=True, slots=True)
class Cuts:
    """How often to cut: after `mean_bytes` on average, in either direction unless one is left out.

    After `most` cuts everything passes, so that what is tested comes to its end.
    """

    seed: int = 0
    mean_bytes: int = 4000
    directions: tuple[Direction, ...] = ("request", "answer")
    most: int = 1_000_000


class CuttingProxy:
    """Listens on `port` of 127.0.0.1 as long as the block lasts; `cuts` counts by direction."""

    def __init__(self, host: str, port: int, cuts: Cuts) -> None:
        self.port = 0
        self.connections = 0
        self.cuts: Counter[Direction] = Counter()
        self._target = (host, port)
        self._how = cuts
        self._tasks: set[asyncio.Task[None]] = set()
        self._pumps: set[asyncio.Future[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        random = Random(f"{self._how.seed}:{self.connections}")
        budgets = {direction: self._budget(random, direction) for direction in ("request", "answer")}
        is_reset = random.random() < 0.5
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        pumps = {
            asyncio.ensure_future(self._pump(reader, far_writer, "request", budgets["request"])),
            asyncio.ensure_future(self._pump(far_reader, writer, "answer", budgets["answer"])),
        }
        self._pumps |= pumps
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        self._pumps -= pumps
        for end in (writer, far_writer):
            if is_reset:
                end.transport.abort()
            else:
                end.close()

    def _budget(self, random: Random, direction: Direction) -> float:
        size = int(random.expovariate(1 / self._how.mean_bytes))
        return size if direction in self._how.directions else float("inf")

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction, left: float
    ) -> None:
        """Pass bytes until one side ends or none are left."""
        try:
            while data := await reader.read(65536):
                if len(data) > left and self.cuts.total() < self._how.most:
                    self.cuts[direction] += 1
                    writer.write(data[: int(left)])
                    await writer.drain()
                    return
                left -= len(data)
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
