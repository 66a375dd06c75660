"""How each measured server is started."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.load.client import LoadClient
from benchmarks.load.polls import PollClient
from benchmarks.load.publisher import API_KEY
from benchmarks.load.streams import SseClient, StreamClient
from benchmarks.load.tls import TlsWebSocketClient, make_certificate
from benchmarks.load.websocket import DeflateClient, DeltaClient, WebSocketClient
from benchmarks.plan import Plan
from benchmarks.process import BenchmarkError, ServerProcess, free_port
from benchmarks.servers import uwebsockets_setup
from benchmarks.servers.before import Before
from benchmarks.servers.paths import CACHE, NODE_DIR
from benchmarks.tokens import SECRET

CERT_FILE = CACHE / "localhost.pem"
KEY_FILE = CACHE / "localhost.key"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A server by name, what it is, and the command and environment that start it."""

    name: str
    title: str
    command: Callable[[int], list[str]]
    environ: Callable[[int, Plan], dict[str, str]]
    prepare: Callable[[], None] = lambda: None
    connect: Callable[[int], LoadClient] = WebSocketClient

    def server(self, plan: Plan) -> ServerProcess:
        """Return the server, not yet started, on a free port."""
        port = free_port()
        CACHE.mkdir(parents=True, exist_ok=True)
        log = CACHE / f"{self.name}.log"
        return ServerProcess(self.command(port), self.environ(port, plan), port, log)


def _bare_environ(port: int, plan: Plan) -> dict[str, str]:
    return {
        "BENCH_PORT": str(port),
        "BENCH_PING_SECONDS": f"{plan.ping_seconds:g}",
        "BENCH_PONG_SECONDS": f"{plan.pong_seconds:g}",
        "BENCH_SECRET": SECRET,
        "BENCH_API_KEY": API_KEY,
    }


# Clients come as fast as they can, and more of them than an instance lets in by default.
_ADMISSION = {"HOLDFAST_ADMISSION__RATE": "0", "HOLDFAST_ADMISSION__MAX_CONNECTIONS": "1000000"}
_ADMISSION_MODULE = "app/holdfast/wiring_admission.py"


def _gateway_environ(port: int, plan: Plan) -> dict[str, str]:
    monitor = {"HOLDFAST_MONITOR__INTERVAL": f"{plan.monitor_seconds:g}s"}
    return {**_earlier_environ(port, plan), **_ADMISSION, **monitor}


def _earlier_environ(port: int, plan: Plan) -> dict[str, str]:
    """Return what a commit from before admission and monitor knows too."""
    return {
        "HOLDFAST_PORT": str(port),
        "HOLDFAST_CLIENT__PING_INTERVAL": f"{plan.ping_seconds:g}s",
        "HOLDFAST_CLIENT__PONG_TIMEOUT": f"{plan.pong_seconds:g}s",
        "HOLDFAST_TOKEN__HMAC_SECRET": SECRET,
        "HOLDFAST_API__KEYS": json.dumps([API_KEY]),
        "HOLDFAST_CHANNEL__WITHOUT_NAMESPACE__ALLOW_SUBSCRIBE_FOR_CLIENT": "true",
        "HOLDFAST_LOG__LEVEL": "warning",
    }


def _tls_environ(port: int, plan: Plan) -> dict[str, str]:
    files = {"HOLDFAST_TLS__CERT_FILE": str(CERT_FILE), "HOLDFAST_TLS__KEY_FILE": str(KEY_FILE)}
    return {**_gateway_environ(port, plan), **files}


def _gateway_with(**settings: str) -> Callable[[int, Plan], dict[str, str]]:
    """Return an environment with settings that only one recipe has; the earlier commit may not know them."""
    return lambda port, plan: {**_gateway_environ(port, plan), **settings}


def _poll_environ(port: int, plan: Plan) -> dict[str, str]:
    # An empty answer is to a poll what a ping is to a WebSocket.
    return {**_gateway_environ(port, plan), "HOLDFAST_POLL__TIMEOUT": f"{plan.ping_seconds:g}s"}


def _prepare_tls() -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    make_certificate(CERT_FILE, KEY_FILE)


