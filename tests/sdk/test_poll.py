"""The reference client of long polling: what the stock SDKs' scenarios check, over plain requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.poll_client import PollClient
from tests.reference_client import CallError, Disconnected
from tests.sdk.gateway import SdkGateway
from tests.sdk.support import Network, now, token, unique
from tests.sdk.test_python_recovery import publish_over_a_restart

Make = Callable[..., PollClient]


def poll_url(base: str) -> str:
    """Return where polls go, by any URL of the gateway or of a proxy before it."""
    return str(httpx.URL(base).copy_with(scheme="http", path="/connection/poll"))


@pytest.fixture
def way(sdk_gateway: SdkGateway) -> str:
    """Return the base URL by which polls reach the gateway."""
    return sdk_gateway.url


@pytest.fixture
async def make(way: str) -> AsyncIterator[Make]:
    """Make clients that leave with their test."""
    made: list[PollClient] = []

    def make_one(url: str = "", **options: Any) -> PollClient:
        given = {} if "get_token" in options else {"token": token()}
        made.append(PollClient(poll_url(url or way), **{**given, **options}))
        return made[-1]

    yield make_one
    for client in made:
        await client.close()


@pytest.fixture
async def client(make: Make) -> PollClient:
    """A connected client."""
    connected = make()
    await connected.connect()
    return connected


def tokens(*given: str) -> Any:
    """Return a get_token that gives these in turn, and the last for ever."""
    left: Iterator[str] = iter(given)

    async def get_token() -> str:
        return next(left, given[-1])

    return get_token


# Connecting


async def test_token_connects(client: PollClient) -> None:
    """A valid token connects; the reply names client, session and node, and promises no pings."""
    result = client.all("connected")[0]

    assert client.is_connected
    assert len(bytes.fromhex(result["session"])) == 16
    assert result["client"]
    assert result["node"]
    assert not {"ping", "pong"} & result.keys()


async def test_token_may_come_with_the_opening(make: Make, way: str) -> None:
    """A token in the Authorization header or in the URL connects like one in the connect command."""
    by_header = make(token="", headers={"Authorization": f"Bearer {token()}"})
    by_url = PollClient(f"{poll_url(way)}?token={token()}")

    await by_header.connect()
    await by_url.connect()

    assert by_header.is_connected
    assert by_url.is_connected
    await by_url.close()


async def test_expired_token_is_replaced(make: Make) -> None:
    """Error 109 makes the client fetch a fresh token and connect with it in the same session."""
    client = make(get_token=tokens(token(exp=now() - 60), token()))

    await client.connect()

    error = client.all("error")[0]
    assert (error.code, error.message) == (109, "token_expired")
    assert client.all("connecting") == []


@pytest.mark.parametrize(
    ("given", "code", "reason"),
    [
        ("not-a-token", 3500, "token_malformed"),
        ("a.b.c", 3500, "token_not_base64"),
        (token(secret="another-secret-of-at-least-thirty-two-bytes"), 3500, "token_wrong_signature"),
        ("", 3501, "token_empty"),
        ("null", 3501, "token_empty"),
        ("   ", 3501, "token_empty"),
    ],
)
async def test_incurable_token_ends_for_good(make: Make, given: str, code: int, reason: str) -> None:
    """A token that no retry cures disconnects with its own cause, and the client stays away."""
    client = make(token=given)

    with pytest.raises(Disconnected):
        await client.connect()

    assert [(ended["code"], ended["reason"]) for ended in client.all("disconnected")] == [(code, reason)]


async def test_token_is_refreshed_in_band(make: Make) -> None:
    """A session outlives its tokens."""
    asked = 0

    async def get_token() -> str:
        nonlocal asked
        asked += 1
        return token(exp=now() + 2)

    client = make(get_token=get_token)
    await client.connect()
    await client.next("refresh", 2)
    await asyncio.sleep(0.5)

    assert client.is_connected
    assert asked >= 3
    assert len(client.all("connected")) == 1


async def test_token_that_is_not_refreshed_ends(make: Make) -> None:
    """Without a fresh token the session ends some grace after its expiry, and the client is told the cause."""
    client = make(token=token(exp=now() + 3))
    await client.connect()

    assert (await client.next("disconnect"))["reason"] == "connection_expired"


async def test_refresh_by_another_user_ends_for_good(make: Make) -> None:
    """A session cannot change hands by a refresh."""
    client = make(get_token=tokens(token(exp=now() + 2), token(sub="mallory")))
    await client.connect()

    ended = await client.next("disconnected")

    assert (ended["code"], ended["reason"]) == (3500, "token_wrong_user")


@pytest.mark.parametrize(("code", "event"), [(4003, "connecting"), (4503, "disconnected")])
async def test_api_disconnect_by_code(make: Make, sdk_gateway: SdkGateway, code: int, event: str) -> None:
    """Codes below 4500 reconnect, codes from 4500 on are final."""
    user = unique("user")
    client = make(token=token(sub=user))
    await client.connect()

    sdk_gateway.api("disconnect", user=user, disconnect={"code": code, "reason": "because"})
    ended = await client.next(event)

    assert (ended["code"], ended["reason"]) == (code, "because")
    if event == "connecting":
        await client.next("connected", 2)


async def test_rpc_has_nobody_to_answer_it(client: PollClient) -> None:
    """An rpc call ends in a named error."""
    with pytest.raises(CallError) as caught:
        await client.call("rpc", method="anything", data={})

    assert (caught.value.code, caught.value.message) == (108, "not_available")


async def test_session_outlives_silence(client: PollClient, sdk_gateway: SdkGateway) -> None:
    """With nothing to say for longer than any timeout, empty answers keep a session."""
    sub = await client.subscribe(unique("chat:"))
    await asyncio.sleep(4)

    sdk_gateway.api("publish", channel=sub.channel, data=1)
    await client.until(lambda: sub.data == [1], "the publication")

    assert len(client.all("connected")) == 1


# Subscriptions


async def test_publication_says_who_published(make: Make) -> None:
    """What a client publishes arrives with who it is, at the publisher too."""
    channel = unique("chat:")
    seeing, speaking = make(), make(token=token(sub="bob", info={"name": "Bob"}))
    for one in (seeing, speaking):
        await one.connect()
        await one.subscribe(channel)

    await speaking.publish(channel, {"text": "héllo ✓\n"})
    pub = await seeing.next("pub")
    await speaking.next("pub")

    assert pub["data"] == {"text": "héllo ✓\n"}
    assert (pub["info"]["user"], pub["info"]["conn_info"]) == ("bob", {"name": "Bob"})


async def test_presence_joins_and_leaves(make: Make) -> None:
    """Who comes and goes is told, stands in presence and is counted."""
    channel = unique("chat:")
    anna, bob = make(), make(token=token(sub="bob"))
    await anna.connect()
    await anna.subscribe(channel)
    await bob.connect()
    await bob.subscribe(channel)

    await anna.until(lambda: any(one["info"]["user"] == "bob" for one in anna.all("join")), "join of bob")
    present = await anna.call("presence", channel=channel)
    assert {one["user"] for one in present["presence"].values()} == {"alice", "bob"}
    assert await anna.call("presence_stats", channel=channel) == {"num_clients": 2, "num_users": 2}

    await bob.close()
    left = await anna.next("leave")
    assert left["info"]["user"] == "bob"
    assert (await anna.call("presence_stats", channel=channel))["num_clients"] == 1


async def test_client_that_vanishes_leaves(make: Make, sdk_gateway: SdkGateway, way: str) -> None:
    """Who sends no more requests is gone for the others, under a cause of its own."""
    channel = unique("chat:")
    anna = make()
    await anna.connect()
    await anna.subscribe(channel)
    before = sdk_gateway.metric("holdfast_closes_total", slug="poll_idle")
    async with Network(way) as network:
        bob = make(network.url, token=token(sub="bob"))
        await bob.connect()
        await bob.subscribe(channel)
        network.refuse(True)

        assert (await anna.next("leave"))["info"]["user"] == "bob"
        network.refuse(False)
        lost = await bob.next("connecting")
        await bob.next("connected", 2)
        await bob.close()  # while its goodbye gets through

    assert (lost["code"], lost["reason"]) == (404, "unknown_session")
    assert sdk_gateway.metric("holdfast_closes_total", slug="poll_idle") == before + 1


async def test_history_is_read_from_a_position(client: PollClient, sdk_gateway: SdkGateway) -> None:
    """History is read forwards, backwards and from a position."""
    sub = await client.subscribe(unique("chat:"))
    for number in range(1, 6):
        sdk_gateway.api("publish", channel=sub.channel, data=number)

    everything = await client.call("history", channel=sub.channel, limit=-1)
    since = {"offset": 1, "epoch": everything["epoch"]}
    page = await client.call("history", channel=sub.channel, limit=2, since=since)
    newest = await client.call("history", channel=sub.channel, limit=2, reverse=True)

    assert [pub["data"] for pub in everything["publications"]] == [1, 2, 3, 4, 5]
    assert [pub["data"] for pub in page["publications"]] == [2, 3]
    assert [pub["data"] for pub in newest["publications"]] == [5, 4]


@pytest.mark.parametrize(
    ("channel", "code", "reason"),
    [
        ("closed:x", 103, "permission_denied"),
        ("nowhere:x", 102, "unknown_channel"),
        ("$x", 103, "subscription_token_missing"),
    ],
)
async def test_refused_subscription(client: PollClient, channel: str, code: int, reason: str) -> None:
    """A channel that does not let the client in says why, and the session goes on."""
    with pytest.raises(CallError) as caught:
        await client.subscribe(channel)

    assert (caught.value.code, caught.value.message) == (code, reason)
    assert client.is_connected


async def test_subscription_token_is_refreshed(client: PollClient) -> None:
    """A subscription outlives its tokens."""
    channel = unique("$chat")

    async def get_token() -> str:
        return token(channel=channel, exp=now() + 2)

    await client.subscribe(channel, get_token)
    await client.next("sub_refresh", 2)

    assert client.all("unsubscribe") == []


async def test_api_subscribes_and_unsubscribes(make: Make, sdk_gateway: SdkGateway) -> None:
    """The server API begins and ends subscriptions of a live session."""
    user, channel = unique("user"), unique("chat:")
    client = make(token=token(sub=user))
    await client.connect()

    sdk_gateway.api("subscribe", user=user, channel=channel)
    await client.next("subscribe")
    sdk_gateway.api("publish", channel=channel, data=1)
    await client.next("pub")
    sdk_gateway.api("unsubscribe", user=user, channel=channel)

    assert (await client.next("unsubscribe"))["code"] == 2000


async def test_unsubscribed_client_gets_nothing(client: PollClient, sdk_gateway: SdkGateway) -> None:
    """After an unsubscribe nothing of the channel comes."""
    gone, kept = await client.subscribe(unique("chat:")), await client.subscribe(unique("chat:"))
    await client.unsubscribe(gone.channel)

    sdk_gateway.api("publish", channel=gone.channel, data=1)
    sdk_gateway.api("publish", channel=kept.channel, data=2)
    await client.until(lambda: kept.data == [2], "the other publication")

    assert gone.data == []


# Recovery


async def test_short_break_costs_no_session(make: Make, sdk_gateway: SdkGateway, way: str) -> None:
    """A network that comes back before the idle timeout is made up for without a new session."""
    async with Network(way) as network:
        client = make(network.url)
        await client.connect()
        sub = await client.subscribe(unique("plain:"))
        network.refuse(True)
        for number in (1, 2, 3):
            sdk_gateway.api("publish", channel=sub.channel, data=number)
        network.refuse(False)
        await client.until(lambda: len(sub.data) >= 3, "all three")

        assert sub.data == [1, 2, 3]
        assert len(client.all("connected")) == 1
        await client.close()  # while its goodbye gets through


async def test_missed_publications_arrive_once(make: Make, sdk_gateway: SdkGateway) -> None:
    """After a lost session everything missed is recovered in order, and nothing twice."""
    user = unique("user")
    client = make(token=token(sub=user))
    await client.connect()
    sub = await client.subscribe(unique("kept:"))
    sdk_gateway.api("publish", channel=sub.channel, data=1)
    await client.next("pub")

    sdk_gateway.batch(
        [{"disconnect": {"user": user, "disconnect": {"code": 4000, "reason": "go"}}}]
        + [{"publish": {"channel": sub.channel, "data": number}} for number in (2, 3, 4)]
    )
    await client.until(lambda: len(sub.data) >= 4, "all four")

    assert sub.data == [1, 2, 3, 4]
    assert sub.results[-1]["recovered"]


async def test_unrecoverable_position_is_told(make: Make, sdk_gateway: SdkGateway) -> None:
    """Where history no longer reaches back, the client is told and gets nothing partial."""
    user = unique("user")
    client = make(token=token(sub=user))
    await client.connect()
    sub = await client.subscribe(unique("short:"))

    sdk_gateway.batch(
        [{"disconnect": {"user": user, "disconnect": {"code": 4000, "reason": "go"}}}]
        + [{"publish": {"channel": sub.channel, "data": number}} for number in range(1, 6)]
    )
    await client.next("subscribed", 2)

    assert sub.results[-1]["was_recovering"]
    assert "recovered" not in sub.results[-1]
    assert (sub.data, sub.offset) == ([], 5)


async def test_server_side_subscription_recovers(make: Make, sdk_gateway: SdkGateway) -> None:
    """Subscriptions of the token recover what was missed as well."""
    user, channel = unique("user"), unique("kept:")
    client = make(token=token(sub=user, channels=[channel]))
    await client.connect()
    sdk_gateway.api("publish", channel=channel, data=1)
    await client.next("pub")

    sdk_gateway.batch(
        [
            {"disconnect": {"user": user, "disconnect": {"code": 4000, "reason": "go"}}},
            {"publish": {"channel": channel, "data": 2}},
        ]
    )
    await client.next("connected", 2)

    assert client.subs[channel].data == [1, 2]
    assert client.subs[channel].results[-1]["recovered"]


async def test_crash_is_told(client: PollClient, sdk_gateway: SdkGateway) -> None:
    """After a crash history is gone, and the client is told so instead of being given a silent gap."""
    sub = await client.subscribe(unique("kept:"))
    sdk_gateway.api("publish", channel=sub.channel, data=1)
    await client.next("pub")
    epoch = sub.epoch

    await asyncio.to_thread(sdk_gateway.kill)
    await asyncio.to_thread(sdk_gateway.start)
    await client.next("subscribed", 2)

    assert "recovered" not in sub.results[-1]
    assert sub.epoch != epoch
    assert client.all("connecting")[0]["reason"] == "unknown_session"


async def test_restart_loses_and_doubles_nothing(client: PollClient, sdk_gateway: SdkGateway) -> None:
    """Numbered publications over a restart of the gateway: each arrives once, and the client is told to leave."""
    sub = await client.subscribe(unique("kept:"))
    epoch = sub.epoch

    async def has_begun() -> None:
        await client.until(lambda: len(sub.data) >= 5, "the first publications")

    published = await publish_over_a_restart(sdk_gateway, sub.channel, has_begun)
    await client.until(lambda: len(sub.data) >= published, "all publications", 20)
    await client.next("connected", 2)

    assert sub.data == list(range(1, published + 1))
    assert sub.epoch == epoch
    assert client.all("disconnect")[0]["reason"] == "shutdown"
