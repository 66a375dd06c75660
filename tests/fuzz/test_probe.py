"""The staged probe against conversations that were damaged anywhere: it always comes back with one known cause."""

from __future__ import annotations

import json
import ssl
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.utils import accept_key

from holdfast.codes import CODES
from holdfast.codes_stages import STAGES
from holdfast.diagnostics.probe import walk as module
from holdfast.diagnostics.probe.links import link_for
from holdfast.diagnostics.probe.walk import Walk, Wishes
from holdfast.diagnostics.probe.wire import Wire
from holdfast.protocol.frames import OPCODE_PING, OPCODE_TEXT, encode_close, encode_frame
from tests.probing import ADDRESS, CID, FakeStream, target

KEY = "AAAAAAAAAAAAAAAAAAAAAA=="
_REPLIES = (
    b'{"id":1,"connect":{"client":"c","ping":25,"pong":true,"session":"s","node":"n"}}',
    b'{"id":2,"subscribe":{"recoverable":true}}',
    b'{"id":3,"publish":{}}',
    b'{"push":{"channel":"a","pub":{"data":{"holdfast_probe":"' + CID.encode() + b'"}}}}',
)
_ACCEPTED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: " + accept_key(KEY).encode() + b"\r\n\r\n"
)
_REFUSED = (
    b"HTTP/1.1 503 Service Unavailable\r\nServer: nginx\r\nContent-Length: 52\r\n\r\n"
    b'{"code":1911,"slug":"draining","message":"Draining"}'
)
CONVERSATIONS = {
    "websocket": _ACCEPTED
    + encode_frame(OPCODE_PING, b"x")
    + b"".join(encode_frame(OPCODE_TEXT, reply) for reply in _REPLIES)
    + encode_close(1000),
    "http_stream": b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n" + b"\n".join(_REPLIES) + b"\n",
    "sse": b"HTTP/1.1 200 OK\r\n\r\n" + b"".join(b"data: %b\n\n" % reply for reply in _REPLIES),
    "poll": b'HTTP/1.1 200 OK\r\n\r\n{"session":"s","node":"n","first":1,"messages":[' + b",".join(_REPLIES) + b"]}",
}

Damage = tuple[int, int, bytes]
damages: st.SearchStrategy[list[Damage]] = st.lists(
    st.tuples(st.integers(0, 700), st.integers(0, 40), st.binary(max_size=12)), min_size=1, max_size=4
)


def damaged(data: bytes, changes: list[Damage]) -> bytes:
    """Replace some bytes by others, at each of some places."""
    for place, length, instead in changes:
        data = data[:place] + instead + data[place + length :]
    return data


@pytest.fixture
def over(monkeypatch):
    """Let every connection of a probe get the same bytes."""
    served: dict[str, Any] = {}

    async def find(*_: Any) -> Any:
        return [ADDRESS]

    async def connect(*_: Any) -> Any:
        return Wire(FakeStream(served["data"], b"")), ADDRESS

    async def plain_wire(*_: Any) -> Wire:
        return Wire(FakeStream(served["data"], b""))

    async def speaks_tls(*_: Any) -> bool:
        return False

    monkeypatch.setattr(module, "find_addresses", find)
    monkeypatch.setattr(module, "connect_to", connect)
    monkeypatch.setattr(module, "speaks_tls", speaks_tls)
    monkeypatch.setattr("holdfast.diagnostics.probe.way.plain_wire", plain_wire)
    monkeypatch.setattr("websockets.client.generate_key", lambda: KEY)
    return served


async def verdict_of(transport: str) -> str:
    """Probe and return the verdict, after a look at the whole report."""
    wishes = Wishes(token="secret-token", channel="a", seconds=5.0)
    report = await Walk(target(transport=transport), wishes, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), link_for).run()
    found = json.loads(json.dumps(report.as_json()))
    assert [one["stage"] for one in found["stages"]] == list(STAGES)
    failed = [one["stage"] for one in found["stages"] if one["outcome"] == "failed"]
    assert failed == ([found["stage"]] if found["stage"] else [])
    assert found["verdict"] == "ok" or found["verdict"] in CODES
    assert "secret-token" not in json.dumps(found)
    return str(found["verdict"])


async def test_conversation_without_damage_is_fine(over) -> None:
    """What is damaged below is good to begin with."""
    over["data"] = CONVERSATIONS["websocket"]
    assert await verdict_of("websocket") == "ok"
    over["data"] = _REFUSED
    assert await verdict_of("websocket") == "draining"


@pytest.mark.parametrize("transport", CONVERSATIONS)
@given(changes=damages)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_damaged_conversation_has_one_known_cause(over, transport: str, changes: list[Damage]) -> None:
    """One stage has failed, by a cause of the table, or none has."""
    over["data"] = damaged(CONVERSATIONS[transport], changes)

    await verdict_of(transport)


@given(changes=damages)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_damaged_refusal_has_one_known_cause(over, changes: list[Damage]) -> None:
    """As a refusal comes, over any transport."""
    over["data"] = damaged(_REFUSED, changes)

    await verdict_of("websocket")
