from __future__ import annotations

from typing import Any

import pytest
from msgspec import Raw

from holdfast.connections import requests
from holdfast.connections.publishing import PublishTerms
from holdfast.errors import BrokerError
from holdfast.protocol.framing import RAW_JSON, RAW_PROTOBUF, Encoding
from tests.live import EVERYTHING, World
from tests.unit.connections.conftest import MakeWorld

NOTHING: dict[str, Any] = {"channel": {"without_namespace": {"allow_subscribe_for_client": True}}}
LOCKED = {"presence": True, "history_size": 5, "history_ttl": 60}


def away_once(world: World, monkeypatch: pytest.MonkeyPatch, method: str, error: BrokerError) -> list[str]:
    """Let the broker fail the first call of a method; return the list of the calls to come."""
    real = getattr(world.broker, method)
    calls: list[str] = []

    async def stumbles(*arguments: Any, **named: Any) -> Any:
        calls.append(method)
        if len(calls) == 1:
            raise error
        return await real(*arguments, **named)

    monkeypatch.setattr(world.broker, method, stumbles)
    return calls


async def test_publish_reaches_subscribers_with_its_author(world: World) -> None:
    """A client's publication names who sent it, the author's own copy too."""
    client = world.connect(info={"name": "Anna"})
    client.call("subscribe", channel="a")
    await client.pushes()
    assert client.call("publish", channel="a", data=None)["publish"] == {}
    (push,) = await client.pushes()

    assert push["pub"]["data"] is None
    assert push["pub"]["info"] == {
        "user": "anna",
        "client": client.connection.client,
        "conn_info": {"name": "Anna"},
    }


