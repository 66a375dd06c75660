"""Call an ASGI application without a server: one request in, status, headers and body out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Answer:
    """What an application sent."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    cookies: list[str] = field(default_factory=list)
    """The values of `set-cookie`, which may come more than once."""
    body: bytes = b""
    is_complete: bool = False
    received: int = 0
    """How many messages the application took from the client."""

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


async def call(
    app: Any,
    method: str = "GET",
    path: str = "/",
    *,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes | list[bytes] | None = b"",
    **scope: Any,
) -> Answer:
    """Send one HTTP request; `body` may come in chunks, and None is a client that leaves before it."""
    chunks = [body] if isinstance(body, bytes) else list(body or [])
    answer = Answer()

    async def receive() -> dict[str, Any]:
        answer.received += 1
        if not chunks:
            return {"type": "http.disconnect"}
        chunk = chunks.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}

    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    given = {"type": "http", "method": method, "path": path, "headers": raw, "query_string": b"", **scope}
    await app(given, receive, recorder(answer))
    return answer


def recorder(answer: Answer) -> Any:
    """Return a `send` that keeps what an application sends."""

    async def send(message: dict[str, Any]) -> None:
        assert not answer.is_complete, "sent after the end of the answer"
        if message["type"].endswith("response.start"):
            answer.status = message["status"]
            pairs = [(name.decode(), value.decode()) for name, value in message["headers"]]
            answer.cookies = [value for name, value in pairs if name == "set-cookie"]
            pairs = [pair for pair in pairs if pair[0] != "set-cookie"]
            assert len({name for name, _ in pairs}) == len(pairs), f"a header twice: {pairs}"
            answer.headers = dict(pairs)
        elif message["type"].endswith("response.body"):
            answer.body += message.get("body", b"")
            answer.is_complete = not message.get("more_body", False)
        else:
            answer.status = -message["code"]

    return send
