"""What a page is loaded from: a gateway behind a real HAProxy with TLS, on a network that can be cut.

    browser -> network (a relay of ours) -> HAProxy -> gateway, and what the application would serve beside it

HAProxy runs the configuration that docs/reverse-proxies.md recommends, with TLS and HTTP/2 before it, and serves the
test's own page. Paths can be blocked while it runs, as filters on the way of users do.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests import proxies
from tests.backends import Backend, Request, running_backend, say
from tests.certificates import Contents, make_authority, write_certificate
from tests.gateway import Gateway, merged
from tests.gateway import running as running_gateway
from tests.sdk.support import Network

PATIENCE_SECONDS = 30.0
PASSWORD = "correct horse battery"
PAGES = Path(__file__).parent / "pages"
WEBSOCKET, HTTP_STREAM, SSE, POLL = (f"/connection/{name}" for name in ("websocket", "http_stream", "sse", "poll"))

SETTINGS: dict[str, Any] = {
    "http": {"trusted_proxies": ["127.0.0.1"]},
    "auth": {"enabled": True, "users_path": "users.sqlite"},
    "client": {
        # Short times, so that tests of pings, renewals and dead peers take seconds.
        "ping_interval": "3s",
        "pong_timeout": "2s",
        "expired_close_delay": "2s",
        "reconnect_window": "2s",
        # As much as the channels keep: WebKit does not notice that a stream was cut before its pings stay away.
        "recovery_max_publication_limit": 1000,
    },
    "shutdown": {"drain_window": "500ms"},
}

_FILTERS = ("refused", "swallowed", "captive")
_GLOBAL = """\
global
    stats socket {folder}/admin.sock level admin
"""
_FRONTEND = """\
    bind 127.0.0.1:{port} ssl crt {folder}/both.pem alpn h2,http/1.1
    http-request set-header X-Forwarded-Proto https
    acl refused path -f {folder}/refused
    acl swallowed path -f {folder}/swallowed
    timeout tarpit 120s
    acl captive path_beg -f {folder}/captive
    http-request return status 200 content-type text/html string "<h1>Welcome to the hotel</h1>" if captive
    http-request tarpit if swallowed
    http-request deny deny_status 403 if refused
{returns}
    use_backend application if {{ path /token }}
"""
_RETURN = "    http-request return status 200 content-type {type} file {pages}/{file} if {{ path {path} }}"
_PAGES = {
    "/page": ("page.html", "text/html"),
    "/page.js": ("page.js", "text/javascript"),
    "/login": ("login.html", "text/html"),
    "/login.js": ("login.js", "text/javascript"),
}
_APPLICATION = """\

backend application
    server one 127.0.0.1:{port}
