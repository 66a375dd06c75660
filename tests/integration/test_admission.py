"""Who is not let in, and what they are told: the same by every transport, before anything is done for them."""

from __future__ import annotations

import json
import signal
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests import overload
from tests.gateway import ADMIN_TOKEN, Gateway
from tests.overload import result
from tests.raw_client import RawClient
from tests.wire import eventually

TRANSPORTS = ("websocket", "http_stream", "sse", "poll")
CONNECT = '{"id":1,"connect":{}}'


class Answer(NamedTuple):
    """What somebody who knocked was told; 101 and 200 are an open door."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def slug(self) -> str:
        """The cause."""
        return str(self.body["slug"]) if self.status >= 400 else "ok"


@contextmanager
def knocking(
    gateway: Gateway, transport: str, cid: str = "", *, commands: str = CONNECT, **headers: str
) -> Iterator[Answer]:
    """Ask for a connection, and keep it for the length of the block where it was given."""
    url, query = f"{gateway.url}/connection/{transport}", f"?cid={cid}" if cid else ""
    with ExitStack() as stack:
        if transport == "websocket":
            try:
                socket = stack.enter_context(
                    connect(f"{gateway.ws_url}{query}", additional_headers=headers, proxy=None)
                )
            except InvalidStatus as error:
                yield Answer(error.response.status_code, error.response.headers, json.loads(error.response.body))
                return
            socket.send(commands)
            try:
                told = socket.recv(10)
            except ConnectionClosed as error:
                told = str(error)
            yield Answer(101, {}, told)
            return
        http = stack.enter_context(httpx.Client(trust_env=False, timeout=10, headers=headers))
        if transport == "sse":
            opening = http.stream(
                "GET", f"{url}{query}", params={"cf_connect": commands, **({"cid": cid} if cid else {})}
            )
        elif transport == "poll":
            opening = http.stream("POST", f"{url}{query}", json={"commands": [json.loads(commands)]})
        else:
            opening = http.stream("POST", f"{url}{query}", content=commands)
        answer = stack.enter_context(opening)
        if answer.status_code >= 400:
            yield Answer(answer.status_code, answer.headers, json.loads(answer.read()))
        else:
            chunks = answer.iter_text()  # kept, for httpx closes the response with it
            yield Answer(200, answer.headers, next(chunks))


def knock(gateway: Gateway, transport: str, cid: str = "", **headers: str) -> Answer:
    """Ask for a connection, and leave it where it was given."""
    with knocking(gateway, transport, cid, **headers) as answer:
        return answer


def check_refusal(gateway: Gateway, transport: str, slug: str, status: int, **headers: str) -> None:
    """Knock and see that answer, log line, metric and statistics agree on the cause and on the attempt."""
    labels = {"transport": transport, "slug": slug}
    before = gateway.metric("holdfast_handshakes_total", **labels)
    cid = uuid.uuid4().hex
    answer = knock(gateway, transport, cid, **headers)

    assert (answer.status, answer.slug) == (status, slug)
    assert answer.headers["x-attempt-id"] == answer.body["attempt"] == cid
    assert ("retry-after" in answer.headers) is (status in {429, 503})
    assert gateway.metric("holdfast_handshakes_total", **labels) == before + 1
    line = gateway.wait_for_event("handshake_refused", attempt=cid)
    assert (line["slug"], line["transport"], line["address"]) == (slug, transport, "127.0.0.1")


def statistics(gateway: Gateway) -> dict[str, Any]:
    """Return what the admin path says of the connections."""
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    return httpx.get(f"{gateway.internal_url}/admin/statistics", headers=headers, trust_env=False).json()


@pytest.fixture(params=TRANSPORTS)
def transport(request):
    """Each way to connect."""
    return request.param


OPEN = {"client": {"allow_anonymous": True}}


@pytest.fixture
def start(start_gateway):
    """Return a function that starts a gateway that lets anonymous clients in, with settings of admission."""
    return lambda **admission: start_gateway({**OPEN, "admission": admission})


def test_connection_limit(start):
    """The one too many is refused by every transport, whichever has the places; a place that is left is free again."""
    gateway = start(max_connections=4)
    with ExitStack() as stack:
        for transport in TRANSPORTS:
            assert stack.enter_context(knocking(gateway, transport)).slug == "ok"
        assert gateway.metric("holdfast_connection_headroom") == 0
        for transport in TRANSPORTS:
            check_refusal(gateway, transport, "instance_connection_limit", 503)
        told = statistics(gateway)
        assert told["by_transport"] == dict.fromkeys(TRANSPORTS, 1)
        assert told["refused"] == {"instance_connection_limit": 4}
        assert told["busiest_addresses"] == {"127.0.0.1": 4}

    eventually(lambda: knock(gateway, "websocket").slug == "ok")


def test_connection_limit_counts_those_that_have_not_connected(start):
    """Sockets that were accepted and say nothing take places too."""
    gateway = start(max_connections=2)
    with connect(gateway.ws_url, proxy=None), connect(gateway.ws_url, proxy=None):
        check_refusal(gateway, "websocket", "instance_connection_limit", 503)
        assert gateway.metric("holdfast_opening_connections") == 2


def test_address_limit(start_gateway, transport):
    """One address may have so many; its neighbour behind the same trusted proxy is not touched."""
    gateway = start_gateway(
        {**OPEN, "http": {"trusted_proxies": ["127.0.0.1"]}, "admission": {"max_connections_per_address": 1}}
    )
    first, second = {"X-Forwarded-For": "203.0.113.1"}, {"X-Forwarded-For": "203.0.113.2"}
    with knocking(gateway, transport, **first) as kept, knocking(gateway, transport, **second) as neighbour:
        assert (kept.slug, neighbour.slug) == ("ok", "ok")
        answer = knock(gateway, transport, **first)

        assert (answer.status, answer.slug) == (429, "address_connection_limit")
        assert gateway.wait_for_event("handshake_refused")["address"] == "203.0.113.1"


def test_accept_rate(start):
    """Behind the burst everybody waits, whichever way they come; nobody who was refused counts."""
    gateway = start(rate=0.001, burst=4)
    for transport in TRANSPORTS:
        assert knock(gateway, transport).slug == "ok"
    for transport in TRANSPORTS:
        check_refusal(gateway, transport, "accept_rate", 503)


def test_crowd_waits_in_the_queue_and_is_answered(start):
    """Far more than can be refused a second get their answers one after another, and then the door is open again."""
    gateway = start(rate=10, burst=1, refusal_rate=40)
    began = time.monotonic()
    found = result(overload.start("crowd", gateway.port, gateway.token(), 150, 1), 60)
    seconds = time.monotonic() - began

    outcomes = found["outcomes"]
    assert set(outcomes) == {"accepted", "accept_rate"}
    assert sum(outcomes.values()) == 150
    assert outcomes["accept_rate"] <= 4 + 50 * seconds
    assert seconds > 2  # 50 a second are taken from the queue
    assert gateway.metric("holdfast_accept_pauses_total") >= 1
    assert gateway.wait_for_event("accept_paused")["pace"] == 50
    gateway.wait_for_event("accept_resumed")
    eventually(lambda: knock(gateway, "websocket").slug == "ok")


def test_accept_rate_counts_no_foreign_pages(start):
    """What is refused for other reasons takes nothing from the rate."""
    gateway = start(rate=0.001, burst=1)
    for _ in range(5):
        assert knock(gateway, "websocket", Origin="https://evil.example").slug == "origin_not_allowed"

    assert knock(gateway, "websocket").slug == "ok"


def test_gate_opens_gradually_after_the_start(start_gateway):
    """A fresh instance takes a share of the burst, and says so."""
    gateway = start_gateway({**OPEN, "admission": {"rate": 0.01, "burst": 10, "ramp": "300s", "ramp_share": 0.3}})
    slugs = [knock(gateway, "websocket").slug for _ in range(5)]

    assert slugs == ["ok"] * 3 + ["accept_rate"] * 2
    assert 0.3 <= gateway.metric("holdfast_admission_open_ratio") < 0.5


def test_refused_crowd_is_told_to_come_back_at_different_times(start):
    """The larger the crowd, the longer the longest wait."""
    gateway = start(rate=5, burst=1)
    waits = [
        int(answer.headers["retry-after"]) for _ in range(200) if (answer := knock(gateway, "websocket")).status == 503
    ]

    assert len(waits) > 100
    assert min(waits) <= 3
    assert len(set(waits)) > 8
    assert max(waits[-50:]) > max(waits[:10])
    assert max(waits) <= 30


def test_foreign_page(gateway, transport):
    """A page that may not connect is refused by name, and its attempt can be found."""
    check_refusal(gateway, transport, "origin_not_allowed", 403, Origin="https://evil.example")


def test_draining(start_gateway):
    """While the goodbyes are said nobody new comes in."""
    gateway = start_gateway({**OPEN, "shutdown": {"drain_window": "60s"}})
    with ExitStack() as stack:
        for number in range(20):
            stack.enter_context(RawClient(gateway, f"user-{number}"))
        gateway.signal(signal.SIGTERM)
        gateway.wait_for_event("phase", phase="draining")
        answers = [knock(gateway, transport) for transport in TRANSPORTS]

    assert [answer.slug for answer in answers] == ["draining"] * 4
    assert all(1 <= int(answer.headers["retry-after"]) <= 3 for answer in answers)


@pytest.mark.parametrize("cid", ["", "abc", "g" * 32, "0" * 33])
def test_attempt_without_a_good_id_gets_one(gateway, cid):
    """An id that is none is ignored, and the answer names the one that was made."""
    answer = knock(gateway, "websocket", cid, Origin="https://evil.example")

    made = answer.headers["x-attempt-id"]
    assert len(made) == 32
    assert made != cid
    assert gateway.wait_for_event("handshake_refused", attempt=made)


def test_wrong_path(start_gateway):
    """A handshake and a request to nowhere are attempts too: both are logged with the client's own address."""
    gateway = start_gateway({"http": {"trusted_proxies": ["127.0.0.1"]}})
    headers, cids = {"X-Forwarded-For": "203.0.113.7"}, [uuid.uuid4().hex for _ in range(3)]
    with (
        pytest.raises(InvalidStatus) as caught,
        connect(f"ws://127.0.0.1:{gateway.port}/nowhere?cid={cids[0]}", additional_headers=headers, proxy=None),
    ):
        pass
    plain = [
        httpx.get(f"{gateway.url}/{path}?cid={cid}", headers=headers, trust_env=False)
        for path, cid in zip(("nowhere", "connection/websocket"), cids[1:], strict=True)
    ]

    assert caught.value.response.headers["x-attempt-id"] == cids[0]
    assert [answer.json()["attempt"] for answer in plain] == cids[1:]
    assert [answer.json()["slug"] for answer in plain] == ["not_found", "upgrade_required"]
    assert gateway.wait_for_event("handshake_refused", attempt=cids[0])["address"] == "203.0.113.7"
    for cid in cids[1:]:
        assert gateway.wait_for_event("request_refused", attempt=cid)["address"] == "203.0.113.7"


