"""The browser client in Node against a real gateway: tokens, subscriptions, restarts, refusals, every transport."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.driven_client import Driver, driven_client
from tests.gateway import Gateway
from tests.parts import require

MESSAGES = 40
FALLBACKS = ("http_stream", "poll")


@pytest.fixture(autouse=True)
def _parts() -> None:
    require("npm:tests/sdk")


@pytest.fixture
def client(gateway: Gateway) -> Iterator[Driver]:
    """A client of the shared gateway that is connected."""
    with driven_client(gateway.ws_url, token=gateway.token("browser")) as driver:
        driver.do("connect")
        driver.next("connected")
        yield driver


def publish(gateway: Gateway, channel: str, first: int, last: int) -> None:
    """Publish numbers by the server API."""
    for number in range(first, last):
        assert "result" in gateway.call("publish", channel=channel, data=number)


def test_client_connects_and_gets_publications(gateway: Gateway, client: Driver) -> None:
    """A subscriber gets what the server publishes, with its offset, and its own publications too."""
    client.do("subscribe", channel="recover:browser-first")
    client.next("sub_state", to="subscribed")
    publish(gateway, "recover:browser-first", 1, 2)

    assert client.next("sub_publication")["offset"] == 1
    client.do("publish", channel="recover:browser-first", data="mine")
    client.next("published", data="mine")


def test_client_renews_its_token(gateway: Gateway) -> None:
    """A token of a few seconds is renewed again and again, and the connection never ends."""
    with driven_client(gateway.ws_url, asks=True) as client:
        client.do("connect")
        for reason in ("first", "renewal", "renewal"):
            assert client.next("token_wanted")["reason"] == reason
            client.do("token", token=gateway.token("browser", ttl=4))
        client.next("token_wanted", reason="renewal")

        assert [event["to"] for event in client.seen if event["event"] == "state"] == ["connecting", "connected"]


def test_client_fetches_another_token_when_one_has_expired(gateway: Gateway) -> None:
    """An expired token never reaches the server where it can be seen, and a refused one is not sent twice."""
    with driven_client(gateway.ws_url, asks=True, token=gateway.token("browser", ttl=-60)) as client:
        client.do("connect")
        client.next("token_wanted")
        client.do("token", token=gateway.token("browser"))

        client.next("connected")


def test_client_goes_to_the_login_with_an_incurable_token(gateway: Gateway) -> None:
    """A token that no other would cure ends in the login at once, with the cause's name."""
    with driven_client(gateway.ws_url, token=gateway.token("browser")[:-5] + "AAAAA") as client:
        client.do("connect")

        assert client.next("login")["error"]["slug"] in {"token_wrong_signature", "token_not_base64"}
        client.do("publish", channel="x", data=1)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_client_survives_a_restart(start_gateway: Callable[..., Gateway], tmp_path: Path, end: str) -> None:
    """After a restart everything published meanwhile comes, in order, once; after a death a gap is named."""
    snapshot = {"snapshot_path": str(tmp_path / "snapshot")}
    gateway = start_gateway({"client": {"reconnect_window": "1s"}, "broker": snapshot})
    channel = "recover:restart"
    with driven_client(gateway.ws_url, token=gateway.token("browser"), maxReconnectDelay=2000) as client:
        client.do("connect")
        client.do("subscribe", channel=channel)
        client.next("sub_state", to="subscribed")
        publish(gateway, channel, 0, MESSAGES)
        getattr(gateway, end)()
        client.do("publish", channel=channel, data=MESSAGES)
        gateway.start()
        publish(gateway, channel, MESSAGES + 1, 2 * MESSAGES)
        # Behind a death it may have left before anybody noticed: then its outcome is unknown.
        client.next("published" if end == "stop" else "sub_gap")
        publish(gateway, channel, 2 * MESSAGES, 2 * MESSAGES + 1)
        client.next("sub_publication", data=2 * MESSAGES)

        numbers = [event["data"] for event in client.seen if event["event"] == "sub_publication"]
        gaps = [event for event in client.seen if event["event"] == "sub_gap"]
        assert len(numbers) == len(set(numbers))
        assert len(gaps) == (1 if end == "kill" else 0)
        assert set(range(MESSAGES)) <= set(numbers)
        if end == "stop":
            assert set(numbers) == set(range(2 * MESSAGES + 1))


def test_client_is_told_why_a_handshake_was_refused(start_gateway: Callable[..., Gateway]) -> None:
    """A refused upgrade is 1006 to a page, and the client names the real cause all the same."""
    gateway = start_gateway({"admission": {"max_connections": 1}})
    token = gateway.token("browser")
    with driven_client(gateway.ws_url, token=token) as first, driven_client(gateway.ws_url, token=token) as second:
        first.do("connect")
        first.next("connected")
        second.do("connect")
        while (error := second.next("error")["error"])["slug"] == "open_failed":
            pass

        assert error["slug"] == "instance_connection_limit"
        first.do("disconnect")
        second.next("connected")


@pytest.mark.parametrize("transport", FALLBACKS)
def test_client_works_over_fallbacks(gateway: Gateway, transport: str) -> None:
    """Subscriptions and commands work the same over every transport."""
    channel = f"recover:browser-{transport}"
    with driven_client(gateway.ws_url, token=gateway.token("browser"), transports=[transport]) as client:
        client.do("connect")
        assert client.next("connected")["transport"] == transport
        client.do("subscribe", channel=channel)
        client.next("sub_state", to="subscribed")
        client.do("publish", channel=channel, data={"over": transport})

        assert client.next("sub_publication")["data"] == {"over": transport}
        client.do("disconnect")
        client.next("state", to="disconnected")


def test_client_falls_back_where_websockets_do_not_work(gateway: Gateway) -> None:
    """Where the WebSocket's path leads nowhere the client is connected by another transport before long."""
    endpoints = {"websocket": gateway.ws_url.replace("/connection/websocket", "/nowhere")}
    beside = {name: f"{gateway.url}/connection/{name}" for name in ("http_stream", "sse", "poll", "explain")}
    with driven_client(
        gateway.ws_url,
        token=gateway.token("browser"),
        endpoints={**endpoints, **beside, "emulation": f"{gateway.url}/emulation"},
    ) as client:
        client.do("connect")

        assert client.next("connected")["transport"] == "http_stream"


def test_client_token_in_the_url(gateway: Gateway) -> None:
    """On request the token travels in the URL, and arrives as it was."""
    with driven_client(gateway.ws_url, token=gateway.token("url-user"), tokenIn="url") as client:
        client.do("connect")

        assert client.next("connected")["client"]
