"""Many clients do random things at once, against a broker that answers at once and one that takes its time.

Nothing here has a socket. What a client may rely on is kept by `Player`, a model of an SDK that believes nothing.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from msgspec import Raw

from holdfast.connections.control import Target
from holdfast.connections.publishing import PublishTerms
from holdfast.connections.subscription import Grant
from holdfast.errors import GatewayError
from holdfast.protocol.framing import RAW_JSON, RAW_PROTOBUF
from holdfast.protocol.messages import StreamPosition
from tests.brokers import Clock
from tests.fossil import apply_delta
from tests.live import EVERYTHING, Client, World
from tests.slow_broker import SlowBroker

CHANNELS = ("a", "b", "forced:c", "plain:d", "changing:e", "passing:f")
USERS = ("anna", "bob", "carol")
PLAIN = {"allow_subscribe_for_client": True, "allow_publish_for_client": True, "presence": True}
TAILORED = {"allowed_delta_types": ["fossil"], "delta_publish": True, "allow_tags_filter": True}
TAGGED = {"key": "kind", "cmp": "ex"}
SETTINGS: dict[str, Any] = {
    "channel": {
        "without_namespace": EVERYTHING,
        "namespaces": [
            {"name": "forced", **EVERYTHING, "force_recovery": True, "force_push_join_leave": True},
            {"name": "plain", **PLAIN},
            {"name": "changing", **EVERYTHING, **TAILORED},
            {"name": "passing", **PLAIN, **TAILORED},
        ],
    },
    "client": {"command_rate": 0, "user_connection_limit": 3},
    "broker": {"presence_ttl": 1_000_000},
}
STEPS = 120


def document(random: Random) -> dict[str, Any]:
    """Return something to publish that differs little from the rest, and tells when it was put together wrongly."""
    number = random.randrange(10**6)
    return {"number": number, "text": "x" * 80 + str(number)}


class Follow:
    """What a client knows of one channel: where it is, if it was told."""

    def __init__(self, result: dict[str, Any], asked: dict[str, Any], *, is_lossy: bool = False) -> None:
        self.is_lossy = is_lossy  # then who has no position may miss something
        self.is_positioned = bool(result.get("positioned"))
        self.epoch = result.get("epoch", "")
        self.offset = result.get("offset", 0)
        self.last = 0  # of what came, for a subscription without a position
        self.is_filtered = "tf" in asked
        self.has_deltas = bool(result.get("delta"))
        self.base: bytes | None = None
        assert not (self.is_filtered and self.has_deltas)
        if result.get("recovered"):
            assert self.offset == asked.get("offset", 0)
            assert asked.get("epoch", "") in ("", self.epoch)
        else:
            assert not result.get("publications"), "something of a recovery that failed"
        for one in result.get("publications", ()):
            self.take(one)

    def take(self, publication: dict[str, Any]) -> None:
        """Take the next publication and insist that it is the next, and what was published."""
        self.read(publication)
        offset = publication.get("offset", 0)
        if not offset:
            return
        if self.is_filtered:
            assert offset > self.offset or not self.is_positioned, f"after {self.offset} came {offset}"
            self.offset = offset
        elif self.is_positioned:
            assert offset == self.offset + 1, f"after {self.offset} came {offset}"
            self.offset = offset
        else:
            assert self.is_lossy or not self.last or offset in (self.last + 1, 1), f"after {self.last} came {offset}"
            self.last = offset

    def read(self, publication: dict[str, Any]) -> None:
        """Put the data together and insist that it makes sense."""
        data = publication["data"]
        if self.has_deltas:
            # In JSON it is a string; the reader of Protobuf has parsed what is JSON, and left deltas as they are.
            data = data.encode() if isinstance(data, str) else data
            data = data if isinstance(data, bytes) else json.dumps(data).encode()
            if publication.get("delta"):
                assert self.base is not None, "a delta without a base"
                data = apply_delta(self.base, data)
            self.base, data = data, json.loads(data)
        assert data["text"] == "x" * 80 + str(data["number"])
        assert publication.get("tags") or not self.is_filtered


class Player:
    """One client: sends at random, and checks everything that comes."""

    def __init__(self, world: World, random: Random, user: str, known: dict[str, StreamPosition]) -> None:
        self.world = world
        self.random = random
        self.user = user
        self.known = known  # positions, over the life of one connection
        self.client: Client = world.open(random.choice([RAW_JSON, RAW_JSON, RAW_PROTOBUF]))
        self.asked: dict[int, tuple[str, dict[str, Any]]] = {}
        self.sent: list[int] = []
        self.answered: list[int] = []
        self.follows: dict[str, Follow] = {}
        self.is_gone = False
        self.is_refused = False
        self.connect()

    @property
    def is_open(self) -> bool:
        """Whether the connection lives."""
        return not self.is_gone and self.client.transport.closed is None

    def connect(self) -> None:
        """Open the session, perhaps with server-side channels, and at once more."""
        channels = self.random.sample(CHANNELS, self.random.randint(0, 2))
        subs = {name: self.where(name) for name in channels if self.random.random() < 0.7}
        for one in subs.values():
            one |= {"delta": "fossil"} if self.random.random() < 0.5 else {}
        request = {"token": self.world.token(self.user, channels=channels), "subs": subs}
        commands = [("connect", request)]
        commands += [self.any_command() for _ in range(self.random.randint(0, 2))]
        self.send(commands)

    def where(self, channel: str) -> dict[str, Any]:
        """Return the fields by which a client recovers from where it was, mostly."""
        position = self.known.get(channel)
        if position is None:
            return {}
        offset = position.offset if self.random.random() < 0.9 else self.random.randint(0, 20)
        return {"recover": True, "offset": offset, "epoch": position.epoch}

    def any_command(self) -> tuple[str, dict[str, Any]]:
        """Return a random command."""
        channel = self.random.choice(CHANNELS)
        method = self.random.choice(
            ["subscribe"] * 4 + ["unsubscribe", "unsubscribe", "publish", "publish", "presence", "history", "ping"]
        )
        request: dict[str, Any] = {"channel": channel}
        if method == "subscribe":
            wishes = ("positioned", "recoverable", "join_leave")
            request |= {name: True for name in wishes if self.random.random() < 0.5}
            request |= self.where(channel) | ({"flag": 2} if self.random.random() < 0.2 else {})
            request |= {"delta": "fossil"} if self.random.random() < 0.5 else {}
            if channel in ("changing:e", "passing:f") and self.random.random() < 0.3:
                request["tf"] = TAGGED
        elif method == "publish":
            request["data"] = document(self.random)
        elif method == "ping":
            request = {}
        return method, request

    def send(self, commands: list[tuple[str, dict[str, Any]]]) -> None:
        """Send commands in one message."""
        lines = []
        for method, request in commands:
            number = len(self.sent) + 1
            self.sent.append(number)
            self.asked[number] = method, request
            lines.append({"id": number, method: request})
        self.client.send(*lines)

    def hang_up(self) -> None:
        """Go without a word."""
        self.read()
        if not self.is_gone:
            self.is_gone = True
            self.client.hang_up()

    def read(self) -> None:
        """Check what came."""
        for message in self.client.received():
            if "push" in message:
                self.on_push(message["push"])
            else:
                self.on_reply(message)

    def on_reply(self, reply: dict[str, Any]) -> None:
        """Check a reply."""
        number = reply["id"]
        self.answered.append(number)
        assert self.answered == self.sent[: len(self.answered)], "replies out of order"
        method, request = self.asked[number]
        if "error" in reply:
            assert reply["error"]["message"] != "internal_error"
            self.is_refused = method == "connect"
            return
        assert not self.is_refused
        assert method in reply
        if method == "connect":
            for channel, result in reply["connect"].get("subs", {}).items():
                self.follow(channel, result, request["subs"].get(channel, {}))
        elif method == "subscribe":
            self.follow(request["channel"], reply["subscribe"], request)
        elif method == "unsubscribe":
            self.unfollow(request["channel"])

    def on_push(self, push: dict[str, Any]) -> None:
        """Check a push."""
        if "refresh" in push:
            return
        channel = push["channel"]
        if "subscribe" in push:
            self.follow(channel, push["subscribe"], {})
            return
        assert channel in self.follows, f"{push} without a subscription"
        if "unsubscribe" in push:
            self.unfollow(channel)
        elif "pub" in push:
            self.follows[channel].take(push["pub"])
            self.note(channel)

    def follow(self, channel: str, result: dict[str, Any], asked: dict[str, Any]) -> None:
        """Note a subscription."""
        assert channel not in self.follows, "subscribed twice"
        is_lossy = isinstance(self.world.broker, SlowBroker) and self.world.broker.losing > 0
        self.follows[channel] = Follow(result, asked, is_lossy=is_lossy)
        self.note(channel)

    def unfollow(self, channel: str) -> None:
        """Note its end."""
        self.follows.pop(channel, None)

    def note(self, channel: str) -> None:
        """Remember the position."""
        follow = self.follows[channel]
        if follow.is_positioned:
            self.known[channel] = StreamPosition(follow.offset, follow.epoch)


class Play:
    """One random run."""

    def __init__(self, world: World, random: Random) -> None:
        self.world = world
        self.random = random
        self.players: list[Player] = []
        self.known: list[dict[str, StreamPosition]] = [{} for _ in range(8)]
        self.control: set[asyncio.Task[None]] = set()
        self.idle = asyncio.all_tasks()  # the test's own, and the broker's sweeper

    async def run(self) -> None:
        """Do random things, then let all come to rest."""
        for _ in range(STEPS):
            self.step()
            for _ in range(self.random.choice([0, 0, 1, 2, 5])):
                await asyncio.sleep(0)
            for player in self.players:
                player.read()
            # The transport tells of an end that the gateway asked for.
            for player in [one for one in self.players if not one.is_open]:
                player.hang_up()
                self.players.remove(player)
        await self.rest()

    def step(self) -> None:
        """Do one random thing."""
        random = self.random
        if not self.players or (len(self.players) < 8 and random.random() < 0.15):
            self.players.append(Player(self.world, random, random.choice(USERS), random.choice(self.known)))
            return
        player = random.choice(self.players)
        chance = random.random()
        if chance < 0.6:
            player.send([player.any_command() for _ in range(random.choice([1, 1, 1, 2, 5]))])
        elif chance < 0.66:
            player.hang_up()
            self.players.remove(player)
        elif chance < 0.86:
            self.do(self.api_call())
        elif chance < 0.9:
            self.forget(random.choice(CHANNELS))
        elif chance < 0.94 and isinstance(broker := self.world.broker, SlowBroker) and broker.losing:
            broker.heal() if broker.is_cut else broker.cut()
        elif chance < 0.97:
            self.world.clock.advance(random.choice([1, 30]))
            self.do(self.world.core.positions.check())
        else:
            self.do(self.world.core.presence.advance(self.world.clock() - 1_700_000_000.0))

    def do(self, work: Any) -> None:
        """Run something beside everything else."""

        async def guarded() -> None:
            try:
                await work
            except GatewayError as error:
                if error.slug not in ("conflict", "broker_unavailable"):
                    raise

        task = asyncio.get_running_loop().create_task(guarded())
        self.control.add(task)

    async def api_call(self) -> None:
        """Do what a backend may do."""
        random, control = self.random, self.world.control
        target, channel = Target(random.choice(USERS)), random.choice(CHANNELS)
        kinds = {"publish": 6, "subscribe": 3, "unsubscribe": 2, "disconnect": 1, "refresh": 1}
        (kind,) = random.choices(list(kinds), list(kinds.values()))
        if kind == "publish":
            terms = PublishTerms(tags={"kind": "a"} if random.random() < 0.5 else None)
            await self.world.core.publisher.publish(channel, Raw(json.dumps(document(random)).encode()), terms)
        elif kind == "subscribe":
            await control.subscribe(target, channel, Grant(server_side=True))
        elif kind == "unsubscribe":
            await control.unsubscribe(target, random.choice([channel, ""]))
        elif kind == "refresh":
            await control.refresh(target, expire_at=int(self.world.clock()) + 5000)
        elif random.random() < 0.3:
            await control.disconnect(target, 3011)

    def forget(self, channel: str) -> None:
        """Let a stream begin anew, as after its meta TTL or in a broker that lost its memory."""
        store = self.world.memory._history
        stream = store._streams.get(channel)
        if stream is not None and self.random.random() < 0.3:
            store._drop(stream)

    async def rest(self) -> None:
        """Let the loop turn until nothing moves."""
        still = 0
        while still < 30:
            await asyncio.sleep(0)
            still = still + 1 if asyncio.all_tasks() <= self.idle else 0
        for task in self.control:
            task.result()
        self.control.clear()
        for player in self.players:
            player.read()


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Keep thousands of refused commands out of the log."""
    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.ERROR)
    yield
    logging.getLogger().setLevel(level)


