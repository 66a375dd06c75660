"""Real reverse proxies before a gateway: `with running("nginx", gateway.port, folder) as proxy: proxy.url`.

`nginx.conf` and `haproxy.cfg` beside this file are what a user would write, buffering left as it is by default; the
rig changes nothing in them but the two ports. What belongs to the test machine alone (one process in the foreground,
files in a folder of its own) stands here.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.parts import system_program

CONFIGURATIONS = Path(__file__).parent
LISTENS_ON, PASSES_TO = "127.0.0.1:8080", "127.0.0.1:8000"
START_SECONDS = 15.0
STOP_SECONDS = 5.0
LOG_TAIL = 6000

_HAPROXY_FRAME = """\
global
    log stdout format raw local0
"""
# Relative paths are below the folder of the test (-p).
_NGINX_FRAME = """\
pid nginx.pid;
error_log log;
worker_processes 1;
events {}
http {
    access_log log;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include server.conf;
}
"""


class Proxy:
    """A running proxy process."""

    def __init__(self, name: str, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.port = port
        self._process = process
        self._log = log

    @property
    def url(self) -> str:
        """Base URL, in place of the gateway's."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def log(self) -> str:
        """Return the end of what it wrote about requests and errors."""
        said = self._log.read_text(errors="replace") if self._log.exists() else ""
        return f"{self.name} said:\n{said[-LOG_TAIL:]}"

    def wait_for_line(self, text: str) -> None:
        """Return once a line with this text is in its log: it writes one after the client has its answer."""
        deadline = time.monotonic() + START_SECONDS
        while text not in self.log():
            assert time.monotonic() < deadline, f"there is no line {text!r}. {self.log()}"
            time.sleep(0.02)

    def wait_until_it_listens(self) -> None:
        """Return once it takes connections."""
        deadline = time.monotonic() + START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError(f"{self.name} does not listen (exit code {self._process.poll()}). {self.log()}")

    def stop(self) -> None:
        """End it at once."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@dataclass(frozen=True)
class Kind:
    """How one kind of proxy is started; `command` gets the folder in which `file` stands with the real ports."""

    file: str
    command: Callable[[Path], list[str]]


def _nginx(folder: Path) -> list[str]:
    (folder / "nginx.conf").write_text(_NGINX_FRAME)
    # Root's worker would be another user, who may not look into the folders of a test.
    user = "user root;" if os.geteuid() == 0 else ""
    return [system_program("nginx"), "-p", str(folder), "-c", "nginx.conf", "-g", f"daemon off; {user}"]


def _haproxy(folder: Path) -> list[str]:
    (folder / "global.conf").write_text(_HAPROXY_FRAME)
    return [system_program("haproxy"), "-db", "-f", str(folder / "global.conf"), "-f", str(folder / "server.conf")]


KINDS = {"nginx": Kind("nginx.conf", _nginx), "haproxy": Kind("haproxy.cfg", _haproxy)}


def configuration(name: str, port: int, gateway_port: int) -> str:
    """Return a configuration file with its two addresses replaced."""
    text = (CONFIGURATIONS / KINDS[name].file).read_text()
    assert LISTENS_ON in text
    assert PASSES_TO in text
    return text.replace(PASSES_TO, f"127.0.0.1:{gateway_port}").replace(LISTENS_ON, f"127.0.0.1:{port}")


def start(name: str, gateway_port: int, folder: Path, changes: Mapping[str, str] | None = None) -> Proxy:
    """Start a proxy before the gateway on `gateway_port`; it may write into `folder` only.

    `changes` are lines of the configuration and what a test has in their place.
    """
    port = free_port()
    text = configuration(name, port, gateway_port)
    for line, other in (changes or {}).items():
        assert line in text
        text = text.replace(line, other)
    return launch(name, text, port, folder)


def launch(name: str, text: str, port: int, folder: Path) -> Proxy:
    """Start a proxy with a configuration of one's own that listens on `port`, among others."""
    (folder / "server.conf").write_text(text)
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(KINDS[name].command(folder), stdout=log, stderr=log, cwd=folder)
    proxy = Proxy(name, port, process, folder / "log")
    try:
        proxy.wait_until_it_listens()
    except BaseException:
        proxy.stop()
        raise
    return proxy


@contextmanager
def running(name: str, gateway_port: int, folder: Path, changes: Mapping[str, str] | None = None) -> Iterator[Proxy]:
    """Run a proxy for the length of a block."""
    proxy = start(name, gateway_port, folder, changes)
    try:
        yield proxy
    finally:
        proxy.stop()


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
