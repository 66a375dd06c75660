"""Any bytes and any JSON to any method of the server API: an answer with a name, never a crash."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from holdfast.admission.addresses import TrustedProxies
from holdfast.admission.origin import OriginPolicy
from holdfast.codes import CODES
from holdfast.connections.lifecycle import Lifecycle
from holdfast.errors import ProtocolError
from holdfast.routes import api_messages as api
from holdfast.routes.api import ApiEndpoint, ApiRules
from holdfast.routes.api_commands import ApiCommands, Services
from holdfast.routes.api_connections import ApiConnections
from holdfast.routes.api_control import ApiControl
from holdfast.routes.api_keys import ApiKeys
from holdfast.routes.api_methods import ApiParts, api_methods
from holdfast.routes.api_order import ManyRules
from tests.asgi import Answer, call
from tests.live import World
from tests.pair import lone_cluster

METHODS = (*api.Command.__struct_fields__, "batch")

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
channels = st.sampled_from(["news", "nowhere:x", "$private", "dialog#1,2", "", "x" * 300, "é"]) | st.text(max_size=10)
# Requests that look right at first sight: known fields, with right and wrong values.
fields = st.fixed_dictionaries(
    {},
    optional={
        "channel": channels | values,
        "channels": st.lists(channels, max_size=3) | values,
        "user": st.sampled_from(["anna", ""]) | values,
        "client": st.text(max_size=5) | values,
        "data": values,
        "info": values,
        "b64data": st.sampled_from(["e30=", "!!!", ""]) | values,
        "tags": st.dictionaries(st.text(max_size=3), st.text(max_size=3)) | values,
        "version": st.integers(-1, 2**70) | values,
        "idempotency_key": st.text(max_size=3) | values,
        "limit": st.integers(-5, 5) | values,
        "reverse": st.booleans() | values,
        "async": st.booleans() | values,
        "expression": st.text(max_size=1) | values,
        "since": st.fixed_dictionaries({"offset": st.integers(-1, 5), "epoch": st.text(max_size=3)}) | values,
        "recover_since": st.fixed_dictionaries({"offset": st.integers(0, 5), "epoch": st.text(max_size=3)}) | values,
        "override": st.fixed_dictionaries({"presence": st.fixed_dictionaries({"value": st.booleans()})}) | values,
        "expire_at": st.integers(-1, 2**40) | values,
        "disconnect": st.fixed_dictionaries({"code": st.integers(0, 70000), "reason": st.text(max_size=200)}) | values,
        "whitelist": st.lists(st.text(max_size=3), max_size=2) | values,
        "pattern": st.sampled_from(["*", "[", "n?ws", "[!a-"]) | values,
    },
)
batches = st.fixed_dictionaries(
    {"commands": st.lists(st.dictionaries(st.sampled_from(METHODS), fields, max_size=2), max_size=5)},
    optional={"parallel": st.booleans()},
)
MANY = ManyRules(100, 10, 10, lambda slug: None)


def clock() -> float:
    """Stand still."""
    return 1_700_000_000.0


async def ask(method: str, body: bytes) -> Answer:
    """Send one request to an instance of its own, with one client connected."""
    world = await World(clock).start()
    client = world.connect()
    client.call("subscribe", channel="news")
    core = world.core
    cluster = lone_cluster(world)
    commands = ApiCommands(
        Services(
            core.rules,
            core.publisher,
            core.publish_queue,
            core.broker,
            cluster.list_for_api,
            cluster.channels.count,
        )
    )
    connections = ApiConnections(cluster.control, world.hub, cluster.bus)
    parts = ApiParts(commands, ApiControl(cluster.everywhere), connections)
    methods = api_methods(parts, MANY)
    rules = ApiRules(ApiKeys(["key"]), 10_000)
    endpoint = ApiEndpoint(methods, rules, Lifecycle(), lambda *seen: None)
    try:
        answer = await call(endpoint, "POST", f"/api/{method}", headers=[("X-API-Key", "key")], body=body)
        await core.publish_queue.drain(1)
        await world.turn()
        for unit in client.transport.units:
            for line in unit.split(b"\n"):
                json.loads(line)
        return answer
    finally:
        await world.broker.stop()


def check(method: str, body: bytes) -> None:
    """Ask, and hold the answer to its form."""
    answer = asyncio.run(ask(method, body))
    given = answer.json()
    if answer.status == 200:
        (key,) = given
        assert key == "replies" if method == "batch" and "error" not in given else key in {"result", "error"}
        if key == "error":
            assert CODES[given["error"]["message"]].number == given["error"]["code"]
    else:
        assert answer.status in {400, 413}
        assert set(given) == {"code", "slug", "message", "remedy"}
        assert CODES[given["slug"]].number == given["code"]


@settings(max_examples=60, deadline=None)
@given(method=st.sampled_from(METHODS), body=st.binary(max_size=200))
def test_api_any_bytes(method, body):
    """Bytes that are nothing are refused by name."""
    check(method, body)


@settings(max_examples=150, deadline=None)
@given(method=st.sampled_from(METHODS), request=fields | values)
def test_api_any_json(method, request):
    """JSON that is almost a request is answered, and what reaches a client is JSON still."""
    check(method, json.dumps(request).encode())


@settings(max_examples=80, deadline=None)
@given(request=batches)
def test_api_any_batch(request):
    """Every command of a batch has its own answer."""
    answer = asyncio.run(ask("batch", json.dumps(request).encode()))

    if answer.status == 200:
        assert len(answer.json()["replies"]) == len(request["commands"])


@given(body=st.binary(max_size=60))
def test_api_payloads_are_json(body):
    """What decodes as a request has payloads that are JSON for everybody."""
    methods = api_methods(ApiParts(*[_Nothing()] * 3), MANY)
    raw = b'{"channel":"a","data":' + body + b"}"
    try:
        request = methods["publish"].decode(raw)
    except ProtocolError:
        return
    if request.data is not msgspec.UNSET:
        bytes(request.data).decode()


class _Nothing:
    def __getattr__(self, name: str) -> Any:
        return None


@given(origin=st.text(max_size=50), host=st.text(max_size=30), pattern=st.text(min_size=1, max_size=10))
def test_origin_never_raises(origin, host, pattern):
    """Any Origin gets a decision, and where it is refused a reason."""
    assume(pattern.strip())

    assert OriginPolicy([pattern]).refusal([origin], host) != ""


@given(forwarded=st.lists(st.text(max_size=40), max_size=4), proto=st.text(max_size=10), peer=st.text(max_size=20))
def test_originate_never_raises(forwarded, proto, peer):
    """Any forwarding headers from anybody give an address and a scheme."""
    headers = [(b"x-forwarded-for", one.encode("utf-8", "replace")) for one in forwarded]
    headers.append((b"x-forwarded-proto", proto.encode("utf-8", "replace")))
    for trusted in ("127.0.0.1", peer):
        found = TrustedProxies(["127.0.0.0/8", "::1"]).originate(trusted, "ws", headers)
        assert found.scheme in {"http", "https"}


@pytest.mark.parametrize("depth", [100, 990, 1100, 4000])
def test_api_depth(depth):
    """Nesting is either handed on or refused, at any depth."""
    check("publish", b'{"channel":"news","data":' + b"[" * depth + b"]" * depth + b"}")