async def begin(random: Random, is_slow: bool, failing: float = 0.0, losing: float = 0.0) -> Play:
    """Start an instance."""
    clock = Clock(1_700_000_000.0)

    def wrap(memory: Any) -> Any:
        most = random.choice([1, 3, 8])
        return SlowBroker(memory, random, most=most, failing=failing, losing=losing) if is_slow else memory

    return Play(await World(clock, wrap, **SETTINGS).start(), random)


async def check_everybody_has_everything(play: Play) -> None:
    """Whoever follows a stream is at its top, or was told; every command has its one reply."""
    world = play.world
    for _ in range(3):  # losses are looked for, suspected, told
        world.clock.advance(50)
        await world.core.positions.check()
        await play.rest()
    for player in [one for one in play.players if one.is_open]:
        assert player.answered == ([1] if player.is_refused else player.sent)
        assert set(player.follows) == set(player.client.connection.subs)
        for channel, follow in player.follows.items():
            keeps = channel not in ("plain:d", "passing:f")
            top = await world.core.read_top(channel) if keeps else StreamPosition(0, "")
            if follow.is_filtered:
                assert follow.offset <= top.offset or not follow.is_positioned
            elif follow.is_positioned:
                assert (follow.offset, follow.epoch) == top
            elif follow.last and not follow.is_lossy:
                assert follow.last == top.offset or top.offset == 0


