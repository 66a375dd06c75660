"""What is known of one user, connection or attempt, from whatever source, as one timeline. Pure.

A subject grows while sources are read: the line that names an attempt and a connection together makes the one lead to
the other, so that what was said under either is found.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple

from holdfast.codes import CODES

Side = Literal["gateway", "browser"]
MOST_IDS: Final = 10_000
SAME_SECONDS: Final = 2.0
"""How far apart two sources may put one end."""

_ID: Final = re.compile(r"[0-9a-f]{32}")
_LOUD: Final = ("warning", "error", "critical")
_ENDS: Final = ("connection_closed", "connection_refused", "handshake_refused")
_BEFORE: Final = "token_refused"  # says first what the refusal of the same attempt says again
# What happens in the ordinary course: people leave, instances restart, operators act.
FINE: Final = frozenset(
    {"ok", "client_closed", "connection_closed", "shutdown", "draining", "force_reconnect", "unknown_session"}
    | {"rebalanced", "connection_too_old", "sent_away"}
)
# Said in columns of their own, or of the line rather than of what happened.
_TOLD: Final = frozenset(
    {"time", "level", "category", "logger", "event", "instance", "slug", "attempt", "client", "user", "side", "detail"}
    | {"said", "browser", "browser_time", "at"}
)
_MOMENTS: Final = frozenset({"at", "opened_at", "ended_at", "state"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened; `at` is Unix seconds by the gateway's clock, `facts` what else is known of it."""

    at: float
    side: Side
    what: str
    level: str = "info"
    slug: str = ""
    detail: str = ""
    attempt: str = ""
    client: str = ""
    user: str = ""
    instance: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""

    @property
    def is_wrong(self) -> bool:
        """Whether somebody should look at it."""
        if self.slug:
            return self.slug not in FINE and (self.slug not in CODES or CODES[self.slug].kind != "unsubscribe")
        return self.level in _LOUD


class Span(NamedTuple):
    """From when to when somebody asks, in Unix seconds, both included."""

    since: float = 0.0
    until: float = math.inf

    def has(self, at: float) -> bool:
        """Tell whether a moment is in it."""
        return self.since <= at <= self.until


class Subject:
    """Whom is asked for; `ids` are those of attempts and connections that belong together."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.is_id = _ID.fullmatch(text.lower()) is not None
        self.user = text
        self.ids: set[str] = {text.lower()} if self.is_id else set()

    def __str__(self) -> str:
        return f"{'attempt, connection or user' if self.is_id else 'user'} {self.text}"

    def takes(self, line: Mapping[str, Any]) -> bool:
        """Tell whether a line or record is about the subject, and learn the ids in it."""
        found = [one for key in ("attempt", "client") if isinstance(one := line.get(key), str) and one]
        # `sub` is what a refused token says of itself.
        if self.user not in (line.get("user"), line.get("sub")) and self.ids.isdisjoint(found):
            return False
        if len(self.ids) < MOST_IDS:
            self.ids.update(one for one in found if _ID.fullmatch(one))
        return True


def seconds_of(text: object) -> float | None:
    """Return Unix seconds of a line's `time`, None where it is none."""
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def entry_of_line(line: Mapping[str, Any], source: str) -> Entry | None:
    """Return what a log line tells, None for a line without a time."""
    is_browser = line.get("side") == "browser"
    at = seconds_of(line.get("at")) if is_browser else None
    if at is None and (at := seconds_of(line.get("time"))) is None:
        return None
    facts = {key: value for key, value in line.items() if key not in _TOLD}
    said = line.get("browser")
    if is_browser and isinstance(said, Mapping):
        facts = {**said, **facts}
    return Entry(
        at,
        "browser" if is_browser else "gateway",
        _text(line.get("said") if is_browser else line.get("event")),
        level=_text(line.get("level")),
        **{name: _text(line.get(name)) for name in ("slug", "detail", "attempt", "client", "user", "instance")},
        facts=facts,
        source=source,
    )


