"""A fleet: places for gateways behind one HAProxy, each with ports of its own that it keeps over a restart."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.gateway import Gateway, merged
from tests.proxies import Proxy, free_port, launch

CONFIGURATION = Path(__file__).parent / "haproxy.cfg"
SEEN_SECONDS = 30.0

SETTINGS: dict[str, Any] = {
    "log": {"level": "info"},
    # Longer than HAProxy needs to see that an instance is not ready: two checks.
    "shutdown": {"propagation_wait": "1s", "drain_window": "5s"},
}


class Fleet:
    """The places; `gateways[n]` is the one at place `n`, whether it runs or not."""

    def __init__(self, folder: Path, places: int, settings: Mapping[str, Any] | None = None) -> None:
        self.folder = folder
        self.gateways = [self._place(number, settings or {}) for number in range(places)]
        self._proxy: Proxy | None = None
        self._publishers_port = 0

    @property
    def ws_url(self) -> str:
        """Where clients connect to."""
        return f"{self._running_proxy.url.replace('http', 'ws', 1)}/connection/websocket"

    @property
    def api_url(self) -> str:
        """Where publishers publish."""
        return f"http://127.0.0.1:{self._publishers_port}"

    def start(self, running: int | None = None) -> None:
        """Start the first gateways (all of them where none are counted), and HAProxy before all places."""
        first = self.gateways[:running]
        with ThreadPoolExecutor(len(first)) as pool:
            list(pool.map(Gateway.start, first))
        port, self._publishers_port = free_port(), free_port()
        ports = [(one.settings["port"], one.settings["internal_port"]) for one in self.gateways]
        text = configuration(self.folder, (port, self._publishers_port), ports)
        self._proxy = launch("haproxy", text, port, self.folder)
        self.wait_until_seen(len(first))

    def wait_until_seen(self, running: int) -> None:
        """Wait until HAProxy sends clients to exactly so many gateways."""
        deadline = time.monotonic() + SEEN_SECONDS
        while (up := self._servers_up()) != running:
            assert time.monotonic() < deadline, f"HAProxy sees {up} of {running} gateways. {self._running_proxy.log()}"
            time.sleep(0.05)

    def connections(self) -> list[int]:
        """Return how many clients each running gateway has."""
        return [int(one.metric("holdfast_connections")) for one in self.gateways if one.is_running]

    def end(self) -> None:
        """End everything that it started."""
        for one in self.gateways:
            if one.is_running:
                one.kill()
        if self._proxy is not None:
            self._proxy.stop()

    # Private methods

    @property
    def _running_proxy(self) -> Proxy:
        assert self._proxy is not None, "the fleet has not been started"
        return self._proxy

    def _place(self, number: int, settings: Mapping[str, Any]) -> Gateway:
        folder = self.folder / f"gateway-{number}"
        folder.mkdir()
        own = {"port": free_port(), "internal_port": free_port(), "instance": f"gateway-{number}"}
        return Gateway(folder, merged(merged(SETTINGS, own), settings))

    def _servers_up(self) -> int:
        with socket.socket(socket.AF_UNIX) as admin:
            admin.settimeout(10)
            try:
                admin.connect(str(self.folder / "haproxy.sock"))
            except OSError:  # HAProxy takes clients a moment before it can be asked
                return 0
            admin.sendall(b"show stat\n")
            answer = b"".join(iter(lambda: admin.recv(65536), b"")).decode()
        return servers_up(answer)


def configuration(folder: Path, listens: tuple[int, int], places: list[tuple[int, int]]) -> str:
    """Return HAProxy's configuration for the ports of clients and publishers, and those of each place."""
    clients, publishers = listens
    names = {
        "folder": str(folder),
        "clients": str(clients),
        "publishers": str(publishers),
        "gateways": "\n".join(
            f"    server gateway-{number} 127.0.0.1:{port} check port {internal}"
            for number, (port, internal) in enumerate(places)
        ),
        "api": "\n".join(
            f"    server gateway-{number} 127.0.0.1:{internal} check" for number, (_, internal) in enumerate(places)
        ),
    }
    text = CONFIGURATION.read_text()
    for name, value in names.items():
        assert f"@{name}@" in text
        text = text.replace(f"@{name}@", value)
    return text


def servers_up(statistics: str) -> int:
    """Return how many servers of the clients' backend are up, by what `show stat` says."""
    lines = statistics.lstrip("# ").splitlines()
    names = lines[0].split(",")
    rows = [dict(zip(names, line.split(","), strict=False)) for line in lines[1:] if line]
    servers = [row for row in rows if row["pxname"] == "gateways" and row["svname"].startswith("gateway-")]
    # "UP 1/2" is one that fails its checks by now: not sure enough for a test.
    return sum(row["status"] == "UP" for row in servers)


@contextmanager
def running_fleet(
    folder: Path, places: int, settings: Mapping[str, Any] | None = None, *, running: int | None = None
) -> Iterator[Fleet]:
    """Run a fleet for the length of a block."""
    fleet = Fleet(folder, places, settings)
    try:
        fleet.start(running)
        yield fleet
    finally:
        fleet.end()
