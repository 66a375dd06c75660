"""Tests of holdfast.cli.probe."""

from __future__ import annotations

import io
from typing import Any

import pytest

from holdfast.cli.probe import in_words
from holdfast.diagnostics.probe.report import Report, StageReport
from holdfast.diagnostics.probe.verdict import verdict
from holdfast.diagnostics.probe.walk import Walk

URL = "wss://gateway.test/connection/websocket"
STAGES = [
    StageReport("dns", "ok", 0.0123, {"addresses": ["192.0.2.1", "192.0.2.2"]}),
    StageReport(
        "tls", "ok", 0.02, {"protocol": "TLSv1.3", "alpn": None, "certificate": {"names": ["a.test"], "days_left": 3.5}}
    ),
    StageReport("upgrade", "failed", 0.5, {"status": 503, "clock_difference_seconds": -600.0, "sent": {"host": "a"}}),
    StageReport("token", "skipped", 0.0, {"reason": "not reached"}),
]


@pytest.fixture
def walks(monkeypatch) -> list[Walk]:
    """Catch the walk instead of letting it begin."""
    caught: list[Walk] = []

    async def run(self: Walk) -> Report:
        caught.append(self)
        return Report(URL, "ab" * 16, STAGES, verdict("draining"), 1.0)

    monkeypatch.setattr(Walk, "run", run)
    return caught


def test_probe_exits_with_the_code_of_the_stage(cli, walks) -> None:
    """The report is the result; nothing else is printed."""
    outcome = cli("probe", URL, "--json")

    assert outcome.code == 14
    assert outcome.json()["verdict"] == "draining"
    assert outcome.err == ""


def test_options_say_what_is_tried(cli, walks) -> None:
    """Each reaches the walk."""
    options = ("--channel", "news", "--subscription-token", "s", "--idle", "5", "--timeout", "4", "--token", "")
    place = ("--origin", "https://a.test", "--header", "X-A: 1", "--transport", "poll")

    cli("probe", URL, *options, *place, "--resolve", "GATEWAY.test:192.0.2.9", "--resolve", "other.test:192.0.2.8")

    wishes, target = walks[0]._wishes, walks[0]._target
    assert (wishes.channel, wishes.subscription_token, wishes.idle_seconds, wishes.seconds) == ("news", "s", 5.0, 4.0)
    assert wishes.token == ""
    assert [str(address) for address in wishes.addresses] == ["192.0.2.9:443"]
    assert (target.transport, target.origin, target.headers) == ("poll", "https://a.test", (("X-A", "1"),))
    assert len(target.cid) == 32


def test_every_probe_has_an_id_of_its_own(cli, walks) -> None:
    """It is a new attempt each time."""
    cli("probe", URL)
    cli("probe", URL)

    assert walks[0]._target.cid != walks[1]._target.cid
    assert walks[0]._wishes.token is None


def test_token_may_come_from_standard_input(cli, walks, monkeypatch) -> None:
    """So that no list of processes shows it."""
    monkeypatch.setattr("sys.stdin", io.StringIO("secret-token\n"))

    cli("probe", URL, "--token-stdin")

    assert walks[0]._wishes.token == "secret-token"


def test_login_takes_name_and_password_from_the_environment(cli, walks, monkeypatch) -> None:
    """Or asks for them."""
    monkeypatch.setenv("LOGIN_USERNAME", "anna")
    monkeypatch.setenv("LOGIN_PASSWORD", "hunter2")

    outcome = cli("probe", URL, "--login", "https://auth.test/login")

    login = walks[0]._wishes.login
    assert login is not None
    assert (login.url, login.username, login.password) == ("https://auth.test/login", "anna", "hunter2")
    assert "hunter2" not in outcome.out + outcome.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Missing argument"),
        (("ftp://a.test",), "expected a URL"),
        ((URL, "--transport", "pigeon"), "--transport"),
        ((URL, "--header", "nonsense"), "header"),
        ((URL, "--resolve", "nonsense"), "--resolve"),
        ((URL, "--token", "t", "--token-stdin"), "--token"),
        ((URL, "--login", "ftp://a.test"), "--login"),
        ((URL, "--login", "https://a.test", "--token", "t"), "--login"),
        ((URL, "--ca", "missing.pem"), "--ca"),
        ((URL, "--idle", "-1"), "--idle"),
        ((URL, "--transport", "sse", "--protobuf"), "--protobuf"),
    ],
)
def test_bad_usage_is_told_and_nothing_is_tried(cli, walks, arguments: tuple[str, ...], words: str) -> None:
    """Exit code 3."""
    outcome = cli("probe", *arguments)

    assert outcome.code == 3
    assert words in outcome.err
    assert not walks


def test_words_have_a_line_for_each_stage_then_the_verdict() -> None:
    """With times, and in plain words what to do."""
    text = in_words(Report(URL, "ab", STAGES, verdict("draining"), 1.0, ["nginx"]))

    assert text.splitlines() == [
        URL,
        "dns       ok           12 ms  addresses 192.0.2.1, 192.0.2.2",
        "tls       ok           20 ms  protocol TLSv1.3; certificate for a.test, 3.5 days left",
        "upgrade   failed      500 ms  status 503; clock difference -600.0 s",
        "token     skipped             not reached",
        "",
        "verdict: draining at admission (exit code 14), in 1.0 s",
        "cause:   The instance is draining and takes no new connections.",
        "fix:     Come back through the load balancer.",
        "gateway: says nothing of this attempt",
        "proxies: nginx",
        "attempt: ab",
    ]


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"clock_difference_seconds": -0.9}, ""),
        ({"clock_difference_seconds": -600.0}, "clock difference -600.0 s"),
        ({"certificate": {"names": ["a.test"], "days_left": -0.0}}, "certificate for a.test, expired"),
    ],
)
def test_words_leave_out_what_says_nothing(facts: dict[str, Any], words: str) -> None:
    """A second of a clock that is told in whole seconds sends nobody looking."""
    line = in_words(Report(URL, "ab", [StageReport("tls", "ok", 0.02, facts)], None, 0.1)).splitlines()[1]

    assert line == f"tls       ok           20 ms  {words}".rstrip()


def test_words_of_a_walk_that_is_fine_are_short() -> None:
    """There is nothing to do."""
    assert in_words(Report(URL, "ab", STAGES[:1], None, 0.25)).splitlines()[2:] == [
        "",
        "verdict: ok, in 0.2 s",
        "attempt: ab",
    ]


@pytest.mark.parametrize(
    ("explained", "words"),
    [
        ({"slug": "draining"}, "gateway: says the same, draining"),
        ({"slug": "shutdown", "detail": "by hand"}, "gateway: says shutdown: by hand"),
    ],
)
def test_words_say_whether_the_gateway_agrees(explained: dict[str, Any], words: str) -> None:
    """Both views stand side by side."""
    assert words in in_words(Report(URL, "ab", STAGES, verdict("draining"), 1.0, explained=explained))


def test_words_of_a_failure_before_the_gateway_leave_it_out() -> None:
    """It was not asked."""
    assert "gateway:" not in in_words(Report(URL, "ab", STAGES, verdict("tcp_refused"), 1.0))


def test_words_of_a_server_reach_no_terminal_as_they_are() -> None:
    """What is not printable is shown as a question mark."""
    stages = [StageReport("connect", "ok", 0.0, {"version": "\x1b[2Jx"})]

    assert "version ?[2Jx" in in_words(Report(URL, "ab", stages, None, 0.1))