@pytest.mark.parametrize("method", ["presence", "presence_stats", "history"])
async def test_questions_outlive_a_broker_that_is_away_for_a_moment(
    world: World, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """They are asked again before the client is refused."""
    calls = away_once(world, monkeypatch, method, BrokerError("broker_unavailable"))
    client = world.connect()

    assert method in await client.ask(method, channel="a")
    assert calls == [method] * 2


@pytest.mark.parametrize(("is_undone", "attempts"), [(True, 2), (False, 1)])
async def test_publication_is_repeated_only_where_it_was_certainly_not_made(
    world: World, monkeypatch: pytest.MonkeyPatch, is_undone: bool, attempts: int
) -> None:
    """A lost answer must not make two publications of one."""
    calls = away_once(world, monkeypatch, "publish", BrokerError("broker_unavailable", is_undone=is_undone))
    client = world.connect()
    reply = await client.ask("publish", channel="a", data=1)

    assert ("publish" in reply) is is_undone
    assert calls == ["publish"] * attempts


@pytest.mark.parametrize(
    ("terms", "may"),
    [(PublishTerms(), False), (PublishTerms(idempotency_key="k"), True), (PublishTerms(version=3), True)],
)
def test_publication_that_the_broker_knows_again_may_be_repeated(terms: PublishTerms, may: bool) -> None:
    """By its key or its version."""
    assert requests._may_publish_again(terms, BrokerError("broker_unavailable")) is may


@pytest.mark.parametrize("request_fields", [{"channel": "a"}, {"data": 1}, {}])
async def test_publish_without_channel_or_data_closes(world: World, request_fields: dict[str, Any]) -> None:
    """Both are mandatory."""
    client = world.connect()
    client.send({"id": 3, "publish": request_fields})

    assert client.transport.closed == (3501, "malformed_command")


@pytest.mark.parametrize(
    ("method", "fields"),
    [("publish", {"data": 1}), ("presence", {}), ("presence_stats", {}), ("history", {})],
)
async def test_requests_need_permission(make_world: MakeWorld, method: str, fields: dict[str, Any]) -> None:
    """Without an option that allows it every call is refused."""
    world = await make_world(channel={"without_namespace": LOCKED})

    assert world.connect().call(method, channel="a", **fields)["error"]["message"] == "permission_denied"


@pytest.mark.parametrize("method", ["presence", "presence_stats", "history"])
async def test_requests_for_what_is_not_kept_are_not_available(make_world: MakeWorld, method: str) -> None:
    """A namespace without presence or history says so, whatever the permissions."""
    world = await make_world(**NOTHING)

    assert world.connect().call(method, channel="a")["error"] == {"code": 108, "message": "not_available"}


@pytest.mark.parametrize("method", ["publish", "presence", "history"])
async def test_requests_name_an_unknown_namespace(world: World, method: str) -> None:
    """The namespace is looked at first."""
    reply = world.connect().call(method, channel="nowhere:a", data=1)

    assert reply["error"]["message"] == "unknown_channel"


async def test_history_pages_both_ways(world: World) -> None:
    """Limit, since and reverse do as Centrifugo does."""
    client = world.connect()
    for number in range(1, 6):
        client.call("publish", channel="a", data=number)
    position = client.call("history", channel="a")["history"]

    def page(**query: Any) -> list[int]:
        return [one["data"] for one in client.call("history", channel="a", **query)["history"]["publications"]]

    assert position["offset"] == 5
    assert "publications" not in position
    assert page(limit=2) == [1, 2]
    assert page(limit=-1) == [1, 2, 3, 4, 5]
    assert page(limit=2, reverse=True) == [5, 4]
    assert page(limit=10, since={"offset": 3, "epoch": position["epoch"]}) == [4, 5]
    assert page(limit=10, since={"offset": 3, "epoch": position["epoch"]}, reverse=True) == [2, 1]


async def test_history_of_another_epoch_is_unrecoverable(world: World) -> None:
    """A position of another epoch means nothing here."""
    client = world.connect()
    client.call("publish", channel="a", data=1)
    reply = client.call("history", channel="a", limit=1, since={"offset": 0, "epoch": "other"})

    assert reply["error"]["code"] == 112


async def test_history_back_from_nothing_is_a_bad_request(world: World) -> None:
    """There is nothing before offset 0."""
    reply = world.connect().call("history", channel="a", limit=1, since={"offset": 0, "epoch": ""}, reverse=True)

    assert reply["error"]["message"] == "bad_request"


async def test_history_has_a_limit(make_world: MakeWorld) -> None:
    """However many are asked for, the setting bounds them."""
    world = await make_world(client={"history_max_publication_limit": 2})
    client = world.connect()
    for number in range(5):
        client.call("publish", channel="a", data=number)

    for limit in (100, -1):
        assert len(client.call("history", channel="a", limit=limit)["history"]["publications"]) == 2


async def test_send_without_anybody_to_take_it_closes(world: World) -> None:
    """A message needs no id, and nothing takes it here."""
    client = world.connect()
    client.send({"send": {"data": 1}})

    assert client.transport.closed == (3508, "not_available_close")


async def test_rpc_without_a_backend_is_not_available(world: World) -> None:
    """Nothing answers it, and the session goes on."""
    client = world.connect()

    assert client.call("rpc", method="m", data={})["error"]["code"] == 108
    assert client.transport.closed is None


async def test_ping_is_answered_and_nothing_else(world: World) -> None:
    """Clients measure the round trip by it."""
    client = world.connect()
    client.received()
    client.send({"id": 5, "ping": {}})

    assert client.received() == [{"id": 5, "ping": {}}]


# Protobuf clients beside JSON clients

BINARY: dict[str, Any] = {
    "channel": {"namespaces": [{"name": "bytes", **EVERYTHING, "publication_data_format": "binary"}]}
}


@pytest.mark.parametrize(("publisher", "reader"), [(RAW_JSON, RAW_PROTOBUF), (RAW_PROTOBUF, RAW_JSON)])
async def test_publish_crosses_codecs(world: World, publisher: Encoding, reader: Encoding) -> None:
    """Data, author, joins, presence and history of one codec are read in the other."""
    anna = world.connect("anna", encoding=publisher, info={"name": "Anna"})
    bob = world.connect("bob", encoding=reader)
    assert "subscribe" in bob.call("subscribe", channel="a", join_leave=True)
    assert "subscribe" in anna.call("subscribe", channel="a")
    assert "publish" in anna.call("publish", channel="a", data={"text": "h\u00e9"})
    info = {"user": "anna", "client": anna.connection.client, "conn_info": {"name": "Anna"}}
    pushes = await bob.pushes()

    assert [push["join"]["info"] for push in pushes if "join" in push][-1] == info
    published = {"data": {"text": "h\u00e9"}, "info": info, "offset": 1}
    assert [push["pub"] for push in pushes if "pub" in push] == [published]
    assert bob.call("presence", channel="a")["presence"]["presence"][anna.connection.client] == info
    assert bob.call("presence_stats", channel="a")["presence_stats"] == {"num_clients": 2, "num_users": 2}
    (kept,) = bob.call("history", channel="a", limit=-1)["history"]["publications"]
    assert kept == published


async def test_publish_of_bytes_that_are_no_json_is_refused(world: World) -> None:
    """A channel that JSON clients may read takes nothing else; the connection lives on."""
    client, reader = world.connect(encoding=RAW_PROTOBUF), world.connect("bob")
    reader.call("subscribe", channel="a")
    error = client.call("publish", channel="a", data=b"\xff")["error"]
    client.call("publish", channel="a", data=b'{\n"a":\r\n1}')
    await world.turn()

    assert (error["code"], error["message"]) == (107, "data_not_json")
    assert reader.transport.units[-1].count(b"\n") == 0
    assert [push["pub"]["data"] for push in await reader.pushes() if "pub" in push] == [{"a": 1}]


async def test_publish_into_a_binary_channel_takes_any_bytes(make_world: MakeWorld) -> None:
    """Where the namespace says so, Protobuf clients get bytes as they are, and empty ones."""
    world = await make_world(**BINARY)
    client, json_client = world.connect(encoding=RAW_PROTOBUF), world.connect("bob")
    client.call("subscribe", channel="bytes:a")
    assert "publish" in client.call("publish", channel="bytes:a", data=b"\xff\n\0")
    assert "publish" in client.call("publish", channel="bytes:a")
    assert "publish" in json_client.call("publish", channel="bytes:a", data=[1])
    assert "publish" in json_client.call("publish", channel="bytes:a")
    found = [push["pub"].get("data", b"") for push in await client.pushes() if "pub" in push]

    assert found == [b"\xff\n\0", b"", [1], b""]
    kept = client.call("history", channel="bytes:a", limit=-1)["history"]["publications"]
    assert [one.get("data", b"") for one in kept] == found


async def test_binary_channel_is_refused_to_json(make_world: MakeWorld) -> None:
    """A JSON client may neither follow nor read what it could not parse; it may ask who is there."""
    world = await make_world(**BINARY)
    client = world.connect()

    for method in ("subscribe", "history"):
        assert client.call(method, channel="bytes:a")["error"] == {"code": 108, "message": "binary_channel"}
    assert "presence" in client.call("presence", channel="bytes:a")
    assert world.open().call("connect", token=world.token(channels=["bytes:a"]))["error"]["message"] == "binary_channel"
    assert world.hub.count("bytes:a") == 0


async def test_commands_refuse_names_that_do_not_match(make_world: MakeWorld) -> None:
    """A namespace's pattern is asked by each command that names a channel, and not by the server API."""
    world = await make_world(channel={"without_namespace": {**EVERYTHING, "channel_regex": r"^\d+$"}})
    client = world.connect()
    for method, more in [("subscribe", {}), ("publish", {"data": 1}), ("presence", {}), ("history", {})]:
        error = client.call(method, channel="a", **more)["error"]
        assert error == {"code": 107, "message": "channel_name_mismatch"}
        assert "error" not in client.call(method, channel="1", **more)
    await world.core.publisher.publish("a", Raw(b"1"))
