from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import Raw

from holdfast.broker.base import History, HistoryFilter
from holdfast.connections.publishing import PublishTerms
from holdfast.errors import BrokerError
from tests.brokers import Clock
from tests.fossil import apply_delta
from tests.live import EVERYTHING, Client, World
from tests.unit.connections.conftest import MakeWorld


async def published(world: World, count: int, channel: str = "a") -> str:
    """Publish numbers from 1 on and return the epoch."""
    client = world.connect("publisher")
    for number in range(1, count + 1):
        client.call("publish", channel=channel, data=number)
    epoch = client.call("history", channel=channel)["history"]["epoch"]
    client.hang_up()
    await world.turn()
    return str(epoch)


def recover(client: Client, offset: int, epoch: str, **more: Any) -> dict[str, Any]:
    """Subscribe to `a` from a position on and return the reply."""
    return client.call("subscribe", channel="a", recover=True, recoverable=True, offset=offset, epoch=epoch, **more)


async def test_subscribe_without_wishes_answers_nothing(world: World) -> None:
    """A plain subscription has an empty result."""
    assert world.connect().call("subscribe", channel="a")["subscribe"] == {}


async def test_subscribe_positioned_answers_the_position(world: World) -> None:
    """Offset and epoch of the stream's top come with the reply."""
    epoch = await published(world, 3)
    reply = world.connect().call("subscribe", channel="a", positioned=True)

    assert reply["subscribe"] == {"positioned": True, "epoch": epoch, "offset": 3}


async def test_subscribe_recovers_exactly_what_was_missed(world: World) -> None:
    """Everything after the asked offset comes in order, and the answered offset is the asked one."""
    epoch = await published(world, 5)
    reply = recover(world.connect(), 2, epoch)["subscribe"]

    assert [one["data"] for one in reply["publications"]] == [3, 4, 5]
    assert (reply["recovered"], reply["was_recovering"], reply["offset"]) == (True, True, 2)


async def test_subscribe_recovers_when_nothing_was_missed(world: World) -> None:
    """The top position recovers without publications."""
    epoch = await published(world, 5)
    reply = recover(world.connect(), 5, epoch)["subscribe"]

    assert reply["recovered"] is True
    assert "publications" not in reply


@pytest.mark.parametrize(("offset", "epoch"), [(1, None), (99, None), (12, "other"), (0, "_")])
async def test_subscribe_never_recovers_in_part(world: World, offset: int, epoch: str | None) -> None:
    """Cut off, ahead of the stream or of another epoch: nothing is given, and the current position is told."""
    real = await published(world, 15)  # ten are kept
    reply = recover(world.connect(), offset, epoch or real)["subscribe"]

    assert "recovered" not in reply
    assert "publications" not in reply
    assert (reply["was_recovering"], reply["offset"], reply["epoch"]) == (True, 15, real)


async def test_subscribe_does_not_recover_more_than_its_limit(make_world: MakeWorld) -> None:
    """More missed publications than one recovery may return are no recovery."""
    world = await make_world(client={"recovery_max_publication_limit": 3})
    epoch = await published(world, 5)

    assert "recovered" not in recover(world.connect(), 1, epoch)["subscribe"]
    assert recover(world.connect(), 2, epoch)["subscribe"]["recovered"] is True


async def test_subscribe_refuses_a_gap_where_asked_to(world: World) -> None:
    """A client that wants to know gets error 112 instead of a subscription with a gap."""
    epoch = await published(world, 15)
    client = world.connect()
    assert recover(client, 1, epoch, flag=2)["error"] == {"code": 112, "message": "unrecoverable_position"}
    assert (len(world.hub), client.connection.subs) == (0, {})

    assert recover(client, 14, epoch, flag=3)["subscribe"]["recovered"] is True


async def test_subscribe_says_was_recovering_without_history(make_world: MakeWorld) -> None:
    """A channel that keeps nothing recovers nothing, and says so."""
    world = await make_world(channel={"without_namespace": {"allow_subscribe_for_client": True}})
    reply = recover(world.connect(), 3, "e")["subscribe"]

    assert reply == {"was_recovering": True}


