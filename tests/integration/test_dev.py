"""The demo of `serve --dev`: its page, its switches, and beginning again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.gateway import Gateway

PATIENCE_SECONDS = 60.0
ATTEMPT = "5" * 32


class Demo:
    """A gateway of a developer, with somebody who is logged in."""

    def __init__(self, folder: Path) -> None:
        self._output = folder / "out"
        self._output.touch()
        env = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
        command = [sys.executable, "-m", "holdfast", "serve", "--dev", "--port", "0"]
        with self._output.open("ab") as output:
            self.process = subprocess.Popen(command, cwd=folder, env=env, stdout=output, stderr=output)
        self.wait_for("Ctrl-C stops the gateway")
        self.url = self.text().partition("listening on ")[2].split()[0]
        self.password = self.text().partition("with the password ")[2].split()[0]
        self.page = httpx.Client(base_url=self.url, trust_env=False, timeout=PATIENCE_SECONDS)
        self.token = self.post("login", username="alice", password=self.password).json()["token"]

    def text(self) -> str:
        """Return what it has printed."""
        return self._output.read_text()

    def wait_for(self, text: str, count: int = 1) -> None:
        """Wait until it has printed a text so many times."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.text().count(text) < count:
            assert self.process.poll() is None, self.text()
            assert time.monotonic() < deadline, self.text()
            time.sleep(0.05)

    def post(self, path: str, **body: object) -> httpx.Response:
        """Ask a path below /auth as a page does; cookies stay."""
        headers = {"sec-fetch-site": "same-origin", "origin": self.url}
        return self.page.post(f"/auth/{path}", json=body, headers=headers)

    @contextmanager
    def connected(self) -> Iterator[ClientConnection]:
        """Open a connection of the user for the length of a block."""
        cookies = {"cookie": "; ".join(f"{one.name}={one.value}" for one in self.page.cookies.jar)}
        url = f"ws{self.url.removeprefix('http')}/connection/websocket?cid={ATTEMPT}"
        with connect(url, additional_headers=cookies, proxy=None) as connection:
            connection.send(json.dumps({"id": 1, "connect": {"token": self.token}}))
            assert "connect" in json.loads(connection.recv(PATIENCE_SECONDS))
            yield connection


@contextmanager
def running(folder: Path) -> Iterator[Demo]:
    """Run one for the length of a block."""
    demo = Demo(folder)
    try:
        yield demo
    finally:
        demo.page.close()
        if demo.process.poll() is None:
            demo.process.kill()
        demo.process.wait()


def test_dev_paths_do_not_exist_in_production(gateway: Gateway) -> None:
    """Neither the demo nor its switches, whatever the settings."""
    paths = ("/demo", "/demo/", "/demo/app.js", "/auth/dev/restart", "/auth/dev/kill")

    assert {httpx.post(gateway.url + path, json={}, trust_env=False).status_code for path in paths} == {404}
    assert {httpx.get(gateway.url + path, trust_env=False).status_code for path in paths} == {404}


def test_demo_breaks_what_its_switches_say(tmp_path: Path) -> None:
    """On a real socket: cut without a close frame, closed by the token's end, silent, or refused by a filter."""
    with running(tmp_path) as demo:
        assert demo.page.get("/demo/").status_code == 200
        with demo.connected() as killed:
            assert demo.post("dev/kill", attempt=ATTEMPT).status_code == 200
            with pytest.raises(ConnectionClosed) as end:
                killed.recv(PATIENCE_SECONDS)
            assert end.value.rcvd is None
        with demo.connected() as expired:
            demo.post("dev/expire", attempt=ATTEMPT)
            with pytest.raises(ConnectionClosed) as end:
                expired.recv(PATIENCE_SECONDS)
            assert end.value.rcvd is not None
            assert end.value.rcvd.code == 3005
        with demo.connected() as silent:
            assert demo.post("dev/silence", attempt=ATTEMPT).json()["ping_seconds"] > 0
            time.sleep(0.5)
            silent.send(json.dumps({"id": 2, "presence": {"channel": "lobby"}}))
            with pytest.raises(TimeoutError):
                silent.recv(1)
        demo.post("dev/block", transports=["websocket"], seconds=60)
        with pytest.raises(InvalidStatus, match="403"), demo.connected():
            pass
        demo.post("dev/block")
        with demo.connected():
            pass


def test_demo_begins_again_and_ends_when_told(tmp_path: Path) -> None:
    """The port and the session are the same after a restart; SIGTERM and Ctrl-C end it for good."""
    with running(tmp_path) as demo:
        for count in (1, 2):
            assert demo.post("dev/restart").status_code == 200
            demo.wait_for(f"Started again on {demo.url}", count)
            assert demo.page.get("/auth/session").json()["user"]["id"] == "alice"
        demo.process.send_signal(signal.SIGINT)

        assert demo.process.wait(PATIENCE_SECONDS) == 0
        assert demo.text().count("Started again") == 2


def test_signal_during_a_restart_ends_it(tmp_path: Path) -> None:
    """Whoever presses Ctrl-C wants it to be over, whatever a page has asked for."""
    with running(tmp_path) as demo:
        with demo.connected():  # who has to be told to leave, which takes a moment
            demo.post("dev/restart")
            demo.wait_for('"event": "stopping"')
            demo.process.terminate()

            assert demo.process.wait(PATIENCE_SECONDS) == 0
        assert "Started again" not in demo.text()
