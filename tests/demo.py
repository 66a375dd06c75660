"""The gateway of a developer, `holdfast serve --dev`, in a process of its own, and somebody who is logged in.

with running(folder) as demo:
    demo.post("dev/restart")
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

PATIENCE_SECONDS = 60.0
ATTEMPT = "5" * 32


class Demo:
    """A gateway of a developer, with somebody who is logged in."""

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None) -> None:
        self._output = folder / "out"
        self._output.touch()
        env = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
        env.update(environ or {})
        command = [sys.executable, "-m", "holdfast", "serve", "--dev", "--port", "0"]
        with self._output.open("ab") as output:
            self.process = subprocess.Popen(command, cwd=folder, env=env, stdout=output, stderr=output)
        self.wait_for("Ctrl-C stops the gateway")
        self.url = self.text().partition("listening on ")[2].split()[0]
        self.password = self.text().partition("with the password ")[2].split()[0]
        self.page = httpx.Client(base_url=self.url, trust_env=False, timeout=PATIENCE_SECONDS)
        self.token = self.post("login", username="alice", password=self.password).json()["token"]

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

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
    def connected(self, user: str = "alice") -> Iterator[ClientConnection]:
        """Open a connection of a user for the length of a block."""
        token = self.token if user == "alice" else self.token_of(user)
        cookies = {"cookie": "; ".join(f"{one.name}={one.value}" for one in self.page.cookies.jar)}
        url = f"ws{self.url.removeprefix('http')}/connection/websocket?cid={ATTEMPT}"
        with connect(url, additional_headers=cookies, proxy=None) as connection:
            say(connection, connect={"token": token})
            yield connection

    def token_of(self, user: str) -> str:
        """Log in as another user, elsewhere, and return the token."""
        headers = {"sec-fetch-site": "same-origin", "origin": self.url}
        body = {"username": user, "password": self.password}
        address = f"{self.url}/auth/login"
        answer = httpx.post(address, json=body, headers=headers, trust_env=False, timeout=PATIENCE_SECONDS)
        return str(answer.json()["token"])


def say(connection: ClientConnection, **command: dict[str, Any]) -> None:
    """Send a command and wait for its reply, whatever else comes before it."""
    (method,) = command
    connection.send(json.dumps({"id": 1, **command}))
    while True:
        for line in str(connection.recv(PATIENCE_SECONDS)).splitlines():
            reply = json.loads(line)
            if reply.get("id") == 1:
                assert method in reply, reply
                return


@contextmanager
def running(folder: Path, environ: Mapping[str, str] | None = None) -> Iterator[Demo]:
    """Run one for the length of a block, with settings by these variables."""
    demo = Demo(folder, environ)
    try:
        yield demo
    finally:
        demo.page.close()
        if demo.process.poll() is None:
            demo.process.kill()
        demo.process.wait()
