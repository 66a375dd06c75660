"""What a real gateway remembers of attempts and connections, on every way to connect, and whom it tells."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import struct
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from tests.gateway import ADMIN_TOKEN, Gateway, running
from tests.sockets import upgrade_request
from tests.wire import Wire, eventually

TRANSPORTS = ("websocket", "http_stream", "sse", "poll")
FOREIGN = {"Origin": "https://evil.example"}
HTTP = httpx.Client(trust_env=False, timeout=30)
BEARER = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
SETTINGS = {
    "ledger": {"explain_rate": 1000, "explain_rate_overall": 1000},
    "http": {"request_timeout": "1s"},
    "client": {"ping_interval": "1s", "pong_timeout": "500ms", "handshake_timeout": "2s"},
    "poll": {"timeout": "500ms", "idle_timeout": "1s"},
}


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with short times that answers as often as it is asked."""
    with running(tmp_path_factory.mktemp("asked"), SETTINGS) as gateway:
        yield gateway


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """Each way to connect."""
    return str(request.param)


class Visitor:
    """A client that names its attempt, comes, and leaves in the way it is told."""

    def __init__(
        self, gateway: Gateway, transport: str, token: str, headers: Mapping[str, str] | None = None, cid: str = ""
    ) -> None:
        self.gateway = gateway
        self.transport = transport
        self.cid = cid or os.urandom(16).hex()
        self.status = 0
        self.client = ""
        self._stack = contextlib.ExitStack()
        command = {"connect": {"token": token, "name": "js", "version": "5.2"}, "id": 1}
        getattr(self, f"_{transport}")(json.dumps(command), dict(headers or {}))

    def leave(self) -> None:
        """End as a client does that has had enough."""
        if self.transport == "websocket":
            self._socket.close()
        elif self.transport == "poll":
            HTTP.post(self._url("poll"), json={"session": self._session, "seq": 1, "ack": 1, "close": True})
        else:
            self._close(0)

    def cut(self) -> None:
        """End as a path does that breaks."""
        if self.transport == "websocket":
            self._socket.socket.shutdown(socket.SHUT_RDWR)
        else:
            self._close(1)

    # How each comes

    def _websocket(self, command: str, headers: dict[str, str]) -> None:
        try:
            opened = connect(f"{self.gateway.ws_url}?cid={self.cid}", additional_headers=headers, proxy=None)
            self._socket = self._stack.enter_context(opened)
            self._socket.send(command)
            self.client = self._client_of(str(self._socket.recv(10)))
        except WebSocketException:
            return

    def _http_stream(self, command: str, headers: dict[str, str]) -> None:
        self._stream("POST", self._path("http_stream"), command, headers)

    def _sse(self, command: str, headers: dict[str, str]) -> None:
        self._stream("GET", f"{self._path('sse')}&cf_connect={quote(command)}", None, headers)

    def _stream(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=10)
        self._http.request(method, path, body, headers)
        self._raw = self._http.sock
        self._response = self._http.getresponse()
        self.status = self._response.status
        if self.status == 200:
            self.client = self._client_of(self._response.readline().decode().removeprefix("data: "))

    def _poll(self, command: str, headers: dict[str, str]) -> None:
        answer = HTTP.post(self._url("poll"), content=f'{{"commands":[{command}]}}', headers=headers)
        self.status = answer.status_code
        if self.status == 200:
            self._session = answer.json()["session"]
            self.client = self._client_of(json.dumps(answer.json()["messages"][0]))

    def _client_of(self, text: str) -> str:
        return str(json.loads(text).get("connect", {}).get("client", ""))

    def _path(self, name: str) -> str:
        return f"/connection/{name}?cid={self.cid}"

    def _url(self, name: str) -> str:
        return f"{self.gateway.url}{self._path(name)}"

    def _close(self, linger: int) -> None:
        """Close a stream's socket: with FIN, or with a reset."""
        if linger:
            self._raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._response.close()
        self._http.close()
        self._raw.close()


