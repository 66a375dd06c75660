"""An application's backend: it logs people in, decides what they may do, answers their calls, and publishes.

The gateway calls it over HTTP (see holdfast.yaml beside this file); it calls the gateway with the stock `cent` library.
Everything is in memory and the users are two, so that what belongs to Holdfast is easy to see.
"""

from __future__ import annotations

import hmac
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jwt
import uvicorn
from cent import AsyncClient, PublishRequest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

# The same three secrets stand in holdfast.yaml. These are for trying things; make your own.
TOKEN_SECRET = os.environ.get("BACKEND_TOKEN_SECRET", "demo-only-secret-for-tokens-replace-it")
API_KEY = os.environ.get("BACKEND_API_KEY", "demo-only-api-key")
CALL_KEY = os.environ.get("BACKEND_CALL_KEY", "demo-only-key-for-calls")
API_URL = os.environ.get("BACKEND_API_URL", "http://127.0.0.1:8000/api")
PORT = int(os.environ.get("BACKEND_PORT", "3000"))

LIFE_SECONDS = 300
USERS = {"alice": "wonderland", "bob": "builder"}
ROOMS = {"rooms:lobby": {"alice", "bob"}, "rooms:tea": {"alice"}}
locked_out: set[str] = set()


# What browsers call


async def login(request: Request) -> JSONResponse:
    """Check a password and answer with a token for the gateway, which also is the session cookie of this backend."""
    given = await request.json()
    user, password = str(given.get("username", "")), str(given.get("password", ""))
    if not hmac.compare_digest(USERS.get(user, "").encode(), password.encode()) or user not in USERS:
        return JSONResponse({"error": "wrong name or password"}, 401)
    token = jwt.encode({"sub": user, "exp": int(time.time()) + LIFE_SECONDS}, TOKEN_SECRET, "HS256")
    answer = JSONResponse({"token": token, "expires_in": LIFE_SECONDS})
    answer.set_cookie("session", token, httponly=True, samesite="lax")
    return answer


def user_of(request: Request) -> str | None:
    """Return who is logged in: by the cookie of the page, or by what the client sent as `Authorization`."""
    token = request.cookies.get("session") or request.headers.get("authorization", "").removeprefix("Bearer ")
    try:
        return str(jwt.decode(token, TOKEN_SECRET, ["HS256"])["sub"])
    except jwt.InvalidTokenError:
        return None


# What the gateway calls


async def connect(request: Request, call: dict[str, Any]) -> dict[str, Any]:
    """Say who a client without a token is, and give it a channel of its own."""
    user = user_of(request)
    if user is None:
        return {"disconnect": {"code": 4501, "reason": "log in first"}}
    expire_at = int(time.time()) + LIFE_SECONDS
    return {"result": {"user": user, "expire_at": expire_at, "channels": [f"personal:{user}"], "info": {"name": user}}}


async def refresh(request: Request, call: dict[str, Any]) -> dict[str, Any]:
    """Let a session go on, unless its user was locked out since."""
    if call["user"] in locked_out:
        return {"result": {"expired": True}}
    return {"result": {"expire_at": int(time.time()) + LIFE_SECONDS}}


async def subscribe(request: Request, call: dict[str, Any]) -> dict[str, Any]:
    """Admit members into their rooms, and tell them who else belongs there."""
    members = ROOMS.get(call["channel"], set())
    if call["user"] not in members:
        return {"error": {"code": 403, "message": "not your room"}}
    return {"result": {"data": {"members": sorted(members)}}}


async def publish(request: Request, call: dict[str, Any]) -> dict[str, Any]:
    """Let members speak; what they say is cleaned and dated."""
    text = call.get("data", {}).get("text") if isinstance(call.get("data"), dict) else None
    if call["user"] not in ROOMS.get(call["channel"], set()):
        return {"error": {"code": 403, "message": "not your room"}}
    if not isinstance(text, str) or not text.strip():
        return {"error": {"code": 400, "message": "say something"}}
    return {"result": {"data": {"text": text.strip(), "at": int(time.time())}}}


async def rpc(request: Request, call: dict[str, Any]) -> dict[str, Any]:
    """Answer calls: `rooms` lists the caller's rooms, `announce` publishes into all of them."""
    mine = sorted(room for room, members in ROOMS.items() if call.get("user") in members)
    if call["method"] == "rooms":
        return {"result": {"data": {"rooms": mine}}}
    if call["method"] == "announce":
        text = str(call.get("data", ""))
        for room in mine:
            await request.app.state.api.publish(PublishRequest(channel=room, data={"text": text, "by": "backend"}))
        return {"result": {"data": {"reached": len(mine)}}}
    return {"error": {"code": 404, "message": "no such method"}}


def called(answer: Any) -> Any:
    """Make an endpoint of an answer; nobody but the gateway gets one."""

    async def endpoint(request: Request) -> JSONResponse:
        if not hmac.compare_digest(request.headers.get("x-call-key", "").encode(), CALL_KEY.encode()):
            return JSONResponse({"error": "only the gateway may call"}, 403)
        return JSONResponse(await answer(request, await request.json()))

    return endpoint


@asynccontextmanager
async def life(app: Starlette) -> AsyncIterator[None]:
    """Keep one client of the gateway's server API."""
    app.state.api = AsyncClient(API_URL, API_KEY)
    yield
    await app.state.api.close()


app = Starlette(
    lifespan=life,
    routes=[
        Route("/login", login, methods=["POST"]),
        *(
            Route(f"/gateway/{answer.__name__}", called(answer), methods=["POST"])
            for answer in (connect, refresh, subscribe, publish, rpc)
        ),
    ],
)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="warning")
