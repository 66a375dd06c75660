"""Much at once by the server API: asynchronous publications, parallel commands, lists of connections."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack

import httpx
import pytest

from tests.raw_client import RawClient


def test_async_publication_arrives(gateway):
    """Answered without a position, delivered soon after, in the order of the calls."""
    before = gateway.metric("holdfast_async_publications_total", slug="ok")
    with RawClient(gateway) as client:
        client.subscribe("history:async")
        for number in range(20):
            answer = gateway.call("publish", channel="history:async", data=number, **{"async": True})
            assert answer == {"result": {}}
        answer = gateway.call("broadcast", channels=["history:async", "nowhere:x"], data=20, **{"async": True})
        first, second = answer["result"]["responses"]
        assert first == {"result": {}}
        assert second["error"]["message"] == "unknown_channel"

        assert client.publications(21) == list(range(21))
    assert gateway.metric("holdfast_async_publications_total", slug="ok") == before + 21
    assert gateway.metric("holdfast_async_publications_waiting") == 0


def test_async_overflow_is_told_and_loses_nothing(start_gateway):
    """What finds the queue full is refused as temporary; what was answered is published, and nothing else."""
    gateway = start_gateway({"api": {"async_queue_limit": 30}})
    for _ in range(5):
        commands = [{"publish": {"channel": "history:full", "data": n, "async": True}} for n in range(100)]
        replies = gateway.call("batch", commands=commands, parallel=True)["replies"]
        refused = [reply["error"] for reply in replies if "error" in reply]
        assert {(error["code"], error["message"]) for error in refused} == {(111, "publish_queue_full")}
        assert len(refused) < 100
    accepted = [reply for reply in replies if "publish" in reply]
    last = gateway.call("history", channel="history:full", limit=len(accepted), reverse=True)["result"]
    numbers = [number for number, reply in enumerate(replies) if "publish" in reply]

    assert [one["data"] for one in reversed(last["publications"])] == numbers
    assert gateway.metric("holdfast_api_errors_total", slug="publish_queue_full") >= 5 * 60
    assert "Traceback" not in gateway.log()


def test_async_publications_outlive_a_stop(start_gateway, tmp_path):
    """Whatever was answered before the instance refused is in the history after a restart, once and in order."""
    gateway = start_gateway({"broker": {"snapshot_path": str(tmp_path / "snapshot")}})
    answered: list[int] = []
    stop = threading.Event()

    def fire() -> None:
        number = 0
        with httpx.Client(headers={"X-API-Key": gateway.api_key}, trust_env=False) as client:
            while not stop.is_set():
                numbers = list(range(number, number + 50))
                number += 50
                body = {
                    "commands": [{"publish": {"channel": "recover:stop", "data": n, "async": True}} for n in numbers]
                }
                try:
                    answer = client.post(f"{gateway.url}/api/batch", json=body)
                except httpx.TransportError:
                    return
                if answer.status_code != 200:
                    assert answer.json()["slug"] == "shutting_down"
                    return
                replies = answer.json()["replies"]
                answered.extend(n for n, reply in zip(numbers, replies, strict=True) if "publish" in reply)

    firing = threading.Thread(target=fire)
    firing.start()
    time.sleep(0.3)
    assert gateway.stop() == 0
    stop.set()
    firing.join()
    gateway.start()
    history = gateway.call("history", channel="recover:stop", limit=-1)["result"]

    assert len(answered) >= 50
    assert history["offset"] >= len(answered)  # what was answered while the connection broke may be there too
    kept = [one["data"] for one in history["publications"]]
    assert kept == sorted(kept)
    assert set(answered[-900:]) <= set(kept)
    assert gateway.events("async_publications_lost") == []
    assert "Traceback" not in gateway.log()


def test_parallel_batch_keeps_places_and_order(gateway):
    """Replies stand where their commands stood, errors are one command's, each channel's publications in order."""
    commands = [{"publish": {"channel": f"history:p{n % 3}", "data": n}} for n in range(300)]
    commands[100] = {"publish": {"channel": "nowhere:x", "data": 1}}
    commands[200] = {"history": {"channel": "closed:x"}}
    with RawClient(gateway) as client:
        client.subscribe("history:p0")
        replies = gateway.call("batch", commands=commands, parallel=True)["replies"]

        assert client.publications(100) == [n for n in range(300) if n % 3 == 0]
    assert {n: reply["error"]["message"] for n, reply in enumerate(replies) if "error" in reply} == {
        100: "unknown_channel",
        200: "not_available",
    }


def test_parallel_lines(gateway):
    """Lines that are marked so need not wait for each other; replies come in order all the same."""
    line = '{{"id":{n},"method":"{method}","params":{params},"parallel":true}}'
    publish = [line.format(n=n, method="publish", params='{"channel":"lines","data":1}') for n in range(1, 50)]
    body = "\n".join([*publish, line.format(n=50, method="nonsense", params="{}")])
    headers = {"X-API-Key": gateway.api_key}
    answer = httpx.post(f"{gateway.url}/api", content=body, headers=headers, trust_env=False)

    replies = answer.text.split("\n")
    assert replies[:49] == [f'{{"id":{n},"result":{{}}}}' for n in range(1, 50)]
    assert '"id":50,"error":{"code":104' in replies[49]


def test_connections_of_a_user(gateway):
    """All of a user's connections, cut where asked for, and one by its client id."""
    with ExitStack() as stack:
        clients = [stack.enter_context(RawClient(gateway, "lists")) for _ in range(5)]
        clients[0].subscribe("recover:lists")
        answer = gateway.call("connections", user="lists")["result"]
        some = gateway.call("connections", user="lists", limit=2)["result"]
        one = gateway.call("connections", client=clients[0].id)["result"]["connections"]

        assert set(answer["connections"]) == {client.id for client in clients}
        assert (len(some["connections"]), some["num_clients"], some["truncated"]) == (2, 5, True)
        found = one[clients[0].id]
        assert abs(found["connected_at"] - time.time()) < 30
        assert found["expire_at"] > time.time()
        assert (found["address"], found["transport"], found["protocol"]) == ("127.0.0.1", "websocket", "json")
        assert found["state"]["channels"]["recover:lists"]["recoverable"] is True
    assert "eyJ" not in str(answer)  # what every token begins with


