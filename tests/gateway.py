"""A real gateway for tests: `python -m holdfast serve` in a process of its own, on free ports of 127.0.0.1.

    def test_something(gateway):                 # one shared by the whole run: use channels and users of your own
        gateway.call("publish", channel="news", data={})

    def test_restart(start_gateway):             # as many as you like, with settings of their own
        first = start_gateway({"client": {"ping_interval": 1}})

Settings are nested dicts as in holdfast.yaml and are laid over `SETTINGS`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import jwt
import yaml

ROOT = Path(__file__).resolve().parent.parent
API_KEY = "test-api-key"
ADMIN_TOKEN = "test-admin-token"
SECRET = "test-secret-that-is-long-enough-for-hs512-signatures-of-64-bytes!!"
START_SECONDS = 30.0
STOP_SECONDS = 30.0
EVENT_SECONDS = 15.0

_OPEN = {
    "allow_subscribe_for_client": True,
    "allow_subscribe_for_anonymous": True,
    "allow_publish_for_subscriber": True,
    "allow_history_for_subscriber": True,
    "allow_presence_for_subscriber": True,
    "allow_user_limited_channels": True,
}
_STREAM = {"history_size": 1000, "history_ttl": "300s"}

SETTINGS: dict[str, Any] = {
    "host": "127.0.0.1",
    "port": 0,
    "token": {"hmac_secret": SECRET},
    "api": {"keys": [API_KEY]},
    "admin": {"token": ADMIN_TOKEN},
    # Tests open many connections right behind the start.
    "admission": {"ramp": 0},
    # Tests look for single lines, so none is left out.
    "log": {"level": "debug", "format": "json", "repeat_rate": 0},
    "shutdown": {"propagation_wait": 0, "drain_window": "200ms"},
    "channel": {
        "without_namespace": {**_OPEN},
        "namespaces": [
            # By what they are for: everything on, history without force, presence alone, nothing allowed.
            {"name": "full", **_OPEN, **_STREAM, "force_recovery": True, "presence": True, "join_leave": True},
            {"name": "history", **_OPEN, **_STREAM, "allow_positioning": True, "allow_recovery": True},
            {"name": "positioned", **_OPEN, **_STREAM, "force_positioning": True},
            {"name": "recover", **_OPEN, **_STREAM, "force_recovery": True},
            {"name": "presence", **_OPEN, "presence": True, "join_leave": True, "force_push_join_leave": True},
            {"name": "bytes", **_OPEN, **_STREAM, "publication_data_format": "binary"},
            {"name": "closed"},
        ],
    },
}


class Gateway:
    """A running gateway process."""

    def __init__(
        self, folder: Path, settings: Mapping[str, Any] | None = None, *, prefix: tuple[str, ...] = ()
    ) -> None:
        self.folder = folder
        self.prefix = prefix  # of the command, such as ("nice",)
        self.settings = merged(SETTINGS, settings or {})
        self.api_key = API_KEY
        self.secret = SECRET
        self.port = 0
        self.internal_port = 0
        self._log_path = folder / f"gateway-{uuid.uuid4().hex[:8]}.log"
        self._process: subprocess.Popen[bytes] | None = None

    # Where it is

    @property
    def url(self) -> str:
        """Base URL of the public port."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def internal_url(self) -> str:
        """Base URL of API, metrics and health."""
        return f"http://127.0.0.1:{self.internal_port or self.port}"

    @property
    def ws_url(self) -> str:
        """URL that clients connect to."""
        return f"ws://127.0.0.1:{self.port}/connection/websocket"

    @property
    def pid(self) -> int:
        """Process id."""
        assert self._process is not None
        return self._process.pid

    # What opens its doors

    def token(self, user: str = "user", *, ttl: float = 3600, **claims: Any) -> str:
        """Return a connection token; further claims replace those made here, None leaves one out."""
        return self._sign({"sub": user, "exp": int(time.time() + ttl), **claims})

    def subscription_token(self, user: str, channel: str, *, ttl: float = 3600, **claims: Any) -> str:
        """Return a subscription token."""
        return self._sign({"sub": user, "channel": channel, "exp": int(time.time() + ttl), **claims})

    def _sign(self, claims: dict[str, Any]) -> str:
        given = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(given, self.secret, algorithm="HS256")

    # What it answers

    def call(self, method: str, /, **request: Any) -> dict[str, Any]:
        """Call an API method and return the whole answer."""
        return self.post(method, request).json()

    def post(self, method: str, request: Any, **headers: str) -> httpx.Response:
        """Call an API method and return the HTTP response."""
        given = {"X-API-Key": self.api_key, **headers}
        return httpx.post(f"{self.internal_url}/api/{method}", json=request, headers=given, trust_env=False, timeout=30)

    def get(self, path: str) -> httpx.Response:
        """Fetch a path of the internal port."""
        return httpx.get(f"{self.internal_url}{path}", trust_env=False, timeout=30)

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that have these labels; 0 when there is none."""
        total = 0.0
        for line in self.get("/metrics").text.splitlines():
            sample, _, value = line.rpartition(" ")
            found, _, rest = sample.partition("{")
            if found == name and all(f'{key}="{wanted}"' in rest for key, wanted in labels.items()):
                total += float(value)
        return total

    def log(self) -> str:
        """Return everything it wrote so far, on standard error and in the log file of the settings."""
        return self._written([0] * len(self._log_files()))

    def events(self, event: str = "") -> list[dict[str, Any]]:
        """Return its log lines, or those of one event."""
        lines = (json.loads(line) for line in self.log().splitlines() if line[:1] == "{" and line[-1:] == "}")
        return [line for line in lines if not event or line.get("event") == event]

    def wait_for_event(self, event: str, **values: Any) -> dict[str, Any]:
        """Return the first log line of an event with these values; lines are written a moment after they are said."""
        deadline = time.monotonic() + EVENT_SECONDS
        while time.monotonic() < deadline:
            for line in self.events(event):
                if values.items() <= line.items():
                    return line
            time.sleep(0.02)
        raise AssertionError(f"no log line {event!r} with {values}:\n{self.log()}")

    # Its life

    def start(self, *, is_ready: bool = True) -> Gateway:
        """Start the process and wait until it serves; a restart keeps the ports."""
        if self.port:
            self.settings["port"] = self.port
        if self.internal_port:
            self.settings["internal_port"] = self.internal_port
        config = self.folder / "holdfast.yaml"
        config.write_text(yaml.safe_dump(self.settings))
        env = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
        command = [*self.prefix, sys.executable, "-m", "holdfast", "serve", "--config", str(config)]
        with self._log_path.open("ab") as log:
            offsets = [path.stat().st_size if path.exists() else 0 for path in self._log_files()]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, env=env)
        if is_ready:
            self._wait_until_started(offsets)
        return self

    def signal(self, number: int = signal.SIGTERM) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def wait(self, timeout: float = STOP_SECONDS) -> int:
        """Wait for the end and return the exit code."""
        assert self._process is not None
        return self._process.wait(timeout)

    @property
    def is_running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> int:
        """Stop it as an operator does, and return the exit code."""
        if self.is_running:
            self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """End it without a word."""
        if self.is_running:
            self.signal(signal.SIGKILL)
        self.wait()

    def _written(self, offsets: list[int]) -> str:
        """Return what both files have from these places on."""
        files = zip(self._log_files(), offsets, strict=True)
        return b"\n".join(path.read_bytes()[offset:] for path, offset in files if path.exists()).decode(
            errors="replace"
        )

    def _log_files(self) -> list[Path]:
        named = self.settings["log"].get("file")
        return [self._log_path, *([Path(named)] if named else [])]

    def _wait_until_started(self, offsets: list[int]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            text = self._written(offsets)
            for line in text.splitlines():
                if line.startswith("{") and line.endswith("}") and '"started"' in line:
                    event = json.loads(line)
                    if event.get("event") == "started":
                        self.port, self.internal_port = event["port"], event.get("internal_port") or 0
                        return
            if not self.is_running:
                raise AssertionError(f"the gateway ended with {self.wait()}:\n{text}")
            time.sleep(0.02)
        self.kill()
        raise AssertionError(f"the gateway did not start within {START_SECONDS:g} s:\n{self.log()}")


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one tree of settings over another; lists are replaced, not joined."""
    result = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merged(result[key], value) if both else value
    return result


@contextmanager
def running(
    folder: Path, settings: Mapping[str, Any] | None = None, *, prefix: tuple[str, ...] = ()
) -> Iterator[Gateway]:
    """Run a gateway for the length of a block."""
    gateway = Gateway(folder, settings, prefix=prefix).start()
    try:
        yield gateway
    finally:
        gateway.kill()
