"""The reference client, written from docs/protocol.md alone; how messages travel is its session's part.

    async with ReferenceClient(url, PollSession, token=token) as client:
        await client.connect()
        news = await client.subscribe("news", recoverable=True)
        await client.publish("news", {"text": "hello"})

It comes back by itself and recovers. What happens is kept in `events` as pairs of a name and what came with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, Self

import httpx

from tests.session import Backoff, Handle, Message, SessionLost

PATIENCE_SECONDS = 8.0

GetToken = Callable[[], Awaitable[str]]


class Session(Protocol):
    """One session over a transport: `tests.poll_session`, `tests.stream_session`, `tests.socket_session`."""

    async def open(self, commands: list[Message]) -> None:
        """Open it with these commands, the first of them a connect, and wait for its reply."""

    def send(self, command: Message) -> None:
        """Send a command, behind those before it."""

    async def run(self) -> None:
        """Fetch messages until the session is lost, which is raised, or the task is cancelled."""

    async def leave(self) -> None:
        """Say goodbye; `run` must have ended."""


OpenSession = Callable[[httpx.AsyncClient, str, Handle, tuple[float, float]], Session]


class CallError(Exception):
    """An error reply."""

    def __init__(self, error: Message) -> None:
        super().__init__(error)
        self.code: int = error["code"]
        self.message: str = error["message"]
        self.is_temporary: bool = error.get("temporary", False)


class ConnectionLost(Exception):
    """The session ended before the reply: nobody knows whether the command was carried out."""


class Disconnected(Exception):
    """The connection has ended for good."""


class Subscription:
    """A channel's subscription over all sessions; `data` are the payloads that came."""

    def __init__(
        self, channel: str, get_token: GetToken | None = None, *, is_server_side: bool = False, **params: Any
    ) -> None:
        self.channel = channel
        self.is_server_side = is_server_side
        self.get_token = get_token
        self.params = params
        self.is_subscribed = False
        self.epoch = ""
        self.offset = 0
        self.data: list[Any] = []
        self.gaps: list[tuple[int, int]] = []  # offsets between which the gateway left something out, or told it twice
        self.recoveries = 0
        self.results: list[Message] = []
        self.error: CallError | None = None
        self._is_positioned = False

    def position(self) -> Message:
        """Return what asks to recover, nothing before there is a position."""
        return {"recover": True, "epoch": self.epoch, "offset": self.offset} if self._is_positioned else {}

    def begin(self, result: Message) -> None:
        """Take the result of a subscribe command, or what a connect reply or a push says of the same."""
        self.is_subscribed, self.error = True, None
        self.results.append(result)
        self._is_positioned = result.get("recoverable", False)
        self.epoch, top = result.get("epoch", ""), result.get("offset", 0)
        if not result.get("recovered"):
            self.offset = top
            return
        self.recoveries += 1
        self._move(top, expected=self.offset)
        for publication in result.get("publications", []):
            self.take(publication)

    def take(self, publication: Message) -> None:
        """Take a publication, which moves the position by one."""
        if "offset" in publication:
            self._move(publication["offset"], expected=self.offset + 1)
        self.data.append(publication["data"])

    def _move(self, offset: int, expected: int) -> None:
        if offset != expected:
            self.gaps.append((self.offset, offset))
        self.offset = offset


