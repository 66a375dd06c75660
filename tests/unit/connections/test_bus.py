from __future__ import annotations

import asyncio

import msgspec
import pytest

from holdfast.connections.bus import Bus, reader
from holdfast.connections.bus_messages import (
    Answer,
    ChannelsQuestion,
    Done,
    Message,
    UnsubscribeOrder,
)
from holdfast.connections.bus_parts import MESSAGE_BYTES, WHOLE_BYTES
from holdfast.errors import BrokerError, ChannelError, DoorError
from tests.brokers import Clock
from tests.live import World
from tests.pair import Instance, Pair, lone_bus

read_text = reader(str)
read_counts = reader(dict[str, int])


class Ping(Message, tag="ping", kw_only=True):
    """A question of the tests."""

    text: str = ""


class Future(Message, tag="future"):
    """A type that nobody knows."""


@pytest.fixture
async def pair(clock: Clock) -> Pair:
    """Two instances; `there` answers pings."""
    pair = await Pair(clock).start()

    async def answer(ping: Ping) -> str:
        if ping.text == "no":
            raise ChannelError("unknown_channel", "as you like it")
        if ping.text == "bug":
            raise RuntimeError("a bug")
        return f"{ping.text} from {ping.sender}"

    pair.there.cluster.bus.answer(Ping, answer)
    return pair


def bus_of(instance: Instance) -> Bus:
    """Return the bus of an instance."""
    return instance.cluster.bus


def foreign(instance: Instance, **fields: object) -> None:
    """Let an instance get a message of somebody else's making."""
    instance.cluster.bus.receive(msgspec.msgpack.encode(fields))


async def test_ask(pair: Pair) -> None:
    """The instance that was asked answers, and nobody else is."""
    assert await bus_of(pair.here).ask(Ping(text="a"), "there", read_text) == "a from here"
    assert [name for _, name in pair.exchange.sent] == ["there", "here"]
    assert not pair.here.timers.waiting


@pytest.mark.parametrize("size", [10, 600_000, 3_000_000])
async def test_ask_with_much_to_say(pair: Pair, size: int) -> None:
    """Long questions and answers travel in parts."""
    answer = await bus_of(pair.here).ask(Ping(text="x" * size), "there", read_text)

    assert len(answer) == size + len(" from here")
    assert all(len(message) < MESSAGE_BYTES for message, _ in pair.exchange.sent)


async def test_ask_with_too_much_to_say(pair: Pair) -> None:
    """What is over the limit is refused, and an answer that is over it says so."""
    with pytest.raises(DoorError, match="body_too_large"):
        await bus_of(pair.here).ask(Ping(text="x" * WHOLE_BYTES), "there", read_text)
    with pytest.raises(BrokerError, match="internal_error"):
        await bus_of(pair.here).ask(Ping(text="x" * (WHOLE_BYTES - 100)), "there", read_text)


async def test_ask_raises_what_the_other_raised(pair: Pair) -> None:
    """A refusal comes back as it was; a bug over there is told as one, and logged there."""
    with pytest.raises(ChannelError, match="unknown_channel: as you like it"):
        await bus_of(pair.here).ask(Ping(text="no"), "there", read_text)
    with pytest.raises(BrokerError, match="internal_error"):
        await bus_of(pair.here).ask(Ping(text="bug"), "there", read_text)


async def test_ask_nobody(pair: Pair) -> None:
    """An instance that is not listed is not waited for; neither is this one."""
    for name in ("nobody", "here", ""):
        with pytest.raises(BrokerError, match="peer_unreachable") as raised:
            await bus_of(pair.here).ask(Ping(), name, read_text)
        assert raised.value.is_undone
    assert pair.exchange.sent == []


async def test_ask_in_vain(pair: Pair) -> None:
    """Who does not answer in time is unreachable, and may have done it."""
    pair.kill(pair.there)
    asking = asyncio.ensure_future(bus_of(pair.here).ask(Ping(), "there", read_text))
    with pytest.raises(BrokerError, match="peer_unreachable") as raised:
        await pair.until_timers(pair.here, asking)

    assert not raised.value.is_undone


