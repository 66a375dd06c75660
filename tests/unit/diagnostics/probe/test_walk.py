"""Tests of holdfast.diagnostics.probe.walk."""

from __future__ import annotations

import ssl
from typing import Any

import jwt
import pytest

from holdfast.codes import CODES
from holdfast.diagnostics.findings import Finding
from holdfast.diagnostics.login import Login, LoginResult
from holdfast.diagnostics.probe import aftermath as aftermath_module
from holdfast.diagnostics.probe import walk as module
from holdfast.diagnostics.probe.http import Answer, NotHttpError
from holdfast.diagnostics.probe.link import EndedError, InvalidUpgradeError, RefusedError, StrangeError
from holdfast.diagnostics.probe.report import Report
from holdfast.diagnostics.probe.verdict import FailedError, verdict
from holdfast.diagnostics.probe.walk import Walk, Wishes
from holdfast.diagnostics.probe.way import CutError
from tests.probing import ADDRESS, FakeLink, target, wire

LOGIN = Login("https://auth.test/login", "anna", "hunter2")
CONNECTED = {"id": 1, "connect": {"client": "c", "ping": 25}}
DATE = ("date", "Thu, 01 Jan 2026 00:00:00 GMT")


@pytest.fixture
def path(monkeypatch) -> dict[str, Any]:
    """Stand in for DNS, TCP, TLS and what the gateway says; a test may put failures into it."""
    found: dict[str, Any] = {"explained": None, "opens_again": True, "answers_briefly": False, "speaks_tls": False}

    def step(name: str, result: Any = None):
        async def run(*arguments: Any, **options: Any) -> Any:
            if isinstance(failure := found.get(name), Exception):
                raise failure
            return found.get(name, result)

        return run

    monkeypatch.setattr(module, "find_addresses", step("dns", [ADDRESS]))
    monkeypatch.setattr(module, "connect_to", step("tcp", (wire(), ADDRESS)))
    monkeypatch.setattr(module, "secure", step("tls"))
    monkeypatch.setattr(module, "speaks_tls", step("speaks_tls"))
    monkeypatch.setattr(module, "log_in", step("login", LoginResult("given-token", ())))
    for name, method in (("explained", "explanation"), ("opens_again",) * 2, ("answers_briefly",) * 2):
        monkeypatch.setattr(aftermath_module.Aftermath, method, step(name))
    return found


async def walk(link: FakeLink, url: str = "ws://gateway.test/", transport: str = "websocket", **wishes: Any) -> Report:
    """Walk over a scripted link."""
    made: Any = link
    door = target(url, transport=transport, origin=wishes.pop("origin", ""))
    report = await Walk(door, Wishes(**wishes), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), lambda *_: made).run()
    assert link.is_aborted or report.stages[3].outcome == "skipped"
    return report


def outcomes(report: Report) -> dict[str, str]:
    """Return what came of each stage."""
    return {one.stage: one.outcome for one in report.stages}


async def test_walk_without_a_failure_is_ok(path) -> None:
    """Each stage is named, those that were not asked for as skipped with the reason."""
    replies = [CONNECTED, {"id": 2, "subscribe": {}}, {"id": 3, "error": {"code": 103, "message": ""}}]
    link = FakeLink(*[[reply] for reply in replies], [{"id": 4, "presence": {}}])

    report = await walk(link, "wss://gateway.test/", channel="a", origin="https://a.test")

    assert report.exit_code == 0
    assert outcomes(report) == dict.fromkeys(outcomes(report), "ok") | {"idle": "skipped"}


@pytest.mark.parametrize(
    ("stage", "slug", "code"), [("dns", "dns_not_found", 10), ("tcp", "tcp_refused", 11), ("tls", "tls_expired", 12)]
)
async def test_path_that_fails_ends_the_walk(path, stage: str, slug: str, code: int) -> None:
    """Nothing behind it is tried, and nobody is asked what he saw."""
    path[stage] = FailedError(verdict(slug))
    path["explained"] = AssertionError("was asked")

    report = await walk(FakeLink(), "wss://gateway.test/")

    assert (report.as_json()["verdict"], report.exit_code) == (slug, code)
    assert outcomes(report)["upgrade"] == "skipped"


