"""Logins, sessions and accounts of a real gateway, over real HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.gateway import ADMIN_TOKEN, Gateway, running
from tests.raw_client import RawClient

PASSWORD = "correct horse battery"
JSON = {"content-type": "application/json"}
REFRESH = "__Secure-holdfast_refresh"
PAGE = "https://app.example.com"


def settings(**more: Any) -> dict[str, Any]:
    """Return settings with a login in the gateway's own folder."""
    auth = {"enabled": True, "users_path": "users.sqlite", "lockout": {"rate": 1000, "burst": 1000}, **more}
    return {"auth": auth, "broker": {"snapshot_path": "state.snapshot"}, "client": {"expired_close_delay": 0}}


def holdfast(gateway: Gateway, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command as the operator beside a gateway does."""
    config = gateway.folder / "operator.yaml"
    config.write_text(yaml.safe_dump({**gateway.settings, "port": gateway.port}))
    env = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    command = [sys.executable, "-m", "holdfast", *arguments, "--config", str(config)]
    return subprocess.run(
        command, cwd=gateway.folder, env=env, input=typed, capture_output=True, text=True, timeout=60, check=False
    )


def add_user(gateway: Gateway, name: str) -> str:
    """Make an account, and return its name."""
    done = holdfast(gateway, "user", "add", name, "--password-stdin", typed=f"{PASSWORD}\n")
    assert done.returncode == 0, done.stderr
    return name


class Browser:
    """What a page and its browser do: call the paths, keep the cookies."""

    def __init__(self, gateway: Gateway, user: str = "") -> None:
        self.gateway = gateway
        self.cookies: dict[str, str] = {}
        self.token = ""
        self.user = user
        if user:
            answer = self.log_in(user)
            assert answer.status_code == 200, answer.text

    def ask(self, path: str, body: Any = None, **more: str) -> httpx.Response:
        """POST to a path of the login."""
        headers = {**JSON, **self.cookie, **more}
        return httpx.post(f"{self.gateway.url}{path}", json=body, headers=headers, trust_env=False, timeout=60)

    def log_in(self, user: str, password: str = PASSWORD) -> httpx.Response:
        """Log in, and keep what comes."""
        return self.keep(self.ask("/auth/login", {"username": user, "password": password}))

    def refresh(self) -> httpx.Response:
        """Exchange the cookie."""
        return self.keep(self.ask("/auth/refresh"))

    def keep(self, answer: httpx.Response) -> httpx.Response:
        """Keep the cookies of an answer, and its token."""
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        if answer.status_code == 200:
            self.token = answer.json()["token"]
        return answer

    @property
    def cookie(self) -> dict[str, str]:
        """The cookie header."""
        return {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}

    def connect(self) -> RawClient:
        """Connect with the access token."""
        return RawClient(self.gateway, token=self.token)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with a login, which the tests of this file share: each has users of its own."""
    with running(tmp_path_factory.mktemp("login"), settings(allowed_origins=[PAGE])) as shared:
        yield shared


def slug(answer: httpx.Response) -> str:
    """Return why a request was refused."""
    return str(answer.json()["slug"])


def test_login_to_a_connection(gateway: Gateway) -> None:
    """From an account made on the command line to live data, as the user that the token names."""
    browser = Browser(gateway, add_user(gateway, "Ada"))
    with browser.connect() as client:
        client.subscribe("full:login")
        found = gateway.call("presence", channel="full:login")["result"]["presence"]

    assert [one["user"] for one in found.values()] == ["ada"]
    session = httpx.get(f"{gateway.url}/auth/session", headers=browser.cookie, trust_env=False).json()
    assert session["user"] == {"id": "ada", "name": "Ada"}
    assert abs(session["server_time"] - time.time()) < 60


def test_cookies_are_kept_to_tls(gateway: Gateway) -> None:
    """Also for plain HTTP from this machine, where nothing else was asked for."""
    answer = Browser(gateway).log_in(add_user(gateway, "secure"))

    for line in answer.headers.get_list("set-cookie"):
        assert line.startswith(("__Secure-", "__Host-"))
        assert line.endswith("; HttpOnly; Secure; SameSite=Strict")


async def test_hundred_refreshes_at_once(gateway: Gateway) -> None:
    """With one cookie: one successor, and nobody is logged out."""
    browser = Browser(gateway, await asyncio.to_thread(add_user, gateway, "racer"))
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(trust_env=False, timeout=120, limits=limits) as client:
        url, headers = f"{gateway.url}/auth/refresh", {**JSON, **browser.cookie}
        answers = await asyncio.gather(*(client.post(url, headers=headers) for _ in range(100)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.headers.get_list("set-cookie")[0] for answer in answers}) == 1
    browser.keep(answers[0])
    assert browser.refresh().status_code == 200
    assert gateway.metric("holdfast_session_refreshes_total", outcome="repeated") >= 99


def test_replayed_cookie_ends_everything(start_gateway: Callable[..., Gateway]) -> None:
    """The thief, the honest one, and the connection of either."""
    gateway = start_gateway(settings(refresh_overlap=1))
    browser = Browser(gateway, add_user(gateway, "ada"))
    thief = Browser(gateway)
    thief.cookies = dict(browser.cookies)
    assert browser.refresh().status_code == 200
    client = browser.connect()
    time.sleep(1.2)  # the overlap

    assert slug(thief.refresh()) == "session_replayed"
    assert slug(browser.refresh()) == "session_replayed"
    assert client.closed() == (3005, "token_revoked")
    with browser.connect() as late:
        assert late.connected["error"] == {"code": 109, "message": "token_revoked"}
    assert gateway.wait_for_event("session_replayed")["user"] == "ada"
    assert thief.refresh().headers.get_list("set-cookie") == []  # the browser has forgotten them already


def test_restart_logs_nobody_out(start_gateway: Callable[..., Gateway]) -> None:
    """And neither does one right after another."""
    gateway = start_gateway(settings())
    browsers = [Browser(gateway, add_user(gateway, name)) for name in ("ada", "bob")]
    out = Browser(gateway, "ada")
    assert out.ask("/auth/logout", {}).status_code == 204
    for _ in range(2):
        assert gateway.stop() == 0
        gateway.start()
        assert [browser.refresh().status_code for browser in browsers] == [200, 200]
    assert slug(out.refresh()) == "session_signed_out"
    with browsers[0].connect() as client:
        client.subscribe("news")


def test_crash_keeps_what_was_ended_everywhere(start_gateway: Callable[..., Gateway]) -> None:
    """Sessions that an old snapshot brings back are not those of the account any more."""
    given = settings()
    given["broker"]["snapshot_interval"] = "100ms"
    gateway = start_gateway(given)
    browser, kept = Browser(gateway, add_user(gateway, "ada")), Browser(gateway, add_user(gateway, "bob"))
    before = dict(browser.cookies)
    deadline = time.monotonic() + 30
    written = gateway.metric("holdfast_snapshot_seconds_count")
    while gateway.metric("holdfast_snapshot_seconds_count") < written + 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    state = (gateway.folder / "state.snapshot").read_bytes()
    assert browser.ask("/auth/logout", {"everywhere": True}).status_code == 204
    gateway.kill()
    (gateway.folder / "state.snapshot").write_bytes(state)
    gateway.start()
    browser.cookies = before

    assert kept.refresh().status_code == 200
    assert slug(browser.refresh()) == "session_ended"


def test_logout_here_and_everywhere(gateway: Gateway) -> None:
    """Each ends its connections, and no other's."""
    user = add_user(gateway, "leaver")
    one, two, three = (Browser(gateway, user) for _ in range(3))
    clients = [one.connect(), two.connect(), three.connect()]
    cookies = dict(one.cookies)
    assert one.keep(one.ask("/auth/logout")).status_code == 204
    assert clients[0].closed() == (3005, "token_revoked")
    one.cookies = cookies
    assert slug(one.refresh()) == "session_signed_out"
    assert two.refresh().status_code == 200

    assert two.ask("/auth/logout", {"everywhere": True}).status_code == 204
    assert [client.closed() for client in clients[1:]] == [(3500, "user_revoked")] * 2
    assert slug(three.refresh()) == "session_signed_out"
    with Browser(gateway, user).connect() as client:
        client.subscribe("news")


def test_operator_disables_an_account(gateway: Gateway) -> None:
    """Its sessions and connections end at once; opened again, it can log in."""
    user = add_user(gateway, "closed")
    browser = Browser(gateway, user)
    client = browser.connect()
    done = holdfast(gateway, "user", "disable", user)

    assert (done.returncode, "1 session(s), closed 1" in done.stderr) == (0, True), done.stderr
    assert client.closed() == (3500, "user_revoked")
    assert slug(browser.refresh()) == "session_signed_out"
    assert slug(Browser(gateway).log_in(user)) == "login_refused"
    assert holdfast(gateway, "user", "enable", user).returncode == 0
    assert Browser(gateway).log_in(user).status_code == 200


def test_operator_without_gateway_is_told(start_gateway: Callable[..., Gateway]) -> None:
    """The account is changed all the same, and the sessions end when the gateway is back."""
    gateway = start_gateway(settings())
    browser = Browser(gateway, add_user(gateway, "ada"))
    gateway.stop()
    done = holdfast(gateway, "user", "password", "ada", "--generate")
    gateway.start()

    assert done.returncode == 1
    assert "could not be told" in done.stderr
    assert slug(browser.refresh()) == "session_ended"
    assert slug(Browser(gateway).log_in("ada")) == "login_refused"
    assert Browser(gateway).log_in("ada", done.stdout.strip()).status_code == 200


def test_answers_do_not_tell_which_accounts_exist(gateway: Gateway) -> None:
    """Unknown, wrong and disabled are one answer, to the byte."""
    known, closed = add_user(gateway, "known"), add_user(gateway, "shut")
    holdfast(gateway, "user", "disable", closed)
    tries = ((known, "wrong password"), ("nobody at all", PASSWORD), (closed, PASSWORD))
    answers = [Browser(gateway).log_in(*one) for one in tries]

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    kept = [{name: value for name, value in answer.headers.items() if name != "date"} for answer in answers]
    assert kept[0] == kept[1] == kept[2]


def test_locks_are_the_strangers(start_gateway: Callable[..., Gateway]) -> None:
    """Who fails waits, longer each time; the honest user on a known device does not, whatever strangers do."""
    given = settings(lockout={"failures": 2, "account_failures": 4, "first": 30, "rate": 1000, "burst": 1000})
    given["http"] = {"trusted_proxies": ["127.0.0.1"]}
    gateway = start_gateway(given)
    user = add_user(gateway, "ada")
    device = Browser(gateway, user)
    device.ask("/auth/logout")
    causes = []
    for number in range(6):
        body = {"username": user, "password": "wrong password"}
        answer = Browser(gateway).ask("/auth/login", body, **{"x-forwarded-for": f"192.0.2.{number // 2}"})
        causes.append(slug(answer))
    right = {"username": user, "password": PASSWORD}
    stranger = Browser(gateway).ask("/auth/login", right, **{"x-forwarded-for": "192.0.2.0"})
    newcomer = Browser(gateway).ask("/auth/login", right, **{"x-forwarded-for": "198.51.100.7"})

    assert causes == ["login_refused"] * 4 + ["login_locked"] * 2
    assert (slug(stranger), slug(newcomer)) == ("login_locked", "login_locked")
    assert 1 <= int(stranger.headers["retry-after"]) <= 30
    assert device.log_in(user).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "{own}", "sec-fetch-site": "same-origin"}, 200),
        ({"origin": "{own}"}, 200),
        ({"origin": PAGE, "sec-fetch-site": "same-site"}, 200),
        ({"origin": PAGE}, 200),
        ({"origin": "https://evil.example", "sec-fetch-site": "cross-site"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "https://app.example.com.evil.example"}, 403),
        ({"origin": "null", "sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "none"}, 403),
        ({"origin": "{own}", "content-type": "text/plain"}, 403),
        ({"origin": "{own}", "content-type": "application/x-www-form-urlencoded"}, 403),
        ({"origin": "{own}", "content-type": "multipart/form-data; boundary=x"}, 403),
    ],
)
def test_pages_of_other_sites(gateway: Gateway, headers: dict[str, str], status: int) -> None:
    """On each path: our pages and those that are named pass, nothing happens for the others."""
    if "crossed" not in holdfast(gateway, "user", "list").stdout:
        add_user(gateway, "crossed")
    browser = Browser(gateway, "crossed")
    given = {name: value.format(own=gateway.url) for name, value in headers.items()}
    bodies = {"/auth/login": {"username": "crossed", "password": PASSWORD}, "/auth/refresh": None, "/auth/logout": {}}
    for path, body in bodies.items():
        answer = browser.ask(path, body, **given)
        assert answer.status_code == (204 if (path, status) == ("/auth/logout", 200) else status), answer.text
        if status == 403:
            assert slug(answer) == "csrf_refused"
        elif path != "/auth/logout":
            browser.keep(answer)
            assert answer.headers.get("access-control-allow-origin") == given.get("origin")
    if status == 403:
        assert browser.refresh().status_code == 200