def entries_of_record(record: Mapping[str, Any], source: str, now: float) -> list[Entry]:
    """Return what a record tells: a refusal, or a beginning and mostly an end; what is in between stands at `now`."""
    names = {name: _text(record.get(name)) for name in ("attempt", "client", "user", "instance")}
    cause = {name: _text(record.get(name)) for name in ("slug", "detail")}
    facts = {key: value for key, value in record.items() if key not in _TOLD | _MOMENTS and value}
    opened, ended, at = (_moment(record.get(name)) for name in ("opened_at", "ended_at", "at"))
    found: list[Entry] = []
    if opened is not None:
        is_live = ended is None and not cause["slug"]
        what = "connection_live" if is_live else "connection_opened"
        found.append(Entry(opened, "gateway", what, **names, facts=facts if is_live else {}, source=source))
        if ended is None and not is_live:
            found.append(Entry(now, "gateway", "connection_ending", **cause, **names, facts=facts, source=source))
    if ended is not None:
        found.append(Entry(ended, "gateway", "connection_closed", **cause, **names, facts=facts, source=source))
    elif opened is None:
        what = "connection_refused" if at is not None else "connection_opening"
        moment = now if at is None else at
        found.append(Entry(moment, "gateway", what, **cause, **names, facts=facts, source=source))
    return found


def merge(logs: Iterable[Sequence[Entry]], remembered: Sequence[Entry]) -> list[Entry]:
    """Return the entries of all log files and of ledgers in order, each once.

    What one file says twice did happen twice; what two files say alike did not, nor an end that is remembered too.
    """
    kept: list[Entry] = []
    most: Counter[tuple[object, ...]] = Counter()
    for entries in logs:
        own: Counter[tuple[object, ...]] = Counter()
        for entry in entries:
            key = _key(entry)
            own[key] += 1
            if own[key] > most[key]:
                most[key] = own[key]
                kept.append(entry)
    ends: dict[str, list[Entry]] = {}
    for entry in kept:
        if entry.what in _ENDS:
            for one in {entry.attempt, entry.client} - {""}:
                ends.setdefault(one, []).append(entry)
    seen: set[tuple[object, ...]] = set()
    for entry in remembered:
        if _key(entry) not in seen and not any(_is_same(entry, one) for one in _ends_of(entry, ends)):
            kept.append(entry)
        seen.add(_key(entry))
    return sorted(kept, key=lambda entry: entry.at)


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something is wrong, how often it was met, and what to do."""

    slug: str
    count: int
    last_at: float
    meaning: str
    remedy: str


def causes_of(entries: Iterable[Entry]) -> list[Cause]:
    """Return the causes of what is wrong in a timeline, the last one met first."""
    met: dict[str, list[float]] = {}
    wrong = [entry for entry in entries if entry.is_wrong and entry.slug]
    told = {(entry.slug, entry.attempt) for entry in wrong if entry.what != _BEFORE and entry.attempt}
    for entry in wrong:
        if entry.what != _BEFORE or (entry.slug, entry.attempt) not in told:
            met.setdefault(entry.slug, []).append(entry.at)
    causes = []
    for slug, moments in met.items():
        code = CODES.get(slug)
        meaning, remedy = (code.meaning, code.remedy) if code else ("A cause that this version does not know.", "")
        causes.append(Cause(slug, len(moments), max(moments), meaning, remedy))
    return sorted(causes, key=lambda cause: -cause.last_at)


def _ends_of(entry: Entry, ends: Mapping[str, list[Entry]]) -> list[Entry]:
    if entry.what not in _ENDS:
        return []
    return [*ends.get(entry.attempt, ()), *ends.get(entry.client, ())]


def _is_same(one: Entry, other: Entry) -> bool:
    return one.slug == other.slug and abs(one.at - other.at) <= SAME_SECONDS


def _key(entry: Entry) -> tuple[object, ...]:
    told = (entry.at, entry.side, entry.what, entry.slug, entry.detail, entry.attempt, entry.client, entry.user)
    return (*told, str(entry.facts))


def _moment(value: object) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return seconds_of(value)


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)