@pytest.mark.parametrize(
    ("opens", "slug", "stage"),
    [
        (RefusedError(Answer(404, "Not Found")), "path_not_found", "upgrade"),
        (InvalidUpgradeError("no accept"), "upgrade_invalid", "upgrade"),
        (StrangeError("no poll"), "not_centrifuge", "connect"),
        (NotHttpError("no", b"SSH"), "upgrade_invalid", "upgrade"),
        (NotHttpError("no", b"\x15\x03\x01"), "tls_required", "tls"),
        (CutError("the connection was closed"), "upgrade_cut", "upgrade"),
        (ssl.SSLError(1, "certificate required"), "tls_failed", "tls"),
        (OSError("broken"), "upgrade_cut", "upgrade"),
    ],
)
async def test_upgrade_that_fails_has_a_cause(path, opens: Exception, slug: str, stage: str) -> None:
    """Whatever comes instead of an acceptance."""
    report = await walk(FakeLink(opens=opens))

    assert report.verdict is not None
    assert (report.verdict.slug, report.verdict.stage) == (slug, stage)
    assert outcomes(report)[stage] == "failed"


async def test_port_that_hangs_up_and_speaks_tls_wants_it(path) -> None:
    """A second look tells."""
    path["speaks_tls"] = True

    assert (await walk(FakeLink(opens=CutError("closed")))).as_json()["verdict"] == "tls_required"


async def test_refusal_of_a_gateway_is_put_where_it_belongs(path) -> None:
    """The upgrade itself worked, since the gateway answered."""
    code = CODES["origin_not_allowed"]
    body = f'{{"code": {code.number}, "slug": "{code.slug}", "message": "{code.meaning}"}}'.encode()
    path["explained"] = Answer(200, "", [], b'{"slug": "origin_not_allowed", "seen": {"via": "1.1 varnish"}}')

    report = await walk(FakeLink(opens=RefusedError(Answer(403, "", [("server", "nginx")], body))), origin="https://a")

    found = outcomes(report)
    assert (found["upgrade"], found["admission"], found["origin"]) == ("ok", "skipped", "failed")
    assert (report.exit_code, report.is_agreed) == (15, True)
    assert report.proxies == ["nginx"]


async def test_stripped_upgrade_is_told_by_what_the_gateway_saw(path) -> None:
    """Headers that were sent and did not arrive."""
    code = CODES["bad_handshake"]
    body = f'{{"code": {code.number}, "slug": "{code.slug}", "message": ""}}'.encode()
    path["explained"] = Answer(200, "", [], b'{"slug": "bad_handshake", "seen": {"host": "a"}}')

    report = await walk(FakeLink(opens=RefusedError(Answer(400, "", [], body))))

    assert report.as_json()["verdict"] == "upgrade_stripped"
    assert report.is_agreed


async def test_refused_token_comes_with_both_clocks(path) -> None:
    """Ours against the token's times, and the server's against ours."""
    path["explained"] = Answer(404, "", [DATE], b"{}")
    token = jwt.encode({"sub": "a", "exp": 1}, "x" * 32, algorithm="HS256")

    report = await walk(FakeLink([{"id": 1, "error": {"code": 109, "message": "token_expired"}}]), token=token)

    found = report.as_json()
    assert (found["verdict"], found["exit_code"]) == ("token_expired", 16)
    assert "By the clock here it expired" in found["cause"]
    assert "The server's clock is" in found["cause"]
    assert (outcomes(report)["token"], outcomes(report)["connect"]) == ("failed", "skipped")
    assert token not in str(found)


@pytest.mark.parametrize("transport", ["websocket", "poll"])
async def test_login_gives_the_token_before_it_is_needed(path, transport: str) -> None:
    """With a WebSocket behind the upgrade, else before the request that opens the session."""
    link = FakeLink([CONNECTED])

    report = await walk(link, transport=transport, login=LOGIN)

    assert report.exit_code == 0
    assert link.commands()[0]["connect"]["token"] == "given-token"


