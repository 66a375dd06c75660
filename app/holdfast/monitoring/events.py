"""What happens to the instance, told to whoever wants to know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from holdfast.settings_monitor import EventKind
from holdfast.telemetry.logs import get_logger

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, at a moment in Unix seconds; `facts` can be written as JSON and hold no secret."""

    kind: EventKind
    at: float
    facts: Mapping[str, object] = field(default_factory=dict)


Subscriber = Callable[[Event], object]


def log_level(event: Event) -> None:
    """Write the log line of a resource's level; of what else happens, whoever does it writes its own."""
    if event.kind == "resource.level":
        facts = dict(event.facts)
        state = facts.pop("level")  # which in a line is how severe the line is
        write = _log.info if state == "ok" else _log.warning
        write("resource_level", state=state, **facts)


class Events:
    """Hands events to subscribers, at once and in order; a subscriber takes no time and its failure is its own.

    Args:
        wall_clock: Unix seconds.
    """

    def __init__(self, wall_clock: Callable[[], float]) -> None:
        self._wall_clock = wall_clock
        self._subscribers: list[Subscriber] = []

    def subscribe(self, subscriber: Subscriber) -> None:
        """Tell `subscriber` of all events to come."""
        self._subscribers.append(subscriber)

    def emit(self, kind: EventKind, /, **facts: object) -> None:
        """Tell everybody that something happened."""
        event = Event(kind, self._wall_clock(), facts)
        for subscriber in self._subscribers:
            try:
                subscriber(event)
            except Exception:  # the boundary of a subscriber: the others must be told all the same
                _log.exception("event_not_taken", kind=kind)
