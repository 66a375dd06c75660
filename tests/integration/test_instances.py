"""Two gateways on one Redis act as one: orders, questions, revocations, and who is there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.gateway import ADMIN_TOKEN, Gateway
from tests.parts import require
from tests.raw_client import RawClient
from tests.redis_brokers import some_prefix
from tests.redis_servers import RedisServer, running_redis, wait_until

# Until it is there the settings refuse it.
require("redis")
CID = "5f" * 16
SURVEY_SECONDS = 5
Start = Callable[..., Gateway]


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """A Redis of this file's own."""
    with running_redis() as server:
        yield server


def settings_of(redis: RedisServer, name: str, prefix: str) -> dict[str, Any]:
    """Return the settings of an instance."""
    broker = {
        "type": "redis",
        "node_ttl": "5s",
        "survey_timeout": f"{SURVEY_SECONDS}s",
        "redis": {"addresses": [redis.address], "prefix": prefix},
    }
    return {"instance": name, "broker": broker, "shutdown": {"propagation_wait": "0s", "drain_window": "0s"}}


@pytest.fixture
def start(redis: RedisServer, start_gateway: Start) -> Start:
    """Return a function that starts an instance by name; those of one test find each other."""
    prefix = some_prefix()
    return lambda name: start_gateway(settings_of(redis, name, prefix))


@pytest.fixture
def pair(start: Start) -> tuple[Gateway, Gateway]:
    """Two instances that know each other."""
    here, there = start("here"), start("there")
    until_listed(here, "here", "there")
    return here, there


def admin(gateway: Gateway, path: str, **query: str) -> Any:
    """Ask an admin path."""
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    answer = httpx.get(f"{gateway.internal_url}/admin/{path}", params=query, headers=headers, trust_env=False)
    assert answer.status_code == 200, answer.text
    return answer.json()


def until_listed(gateway: Gateway, *names: str, phase: str = "serving") -> None:
    """Wait until an instance lists just these, all in this phase."""
    wanted = dict.fromkeys(names, phase)
    wait_until(lambda: {one["name"]: one["phase"] for one in admin(gateway, "nodes")["nodes"]} == wanted)


