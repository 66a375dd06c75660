"""The long polling door without a server: requests in, answers out, on an instance of `tests.live`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any, cast

from holdfast.admission.origin import OriginPolicy
from holdfast.connections.transport import Handshake
from holdfast.settings import PollSettings
from holdfast.transports.cors import CrossOrigin
from holdfast.transports.poll import POLL_METHODS, PollDoor, PollEndpoint, has_identity
from holdfast.transports.poll_elsewhere import PollsElsewhere
from holdfast.transports.poll_session import PollSessions
from tests.asgi import Answer, recorder
from tests.live import World
from tests.pair import Instance
from tests.sockets import FakeLoop

PATH = "/connection/poll"


class Posted:
    """A request under way; its client waits until it hangs up."""

    def __init__(self, endpoint: Any, body: bytes, method: str, headers: Iterable[tuple[str, str]], query: str) -> None:
        self.answer = Answer()
        self._incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._incoming.put_nowait({"type": "http.request", "body": body})
        raw = [(name.lower().encode(), value.encode()) for name, value in headers]
        scope = {"type": "http", "method": method, "path": PATH, "headers": raw, "query_string": query.encode()}
        self.task = asyncio.ensure_future(endpoint(scope, self._incoming.get, recorder(self.answer)))

    def hang_up(self) -> None:
        """Leave without waiting for the answer."""
        self._incoming.put_nowait({"type": "http.disconnect"})

    async def done(self) -> Answer:
        """Return the answer, which comes at once or never."""
        async with asyncio.timeout(5):
            await self.task
        return self.answer


class _Patience(FakeLoop):
    """Timers moved by hand, and the turns of a real loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.now = 0.0  # which is over for the real loop too
        self.call_soon = loop.call_soon


class Door:
    """An endpoint and who stands before it; `admission` may refuse.

    Time passes for its sessions as `timers` say, and for its requests that wait for others as `patience` does.
    """

    def __init__(self, world: World, origins: tuple[str, ...] = (), **poll: Any) -> None:
        self.world = world
        self.refusal: Exception | None = None
        self.handshakes: list[Handshake] = []
        loop = asyncio.get_running_loop()
        settings = world.settings.model_copy(update={"poll": PollSettings.model_validate(poll)})
        self.timers = FakeLoop()
        self.sessions = PollSessions(settings, cast(asyncio.AbstractEventLoop, self.timers))
        door = PollDoor(world.core.instance, settings.poll, loop, self._open, self._admit, identifies=_identifies)
        self.elsewhere: PollsElsewhere | None = None
        if isinstance(world, Instance) and (forwarder := world.cluster.forwarder) is not None:
            self.patience = _Patience(loop)
            patient = cast(asyncio.AbstractEventLoop, self.patience)
            self.elsewhere = PollsElsewhere(forwarder, patient, world.core.spawn, settings.poll.timeout + 2)
        endpoint = PollEndpoint(door, self.sessions, self.elsewhere)
        self.endpoint = CrossOrigin(endpoint, OriginPolicy(origins), POLL_METHODS, lambda scope, error: None)

    def start(self, method: str = "POST", headers: Any = (), query: str = "", **fields: Any) -> Posted:
        """Send a request and do not wait for its answer."""
        return Posted(self.endpoint, json.dumps(fields).encode(), method, headers, query)

    async def post(self, **fields: Any) -> Any:
        """Send a request that is answered at once, and return the answer's JSON."""
        answer = await self.start(**fields).done()
        assert answer.status == 200, answer
        return answer.json()

    async def send(self, body: bytes, method: str = "POST", headers: Any = ()) -> Answer:
        """Send bytes, then leave; return the whole answer, which comes at once."""
        posted = Posted(self.endpoint, body, method, headers, "")
        posted.hang_up()  # for whoever reads on behind a refusal
        return await posted.done()

    async def open(self, *commands: Any, user: str = "anna", **fields: Any) -> Any:
        """Open a session and return the answer's JSON."""
        connect = {"id": 1, "connect": {"token": self.world.token(user)}}
        return await self.post(commands=[connect, *commands], **fields)

    def _open(self, transport: Any, handshake: Handshake) -> Any:
        self.handshakes.append(handshake)
        return self.world.manager.open(transport, handshake)

    def _admit(self, handshake: Handshake) -> None:
        if self.refusal is not None:
            raise self.refusal


def _identifies(header: bytes) -> bool:
    return has_identity(header) or header == b"x-user"  # as if a backend knew clients by it
