from __future__ import annotations

from typing import Any

import pytest

from tests.live import World
from tests.unit.connections.conftest import MakeWorld

NOTHING: dict[str, Any] = {"channel": {"without_namespace": {"allow_subscribe_for_client": True}}}
LOCKED = {"presence": True, "history_size": 5, "history_ttl": 60}


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


async def test_rpc_and_ping_are_not_available(world: World) -> None:
    """Nothing answers them, and the session goes on."""
    client = world.connect()

    assert client.call("rpc", method="m", data={})["error"]["code"] == 108
    assert client.call("ping")["error"]["code"] == 108
