from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from holdfast.admission.addresses import TrustedProxies
from holdfast.errors import LoginError
from holdfast.routes.auth import LOGIN_PATH, LOGOUT_PATH, METHODS, REFRESH_PATH, SESSION_PATH, AuthEndpoint, AuthRules
from tests.asgi import Answer, call
from tests.unit.auth.test_login import PASSWORD, World

JSON = ("content-type", "application/json")
PAGE = "https://app.example"


class Doors(World):
    """A login with its paths."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        rules = AuthRules(TrustedProxies([]).originate, frozenset({PAGE}), False, self.clock)
        self.paths = {path: AuthEndpoint(path, self.service, rules) for path in METHODS}

    async def ask(self, path: str, body: object = None, *headers: tuple[str, str], cookie: str = "") -> Answer:
        """Ask a path as its page does."""
        path, _, query = path.partition("?")
        method = METHODS[path]
        given = [*(headers or ([JSON] if method == "POST" else [])), *([("cookie", cookie)] if cookie else [])]
        sent = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        more = {"client": ("192.0.2.1", 1), "query_string": query.encode()}
        return await call(self.paths[path], method, path, headers=given, body=sent, **more)

    async def enter(self) -> Answer:
        """Log in."""
        return await self.ask(LOGIN_PATH, {"username": "alice", "password": PASSWORD})


@pytest.fixture
async def doors(tmp_path: Path) -> AsyncIterator[Doors]:
    """Return the paths of a login that has started."""
    found = Doors(tmp_path / "users")
    await found.service.start()
    yield found
    await found.service.stop()


def cookie_of(answer: Answer) -> str:
    """Return the cookies of a session as the browser would send them back."""
    pairs = [one.partition(";")[0] for one in answer.cookies]
    return "; ".join(pair for pair in pairs if "device" not in pair)


async def test_login_answers_token_and_cookies(doors: Doors) -> None:
    """The body for the page, the cookies for the browser alone."""
    answer = await doors.enter()
    body = answer.json()

    assert answer.status == 200
    assert body["token"].count(".") == 2
    assert (body["expires_in"], body["server_time"]) == (599.75, 1_800_000_000.25)
    assert body["user"] == {"id": "alice", "name": "Alice"}
    assert answer.headers["cache-control"] == "no-store"
    assert [one.partition("=")[0] for one in answer.cookies] == [
        "__Secure-holdfast_refresh",
        "__Host-holdfast_session",
        "__Secure-holdfast_device",
    ]
    assert not any(pair.partition("=")[2] in answer.body.decode() for pair in cookie_of(answer).split("; "))


async def test_refresh_answers_like_login(doors: Doors) -> None:
    """With the next cookie."""
    first = await doors.enter()
    second = await doors.ask(REFRESH_PATH, cookie=cookie_of(first))

    assert second.status == 200
    assert second.json().keys() == first.json().keys()
    assert cookie_of(second) != cookie_of(first)


async def test_session_tells_who_and_until_when(doors: Doors) -> None:
    """Nothing is exchanged."""
    answer = await doors.ask(SESSION_PATH, cookie=cookie_of(await doors.enter()))

    assert answer.json() == {
        "user": {"id": "alice", "name": "Alice"},
        "since": 1_800_000_000.25,
        "expires_at": 1_800_604_800.25,
        "sessions": 1,
        "server_time": 1_800_000_000.25,
    }
    assert answer.cookies == []


@pytest.mark.parametrize("body", [None, {}, {"everywhere": True}])
async def test_logout_forgets_the_cookies(doors: Doors, body: object) -> None:
    """And the session behind them."""
    cookie = cookie_of(await doors.enter())
    answer = await doors.ask(LOGOUT_PATH, body, cookie=cookie)

    assert (answer.status, answer.body) == (204, b"")
    assert "content-length" not in answer.headers
    assert [one.partition(";")[0] for one in answer.cookies] == [
        "__Secure-holdfast_refresh=",
        "__Host-holdfast_session=",
    ]
    again = await doors.ask(REFRESH_PATH, cookie=cookie)
    assert (again.status, again.json()["slug"]) == (401, "session_signed_out")
    assert len(again.cookies) == 2


async def test_refused_login_says_no_more_than_that(doors: Doors) -> None:
    """Neither in the body nor by a cookie."""
    answer = await doors.ask(LOGIN_PATH, {"username": "nobody", "password": "x"})

    assert (answer.status, answer.json()["slug"], answer.cookies) == (401, "login_refused", [])
    assert answer.headers["www-authenticate"] == "Cookie"


async def test_locked_login_says_how_long(doors: Doors) -> None:
    """In `Retry-After`."""
    for _ in range(3):
        await doors.ask(LOGIN_PATH, {"username": "alice", "password": "x"})
    answer = await doors.ask(LOGIN_PATH, {"username": "alice", "password": PASSWORD})

    assert (answer.status, answer.headers["retry-after"]) == (429, "5")


@pytest.mark.parametrize("path", [REFRESH_PATH, SESSION_PATH])
async def test_first_visit_is_no_error_when_asked_quietly(doors: Doors, path: str) -> None:
    """A browser's console has nothing to show; a session that has ended is an error all the same."""
    answer = await doors.ask(f"{path}?quiet")
    cookie = cookie_of(await doors.enter())
    await doors.ask(LOGOUT_PATH, cookie=cookie)
    ended = await doors.ask(f"{path}?quiet", cookie=cookie)

    assert (answer.status, answer.json()) == (200, {"user": None, "server_time": 1_800_000_000.25})
    assert (ended.status, ended.json()["slug"]) == (401, "session_signed_out")
    assert (await doors.ask(f"{path}?quietly")).status == 401


