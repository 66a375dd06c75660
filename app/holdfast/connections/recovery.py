"""From a position to the present: what a new subscription missed, and what is published while it is being made."""

from __future__ import annotations

from dataclasses import dataclass, field

from holdfast.broker.base import NO_POSITION, Broker, HistoryFilter
from holdfast.channels.local import GAP
from holdfast.channels.tags_filter import TagsFilter
from holdfast.channels.tailored import Tailoring
from holdfast.connections.subscription import RECOVERABLE, STREAM, Grant
from holdfast.errors import ChannelError
from holdfast.protocol.commands import SubscribeRequest
from holdfast.protocol.messages import Publication, StreamPosition
from holdfast.settings import ChannelOptions

# Bit of `SubscribeRequest.flag` by which a client asks for error 112 instead of a gap (the SDKs' rejectUnrecovered).
REJECT_UNRECOVERED = 2


@dataclass(slots=True)
class Pending:
    """A subscription in the making."""

    channel: str
    request: SubscribeRequest
    grant: Grant
    flags: int
    buffer: list[Publication]
    """What was published since it began, as the hub collects it."""
    position: StreamPosition = NO_POSITION
    """The stream's top when history was read."""
    missed: list[Publication] | None = None
    """What the client is given in the reply; None where nothing was recovered."""
    rest: list[Publication] = field(default_factory=list)
    """What has to follow the reply."""
    is_cache: bool = False
    """Whether the client is interested in the latest publication alone."""
    has_deltas: bool = False
    """Whether deltas were negotiated."""
    filter: TagsFilter | None = None
    """Which publications it gets; None for all."""
    has_turn: bool = False
    """Whether the client was entered into presence, or may have been, and nobody else may touch that; `Membership`."""
    after: StreamPosition | None = None
    """The position behind which live publications take over; None for a subscription without one."""

    @property
    def recovers(self) -> bool:
        """Whether the client wants to recover and the subscription can."""
        return self.request.recover and bool(self.flags & RECOVERABLE)

    @property
    def tailoring(self) -> Tailoring | None:
        """The form in which it gets live publications, None for the usual one."""
        if self.filter is not None:
            return Tailoring(filter=self.filter)
        if not self.has_deltas:
            return None
        given = self.rest or self.missed
        return Tailoring(bytes(given[-1].data) if given else None)

    def select(self) -> None:
        """Leave to the client what it wants of all that there is; where it is in the stream stays the same."""
        if self.filter is not None:
            self.rest = list(filter(self.filter.accepts, self.rest))
            if self.missed is not None:
                self.missed = list(filter(self.filter.accepts, self.missed))
        if self.is_cache and self.missed:
            del self.missed[:-1]


def negotiate(pending: Pending, options: ChannelOptions) -> None:
    """Decide in which form the subscription gets publications, and what a recovery is.

    Raises:
        ChannelError: `tags_filter_not_allowed`, `tags_filter_invalid`.
    """
    request = pending.request
    if request.tf is not None:
        if not options.allow_tags_filter:
            raise ChannelError("tags_filter_not_allowed", "the namespace has no `allow_tags_filter`")
        pending.filter = TagsFilter(request.tf)
    # Nobody is refused for asking; the reply says whether. What a filter leaves out would be missing as a base.
    pending.has_deltas = request.delta in options.allowed_delta_types and pending.filter is None
    pending.is_cache = options.force_recovery_mode == "cache"
    if options.auto_cache_recover and pending.flags & RECOVERABLE:
        request.recover = True


async def read_stream(broker: Broker, pending: Pending, limit: int, meta_ttl: float) -> None:
    """Read the top position, and what was missed where the client wants to recover: all of it or nothing.

    Args:
        limit: most publications one recovery may return.
        meta_ttl: seconds the channel's position is kept.

    Raises:
        ChannelError: `unrecoverable_position`, where the client asked to be told.
        BrokerError: the broker could not.
    """
    request, channel = pending.request, pending.channel
    if pending.recovers and pending.is_cache:
        await _read_latest(broker, pending, limit, meta_ttl)
        return
    if not pending.recovers:
        pending.position = (await broker.history(channel, HistoryFilter(0), meta_ttl)).position
        return
    try:
        since = StreamPosition(request.offset, request.epoch)
        history = await broker.history(channel, HistoryFilter(limit, since), meta_ttl)
        is_whole = _is_gapless(request, history.publications, history.position)
    except ChannelError:
        history = await broker.history(channel, HistoryFilter(0), meta_ttl)
        is_whole = False
    pending.position = history.position
    if is_whole:
        pending.missed = list(history.publications)
    elif request.flag & REJECT_UNRECOVERED:
        raise ChannelError("unrecoverable_position", f"the stream is at {history.position.offset}")


async def _read_latest(broker: Broker, pending: Pending, limit: int, meta_ttl: float) -> None:
    """Read the latest publication, or the latest that passes the filter.

    It is recovered where it is the stream's top, whatever was missed before it; with nothing to give only a client
    that is at the top already has recovered.
    """
    request, wanted = pending.request, pending.filter
    query = HistoryFilter(1 if wanted is None else limit, reverse=True)
    history = await broker.history(pending.channel, query, meta_ttl)
    pending.position = history.position
    latest = next((one for one in history.publications if wanted is None or wanted.accepts(one)), None)
    if request.offset and (request.offset, request.epoch) == history.position:
        pending.missed = []
    elif latest is not None and history.publications[0].offset == history.position.offset:
        pending.missed = [latest]


def settle(pending: Pending, known: StreamPosition | None) -> StreamPosition | None:
    """Join what was read with what was published meanwhile; return what the subscription starts behind.

    None is a subscription without a position. Called once, right before the subscription enters the hub; `known` is
    how far the stream has come to this instance.

    Raises:
        ChannelError: `conflict`, where the two do not fit: something was lost on the way, or the stream began anew.
    """
    if not pending.flags & STREAM:
        pending.rest = [one for one in pending.buffer if one is not GAP]
        pending.select()
        return None
    top, epoch = pending.position
    came = False
    for one in pending.buffer:
        if one.offset:
            came = True
            if one.offset == top + 1:
                top += 1
                (pending.rest if pending.missed is None else pending.missed).append(one)
            elif one is GAP or one.offset > top:
                raise ChannelError("conflict", f"publications behind offset {top} were lost on their way")
        else:
            pending.rest.append(one)
    if known is not None and (known.offset > top if known.epoch == epoch else came):
        raise ChannelError("conflict", f"history is at {top} of epoch {epoch}, deliveries are at {known.offset}")
    pending.select()
    return StreamPosition(top, epoch)


def _is_gapless(request: SubscribeRequest, found: list[Publication], top: StreamPosition) -> bool:
    if len(found) != top.offset - request.offset:
        return False
    return not found or (found[0].offset == request.offset + 1 and found[-1].offset == top.offset)
