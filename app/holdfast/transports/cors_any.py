"""Cross-origin requests of any page, without cookies (Fetch standard, 3.2.2: `*` goes with no credentials).

For endpoints where what the body or the URL says is all that counts.
"""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.transports.cors import Headers, adding_headers

# When to come back is what a page needs of a refusal, and no header it could read otherwise.
READABLE_BY_ALL: Final[Headers] = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"retry-after"),
]
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
        await self._app(scope, receive, adding_headers(READABLE_BY_ALL, send))

    def _preflight(self) -> Headers:
        return [
            (b"allow", self._methods),
            (b"access-control-allow-origin", b"*"),
            (b"access-control-allow-methods", self._methods),
            (b"access-control-allow-headers", b"content-type"),
            (b"access-control-max-age", _MAX_AGE),
        ]