async def test_first_visit_has_no_session(doors: Doors) -> None:
    """And nothing to forget."""
    answer = await doors.ask(REFRESH_PATH)

    assert (answer.status, answer.json()["slug"], answer.cookies) == (401, "session_missing", [])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        {"username": "a"},
        {"username": 1, "password": "x"},
        {"username": "a" * 2000, "password": "x"},
    ],
)
async def test_body_of_another_form_is_named(doors: Doors, body: object) -> None:
    """What was expected, and nothing of what came."""
    answer = await doors.ask(LOGIN_PATH, body)

    assert (answer.status, answer.json()["slug"]) == (400, "login_malformed")


async def test_too_large_a_body_is_not_read(doors: Doors) -> None:
    """Nobody has so long a password."""
    assert (await doors.ask(LOGIN_PATH, b"x" * 10_000)).json()["slug"] == "body_too_large"


async def test_other_methods_are_refused(doors: Doors) -> None:
    """A link must not log anybody out."""
    answer = await call(doors.paths[LOGOUT_PATH], "GET", LOGOUT_PATH)

    assert (answer.status, answer.headers["allow"]) == (405, "POST")


async def test_client_that_leaves_gets_no_answer(doors: Doors) -> None:
    """And costs no hash."""
    answer = await call(doors.paths[LOGIN_PATH], "POST", LOGIN_PATH, headers=[JSON], body=None)

    assert answer.status == 0


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ([JSON], True),
        ([JSON, ("sec-fetch-site", "same-origin")], True),
        ([("content-type", "application/json; charset=utf-8")], True),
        ([JSON, ("sec-fetch-site", "same-site")], False),
        ([JSON, ("sec-fetch-site", "cross-site")], False),
        ([JSON, ("sec-fetch-site", "none")], False),
        ([JSON, ("sec-fetch-site", "same-site"), ("origin", PAGE)], True),
        ([JSON, ("sec-fetch-site", "same-site"), ("origin", "https://evil.example")], False),
        ([("content-type", "text/plain"), ("sec-fetch-site", "same-origin")], False),
        ([("content-type", "application/x-www-form-urlencoded")], False),
        ([("accept", "*/*")], False),
    ],
)
@pytest.mark.parametrize("path", [LOGIN_PATH, REFRESH_PATH, LOGOUT_PATH])
async def test_pages_of_others_are_refused(
    doors: Doors, path: str, headers: list[tuple[str, str]], passes: bool
) -> None:
    """Nothing happens for a page of another site, whatever path it calls."""
    cookie = cookie_of(await doors.enter())
    answer = await doors.ask(path, {"username": "alice", "password": PASSWORD}, *headers, cookie=cookie)

    assert (answer.status != 403) == passes
    if not passes:
        assert answer.json()["slug"] == "csrf_refused"
        assert (await doors.ask(REFRESH_PATH, cookie=cookie)).status == 200