async def test_ask_what_the_other_does_not_know(pair: Pair) -> None:
    """It says so at once, instead of letting the asker wait."""
    with pytest.raises(BaseException, match="method_not_found"):
        await bus_of(pair.here).ask(Future(), "there", read_text)
    assert bus_of(pair.there).stats.ignored == {"type": 1}


async def test_survey(pair: Pair) -> None:
    """All others answer; the own part is the asker's."""
    third = await pair.join("third")
    pair.there.connect().call("subscribe", channel="a")
    for _ in range(2):
        third.connect().call("subscribe", channel="a")
    found = await bus_of(pair.here).survey(ChannelsQuestion(), read_counts)

    assert found.answers == {"there": {"a": 1}, "third": {"a": 2}}
    assert (found.missing, found.failures) == ([], {})


async def test_survey_names_who_is_missing(pair: Pair) -> None:
    """The dead one is waited for once, and again only after it has shown a sign of life."""
    await pair.join("third")
    pair.kill(pair.there)
    bus = bus_of(pair.here)
    asking = asyncio.ensure_future(bus.survey(ChannelsQuestion(), read_counts))
    found = await pair.until_timers(pair.here, asking)
    assert (list(found.answers), found.missing) == (["third"], ["there"])

    again = await bus.survey(ChannelsQuestion(), read_counts)  # without a timer that rings
    assert (list(again.answers), again.missing) == (["third"], ["there"])

    pair.exchange.cut_off.clear()
    await pair.there.cluster.nodes.beat()
    back = await bus.survey(ChannelsQuestion(), read_counts)
    assert (sorted(back.answers), back.missing) == (["there", "third"], [])


async def test_survey_does_not_miss_who_has_left(pair: Pair) -> None:
    """An instance that stopped while it was asked has no connections to speak for."""
    pair.exchange.handlers.pop("there")
    asking = asyncio.ensure_future(bus_of(pair.here).survey(ChannelsQuestion(), read_counts))
    await asyncio.sleep(0)
    await pair.there.cluster.stop()
    found = await pair.until_timers(pair.here, asking)

    assert (found.answers, found.missing) == ({}, [])


async def test_survey_until_one_knows(pair: Pair) -> None:
    """One answer may be enough, whoever is silent."""
    await pair.join("third")
    pair.kill(pair.there)
    found = await bus_of(pair.here).survey(ChannelsQuestion(), read_counts, lambda counts: True)

    assert (list(found.answers), found.missing) == (["third"], [])


async def test_survey_tells_who_would_not(pair: Pair) -> None:
    """A refusal is no silence."""
    found = await bus_of(pair.here).survey(Ping(text="no"), read_text)

    assert found.silent == ["there"]
    assert found.failures["there"].slug == "unknown_channel"


async def test_survey_without_a_broker(pair: Pair) -> None:
    """Who cannot ask is told."""
    pair.kill(pair.here)
    with pytest.raises(BrokerError, match="broker_unavailable"):
        await bus_of(pair.here).survey(ChannelsQuestion(), read_counts)


async def test_bus_alone_costs_nothing(world: World) -> None:
    """With a broker of its own an instance asks nobody and waits for nobody."""
    bus = lone_bus(world.core)
    bus.answer(UnsubscribeOrder, lambda order: asyncio.sleep(0, Done()))

    assert (await bus.survey(UnsubscribeOrder(), reader(Done))).answers == {}
    with pytest.raises(BrokerError, match="peer_unreachable"):
        await bus.ask(UnsubscribeOrder(), "there", reader(Done))
    assert bus.stats.messages == {}