@pytest.mark.parametrize(
    ("method", "body", "field"),
    [
        ("connections", {"user": 7}, "$.user"),
        ("connections", {"user": ["a"] * 1000}, "$.user"),
        ("connections", {"user": "a", "limit": 0}, "$.limit"),
        ("connections", {"user": "a", "limit": 10_001}, "$.limit"),
        ("connections", {"user": "a", "client": {}}, "$.client"),
        ("connections", {"user": "a", "expression": 1}, "$.expression"),
        ("publish", {"channel": "a", "data": 1, "async": "yes"}, "$.async"),
        ("broadcast", {"channels": ["a"], "data": 1, "async": 1}, "$.async"),
        ("batch", {"commands": [], "parallel": 1}, "$.parallel"),
        ("batch", {"commands": [{"connections": {"limit": -1}}]}, "$.commands[0].connections.limit"),
    ],
)
def test_wrong_types_are_named(gateway, method, body, field):
    """A field of a wrong type, or beyond its range, is told by name, and nothing is done."""
    answer = gateway.post(method, body)

    assert (answer.status_code, answer.json()["slug"]) == (400, "bad_request")
    assert field in answer.json()["message"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, "`user`"),
        ({"usr": "a"}, "`user`"),
        ({"user": "a", "expression": "true"}, "`expression`"),
    ],
)
def test_connections_that_mean_nobody(gateway, body, expected):
    """A misspelt field lists nobody's connections, nor does a condition that is not read."""
    error = gateway.post("connections", body).json()["error"]

    assert (error["code"], error["message"]) == (107, "bad_request")
    assert expected in error["detail"]


def test_connections_of_a_huge_name(gateway):
    """A name of megabytes, or of odd characters, is nobody's."""
    for name in ("x" * 5_000_000, "\x00\u2028\U0001f600" * 1000, ""):
        answer = gateway.call("connections", user=name, unknown={"field": 1})["result"]
        assert answer == {"connections": {}, "num_clients": 0}
    assert "Traceback" not in gateway.log()
