import asyncio

import pytest

from holdfast.errors import ChannelError, ProtocolError
from holdfast.routes import api_messages as api
from holdfast.routes.api_batch import Batch
from holdfast.routes.api_order import ManyRules


class Methods:
    """Publishing that may wait, and fails for one channel."""

    def __init__(self) -> None:
        self.order = []
        self.waits = False
        self.running = 0
        self.most_running = 0
        self.failed = []

    async def publish(self, request):
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        self.order.append(request.channel)
        if self.waits:
            await asyncio.sleep(0)
        self.running -= 1
        if request.channel == "bad":
            raise ChannelError("unknown_channel", "no such")
        if request.channel == "crash":
            raise RuntimeError("oops")
        return api.PublishResult(offset=len(self.order))

    async def broadcast(self, request):
        return await self.publish(api.PublishRequest("+".join(request.channels)))

    def batch(self, max_commands: int = 1000, turn: int = 100) -> Batch:
        return Batch({"publish": self.publish}, ManyRules(max_commands, 50, turn, self.failed.append))


@pytest.fixture
def methods():
    """The methods that batches are made of."""
    return Methods()


def commands(*channels: str, parallel: bool = False) -> api.BatchRequest:
    """Return a batch of publications."""
    return api.BatchRequest([api.Command(publish=api.PublishRequest(channel)) for channel in channels], parallel)


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("waits", [False, True])
async def test_batch_replies_in_order(methods, parallel, waits):
    """Each command has its reply in its place, whether it waited or failed."""
    methods.waits = waits
    replies = (await methods.batch()(commands("a", "bad", "b", parallel=parallel)))["replies"]

    assert replies[0]["publish"].offset
    assert replies[1]["error"] == api.ErrorBody(102, "unknown_channel", "no such")
    assert replies[2]["publish"].offset
    assert methods.order == ["a", "bad", "b"]
    assert methods.failed == ["unknown_channel"]


@pytest.mark.parametrize("parallel", [False, True])
async def test_batch_one_turn(methods, parallel):
    """What does not wait is done within one turn of the event loop."""
    with pytest.raises(StopIteration):
        methods.batch()(commands(*"abcdefghij", parallel=parallel)).send(None)

    assert methods.order == list("abcdefghij")


@pytest.mark.parametrize(("parallel", "most"), [(False, 1), (True, 3)])
async def test_batch_parallel(methods, parallel, most):
    """Only where asked for do commands wait at the same time."""
    methods.waits = True
    await methods.batch()(commands("a", "b", "c", parallel=parallel))

    assert methods.most_running == most


async def test_batch_lets_others_run(methods):
    """A long batch lets others have their turn in between."""
    seen = []
    asyncio.get_running_loop().call_soon(lambda: seen.append(len(methods.order)))
    await methods.batch(turn=3)(commands(*"abcdefgh"))

    assert seen == [3]


@pytest.mark.parametrize("parallel", [False, True])
async def test_batch_crash(methods, parallel):
    """A fault of ours is no reply, it goes to whoever logs it."""
    with pytest.raises(RuntimeError, match="oops"):
        await methods.batch()(commands("a", "crash", parallel=parallel))


async def test_batch_too_many(methods):
    """More commands than allowed are refused before any is done."""
    with pytest.raises(ProtocolError, match="at most 2 entries in `commands`, came 3"):
        await methods.batch(max_commands=2)(commands("a", "b", "c"))
    assert methods.order == []


async def test_batch_odd_commands(methods):
    """A command without a method, or with two, is told so in its place."""
    odd = [api.Command(), api.Command(publish=api.PublishRequest("a"), info=api.InfoRequest())]
    replies = (await methods.batch()(api.BatchRequest(odd)))["replies"]

    assert [reply["error"].message for reply in replies] == ["method_not_found", "bad_request"]
    assert methods.order == []


async def test_batch_empty(methods):
    """No commands, no replies."""
    assert await methods.batch()(api.BatchRequest()) == {"replies": []}


async def test_batch_parallel_keeps_the_order_of_a_channel(methods):
    """Publications into one channel, by publish or broadcast, do not overtake each other, whatever waits."""
    methods.waits = True
    publish = [api.Command(publish=api.PublishRequest(channel)) for channel in "abab"]
    both = api.Command(broadcast=api.BroadcastRequest(["a", "b"]))
    batch = Batch({"publish": methods.publish, "broadcast": methods.broadcast}, ManyRules(10, 10, 10, print))
    await batch(api.BatchRequest([*publish[:2], both, *publish[2:]], parallel=True))

    assert methods.order == ["a", "b", "a+b", "a", "b"]
    assert methods.most_running == 2