async def test_message_of_another_version(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    """It is counted, said once for each sender and version, and has no effect, whatever else is in it."""
    client = pair.here.connect()
    for sender in ("newer", "newer", "newest"):
        foreign(pair.here, v=2, type="disconnect", sender=sender, uid="u", user=["anna"], id="7")
        foreign(pair.here, v=2, type="disconnect", sender=sender, uid="u", user="anna")

    assert client.transport.closed is None
    assert bus_of(pair.here).stats.ignored == {"version": 6}
    assert capsys.readouterr().err.count("control_version_unknown") == 2


async def test_instance_of_another_version_is_not_waited_for(pair: Pair) -> None:
    """While instances are replaced by newer ones a survey names them as missing, and does not stall."""
    newer = await pair.join("newer")
    newer.describe_as = {"bus": 2}
    await newer.cluster.nodes.beat()
    pair.exchange.handlers["newer"].clear()
    found = await bus_of(pair.here).survey(ChannelsQuestion(), read_counts)

    assert (list(found.answers), found.missing) == (["there"], ["newer"])


async def test_fields_that_are_unknown_are_ignored(pair: Pair) -> None:
    """The same version may say more than this instance knows."""
    client = pair.here.connect()
    foreign(pair.here, v=1, type="disconnect", sender="there", uid="u", user="anna", mood="good")

    assert client.transport.closed == (3503, "force_disconnect")


@pytest.mark.parametrize(
    "message",
    [b"", b"\xc1", b"no", b"\x90", b"\x80", b"\xff" * 9, msgspec.msgpack.encode([[[1]]]), b"\x91" * 5000],
)
async def test_bytes_that_are_no_message(pair: Pair, message: bytes) -> None:
    """They are counted, and nothing else happens."""
    bus_of(pair.here).receive(message)

    assert bus_of(pair.here).stats.ignored == {"malformed": 1}


async def test_message_with_wrong_fields(pair: Pair) -> None:
    """A known type whose fields are not what they should be has no effect."""
    foreign(pair.here, v=1, type="disconnect", sender="there", uid="u", user=["anna"])
    foreign(pair.here, v=1, type="part", sender="there", uid="u", of=1, number=1, total=2, body=b"")
    bus_of(pair.here).receive(b"x" * (MESSAGE_BYTES + 1))

    assert bus_of(pair.here).stats.ignored == {"malformed": 2, "too_long": 1}


async def test_unknown_types_are_said_once(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    """However often they come."""
    for _ in range(3):
        foreign(pair.here, v=1, type="future", sender="there", uid="u")

    assert capsys.readouterr().err.count("control_type_unknown") == 1


async def test_answers_that_nobody_waits_for(pair: Pair) -> None:
    """A late or invented answer is dropped."""
    bus_of(pair.here).receive(msgspec.msgpack.encode(Answer(sender="there", uid="u", id="never-asked")))

    assert (await bus_of(pair.here).survey(Future(), reader(object))).failures


async def test_answer_of_an_instance_that_is_cut_off_meanwhile(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    """Who cannot send its answer says so in its log and goes on."""
    asking = asyncio.ensure_future(bus_of(pair.here).ask(Ping(), "there", read_text))
    await asyncio.sleep(0)
    pair.kill(pair.there)
    with pytest.raises(BrokerError, match="peer_unreachable"):
        await pair.until_timers(pair.here, asking)

    assert "answer_not_sent" in capsys.readouterr().err


async def test_message_counts(pair: Pair) -> None:
    """Each message is counted by type and direction at both ends."""
    await bus_of(pair.here).ask(Ping(), "there", read_text)

    assert bus_of(pair.here).stats.messages == {("ping", "out"): 1, ("answer", "in"): 1}
    assert bus_of(pair.there).stats.messages == {("ping", "in"): 1, ("answer", "out"): 1}


async def test_name_that_two_have(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    """A message of another process with this instance's name gives that away."""
    foreign(pair.here, v=1, type="unsubscribe", sender="here", uid="other")
    foreign(pair.here, v=1, type="unsubscribe", sender="here", uid="other")

    assert capsys.readouterr().err.count("instance_name_taken") == 1