def test_preflight_names_the_page(gateway: Gateway) -> None:
    """A named page may send JSON with cookies, another one may not."""
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    for origin, status in ((PAGE, 204), ("https://evil.example", 403)):
        url, headers = f"{gateway.url}/auth/login", {"origin": origin, **asked}
        answer = httpx.options(url, headers=headers, trust_env=False)
        assert answer.status_code == status
        assert (answer.headers.get("access-control-allow-credentials") == "true") == (status == 204)


def test_garbage_is_named(gateway: Gateway) -> None:
    """Whatever comes as a body or a cookie, something answers with a cause."""
    bodies = [b"", b"\0", b"[" * 8000, b'{"username":"a"}', b'{"username":"\\ud800","password":"x"}', b"x" * 9000]
    for body in bodies:
        answer = httpx.post(f"{gateway.url}/auth/login", content=body, headers=JSON, trust_env=False, timeout=60)
        assert slug(answer) in {"login_malformed", "body_too_large", "login_refused"}
    for value in ("x", "a.b.c", "." * 3000, "YQ." + "0" * 32 + "." + "A" * 64, '"', "=;=,"):
        headers = {**JSON, "cookie": f"{REFRESH}={value}"}
        answer = httpx.post(f"{gateway.url}/auth/refresh", headers=headers, trust_env=False, timeout=60)
        assert slug(answer) in {"session_ended", "session_missing"}