def explain(gateway: Gateway, cid: str, **headers: str) -> httpx.Response:
    """Ask as a page of a foreign origin does."""
    given = {"Origin": "https://app.example", **headers}
    return HTTP.get(f"{gateway.url}/connection/explain", params={"cid": cid}, headers=given)


def explained(gateway: Gateway, cid: str, **wanted: Any) -> dict[str, Any]:
    """Wait until the answer has these values and return it."""
    found: dict[str, Any] = {}

    def has_come() -> bool:
        found.clear()
        found.update(explain(gateway, cid).json())
        return wanted.items() <= found.items()

    eventually(has_come)
    return found


def admin(gateway: Gateway, path: str, **query: Any) -> Any:
    """Ask as an operator does."""
    answer = HTTP.get(f"{gateway.internal_url}/admin/{path}", params=query, headers=BEARER)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_foreign_page_is_found(asked: Gateway, transport: str) -> None:
    """The handshake of a page that may not connect is remembered with its cause and what the gateway saw of it."""
    visitor = Visitor(asked, transport, asked.token(), {**FOREIGN, "Cookie": "session=secret", "Via": "1.1 proxy"})
    answer = explain(asked, visitor.cid)
    body = answer.json()

    assert (answer.status_code, body["slug"], body["stage"]) == (200, "origin_not_allowed", "origin")
    assert (body["state"], body["number"]) == ("refused", 1910)
    assert (body["seen"]["origin"], body["seen"]["via"]) == ("https://evil.example", "1.1 proxy")
    assert "secret" not in answer.text
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    (attempt,) = [one for one in admin(asked, "attempts", stage="origin")["attempts"] if one["attempt"] == visitor.cid]
    assert (attempt["transport"], attempt["address"]) == (transport, "127.0.0.1")
    assert asked.wait_for_event("handshake_refused", attempt=visitor.cid)["slug"] == "origin_not_allowed"


@pytest.mark.parametrize(
    ("claims", "slug"),
    [({"exp": 1}, "token_expired"), ({"exp": None, "aud": 5}, "token_claims"), (None, "token_empty")],
)
def test_refused_token_is_found(asked: Gateway, transport: str, claims: Any, slug: str) -> None:
    """A connect that a token does not open is remembered with the token's cause, by attempt and by client."""
    token = asked.token("mallory", **claims) if claims else " "
    visitor = Visitor(asked, transport, token)
    found = explained(asked, visitor.cid, slug=slug)
    assert found["stage"] == "token"
    if slug == "token_expired":  # its connect might be repeated
        assert found["state"] == "opening"
        visitor.leave()
    found = explained(asked, visitor.cid, state="refused")

    assert (found["slug"], found["stage"]) == (slug, "token")
    assert admin(asked, f"connections/{visitor.cid}")["slug"] == slug
    line = asked.wait_for_event("connection_refused", attempt=visitor.cid)
    assert (line["slug"], line["agent"], line["transport"]) == (slug, "js/5.2", transport)


def test_user_limit_is_found_by_user(start_gateway: Any) -> None:
    """Who has too many connections is found by name."""
    gateway = start_gateway({"client": {"user_connection_limit": 1}})
    first, second = (Visitor(gateway, "websocket", gateway.token("greedy")) for _ in range(2))
    eventually(lambda: len(admin(gateway, "attempts", user="greedy")["attempts"]) == 1)

    (attempt,) = admin(gateway, "attempts", user="greedy", slug="connection_limit")["attempts"]
    assert (attempt["attempt"], attempt["stage"]) == (second.cid, "connect")
    assert admin(gateway, "connections", user="greedy", state="live")["connections"][0]["attempt"] == first.cid


def test_handshake_timeout_is_found(asked: Gateway) -> None:
    """A client that opens and says nothing is remembered with the step that it did not take."""
    cid = os.urandom(16).hex()
    with connect(f"{asked.ws_url}?cid={cid}", proxy=None) as silent:
        with contextlib.suppress(WebSocketException):
            silent.recv(10)
        found = explained(asked, cid, slug="handshake_timeout")

    assert found["stage"] == "connect"
    (attempt,) = [one for one in admin(asked, "attempts")["attempts"] if one["attempt"] == cid]
    assert list(attempt["timings"]) == ["upgrade"]


