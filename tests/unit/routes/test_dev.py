from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from holdfast.admission.addresses import TrustedProxies
from holdfast.routes.auth import AuthRules
from holdfast.routes.dev import BLOCK_COOKIE, SWITCH_PATH, Blockable, Breakable, Switches, blocked_by, silence
from tests.asgi import Answer, call
from tests.unit.auth.test_login import World

JSON = ("content-type", "application/json")
ATTEMPT = "0" * 32


class Connection:
    """One of alice's, which notes what becomes of it."""

    def __init__(self) -> None:
        self.user = "Alice"
        self.is_connected = True
        self.awaiting_pong = True
        self.written: list[bytes] = []
        self.events: list[str] = []
        self.transport = SimpleNamespace(abort=lambda: self.events.append("aborted"))
        heartbeat = SimpleNamespace(discard=lambda one: self.events.append("unpinged"))
        self.core = SimpleNamespace(heartbeat=heartbeat, client=SimpleNamespace(ping_interval=25.0))
        self.write = self.written.append

    def close(self, slug: str) -> None:
        """Note a close."""
        self.events.append(slug)


class Lab(World):
    """A login, the switches behind it, and one connection to break."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.connection = Connection()
        self.restarts = 0
        manager: Any = SimpleNamespace(by_attempt=lambda attempt: self.connection if attempt == ATTEMPT else None)
        rules = AuthRules(TrustedProxies([]).originate, frozenset(), False, self.clock)
        breakable = Breakable(manager, lambda user, ago: f"token of {user}, {ago} s old", self._restart)
        self.paths = Switches(self.service, rules, breakable).paths()
        self.cookie = ""

    async def press(self, switch: str, body: object = None, *headers: tuple[str, str]) -> Answer:
        """Press a switch as the page does, and wait for what it does a moment later."""
        given = [*(headers or [JSON]), ("cookie", self.cookie)]
        sent = json.dumps({} if body is None else body).encode()
        path = f"{SWITCH_PATH}{switch}"
        answer = await call(self.paths[path], "POST", path, headers=given, body=sent, client=("192.0.2.1", 1))
        await asyncio.sleep(0)
        return answer

    def _restart(self) -> None:
        self.restarts += 1


@pytest.fixture
async def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Lab]:
    """Return switches whose user is logged in; what they do follows at once."""
    monkeypatch.setattr("holdfast.routes.dev._soon", lambda action: action())
    found = Lab(tmp_path / "users")
    await found.service.start()
    found.connection.user = (granted := await found.log_in()).user.id
    session = found.service.session_cookie(granted.session)
    found.cookie = f"__Secure-holdfast_refresh={granted.session.token}; __Host-holdfast_session={session}"
    yield found
    await found.service.stop()


async def test_kill_drops_the_connection_without_a_word(lab: Lab) -> None:
    """That of the attempt which the page names."""
    assert (await lab.press("kill", {"attempt": ATTEMPT})).status == 200
    assert lab.connection.events == ["aborted"]


async def test_expire_closes_as_the_end_of_a_token_does(lab: Lab) -> None:
    """With the cause by which a client fetches another one."""
    await lab.press("expire", {"attempt": ATTEMPT})

    assert lab.connection.events == ["connection_expired"]


async def test_token_is_an_expired_one_of_the_user(lab: Lab) -> None:
    """Whoever asks gets their own alone."""
    answer = await lab.press("token")

    assert answer.json() == {"token": f"token of {lab.connection.user}, 3600 s old", "expired_ago": 3600}
    assert answer.headers["cache-control"] == "no-store"


async def test_silence_swallows_what_is_written(lab: Lab) -> None:
    """Pings too, and the socket stays open."""
    await lab.press("silence", {"attempt": ATTEMPT})
    lab.connection.write(b"a ping")

    assert lab.connection.events == ["unpinged"]
    assert not lab.connection.written
    assert not lab.connection.awaiting_pong


async def test_restart_is_asked_for(lab: Lab) -> None:
    """By whoever is logged in."""
    await lab.press("restart")

    assert lab.restarts == 1


async def test_block_gives_this_browser_a_cookie_for_a_while(lab: Lab) -> None:
    """And takes it away when nothing is to be blocked."""
    on = await lab.press("block", {"transports": ["websocket", "sse"], "seconds": 120})
    off = await lab.press("block")

    assert on.cookies == [
        f"{BLOCK_COOKIE}=websocket.sse; Path=/connection; Max-Age=120; HttpOnly; SameSite=Strict",
    ]
    assert "Max-Age=0" in off.cookies[0]


@pytest.mark.parametrize("whose", ["another user's", "nobody's", "one without a session"])
async def test_connection_of_others_stays(lab: Lab, whose: str) -> None:
    """To the page there is none."""
    if whose == "another user's":
        lab.connection.user = "somebody else"
    lab.connection.is_connected = whose != "one without a session"
    attempt = "1" * 32 if whose == "nobody's" else ATTEMPT
    answer = await lab.press("kill", {"attempt": attempt})

    assert (answer.status, answer.json()["slug"]) == (404, "unknown_attempt")
    assert not lab.connection.events


async def test_switch_needs_a_session(lab: Lab) -> None:
    """Whoever is not logged in breaks nothing."""
    lab.cookie = ""
    answer = await lab.press("restart")

    assert (answer.status, answer.json()["slug"]) == (401, "session_missing")
    assert lab.restarts == 0


async def test_switch_is_for_pages_of_ours(lab: Lab) -> None:
    """Neither a form nor a script of another site can press one."""
    form = await lab.press("restart", None, ("content-type", "text/plain"))
    foreign = await lab.press("restart", None, JSON, ("sec-fetch-site", "cross-site"))
    read = await call(lab.paths["/auth/dev/restart"], "GET", client=("192.0.2.1", 1))

    assert [one.json()["slug"] for one in (form, foreign, read)] == ["csrf_refused"] * 2 + ["method_not_allowed"]
    assert lab.restarts == 0


@pytest.mark.parametrize(
    "body", [{"seconds": 601}, {"transports": ["a;b"]}, {"transports": ["a"] * 5}, [], {"attempt": 1}]
)
async def test_body_that_no_switch_takes_is_refused(lab: Lab, body: object) -> None:
    """Nothing of it gets into a cookie."""
    answer = await lab.press("block", body)

    assert (answer.status, answer.json()["slug"]) == (400, "login_malformed")
    assert not answer.cookies


async def test_blockable_refuses_those_who_asked_for_it() -> None:
    """As a filter does that never asks the gateway."""
    passed: list[str] = []

    async def door(scope: Any, receive: Any, send: Any) -> None:
        passed.append(scope["path"])

    cookies = [("cookie", f"a=b; {BLOCK_COOKIE}=websocket.sse")]
    refused = await call(Blockable(door, "sse"), headers=cookies)
    await call(Blockable(door, "poll"), path="/poll", headers=cookies)
    await call(Blockable(door, "sse"), path="/sse")

    assert (refused.status, passed) == (403, ["/poll", "/sse"])
    assert "text/html" in refused.headers["content-type"]


async def test_blockable_refuses_handshakes() -> None:
    """By an HTTP answer in place of the upgrade."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "websocket", "headers": [(b"cookie", f"{BLOCK_COOKIE}=websocket".encode())]}
    await Blockable(None, "websocket")(scope, receive, send)  # type: ignore[arg-type]  # nobody gets through to it

    assert [one["type"] for one in sent] == ["websocket.http.response.start", "websocket.http.response.body"]
    assert sent[0]["status"] == 403


def test_blocked_by_nothing_without_the_cookie() -> None:
    """Other cookies do not count."""
    assert not blocked_by([(b"cookie", b"holdfast_other=websocket"), (b"host", b"here")])


def test_silence_keeps_the_connection_open() -> None:
    """It is neither closed nor aborted."""
    connection: Any = Connection()
    silence(connection)

    assert connection.events == ["unpinged"]
