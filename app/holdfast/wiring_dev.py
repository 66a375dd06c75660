"""What `holdfast serve --dev` serves beside everything else: the demo page, and the switches that break things.

No setting brings it, so no production can have it by mistake: it takes an object that the command alone makes.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from starlette.responses import RedirectResponse

from holdfast.admission.origin import OriginPolicy
from holdfast.app import HTTP_STREAM_PATH, SSE_PATH, Endpoints
from holdfast.connections.core import Core
from holdfast.routes.files import FOR_PAGES, WEB, PackageFiles
from holdfast.settings import Settings
from holdfast.transports.cors import CrossOrigin
from holdfast.transports.websocket import Originate
from holdfast.wiring_login import Login, csrf_refused

DEMO_PATH: Final = "/demo"


class DevMode:
    """The wish of a developer: a demo, and to begin again when its switch says so."""

    def __init__(self) -> None:
        self.is_restart_asked = False

    def restart(self) -> None:
        """Stop in order, as an operator lets the instance stop, to begin again."""
        self.is_restart_asked = True
        os.kill(os.getpid(), signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class DevParts:
    """What the demo is made of."""

    mode: DevMode
    settings: Settings
    core: Core
    login: Login
    originate: Originate


def with_demo(endpoints: Endpoints, parts: DevParts) -> Endpoints:
    """Return the endpoints with the demo and its switches."""
    from holdfast.routes.dev import Blockable

    streams = {HTTP_STREAM_PATH: "http_stream", SSE_PATH: "sse"}
    page = PackageFiles(WEB / "demo", endpoints.not_found, FOR_PAGES, has_pages=True)
    return replace(
        endpoints,
        websocket=Blockable(endpoints.websocket, "websocket"),
        poll=Blockable(endpoints.poll, "poll"),
        streams={
            path: Blockable(door, streams[path]) if path in streams else door
            for path, door in endpoints.streams.items()
        },
        public={**endpoints.public, **_switches(parts), DEMO_PATH: RedirectResponse(f"{DEMO_PATH}/")},
        files={**endpoints.files, DEMO_PATH: page},
    )


def _switches(parts: DevParts) -> dict[str, CrossOrigin]:
    from holdfast.auth.issuer import TokenIssuer
    from holdfast.routes.auth import AuthRules
    from holdfast.routes.dev import Breakable, Switches

    auth, core = parts.settings.auth, parts.core
    issuer = TokenIssuer(parts.settings.token, clock=core.wall_clock)

    def expired_token(user: str, ago: int) -> str:
        end = int(core.wall_clock()) - ago
        return issuer.create_connection(user, claims={"iat": end - int(auth.access_ttl), "exp": end})

    breakable = Breakable(core.manager, expired_token, parts.mode.restart)
    rules = AuthRules(parts.originate, frozenset(), auth.insecure_loopback)
    wrap = partial(CrossOrigin, origins=OriginPolicy(()), methods="POST", refusal=csrf_refused)
    paths = Switches(parts.login.service, rules, breakable).paths()
    return {path: wrap(endpoint, refused=lambda scope, error: None) for path, endpoint in paths.items()}
