"""The ASGI application: which path is served by what, and on which port."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.routes.errors import NotFound, UpgradeRequired, crash_response
from holdfast.server.context import LISTENER

WEBSOCKET_PATH = "/connection/websocket"
POLL_PATH = "/connection/poll"
HTTP_STREAM_PATH = "/connection/http_stream"
SSE_PATH = "/connection/sse"
EMULATION_PATH = "/emulation"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What answers."""

    websocket: ASGIApp
    poll: ASGIApp
    api: ASGIApp
    livez: ASGIApp
    readyz: ASGIApp
    startupz: ASGIApp
    metrics: ASGIApp
    streams: Mapping[str, ASGIApp]
    """By path, with what belongs to them; what is switched off is not there."""
    public: Mapping[str, ASGIApp] = field(default_factory=dict)
    """By path: what else clients may ask."""
    files: Mapping[str, ASGIApp] = field(default_factory=dict)
    """By the folder that they seem to be in: files for browsers."""
    admin: Mapping[str, ASGIApp] = field(default_factory=dict)
    """By path: what operators ask, with a token."""
    not_found: ASGIApp = NotFound()  # noqa: RUF009 - it has no state
    """What answers where nothing else does."""
    upgrade_required: ASGIApp = UpgradeRequired()  # noqa: RUF009 - it has no state
    """What answers plain HTTP at the path of WebSocket handshakes."""


class PortSplit:
    """Serves one application on the public and another on the internal port."""

    def __init__(self, public: ASGIApp, internal: ASGIApp) -> None:
        self._public = public
        self._internal = internal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request to the application of the port it came in on."""
        is_internal = scope.get("extensions", {}).get(LISTENER) == "internal"
        await (self._internal if is_internal else self._public)(scope, receive, send)


def make_app(endpoints: Endpoints, *, has_internal_port: bool) -> ASGIApp:
    """Return the application; with an internal port, what operators use is served there and nowhere else."""
    public: list[BaseRoute] = [
        # First, because handshakes come in storms and routes are tried in order.
        WebSocketRoute(WEBSOCKET_PATH, endpoints.websocket),
        Route(WEBSOCKET_PATH, endpoints.upgrade_required),
        Route(POLL_PATH, endpoints.poll),
        *(Route(path, endpoint) for path, endpoint in (*endpoints.streams.items(), *endpoints.public.items())),
        *(Mount(path, files) for path, files in endpoints.files.items()),
    ]
    internal: list[BaseRoute] = [
        Route("/api/{method}", endpoints.api),
        Route("/api", endpoints.api),
        Route("/livez", endpoints.livez),
        Route("/readyz", endpoints.readyz),
        Route("/startupz", endpoints.startupz),
        Route("/metrics", endpoints.metrics),
        *(Route(path, endpoint) for path, endpoint in endpoints.admin.items()),
    ]
    if has_internal_port:
        return PortSplit(*(_application(routes, endpoints.not_found) for routes in (public, internal)))
    return _application(public + internal, endpoints.not_found)


def _application(routes: list[BaseRoute], not_found: ASGIApp) -> Starlette:
    app = Starlette(routes=routes, exception_handlers={Exception: crash_response})
    app.router.redirect_slashes = False
    app.router.default = not_found
    return app
