"""`holdfast diagnose connections` against a real gateway, behind real proxies that treat connections badly."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests import proxies
from tests.gateway import ADMIN_TOKEN, Gateway, running
from tests.parts import find_part, require
from tests.raw_client import RawClient

LIMIT_SECONDS = 3
IDLE_LIMITS = {
    "haproxy": {"timeout tunnel 60s": f"timeout tunnel {LIMIT_SECONDS}s"},
    "nginx": {"proxy_http_version 1.1;": f"proxy_http_version 1.1; proxy_read_timeout {LIMIT_SECONDS}s;"},
}
CLIENTS = 14
PATIENCE_SECONDS = 30.0
PROGRAM = [sys.executable, "-m", "holdfast", "diagnose", "connections", "--admin-token", ADMIN_TOKEN]


class Behind:
    """A gateway as clients see it who come through a proxy."""

    def __init__(self, gateway: Gateway, proxy: proxies.Proxy) -> None:
        self.ws_url = f"ws://127.0.0.1:{proxy.port}/connection/websocket"
        self.token = gateway.token


def diagnose(gateway: Gateway, *options: str) -> tuple[int, dict[str, Any]]:
    """Run the command and return its exit code and what it found."""
    command = [*PROGRAM, "--url", gateway.internal_url, "--json", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=gateway.folder, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def severities(diagnosis: dict[str, Any]) -> dict[str, str]:
    """Return the severities by check."""
    return {one["check"]: one["severity"] for one in diagnosis["findings"]}


def wait_for_ends(gateway: Gateway, count: int) -> None:
    """Return once so many connections have ended."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if gateway.metric("holdfast_closes_total", slug="client_gone") >= count:
            return
        time.sleep(0.2)
    raise AssertionError(f"fewer than {count} connections were cut:\n{gateway.log()[-3000:]}")


def cut_by(name: str, folder: Path) -> tuple[int, dict[str, Any]]:
    """Let a proxy cut quiet clients, and return what the command says to that."""
    with ExitStack() as stack:
        gateway = stack.enter_context(running(folder))
        proxy = stack.enter_context(proxies.running(name, gateway.port, folder, IDLE_LIMITS[name]))
        for number in range(CLIENTS):
            # Cuts of one moment count once, for they might have one cause.
            stack.enter_context(RawClient(Behind(gateway, proxy), f"user-{number}"))
            time.sleep(0.6)
        wait_for_ends(gateway, CLIENTS)
        return diagnose(gateway, f"--{name}", str(folder / "server.conf"))


@pytest.fixture(scope="module")
def cuts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future]]:
    """Begin with every proxy that this run selected, for they take their time."""
    tests = [one for one in request.session.items if one.path == request.path and "cuts" in one.fixturenames]
    names = [one.callspec.params["name"] for one in tests if find_part(one.callspec.params["name"]).is_there()]
    with ThreadPoolExecutor() as pool:
        yield {name: pool.submit(cut_by, name, tmp_path_factory.mktemp(name)) for name in names}


@pytest.mark.parametrize("name", IDLE_LIMITS)
def test_idle_limit_of_a_proxy_is_found(cuts: dict[str, Future], name: str) -> None:
    """Quiet clients that a proxy cuts show the limit with its seconds; the proxy's file shows the line."""
    require(name)

    code, found = cuts[name].result()

    assert code == 2
    [limit] = found["facts"]["endings"]["limits"]
    assert limit["seconds"] == pytest.approx(LIMIT_SECONDS, abs=0.7)
    assert (limit["kind"], limit["candidates"]) == ("idle", [])
    seen, read = (one for one in found["findings"] if one["check"] == "proxy_idle_cut")
    assert seen["severity"] == read["severity"] == "critical"
    assert "without traffic" in seen["summary"]
    assert f"is {LIMIT_SECONDS} s (server.conf:" in read["evidence"]


@pytest.mark.parametrize("name", ["nginx", "haproxy"])
def test_proxy_that_is_not_trusted_is_found(start_gateway, tmp_path, name):
    """Behind a proxy as docs show it nothing is wrong but that nobody trusts it; once trusted, nothing at all."""
    require(name)
    for trusted, wrong in (([], {"trusted_proxies"}), (["127.0.0.1"], set())):
        gateway = start_gateway({"http": {"trusted_proxies": trusted}})
        with ExitStack() as stack:
            proxy = stack.enter_context(proxies.running(name, gateway.port, tmp_path))
            for number in range(6):
                # Someone from elsewhere, so that the proxy's own address is another one.
                headers = {"X-Forwarded-For": f"198.51.100.{number}"}
                stack.enter_context(RawClient(Behind(gateway, proxy), additional_headers=headers))
            _, found = diagnose(gateway, f"--{name}", str(tmp_path / "server.conf"))
        assert {check for check, severity in severities(found).items() if severity != "ok"} == wrong


def test_failures_and_stages_are_told(start_gateway):
    """Refused connects are there by stage and cause, answered ones by how long each stage took."""
    gateway = start_gateway()
    for number in range(25):
        RawClient(gateway, f"user-{number}").close()
        bad = RawClient.__new__(RawClient)
        with pytest.raises(Exception, match="token_malformed"):
            bad.__init__(gateway, token="a.b")
    code, found = diagnose(gateway)

    assert code == 2  # half of all attempts fail
    assert severities(found)["token_malformed"] == "warning"
    [cause] = found["facts"]["handshakes"]["causes"]
    assert (cause["stage"], cause["slug"], cause["count"], cause["share"]) == ("token", "token_malformed", 25, 0.5)
    stages = found["facts"]["stages"]
    assert {stage: ranks["count"] for stage, ranks in stages.items()} == dict.fromkeys(
        ("upgrade", "first_command", "token", "connect"), 25
    )
    assert all(0 <= ranks["p50"] <= ranks["p95"] <= ranks["p99"] < 30 for ranks in stages.values())
    assert gateway.metric("holdfast_handshake_stage_seconds_count", stage="token") == 25


def test_admin_path_wants_its_token(gateway):
    """Strangers hear nothing."""
    assert gateway.get("/admin/diagnostics/connections").status_code == 401
