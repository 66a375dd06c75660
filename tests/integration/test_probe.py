"""The staged probe against a real gateway, over every transport, and against the paths that lead to none."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from holdfast.cli.program import run
from holdfast.diagnostics.probe.target import TRANSPORTS
from tests.certificates import write_certificate
from tests.cutting_proxy import Cuts, CuttingProxy

HOLDFAST = Path(sys.executable).with_name("holdfast")
LONGEST_SECONDS = 10.0


def probe(url: str, *options: str) -> dict[str, Any]:
    """Run the command in this process and return its report."""
    out = io.StringIO()
    started = time.monotonic()
    with contextlib.redirect_stdout(out):
        code = run(("probe", url, "--json", *options))
    report: dict[str, Any] = json.loads(out.getvalue())
    assert report["exit_code"] == code
    if "--idle" not in options:
        assert time.monotonic() - started < LONGEST_SECONDS
    return report


def outcomes(report: dict[str, Any]) -> dict[str, str]:
    """Return what came of each stage."""
    return {one["stage"]: one["outcome"] for one in report["stages"]}


def facts(report: dict[str, Any], stage: str) -> dict[str, Any]:
    """Return the facts of a stage."""
    return next(one["facts"] for one in report["stages"] if one["stage"] == stage)


# A gateway that is fine


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_probe_of_a_gateway_that_is_fine_is_ok(gateway, transport):
    """Over every transport a message comes back, and the goodbye is answered."""
    report = probe(gateway.ws_url, "--token", gateway.token(), "--channel", "full:probe", "--transport", transport)

    assert (report["verdict"], report["exit_code"]) == ("ok", 0)
    found = outcomes(report)
    assert {stage for stage in found if found[stage] == "skipped"} == {"tls", "origin", "idle"}
    assert "came back" in facts(report, "message")["by"]


def test_probe_speaks_protobuf(gateway):
    """As the SDKs for Swift, Java and Dart do."""
    report = probe(gateway.ws_url, "--token", gateway.token(), "--channel", "full:probe", "--protobuf")

    assert report["verdict"] == "ok"


def test_probe_without_permission_to_publish_says_so(gateway):
    """The stage is skipped with the reason, and nothing has failed."""
    token = gateway.token(channels=["closed:probe"])
    ask = ("--subscription-token", gateway.subscription_token("user", "closed:probe"))
    report = probe(gateway.ws_url, "--token", token, "--channel", "closed:probe", *ask)

    if report["verdict"] == "already_subscribed":  # by the token's own list
        report = probe(gateway.ws_url, "--token", gateway.token(), "--channel", "closed:probe", *ask)
    assert report["verdict"] == "ok"
    assert outcomes(report)["message"] == "skipped"
    assert "permission_denied" in facts(report, "message")["reason"]


def test_probe_stays_as_long_as_it_is_told(start_gateway):
    """Pings are answered, so that the gateway keeps it."""
    gateway = start_gateway({"client": {"ping_interval": 1, "pong_timeout": 0.5}})

    report = probe(gateway.ws_url, "--token", gateway.token(), "--idle", "3")

    assert report["verdict"] == "ok"
    assert facts(report, "idle")["pings"] >= 2


# Refusals of the gateway


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    ("token", "slug"),
    [
        (None, "token_missing"),
        ("", "token_empty"),
        ("undefined", "token_empty"),
        ("nonsense", "token_malformed"),
        ({"ttl": -60}, "token_expired"),
        ({"nbf": 4e9}, "token_not_yet_valid"),
        ({"exp": "soon"}, "token_claims"),
    ],
)
def test_token_that_is_refused_has_its_cause(gateway, transport, token, slug):
    """The same over every transport, and the token itself is never shown."""
    if isinstance(token, dict):
        token = gateway.token(**token)
    options = () if token is None else ("--token", token)

    report = probe(gateway.ws_url, "--transport", transport, *options)

    assert (report["verdict"], report["stage"], report["exit_code"]) == (slug, "token", 16)
    assert not token or len(token) < 20 or token not in json.dumps(report)


def test_refusals_before_the_token_have_their_causes(gateway):
    """Origin and path; each with its own exit code."""
    foreign = probe(gateway.ws_url, "--origin", "https://evil.test")
    nowhere = probe(f"ws://127.0.0.1:{gateway.port}/nowhere")

    assert (foreign["verdict"], foreign["exit_code"]) == ("origin_not_allowed", 15)
    assert (nowhere["verdict"], nowhere["exit_code"]) == ("not_found", 13)


def test_channel_that_is_refused_has_its_cause(gateway):
    """In the stage where it is asked for."""
    options = ("--token", gateway.token(), "--channel")

    assert probe(gateway.ws_url, *options, "closed:probe")["verdict"] == "permission_denied"
    unknown = probe(gateway.ws_url, *options, "nonsense:probe")
    assert (unknown["verdict"], unknown["exit_code"]) == ("unknown_channel", 18)


def test_user_with_too_many_connections_has_the_cause(start_gateway):
    """Closed behind the connect."""
    gateway = start_gateway({"client": {"user_connection_limit": 1}})
    with background(gateway, "--idle", "60") as first:
        first.wait_until_connected(gateway)
        report = probe(gateway.ws_url, "--token", gateway.token())

    assert (report["verdict"], report["exit_code"]) == ("connection_limit", 17)


def test_gateway_that_stops_while_idle_says_so(start_gateway):
    """Its own close code is the verdict."""
    gateway = start_gateway({})
    with background(gateway, "--idle", "60") as waiting:
        waiting.wait_until_connected(gateway)
        gateway.stop()
        report = waiting.report()

    assert (report["verdict"], report["exit_code"]) == ("shutdown", 20)


def test_gateway_that_dies_while_idle_is_no_proxys_fault(start_gateway):
    """A new attempt fails too."""
    gateway = start_gateway({})
    with background(gateway, "--idle", "60") as waiting:
        waiting.wait_until_connected(gateway)
        time.sleep(1.1)  # less silence than a second is no idleness
        gateway.kill()
        report = waiting.report()

    assert report["verdict"] == "connection_cut"


class Waiting:
    """A probe that runs beside the test."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def wait_until_connected(self, gateway) -> None:
        """Wait until the gateway has it."""
        deadline = time.monotonic() + 30
        while gateway.metric("holdfast_connections") < 1:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def report(self) -> dict[str, Any]:
        """Wait for its end and return what it found."""
        out, _ = self.process.communicate(timeout=60)
        found: dict[str, Any] = json.loads(out)
        return found


