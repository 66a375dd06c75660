from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from holdfast.auth.peek import peek
from holdfast.auth.users import Users
from holdfast.main import Gateway, build
from holdfast.routes.dev import BLOCK_COOKIE
from holdfast.settings import Settings
from holdfast.wiring_dev import DevMode
from tests.asgi import call
from tests.unit.test_wiring_login import GIVEN, ask, cookie, enter

SWITCHES = ("kill", "silence", "expire", "token", "block", "restart")


async def started(path: Path, dev: DevMode | None, *, has_login: bool = True) -> Gateway:
    """Return an instance that serves, without sockets."""
    auth = {**GIVEN["auth"], "users_path": path} if has_login else {}
    settings = Settings.model_validate({**GIVEN, "auth": auth})
    if has_login:
        from holdfast.auth.passwords import Passwords
        from tests.unit.test_wiring_login import PASSWORD

        users = Users(settings.auth)
        users.add("alice", Passwords(settings.auth.password).hash(PASSWORD))
        users.close()
    gateway = build(settings, asyncio.get_running_loop(), dev)
    await gateway.start()
    gateway.mark_serving()
    return gateway


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    """An instance of a developer."""
    gateway = await started(tmp_path / "users", DevMode())
    yield gateway
    await gateway.stop()


async def test_demo_is_a_page_that_runs_its_own_scripts_alone(gateway: Gateway) -> None:
    """Also where the slash at the end was not typed."""
    short = await call(gateway.app, path="/demo")
    page = await call(gateway.app, path="/demo/")
    script = await call(gateway.app, path="/demo/core.js")

    assert (short.status, short.headers["location"]) == (307, "/demo/")
    assert (page.status, script.status) == (200, 200)
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert b"<script>" not in page.body
    assert b'style="' not in page.body


async def test_switches_are_there_for_who_is_logged_in(gateway: Gateway) -> None:
    """And the token that one of them gives has expired."""
    refused = [(await ask(gateway, "POST", f"/auth/dev/{name}", {})).status for name in SWITCHES]
    session = cookie(await enter(gateway), "refresh")
    token = (await ask(gateway, "POST", "/auth/dev/token", {}, cookie=session)).json()["token"]
    claims = peek(token, 8192).claims
    foreign = await ask(gateway, "POST", "/auth/dev/token", {}, cookie=session, origin="https://else.example")

    assert refused == [401] * len(SWITCHES)
    assert claims["iat"] < claims["exp"] < gateway.core.wall_clock()
    assert foreign.json()["slug"] == "csrf_refused"


@pytest.mark.parametrize("path", ["/connection/http_stream", "/connection/sse", "/connection/poll"])
async def test_doors_can_be_blocked_for_one_browser(gateway: Gateway, path: str) -> None:
    """Nobody else meets the filter, and no other door has it."""
    name = path.rpartition("/")[2]
    blocked = await call(gateway.app, "POST", path, headers=[("cookie", f"{BLOCK_COOKIE}={name}")], body=b"")
    others = await call(gateway.app, "POST", path, headers=[("cookie", f"{BLOCK_COOKIE}=websocket")], body=b"")

    assert b"filter" in blocked.body
    assert b"filter" not in others.body


@pytest.mark.parametrize("kind", ["without --dev", "without a login"])
async def test_nothing_of_it_exists_otherwise(tmp_path: Path, kind: str) -> None:
    """Neither the page nor a switch nor a filter."""
    dev, has_login = (None, True) if kind == "without --dev" else (DevMode(), False)
    gateway = await started(tmp_path / "users", dev, has_login=has_login)
    paths = ["/demo", "/demo/", "/demo/core.js", *(f"/auth/dev/{name}" for name in SWITCHES)]
    found = [(await ask(gateway, "POST", path, {})).json()["slug"] for path in paths]
    door = await call(gateway.app, "POST", "/connection/sse", headers=[("cookie", f"{BLOCK_COOKIE}=sse")], body=b"")
    await gateway.stop()

    assert found == ["not_found"] * len(paths)
    assert b"filter" not in door.body


def test_restart_is_a_sigterm_that_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The instance stops as it always does; who ran it sees that it is to begin again."""
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda *call: sent.append(call))
    mode = DevMode()
    mode.restart()

    assert mode.is_restart_asked
    assert sent == [(os.getpid(), signal.SIGTERM)]