@pytest.mark.parametrize(("site", "status"), [("same-origin", 200), ("none", 200), ("cross-site", 403)])
async def test_session_is_shown_to_our_pages_alone(doors: Doors, site: str, status: int) -> None:
    """Also to whoever types the address."""
    cookie = cookie_of(await doors.enter())

    assert (await doors.ask(SESSION_PATH, None, ("sec-fetch-site", site), cookie=cookie)).status == status


async def test_lines_have_nothing_secret(doors: Doors, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither password nor cookie nor token, whatever happens."""
    answer = await doors.enter()
    cookie = cookie_of(answer)
    await doors.ask(LOGIN_PATH, {"username": "alice", "password": "hunter2-hunter2"})
    await doors.ask(REFRESH_PATH, cookie=cookie)
    doors.clock.advance(31)
    replayed = await doors.ask(REFRESH_PATH, cookie=cookie)
    written = capsys.readouterr().err

    assert replayed.json()["slug"] == "session_replayed"
    assert '"session_replayed"' in written
    assert '"why": "wrong_password"' in written
    for secret in ("hunter2", PASSWORD, cookie.partition("=")[2], answer.json()["token"]):
        assert secret not in written


async def test_unavailable_users_are_named(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client may try again."""

    def fails(name: str) -> None:
        raise LoginError("users_unavailable")

    monkeypatch.setattr(doors.users, "by_name", fails)
    answer = await doors.enter()

    assert (answer.status, answer.json()["slug"]) == (503, "users_unavailable")
    assert "retry-after" in answer.headers


@pytest.mark.parametrize("order", [1, -1])
async def test_tossed_cookie_is_not_taken_for_ours(doors: Doors, order: int) -> None:
    """A refresh token that another host of the domain has set is another session's, wherever the browser puts it."""
    ours, theirs = cookie_of(await doors.enter()), cookie_of(await doors.enter())
    tossed = theirs.partition(";")[0]
    both = "; ".join([ours, tossed][::order])
    first = await doors.ask(REFRESH_PATH, cookie=both)
    alone = await doors.ask(REFRESH_PATH, cookie=tossed)

    assert first.status == 200
    assert cookie_of(first).split(".")[1] == ours.split(".")[1]
    assert (alone.status, alone.json()["slug"], alone.cookies) == (401, "session_missing", [])
    assert (await doors.ask(REFRESH_PATH, cookie=theirs)).status == 200


async def test_page_that_came_without_tls_is_refused(doors: Doors) -> None:
    """Also where the browser is too old to say so itself: whoever sits in between could be that page."""
    doors.paths = {
        path: AuthEndpoint(path, doors.service, AuthRules(TrustedProxies(["192.0.2.1"]).originate, frozenset(), False))
        for path in METHODS
    }
    proto, body = ("x-forwarded-proto", "https"), {"username": "alice", "password": PASSWORD}
    plain = await doors.ask(LOGIN_PATH, body, JSON, proto, ("origin", "http://gateway.example"))
    safe = await doors.ask(LOGIN_PATH, body, JSON, proto, ("origin", "https://gateway.example"))

    assert (plain.status, plain.json()["slug"], safe.status) == (403, "csrf_refused", 200)


async def test_refreshes_have_a_limit_of_their_own(doors: Doors) -> None:
    """For each session, before the database is asked; its cookies stay."""
    cookie, other = cookie_of(await doors.enter()), cookie_of(await doors.enter())
    answers = [await doors.ask(SESSION_PATH, cookie=cookie) for _ in range(151)]

    assert {answer.status for answer in answers[:-1]} == {200}
    assert (answers[-1].status, answers[-1].json()["slug"], answers[-1].cookies) == (429, "rate_limited", [])
    assert answers[-1].headers["retry-after"] == "2"
    assert (await doors.ask(SESSION_PATH, cookie=other)).status == 200
