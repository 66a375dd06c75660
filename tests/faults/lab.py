"""The fault lab: gateways, a real HAProxy and a real nginx before them, certificates, an issuer, and a far place.

One lab serves the whole run. Its main gateway stands behind both proxies; gateways whose settings are the fault are
started on their own with `start`, each behind an nginx. Everything ends with the lab, by the ids of its own processes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from tests import parts, proxies
from tests.certificates import DAY, Contents, make_authority, write_certificate
from tests.faults.issuer import AUDIENCE, ISSUER, Issuer
from tests.faults.namespace import Namespace
from tests.gateway import Gateway, merged, running
from tests.proxies import Proxy, free_port

HERE = Path(__file__).parent
PATH = "/connection/websocket"
PROBE_SECONDS = 60.0  # on a loaded machine; the probe's own time is judged by the tests

CERTIFICATES = {
    "good": Contents(),
    "expired": Contents(starts=-2 * DAY, ends=-timedelta(minutes=1)),
    "early": Contents(starts=timedelta(hours=1)),
    "name": Contents("other.test", has_address=False),
    "stranger": Contents(),
}
DOORS = (
    *("plain", "tls", "tls_expired", "tls_early", "tls_name", "tls_stranger", "idle_cut"),
    *("nginx_plain", "nginx_tls", "stripped", "buffered", "elsewhere"),
)
_SETTINGS: dict[str, Any] = {
    "log": {"level": "info"},  # what operators have
    "token": {"audience": AUDIENCE, "issuer": ISSUER},
    "ledger": {"explain_rate": 1000, "explain_rate_overall": 1000},
    "poll": {"timeout": 2, "idle_timeout": 3, "end_grace": 1},
    "client": {"disallow_anonymous_connection_tokens": True},
}


class Lab:
    """Everything that faults need, while the block lasts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.issuer = Issuer()
        self.ports = {door: free_port() for door in DOORS}
        self._stack = ExitStack()
        self._place: Namespace | None = None
        self._started = 0
        self._shared: dict[str, Gateway] = {}
        self._before: dict[int, Proxy] = {}

    def __enter__(self) -> Self:
        """Build it."""
        with ExitStack() as stack:
            self._jwks = self.issuer.start()
            stack.callback(self.issuer.stop)
            if parts.has_namespaces():
                self._place = stack.enter_context(Namespace())
            self.main = stack.enter_context(self._gateway({"token": {"jwks": {"url": self._jwks, "min_interval": 1}}}))
            self._write_certificates()
            for name in ("haproxy", "nginx"):
                stack.callback(self._proxy(name).stop)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Take it apart."""
        self._stack.close()

    # Public methods: places

    @property
    def place(self) -> Namespace:
        """The far place; where it cannot be made the test is skipped."""
        parts.require("netns")
        assert self._place is not None
        return self._place

    def url(self, door: str, path: str = PATH, *, scheme: str = "") -> str:
        """Return the URL of a door, by the scheme it speaks unless another is given."""
        usual = "wss" if "tls" in door else "ws"
        return f"{scheme or usual}://127.0.0.1:{self.ports[door]}{path}"

    # Public methods: gateways

    def start(self, settings: Mapping[str, Any], *, prefix: tuple[str, ...] = ()) -> Gateway:
        """Start a gateway with settings of its own; it ends with the lab at the latest."""
        return self._stack.enter_context(self._gateway(settings, prefix))

    def shared(self, name: str, settings: Mapping[str, Any]) -> Gateway:
        """Start a gateway for several faults, or return the one of that name."""
        if name not in self._shared:
            self._shared[name] = self.start(settings)
        return self._shared[name]

    def before(self, gateway: Gateway) -> str:
        """Return the WebSocket URL of an nginx before a gateway, which is started where there is none yet."""
        if gateway.port not in self._before:
            self._before[gateway.port] = proxies.start("nginx", gateway.port, self._new_folder())
            self._stack.callback(self._before[gateway.port].stop)
        return f"ws://127.0.0.1:{self._before[gateway.port].port}{PATH}"

    def from_afar(self, gateway: Gateway) -> int:
        """Start a HAProxy before a gateway that is reached from the far place too, and return its port."""
        port = free_port()
        text = proxies.configuration("haproxy", port, gateway.port)
        bound = f"bind 127.0.0.1:{port}"
        text = text.replace(bound, f"{bound}\n    bind {self.place.near}:{port}")
        proxy = proxies.launch("haproxy", text, port, self._new_folder())
        self._stack.callback(proxy.stop)
        return port

    # Public methods: the probe

    def probe(self, url: str, *options: str, is_far: bool = False) -> dict[str, Any]:
        """Run `holdfast probe URL --json` and return what it answers; it trusts the lab's good certificates."""
        command = [sys.executable, "-m", "holdfast", "probe", url, "--json", "--ca", str(self.folder / "trusted.pem")]
        command += options
        env = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
        done = subprocess.run(
            self.place.command(*command) if is_far else command,
            capture_output=True, text=True, timeout=PROBE_SECONDS, check=False, env=env, cwd=self.folder,
        )  # fmt: skip
        assert done.stdout.startswith("{"), f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        report: dict[str, Any] = json.loads(done.stdout)
        assert report["exit_code"] == done.returncode, report
        return report

    # Private methods

    @property
    def _near(self) -> str:
        return self._place.near if self._place is not None else "127.0.0.1"

    def _gateway(self, settings: Mapping[str, Any], prefix: tuple[str, ...] = ()) -> AbstractContextManager[Gateway]:
        usual = {**_SETTINGS, "http": {"trusted_proxies": sorted({"127.0.0.1", self._near})}}
        return running(self._new_folder(), merged(usual, settings), prefix=prefix)

    def _new_folder(self) -> Path:
        self._started += 1
        folder = self.folder / f"part-{self._started}"
        folder.mkdir()
        return folder

    def _proxy(self, name: str) -> Proxy:
        port = self.ports["plain" if name == "haproxy" else "nginx_plain"]
        text = (HERE / proxies.KINDS[name].file).read_text()
        values = {**self.ports, "folder": self.folder, "gateway": f"127.0.0.1:{self.main.port}"}
        for key, value in values.items():
            text = text.replace(f"@{key}@", str(value))
        if name == "nginx":
            text = proxies.configuration(name, port, self.main.port) + text
        return proxies.launch(name, text, port, self._new_folder())

    def _write_certificates(self) -> None:
        known, stranger = make_authority("Known Authority"), make_authority("Unknown Authority")
        (self.folder / "trusted.pem").write_bytes(known.pem)
        for name, contents in CERTIFICATES.items():
            signer = stranger if name == "stranger" else known
            files = write_certificate(self._new_folder(), contents, signer)
            (self.folder / f"{name}.pem").write_bytes(b"".join(one.read_bytes() for one in files))