def test_live_connection_is_explained(asked: Gateway, transport: str) -> None:
    """Who is connected is told so, with the headers that came and since when."""
    visitor = Visitor(asked, transport, asked.token("lively"), {"Via": "1.1 proxy"})
    body = explain(asked, visitor.cid).json()
    described = admin(asked, f"connections/{visitor.client}")
    visitor.leave()

    assert (body["slug"], body["state"], body["seen"]["via"]) == ("ok", "live", "1.1 proxy")
    assert abs(body["connected_since"] - time.time()) < 60
    assert (described["state"], described["user"], described["attempt"]) == ("live", "lively", visitor.cid)
    assert set(described["timings"]) == {"upgrade", "command", "token", "connect"}
    assert 0 < described["timings"]["connect"] < 30


def test_client_that_leaves(asked: Gateway, transport: str) -> None:
    """An end that the client chose is the client's."""
    visitor = Visitor(asked, transport, asked.token("leaver"))
    visitor.leave()
    found = explained(asked, visitor.cid, state="ended")
    record = admin(asked, f"connections/{visitor.client}")

    assert found["slug"] == "client_closed"
    assert (record["initiator"], record["user"], record["agent"]) == ("peer", "leaver", "js/5.2")
    assert 0 <= record["seconds"] < 30
    line = asked.wait_for_event("connection_closed", client=visitor.client)
    assert (line["level"], line["slug"], line["initiator"]) == ("info", "client_closed", "peer")
    assert (line["attempt"], line["transport"]) == (visitor.cid, transport)
    assert admin(asked, "connections", user="leaver", transport=transport)["connections"][0]["client"] == visitor.client


@pytest.mark.parametrize("transport", ["websocket", "http_stream", "sse"], indirect=True)
def test_path_that_breaks(asked: Gateway, transport: str) -> None:
    """An end without a word is the path's; the last offsets say what the client has missed since."""
    channel = f"history:{transport}-cut"
    asked.call("publish", channel=channel, data={})
    visitor = Visitor(asked, transport, asked.token("cut", channels=[channel]))
    asked.call("publish", channel=channel, data={})
    visitor.cut()
    explained(asked, visitor.cid, state="ended", slug="client_gone")
    record = admin(asked, f"connections/{visitor.client}")

    assert (record["initiator"], record["code"], record["stage"]) == ("path", 1006, "idle")
    assert record["offsets"] == {channel: 2}
    assert asked.metric("holdfast_closes_total", slug="client_gone", initiator="path") >= 1


def test_connection_that_we_close(asked: Gateway, transport: str) -> None:
    """An end that the gateway chose is the gateway's, with its cause."""
    visitor = Visitor(asked, transport, asked.token(f"unwanted-{transport}"))
    asked.call("disconnect", user=f"unwanted-{transport}")
    found = explained(asked, visitor.cid, state="ended")

    assert (found["slug"], found["number"]) == ("force_disconnect", 3503)
    assert admin(asked, f"connections/{visitor.client}")["initiator"] == "us"


def test_round_trip_is_measured(asked: Gateway) -> None:
    """A pong tells how long it was on its way."""
    visitor = Visitor(asked, "websocket", asked.token("ponging"))
    visitor._socket.recv(10)
    time.sleep(0.05)
    visitor._socket.send("{}")
    eventually(lambda: admin(asked, f"connections/{visitor.client}")["rtt"] > 0)
    visitor.leave()

    assert 0.05 <= admin(asked, f"connections/{visitor.client}")["rtt"] < 10