class ReferenceClient:
    """A client that stays connected until `close`, or until it is told to stay away."""

    def __init__(
        self,
        url: str,
        session: OpenSession,
        *,
        token: str = "",
        get_token: GetToken | None = None,
        headers: dict[str, str] | None = None,
        delays: tuple[float, float] = (0.02, 0.3),
    ) -> None:
        self._url = url
        self._open_session = session
        self._token = token
        self._get_token = get_token
        self._delays = delays
        self._http = httpx.AsyncClient(headers=headers, trust_env=False)
        self._session: Session | None = None
        self._calls: dict[int, tuple[asyncio.Future[Message], Subscription | None]] = {}
        self._last_id = 0
        self._connect_id = 0
        self._life: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._end: Message | None = None
        self._over = asyncio.Event()
        self.is_connected = False
        self.client = ""
        self.subs: dict[str, Subscription] = {}
        self.events: list[tuple[str, Any]] = []
        self._happened = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # Public methods: life

    async def connect(self) -> None:
        """Connect and wait for it.

        Raises:
            Disconnected: the gateway says not to come back.
        """
        self._life = asyncio.create_task(self._live())
        self._life.add_done_callback(lambda _: self._happened.set())
        life = self._life
        await self.until(lambda: self.is_connected or life.done(), "an answer")
        if life.done():
            await life
            raise Disconnected(self.events[-1][1])

    async def close(self) -> None:
        """Leave."""
        if self._life is not None and not self._life.done():
            self._life.cancel()
            await asyncio.wait({self._life})
            if self._session is not None and self.is_connected:
                await self._session.leave()
        self._lose("closed", {})
        await self._http.aclose()

    # Public methods: commands

    async def call(self, method: str, /, **params: Any) -> Message:
        """Send a command and return its result.

        Raises:
            CallError: the reply is an error.
            ConnectionLost: there will be no reply.
        """
        return await self._call(method, params)

    async def subscribe(self, channel: str, get_token: GetToken | None = None, **params: Any) -> Subscription:
        """Subscribe to a channel, for as long as the client lives.

        Raises:
            CallError: the gateway does not let it in.
        """
        sub = self.subs[channel] = Subscription(channel, get_token, **params)
        self._spawn(self._subscribe(sub))
        await self.until(lambda: sub.is_subscribed or sub.error is not None, f"a subscription to {channel}")
        if sub.error is not None:
            raise sub.error
        return sub

    async def unsubscribe(self, channel: str) -> None:
        """End a subscription."""
        self.subs.pop(channel)
        await self.call("unsubscribe", channel=channel)

    async def publish(self, channel: str, data: Any) -> None:
        """Publish into a channel."""
        await self.call("publish", channel=channel, data=data)

    # Public methods: what happened

    async def until(self, condition: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until something holds."""
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    self._happened.clear()
                    await self._happened.wait()
        except TimeoutError:
            raise AssertionError(f"no {what}; events: {self.events[-20:]}") from None

    async def next(self, name: str, count: int = 1) -> Any:
        """Wait for the nth event of a name and return what came with it."""
        await self.until(lambda: len(self.all(name)) >= count, f"{name} number {count}")
        return self.all(name)[count - 1]

    def all(self, name: str) -> list[Any]:
        """Return what came with all events of a name."""
        return [what for event, what in self.events if event == name]

    # Private methods: sessions

    async def _live(self) -> None:
        backoff = Backoff(*self._delays)
        while True:
            self._end, self._over = None, asyncio.Event()
            session = self._session = self._open_session(self._http, self._url, self._on_message, self._delays)
            try:
                await session.open([await self._connect_command()])
                backoff.reset()
                await self._run(session)
                assert self._end is not None
                end = self._end
            except SessionLost as lost:
                end = {"code": lost.status, "reason": lost.slug}
            self._lose("connecting" if _may_return(end["code"]) else "disconnected", end)
            if not _may_return(end["code"]):
                return
            await backoff.wait()

    async def _run(self, session: Session) -> None:
        """Fetch messages until one of them says that it is over, or the session is lost."""
        running = asyncio.ensure_future(session.run())
        over = asyncio.ensure_future(self._over.wait())
        try:
            await asyncio.wait({running, over}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            running.cancel()
            over.cancel()
            results = await asyncio.gather(running, over, return_exceptions=True)
        if self._end is None and isinstance(results[0], Exception):
            raise results[0]

    async def _connect_command(self) -> Message:
        if not self._token and self._get_token is not None:
            self._token = await self._get_token()
        self._last_id += 1
        self._connect_id = self._last_id
        positions = {sub.channel: sub.position() for sub in self.subs.values() if sub.is_server_side}
        return {"id": self._connect_id, "connect": {"token": self._token, "subs": positions}}

    async def _connect_again(self, session: Session) -> None:
        """Connect in the session that there is, with a fresh token."""
        self._token = ""
        session.send(await self._connect_command())

    def _on_connected(self, result: Message) -> None:
        self.is_connected = True
        self.client = result["client"]
        for channel, given in result.get("subs", {}).items():
            sub = self.subs.setdefault(channel, Subscription(channel, is_server_side=True))
            sub.begin(given)
        self._note("connected", result)
        for sub in self.subs.values():
            if not sub.is_subscribed:
                self._spawn(self._subscribe(sub))
        if result.get("expires") and self._get_token is not None:
            self._spawn(self._refresh(self._get_token, result["ttl"], "refresh"))

    def _on_refused(self, error: CallError) -> None:
        self._note("error", error)
        if error.code == 109 and self._get_token is not None and self._session is not None:
            self._spawn(self._connect_again(self._session))
        elif error.is_temporary:
            self._finish({"code": 0, "reason": error.message})
        else:
            self._finish({"code": 3500, "reason": error.message})

    def _finish(self, end: Message) -> None:
        self._end = end
        self._over.set()

    def _lose(self, event: str, why: Message) -> None:
        self.is_connected = False
        for task in list(self._tasks):
            task.cancel()
        for reply, _ in self._calls.values():
            if not reply.done():
                reply.set_exception(ConnectionLost())
                reply.exception()  # its caller may be gone
        self._calls.clear()
        for sub in self.subs.values():
            sub.is_subscribed = False
        self._note(event, why)

    # Private methods: subscriptions and tokens

    async def _call(self, method: str, params: Message, sub: Subscription | None = None) -> Message:
        if self._session is None or not self.is_connected:
            raise ConnectionLost
        self._last_id += 1
        reply: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._calls[self._last_id] = reply, sub
        self._session.send({"id": self._last_id, method: params})
        return dict((await reply)[method])

    async def _subscribe(self, sub: Subscription) -> None:
        token = {"token": await sub.get_token()} if sub.get_token is not None else {}
        try:
            result = await self._call(
                "subscribe", {"channel": sub.channel, **sub.params, **sub.position(), **token}, sub
            )
        except CallError as error:
            sub.error = error
            self._note("subscription error", error)
        except ConnectionLost:
            pass  # the next session subscribes again
        else:
            if result.get("expires") and sub.get_token is not None:
                self._spawn(self._refresh(sub.get_token, result["ttl"], "sub_refresh", channel=sub.channel))

    async def _refresh(self, get_token: GetToken, ttl: int, method: str, **params: Any) -> None:
        backoff = Backoff(*self._delays)
        while True:
            await asyncio.sleep(ttl)
            while True:
                try:
                    result = await self.call(method, token=await get_token(), **params)
                    break
                except CallError as error:
                    if not error.is_temporary:
                        self._note("error", error)
                        return
                    await backoff.wait()
                except ConnectionLost:
                    return
            self._note(method, result)
            ttl = result["ttl"]

    # Private methods: messages

    def _on_message(self, message: Message) -> None:
        push = message.get("push")
        if push is None:
            self._on_reply(message)
            return
        for kind in ("pub", "join", "leave", "unsubscribe", "subscribe", "message", "disconnect", "refresh"):
            if kind in push:
                self._on_push(kind, push.get("channel", ""), push[kind])

    def _on_reply(self, message: Message) -> None:
        error = CallError(message["error"]) if "error" in message else None
        if message["id"] == self._connect_id:
            self._on_connected(message["connect"]) if error is None else self._on_refused(error)
            return
        reply, sub = self._calls.pop(message["id"])
        if error is not None:
            if not reply.done():
                reply.set_exception(error)
            return
        # Here and not where the reply is awaited: publications may stand right behind it.
        if sub is not None:
            sub.begin(message["subscribe"])
            self._note("subscribed", {"channel": sub.channel, **message["subscribe"]})
        if not reply.done():
            reply.set_result(message)

    def _on_push(self, kind: str, channel: str, body: Message) -> None:
        sub = self.subs.get(channel)
        if kind == "pub" and sub is not None:
            sub.take(body)
        elif kind == "subscribe":
            self.subs[channel] = Subscription(channel, is_server_side=True)
            self.subs[channel].begin(body)
        elif kind == "unsubscribe" and sub is not None:
            sub.is_subscribed = False
            if body["code"] >= 2500:
                self._spawn(self._subscribe(sub))
            else:
                del self.subs[channel]
        elif kind == "disconnect":
            self._finish(body)
        self._note(kind, {"channel": channel, **body})

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _note(self, name: str, what: Any) -> None:
        self.events.append((name, what))
        self._happened.set()


def _may_return(code: int) -> bool:
    return code < 3500 or 4000 <= code < 4500
