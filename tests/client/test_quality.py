"""The browser client in Node against a real gateway: how good its connection is, and its lines in the gateway's log."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.driven_client import driven_client
from tests.gateway import Gateway
from tests.parts import require


@pytest.fixture(autouse=True)
def _parts() -> None:
    require("npm:tests/sdk")


@pytest.mark.parametrize("transport", ["websocket", "http_stream", "poll"])
def test_round_trip_is_measured(gateway: Gateway, transport: str) -> None:
    """Each transport has figures soon after its connect, and the gateway sees no error in it."""
    user = f"measured-{transport}"
    with driven_client(gateway.ws_url, token=gateway.token(user), transports=[transport]) as client:
        client.do("connect")
        for _ in range(2):
            client.next("round_trip")
        client.do("quality")
        quality = client.next("quality_now")

        assert 0 < quality["rtt"] < 5000
        assert quality["jitter"] >= 0
        assert (quality["missed"], quality["reconnects"]) == (0, 0)
        client.do("disconnect")
        gateway.wait_for_event("connection_closed", user=user)
    assert not [line for line in gateway.events("command_refused") if line.get("user") == user]
    assert not [line for line in gateway.events("browser_line") if line.get("user") == user]


def test_lines_of_a_browser_come_under_the_id_of_its_attempt(gateway: Gateway) -> None:
    """When a connection ends badly the gateway's log has what both sides saw of it, in each side's order."""
    with driven_client(gateway.ws_url, token=gateway.token("cut-off")) as client:
        client.do("connect")
        first = client.next("connecting")["cid"]
        client.next("connected")
        gateway.call("disconnect", user="cut-off", disconnect={"code": 4000, "reason": "for the test"})
        client.next("disconnected")
        client.next("connected")
        ours = gateway.wait_for_event("connection_closed", user="cut-off")
        gateway.wait_for_event("browser_line", attempt=first, said="connection_closed")
        # What followed is the next attempt's.
        second = [event["cid"] for event in client.seen if event["event"] == "connecting"][-1]
        gateway.wait_for_event("browser_line", attempt=second, said="connected")

    lines = [line for line in gateway.events("browser_line") if line["attempt"] == first]
    assert [line["said"] for line in lines] == ["connecting", "connected", "connection_closed"]
    assert ours["attempt"] == first != second
    assert {line["client"] for line in lines} == {ours["client"]}
    assert (lines[-1]["browser"]["code"], lines[-1]["browser"]["detail"]) == (4000, "for the test")


def test_lines_of_a_refused_browser_come_too(start_gateway: Callable[..., Gateway]) -> None:
    """Who has never been connected hands in its lines under the refused attempt, as soon as it is explained."""
    gateway = start_gateway({"admission": {"max_connections": 1}})
    token = gateway.token("browser")
    with driven_client(gateway.ws_url, token=token) as first, driven_client(gateway.ws_url, token=token) as second:
        first.do("connect")
        first.next("connected")
        second.do("connect")
        refused = second.next("connecting")["cid"]
        line = gateway.wait_for_event("browser_line", attempt=refused, said="connection_refused")

    assert gateway.wait_for_event("handshake_refused", attempt=refused)["slug"] == "instance_connection_limit"
    assert line["browser"]["slug"] == "instance_connection_limit"