def _gateway_command(port: int) -> list[str]:
    return [sys.executable, "-m", "holdfast", "serve"]


def _stock_command(application: str, *options: str) -> Callable[[int], list[str]]:
    # As an operator in the know runs it: uvloop and httptools (both found by themselves), no
    # compression, no log line a connection, and no second ping below that of the protocol.
    quiet = ["--no-access-log", "--log-level", "warning", "--ws-ping-interval", "86400"]
    fair = ["--ws-per-message-deflate", "false"]

    def command(port: int) -> list[str]:
        serve = [sys.executable, "-m", "uvicorn", application, "--port", str(port)]
        return [*serve, *quiet, *fair, *options]

    return command


def _install_node_packages() -> None:
    if not shutil.which("node") or not shutil.which("npm"):
        raise BenchmarkError("node and npm are missing (Debian: apt-get install nodejs npm)")
    if (NODE_DIR / "node_modules" / "ws").is_dir():
        return
    done = subprocess.run(["npm", "ci"], cwd=NODE_DIR, capture_output=True, text=True)
    if done.returncode:
        raise BenchmarkError(f"npm ci failed in {NODE_DIR}: {done.stderr[-500:]}")


RECIPES = (
    Recipe("holdfast", "this gateway", _gateway_command, _gateway_environ),
    Recipe(
        "stock",
        "the gateway's own protocol logic on stock uvicorn and Starlette",
        _stock_command("benchmarks.servers.stock_gateway:app"),
        _gateway_environ,
    ),
    Recipe(
        "stock-bare",
        "a small application on stock uvicorn and Starlette",
        _stock_command("benchmarks.servers.stock_bare:app"),
        _bare_environ,
    ),
    Recipe(
        "stock-inline",
        "the same without queues: each send awaited in turn, the slowest reader stops everybody",
        _stock_command("benchmarks.servers.stock_bare:app"),
        lambda port, plan: {**_bare_environ(port, plan), "BENCH_INLINE": "1"},
    ),
    Recipe(
        "node",
        "the same protocol logic on Node ws",
        lambda port: ["node", os.fspath(NODE_DIR / "server.mjs")],
        _bare_environ,
        _install_node_packages,
    ),
    Recipe(
        "uwebsockets",
        "the same protocol logic on uWebSockets (C++) with Python handlers (socketify)",
        uwebsockets_setup.command,
        _bare_environ,
        uwebsockets_setup.prepare,
    ),
    Recipe(
        "holdfast-tls",
        "this gateway with TLS",
        _gateway_command,
        _tls_environ,
        _prepare_tls,
        connect=lambda port: TlsWebSocketClient(port, CERT_FILE),
    ),
    Recipe("holdfast-stream", "its http_stream", _gateway_command, _gateway_environ, connect=StreamClient),
    Recipe("holdfast-sse", "its server-sent events", _gateway_command, _gateway_environ, connect=SseClient),
    Recipe("holdfast-poll", "its long polling", _gateway_command, _poll_environ, connect=PollClient),
    Recipe(
        "holdfast-delta",
        "this gateway with deltas",
        _gateway_command,
        _gateway_with(
            HOLDFAST_CHANNEL__WITHOUT_NAMESPACE__ALLOWED_DELTA_TYPES='["fossil"]',
            HOLDFAST_CHANNEL__WITHOUT_NAMESPACE__DELTA_PUBLISH="true",
        ),
        connect=DeltaClient,
    ),
    Recipe(
        "holdfast-deflate",
        "this gateway with permessage-deflate",
        _gateway_command,
        _gateway_with(HOLDFAST_WEBSOCKET__COMPRESSION="true"),
        connect=DeflateClient,
    ),
)
BY_NAME = {recipe.name: recipe for recipe in RECIPES}


def before_recipe(before: Before) -> Recipe:
    """Return the recipe of this gateway at an earlier commit."""
    environ = _gateway_environ if before.has(_ADMISSION_MODULE) else _earlier_environ
    return Recipe(
        "before",
        before.title(),
        _gateway_command,
        lambda port, plan: {**environ(port, plan), **before.environ()},
        before.prepare,
    )