def test_browser_lines_by_the_cookie(gateway: Gateway) -> None:
    """The page's own lines come into the log under the user's name."""
    browser = Browser(gateway, add_user(gateway, "writer"))
    lines = {"lines": [{"t": time.time() * 1000, "event": "it broke", "level": "warning"}]}

    assert browser.ask("/client/logs", lines).json()["accepted"] == 1
    assert gateway.wait_for_event("browser_line", said="it broke")["user"] == "writer"
    assert httpx.post(f"{gateway.url}/client/logs", json=lines, trust_env=False).status_code == 403


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_flood_of_logins_leaves_the_loop_alone(start_gateway: Callable[..., Gateway]) -> None:
    """Its memory and its CPU are bounded, what is too much is told so at once, and connections go on."""
    gateway = await asyncio.to_thread(start_gateway, settings(password={"waiting": 8}))
    before, spent = _resident(gateway.pid), _cpu(gateway.pid)
    url, body = f"{gateway.url}/auth/login", {"username": "nobody", "password": "wrong password"}
    causes: Counter[str] = Counter()
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(trust_env=False, timeout=120, limits=limits) as client:

        async def one(number: int) -> None:
            causes[slug(await client.post(url, json={**body, "username": f"nobody-{number}"}))] += 1

        await asyncio.gather(*(one(number) for number in range(300)))

    assert causes.keys() == {"login_refused", "login_busy"}
    # Nine hashes at most, each of which takes 19 MiB, would be 170; one at a time is 19.
    assert _resident(gateway.pid) - before < 64 * 2**20
    # In CPU, so that whatever else the machine does is no part of it: the loop's thread does none of the hashing.
    loop, others = (after - before for after, before in zip(_cpu(gateway.pid), spent, strict=True))
    assert loop / 300 < 0.01
    assert others / causes["login_refused"] > 0.005


