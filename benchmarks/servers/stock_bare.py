"""A WebSocket server as a careful application would write it on stock uvicorn and Starlette.

It speaks as much of the protocol as the benchmark needs (connect, subscribe, pings, publish and
batch over HTTP) in the usual shape: one handler task, one queue and one sending task a connection.
With BENCH_INLINE set, publications skip the queue and are awaited one socket after the other, as
tutorials do it: cheaper, but the slowest reader then stops everybody.
Both show that the comparison with stock does not hang on how heavy our own logic is.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import uuid
from dataclasses import dataclass, field
from typing import Any

import jwt
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

PING_SECONDS = float(os.environ["BENCH_PING_SECONDS"])
PONG_SECONDS = float(os.environ["BENCH_PONG_SECONDS"])
SECRET = os.environ["BENCH_SECRET"]
API_KEY = os.environ["BENCH_API_KEY"]
IS_INLINE = bool(os.environ.get("BENCH_INLINE"))


@dataclass(eq=False)
class Session:
    """One connection: who it is and what still has to be sent to it."""

    websocket: WebSocket
    user: str = ""
    client: str = ""
    outbox: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    pong: asyncio.Event = field(default_factory=asyncio.Event)


SUBSCRIBERS: dict[str, set[Session]] = {}


def encode(message: dict[str, Any]) -> str:
    """Return compact JSON."""
    return json.dumps(message, separators=(",", ":"))


async def fan_out(channel: str, data: Any) -> None:
    """Encode a publication once and queue it for (or send it to) every subscriber of a channel."""
    text = encode({"push": {"channel": channel, "pub": {"data": data}}})
    if IS_INLINE:
        for session in list(SUBSCRIBERS.get(channel, ())):
            await session.websocket.send_text(text)
    else:
        for session in SUBSCRIBERS.get(channel, ()):
            session.outbox.put_nowait(text)


def answer(session: Session, command: dict[str, Any]) -> None:
    """Queue the reply to one command."""
    if "connect" in command:
        claims = jwt.decode(command["connect"]["token"], SECRET, algorithms=["HS256"])
        session.user, session.client = claims["sub"], str(uuid.uuid4())
        result = {"client": session.client, "ping": int(PING_SECONDS), "pong": True}
        session.outbox.put_nowait(encode({"id": command["id"], "connect": result}))
    elif "subscribe" in command:
        SUBSCRIBERS.setdefault(command["subscribe"]["channel"], set()).add(session)
        session.outbox.put_nowait(encode({"id": command["id"], "subscribe": {}}))


async def send_loop(session: Session) -> None:
    """Send what is queued, one message at a time."""
    while True:
        await session.websocket.send_text(await session.outbox.get())


async def ping_loop(session: Session) -> None:
    """Ping at the interval and close a connection that does not answer."""
    while True:
        await asyncio.sleep(PING_SECONDS)
        session.pong.clear()
        session.outbox.put_nowait("{}")
        try:
            await asyncio.wait_for(session.pong.wait(), PONG_SECONDS)
        except TimeoutError:
            await session.websocket.close(3012, "no pong")


async def connection(websocket: WebSocket) -> None:
    """Serve one connection until it ends."""
    await websocket.accept()
    session = Session(websocket)
    tasks = [asyncio.create_task(send_loop(session)), asyncio.create_task(ping_loop(session))]
    try:
        while True:
            for line in (await websocket.receive_text()).split("\n"):
                if line == "{}":
                    session.pong.set()
                else:
                    answer(session, json.loads(line))
    except WebSocketDisconnect:
        pass
    finally:
        for task in tasks:
            task.cancel()
        for subscribers in SUBSCRIBERS.values():
            subscribers.discard(session)


def is_refused(request: Request) -> bool:
    """Whether the API key of a request is wrong."""
    return not hmac.compare_digest(request.headers.get("x-api-key", ""), API_KEY)


async def publish(request: Request) -> Response:
    """POST /api/publish."""
    if is_refused(request):
        return Response(status_code=401)
    params = await request.json()
    await fan_out(params["channel"], params["data"])
    return JSONResponse({"result": {}})


async def batch(request: Request) -> Response:
    """POST /api/batch."""
    if is_refused(request):
        return Response(status_code=401)
    commands = (await request.json())["commands"]
    for command in commands:
        await fan_out(command["publish"]["channel"], command["publish"]["data"])
    return JSONResponse({"replies": [{"publish": {}} for _ in commands]})


app = Starlette(
    routes=[
        WebSocketRoute("/connection/websocket", connection),
        Route("/api/publish", publish, methods=["POST"]),
        Route("/api/batch", batch, methods=["POST"]),
    ]
)
