"""The gateway's own application on uvicorn as it comes: the plain ASGI path, without our server."""

from __future__ import annotations

import asyncio
import os

from starlette.types import Receive, Scope, Send

from holdfast.main import Gateway, build
from holdfast.settings_load import load_settings


class StockGateway:
    """An ASGI application that builds a gateway when its lifespan starts."""

    def __init__(self) -> None:
        """Wait for the lifespan."""
        self._gateway: Gateway | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif self._gateway is not None:
            await self._gateway.app(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()  # lifespan.startup
        gateway = self._gateway = build(load_settings(None, os.environ, {}), asyncio.get_running_loop())
        await gateway.start()
        gateway.mark_serving()
        await send({"type": "lifespan.startup.complete"})
        await receive()  # lifespan.shutdown
        await gateway.stop()
        await send({"type": "lifespan.shutdown.complete"})


app = StockGateway()