async def test_subscribe_gives_no_stream_without_permission(make_world: MakeWorld) -> None:
    """Positions and recovery are history by another name: who may not read it does not get them, unless allowed."""
    options = {"allow_subscribe_for_client": True, "history_size": 5, "history_ttl": 60}
    world = await make_world(channel={"without_namespace": options})
    assert world.connect().call("subscribe", channel="a", positioned=True, recoverable=True)["subscribe"] == {}
    allowed = await make_world(channel={"without_namespace": {**options, "allow_recovery": True}})

    assert allowed.connect().call("subscribe", channel="a", recoverable=True)["subscribe"]["recoverable"] is True


class BetweenBroker:
    """Lets something happen between the broker's answer and the subscription."""

    def __init__(self, world: World, action: Any) -> None:
        self._history = world.broker.history
        self._action = action
        world.broker.history = self  # type: ignore[assignment]  # the test steps in

    async def __call__(self, channel: str, query: HistoryFilter, meta_ttl: float = 0.0) -> History:
        """Answer, then act once."""
        found = await self._history(channel, query, meta_ttl)
        action, self._action = self._action, None
        if action is not None:
            action()
        return found


@pytest.mark.parametrize("recovers", [True, False])
async def test_subscribe_misses_nothing_published_meanwhile(world: World, recovers: bool) -> None:
    """What is published between the history read and the reply arrives once, in the reply or right behind it."""
    epoch = await published(world, 2)
    other, client = world.connect("bob"), world.connect()
    other.call("subscribe", channel="a")
    client.received()

    def publish_two() -> None:
        other.call("publish", channel="a", data=3)
        other.call("publish", channel="a", data=4)

    BetweenBroker(world, publish_two)
    client.send(
        {
            "id": 50,
            "subscribe": {
                "channel": "a",
                "recover": recovers,
                "positioned": True,
                "recoverable": True,
                "offset": 1,
                "epoch": epoch,
            },
        }
    )
    await world.turn()
    other.call("publish", channel="a", data=5)
    await world.turn()
    messages = client.received()
    in_reply = [one["data"] for one in messages[0]["subscribe"].get("publications", [])]
    pushed = [one["push"]["pub"]["data"] for one in messages[1:] if "pub" in one["push"]]

    assert in_reply + pushed == ([2, 3, 4, 5] if recovers else [3, 4, 5])
    assert in_reply == ([2, 3, 4] if recovers else [])


async def test_subscribe_fails_whole_when_the_broker_does(world: World) -> None:
    """A broker that is away refuses the subscription for now and leaves nothing behind."""

    async def fails(channel: str, query: HistoryFilter, meta_ttl: float = 0.0) -> History:
        raise BrokerError("broker_unavailable")

    client = world.connect()
    world.broker.history = fails  # type: ignore[method-assign]  # the test steps in
    reply = await client.ask("subscribe", channel="a", positioned=True)

    assert reply["error"] == {"code": 100, "message": "broker_unavailable", "temporary": True}
    assert (len(world.hub), len(world.core.feed), client.connection.subs) == (0, 0, {})


