"""A drill: lets Redis fail over while numbered messages go through, and counts what became of each."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.ops.rails import Rails, script
from holdfast.cli.ops.redis_handover import Handover
from holdfast.cli.ops.redis_master import masters, order_failover
from holdfast.cli.place import place, settings

if TYPE_CHECKING:
    from holdfast.cli.ops.probe_channel import Counted, Prober
    from holdfast.settings import Settings


@script()
def failover_redis(
    rails: Rails,
    channel: Annotated[
        str, typer.Option("--channel", help="A channel with history and forced recovery, used by nobody else.")
    ] = "",
    before: Annotated[float, typer.Option(min=1, help="Seconds of messages before the failover.")] = 5.0,
    patience: Annotated[float, typer.Option(min=5, help="Seconds for the new master and for all messages.")] = 60.0,
    rate: Annotated[float, typer.Option("--rate", min=1, max=100, help="Messages a second.")] = 20.0,
    pause: Annotated[
        bool, typer.Option(help="With Sentinel: stop the old master's writes first, so that nothing is lost.")
    ] = True,
) -> None:
    """Ask Sentinel or the cluster for another master, and watch that the gateways stay ready and nothing is lost.

    With Sentinel the old master takes no writes meanwhile, and its replicas have all it has before one is chosen; a
    cluster does so by itself.

    The settings (--config) say where Redis is. Exits 0 when every message came once and in order and all instances
    stayed ready, 1 when the client was told of a gap or an instance was not ready for a while, 2 when a message was
    lost without a word.
    """
    from holdfast.cli.ops.probe_channel import Prober

    loaded = settings(rails.common.config)
    if loaded.broker.type != "redis" or loaded.broker.redis.mode == "single":
        raise CliError("expected settings with Redis in the mode sentinel or cluster", Exit.USAGE)
    if not channel:
        raise CliError("expected --channel: one with history and forced recovery that nobody else uses", Exit.USAGE)
    rails.check_others(rails.fleet.look(), "")
    now = asyncio.run(masters(loaded.broker.redis))
    rails.facts["masters"] = {"before": now}
    handover = Handover(loaded.broker.redis, now[0]) if pause and loaded.broker.redis.mode == "sentinel" else None
    if handover is not None:
        asyncio.run(handover.check())
    if not rails.begins(f"let Redis fail over from {now[0]}", *rails.fleet.members.values()):
        return
    counted = asyncio.run(_drill(rails, loaded, Prober(channel, rate), Course(before, patience, handover)))
    rails.facts["probe"] = asdict(counted)
    rails.facts["masters"]["after"] = asyncio.run(masters(loaded.broker.redis))
    _conclude(rails, counted)


@dataclass(frozen=True, slots=True)
class Course:
    """Seconds of messages before and behind the failover, seconds for each step of it, and how writes are stopped."""

    before: float
    patience: float
    handover: Handover | None = None

    def stopped(self) -> AbstractAsyncContextManager[None]:
        """Return the block in which the old master takes no writes."""
        return nullcontext() if self.handover is None else self.handover.stopped()


async def _drill(rails: Rails, loaded: Settings, prober: Prober, course: Course) -> Counted:
    member = await asyncio.to_thread(rails.fleet.any)
    public = place(rails.common.config, "")
    async with prober.running(public, loaded, member.place) as counted:
        await prober.until_connected(course.patience)
        await asyncio.sleep(course.before)
        former = set(await masters(loaded.broker.redis))
        watching = asyncio.create_task(_watch(rails, counted))
        try:
            async with course.stopped():
                await order_failover(loaded.broker.redis)
                await _until_changed(loaded, former, course.patience)
            await asyncio.sleep(course.before)
            await prober.finish(course.patience)
        finally:
            watching.cancel()
    return counted


async def _until_changed(loaded: Settings, former: set[str], patience: float) -> None:
    ends_at = asyncio.get_running_loop().time() + patience
    while True:
        try:
            if set(await masters(loaded.broker.redis)) - former:
                return
        except CliError:  # in the middle of it nobody knows
            pass
        if asyncio.get_running_loop().time() > ends_at:
            raise CliError(f"no other master within {patience:g} s", Exit.REFUSED)
        await asyncio.sleep(0.25)


async def _watch(rails: Rails, counted: Counted) -> None:
    """Note which instances are not ready at any time."""
    while True:
        for one in (await asyncio.to_thread(rails.fleet.look)).values():
            if one.problem and one.name not in counted.unready:
                counted.unready.append(one.name)
        await asyncio.sleep(0.5)


def _conclude(rails: Rails, counted: Counted) -> None:
    rails.tell(
        f"{counted.acknowledged} messages acknowledged, {counted.received} received: {len(counted.lost)} lost, "
        f"{counted.doubled} doubled, {counted.disordered} out of order, {counted.gaps} gap(s) told; "
        f"the longest wait for an acknowledgement {counted.longest_wait:g} s; "
        f"not ready meanwhile: {', '.join(counted.unready) or 'none'}."
    )
    if counted.gaps or counted.unready or counted.doubled or counted.disordered:
        rails.found(Exit.FOUND)
    if counted.lost and not counted.gaps:
        raise CliError(f"acknowledged and never delivered: {counted.lost[:20]}", Exit.REFUSED)
