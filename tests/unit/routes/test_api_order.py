from __future__ import annotations

import asyncio
from functools import partial

import pytest

from holdfast.errors import ProtocolError
from holdfast.routes import api_messages as api
from holdfast.routes.api_order import Job, ManyRules, carry_out, channels_of


class Work:
    """Jobs that wait, and what they did."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.running = 0
        self.most_running = 0

    async def do(self, name: str, turns: int = 1) -> str:
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        self.log.append(f"begin {name}")
        for _ in range(turns):
            await asyncio.sleep(0)
        self.running -= 1
        self.log.append(f"end {name}")
        if name == "crash":
            raise RuntimeError("oops")
        return name

    def job(self, name: str, *channels: str, parallel: bool = True, turns: int = 1) -> Job[str]:
        return Job(partial(self.do, name, turns), channels, parallel)


@pytest.fixture
def work() -> Work:
    """Jobs."""
    return Work()


def rules(max_parallel: int = 10, turn: int = 100) -> ManyRules:
    """Return rules."""
    return ManyRules(1000, max_parallel, turn, lambda slug: None)


@pytest.mark.parametrize("max_parallel", [1, 2, 7])
async def test_order_bounds_what_runs_at_once(work: Work, max_parallel: int) -> None:
    """Never more than allowed, and every reply in its place."""
    jobs = [work.job(str(number), turns=number % 5) for number in range(20)]
    replies = await carry_out(jobs, rules(max_parallel))

    assert replies == [str(number) for number in range(20)]
    assert work.most_running == max_parallel


async def test_order_of_one_channel_is_kept(work: Work) -> None:
    """A job begins only when those before it that publish into one of its channels have ended."""
    jobs = [work.job("1", "a", turns=9), work.job("2", "b"), work.job("3", "a", "b"), work.job("4", "b"), work.job("5")]
    await carry_out(jobs, rules())

    ends = [line for line in work.log if line.startswith("end") and line != "end 5"]
    assert ends == ["end 2", "end 1", "end 3", "end 4"]
    assert work.log.index("begin 5") < work.log.index("end 1")
    assert work.log.index("begin 3") > work.log.index("end 1")


async def test_order_in_one_channel_with_few_slots_ends(work: Work) -> None:
    """Jobs that wait for each other hold slots and yet never all of them in vain."""
    jobs = [work.job(str(number), "a", "b" if number % 2 else "c") for number in range(30)]
    await carry_out(jobs, rules(max_parallel=3))

    assert [line for line in work.log if line.startswith("begin")] == [f"begin {number}" for number in range(30)]
    assert work.most_running == 1


async def test_order_of_jobs_that_are_not_parallel(work: Work) -> None:
    """One after the other; and one that is not parallel waits for all before it."""
    jobs = [work.job("1", turns=3), work.job("2", parallel=False), work.job("3", parallel=False), work.job("4")]
    assert await carry_out(jobs, rules()) == ["1", "2", "3", "4"]

    assert work.log == ["begin 1", "end 1", "begin 2", "end 2", "begin 3", "end 3", "begin 4", "end 4"]


@pytest.mark.parametrize("parallel", [False, True])
async def test_order_after_a_crash(work: Work, parallel: bool) -> None:
    """What runs ends, nothing more begins, and the crash comes through."""
    jobs = [work.job("long", turns=9), work.job("crash", parallel=parallel, turns=0), work.job("never")]
    with pytest.raises(RuntimeError, match="oops"):
        await carry_out(jobs, rules())

    assert "end long" in work.log
    assert "begin never" not in work.log


async def test_order_lets_others_run(work: Work) -> None:
    """However many do not wait, others have their turn in between."""
    seen: list[int] = []
    asyncio.get_running_loop().call_soon(lambda: seen.append(len(work.log)))
    await carry_out([work.job(str(number), turns=0) for number in range(10)], rules(turn=4))

    assert seen == [8]


def test_rules_refuse_too_many() -> None:
    """The number that came is told beside the limit."""
    with pytest.raises(ProtocolError, match="at most 1000 commands, came 1001"):
        rules().check_count(1001, "commands")


def test_channels_of_requests() -> None:
    """Those a request publishes into; others have none, so that they wait for nobody."""
    assert list(channels_of(api.PublishRequest("a"))) == ["a"]
    assert list(channels_of(api.BroadcastRequest(["a", "b"]))) == ["a", "b"]
    assert list(channels_of(api.InfoRequest())) == []
    assert list(channels_of(None)) == []