async def check_presence_is_right(play: Play) -> None:
    """Present are those who are subscribed, and nobody else."""
    for channel in CHANNELS:
        present = set(await play.world.memory.presence(channel))
        here = {one.client.connection.client for one in play.players if one.is_open and channel in one.follows}
        assert present == here


async def check_nothing_is_left(play: Play) -> None:
    """After everybody has gone all counts are back at zero."""
    world, core = play.world, play.world.core
    for player in play.players:
        player.hang_up()
    await play.rest()
    assert (len(world.hub), len(core.feed), core.stats.subscriptions, len(core.membership)) == (0, 0, 0, 0)
    assert (world.manager.count, world.manager.users_count, world.manager.everybody()) == (0, 0, [])
    assert len(core.expiry) == 0
    assert core.expiry._handles == {}
    assert core.presence._buckets == {}
    assert sum(core.stats.closes.values()) == core.stats.opened
    if isinstance(world.broker, SlowBroker):
        assert not +world.broker.subscribed


async def check_nobody_is_present(play: Play) -> None:
    """Presence is empty."""
    for channel in CHANNELS:
        assert await play.world.memory.presence(channel) == {}


async def play_to_the_end(seed: int, is_slow: bool) -> None:
    """Play once and check everything."""
    play = await begin(Random(seed), is_slow)
    await play.run()
    await check_everybody_has_everything(play)
    await check_presence_is_right(play)
    await check_nothing_is_left(play)
    await check_nobody_is_present(play)
    await play.world.broker.stop()