"""


class Site:
    """Everything between a page and the gateway, and the switches that break it."""

    def __init__(self, gateway: Gateway, proxy: proxies.Proxy, folder: Path, application: Backend) -> None:
        self.gateway = gateway
        self.proxy = proxy
        self.application = application
        self.network = SwitchedNetwork(proxy.port)
        self._folder = folder
        self.reset()

    @property
    def url(self) -> str:
        """The origin of its pages."""
        return f"https://localhost:{self.network.port}"

    # What the application answers

    def reset(self) -> None:
        """Heal everything; tokens are those of user `anna`, for an hour."""
        self.network.heal()
        self.unblock()
        self.answer_tokens(lambda: self.gateway.token("anna"))
        self.application.requests.clear()

    def answer_tokens(self, make: Callable[[], Any], *, seconds: float = 0) -> None:
        """Let `/token` answer with what is made, after so long; a number is a status."""

        async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(seconds)
            made = make()
            await (say({}, made) if isinstance(made, int) else say({"token": made}))(request, writer)

        self.application.answers["/token"] = answer

    @property
    def tokens_fetched(self) -> int:
        """How often a page asked for a token."""
        return len(self.application.asked("/token"))

    def wait_for_tokens(self, count: int) -> None:
        """Wait until pages have asked for so many tokens."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.tokens_fetched < count:
            assert time.monotonic() < deadline, f"{self.tokens_fetched} of {count} tokens were fetched"
            time.sleep(0.05)

    def add_user(self, name: str) -> str:
        """Make an account with PASSWORD, as an operator does, and return its name."""
        config = self.gateway.folder / "holdfast.yaml"
        command = [sys.executable, "-m", "holdfast", "user", "add", name, "--password-stdin", "--config", str(config)]
        folder, typed = self.gateway.folder, f"{PASSWORD}\n"
        done = subprocess.run(command, cwd=folder, input=typed, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return name

    # What happens on the way

    def block(self, *paths: str, how: str = "refused") -> None:
        """Let HAProxy answer these paths with 403, or say nothing for two minutes where they are to be `swallowed`."""
        for path in paths:
            self._tell_haproxy(f"add acl {self._folder}/{how} {path}")

    def capture(self) -> None:
        """Answer everything with a page, as a hotel's network does until one has signed in there."""
        self._tell_haproxy(f"add acl {self._folder}/captive /")
        self.network.drop()

    def unblock(self) -> None:
        """Let everything through again."""
        for how in _FILTERS:
            self._tell_haproxy(f"clear acl {self._folder}/{how}")

    def restart(self) -> None:
        """Stop the gateway as an operator does, and start it again on the same port."""
        assert self.gateway.stop() == 0
        self.gateway.start()

    def wait_until_it_serves(self) -> None:
        """Return once HAProxy has noticed that the gateway is there; it looks once a second."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while httpx.get(f"{self.url}/client/index.js", verify=False, trust_env=False).status_code != 200:
            assert time.monotonic() < deadline, self.proxy.log()
            time.sleep(0.1)

    def _tell_haproxy(self, command: str) -> None:
        with socket.socket(socket.AF_UNIX) as admin:
            admin.settimeout(10)
            admin.connect(str(self._folder / "admin.sock"))
            admin.sendall(f"{command}\n".encode())
            said = admin.recv(4096).strip()
        assert not said, f"{command}: {said.decode()}"


class SwitchedNetwork:
    """The relay before HAProxy, in a thread of its own: cut, dead, or as it should be."""

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._network = Network(f"tcp://127.0.0.1:{target_port}")
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._live()), daemon=True)
        self._thread.start()
        assert self._started.wait(10)

    async def _live(self) -> None:
        async with self._network:
            self.port = self._network.port
            self._started.set()
            await self._ended.wait()

    def _do(self, action: Callable[[], None]) -> None:
        done = threading.Event()
        self._loop.call_soon_threadsafe(lambda: (action(), done.set()))
        assert done.wait(10)

    def drop(self) -> None:
        """End every connection without a word; new ones get through."""
        self._do(self._network.cut)

    def cut(self) -> None:
        """End every connection, and let no other begin."""
        self._do(lambda: self._network.refuse(True))

    def kill(self) -> None:
        """Let nothing come back any more, and nobody notice: what a dead link does."""
        self._do(lambda: setattr(self._network, "stalled", True))

    def heal(self) -> None:
        """Let everything through; what hung on a dead link is gone."""

        def heal() -> None:
            if self._network.stalled:
                self._network.cut()
            self._network.refuse(False)

        self._do(heal)

    def close(self) -> None:
        """End it."""
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(10)
        self._loop.close()


@contextmanager
def running(folder: Path) -> Iterator[Site]:
    """Run a site for the length of a block."""
    settings = merged(SETTINGS, {"broker": {"snapshot_path": str(folder / "history.snapshot")}})
    with ExitStack() as stack:
        gateway = stack.enter_context(running_gateway(folder, settings))
        application = stack.enter_context(running_backend())
        proxy = launch_haproxy(folder, gateway.port, application.port)
        stack.callback(proxy.stop)
        site = Site(gateway, proxy, folder, application)
        stack.callback(site.network.close)
        yield site


def launch_haproxy(folder: Path, gateway_port: int, application_port: int) -> proxies.Proxy:
    """Start the recommended HAProxy with TLS before it, and the tests' pages and switches."""
    certificate, key = write_certificate(folder, Contents("localhost"), make_authority("Holdfast tests"))
    (folder / "both.pem").write_bytes(certificate.read_bytes() + key.read_bytes())
    for name in _FILTERS:
        (folder / name).touch()
    port = proxies.free_port()
    text = proxies.configuration("haproxy", port, gateway_port)
    bind = f"    bind 127.0.0.1:{port}\n"
    assert bind in text
    returns = [_RETURN.format(pages=PAGES, path=at, file=file, type=kind) for at, (file, kind) in _PAGES.items()]
    text = text.replace(bind, _FRONTEND.format(port=port, folder=folder, returns="\n".join(returns)))
    text = _GLOBAL.format(folder=folder) + text + _APPLICATION.format(port=application_port)
    return proxies.launch("haproxy", text, port, folder)