def test_nothing_secret_is_logged(gateway: Gateway) -> None:
    """Neither passwords nor cookies nor tokens, of all that these tests did."""
    browser = Browser(gateway, add_user(gateway, "secretive"))
    Browser(gateway).log_in("secretive", "not-the-password")
    gateway.wait_for_event("login_refused", user="secretive")
    written = gateway.log()

    assert PASSWORD not in written
    assert "not-the-password" not in written
    assert browser.token not in written
    for value in browser.cookies.values():
        assert value not in written


def test_make_run_has_a_login(tmp_path: Path) -> None:
    """The password that it prints opens the account, with cookies that a browser keeps on loopback."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    env |= {"HOLDFAST_PORT": "0", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "holdfast", "serve", "--dev"]
    with subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        text = ""
        while "Ctrl-C" not in text:
            line = process.stdout.readline().decode()
            assert line, text
            text += line
        url = text.partition("listening on ")[2].split()[0]
        password = text.partition("with the password ")[2].split()[0]
        body = json.dumps({"username": "alice", "password": password})
        answer = httpx.post(f"{url}/auth/login", content=body, headers=JSON, trust_env=False, timeout=60)
        process.terminate()
        process.stdout.read()

    assert answer.status_code == 200
    assert answer.headers.get_list("set-cookie")[0].startswith("holdfast_refresh=")
    assert "Secure" not in "".join(answer.headers.get_list("set-cookie"))


def test_sessions_are_an_operators_to_see(gateway: Gateway) -> None:
    """With the admin token alone."""
    Browser(gateway, add_user(gateway, "seen"))
    url = f"{gateway.url}/admin/sessions?user=seen"
    word = {"authorization": f"Bearer {ADMIN_TOKEN}"}

    assert len(httpx.get(url, headers=word, trust_env=False).json()["sessions"]) == 1
    assert httpx.get(url, trust_env=False).status_code == 401


def _resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _cpu(pid: int) -> tuple[float, float]:
    """Return the seconds of CPU that a process's first thread has used, which runs the loop, and all others."""
    ticks = {
        task.name: sum(map(int, (task / "stat").read_text().rpartition(")")[2].split()[11:13]))
        for task in Path(f"/proc/{pid}/task").iterdir()
    }
    per_second = os.sysconf("SC_CLK_TCK")
    loop = ticks.pop(str(pid))
    return loop / per_second, sum(ticks.values()) / per_second
