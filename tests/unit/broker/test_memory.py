"""The embedded broker as a whole: its life, its tasks, and a stateful comparison with a naive model.

What it promises as a broker is in tests/integration/test_broker_suite.py, the same for every broker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from holdfast.broker import memory
from holdfast.broker.base import History, HistoryFilter, PublishOptions, PublishResult
from holdfast.broker.memory import MemoryBroker
from holdfast.errors import BrokerError, ChannelError
from holdfast.protocol.messages import ClientInfo, StreamPosition
from holdfast.settings import BrokerSettings, Settings
from holdfast.telemetry import metrics
from tests.brokers import Clock, Recorder, offsets, publication, texts

ALL = HistoryFilter(-1)
KEEP = PublishOptions(history_size=4, history_ttl=60)


def make(
    path: Path | None = None, *, clock: Clock | None = None, wall: Clock | None = None, **options: Any
) -> MemoryBroker:
    """Return a broker with clocks that stand still."""
    return MemoryBroker(
        Settings(broker=BrokerSettings(snapshot_path=path, **options)),
        clock=clock or Clock(),
        wall_clock=wall or Clock(),
    )


def run(call: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that must not suspend."""
    try:
        call.send(None)
    except StopIteration as finished:
        return finished.value
    raise AssertionError("the broker suspended")


async def test_broker_refuses_before_start_and_after_stop():
    """Outside its life the broker takes nothing, with a temporary error."""
    broker = make()
    calls = (
        lambda: broker.publish("a", publication(), KEEP),
        lambda: broker.history("a", ALL),
        lambda: broker.publish_join("a", ClientInfo()),
    )

    for _ in range(2):
        for call in calls:
            with pytest.raises(BrokerError, match="broker_unavailable"):
                await call()
        await broker.start(Recorder())
        await broker.stop()


async def test_start_is_seen_as_a_broker_that_is_up():
    """Alerts and deploys ask the metric of every instance, with Redis or without."""
    metrics.BROKER_UP.set(0)
    broker = make()
    await broker.start(Recorder())
    await broker.stop()

    assert metrics.REGISTRY.get_sample_value("holdfast_broker_up") == 1


async def test_publish_never_suspends():
    """A whole batch of publications can happen in one turn of the loop."""
    broker, seen = make(), Recorder()
    await broker.start(seen)

    run(broker.publish("a", publication(), KEEP))
    run(broker.history("a", ALL))
    run(broker.add_presence("a", "c1", ClientInfo(), 60))

    assert len(seen.publications) == 1
    await broker.stop()


async def test_stop_leaves_no_task_and_may_come_twice():
    """A stopped broker has nothing running."""
    broker = make()
    before = asyncio.all_tasks()
    await broker.start(Recorder())
    assert len(asyncio.all_tasks()) == len(before) + 1

    await broker.stop()
    await broker.stop()

    assert asyncio.all_tasks() == before