async def test_token_that_was_damaged_has_what_cures_it_for_a_fix(path) -> None:
    """The table's remedy would lead to a proxy that has nothing to do with it."""
    link = FakeLink(EndedError(3500, "token_not_base64"))

    told = (await walk(link, token="Bearer a.b.c")).as_json()

    assert told["verdict"] == "token_not_base64"
    assert "A prefix such as `Bearer ` is part of it." in told["cause"]
    assert told["fix"] == "Leave it to the header; send the bare token."


async def test_missing_token_is_told_where_it_lies_in_vain(path) -> None:
    """The probe knows what it sent, and the gateway only that it found nothing."""
    link = FakeLink(EndedError(3501, "token_missing"))

    told = (await walk(link, url="ws://gateway.test/?access_token=eyJhbGciOiJub25lIn0.e30.")).as_json()

    assert told["verdict"] == "token_missing"
    assert "URL parameter 'access_token': a token, which the gateway does not read there." in told["cause"]
    assert "Name the parameter `token`" in told["fix"]


@pytest.mark.parametrize(
    ("replies", "is_left"),
    [
        ([CONNECTED, {"id": 2, "error": {"code": 102, "message": "unknown channel"}}], True),
        ([{"id": 1, "error": {"code": 109, "message": "token expired"}}], False),
    ],
)
async def test_probe_whose_session_lives_says_goodbye(path, replies: list[Any], is_left: bool) -> None:
    """The ledger of the user it came as has no connection that was cut."""
    link = FakeLink(*[[reply] for reply in replies])

    report = await walk(link, channel="a")

    assert report.exit_code != 0
    assert link.is_left is is_left


async def test_login_that_fails_is_the_tokens_stage(path) -> None:
    """Nothing else is tried."""
    found = Finding("login_refused", "critical", "the login refused", "HTTP 401", "Check user name and password.")
    path["login"] = LoginResult("", (found,))

    told = (report := await walk(FakeLink(), login=LOGIN)).as_json()

    assert (told["verdict"], told["fix"]) == ("login_failed", "Check user name and password.")
    assert "https://auth.test/login: the login refused (HTTP 401)." in told["cause"]
    assert (outcomes(report)["upgrade"], outcomes(report)["token"]) == ("ok", "failed")


@pytest.mark.parametrize(
    ("transport", "briefly", "slug"),
    [
        ("http_stream", True, "stream_buffered"),
        ("http_stream", False, "connect_timeout"),
        ("websocket", True, "connect_timeout"),
    ],
)
async def test_stream_that_stays_silent_is_buffered_if_others_are_answered(
    path, transport: str, briefly: bool, slug: str
) -> None:
    """A gateway that hangs answers nothing at all."""
    path["answers_briefly"] = briefly

    assert (await walk(FakeLink(), transport=transport, seconds=0.05)).as_json()["verdict"] == slug


@pytest.mark.parametrize(("again", "slug"), [(True, "proxy_idle_cut"), (False, "connection_cut")])
async def test_cut_is_the_paths_if_the_way_opens_again(monkeypatch, path, again: bool, slug: str) -> None:
    """A server that has died takes no new connection."""
    monkeypatch.setattr("holdfast.diagnostics.probe.session._SILENT_SECONDS", 0.0)
    path["opens_again"] = again

    report = await walk(FakeLink([CONNECTED], CutError("closed")), idle_seconds=60.0)

    assert (report.as_json()["verdict"], report.exit_code) == (slug, 20)


async def test_close_of_the_server_while_idle_is_its_own(path) -> None:
    """With its slug, in the stage where it came."""
    report = await walk(FakeLink([CONNECTED], EndedError(3001, "shutdown")), idle_seconds=60.0)

    assert (report.as_json()["verdict"], report.as_json()["stage"]) == ("shutdown", "idle")


async def test_goodbye_without_an_answer_is_told(path) -> None:
    """It is the last stage."""
    link = FakeLink([CONNECTED])
    link.closes = False

    report = await walk(link)

    assert (report.as_json()["verdict"], report.exit_code) == ("close_unanswered", 21)


async def test_given_address_needs_no_dns(path) -> None:
    """Nothing is looked up."""
    path["dns"] = AssertionError("was looked up")

    assert outcomes(await walk(FakeLink([CONNECTED]), addresses=[ADDRESS]))["dns"] == "skipped"