@pytest.mark.parametrize("is_slow", [False, True], ids=["embedded", "slow"])
@pytest.mark.parametrize("seed", range(60))
async def test_interleavings(seed: int, is_slow: bool) -> None:
    """Nothing is lost, doubled, out of order or left behind, whatever waits for what."""
    await play_to_the_end(seed, is_slow)


@pytest.mark.proof
@pytest.mark.parametrize("hundred", range(20))
async def test_interleavings_by_the_thousand(hundred: int) -> None:
    """The rare ones as well: some of what was found took hundreds of runs."""
    for seed in range(100 * hundred + 1000, 100 * hundred + 1100):
        await play_to_the_end(seed, True)


@pytest.mark.parametrize("seed", range(30))
async def test_interleavings_with_a_failing_broker(seed: int) -> None:
    """A broker that fails now and then costs errors, and leaves nothing behind but presence that ends by itself."""
    play = await begin(Random(seed), True, failing=0.05)
    await play.run()
    play.world.broker.failing = 0.0
    await play.rest()
    await check_everybody_has_everything(play)
    await check_nothing_is_left(play)
    await play.world.broker.stop()


async def play_over_a_lossy_link(seed: int) -> None:
    """Play while the link loses publications, now and then all of them."""
    play = await begin(Random(seed), True, losing=0.05)
    await play.run()
    play.world.broker.heal()
    await play.rest()
    play.world.broker.losing = 1e-9
    await check_everybody_has_everything(play)
    await check_nothing_is_left(play)
    assert len(play.world.core.delivery) == 0  # type: ignore[arg-type]  # a CatchUp
    await play.world.broker.stop()


@pytest.mark.parametrize("seed", range(60))
async def test_interleavings_over_a_lossy_link(seed: int) -> None:
    """Whatever the link loses, who follows a stream by its position gets all of it, in order and once, or is told."""
    await play_over_a_lossy_link(seed)


@pytest.mark.proof
@pytest.mark.parametrize("hundred", range(20))
async def test_interleavings_over_a_lossy_link_by_the_thousand(hundred: int) -> None:
    """The rare ones as well."""
    for seed in range(100 * hundred + 1000, 100 * hundred + 1100):
        await play_over_a_lossy_link(seed)
