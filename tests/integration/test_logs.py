"""The log of a real gateway: files, rotation, limits."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from tests.gateway import ADMIN_TOKEN
from tests.raw_client import RawClient

PATIENCE_SECONDS = 30.0


def lines_of(*files: Path) -> list[dict[str, Any]]:
    """Return the lines of files, oldest first; each must be whole."""
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def wait_until(condition: Callable[[], object]) -> None:
    """Wait by condition."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def file_settings(path: Path, **more: Any) -> dict[str, Any]:
    """Return settings that write to a file, and let clients send as fast as they can."""
    return {"log": {"file": str(path), **more}, "client": {"command_rate": 0}}


def test_file_is_followed_over_a_rotation_by_name(start_gateway, tmp_path):
    """As logrotate does it: rename, SIGHUP; what came before is in the old file, what comes after in the new one."""
    path = tmp_path / "gateway.log"
    gateway = start_gateway(file_settings(path))
    with pytest.raises(ConnectionClosed):
        RawClient(gateway, token="nonsense")
    wait_until(lambda: "token_refused" in path.read_text())
    old = path.with_name("gateway.log.1")
    path.rename(old)
    gateway.signal(signal.SIGHUP)
    wait_until(path.exists)
    with pytest.raises(ConnectionClosed):
        RawClient(gateway, token="")
    wait_until(lambda: "token_empty" in path.read_text())

    assert "reloaded" in {line["event"] for line in lines_of(path)}
    assert {"token_malformed"} <= {line.get("slug") for line in lines_of(old)}
    assert stat.S_IMODE(path.stat().st_mode) & 0o007 == 0
    assert {line["instance"] for line in lines_of(old, path)} == {lines_of(old)[0]["instance"]}


def test_rotation_under_load_loses_no_line(start_gateway, tmp_path):
    """Files fill and move on while commands are refused; every refusal is in one of them, once."""
    path = tmp_path / "gateway.log"
    gateway = start_gateway(file_settings(path, max_bytes=20_000, keep=1000))
    with RawClient(gateway, "anna") as client:
        for number in range(2000):
            if number % 500 == 250:
                gateway.signal(signal.SIGHUP)
            client.command("publish", channel=f"closed:{number}", data=1)
    gateway.stop()
    files = sorted(tmp_path.glob("gateway.log.*"), key=lambda file: -int(file.suffix[1:]))
    lines = lines_of(*files, path)
    refused = [line for line in lines if line["event"] == "command_refused"]

    assert len(files) > 10
    assert len(refused) == 2000
    assert lines[-1]["event"] == "ended"
    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)


def test_flood_of_refused_commands_does_not_flood_the_log(start_gateway):
    """A burst of lines, a few a second, and at the end the number of the rest."""
    gateway = start_gateway({"log": {"repeat_rate": 1, "repeat_burst": 10}})
    with RawClient(gateway, "anna") as client:
        for _ in range(500):
            client.command("publish", channel="closed:1", data=1)
    left_out = gateway.metric("holdfast_log_lines_left_out_total", category="protocol")
    gateway.stop()
    written = len(gateway.events("command_refused"))
    told = sum(line["count"] for line in gateway.events("repeated") if line["of"] == "command_refused")

    assert 10 <= written < 100
    assert written + told == 500
    assert left_out == 500 - written


def test_disk_without_room_stops_nothing(start_gateway, tmp_path):
    """A limit on the file's size stands for a full disk: the gateway serves on and tells on standard error."""
    path = tmp_path / "gateway.log"
    gateway = start_gateway(file_settings(path))
    subprocess.run(["prlimit", f"--pid={gateway.pid}", "--fsize=20000"], check=True)
    with RawClient(gateway, "anna") as client:
        for number in range(100):
            client.command("publish", channel=f"closed:{number}", data=1)
    wait_until(lambda: gateway.events("log_file_failed"))

    assert httpx.get(f"{gateway.url}/livez", trust_env=False).status_code == 200
    assert len(gateway.events("log_file_failed")) == 1
    assert gateway.metric("holdfast_log_file_failures_total") >= 1


def test_folder_that_is_gone_stops_no_start(start_gateway, tmp_path):
    """The gateway starts, serves, and says on standard error why the file has nothing."""
    gateway = start_gateway(file_settings(tmp_path / "gone" / "gateway.log"))

    assert gateway.wait_for_event("log_file_failed")["reason"] == "No such file or directory"
    assert gateway.wait_for_event("started")


PAGE = {"Origin": "https://app.example"}


def hand_in(gateway, token: str, *lines: dict[str, Any], kind: str = "application/json") -> httpx.Response:
    """Hand in a browser's lines, from a page of another origin."""
    body = json.dumps({"log_token": token, "sent": time.time() * 1000, "lines": lines})
    headers = {**PAGE, "Content-Type": kind}
    return httpx.post(f"{gateway.url}/client/logs", content=body, headers=headers, trust_env=False, timeout=30)


def welcome_of(client: RawClient) -> dict[str, Any]:
    """Return what the connect reply says to a client of ours."""
    return dict(client.connected["connect"]["holdfast"])