def revoke(gateway: Gateway, **order: str) -> Any:
    """Revoke."""
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    url = f"{gateway.internal_url}/admin/revocations"
    answer = httpx.post(url, json=order, headers=headers, trust_env=False, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(gateway: Gateway, token: str, query: str = "") -> tuple[int, str]:
    """Connect with a token that is refused, and return how."""
    with connect(f"{gateway.ws_url}{query}", proxy=None) as socket:
        socket.send(json.dumps({"id": 1, "connect": {"token": token}}))
        with pytest.raises(ConnectionClosed) as raised:
            socket.recv(timeout=10)
    assert raised.value.rcvd is not None
    return raised.value.rcvd.code, raised.value.rcvd.reason


def test_orders_reach_a_user_at_any_instance(pair: tuple[Gateway, Gateway]) -> None:
    """What the API did to live connections it does wherever they are, and has done it when it answers."""
    here, there = pair
    with RawClient(there, "anna") as client:
        assert here.call("subscribe", user="anna", channel="recover:bus", data={"a": 1}) == {"result": {}}
        assert client.push()["subscribe"]["data"] == {"a": 1}
        assert here.call("channels")["result"]["channels"]["recover:bus"] == {"num_clients": 1}
        [found] = here.call("connections", user="anna")["result"]["connections"].values()
        assert found["state"]["channels"]["recover:bus"]["source"] == 10
        assert here.call("publish", channel="recover:bus", data=7)["result"]["offset"] == 1
        assert client.publications(1) == [7]
        assert here.call("refresh", user="anna", expire_at=int(time.time()) + 600) == {"result": {}}
        assert client.push()["refresh"]["expires"] is True
        assert here.call("unsubscribe", user="anna", channel="recover:bus") == {"result": {}}
        assert client.push()["unsubscribe"]["code"] == 2000
        assert here.call("disconnect", user="anna") == {"result": {}}
        assert client.closed() == (3503, "force_disconnect")


def test_info_lists_instances(pair: tuple[Gateway, Gateway]) -> None:
    """All of them, with their numbers."""
    here, there = pair
    with RawClient(there, "anna"):
        wait_until(lambda: [node["num_clients"] for node in here.call("info")["result"]["nodes"]] == [0, 1])
    nodes = here.call("info")["result"]["nodes"]

    assert [node["name"] for node in nodes] == ["here", "there"]
    assert all(node["process"]["rss"] > 1_000_000 for node in nodes)
    assert here.metric("holdfast_nodes", phase="serving") == 2


def test_instance_that_stops_and_one_that_is_killed(start: Start, pair: tuple[Gateway, Gateway]) -> None:
    """The one is off the list at once, the other within its time; orders wait for the dead one once."""
    here, there = pair
    third = start("third")
    until_listed(here, "here", "there", "third")
    third.stop()
    assert [node["name"] for node in admin(here, "nodes")["nodes"]] == ["here", "there"]

    there.kill()
    first = here.call("disconnect", user="nobody")  # waits for it until the survey's time is over
    asked_at = time.monotonic()
    here.call("disconnect", user="nobody")
    assert time.monotonic() - asked_at < SURVEY_SECONDS
    until_listed(here, "here")
    assert first.get("error", {}).get("message", "peer_unreachable") == "peer_unreachable"
    assert here.call("disconnect", user="nobody") == {"result": {}}


def test_attempt_is_explained_by_any_instance(pair: tuple[Gateway, Gateway]) -> None:
    """The page's question, its log lines and the operator's question may all land elsewhere."""
    here, there = pair
    assert refused(there, "", f"?cid={CID}") == (3501, "token_empty")
    explained = httpx.get(f"{here.url}/connection/explain?cid={CID}", trust_env=False).json()
    assert (explained["slug"], explained["instance"]) == ("token_empty", "there")
    lines = {"log_token": explained["log_token"], "lines": [{"t": time.time() * 1000, "event": "hello"}]}
    taken = httpx.post(f"{here.url}/client/logs", content=json.dumps(lines), trust_env=False)
    assert (taken.status_code, taken.json()["accepted"]) == (200, 1)
    assert admin(here, f"connections/{CID}")["instance"] == "there"
    assert [one["instance"] for one in admin(here, "attempts")["attempts"]] == ["there"]


def test_revocation_holds_everywhere(start: Start, pair: tuple[Gateway, Gateway]) -> None:
    """At once where the user is, and at an instance that starts later."""
    here, there = pair
    token = there.token("anna", iat=int(time.time()) - 5)
    with RawClient(there, "anna", token=token) as client:
        done = revoke(here, user="anna")
        assert (done["disconnected"], "missing" in done) == (1, False)
        assert client.closed() == (3500, "user_revoked")
    third = start("third")
    for gateway in (here, there, third):
        assert refused(gateway, token) == (3500, "user_revoked")


def test_revocation_reaches_an_instance_that_was_cut_off(redis: RedisServer, pair: tuple[Gateway, Gateway]) -> None:
    """Redis goes and comes back empty: what was revoked meanwhile and before holds everywhere."""
    here, there = pair
    token = there.token("carl", iat=int(time.time()) - 5)
    assert revoke(here, user="bert")["disconnected"] == 0
    with RawClient(there, "carl", token=token) as client:
        redis.kill()
        done = revoke(here, user="carl")
        assert done["kept"] is False
        redis.start()
        assert client.closed() == (3500, "user_revoked")
    names = {"bert", "carl"}
    wait_until(lambda: {one["name"] for one in admin(there, "revocations")["revocations"]} == names)


def test_name_that_two_have(start: Start) -> None:
    """Both say so."""
    twins = [start("twin"), start("twin")]
    for one in twins:
        one.wait_for_event("instance_name_taken", name="twin")
