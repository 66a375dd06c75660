"""What the server API does to live connections."""

from __future__ import annotations

import time

import pytest

from tests.raw_client import RawClient


def test_subscribe_and_unsubscribe(gateway):
    """A server-side subscription begins with a push, delivers, and ends with a push."""
    with RawClient(gateway, "ctl-sub") as client:
        answer = gateway.call("subscribe", user="ctl-sub", channel="recover:ctl", data={"hello": 1})
        assert answer == {"result": {}}
        push = client.push()
        assert (push["channel"], push["subscribe"]["data"]) == ("recover:ctl", {"hello": 1})
        gateway.call("publish", channel="recover:ctl", data="x")
        assert client.publications(1) == ["x"]

        gateway.call("unsubscribe", user="ctl-sub", channel="recover:ctl")
        push = client.push()
        assert push == {"channel": "recover:ctl", "unsubscribe": {"code": 2000, "reason": "unsubscribed_by_server"}}


def test_subscribe_recover_since(gateway):
    """A server-side subscription can begin in the past."""
    for number in range(3):
        position = gateway.call("publish", channel="recover:since", data=number)["result"]
    with RawClient(gateway, "ctl-since") as client:
        since = {"offset": 1, "epoch": position["epoch"]}
        gateway.call("subscribe", user="ctl-since", channel="recover:since", recover_since=since)
        assert "subscribe" in client.push()

        assert client.publications(2) == [1, 2]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (None, (3503, "force_disconnect")),
        ({"code": 4001, "reason": "come back"}, (4001, "come back")),
        ({"code": 4999, "reason": "banned"}, (4999, "banned")),
        ({"code": 4500}, (4500, "application")),
    ],
)
def test_disconnect_codes(gateway, order, expected):
    """The client is told the application's own code, or the gateway's."""
    with RawClient(gateway, "ctl-dis") as client:
        request = {"user": "ctl-dis"} | ({"disconnect": order} if order else {})
        assert gateway.call("disconnect", **request) == {"result": {}}

        assert client.closed() == expected


@pytest.mark.parametrize("code", [4100, 4199, 4600, 4699, 1910, 1000, 5000])
def test_disconnect_reserved_codes(gateway, code):
    """Numbers that mean something else are refused, and nobody is disconnected."""
    with RawClient(gateway, "ctl-reserved") as client:
        answer = gateway.call("disconnect", user="ctl-reserved", disconnect={"code": code})
        assert (answer["error"]["code"], answer["error"]["message"]) == (107, "bad_request")

        client.subscribe("still-here")


def test_disconnect_whitelist_and_client(gateway):
    """One of several connections can be kept, or meant."""
    with (
        RawClient(gateway, "ctl-many") as first,
        RawClient(gateway, "ctl-many") as second,
        RawClient(gateway, "ctl-many") as third,
    ):
        gateway.call("disconnect", user="ctl-many", client=first.id)
        assert first.closed()[0] == 3503
        gateway.call("disconnect", user="ctl-many", whitelist=[third.id])
        assert second.closed()[0] == 3503

        third.subscribe("still-here")


def test_disconnect_counts_as_application(gateway):
    """The backend's own codes are one cause in the metrics."""
    before = gateway.metric("holdfast_closes_total", slug="application")
    with RawClient(gateway, "ctl-metric") as client:
        gateway.call("disconnect", user="ctl-metric", disconnect={"code": 4321})
        client.closed()

    assert gateway.metric("holdfast_closes_total", slug="application") == before + 1


def test_refresh(gateway):
    """A session can be prolonged, freed from its end, or ended as expired."""
    with RawClient(gateway, "ctl-refresh") as client:
        gateway.call("refresh", user="ctl-refresh", expire_at=int(time.time()) + 500)
        push = client.push()["refresh"]
        assert push["expires"] is True
        assert 490 <= push["ttl"] <= 500

        gateway.call("refresh", user="ctl-refresh", expired=True)
        assert client.closed() == (3005, "connection_expired")


def test_control_without_user(gateway):
    """A misspelt field hits nobody."""
    answer = gateway.call("disconnect", usr="ctl")

    assert answer["error"]["message"] == "bad_request"
    assert "`user`" in answer["error"]["detail"]


def test_presence_and_channels(gateway):
    """Who is there, how many, and where."""
    with RawClient(gateway, "ctl-present") as client:
        client.subscribe("presence:ctl")
        info = {"user": "ctl-present", "client": client.id}
        assert gateway.call("presence", channel="presence:ctl")["result"] == {"presence": {client.id: info}}
        stats = gateway.call("presence_stats", channel="presence:ctl")["result"]
        assert stats == {"num_clients": 1, "num_users": 1}
        channels = gateway.call("channels", pattern="presence:c*")["result"]["channels"]
        assert channels == {"presence:ctl": {"num_clients": 1}}
        node = gateway.call("info")["result"]["nodes"][0]
        assert node["num_clients"] >= 1
        assert node["num_subs"] >= 1