async def test_start_with_a_path_writes_at_the_interval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The configured interval reaches the snapshots; 0 means only at the end."""
    asked: list[float] = []

    async def write_at_interval(_: object, seconds: float) -> None:
        asked.append(seconds)

    monkeypatch.setattr(memory.Snapshots, "write_at_interval", write_at_interval)
    for interval in (7, 0):
        broker = make(tmp_path / "snapshot", snapshot_interval=interval)
        await broker.start(Recorder())
        await asyncio.sleep(0)
        await broker.stop()

    assert asked == [7]


async def test_stop_writes_the_snapshot_that_the_next_start_reads(tmp_path: Path):
    """Clients recover over a restart in the same epoch."""
    first = make(tmp_path / "snapshot")
    await first.start(Recorder())
    position = (await first.publish("a", publication(), KEEP)).position
    await first.stop()

    second = make(tmp_path / "snapshot")
    await second.start(Recorder())

    assert (await second.history("a", ALL)).position == position
    assert offsets((await second.history("a", ALL)).publications) == [1]
    await second.stop()


async def test_presence_does_not_survive_a_restart(tmp_path: Path):
    """The connections are gone, so nobody is present."""
    first = make(tmp_path / "snapshot")
    await first.start(Recorder())
    await first.add_presence("a", "c1", ClientInfo(), 60)
    await first.stop()

    second = make(tmp_path / "snapshot")
    await second.start(Recorder())

    assert await second.presence("a") == {}
    await second.stop()


async def test_sweep_runs_by_itself_and_is_bounded(monkeypatch: pytest.MonkeyPatch):
    """Expired things are freed without anybody touching them, so many at a time."""
    clock = Clock()
    broker = make(clock=clock)
    budgets: list[int] = []
    monkeypatch.setattr(broker, "sweep", budgets.append)
    monkeypatch.setattr(memory, "SWEEP_SECONDS", 0)
    await broker.start(Recorder())

    for _ in range(5):
        await asyncio.sleep(0)

    assert set(budgets) == {memory.SWEEP_BUDGET}
    await broker.stop()


async def test_sweep_shares_its_budget_between_the_stores():
    """Streams, results and presence together stay within one budget."""
    clock = Clock()
    broker = make(clock=clock)
    await broker.start(Recorder())
    for number in range(10):
        keyed = PublishOptions(history_size=4, history_ttl=60, idempotency_key=str(number))
        await broker.publish(f"c{number}", publication(), keyed)
        await broker.add_presence("a", f"c{number}", ClientInfo(), 60)

    clock.advance(400)

    assert [broker.sweep(12) for _ in range(4)] == [12, 12, 6, 0]
    await broker.stop()


@dataclass
class NaiveStream:
    """What a stream should be, in the simplest terms."""

    epoch: str
    top: int = 0
    log: list[tuple[int, str]] = field(default_factory=list)
    expires_at: float = 0.0
    removes_at: float = 0.0
    version: int = 0


channels = st.sampled_from(["a", "b"])


class BrokerMachine(RuleBasedStateMachine):
    """Do anything in any order; the broker answers as a naive model does, over restarts and crashes."""

    META_TTL = 300.0

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.loop = asyncio.new_event_loop()
        self.clock, self.wall = Clock(50.0), Clock(1_800_000_000.0)
        self.model: dict[str, NaiveStream] = {}
        self.keys: dict[tuple[str, str], tuple[StreamPosition, float]] = {}
        self.seen: dict[tuple[str, str], int] = {}  # highest offset by channel and epoch
        self.delivered = Recorder()
        self.broker = self.begin()

    def begin(self) -> MemoryBroker:
        """Start a process."""
        broker = make(Path(self.folder.name) / "snapshot", clock=self.clock, wall=self.wall, snapshot_interval=0)
        broker._history._meta_ttl = self.META_TTL
        self.loop.run_until_complete(broker.start(self.delivered))
        return broker

    def teardown(self) -> None:
        """End the process and the world."""
        self.loop.run_until_complete(self.broker.stop())
        self.loop.close()
        self.folder.cleanup()

    # The model

    @property
    def now(self) -> float:
        """The time by the wall, which no restart changes."""
        return self.wall.now

    def alive(self, channel: str) -> NaiveStream | None:
        """Return the channel's stream as it should be now."""
        stream = self.model.get(channel)
        if stream is None or self.now >= stream.removes_at:
            self.model.pop(channel, None)
            return None
        if self.now >= stream.expires_at:
            stream.log = []
        return stream

    def touch(self, channel: str, epoch: str) -> NaiveStream:
        """Return the channel's stream, made if need be, with a renewed position."""
        stream = self.alive(channel)
        if stream is None:
            stream = self.model[channel] = NaiveStream(epoch)
        stream.removes_at = max(self.now + self.META_TTL, stream.expires_at)
        return stream

    # What may happen

    @rule(
        channel=channels,
        text=st.integers(0, 99).map(str),
        size=st.sampled_from([0, 1, 2, 4, 4]),
        ttl=st.sampled_from([0.0, 10.0, 60.0, 60.0, 60.0]),
        key=st.sampled_from(["", "", "k1", "k2"]),
        version=st.sampled_from([0, 0, 0, 1, 2, 3]),
    )
    def publish(self, channel: str, text: str, size: int, ttl: float, key: str, version: int) -> None:
        """Publish in any way."""
        options = PublishOptions(history_size=size, history_ttl=ttl, idempotency_key=key, version=version)
        count = len(self.delivered.publications)
        result: PublishResult = run(self.broker.publish(channel, publication(text), options))
        was_delivered = len(self.delivered.publications) > count

        assert was_delivered is not result.suppressed
        known = self.keys.get((channel, key))
        if key and known is not None and self.now < known[1]:
            assert result == PublishResult(known[0], suppressed=True)
            return
        self.check_publication(channel, text, options, result)
        if key and not result.suppressed:
            self.keys[channel, key] = (result.position, self.now + 300)

    @rule(channel=channels, count=st.integers(1, 7))
    def publish_some(self, channel: str, count: int) -> None:
        """Publish several, as a busy channel does."""
        for number in range(count):
            result = run(self.broker.publish(channel, publication(str(number)), KEEP))
            self.check_publication(channel, str(number), KEEP, result)

    def check_publication(self, channel: str, text: str, options: PublishOptions, result: PublishResult) -> None:
        """Compare a publication that no key suppressed with the model."""
        if not options.keeps_history:
            assert result == PublishResult(StreamPosition(0, ""))
            return
        stream = self.touch(channel, result.position.epoch)
        if options.version and options.version <= stream.version:
            assert result == PublishResult(StreamPosition(stream.top, stream.epoch), suppressed=True)
            return
        stream.version = options.version or stream.version
        stream.top += 1
        stream.log = [*stream.log, (stream.top, text)][-options.history_size :]
        stream.expires_at = self.now + options.history_ttl
        stream.removes_at = max(stream.removes_at, stream.expires_at)
        assert result == PublishResult(StreamPosition(stream.top, stream.epoch))
        assert stream.top > self.seen.get((channel, stream.epoch), 0)
        self.seen[channel, stream.epoch] = stream.top

    @rule(channel=channels, limit=st.integers(-1, 5), reverse=st.booleans())
    def read(self, channel: str, limit: int, reverse: bool) -> None:
        """Read without a position."""
        found: History = run(self.broker.history(channel, HistoryFilter(limit, reverse=reverse)))
        stream = self.touch(channel, found.position.epoch)
        expected = stream.log[::-1] if reverse else stream.log
        expected = expected if limit < 0 else expected[:limit]

        assert list(zip(offsets(found.publications), texts(found.publications), strict=True)) == expected
        assert found.position == (stream.top, stream.epoch)

    @rule(channel=channels, behind=st.integers(-1, 6), is_epoch_right=st.booleans())
    def recover(self, channel: str, behind: int, is_epoch_right: bool) -> None:
        """Recover from a position: all that came after it, or an error, never a gap."""
        epoch = run(self.broker.history(channel, HistoryFilter(0))).position.epoch
        stream = self.touch(channel, epoch)
        since = StreamPosition(max(stream.top - behind, 0), epoch if is_epoch_right else "other")
        missed = list(range(since.offset + 1, stream.top + 1))
        held = {offset for offset, _ in stream.log}

        try:
            found = run(self.broker.history(channel, HistoryFilter(-1, since)))
        except ChannelError:
            assert not is_epoch_right or since.offset > stream.top or not held.issuperset(missed)
        else:
            assert is_epoch_right
            assert offsets(found.publications) == missed

    @rule(channel=channels)
    def remove(self, channel: str) -> None:
        """Remove a channel's history."""
        run(self.broker.history_remove(channel))
        if stream := self.alive(channel):
            stream.log = []

    @rule(seconds=st.sampled_from([1.0, 9.0, 10.0, 59.0, 60.0, 150.0, 300.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)
        self.wall.advance(seconds)

    @rule(budget=st.integers(1, 20))
    def sweep(self, budget: int) -> None:
        """Free what expired; no answer may change by it."""
        self.broker.sweep(budget)

    @rule(down=st.sampled_from([0.0, 5.0, 70.0]))
    def restart(self, down: float) -> None:
        """Stop cleanly, be away for a while, start again: nothing but time has changed."""
        self.loop.run_until_complete(self.broker.stop())
        self.wall.advance(down)
        self.clock.now = self.wall.now % 977
        self.broker = self.begin()

    @precondition(lambda self: self.model)
    @rule()
    def crash(self) -> None:
        """Write a snapshot, crash, start again: content as of the snapshot, under epochs nobody has seen."""
        snapshots = self.broker._snapshots
        self.loop.run_until_complete(snapshots.write(clean=False))
        self.broker._snapshots = None
        self.loop.run_until_complete(self.broker.stop())
        snapshots.close()
        self.broker = self.begin()
        for channel in list(self.model):
            if stream := self.alive(channel):
                old, stream.epoch = stream.epoch, self.broker._history._streams[channel].epoch
                assert stream.epoch != old
                self.rename(channel, old, stream.epoch)

    def rename(self, channel: str, old: str, new: str) -> None:
        """Give the remembered results of an epoch its new name."""
        for (name, key), (position, expires_at) in list(self.keys.items()):
            if name == channel and position.epoch == old:
                self.keys[name, key] = (StreamPosition(position.offset, new), expires_at)

    @invariant()
    def memory_is_bounded(self) -> None:
        """No store holds more than there are channels and keys."""
        assert len(self.broker._history) <= 2
        assert len(self.broker._results) <= 4


TestBrokerMachine = BrokerMachine.TestCase
TestBrokerMachine.settings = hypothesis_settings(max_examples=60, stateful_step_count=50, deadline=None)
