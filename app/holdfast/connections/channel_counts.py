"""Which channels have subscribers, on all instances together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from fnmatch import fnmatchcase

from holdfast.channels.hub import Hub
from holdfast.connections.bus import Bus, reader
from holdfast.connections.bus_messages import ChannelsQuestion

_read_counts = reader(dict[str, int])


class ChannelCounts:
    """Counts subscribers."""

    def __init__(self, hub: Hub, bus: Bus) -> None:
        self._hub = hub
        self._bus = bus
        bus.answer(ChannelsQuestion, self._on_question)

    async def count(self, pattern: str = "") -> tuple[Mapping[str, int], list[str]]:
        """Return channels that match a glob (all for an empty one) with their subscribers, and who did not answer.

        Raises:
            BrokerError: the other instances cannot be asked.
        """
        here = self._count(pattern)
        if self._bus.is_alone:
            return here, []
        found = await self._bus.survey(ChannelsQuestion(pattern=pattern), _read_counts)
        total = Counter(here)
        for counts in found.answers.values():
            total.update(counts)
        return total, found.silent

    def _count(self, pattern: str) -> dict[str, int]:
        hub = self._hub
        return {name: hub.count(name) for name in hub.channels() if not pattern or fnmatchcase(name, pattern)}

    async def _on_question(self, question: ChannelsQuestion) -> dict[str, int]:
        return self._count(question.pattern)
