"""Files of the package for browsers: the client's modules, and what pages are made of."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.errors import DoorError
from holdfast.routes.errors import Headers, check_method, refuse
from holdfast.transports.cors import adding_headers

WEB: Final = Path(__file__).resolve().parent.parent / "web"

_ALWAYS: Final = (
    # A new version of the gateway brings new files under the same names; the ETag spares unchanged ones the way.
    (b"cache-control", b"no-cache"),
    (b"x-content-type-options", b"nosniff"),
)
# Modules are fetched with CORS where the page comes from elsewhere; there is nothing secret in them.
FOR_ALL_ORIGINS: Final = ((b"access-control-allow-origin", b"*"), (b"cross-origin-resource-policy", b"cross-origin"))
# Pages of ours load nothing from elsewhere, run no text as code, and stand in nobody's frame.
FOR_PAGES: Final = (
    (
        b"content-security-policy",
        b"default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
        b"base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (b"referrer-policy", b"same-origin"),
)


class PackageFiles:
    """ASGI application: the files of one folder; what is not there is `not_found`'s.

    With `has_pages` the folder's `index.html` is what its own address shows.
    """

    def __init__(
        self,
        folder: Path,
        not_found: ASGIApp,
        headers: tuple[tuple[bytes, bytes], ...] = (),
        *,
        has_pages: bool = False,
    ) -> None:
        self._files = StaticFiles(directory=folder, html=has_pages)
        self._not_found = not_found
        self._headers: Headers = [*_ALWAYS, *headers]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._not_found(scope, receive, send)
            return
        try:
            check_method(scope, "GET, HEAD")
            await self._files(scope, receive, adding_headers(self._headers, send))
        except DoorError as error:
            await refuse(scope, send, error)
        except HTTPException:  # there is no such file, or its name is none
            await self._not_found(scope, receive, send)