def test_user_limit(start_gateway, transport):
    """How many connections a user may have is checked behind the token, whichever way the user comes."""
    gateway = start_gateway({"client": {"user_connection_limit": 1}})
    commands = json.dumps({"id": 1, "connect": {"token": gateway.token("anna")}})
    with RawClient(gateway, "anna"), knocking(gateway, transport, commands=commands) as answer:
        assert "connection_limit" in answer.body

    assert gateway.wait_for_event("connection_refused", slug="connection_limit")["transport"] == transport


def test_silent_strangers_make_room(start_gateway: Any) -> None:
    """Who fills the instance and never connects keeps others out for seconds, not for the handshake timeout."""
    gateway = start_gateway({"admission": {"max_connections": 10}, "client": {"handshake_timeout": "300s"}})
    with ExitStack() as stack:
        member = stack.enter_context(knocking(gateway, "websocket", commands=connect_command(gateway)))
        assert "client" in member.body
        for _ in range(9):
            stack.enter_context(connect(gateway.ws_url, proxy=None))
        with knocking(gateway, "websocket") as refused:
            assert refused.slug == "instance_connection_limit"

        def gets_in() -> bool:
            with knocking(gateway, "websocket", commands=connect_command(gateway)) as answer:
                return answer.slug == "ok"

        eventually(gets_in, 20)

    assert gateway.metric("holdfast_closes_total", slug="handshake_timeout", initiator="us") >= 1


def connect_command(gateway: Gateway) -> str:
    """Return the command of somebody who may come in."""
    return json.dumps({"id": 1, "connect": {"token": gateway.token("member")}})