def test_requests_that_are_none(asked: Gateway) -> None:
    """What the server refuses before it knows a path is remembered as far as it got."""
    with Wire(asked.port) as wire:
        wire.send(b"NONSENSE\r\n\r\n")
        assert wire.has_input(10)
    eventually(lambda: bool(admin(asked, "attempts", slug="bad_http")["attempts"]))

    cid = os.urandom(16).hex()
    with Wire(asked.port) as wire:
        wire.send(upgrade_request(f"/connection/websocket?cid={cid}", without="Sec-WebSocket-Key"))
        assert wire.has_input(10)
    assert explained(asked, cid, slug="bad_handshake")["stage"] == "upgrade"


def test_wrong_paths(asked: Gateway) -> None:
    """Handshakes on a wrong path, and without an upgrade, are found; scanners' requests are not remembered."""
    wrong, plain, scan = (os.urandom(16).hex() for _ in range(3))
    with contextlib.suppress(WebSocketException), connect(f"ws://127.0.0.1:{asked.port}/ws?cid={wrong}", proxy=None):
        pass
    HTTP.get(f"{asked.url}/connection/websocket", params={"cid": plain})
    HTTP.get(f"{asked.url}/wp-login.php", params={"cid": scan})

    assert explain(asked, wrong).json()["slug"] == "not_found"
    assert explain(asked, plain).json()["slug"] == "upgrade_required"
    assert explain(asked, scan).json()["slug"] == "unknown_attempt"


def test_client_ids_open_nothing(asked: Gateway) -> None:
    """Who knows a client id, as everybody who sees presence does, learns nothing by it and hides nothing behind it."""
    visitor = Visitor(asked, "websocket", asked.token("seen"))
    visitor.leave()
    explained(asked, visitor.cid, state="ended")
    answer = explain(asked, visitor.client)
    mallory = Visitor(asked, "websocket", asked.token("mallory"), cid=visitor.client)
    mallory.leave()
    explained(asked, visitor.client, state="ended")

    assert (answer.status_code, answer.json()["slug"]) == (404, "unknown_attempt")
    assert admin(asked, f"connections/{visitor.client}")["user"] == "seen"


def test_secrets_are_told_to_nobody(asked: Gateway, transport: str) -> None:
    """Tokens come in queries, cookies, headers of proxies, subprotocols and paths; no answer has them."""
    secret = asked.token("careless", exp=1)
    headers = {
        "Cookie": f"token={secret}",
        "Authorization": f"Bearer {secret}",
        "Sec-WebSocket-Protocol": f"a, {secret}",
    }
    headers |= {"X-Forwarded-Access-Token": secret, "X-Forwarded-Uri": f"/?token={secret}", "X-API-Key": secret}
    visitor = Visitor(asked, transport, secret, headers if transport != "websocket" else {**headers, **FOREIGN})
    lost = os.urandom(16).hex()
    HTTP.get(f"{asked.url}/connection/{secret}", params={"cid": lost, "token": secret})
    told = [explain(asked, cid).text for cid in (visitor.cid, lost)]
    told += [json.dumps(admin(asked, path, limit=1000)) for path in ("attempts", "connections")]

    assert secret.split(".")[2] not in "".join(told)


def test_unknown_attempt(asked: Gateway) -> None:
    """An id that nobody saw is answered with what that may mean."""
    answer = explain(asked, "0" * 32)

    assert (answer.status_code, answer.json()["slug"]) == (404, "unknown_attempt")
    assert len(answer.json()["causes"]) >= 3
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("cid", ["", "x", "0" * 31, "0" * 33, "g" * 32, "0" * 5000, "%00" * 11, "é" * 32])
def test_odd_ids(asked: Gateway, cid: str) -> None:
    """Bad input is named, and never found."""
    answer = explain(asked, cid)

    assert (answer.status_code, answer.json()["slug"]) == (400, "query_invalid")


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("attempts", {"uesr": "1"}, 400),
        ("attempts", {"limit": "0"}, 400),
        ("attempts", {"since": "tomorrow"}, 400),
        ("connections", {"state": "dead"}, 400),
        ("connections", {"slug": "x" * 5000}, 400),
        ("connections/nobody", {}, 404),
        ("connections/%00%ff", {}, 404),
        ("connections/" + "x" * 3000, {}, 404),
    ],
)
def test_odd_questions_of_operators(asked: Gateway, path: str, query: dict[str, str], status: int) -> None:
    """A question that cannot be meant is refused by name."""
    answer = HTTP.get(f"{asked.internal_url}/admin/{path}", params=query, headers=BEARER)

    assert answer.status_code == status
    assert answer.json()["slug"] == ("query_invalid" if status == 400 else "unknown_attempt")


