"""Clients of http_stream and SSE that do only what they are told, and whole gateways on each path to a connection."""

from __future__ import annotations

import http.client
import json
import ssl
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self
from urllib.parse import quote

import httpx
import jwt

from holdfast.main import Gateway, build
from holdfast.settings import Settings
from tests.gateway import SECRET, SETTINGS, merged
from tests.raw_client import Listener
from tests.serving import PathServer

TIMEOUT = 10.0
KINDS = ("http_stream", "sse")
PATHS = {kind: f"/connection/{kind}" for kind in KINDS}


def token(user: str = "user", exp: int = 4_000_000_000) -> str:
    """Return a connection token of the test gateways."""
    return jwt.encode({"sub": user, "exp": exp}, SECRET, "HS256")


class StreamClient(Listener):
    """One stream; keeps pushes until they are asked for, answers pings unless it is told not to."""

    def __init__(
        self,
        port: int,
        kind: str = "http_stream",
        user: str = "user",
        *,
        tls: ssl.SSLContext | None = None,
        version: str = "1.1",
        method: str = "",
        headers: Mapping[str, str] | None = None,
        commands: str | None = None,
    ) -> None:
        self.kind = kind
        self.answers_pings = True
        self.pings = 0
        self.pushes: deque[dict[str, Any]] = deque()
        self._replies: dict[int, dict[str, Any]] = {}
        self._last_id = 1
        self._emulation = f"{'https' if tls else 'http'}://127.0.0.1:{port}/emulation"
        self._http = httpx.Client(trust_env=False, verify=tls or False, timeout=TIMEOUT)
        if tls:
            self._wire: http.client.HTTPConnection = http.client.HTTPSConnection(
                "127.0.0.1", port, timeout=TIMEOUT, context=tls
            )
        else:
            self._wire = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
        if version == "1.0":
            self._wire._http_vsn, self._wire._http_vsn_str = 10, "HTTP/1.0"  # type: ignore[attr-defined]  # HTTP/1.0 is asked for so alone
        if commands is None:
            commands = json.dumps({"id": 1, "connect": {"token": token(user)}})
        self._open(method or {"sse": "GET"}.get(kind, "POST"), commands, headers or {})
        self._socket = self._wire.sock  # the response takes it over, as one that ends with its connection
        self.response = self._wire.getresponse()
        self.session = self.node = ""

    def _open(self, method: str, commands: str, headers: Mapping[str, str]) -> None:
        path = PATHS[self.kind]
        if method == "POST":
            self._wire.request("POST", path, commands.encode(), {"Content-Type": "application/json", **headers})
        else:
            self._wire.request(method, f"{path}?cf_connect={quote(commands)}", headers=dict(headers))

    def connect(self) -> Self:
        """Wait for the connect reply."""
        result = self.reply(1)["connect"]
        self.session, self.node = result["session"], result["node"]
        return self

    # What it says

    def emulate(self, data: Any, **fields: Any) -> httpx.Response:
        """Send one emulation request; fields replace session and node."""
        return self._http.post(
            self._emulation, json={"session": self.session, "node": self.node, "data": data, **fields}
        )

    def send_raw(self, data: bytes) -> None:
        """Say on the stream's own connection what has no place there."""
        assert self._socket is not None
        self._socket.sendall(data)

    def command(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and return its whole reply."""
        self._last_id += 1
        assert self.emulate(json.dumps({"id": self._last_id, method: params})).status_code == 204
        return self.reply(self._last_id)

    def subscribe(self, channel: str) -> None:
        """Subscribe."""
        reply = self.command("subscribe", channel=channel)
        assert "subscribe" in reply, reply

    # What it hears

    def goodbye(self) -> tuple[int, str]:
        """Read until the response ends, which it must with a disconnect push, and return its code and reason."""
        last: dict[str, Any] = {}
        while True:
            try:
                self._take()
            except EOFError:
                break
        if self.pushes:
            last = self.pushes.pop().get("disconnect", {})
        return last.get("code", 0), last.get("reason", "")

    def messages(self) -> Iterator[dict[str, Any]]:
        """Read one line or event after another."""
        while line := self.response.readline():
            text = line.decode().removesuffix("\n")
            if self.kind == "http_stream":
                yield json.loads(text)
            elif text:
                assert text.startswith("data: "), text
                yield json.loads(text.removeprefix("data: "))
                assert self.response.readline() == b"\n"

    # Its end

    def close(self) -> None:
        """Leave."""
        self.response.close()
        self._wire.close()
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def reply(self, number: int) -> dict[str, Any]:
        """Return a command's reply."""
        while number not in self._replies:
            self._take()
        return self._replies.pop(number)

    def _take(self) -> None:
        message = next(self.messages(), None)
        if message is None:
            raise EOFError("the stream ended")
        if not message:
            self.pings += 1
            if self.answers_pings:
                assert self.emulate("{}").status_code == 204
        elif "push" in message:
            self.pushes.append(message["push"])
        else:
            self._replies[message["id"]] = message


class GatewayOnPath(PathServer):
    """A whole gateway in a thread, on one path to a connection."""

    def __init__(self, path: str, loop: str, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(path, loop, Settings.model_validate(merged(SETTINGS, settings or {})))
        self.gateway: Gateway

    async def begin(self) -> None:
        """Start the gateway."""
        self.gateway = build(self.settings, self.loop)
        self.app = self.gateway.app
        await self.gateway.start()
        self.gateway.mark_serving()

    async def end(self) -> None:
        """Stop it in order."""
        await self.gateway.drain()
        await self.gateway.stop()

    def count(self) -> int:
        """Return how many connections there are."""
        return int(self.call(lambda: len(self.gateway.manager.everybody())))

    def publish(self, channel: str, *values: Any) -> None:
        """Publish by the server API."""
        for data in values:
            answer = httpx.post(
                f"http://127.0.0.1:{self.port}/api/publish",
                json={"channel": channel, "data": data},
                headers={"X-API-Key": self.settings.api.keys[0].get_secret_value()},
                trust_env=False,
            )
            assert answer.json() == {"result": {}}

    def each(self, action: Callable[[Any], object]) -> None:
        """Do something to each connection, on the loop."""
        self.call(lambda: [action(one) for one in self.gateway.manager.everybody()])


@contextmanager
def gateway_on(path: str, loop: str, settings: Mapping[str, Any] | None = None) -> Iterator[GatewayOnPath]:
    """Run a gateway for as long as the block lasts."""
    server = GatewayOnPath(path, loop, settings).start()
    try:
        yield server
    finally:
        server.stop()
