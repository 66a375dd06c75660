"""What a probe looks at once a stage at or after the upgrade has failed: what the gateway saw, and what still works."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace

from holdfast.diagnostics.probe.gateway_view import EXPLAIN_PATH
from holdfast.diagnostics.probe.http import Answer, NotHttpError
from holdfast.diagnostics.probe.link import InvalidUpgradeError, Link, RefusedError, StrangeError
from holdfast.diagnostics.probe.talk import connect_command
from holdfast.diagnostics.probe.way import CutError, Way
from holdfast.diagnostics.probe.wire import TlsError, Wire

MakeLink = Callable[[Wire, Way], Link]


class Aftermath:
    """Looks over a way that was open, each time for a moment; `until` says by when that has to be over."""

    def __init__(self, way: Way, make_link: MakeLink, until: Callable[[], float]) -> None:
        self._way = way
        self._make_link = make_link
        self._until = until

    async def explanation(self) -> Answer | None:
        """Ask the gateway what it saw of this attempt; None where nothing answers."""
        target = self._way.target
        return await self._answer("GET", target.beside(EXPLAIN_PATH, cid=target.cid))

    async def answers_briefly(self) -> bool:
        """Tell whether the path of a stream answers a request that has nothing to stream.

        One that opens nothing: a gateway would remember a refused one as what became of the probed attempt.
        """
        return await self._answer("OPTIONS", self._way.target.request_target) is not None

    async def opens_again(self, token: str | None) -> bool:
        """Tell whether a new attempt gets through: what cut the last one was then not the end of the server."""
        target = replace(self._way.target, cid=os.urandom(16).hex())
        way = replace(self._way, target=target)
        link: Link | None = None
        try:
            async with asyncio.timeout_at(self._until()):
                link = self._make_link(await way.open(), way)
                await link.open(connect_command(token))
        except (RefusedError, InvalidUpgradeError, StrangeError, NotHttpError, CutError, TlsError, OSError):
            return False
        finally:
            if link is not None:
                link.abort()
        return True

    async def _answer(self, method: str, path: str) -> Answer | None:
        try:
            async with asyncio.timeout_at(self._until()):
                return await self._way.ask(method, path)
        except (OSError, TlsError, CutError, NotHttpError):  # TimeoutError is an OSError
            return None
