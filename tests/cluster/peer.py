"""What Holdfast is compared with: the same connections on stock uvicorn, as a first version is written everywhere.

It speaks as much of the protocol as a client needs to stay connected. Started in a pod by `uvicorn peer:app`.
"""

from __future__ import annotations

import json
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket


async def healthy(_: Request) -> PlainTextResponse:
    """Answer a readiness probe."""
    return PlainTextResponse("ok")


async def connection(socket: WebSocket) -> None:
    """Answer each command until the client leaves."""
    await socket.accept()
    async for text in socket.iter_text():
        replies = [json.dumps(reply(json.loads(line))) for line in text.splitlines() if line != "{}"]
        if replies:
            await socket.send_text("\n".join(replies))


def reply(command: dict[str, Any]) -> dict[str, Any]:
    """Return what a client waits for: it is connected, and it is subscribed."""
    if "connect" in command:
        return {"id": command["id"], "connect": {"client": "peer", "version": "peer"}}
    return {"id": command["id"], "subscribe": {}}


app = Starlette(routes=[Route("/healthz", healthy), WebSocketRoute("/connection/websocket", connection)])
