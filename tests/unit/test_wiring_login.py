from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.auth.passwords import Passwords
from holdfast.auth.users import Users
from holdfast.main import Gateway, build
from holdfast.settings import Settings
from holdfast.wiring_login import RevokingEnder
from tests.asgi import Answer, call

PASSWORD = "correct horse"
PAGE = "https://app.example"
GIVEN = {
    "token": {"hmac_secret": "s" * 32},
    "admin": {"token": "word"},
    "shutdown": {"drain_window": 0},
    "auth": {
        "enabled": True,
        "allowed_origins": [PAGE],
        "password": {"memory": 1024, "iterations": 1},
    },
}


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    """An instance with a login and one user, without sockets."""
    settings = Settings.model_validate({**GIVEN, "auth": {**GIVEN["auth"], "users_path": tmp_path / "users"}})
    users = Users(settings.auth)
    users.add("alice", Passwords(settings.auth.password).hash(PASSWORD))
    users.close()
    gateway = build(settings, asyncio.get_running_loop())
    await gateway.start()
    gateway.mark_serving()
    yield gateway
    await gateway.stop()


async def ask(gateway: Gateway, method: str, path: str, body: Any = None, **headers: str) -> Answer:
    """Ask a path of the instance."""
    pairs = [(name.replace("_", "-"), value) for name, value in {"content_type": "application/json", **headers}.items()]
    sent = json.dumps(body).encode() if body is not None else b""
    return await call(gateway.app, method, path, headers=pairs, body=sent, client=("192.0.2.1", 1))


async def enter(gateway: Gateway, **headers: str) -> Answer:
    """Log in."""
    return await ask(gateway, "POST", "/auth/login", {"username": "alice", "password": PASSWORD}, **headers)


def cookie(answer: Answer, kind: str) -> str:
    """Return a cookie as the browser sends it back; that of a refresh goes with the session's."""
    kinds = ("refresh", "session") if kind == "refresh" else (kind,)
    return "; ".join(
        pair
        for pair in (one.partition(";")[0] for one in answer.cookies)
        if pair.partition("=")[0].endswith(tuple(f"holdfast_{one}" for one in kinds))
    )


async def test_token_of_a_login_opens_the_gateway(gateway: Gateway) -> None:
    """Until the session is signed out."""
    answer = await enter(gateway)
    token = answer.json()["token"]
    claims = await gateway.validator.validate_refresh(token, user="alice")
    await ask(gateway, "POST", "/auth/logout", cookie=cookie(answer, "refresh"))

    assert claims.user == "alice"
    assert gateway.validator.describe(token).slug == "token_revoked"


async def test_operators_see_and_end_sessions(gateway: Gateway) -> None:
    """With their token."""
    answer = await enter(gateway)
    word = {"authorization": "Bearer word"}
    listed = await call(gateway.app, "GET", "/admin/sessions", headers=list(word.items()), query_string=b"user=alice")
    ended = await ask(gateway, "POST", "/admin/sessions", {"user": "alice"}, **word)
    after = await ask(gateway, "POST", "/auth/refresh", cookie=cookie(answer, "refresh"))

    assert len(listed.json()["sessions"]) == 1
    assert ended.json() == {"sessions": 1, "disconnected": 0}
    assert after.json()["slug"] == "session_signed_out"
    assert (await ask(gateway, "POST", "/admin/sessions", {"user": "alice"})).status == 401


async def test_login_right_after_everywhere_counts(gateway: Gateway) -> None:
    """Tokens are issued by the second, and this one is as old as the revocation."""
    answer = await enter(gateway)
    await ask(gateway, "POST", "/auth/logout", {"everywhere": True}, cookie=cookie(answer, "refresh"))
    again = (await enter(gateway)).json()["token"]

    assert gateway.validator.describe(again).is_valid
    assert not gateway.validator.describe(answer.json()["token"]).is_valid


@pytest.mark.parametrize(("origin", "status"), [(PAGE, 200), ("https://evil.example", 403), ("null", 403)])
async def test_pages_of_other_origins(gateway: Gateway, origin: str, status: int) -> None:
    """Those that are named may read the answer, with cookies; the others are refused by name."""
    answer = await enter(gateway, origin=origin, sec_fetch_site="same-site", host="gateway.example")

    assert answer.status == status
    if status == 200:
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert answer.headers["access-control-allow-credentials"] == "true"
    else:
        assert answer.json()["slug"] == "csrf_refused"
        assert "access-control-allow-origin" not in answer.headers


async def test_browser_hands_in_lines_by_its_cookie(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    """They belong to the user, while the session lives."""
    answer = await enter(gateway)
    lines = {"lines": [{"t": 1, "event": "seen"}]}
    first = await ask(gateway, "POST", "/client/logs", lines, cookie=cookie(answer, "session"))
    foreign = await ask(gateway, "POST", "/client/logs", lines, cookie=f"{cookie(answer, 'session')}0")
    page = await ask(
        gateway, "POST", "/client/logs", lines, cookie=cookie(answer, "session"), sec_fetch_site="same-site"
    )
    await ask(gateway, "POST", "/auth/logout", cookie=cookie(answer, "refresh"))
    last = await ask(gateway, "POST", "/client/logs", lines, cookie=cookie(answer, "session"))

    assert first.json() == {"log_token": "", "accepted": 1}
    assert (foreign.status, page.status, last.status) == (403, 403, 403)
    written = [line for line in capsys.readouterr().err.splitlines() if '"browser_line"' in line]
    assert len(written) == 1
    assert json.loads(written[0])["user"] == "alice"
    assert "attempt" not in json.loads(written[0])


async def test_gateway_without_login_has_no_such_paths() -> None:
    """It is off unless it is asked for."""
    gateway = build(Settings.model_validate({"admin": {"token": "word"}}), asyncio.get_running_loop())

    assert (await ask(gateway, "POST", "/auth/login", {})).status == 404
    assert (await ask(gateway, "GET", "/admin/sessions", authorization="Bearer word")).status == 404


async def test_full_list_of_revocations_does_not_stop_a_logout(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The session ends; what is lost is said."""

    def full(**_: object) -> None:
        raise OverflowError("full")

    monkeypatch.setattr(gateway.core.validator, "revoke", full)

    assert await RevokingEnder(gateway.cluster.revoker, gateway.core.wall_clock, 60).end_session("s", "") == 0
    assert '"revocation_lost"' in capsys.readouterr().err


def test_gateway_does_not_load_what_its_settings_do_not_use() -> None:
    """A login takes 12 MB, Redis, fetched keys and proxies another 10 MB, which who has none of them should not pay."""
    code = (
        "import asyncio, sys; from holdfast.main import build; from holdfast.settings import Settings;"
        "loop = asyncio.new_event_loop(); build(Settings(), loop); loop.close();"
        "print(sorted({'sqlalchemy', 'argon2', 'redis', 'httpx', 'aiohttp'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=100)

    assert done.stdout.strip() == "[]"