@pytest.mark.parametrize("method", ["subscribe", "history", "add_presence"])
async def test_subscribe_outlives_a_broker_that_is_away_for_a_moment(
    world: World, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """Whatever the broker is asked on the way is asked again; the client notices nothing."""
    real, failures = getattr(world.broker, method), [BrokerError("broker_unavailable")]

    async def stumbles(*arguments: Any, **named: Any) -> Any:
        if failures:
            raise failures.pop()
        return await real(*arguments, **named)

    client = world.connect()
    monkeypatch.setattr(world.broker, method, stumbles)
    reply = await client.ask("subscribe", channel="a", positioned=True)

    assert reply["subscribe"]["positioned"]
    assert not failures
    assert len(world.core.feed) == 1


@pytest.mark.parametrize(
    ("channel", "error"),
    [
        ("nowhere:a", (102, "unknown_channel")),
        ("x" * 256, (107, "channel_name_too_long")),
        ("$private", (103, "subscription_token_missing")),
        ("ünicode", (107, "channel_name_invalid")),
    ],
)
async def test_subscribe_names_why_not(world: World, channel: str, error: tuple[int, str]) -> None:
    """Each refusal has its own name."""
    reply = world.connect().call("subscribe", channel=channel)

    assert (reply["error"]["code"], reply["error"]["message"]) == error


async def test_subscribe_with_an_empty_token_says_so(world: World) -> None:
    """A missing and an empty token are two causes; where none is needed an empty one does no harm."""
    client = world.connect()

    assert client.call("subscribe", channel="$p", token="")["error"]["message"] == "subscription_token_empty"
    assert client.call("subscribe", channel="$p")["error"]["message"] == "subscription_token_missing"
    assert "subscribe" in client.call("subscribe", channel="a", token="")


async def test_subscribe_twice_is_an_error(world: World) -> None:
    """A channel is subscribed to once per connection."""
    client = world.connect()
    client.call("subscribe", channel="a")

    assert client.call("subscribe", channel="a")["error"]["message"] == "already_subscribed"


async def test_subscribe_without_a_channel_closes(world: World) -> None:
    """An empty channel is a malformed command."""
    for method in ("subscribe", "unsubscribe", "sub_refresh", "presence", "history"):
        client = world.connect()
        client.send({"id": 5, method: {}})
        assert client.transport.closed == (3501, "malformed_command")


async def test_subscribe_over_the_limit_is_an_error(make_world: MakeWorld) -> None:
    """One channel more than the limit is refused, and the session goes on."""
    world = await make_world(client={"channel_limit": 2})
    client = world.connect()
    for channel in "ab":
        client.call("subscribe", channel=channel)

    assert client.call("subscribe", channel="c")["error"] == {"code": 106, "message": "channel_limit"}
    client.call("unsubscribe", channel="a")
    assert "subscribe" in client.call("subscribe", channel="c")


async def test_subscribe_by_token(world: World) -> None:
    """A subscription token opens a private channel, with its own info and end."""
    client = world.connect()
    token = world.token(channel="$private", info={"role": "guest"})
    reply = client.call("subscribe", channel="$private", token=token)

    assert reply["subscribe"] == {"expires": True, "ttl": 600}
    info = client.call("presence", channel="$private")["presence"]["presence"][client.connection.client]
    assert info["chan_info"] == {"role": "guest"}


@pytest.mark.parametrize(
    ("claims", "code", "slug"),
    [
        ({"channel": "$other"}, 103, "subscription_token_wrong_channel"),
        ({"channel": "$private", "sub": "bob"}, 103, "subscription_token_wrong_user"),
        ({"channel": "$private", "client": "someone"}, 103, "subscription_token_wrong_client"),
        ({"channel": "$private", "exp": 1}, 109, "subscription_token_expired"),
    ],
)
async def test_subscribe_with_a_wrong_token_refuses_it_alone(
    world: World, claims: dict[str, Any], code: int, slug: str
) -> None:
    """A subscription's token is that subscription's affair: the session goes on."""
    client = world.connect()
    user = claims.pop("sub", "anna")
    reply = client.call("subscribe", channel="$private", token=world.token(user, **claims))

    assert reply["error"] == {"code": code, "message": slug}
    assert client.transport.closed is None


async def test_sub_refresh_prolongs(world: World, clock: Clock) -> None:
    """A fresh token moves the subscription's end."""
    client = world.connect(exp=int(clock()) + 10_000)
    client.call("subscribe", channel="$p", token=world.token(channel="$p"))
    clock.advance(500)
    reply = client.call("sub_refresh", channel="$p", token=world.token(channel="$p"))
    clock.advance(500)
    world.core.expiry.advance()

    assert reply["sub_refresh"] == {"expires": True, "ttl": 600}
    assert "$p" in client.connection.subs


async def test_sub_refresh_of_what_has_no_token_is_an_error(world: World) -> None:
    """Only a subscription that began by a token has one to refresh."""
    client = world.connect()
    assert client.call("sub_refresh", channel="a", token="x")["error"]["message"] == "not_subscribed"
    client.call("subscribe", channel="a")

    assert client.call("sub_refresh", channel="a", token="x")["error"]["message"] == "bad_request"


async def test_unsubscribe_ends_delivery(world: World) -> None:
    """After the reply nothing of the channel comes, and a channel without subscription is no error."""
    client, other = world.connect(), world.connect("bob")
    client.call("subscribe", channel="a")
    await client.pushes()
    assert client.call("unsubscribe", channel="a")["unsubscribe"] == {}
    assert client.call("unsubscribe", channel="a")["unsubscribe"] == {}
    other.call("publish", channel="a", data=1)

    assert await client.pushes() == []
    assert (len(world.hub), len(world.core.feed)) == (0, 0)


async def test_joins_and_leaves_reach_who_asked(world: World) -> None:
    """Whoever asked for them hears of every coming and going, its own included."""
    watcher, other = world.connect("watcher"), world.connect("bob")
    watcher.call("subscribe", channel="a", join_leave=True)
    other.call("subscribe", channel="a")
    other.call("unsubscribe", channel="a")
    pushes = await watcher.pushes()

    told = [(kind, push[kind]["info"]["user"]) for push in pushes for kind in ("join", "leave") if kind in push]
    assert told == [("join", "watcher"), ("join", "bob"), ("leave", "bob")]
    assert await other.pushes() == []


async def test_presence_ends_with_the_connection(make_world: MakeWorld) -> None:
    """Who hangs up is gone from presence at once."""
    world = await make_world(channel={"without_namespace": EVERYTHING})
    client, other = world.connect(), world.connect("bob")
    client.call("subscribe", channel="a")
    assert other.call("presence_stats", channel="a")["presence_stats"] == {"num_clients": 1, "num_users": 1}
    client.hang_up()

    assert other.call("presence_stats", channel="a")["presence_stats"] == {"num_clients": 0, "num_users": 0}


CHANGING = {**EVERYTHING, "allowed_delta_types": ["fossil"], "delta_publish": True}
LONG = "x" * 60


@pytest.fixture
async def changing(make_world: MakeWorld) -> World:
    """An instance whose channels allow deltas."""
    plain = {"name": "plain", "allow_subscribe_for_client": True, "allow_publish_for_client": True}
    namespaces = [{**plain, "allowed_delta_types": ["fossil"]}, {**CHANGING, "name": "off", "allowed_delta_types": []}]
    return await make_world(channel={"without_namespace": CHANGING, "namespaces": namespaces})


def decoded(publications: list[dict[str, Any]], base: bytes | None = None) -> list[Any]:
    """Return the documents that a client makes of publications with deltas."""
    documents = []
    for one in publications:
        data = one["data"].encode()
        if one.get("delta"):
            assert base is not None
            data = apply_delta(base, data)
        base = data
        documents.append(json.loads(data))
    return documents


async def test_subscribe_negotiates_deltas(changing: World) -> None:
    """Who asks gets its data as strings, whole first and then deltas; the others notice nothing."""
    client, other = changing.connect(), changing.connect("bob")
    assert client.call("subscribe", channel="a", delta="fossil")["subscribe"] == {"delta": True}
    assert other.call("subscribe", channel="a")["subscribe"] == {}
    for number in range(3):
        other.call("publish", channel="a", data=[LONG, number])
        pushes = [push["pub"] for push in await client.pushes() if "pub" in push]
        plain = [push["pub"] for push in await other.pushes() if "pub" in push]
        assert [one["data"] for one in plain] == [[LONG, number]]
        assert pushes[0].get("delta", False) is (number > 0)
        assert pushes[0]["info"] == plain[0]["info"]
        assert decoded(pushes, json.dumps([LONG, number - 1]).encode()) == [[LONG, number]]


@pytest.mark.parametrize("channel", ["off:a", "plain:a"])
async def test_subscribe_with_deltas_that_are_off(changing: World, channel: str) -> None:
    """Where the namespace has none the reply says so; where no publisher wants any, all come whole."""
    client, other = changing.connect(), changing.connect("bob")
    is_negotiated = client.call("subscribe", channel=channel, delta="fossil")["subscribe"].get("delta", False)
    for number in range(2):
        other.call("publish", channel=channel, data=[LONG, number])
    pushes = [push["pub"] for push in await client.pushes() if "pub" in push]

    assert is_negotiated is (channel == "plain:a")
    assert not any("delta" in one for one in pushes)
    whole = decoded(pushes) if is_negotiated else [one["data"] for one in pushes]
    assert whole == [[LONG, 0], [LONG, 1]]


async def test_subscribe_asks_for_an_unknown_delta(changing: World) -> None:
    """A kind of delta that does not exist is no command, as with Centrifugo."""
    client = changing.connect()
    client.send({"id": 7, "subscribe": {"channel": "a", "delta": "xdelta"}})

    assert client.transport.closed == (3501, "delta_unknown")


async def test_subscribe_recovers_in_deltas(changing: World) -> None:
    """What was missed is whole first, then deltas, and the live stream goes on from there."""
    publisher = changing.connect("bob")
    for number in range(4):
        publisher.call("publish", channel="a", data=[LONG, number])
    epoch = publisher.call("history", channel="a")["history"]["epoch"]
    client = changing.connect()
    reply = recover(client, 1, epoch, delta="fossil")["subscribe"]
    publisher.call("publish", channel="a", data=[LONG, 4])
    live = [push["pub"] for push in await client.pushes() if "pub" in push]

    assert [one.get("delta", False) for one in reply["publications"] + live] == [False, True, True, True]
    assert decoded(reply["publications"] + live) == [[LONG, number] for number in range(1, 5)]


async def test_subscribe_recovers_nothing_and_has_no_base(changing: World) -> None:
    """Who missed nothing may have lost its base with the old connection, so the next one comes whole."""
    publisher = changing.connect("bob")
    publisher.call("publish", channel="a", data=[LONG, 0])
    epoch = publisher.call("history", channel="a")["history"]["epoch"]
    client = changing.connect()
    reply = recover(client, 1, epoch, delta="fossil")["subscribe"]
    publisher.call("publish", channel="a", data=[LONG, 1])
    live = [push["pub"] for push in await client.pushes() if "pub" in push]

    assert (reply["recovered"], reply["delta"]) == (True, True)
    assert decoded(live) == [[LONG, 1]]


async def test_subscribe_pushes_the_rest_whole(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is published while a subscription with deltas is being made comes as strings, and is the base after that."""
    world = await make_world(channel={"without_namespace": CHANGING})
    client, other = world.connect(), world.connect("bob")
    original = world.broker.history

    async def late(*arguments: Any) -> History:
        found = await original(*arguments)
        await world.core.publisher.publish("a", Raw(json.dumps([LONG, 1]).encode()))
        return found

    monkeypatch.setattr(world.broker, "history", late)
    client.send({"id": 9, "subscribe": {"channel": "a", "positioned": True, "delta": "fossil"}})
    monkeypatch.setattr(world.broker, "history", original)
    other.call("publish", channel="a", data=[LONG, 2])
    pushes = [push["pub"] for push in await client.pushes() if "pub" in push]

    assert [one.get("delta", False) for one in pushes] == [False, True]
    assert decoded(pushes) == [[LONG, 1], [LONG, 2]]


async def test_connect_negotiates_deltas_of_server_side_channels(changing: World) -> None:
    """A token's channels come as deltas where the client says it can read them."""
    client = changing.open()
    reply = client.call("connect", token=changing.token(channels=["a", "b"]), subs={"a": {"delta": "fossil"}})

    assert reply["connect"]["subs"] == {"a": {"delta": True}, "b": {}}


@pytest.fixture
async def tagged(make_world: MakeWorld) -> World:
    """An instance whose channels allow filters, and one namespace that does not."""
    options = {**EVERYTHING, "allow_tags_filter": True, "allowed_delta_types": ["fossil"], "delta_publish": True}
    namespaces = [{**EVERYTHING, "name": "off"}]
    return await make_world(channel={"without_namespace": options, "namespaces": namespaces})


async def publish_kinds(world: World, kinds: str) -> None:
    """Publish 1, 2, 3 and so on, each tagged with its letter."""
    for number, kind in enumerate(kinds, 1):
        await world.core.publisher.publish("a", Raw(str(number).encode()), PublishTerms(tags={"kind": kind}))


ONLY_A = {"key": "kind", "cmp": "eq", "val": "a"}


async def test_subscribe_with_a_filter_gets_what_matches(tagged: World) -> None:
    """Live publications pass the filter; who brought none gets all of them."""
    client, other = tagged.connect(), tagged.connect("bob")
    assert client.call("subscribe", channel="a", tf=ONLY_A)["subscribe"] == {}
    other.call("subscribe", channel="a")
    await publish_kinds(tagged, "abba")
    mine = [push["pub"]["data"] for push in await client.pushes() if "pub" in push]
    theirs = [push["pub"]["data"] for push in await other.pushes() if "pub" in push]

    assert (mine, theirs) == ([1, 4], [1, 2, 3, 4])


async def test_subscribe_recovers_what_matches(tagged: World) -> None:
    """Recovery is whole when everything is there, whatever of it passes; nothing is mistaken for a gap afterwards."""
    await publish_kinds(tagged, "ababb")
    client = tagged.connect()
    epoch = client.call("history", channel="a")["history"]["epoch"]
    reply = recover(client, 1, epoch, tf=ONLY_A)["subscribe"]
    await publish_kinds(tagged, "ba")
    live = [push["pub"]["offset"] for push in await client.pushes() if "pub" in push]

    assert (reply["recovered"], reply["offset"]) == (True, 1)
    assert [one["offset"] for one in reply["publications"]] == [3]
    assert live == [7]


async def test_subscribe_selects_what_comes_meanwhile(tagged: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is published while the subscription is being made passes the filter too."""
    client = tagged.connect()
    original = tagged.broker.history

    async def late(*arguments: Any) -> History:
        found = await original(*arguments)
        await publish_kinds(tagged, "ab")
        return found

    monkeypatch.setattr(tagged.broker, "history", late)
    client.send({"id": 9, "subscribe": {"channel": "a", "positioned": True, "tf": ONLY_A}})
    pushes = [push["pub"]["data"] for push in await client.pushes() if "pub" in push]

    assert pushes == [1]


async def test_subscribe_with_a_filter_has_no_deltas(tagged: World) -> None:
    """As with Centrifugo a filter wins over deltas, and the reply says so."""
    reply = tagged.connect().call("subscribe", channel="a", tf=ONLY_A, delta="fossil")

    assert reply["subscribe"] == {}


@pytest.mark.parametrize(
    ("channel", "tf", "slug"),
    [("off:a", ONLY_A, "tags_filter_not_allowed"), ("a", {"key": "kind"}, "tags_filter_invalid")],
)
async def test_subscribe_refuses_filters(tagged: World, channel: str, tf: dict[str, Any], slug: str) -> None:
    """A filter that is not allowed or not well-formed refuses the subscription, and nothing of it stays."""
    client = tagged.connect()
    error = client.call("subscribe", channel=channel, tf=tf)["error"]

    assert error == {"code": 107, "message": slug}
    assert (len(tagged.hub), len(tagged.core.feed), client.connection.subs) == (0, 0, {})