@pytest.mark.parametrize("kind", ["application/json", "text/plain;charset=UTF-8"])
def test_browser_lines_come_by_fetch_and_by_beacon(gateway, kind):
    """Pages of any origin may hand in lines, as JSON after a preflight or as text; a token is good once."""
    asked = {**PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    preflight = httpx.options(f"{gateway.url}/client/logs", headers=asked, trust_env=False)
    with RawClient(gateway, "browser-1", holdfast={"version": "1"}) as client:
        token = welcome_of(client)["log_token"]
        line = {"t": time.time() * 1000, "level": "error", "event": f"broke {kind}", "code": 7}
        first = hand_in(gateway, token, line, kind=kind)
        again = hand_in(gateway, token, line, kind=kind)
        following = hand_in(gateway, first.json()["log_token"], line, kind=kind)
        written = gateway.wait_for_event("browser_line", said=f"broke {kind}")

    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (204, "*")
    assert (first.status_code, again.json()["slug"], following.status_code) == (200, "log_token_invalid", 200)
    assert first.headers["access-control-allow-origin"] == again.headers["access-control-allow-origin"] == "*"
    expected = {
        "client": client.id,
        "user": "browser-1",
        "category": "client",
        "side": "browser",
        "browser": {"code": 7},
    }
    assert expected.items() <= written.items()


def test_flood_of_batches_is_refused(start_gateway):
    """One address is told to wait, and when."""
    gateway = start_gateway({"log": {"client_burst": 2}})
    answers = [hand_in(gateway, "x", {"t": 1, "event": "a"}) for _ in range(4)]
    large = httpx.post(f"{gateway.url}/client/logs", content=b"x" * 100_000, trust_env=False)

    assert [answer.json()["slug"] for answer in answers[:2]] == ["log_token_invalid"] * 2
    assert answers[-1].status_code == 429
    assert "retry-after" in answers[-1].headers
    assert large.status_code in {413, 429}


def explain(subject: str, *arguments: str | Path) -> tuple[int, dict[str, Any]]:
    """Ask what happened, and return exit code and answer."""
    command = [sys.executable, "-m", "holdfast", "explain", subject, "--json", *arguments]
    env = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=60, check=False)
    return done.returncode, json.loads(done.stdout)


def test_one_id_shows_both_sides_in_order(start_gateway, tmp_path):
    """By user, connection or attempt: what the page saw stands between what the gateway did, over a rotation."""
    path = tmp_path / "gateway.log"
    gateway = start_gateway(file_settings(path))
    with RawClient(gateway, "erna", holdfast={"version": "1"}) as client:
        before = {"t": time.time() * 1000, "event": "page asked"}
        time.sleep(0.05)
        client.command("publish", channel="closed:1", data=1)
        time.sleep(0.05)
        after = {"t": time.time() * 1000, "level": "warning", "event": "page was refused"}
        answer = hand_in(gateway, welcome_of(client)["log_token"], before, after)
        gateway.wait_for_event("browser_line", said="page was refused")
        path.rename(tmp_path / "gateway.log.1")
        gateway.signal(signal.SIGHUP)
        wait_until(path.exists)
        name = client.id
    gateway.wait_for_event("connection_closed", client=name)
    attempt = next(line for line in gateway.events("connection_closed") + lines_of(tmp_path / "gateway.log.1")
                   if line.get("client") == name and line.get("attempt"))["attempt"]  # fmt: skip
    asked = ("--log", path, "--url", gateway.internal_url, "--admin-token", ADMIN_TOKEN)
    answers = [explain(subject, *asked) for subject in ("erna", name, attempt)]

    assert answer.status_code == 200
    for code, explained in answers:
        told = [(entry["side"], entry["what"]) for entry in explained["entries"]]
        wanted = [("browser", "page asked"), ("gateway", "command_refused"), ("browser", "page was refused")]
        assert [one for one in told if one in wanted] == wanted
        assert told[-1] == ("gateway", "connection_closed")
        assert (code, explained["causes"][0]["slug"]) == (1, "permission_denied")
    files = [source for source in answers[0][1]["sources"] if source["name"].startswith(str(path))]
    assert len(files) == 2
    assert all(source["oldest"] for source in files)


def test_refused_attempt_can_be_told_of(start_gateway):
    """Who got no session gets the token from the explanation, and what the page says is under the attempt's id."""
    gateway = start_gateway()
    with pytest.raises(ConnectionClosed):
        RawClient(gateway, token="nonsense")
    attempt = gateway.wait_for_event("connection_refused")["attempt"]
    explained = httpx.get(f"{gateway.url}/connection/explain?cid={attempt}", headers=PAGE, trust_env=False).json()
    answer = hand_in(gateway, explained["log_token"], {"t": time.time() * 1000, "event": "gave up"})
    gateway.wait_for_event("browser_line", attempt=attempt, said="gave up")
    code, found = explain(attempt, "--url", gateway.internal_url, "--admin-token", ADMIN_TOKEN)

    assert answer.status_code == 200
    assert (code, found["causes"][0]["slug"], found["causes"][0]["count"]) == (1, "token_malformed", 1)


def test_nothing_known_says_how_far_back_it_looked(start_gateway, tmp_path):
    """And exits 4."""
    path = tmp_path / "gateway.log"
    gateway = start_gateway(file_settings(path))
    code, explained = explain("nobody", "--log", path, "--url", gateway.internal_url)

    assert (code, explained["verdict"], explained["entries"]) == (4, "unknown", [])
    assert "admin_token_missing" in explained["sources"][0]["note"]
    assert explained["sources"][-1]["oldest"] is not None
