"""The protocol logic of the gateway, as far as the benchmark needs it, on uWebSockets (binding: socketify).

Written as its makers advise: handlers are plain functions, publications and pings go out by the
library's own topics, replies are sent from the handler (corked), and late pongs are found by its
idle timeout. Its own loop runs, without asyncio beside it: the binding's default loop looks for
work without pause for a while after each event, which would be charged to uWebSockets.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import time
import uuid
from typing import Any

from socketify import App, AppListenOptions, OpCode

PING_SECONDS = max(1, round(float(os.environ["BENCH_PING_SECONDS"])))
PONG_SECONDS = float(os.environ["BENCH_PONG_SECONDS"])
SECRET = os.environ["BENCH_SECRET"].encode()
API_KEY = os.environ["BENCH_API_KEY"]


class Session:
    """What the server knows of one connection."""

    __slots__ = ("client", "user")

    def __init__(self) -> None:
        """Nobody yet."""
        self.user = ""
        self.client = ""


class Clock:
    """Counts the seconds: a connection is pinged with the topic of the second it connected in."""

    second = 0

    def tick(self, _: Any) -> None:
        """Ping everybody whose turn it is."""
        self.second = (self.second + 1) % PING_SECONDS
        APP.publish(f"ping:{self.second}", "{}", OpCode.TEXT)


CLOCK = Clock()


def encode(message: dict[str, Any]) -> str:
    """Return compact JSON."""
    return json.dumps(message, separators=(",", ":"))


def decode(segment: str) -> bytes:
    """Return the bytes of a segment of a token."""
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def verify(token: str) -> dict[str, Any]:
    """Return the claims of a valid HS256 token."""
    head, claims, signature = token.split(".")
    if json.loads(decode(head))["alg"] != "HS256":
        raise ValueError("algorithm")
    expected = hmac.digest(SECRET, f"{head}.{claims}".encode(), hashlib.sha256)
    if not hmac.compare_digest(decode(signature), expected):
        raise ValueError("signature")
    body: dict[str, Any] = json.loads(decode(claims))
    if body["exp"] <= time.time():
        raise ValueError("expired")
    return body


def upgrade(response: Any, request: Any, context: Any) -> None:
    """Accept a WebSocket and give it a session."""
    key = request.get_header("sec-websocket-key")
    response.upgrade(key, "", "", context, Session())


def answer(socket: Any, command: dict[str, Any]) -> None:
    """Reply to one command."""
    if "connect" in command:
        session = socket.get_user_data()
        session.user, session.client = verify(command["connect"]["token"])["sub"], str(uuid.uuid4())
        socket.subscribe(f"ping:{CLOCK.second}")
        result = {"client": session.client, "ping": PING_SECONDS, "pong": True}
        socket.send(encode({"id": command["id"], "connect": result}), OpCode.TEXT)
    elif "subscribe" in command:
        socket.subscribe("channel:" + command["subscribe"]["channel"])
        socket.send(encode({"id": command["id"], "subscribe": {}}), OpCode.TEXT)


def message(socket: Any, text: str, _: Any) -> None:
    """Answer each line; that a pong came is enough for the idle timeout."""
    for line in text.split("\n"):
        if line != "{}":
            answer(socket, json.loads(line))


def fan_out(channel: str, data: Any) -> None:
    """Publish to a channel; what one turn of the loop publishes, the library sends in one write."""
    APP.publish("channel:" + channel, encode({"push": {"channel": channel, "pub": {"data": data}}}), OpCode.TEXT)


def collect(response: Any, request: Any, done: Any) -> None:
    """Call `done` with the body of an API request whose key is right."""
    if not hmac.compare_digest(request.get_header("x-api-key") or "", API_KEY):
        response.write_status(401).end("")
        return
    parts: list[bytes] = []

    def on_data(_: Any, chunk: bytes | None, is_end: bool) -> None:
        parts.append(chunk or b"")
        if is_end:
            result = encode(done(json.loads(b"".join(parts))))
            response.cork(lambda corked: corked.write_header("content-type", "application/json").end(result))

    response.on_data(on_data)


def publish(params: dict[str, Any]) -> dict[str, Any]:
    """POST /api/publish."""
    fan_out(params["channel"], params["data"])
    return {"result": {}}


def batch(params: dict[str, Any]) -> dict[str, Any]:
    """POST /api/batch."""
    for command in params["commands"]:
        fan_out(command["publish"]["channel"], command["publish"]["data"])
    return {"replies": [{"publish": {}} for _ in params["commands"]]}


APP = App(lifespan=False)
APP.ws(
    "/connection/websocket",
    {
        "upgrade": upgrade,
        "message": message,
        "compression": 0,
        "idle_timeout": round(PING_SECONDS + PONG_SECONDS),
        "max_payload_length": 65536,
        "max_backpressure": 1 << 20,
    },
)
APP.post("/api/publish", lambda response, request: collect(response, request, publish))
APP.post("/api/batch", lambda response, request: collect(response, request, batch))

if __name__ == "__main__":
    TIMER = APP.loop.uv_loop.create_timer(1000, 1000, CLOCK.tick, None)
    APP.listen(AppListenOptions(port=int(os.environ["BENCH_PORT"]), host="127.0.0.1"))
    APP.loop.uv_loop.run()
