"""Cross-origin requests of any page, without cookies (Fetch standard, 3.2.2: `*` goes with no credentials).

For endpoints where what the body or the URL says is all that counts.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, Final

from starlette.types import ASGIApp, Receive, Scope, Send

_MAX_AGE: Final = b"86400"


class AnyOrigin:
    """Wraps an endpoint: answers preflights and lets every page read every answer, refusals too."""

    def __init__(self, app: ASGIApp, methods: str) -> None:
        """Let pages use `methods`, such as `POST`."""
        self._app = app
        self._methods = f"{methods}, OPTIONS".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["method"] == "OPTIONS":
            await send({"type": "http.response.start", "status": 204, "headers": self._preflight()})
            await send({"type": "http.response.body"})
            return

        async def send_readable(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_READABLE]
            await send(message)

        await self._app(scope, receive, send_readable)

    def _preflight(self) -> list[tuple[bytes, bytes]]:
        return [
            (b"allow", self._methods),
            (b"access-control-allow-origin", b"*"),
            (b"access-control-allow-methods", self._methods),
            (b"access-control-allow-headers", b"content-type"),
            (b"access-control-max-age", _MAX_AGE),
        ]


# When to come back is what a page needs of a refusal, and no header it could read otherwise.
_READABLE: Final = [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", b"retry-after")]