@contextlib.contextmanager
def background(gateway, *options: str) -> Iterator[Waiting]:
    """Run a probe with a good token beside the test."""
    command = [HOLDFAST, "probe", gateway.ws_url, "--json", "--token", gateway.token(), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield Waiting(process)
    finally:
        process.kill()
        process.communicate()


def test_path_that_cuts_is_told_from_a_server_that_dies(gateway):
    """The way opens again, so that something between was it."""

    async def cut_while_idle() -> dict[str, Any]:
        # The handshake and the connect get through, the third message of silence does not.
        async with CuttingProxy("127.0.0.1", gateway.port, Cuts(most=0)) as proxy:
            url = f"ws://127.0.0.1:{proxy.port}/connection/websocket"
            loop = asyncio.get_running_loop()
            options = ("--token", gateway.token(), "--idle", "30")
            found = loop.run_in_executor(None, probe, url, *options)
            await asyncio.sleep(6.0)  # it is idle by then, on a busy machine too
            for pump in proxy._pumps:
                pump.cancel()
            return await found

    report = asyncio.run(cut_while_idle())

    assert (report["verdict"], report["exit_code"]) == ("proxy_idle_cut", 20)
    assert 1.0 <= facts(report, "idle")["stayed_seconds"] < 20


# A login


class Door(BaseHTTPRequestHandler):
    """A login that knows one person."""

    token = ""

    def do_POST(self) -> None:
        """Answer a login."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        is_right = body == {"username": "anna", "password": "hunter2"}
        answer = json.dumps({"token": self.token, "expires_in": 60}).encode() if is_right else b"{}"
        self.send_response(200 if is_right else 401)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def login(gateway, monkeypatch) -> Iterator[str]:
    """A login's URL, with name and password in the environment."""
    handler = type("Door", (Door,), {"token": gateway.token()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("LOGIN_USERNAME", "anna")
    monkeypatch.setenv("LOGIN_PASSWORD", "hunter2")
    yield f"http://127.0.0.1:{server.server_port}/login"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_login_gives_the_token(gateway, login, transport):
    """Whether it is needed behind the upgrade or before."""
    assert probe(gateway.ws_url, "--login", login, "--transport", transport)["verdict"] == "ok"


def test_login_with_a_wrong_password_has_the_cause(gateway, login, monkeypatch):
    """And shows no password."""
    monkeypatch.setenv("LOGIN_PASSWORD", "hunter3")
    report = probe(gateway.ws_url, "--login", login)

    assert (report["verdict"], report["exit_code"]) == ("login_failed", 16)
    assert "hunter3" not in json.dumps(report)


# Paths that lead to no gateway


def test_name_that_does_not_exist_is_told():
    """At the first stage."""
    report = probe("wss://gateway.invalid/connection/websocket")

    assert (report["verdict"], report["exit_code"]) == ("dns_not_found", 10)


def test_port_where_nothing_listens_is_told():
    """With the address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    report = probe(f"ws://127.0.0.1:{port}")

    assert (report["verdict"], report["exit_code"]) == ("tcp_refused", 11)
    assert f"127.0.0.1:{port}" in report["cause"]


def test_black_hole_is_told_within_ten_seconds():
    """The whole program, with its start: a listener whose backlog is full drops what comes."""
    with socket.socket() as hole, contextlib.ExitStack() as held:
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        for _ in range(4):
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(hole.getsockname())
        started = time.monotonic()
        url = f"wss://127.0.0.1:{hole.getsockname()[1]}"
        done = subprocess.run(
            [HOLDFAST, "probe", url, "--json"], capture_output=True, text=True, timeout=60, check=False
        )
        seconds = time.monotonic() - started

    assert (json.loads(done.stdout)["verdict"], done.returncode) == ("tcp_timeout", 11)
    assert seconds < LONGEST_SECONDS


def isolated(*command: str) -> dict[str, Any]:
    """Run a probe where there is no network at all."""
    if subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this user may make no network namespace")
    done = subprocess.run(
        ["unshare", "-rn", HOLDFAST, "probe", *command, "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["seconds"] < LONGEST_SECONDS
    return report


def test_address_without_a_route_is_told():
    """There is no network to go to."""
    assert isolated("ws://192.0.2.1")["verdict"] == "tcp_unreachable"


def test_resolver_that_cannot_be_reached_is_told_from_a_name_that_is_none():
    """Nobody knows whether the name exists."""
    assert isolated("ws://gateway.example")["verdict"] == "dns_failed"


# TLS


@pytest.fixture
def secure_gateway(start_gateway, tmp_path):
    """A gateway with a certificate for gateway.test and 127.0.0.1."""
    cert_file, key_file = write_certificate(tmp_path)
    return start_gateway({"tls": {"cert_file": str(cert_file), "key_file": str(key_file)}}), str(cert_file)


def test_tls_is_looked_at_and_mixed_up_schemes_are_told(secure_gateway, gateway):
    """What was agreed on and shown; another name, no trust, TLS to a plain port, plain HTTP to a TLS port."""
    secure, ca = secure_gateway
    door = f"127.0.0.1:{secure.port}/connection/websocket"
    token = ("--token", secure.token())

    for transport in TRANSPORTS:
        good = probe(f"wss://{door}", "--ca", ca, *token, "--channel", "full:a", "--transport", transport)
        assert good["verdict"] == "ok"
        shown = facts(good, "tls")
        assert (shown["protocol"], shown["alpn"]) == ("TLSv1.3", "http/1.1")
        assert shown["certificate"]["names"] == ["gateway.test", "127.0.0.1"]
    other = probe(f"wss://other.test:{secure.port}", "--resolve", "other.test:127.0.0.1", "--ca", ca)
    assert (other["verdict"], other["exit_code"]) == ("tls_wrong_name", 12)
    assert "gateway.test" in other["cause"]
    assert probe(f"wss://{door}")["verdict"] == "tls_self_signed"
    assert probe(f"wss://127.0.0.1:{gateway.port}")["verdict"] == "tls_not_spoken"
    plain = probe(f"ws://{door}")
    assert (plain["verdict"], plain["exit_code"], outcomes(plain)["tls"]) == ("tls_required", 12, "failed")