def test_admin_paths_want_the_token(asked: Gateway) -> None:
    """Without it nobody learns anything."""
    for path in ("attempts", "connections", "connections/x", "revocations"):
        assert HTTP.get(f"{asked.internal_url}/admin/{path}").status_code == 401


def test_explain_is_limited(start_gateway: Any) -> None:
    """Who asks too often is told to wait; behind a trusted proxy others are not."""
    gateway = start_gateway({"ledger": {"explain_rate": 0.1}, "http": {"trusted_proxies": ["127.0.0.1"]}})
    first = {"X-Forwarded-For": "192.0.2.1"}
    assert explain(gateway, "0" * 32, **first).status_code == 404
    refused = explain(gateway, "0" * 32, **first)

    assert (refused.status_code, refused.json()["slug"]) == (429, "rate_limited")
    assert refused.headers["retry-after"]
    assert refused.headers["access-control-allow-origin"] == "*"
    assert explain(gateway, "0" * 32, **{"X-Forwarded-For": "192.0.2.2"}).status_code == 404
    assert gateway.metric("holdfast_explanations_total", slug="rate_limited") == 1


def test_drain_is_counted(start_gateway: Any) -> None:
    """Goodbyes of a drain have their lines, and do not push out what is remembered."""
    gateway = start_gateway()
    visitors = [Visitor(gateway, "websocket", gateway.token(f"user-{number}")) for number in range(5)]
    gateway.signal(signal.SIGTERM)
    for visitor in visitors:
        with contextlib.suppress(WebSocketException):
            visitor._socket.recv(10)
    assert gateway.wait() == 0

    lines = gateway.events("connection_closed")
    assert {line["client"] for line in lines} == {visitor.client for visitor in visitors}
    assert {(line["slug"], line["initiator"], line["level"]) for line in lines} == {("shutdown", "us", "info")}


def test_revoke(asked: Gateway) -> None:
    """A revoked user has to go and stays out; a revoked token alone goes by itself."""
    user, other = "revoked-user", "revoked-token"
    gone = Visitor(asked, "websocket", asked.token(user, iat=int(time.time()) - 5))
    token = asked.token(other, jti="stolen")
    stolen, kept = Visitor(asked, "websocket", token), Visitor(asked, "websocket", asked.token(other, jti="mine"))

    def revoke(**body: Any) -> Any:
        return HTTP.post(f"{asked.internal_url}/admin/revocations", json=body, headers=BEARER).json()

    assert revoke(user=user, reason="left")["disconnected"] == 1
    assert revoke(jti="stolen", seconds=60)["disconnected"] == 1
    assert explained(asked, gone.cid, state="ended")["slug"] == "user_revoked"
    assert explained(asked, stolen.cid, state="ended")["slug"] == "token_revoked"
    assert explain(asked, kept.cid).json()["state"] == "live"
    kept.leave()
    assert explained(asked, Visitor(asked, "websocket", token).cid, slug="token_revoked")["stage"] == "token"
    listed = {(one["kind"], one["name"], one["reason"]) for one in admin(asked, "revocations")["revocations"]}
    assert {("user", user, "left"), ("jti", "stolen", "")} <= listed
    assert revoke(user=1)["slug"] == "query_invalid"


def test_nothing_secret_is_remembered(asked: Gateway) -> None:
    """Whatever was asked and remembered in this file, no token and no query came out."""
    everything = json.dumps([admin(asked, "attempts", limit=1000), admin(asked, "connections", limit=1000)])

    assert "eyJ" not in everything.replace("eyJ********", "")
    assert "cf_connect" not in everything
    assert "Traceback" not in asked.log()
