"""Any mix of commands in one request: bounded, in order per channel, barriers kept, every reply in its place."""

from __future__ import annotations

import asyncio
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from holdfast.routes.api_order import Job, ManyRules, carry_out

jobs = st.lists(st.tuples(st.sets(st.sampled_from("abc")), st.booleans(), st.integers(0, 4)), max_size=25)


@given(jobs=jobs, max_parallel=st.integers(1, 5), turn=st.integers(1, 5))
def test_order_of_any_jobs(jobs, max_parallel, turn):
    """Whatever waits and for how long, the promises of parallel requests hold."""
    begun, ended, most = asyncio.run(play(jobs, ManyRules(100, max_parallel, turn, print)))

    assert most <= max_parallel
    for later, (channels, parallel, _) in enumerate(jobs):
        for earlier, (others, _, _) in enumerate(jobs[:later]):
            if channels & others or not parallel or not jobs[earlier][1]:
                assert ended[earlier] < begun[later]


async def play(given_jobs, rules):
    """Carry out jobs that wait so many turns; return when each began and ended, and how many ran at once at most."""
    begun, ended, running, most, moment = {}, {}, 0, 0, iter(range(10_000))

    async def run(number, turns):
        nonlocal running, most
        begun[number] = next(moment)
        running += 1
        most = max(most, running)
        for _ in range(turns):
            await asyncio.sleep(0)
        running -= 1
        ended[number] = next(moment)
        return number

    made = [
        Job(partial(run, number, turns), channels, parallel)
        for number, (channels, parallel, turns) in enumerate(given_jobs)
    ]
    assert await carry_out(made, rules) == list(range(len(given_jobs)))
    return begun, ended, most
