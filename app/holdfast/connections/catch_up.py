"""Fills gaps: what was published while the link to a shared broker was down is read from history and handed on.

Stands between the broker and the hub. Publications of a channel that is being filled wait here, so that subscribers get
all in order and once. Only what history no longer holds is lost, and only who follows that channel is told.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import NamedTuple

from holdfast.broker.base import Broker, BrokerHandler, History, HistoryFilter
from holdfast.broker.relay import Relay
from holdfast.channels.hub import Hub
from holdfast.errors import BrokerError, ChannelError
from holdfast.protocol.messages import Publication, StreamPosition
from holdfast.resilience.backoff import full_jitter
from holdfast.telemetry import metrics
from holdfast.telemetry.logs import get_logger

WORKERS = 32
"""Channels that are filled at the same time: enough to keep one link busy, too few to starve publishers."""
PAGE = 1000
"""Publications read at once."""
MOST_HELD = 1000
"""Publications of one channel that wait here; beyond it they are read from history as well."""
_RETRY_FIRST, _RETRY_MOST = 0.1, 2.0
_LEAST_TO_PRUNE = 1000
# Of one channel, and the same each time.
_INCURABLE = frozenset({"broker_foreign_key"})

_log = get_logger(__name__)


class _Held(NamedTuple):
    publication: Publication
    position: StreamPosition
    use_delta: bool


class _Gap:
    """A channel that is being filled: what waits, and whether something came that is neither there nor read yet."""

    __slots__ = ("held", "reads_again")

    def __init__(self, held: list[_Held]) -> None:
        self.held = held
        self.reads_again = False


class CatchUp(Relay):
    """A broker's handler that hands on each channel's publications without a gap.

    While the link is interrupted nothing comes, and so nothing has to be held.

    Args:
        broker: where missed publications are read.
        handler: gets them, and everything else.
        hub: knows how far each channel has come here.
        on_lost: called with a channel whose missed publications history no longer holds.
        meta_ttl: returns for how many seconds a channel's position is kept.
        spawn: runs a coroutine.
    """

    def __init__(
        self,
        broker: Broker,
        handler: BrokerHandler,
        hub: Hub,
        on_lost: Callable[[str], None],
        meta_ttl: Callable[[str], float],
        spawn: Callable[[Coroutine[object, object, object]], object],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        super().__init__(handler)
        self._broker = broker
        self._hub = hub
        self._on_lost = on_lost
        self._meta_ttl = meta_ttl
        self._spawn = spawn
        self._sleep = sleep
        self._gaps: dict[str, _Gap] = {}
        # Up to where channels were read from history while the link was still to bring the same.
        self._ahead: dict[str, StreamPosition] = {}
        self._prune_at = _LEAST_TO_PRUNE
        self._queue: deque[str] = deque()
        self._working = 0

    def __len__(self) -> int:
        """Return how many channels are being filled."""
        return len(self._gaps)

    # Public methods: BrokerHandler

    def on_publication(
        self, channel: str, publication: Publication, position: StreamPosition, use_delta: bool = False
    ) -> None:
        """Hand on what comes next; hold what comes too early, and look for what should have come before."""
        gap = self._gaps.get(channel)
        if not publication.offset:
            self._handler.on_publication(channel, publication, position, use_delta)
        elif gap is not None:
            _hold(gap, _Held(publication, position, use_delta))
        elif not self._came_from_history(channel, position):
            known = self._hub.position(channel)
            if known is None or known.epoch != position.epoch or position.offset == known.offset + 1:
                self._handler.on_publication(channel, publication, position, use_delta)
            else:  # it comes too early; or once more, which on a sound link is a broker that went back
                self._begin(channel, _Held(publication, position, use_delta))

    def on_resumed(self, channels: Collection[str]) -> None:
        """Fill these channels, before anything that comes now is handed on."""
        for channel in channels:
            self.fill(channel)
        super().on_resumed(channels)

    # Public methods: gaps

    def fill(self, channel: str) -> None:
        """Look in history for what is missing behind the last that came here, and hold what comes meanwhile."""
        if self._seen(channel) is None:  # nobody could tell what is missing; who is just reading history may miss it
            self._hub.spoil(channel)
        elif (gap := self._gaps.get(channel)) is not None:  # what is read now may be from before this loss
            gap.reads_again = True
        else:
            self._begin(channel)

    def on_loss(self, channel: str) -> None:
        """Fill a channel of which something is missing although the link was never down.

        Where nothing of its stream has come yet, what was read from history could overtake what is on its way to
        subscribers without a position: those with one start anew then.
        """
        if self._hub.position(channel) is None:
            self._on_lost(channel)
        else:
            self.fill(channel)

    # Private methods

    def _seen(self, channel: str) -> StreamPosition | None:
        return self._hub.position(channel) or self._hub.covered(channel)

    def _came_from_history(self, channel: str, position: StreamPosition) -> bool:
        ahead = self._ahead.get(channel)
        if ahead is None:
            return False
        if ahead.epoch == position.epoch and position.offset <= ahead.offset:
            return True
        del self._ahead[channel]  # the link has passed it
        return False

    def _begin(self, channel: str, *held: _Held) -> None:
        self._gaps[channel] = _Gap(list(held))
        self._queue.append(channel)
        if self._working < WORKERS:
            self._working += 1
            self._spawn(self._work())

    async def _work(self) -> None:
        try:
            while self._queue:
                channel = self._queue.popleft()
                gap = self._gaps[channel]
                try:
                    await self._fill(channel, gap)
                except Exception:  # the boundary of one channel: the others must be filled
                    _log.exception("catch_up_failed", channel=channel)
                    self._on_lost(channel)
                finally:
                    del self._gaps[channel]
                    self._release(channel, gap)
        finally:
            self._working -= 1

    async def _fill(self, channel: str, gap: _Gap) -> None:
        attempt = 0
        while (seen := self._seen(channel)) is not None:
            gap.reads_again = False
            try:
                found = await self._read(channel, seen)
            except ChannelError:
                await self._give_up(channel, seen)
                return
            except BrokerError as error:
                if error.slug in _INCURABLE:
                    await self._give_up(channel, seen)
                    return
                await self._sleep(full_jitter(attempt, _RETRY_FIRST, _RETRY_MOST, random.random))
                attempt += 1
                continue
            attempt = 0
            if found.position.epoch != seen.epoch:  # an imported stream: each recovers from where it is, or is told
                await self._give_up(channel, seen)
                return
            self._hand_on(channel, seen, found)
            self._release(channel, gap)
            if len(found.publications) < PAGE and not gap.reads_again:
                if gap.held:  # history should have had what comes before these
                    await self._give_up(channel, seen)
                return
        if gap.reads_again:  # for who has left, and not held for who is just coming
            self._hub.spoil(channel)

    async def _read(self, channel: str, seen: StreamPosition) -> History:
        if self._hub.position(channel) is None:  # who is just reading history may know less than who follows it here
            self._hub.spoil(channel)
        await self._broker.reconcile(channel, seen)
        return await self._broker.history(channel, HistoryFilter(PAGE, seen), self._meta_ttl(channel))

    def _hand_on(self, channel: str, seen: StreamPosition, found: History) -> None:
        metrics.CAUGHT_UP.inc(len(found.publications))
        for publication in found.publications:
            position = StreamPosition(publication.offset, found.position.epoch)
            self._handler.on_publication(channel, publication, position)
        if found.publications:
            self._ahead[channel] = position
            self._prune()
            _log.debug("caught_up", channel=channel, since=seen.offset, publications=len(found.publications))

    def _prune(self) -> None:
        """Forget channels that nobody follows any more, each time they may be half of all."""
        if len(self._ahead) >= self._prune_at:
            self._ahead = {name: ahead for name, ahead in self._ahead.items() if self._hub.position(name) is not None}
            self._prune_at = max(_LEAST_TO_PRUNE, 2 * len(self._ahead))

    def _release(self, channel: str, gap: _Gap) -> None:
        """Hand on what waits up to the next gap; what was seen is dropped by the hub."""
        held, gap.held = gap.held, []
        for count, one in enumerate(held):
            known = self._hub.position(channel)
            is_same = known is not None and known.epoch == one.position.epoch
            if known is not None and is_same and one.position.offset > known.offset + 1 and channel in self._gaps:
                gap.held = held[count:]
                return
            self._handler.on_publication(channel, one.publication, one.position, one.use_delta)

    async def _give_up(self, channel: str, seen: StreamPosition) -> None:
        """Tell who follows the channel that something is lost, and go on with what comes next."""
        metrics.CATCH_UPS_LOST.inc()
        _log.warning("history_gone", channel=channel, since=seen.offset)
        try:
            epoch = (await self._broker.history(channel, HistoryFilter(), self._meta_ttl(channel))).position.epoch
        except BrokerError:
            epoch = seen.epoch
        if epoch == seen.epoch:  # what comes of another epoch is no gap but a beginning, which the hub knows
            self._hub.forget_position(channel)
        self._hub.spoil(channel)
        self._on_lost(channel)


def _hold(gap: _Gap, held: _Held) -> None:
    if len(gap.held) >= MOST_HELD:
        gap.held = []
        gap.reads_again = True
    if not gap.reads_again:
        gap.held.append(held)
