"""Health: `/livez` (the loop turns), `/startupz` (started once), `/readyz` (send traffic here)."""

from __future__ import annotations

import msgspec
from starlette.types import Receive, Scope, Send

from holdfast.admission.readiness import PASSED, Readiness, passes
from holdfast.connections.lifecycle import Lifecycle
from holdfast.errors import DoorError
from holdfast.routes.errors import check_method, refuse, send_bytes

_FRESH = [(b"cache-control", b"no-store")]


class Livez:
    """Answers 200 as long as the event loop gets to answer at all; says nothing of dependencies."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await _answer(scope, send, {})


class Startupz:
    """Answers 200 from the end of the start on, for good."""

    def __init__(self, lifecycle: Lifecycle) -> None:
        self._lifecycle = lifecycle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        started = PASSED if self._lifecycle.is_started else "the instance is starting"
        await _answer(scope, send, {"started": started})


class Readyz:
    """Answers 200 while the instance should get traffic, else 503 naming the checks that fail."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await _answer(scope, send, await self._readiness.report())


async def _answer(scope: Scope, send: Send, checks: dict[str, str]) -> None:
    try:
        check_method(scope, "GET, HEAD")
    except DoorError as error:
        await refuse(scope, send, error)
        return
    failing = [f"{name}: {reason}" for name, reason in checks.items() if not passes(reason)]
    if failing:
        refusal = DoorError("not_ready", f"Failing: {'; '.join(failing)}.")
        await refuse(scope, send, refusal, checks=checks)
    else:
        body = msgspec.json.encode({"status": PASSED, "checks": checks})
        await send_bytes(send, 200, body, _FRESH)
